"""Ring buffers in kernel code: `with ring.reserve() as event:`, `ring.discard(event)`, `ring.output(event)`.

What could not be written is counted, in a variable of the ring's own.
"""

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
from osmia.compiler.frontend.stores import aggregate, check_scalar, scalar
from osmia.compiler.frontend.variables import variable_place
from osmia.compiler.frontend.varying import bytes_of
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import (
    I64_HIGH,
    I64_LOW,
    IntType,
    OptionalType,
    PlaceType,
    integer_of,
    is_scalar,
    storage_type,
)
from osmia.layout import CharsLayout, StructLayout, layout_of
from osmia.maps.fast_ring import FastRing
from osmia.maps.losses import COUNT
from osmia.maps.ring import RingBuf

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.location import Location
    from osmia.layout import Layout


def reserved_ring(state: FunctionState, item: ast.withitem) -> tuple[Static, ast.Call] | None:
    """The ring of `ring.reserve(...)`, if that is what a block takes."""
    call = item.context_expr
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "reserve":
        return None
    base = state.translate.operand(state, call.func.value)
    return (base, call) if isinstance(base, Static) and isinstance(base.value, RingBuf | FastRing) else None


def reserved(
    state: FunctionState, ring: Static, call: ast.Call, item: ast.withitem, body: list[ast.stmt]
) -> tuple[ir.Statement, ...]:
    """`with ring.reserve() as event:`: submitted on every way out, discarded on the error edge."""
    location = state.at(call)
    map_ = state.unit.map_reference(ring)
    if map_.declaration.value is bytes:
        raise error(
            f"the records of {map_.symbol} have no length of their own",
            location,
            found=ast.unparse(call),
            expected=f"`with {map_.symbol}.reserve_bytes(length) as record:`",
            fix="say how many bytes it has",
        )
    given = _reserve_flags(state, map_, call)
    target = target_of(map_, item, location)
    of = PlaceType(map_.value)
    held = state.hidden(OptionalType(of))
    here = ir.LocalRead(held.type, location, held)
    there = ir.Unwrap(of, location, here)
    size, flags = constant(map_.value.size, location), constant(0, location)
    take = ir.HelperCall(held.type, location, helpers()["ringbuf_reserve"], (map_, size, flags))
    start = ir.Fill(location, there, image_of_event(map_.value))
    keep, said = state.kept(given) if not isinstance(given, ir.Constant) else (None, given)
    name = state.assign(target.id, held.type, state.at(target))
    give_up = _given("ringbuf_discard", there, constant(0, location))
    state.program.reservations.append((map_, held, name, (give_up,), state.call))
    before, inside = _with_losses(lost(state, ring, map_, location), name, state.translate.block(state, body))
    state.program.reservations.pop()
    return (
        *([keep] if keep is not None else []),
        ir.Assign(location, held, take),
        ir.If(location, ir.IsNone(ir.BOOL, location, here), before, (start,)),
        ir.Assign(state.at(target), name, here),
        ir.Scope(
            location,
            inside,
            (if_there(here, (_given("ringbuf_submit", there, said),), location),),
            (if_there(here, (_given("ringbuf_discard", there, said),), location),),
        ),
    )


def _with_losses(
    count: ir.Statement, name: ir.Local, inside: tuple[ir.Statement, ...]
) -> tuple[tuple[ir.Statement, ...], tuple[ir.Statement, ...]]:
    """What comes before the block, and the block: a loss is counted where the block begins with the test for None.

    A test of the compiler's own before it would be one more, which LLVM does not make one of the two.
    """
    match inside:
        case (ir.If(test=ir.IsNone(operand=ir.LocalRead(local=local))) as first, *rest) if local is name:
            return (), (ir.If(first.location, first.test, (count, *first.then), first.otherwise), *rest)
        case (ir.If(test=ir.Not(operand=ir.IsNone(operand=ir.LocalRead(local=local)))) as first, *rest) if (
            local is name
        ):
            return (), (ir.If(first.location, first.test, first.then, (count, *first.otherwise)), *rest)
        case _:
            return (count,), inside


