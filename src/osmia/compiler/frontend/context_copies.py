"""Texts and arrays of a tracepoint: each time they are named, a copy in the program's own memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi.helpers import helpers
from osmia.compiler.frontend.helper_calls import check_kind, kind_of
from osmia.compiler.frontend.operators import constant
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, PlaceType, storage_type
from osmia.layout import ArrayLayout, CharsLayout, Field, IntegerLayout
from osmia.types import INTEGERS

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location
    from osmia.contexts.fields import ContextField

PLACE = 0xFFFF
"""The bits of a data_loc that say where the text lies; those above say how long it is."""
U32, U64 = (next(of for of in INTEGERS if of.__name__ == name) for name in ("u32", "u64"))
STATUS = IntType(-4095, (1 << 31) - 1)


def copied(state: FunctionState, field: ContextField, name: str, location: Location) -> ir.Expression:
    """What a field holds that is no number, as a place."""
    if field.form == "elements":
        return _array(field, name, location)
    return _text(state, field, name, location)


def _array(field: ContextField, name: str, location: Location) -> ir.Construct:
    of = next(each for each in INTEGERS if (each.bits, each.signed) == (field.bits, field.signed))
    element, step = IntegerLayout(of), field.bits // 8
    values = []
    for index in range(field.length):
        read = ir.ContextRead(storage_type(of), location, f"{name}[{index}]", field.offset + step * index, field.bits)
        values.append((Field(f"[{index}]", element, step * index, field.bits * index, None, None), read))
    layout = ArrayLayout(element, field.length)
    return ir.Construct(PlaceType(layout), location, bytes(layout.size), tuple(values))


def _text(state: FunctionState, field: ContextField, name: str, location: Location) -> ir.Sequence:
    """Zeros, and in them the text up to its first zero: what the kernel left behind it would tell equal keys apart."""
    row = helpers()["probe_read_kernel_str"]
    check_kind(row, kind_of(state), location)
    # The helper ends what it copies with a zero. One byte more, and a text without one keeps its last letter.
    room = field.length + (field.form == "chars")
    make, whole = state.kept(ir.Construct(PlaceType(CharsLayout(room)), location, bytes(room), ()), location)
    address = _address(state, field, name, location)
    call = ir.HelperCall(STATUS, location, row, (whole, constant(room, location), address))
    of = PlaceType(CharsLayout(field.length))
    text = ir.Field(of, location, whole, Field(name, of.layout, 0, 0, None, None))
    return ir.Sequence(of, location, (make, ir.Evaluate(location, call)), text)


def _address(state: FunctionState, field: ContextField, name: str, location: Location) -> ir.Expression:
    """Where the text lies."""
    whole = storage_type(U64)
    assert isinstance(whole, IntType)
    record = ir.Address(whole, location, ir.LocalRead(state.context.type, location, state.context))
    distance: ir.Expression = constant(field.offset, location)
    if field.form == "data_loc":
        place = ir.ContextRead(storage_type(U32), location, name, field.offset, 32)
        distance = ir.Binary(IntType(0, PLACE), location, "&", place, constant(PLACE, location), None)
    return ir.Binary(whole, location, "+", record, distance, None)
