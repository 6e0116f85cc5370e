"""The licence of programs: the module's LICENSE, which is a string."""

from __future__ import annotations

import ast
import linecache
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.location import Location

if TYPE_CHECKING:
    from osmia.compiler import ProgramRequest


def check_license(request: ProgramRequest) -> None:
    """Refuse a LICENSE that an object cannot hold, at the line that gives it."""
    value = request.function.__globals__.get("LICENSE", "GPL")
    if isinstance(value, str) and value and "\0" not in value:
        return
    raise error(
        "a LICENSE is a string",
        _place(request),
        found=f"{type(value).__name__} {value!r}",
        expected="the name of a licence, such as 'GPL' or 'Dual MIT/GPL'",
        fix='write `LICENSE = "GPL"`, or leave it out: programs are GPL unless they say',
    )


def _place(request: ProgramRequest) -> Location:
    """Where the module says it last; the function where that is not to be found."""
    code = request.function.__code__
    try:
        body = ast.parse("".join(linecache.getlines(code.co_filename))).body
    except SyntaxError:  # it has changed since Python read it
        body = []
    for statement in reversed(body):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "LICENSE" for target in targets):
            end = (statement.end_lineno or statement.lineno, (statement.end_col_offset or 0) + 1)
            return Location(code.co_filename, statement.lineno, statement.col_offset + 1, *end)
    return Location(code.co_filename, code.co_firstlineno, 1, code.co_firstlineno, 1)
