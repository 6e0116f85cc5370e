"""Global variables and settings in kernel code: `total.value += 1`, `if udp.target == PORT:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import PlaceType, loaded_type
from osmia.layout import layout_of
from osmia.maps.globals import Global, Variable
from osmia.maps.settings import Setting

if TYPE_CHECKING:
    from typing import Any

    from osmia.compiler.fingerprint import Path
    from osmia.compiler.frontend.function import FunctionState, Static
    from osmia.compiler.location import Location
    from osmia.layout import Layout


def global_place(state: FunctionState, static: Static, name: str, location: Location) -> ir.Expression:
    """The place of a `Global`, whose one attribute in kernel code is `.value`."""
    declaration = static.value
    if not isinstance(declaration, Global):
        what = type(declaration).__name__
        raise error(
            f"kernel code only adds to a {what}",
            location,
            found=f".{name} of a {what}",
            expected="`.add(1)`",
            fix=f"write `.add(n)`; user code reads `.{name}`" if name == "value" else "write `.add(n)`",
        )
    if name != "value":
        raise error(
            f"a Global has no {name!r} in kernel code",
            location,
            found=f".{name} of a Global",
            expected="`.value`",
            fix="write `.value` for what it holds",
        )
    state.unit.know_structs(declaration.layout, ("layout", static.path))
    return variable_place(state, static, location)


def variable_place(
    state: FunctionState, static: Static, location: Location, layout: Layout | None = None
) -> ir.Expression:
    """Where a variable lies; or what lies at its start, where a `layout` is given."""
    declaration = static.value
    assert isinstance(declaration, Variable)
    symbol = _symbol(declaration, static, state.unit.globals, state.unit.global_paths)
    return ir.GlobalPlace(PlaceType(layout or declaration.layout), location, symbol, declaration)


def setting_read(state: FunctionState, static: Static) -> ir.Expression:
    """What a setting is where the program is loaded."""
    declaration = static.value
    assert isinstance(declaration, Setting)
    symbol = _symbol(declaration, static, state.unit.settings, state.unit.setting_paths)
    layout = layout_of(declaration.of)
    assert layout is not None
    return ir.SettingRead(loaded_type(layout), static.location, symbol, declaration)


def _symbol(declaration: Any, static: Static, known: dict[str, Any], paths: dict[str, Path]) -> str:
    """A declaration's symbol: its own name, or else its variable's."""
    own = declaration.variable if isinstance(declaration, Setting) else declaration.name
    symbol = own or str(static.path[-1])
    other = known.setdefault(symbol, declaration)
    if other is not declaration:
        raise error(
            f"two variables are called {symbol!r}",
            static.location,
            found=f"a second one, declared at {declaration.declared_at[0]}:{declaration.declared_at[1]}",
            expected="one name for each of what is loaded together",
            fix="give one of them another name=",
            related=(f"the other one is declared at {other.declared_at[0]}:{other.declared_at[1]}",),
        )
    declaration.take_name(symbol)
    paths[symbol] = static.path
    return symbol
