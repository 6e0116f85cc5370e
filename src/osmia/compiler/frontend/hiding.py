"""Locals that would hide a setting, a Global or a map of their module: legal Python that nobody means."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.fingerprint import declared, describe
from osmia.maps.declaration import Map
from osmia.maps.globals import Global
from osmia.maps.settings import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from osmia.compiler.frontend.function import FunctionState

    Declaration = Setting | Global[Any] | Map[Any, Any]


def check_hiding(state: FunctionState, definition: ast.FunctionDef | ast.Lambda) -> None:
    """Refuse a function that assigns the name of one of its module's declarations; a parameter may have such a name.

    Python would make it a local: `limit = 6` beside the setting `limit` would change nothing but itself. What makes it
    one and is no construct of kernel code, such as `del counts` or `import counts`, is refused as that construct is.
    """
    arguments = definition.args
    parameters = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    for name in sorted(state.own - parameters):
        found = declared(state.source.function, name)
        state.unit.reads["declared", state.path, name] = describe(found)
        node = next(_assignments(definition, name), None)
        if node is not None and isinstance(found, Setting | Global | Map):
            raise _hides(state, node, name, found)


def _hides(
    state: FunctionState, node: ast.expr | ast.stmt | ast.pattern, name: str, declaration: Declaration
) -> Exception:
    kind, instead = _meant(name, declaration)
    file, line = declaration.declared_at
    return error(
        f"{name!r} is {kind} of the module, and an assignment would make a local of it",
        state.at(node),
        found=f"the local {name!r}, which hides {kind}",
        expected="a name of its own for each local",
        fix=f"{instead}, or use another name",
        related=(f"{name!r} is declared at {file}:{line}",),
    )


def _meant(name: str, declaration: Declaration) -> tuple[str, str]:
    """What it is, and what to write to change it."""
    if isinstance(declaration, Setting):
        return "a setting", "keep what programs change in a Global: settings are given when a program is loaded"
    if isinstance(declaration, Global):
        return "a Global", f"write `{name}.value` for what it holds"
    return "a map", "call the map's methods to change what is in it"


def _assignments(definition: ast.FunctionDef | ast.Lambda, name: str) -> Iterator[ast.expr | ast.stmt | ast.pattern]:
    """The places that make the name a local, in the order of the source."""
    found = [
        part
        for part in ast.walk(definition)
        if (isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Store))
        or (isinstance(part, ast.MatchAs | ast.FunctionDef) and part.name == name and part is not definition)
    ]
    yield from sorted(found, key=lambda part: (part.lineno, part.col_offset))
