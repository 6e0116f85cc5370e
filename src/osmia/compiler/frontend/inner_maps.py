"""Maps that kernel code works on: those that it names, and those that it has found in maps of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.frontend.function import Static
from osmia.compiler.frontend.stores import unwrapped
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import InnerMapType, OptionalType
from osmia.maps.declaration import Map

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand


def map_of(state: FunctionState, of: Operand | None) -> ir.MapReference | None:
    """The map that an operand is; None for what is none."""
    if isinstance(of, Static) and isinstance(of.value, Map):
        return state.unit.map_reference(of)
    if not isinstance(of, ir.Expression):
        return None
    held = of.type.of if isinstance(of.type, OptionalType) else of.type
    if not isinstance(held, InnerMapType):
        return None
    like = held.map
    return ir.MapReference(like.symbol, like.declaration, like.key, like.value, found=unwrapped(of))
