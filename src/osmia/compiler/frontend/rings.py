"""Ring buffers in kernel code: `with ring.reserve() as event:`, `ring.discard(event)`, `ring.output(event)`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.abi.generated.flags import BPF_F_CURRENT_CPU
from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Static
from osmia.compiler.frontend.helper_calls import check_allowed, kind_of
from osmia.compiler.frontend.images import struct_image
from osmia.compiler.frontend.operators import constant
from osmia.compiler.frontend.stores import aggregate
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import I64_HIGH, I64_LOW, IntType, OptionalType, PlaceType, integer_of
from osmia.layout import CharsLayout, StructLayout, layout_of
from osmia.maps.ring import RingBuf

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location


def reserved_ring(state: FunctionState, item: ast.withitem) -> tuple[Static, ast.Call] | None:
    """The ring of `ring.reserve(...)`, if that is what a block takes."""
    call = item.context_expr
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "reserve":
        return None
    base = state.translate.operand(state, call.func.value)
    return (base, call) if isinstance(base, Static) and isinstance(base.value, RingBuf) else None


def reserved(
    state: FunctionState, ring: Static, call: ast.Call, item: ast.withitem, body: list[ast.stmt]
) -> tuple[ir.Statement, ...]:
    """`with ring.reserve() as event:`: submitted on every way out, discarded on the error edge."""
    location = state.at(call)
    map_ = state.unit.map_reference(ring)
    _check_event(state, map_, call)
    target = item.optional_vars
    if not isinstance(target, ast.Name):
        raise error(
            "a reservation has a name",
            location,
            found=ast.unparse(item),
            expected=f"`with {map_.symbol}.reserve() as event:`",
            fix="name it: nothing could be written otherwise",
        )
    of = PlaceType(map_.value)
    held = state.hidden(OptionalType(of))
    here = ir.LocalRead(held.type, location, held)
    there = ir.Unwrap(of, location, here)
    size, flags = constant(map_.value.size, location), constant(0, location)
    take = ir.HelperCall(held.type, location, helpers()["ringbuf_reserve"], (map_, size, flags))
    start = ir.Fill(location, there, _start(map_))
    name = state.assign(target.id, held.type, state.at(target))
    state.program.reservations.append((map_, held, name))
    inside = state.translate.block(state, body)
    state.program.reservations.pop()
    return (
        ir.Assign(location, held, take),
        _if_there(here, (start,), location),
        ir.Assign(state.at(target), name, here),
        ir.Scope(
            location,
            inside,
            (_if_there(here, (_given("ringbuf_submit", there, location),), location),),
            (_if_there(here, (_given("ringbuf_discard", there, location),), location),),
        ),
    )


def _check_event(state: FunctionState, map_: ir.MapReference, call: ast.Call) -> None:
    """`reserve()` and `reserve(Event)` mean the same."""
    said = state.translate.operand(state, call.args[0]) if len(call.args) == 1 and not call.keywords else None
    if not call.args and not call.keywords:
        return
    if isinstance(said, Static) and layout_of(said.value) == map_.value:
        return
    raise error(
        f"{map_.symbol} holds events of type {map_.value.name}",
        state.at(call),
        found=ast.unparse(call),
        expected=f"{map_.symbol}.reserve()",
        fix="leave the type out, or declare a ring for events of the other type",
    )


def _start(map_: ir.MapReference) -> bytes:
    """What a new event holds: its fields' defaults, and zeros."""
    if not isinstance(map_.value, StructLayout) or map_.value.union:
        return bytes(map_.value.size)
    defaults = {field.name: field.default for field in map_.value.fields if field.default is not None}
    image = struct_image(map_.value, defaults)
    assert image is not None
    return image


def _if_there(here: ir.LocalRead, then: tuple[ir.Statement, ...], location: Location) -> ir.Statement:
    return ir.If(location, ir.IsNone(ir.BOOL, location, here), (), then)


def _given(helper: str, event: ir.Expression, location: Location) -> ir.Statement:
    return ir.Evaluate(location, ir.HelperCall(ir.NONE, location, helpers()[helper], (event, constant(0, location))))


def discard(state: FunctionState, ring: Static, node: ast.Call) -> tuple[ir.Statement, ...]:
    """`ring.discard(event)`: the event is given up, and its name with it."""
    location = state.at(node)
    map_ = state.unit.map_reference(ring)
    event = state.translate.expression(state, node.args[0]) if len(node.args) == 1 and not node.keywords else None
    for known, held, name in reversed(state.program.reservations):
        if known is map_ and isinstance(event, ir.LocalRead) and event.local is name:
            here = ir.LocalRead(held.type, location, held)
            assert isinstance(held.type, OptionalType)
            there = ir.Unwrap(held.type.of, location, here)
            nothing = ir.Constant(ir.NONE, location, 0)
            state.environment.assign(name, held.type)
            return (
                _if_there(here, (_given("ringbuf_discard", there, location),), location),
                ir.Assign(location, held, nothing),
                ir.Assign(location, name, nothing),
            )
    raise error(
        f"{map_.symbol} gives up the event that was reserved",
        location,
        found=ast.unparse(node),
        expected=f"{map_.symbol}.discard(event) inside of `with {map_.symbol}.reserve() as event:`",
        fix="name that event",
    )


def output(state: FunctionState, ring: Static, node: ast.Call) -> ir.Expression:
    """`ring.output(event)`: a copy of the event is written; 0 or a negative error number."""
    map_, data, flags = _output_arguments(state, ring, node, 0)
    return ir.HelperCall(
        IntType(I64_LOW, I64_HIGH),
        state.at(node),
        helpers()["ringbuf_output"],
        (map_, data, constant(_size(data), data.location), flags),
    )


def perf_output(state: FunctionState, array: Static, node: ast.Call) -> ir.Expression:
    """`samples.output(event)`: into the buffer of this CPU's perf event; 0 or a negative error number."""
    location, row = state.at(node), helpers()["perf_event_output"]
    check_allowed(row, kind_of(state), location)
    map_, data, flags = _output_arguments(state, array, node, BPF_F_CURRENT_CPU)
    context = ir.LocalRead(state.context.type, location, state.context)
    size = constant(_size(data), location)
    return ir.HelperCall(IntType(I64_LOW, I64_HIGH), location, row, (context, map_, flags, data, size))


def _output_arguments(
    state: FunctionState, ring: Static, node: ast.Call, flags: int
) -> tuple[ir.MapReference, ir.Expression, ir.Expression]:
    """The map, the event, and the flags of an `output`."""
    location = state.at(node)
    map_ = state.unit.map_reference(ring)
    if not 1 <= len(node.args) <= 2 or node.keywords:
        raise error(
            f"output takes (event, flags={'0' if flags == 0 else 'BPF_F_CURRENT_CPU'}), by position",
            location,
            found=ast.unparse(node),
            expected=f"{map_.symbol}.output(event)",
            fix="write the arguments in that order",
        )
    value = state.translate.operand(state, node.args[0])
    if isinstance(value, Static) and isinstance(value.value, bytes) and value.value:
        data: ir.Expression = ir.ConstantText(PlaceType(CharsLayout(len(value.value))), location, value.value)
    else:
        data = aggregate(state, value, map_.value, f"an event of {map_.symbol}", location)
    given = state.translate.expression(state, node.args[1]) if len(node.args) > 1 else constant(flags, location)
    if integer_of(given.type) is None:
        raise error("flags are an integer", given.location, found=str(given.type), expected="an integer", fix="use 0")
    return map_, data, given


def _size(data: ir.Expression) -> int:
    assert isinstance(data.type, PlaceType)
    return data.type.layout.size