def target_of(map_: ir.MapReference, item: ast.withitem, location: Location) -> ast.Name:
    """The name of a reserved event."""
    target = item.optional_vars
    if isinstance(target, ast.Name):
        return target
    raise error(
        "a reservation has a name",
        location,
        found=ast.unparse(item),
        expected=f"`with {map_.symbol}.reserve() as event:`",
        fix="name it: nothing could be written otherwise",
    )


def lost(state: FunctionState, ring: Static, map_: ir.MapReference, location: Location) -> ir.Statement:
    """Count one event more that a ring had no room for: what could not be written must not be silent."""
    losses = map_.declaration.losses
    assert losses is not None
    map_.declaration.take_name(map_.symbol)
    place = variable_place(state, Static(losses, ("losses", ring.path), location), location, COUNT)
    return ir.Evaluate(
        location, ir.Atomic(storage_type(COUNT.of), location, "add", place, (constant(1, location),), fetch=False)
    )


def _counted(state: FunctionState, ring: Static, map_: ir.MapReference, call: ir.HelperCall) -> ir.Expression:
    """What an output gives, which is negative where nothing was written."""
    location = call.location
    assign, given = state.kept(call)
    failed = ir.Compare(ir.BOOL, location, ("<",), (given, constant(0, location)))
    count = ir.If(location, failed, (lost(state, ring, map_, location),), ())
    return ir.Sequence(call.type, location, (assign, count), given)


def _reserve_flags(state: FunctionState, map_: ir.MapReference, call: ast.Call) -> ir.Expression:
    """The flags of `reserve(Event, flags)`: both may be left out, the type may be None."""
    none = constant(0, state.at(call))
    if not call.args and not call.keywords:
        return none
    if not call.keywords and 1 <= len(call.args) <= 2:
        said = state.translate.operand(state, call.args[0])
        if isinstance(said, Static) and (said.value is None or layout_of(said.value) == map_.value):
            return none if len(call.args) == 1 else _flags(state.translate.expression(state, call.args[1]))
    raise other_event(map_, map_.value, state.at(call), call)


def other_event(map_: ir.MapReference, event: Layout, location: Location, call: ast.Call) -> Exception:
    """What is raised for a reservation of something else than the ring's events."""
    return error(
        f"{map_.symbol} holds events of type {event.name}",
        location,
        found=ast.unparse(call),
        expected=f"{map_.symbol}.reserve()",
        fix="leave the type out, or declare a ring for events of the other type",
    )


def image_of_event(event: Layout) -> bytes:
    """What a new event holds: its fields' defaults, and zeros."""
    if not isinstance(event, StructLayout) or event.union:
        return bytes(event.size)
    defaults = {field.name: field.default for field in event.fields if field.default is not None}
    image = struct_image(event, defaults)
    assert image is not None
    return image


def if_there(here: ir.LocalRead, then: tuple[ir.Statement, ...], location: Location) -> ir.Statement:
    """What is done with an event unless it is None."""
    return ir.If(location, ir.IsNone(ir.BOOL, location, here), (), then)


def _given(helper: str, event: ir.Expression, flags: ir.Expression) -> ir.Statement:
    location = event.location
    return ir.Evaluate(location, ir.HelperCall(ir.NONE, location, helpers()[helper], (event, flags)))


def _flags(given: ir.Expression) -> ir.Expression:
    if integer_of(given.type) is None:
        raise error("flags are an integer", given.location, found=str(given.type), expected="an integer", fix="use 0")
    return given


