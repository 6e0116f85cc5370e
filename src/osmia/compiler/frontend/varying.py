"""Bytes of which the program says how many, when it runs: `data[:n]`, for what copies them at once."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Static
from osmia.compiler.frontend.operators import constant, integer
from osmia.compiler.frontend.places import element_layout
from osmia.compiler.frontend.stores import described, unwrapped
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, OptionalType, PlaceType
from osmia.layout import CharsLayout, spin_locks

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState

U32_HIGH = (1 << 32) - 1


def bytes_of(state: FunctionState, node: ast.expr, role: str) -> tuple[ir.Expression, ir.Expression]:
    """Where the bytes of a value lie, and how many there are: of what lies in memory, `array[:n]`, or constant ones."""
    sliced = _sliced(state, node)
    if sliced is not None:
        return sliced
    value = state.translate.operand(state, node)
    if isinstance(value, Static) and isinstance(value.value, bytes) and value.value:
        of = PlaceType(CharsLayout(len(value.value)))
        return ir.ConstantText(of, state.at(node), value.value), constant(len(value.value), state.at(node))
    if isinstance(value, ir.Expression):
        held = unwrapped(value) if isinstance(value.type, OptionalType) else value
        if isinstance(held.type, PlaceType) and not spin_locks(held.type.layout):
            return held, constant(held.type.layout.size, held.location)
    raise error(
        f"{role} is bytes: something that lies in memory",
        state.at(node),
        found=described(value),
        expected="a struct, an array, chars, a slice of one (`data[:n]`), or constant bytes",
        fix="put the number into a struct, or store it: `place = record.at(u32, offset)`, then `place.value = number`"
        if isinstance(value, ir.Expression) and not isinstance(value.type, OptionalType | PlaceType)
        else "give it one of these",
    )


def _sliced(state: FunctionState, node: ast.expr) -> tuple[ir.Expression, ir.Expression] | None:
    """`array[:n]`, where n is no constant: as many elements as there are, at most."""
    match node:
        case ast.Subscript(value=whole, slice=ast.Slice(lower=None, upper=ast.expr() as end, step=None)):
            pass
        case _:
            return None
    array = state.translate.operand(state, whole)
    found = element_layout(array.type) if isinstance(array, ir.Expression) else None
    if found is None or not isinstance(array, ir.Expression):
        return None
    element, length = found
    place, count = unwrapped(array), state.translate.expression(state, end)
    of = integer(count, "the end of a slice")
    if isinstance(count, ir.Constant):
        return None
    if of.low < 0:
        raise error(
            "the end of a slice is not negative here",
            count.location,
            found=f"a value of type {of}",
            expected="a number that is 0 or more, whatever the way",
            fix="test it before: `if n < 0: return ...`",
        )
    limited = ir.Limited(IntType(min(of.low, length), min(of.high, length)), count.location, count, length)
    if element.size == 1:
        return place, limited
    size = constant(element.size, count.location)
    total = IntType(limited.type.low * element.size, limited.type.high * element.size)
    return place, ir.Binary(total, count.location, "*", limited, size, None)


def unsigned32(value: ir.Expression, role: str, fix: str) -> ir.Expression:
    """A number that a helper takes as u32: what is larger is the largest of these, which no record has."""
    of = integer(value, role)
    if of.low < 0:
        raise error(
            f"{role} is not negative",
            value.location,
            found=f"a value of type {of}" if of.low != of.high else f"the number {of.low}",
            expected="a number that is 0 or more, whatever the way",
            fix=fix,
        )
    if of.high <= U32_HIGH:
        return value
    return ir.Limited(IntType(min(of.low, U32_HIGH), U32_HIGH), value.location, value, U32_HIGH)
