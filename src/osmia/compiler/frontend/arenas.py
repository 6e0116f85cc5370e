"""What kernel code does with an arena: `arena.at(type, offset)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.operators import integer
from osmia.compiler.frontend.packets import at_arguments, at_layout
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import OptionalType, PlaceType
from osmia.maps.arena import PAGE

if TYPE_CHECKING:
    import ast

    from osmia.compiler.frontend.function import FunctionState


def arena_at(state: FunctionState, map_: ir.MapReference, node: ast.Call) -> ir.Expression:
    """`arena.at(type, offset)`: what lies there, in place, or None."""
    kind, where = at_arguments(state, node)
    layout = at_layout(state, kind, "the arena")
    offset = state.translate.expression(state, where)
    inside = integer(offset, "the offset")
    size = map_.declaration.max_entries * PAGE
    if inside.high < 0 or inside.low > size - layout.size:
        raise error(
            "nothing in the arena lies there",
            offset.location,
            found=f"the offset {inside.low}" if inside.low == inside.high else f"an offset of type {inside}",
            expected=f"0 to {size - layout.size}: {map_.symbol} has {size} bytes, and {layout.name} has {layout.size}",
            fix="use an offset inside of the arena, or give it more pages",
        )
    if isinstance(offset, ir.Constant) and offset.value % layout.alignment:
        raise error(
            "nothing of that type lies there",
            offset.location,
            found=f"the offset {offset.value}",
            expected=f"a multiple of {layout.alignment}, the alignment of {layout.name}",
            fix="use such an offset",
        )
    return ir.ArenaAt(OptionalType(PlaceType(layout)), state.at(node), map_, offset)