def discard(state: FunctionState, ring: Static, node: ast.Call) -> tuple[ir.Statement, ...]:
    """`ring.discard(event)`: the event is given up, and its name with it."""
    location = state.at(node)
    map_ = state.unit.map_reference(ring)
    event = state.translate.expression(state, node.args[0]) if len(node.args) == 1 and not node.keywords else None
    for known, held, name, give_up, call in reversed(state.program.reservations):
        if known is map_ and isinstance(event, ir.LocalRead) and event.local is name:
            if call is not state.call:
                raise elsewhere(map_, name, "event", location)
            here = ir.LocalRead(held.type, location, held)
            nothing = ir.Constant(ir.NONE, location, 0)
            state.environment.assign(name, held.type)
            return (
                if_there(here, give_up, location),
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


def elsewhere(map_: ir.MapReference, name: ir.Local, what: str, location: Location) -> Exception:
    """What is said of an event, or a record, that another function gives up than the one that reserved it."""
    article = "an" if what == "event" else "a"
    return error(
        f"{article} {what} is given up by the function that reserved it",
        location,
        found="a discard in another function",
        expected=f"`{map_.symbol}.discard({name.name})` in the block itself",
        fix=f"return what decides it, and discard the {what} there",
    )


def output(state: FunctionState, ring: Static, node: ast.Call) -> ir.Expression:
    """`ring.output(event)`: a copy of the event is written; 0 or a negative error number."""
    map_, data, size, flags = _output_arguments(state, ring, node, 0)
    of, row = IntType(I64_LOW, I64_HIGH), helpers()["ringbuf_output"]
    return _counted(state, ring, map_, ir.HelperCall(of, state.at(node), row, (map_, data, size, flags)))


def perf_output(state: FunctionState, array: Static, node: ast.Call) -> ir.Expression:
    """`samples.output(event)`: into the buffer of this CPU's perf event; 0 or a negative error number."""
    location, row = state.at(node), helpers()["perf_event_output"]
    check_allowed(row, kind_of(state), location)
    map_, data, size, flags = _output_arguments(state, array, node, BPF_F_CURRENT_CPU)
    context = ir.LocalRead(state.context.type, location, state.context)
    call = ir.HelperCall(IntType(I64_LOW, I64_HIGH), location, row, (context, map_, flags, data, size))
    return _counted(state, array, map_, call)


def _output_arguments(
    state: FunctionState, ring: Static, node: ast.Call, flags: int
) -> tuple[ir.MapReference, ir.Expression, ir.Expression, ir.Expression]:
    """The map, where the event lies and how many bytes it has, and the flags of an `output`."""
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
    data, size = _data(state, map_, node.args[0], location)
    given = state.translate.expression(state, node.args[1]) if len(node.args) > 1 else constant(flags, location)
    return map_, data, size, _flags(given)


def _data(
    state: FunctionState, map_: ir.MapReference, node: ast.expr, location: Location
) -> tuple[ir.Expression, ir.Expression]:
    """Where an event lies, and how many bytes it has."""
    if map_.declaration.value is bytes:
        return bytes_of(state, node, f"an event of {map_.symbol}")
    data = copied_event(state, map_, map_.value, state.translate.operand(state, node), location)
    return data, constant(map_.value.size, location)


def copied_event(
    state: FunctionState, map_: ir.MapReference, of: Layout, value: Operand, location: Location
) -> ir.Expression:
    """An event in memory, to be copied."""
    role = f"an event of {map_.symbol}"
    if isinstance(value, Static) and isinstance(value.value, bytes) and value.value:
        if len(value.value) != of.size:
            raise error(
                f"{role} has {of.size} bytes ({of.name})",
                value.location,
                found=f"{len(value.value)} bytes",
                expected=f"{of.size} bytes",
                fix="write all of it: who reads it could not tell what it is",
            )
        return ir.ConstantText(PlaceType(CharsLayout(len(value.value))), location, value.value)
    if not is_scalar(of) or (isinstance(value, Static) and not isinstance(value.value, int)):
        return aggregate(state, value, of, role, location)
    number = scalar(value, role, of)
    check_scalar(number, of, role)
    assign, here = state.kept(ir.Construct(PlaceType(of), location, bytes(of.size), ()))
    return ir.Sequence(here.type, location, (assign, ir.Store(location, here, number)), here)
