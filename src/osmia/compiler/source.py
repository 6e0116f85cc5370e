"""Where a function's source is: its file parsed whole, so that every position is the file's own."""

from __future__ import annotations

import ast
import linecache
import warnings
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.location import Location
from osmia.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator


_REWRITTEN = "@pytest_ar"
"""What functions refer to whose assertions pytest has rewritten, in test modules and in packages with a plugin."""


@record
class FunctionSource:
    """A function's definition in its file."""

    function: FunctionType
    definition: ast.FunctionDef
    file: ir.SourceFile
    lines: tuple[str, ...]

    def location(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword | ast.pattern) -> Location:
        """The place of a node. Python counts columns in UTF-8 bytes from 0; places count characters from 1."""
        end_line = node.end_lineno or node.lineno
        end_offset = node.end_col_offset if node.end_col_offset is not None else node.col_offset
        return Location(
            self.file.path,
            node.lineno,
            self._column(node.lineno, node.col_offset),
            end_line,
            self._column(end_line, end_offset),
        )

    def header(self) -> Location:
        """The place of the function's name."""
        line = self.lines[self.definition.lineno - 1]
        column = line.find(self.definition.name, self._column(self.definition.lineno, 0)) + 1 or 1
        return Location(
            self.file.path, self.definition.lineno, column, self.definition.lineno, column + len(self.definition.name)
        )

    def _column(self, line: int, offset: int) -> int:
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return len(text.encode()[:offset].decode(errors="ignore")) + 1


def function_source(function: FunctionType) -> FunctionSource:
    """Find and parse the source of `function`.

    Raises CompileError where there is no source, where the function is a lambda, or where the file has changed since
    Python read it (line numbers and text would then be those of another program).
    """
    code = function.__code__
    place = Location(code.co_filename, code.co_firstlineno, 1, code.co_firstlineno, 1)
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise error(
            f"the source of {function.__qualname__} is not to be had",
            place,
            found=f"no file {code.co_filename}",
            expected="a function that stands in a file (or in a notebook or console that keeps its source)",
            fix="put the program into a .py file",
        )
    text = "".join(lines)
    try:
        tree = ast.parse(text)
    except SyntaxError as problem:
        raise _changed(function, place, f"it no longer parses: {problem.msg}") from None
    if function.__name__ == "<lambda>":
        raise error(
            "a lambda cannot be a function of its own",
            place,
            found="a lambda, which has no annotations",
            expected="a function that says what it takes and gives",
            fix="write it as `def name(...):`, with annotations",
        )
    definition = _find(tree, code)
    if definition is None or not _same_code(text, code):
        raise _changed(function, place, "the function there is another one now")
    file = ir.SourceFile(code.co_filename, _relative(function), text)
    return FunctionSource(function, definition, file, tuple(text.splitlines()))


def _changed(function: FunctionType, place: Location, how: str) -> Exception:
    return error(
        f"{place.file} has changed since Python read {function.__qualname__}",
        place,
        found=how,
        expected="the source that is running",
        fix="start the program again (or reload the module)",
    )


def _find(tree: ast.Module, code: CodeType) -> ast.FunctionDef | None:
    """The definition whose first line (its first decorator's, if it has one) is the code object's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
            if first == code.co_firstlineno:
                return node
    return None


def _same_code(text: str, code: CodeType) -> bool:
    """Whether the source, compiled now, still has this very function."""
    tree = ast.parse(text)
    if _REWRITTEN in code.co_names:
        from _pytest.assertion.rewrite import rewrite_asserts

        rewrite_asserts(tree, text.encode(), code.co_filename)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # Python gave them when it compiled the file
        compiled = compile(tree, code.co_filename, "exec", dont_inherit=True)
    return any(_equal(candidate, code) for candidate in _code_objects(compiled))


def _code_objects(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _code_objects(constant)


def _equal(one: CodeType, other: CodeType) -> bool:
    if (one.co_name, one.co_firstlineno) != (other.co_name, other.co_firstlineno):
        return False
    plain = [[c for c in code.co_consts if not isinstance(c, CodeType)] for code in (one, other)]
    return (one.co_code, one.co_names, one.co_varnames, repr(plain[0])) == (
        other.co_code,
        other.co_names,
        other.co_varnames,
        repr(plain[1]),
    )


def _relative(function: FunctionType) -> str:
    """The file's name below its top-level package, so that an object is the same wherever it is built."""
    parts = code_path(function.__code__.co_filename)
    depth = function.__module__.count(".") + 1 if "." in function.__module__ else 1
    return "/".join(parts[-depth:])


def code_path(filename: str) -> list[str]:
    """The parts of a path; a name in angle brackets (`<stdin>`) is one part."""
    return [filename] if filename.startswith("<") else filename.replace("\\", "/").split("/")
