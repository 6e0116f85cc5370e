"""Records of a length that the program says: `with ring.reserve_bytes(length) as record:`, and what is done with one.

The kernel's dynptr of such a record lies on the stack, in 16 bytes that the verifier follows by their place. So the
block has a node for that place; the record's name refers to it, or is None where the ring had no room. The kernel wants
the dynptr back in any case.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.frontend.function import ReservedRecord, Static
from osmia.compiler.frontend.helper_calls import check_kind, kind_of
from osmia.compiler.frontend.loops import settled
from osmia.compiler.frontend.operators import constant, integer
from osmia.compiler.frontend.packets import at_arguments, at_layout
from osmia.compiler.frontend.rings import elsewhere, lost
from osmia.compiler.frontend.stores import unwrapped
from osmia.compiler.frontend.varying import bytes_of, unsigned32
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, ObjectType, OptionalType, PlaceType
from osmia.layout import CharsLayout
from osmia.maps.ring import RingBuf

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location

DYNPTR = ObjectType("bpf_dynptr")
RECORD = OptionalType(DYNPTR)
STATUS = IntType(-4095, 0)
METHODS = ("write", "at")
OUTSIDE = "the record is too short"
# A record has a header of 8 bytes, and the kernel never fills a ring to the end.
KEPT = 16
ZEROS = 4096


def reserved_bytes(state: FunctionState, item: ast.withitem) -> tuple[Static, ast.Call] | None:
    """The ring of `ring.reserve_bytes(...)`, if that is what a block takes."""
    call = item.context_expr
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "reserve_bytes":
        return None
    base = state.translate.operand(state, call.func.value)
    return (base, call) if isinstance(base, Static) and isinstance(base.value, RingBuf) else None


def record_block(
    state: FunctionState, ring: Static, call: ast.Call, item: ast.withitem, body: list[ast.stmt]
) -> tuple[ir.Statement, ...]:
    """`with ring.reserve_bytes(length) as record:`: submitted on every way out, discarded on the error edge."""
    location, row = state.at(call), helpers()["ringbuf_reserve_dynptr"]
    check_kind(row, kind_of(state), location)
    map_ = state.unit.map_reference(ring)
    target = item.optional_vars
    if not isinstance(target, ast.Name):
        raise error(
            "a reservation has a name",
            location,
            found=ast.unparse(item),
            expected=f"`with {map_.symbol}.reserve_bytes(length) as record:`",
            fix="name it: nothing could be written otherwise",
        )
    said, length = state.kept(_length(state, map_, call), location)
    keep, flags = state.kept(_flags(state, call), location)
    slot = ir.Dynptr(DYNPTR, location)
    take = ir.HelperCall(STATUS, location, row, (map_, length, constant(0, location), slot))
    status, failed = state.kept(take, location)
    cleared = _cleared(state, slot, length, map_.declaration.max_entries)
    given_up = state.hidden(ir.BOOL)
    here = ir.Conditional(
        RECORD, location, ir.Truth(ir.BOOL, location, failed), ir.Constant(ir.NONE, location, 0), slot
    )
    name = state.assign(target.id, RECORD, state.at(target))
    state.program.records.append(ReservedRecord(map_, slot, given_up, name, state.call))
    inside = state.translate.block(state, body)
    state.program.records.pop()
    return (
        ir.Assign(location, given_up, ir.Constant(ir.BOOL, location, 0)),
        said,
        keep,
        status,
        ir.Scope(
            location,
            (
                ir.If(location, ir.Truth(ir.BOOL, location, failed), (lost(state, ring, map_, location),), cleared),
                ir.Assign(state.at(target), name, here),
                *inside,
            ),
            (_unless(given_up, _given_back("ringbuf_submit_dynptr", slot, flags), location),),
            (_unless(given_up, _given_back("ringbuf_discard_dynptr", slot, flags), location),),
        ),
    )


def _length(state: FunctionState, map_: ir.MapReference, call: ast.Call) -> ir.Expression:
    if not 1 <= len(call.args) <= 2 or call.keywords:
        raise error(
            "reserve_bytes takes the length of the record, and flags",
            state.at(call),
            found=ast.unparse(call),
            expected=f"{map_.symbol}.reserve_bytes(length, flags=0)",
            fix="say how many bytes it has",
        )
    _check_ring(map_, "reserve_bytes", state.at(call), f"with {map_.symbol}.reserve() as event:")
    length = state.translate.expression(state, call.args[0])
    number = unsigned32(length, "the length of a record", "test it before: `if n < 0: return ...`")
    size = map_.declaration.max_entries
    if isinstance(length, ir.Constant) and length.value > size - KEPT:
        raise error(
            f"{map_.symbol} can never hold this record",
            length.location,
            found=f"{length.value} bytes",
            expected=f"at most {size - KEPT}: the ring has {size} bytes, of which {KEPT} are a header and kept free",
            fix="declare a larger ring, or write a shorter record",
        )
    return number


def _cleared(state: FunctionState, slot: ir.Dynptr, length: ir.LocalRead, most: int) -> tuple[ir.Statement, ...]:
    """A new record holds zeros, and not what was in the ring before. The kernel copies as many of them at once."""
    location = slot.location
    of = integer(length, "the length of a record")
    whole = IntType(min(of.low, most), min(of.high, most))
    block = min(max(whole.high, 1), ZEROS)
    zeros = ir.ConstantText(PlaceType(CharsLayout(block)), location, bytes(block))
    keep, size = state.kept(ir.Limited(whole, location, length, most), location)
    hold, place = state.kept(slot, location)

    def write(offset: ir.Expression, count: ir.Expression) -> ir.Statement:
        arguments = (place, offset, zeros, count, constant(0, location))
        return ir.Evaluate(location, ir.HelperCall(STATUS, location, helpers()["dynptr_write"], arguments))

    if whole.high <= ZEROS:
        return hold, keep, write(constant(0, location), ir.Limited(whole, location, size, ZEROS))
    done_type = IntType(0, most + ZEROS)
    done = state.hidden(done_type)
    here = ir.LocalRead(IntType(0, most), location, done)

    def rounds() -> tuple[ir.Statement, ...]:
        left = ir.Binary(IntType(0, most), location, "-", size, here, None)
        return (write(here, ir.Limited(IntType(0, ZEROS), location, left, ZEROS)),)

    test = ir.Compare(ir.BOOL, location, ("<",), (here, size))
    step = ir.Assign(location, done, ir.Binary(done_type, location, "+", here, constant(ZEROS, location), None))
    plan = ir.LoopPlan(location, 0, (whole.high + ZEROS - 1) // ZEROS)
    loop = settled(state, location, lambda: test, rounds, (step,), lambda: (), plan)
    return hold, keep, ir.Assign(location, done, constant(0, location)), loop


def _flags(state: FunctionState, call: ast.Call) -> ir.Expression:
    """What its end is done with."""
    flags = state.translate.expression(state, call.args[1]) if len(call.args) > 1 else constant(0, state.at(call))
    integer(flags, "the argument flags of reserve_bytes")
    return flags


def _check_ring(map_: ir.MapReference, operation: str, location: Location, instead: str) -> None:
    if map_.declaration.value is bytes:
        return
    raise error(
        f"{map_.symbol} holds events of type {map_.value.name}",
        location,
        found=f"{map_.symbol}.{operation}(...)",
        expected=f"`{instead}`",
        fix="write it so, or declare a ring of records of any length: "
        f"`RingBuf(bytes, size={map_.declaration.max_entries})`",
    )


def _unless(given_up: ir.Local, then: ir.Statement, location: Location) -> ir.Statement:
    return ir.If(location, ir.LocalRead(ir.BOOL, location, given_up), (), (then,))


def _given_back(helper: str, slot: ir.Dynptr, flags: ir.Expression) -> ir.Statement:
    return ir.Evaluate(slot.location, ir.HelperCall(ir.NONE, slot.location, helpers()[helper], (slot, flags)))


def discard_record(state: FunctionState, ring: Static, node: ast.Call) -> tuple[ir.Statement, ...]:
    """`ring.discard(record)`: the record is given up, and its name with it."""
    location = state.at(node)
    map_ = state.unit.map_reference(ring)
    record = state.translate.expression(state, node.args[0]) if len(node.args) == 1 and not node.keywords else None
    for known in reversed(state.program.records):
        if known.map is not map_ or not isinstance(record, ir.LocalRead) or record.local is not known.name:
            continue
        if known.call is not state.call:
            raise elsewhere(known.map, known.name, "record", location)
        state.environment.assign(known.name, RECORD)
        row = helpers()["ringbuf_discard_dynptr"]
        call = ir.HelperCall(ir.NONE, location, row, (known.slot, constant(0, location)))
        return (
            _unless(known.given_up, ir.Evaluate(location, call), location),
            ir.Assign(location, known.given_up, ir.Constant(ir.BOOL, location, 1)),
            ir.Assign(location, known.name, ir.Constant(ir.NONE, location, 0)),
        )
    raise error(
        f"{map_.symbol} gives up the record that was reserved",
        location,
        found=ast.unparse(node),
        expected=f"{map_.symbol}.discard(record) inside of `with {map_.symbol}.reserve_bytes(length) as record:`",
        fix="name that record",
    )


def is_record(of: ir.Expression) -> bool:
    """Whether it is a record, or may be one."""
    return of.type in (DYNPTR, RECORD)


def record_operation(state: FunctionState, record: ir.Expression, node: ast.Call) -> ir.Expression:
    """The IR of `record.at(T, offset)` and `record.write(offset, value)`."""
    assert isinstance(node.func, ast.Attribute)
    name = node.func.attr
    if name == "at":
        return _at(state, unwrapped(record), node)
    if name == "write":
        return _write(state, unwrapped(record), node)
    raise error(
        f"a record has no operation {name!r}",
        state.at(node),
        found=f".{name}()",
        expected=f"one of {', '.join(METHODS)}",
        fix=did_you_mean(name, METHODS) or "use one of these",
    )


def _at(state: FunctionState, record: ir.Expression, node: ast.Call) -> ir.Expression:
    """What lies in the record, in place; None where the record does not reach so far."""
    location = state.at(node)
    of, where = at_arguments(state, node)
    layout = at_layout(state, of, "the record")
    offset = _offset(state, where)
    arguments = (record, offset, constant(layout.size, location))
    return ir.HelperCall(OptionalType(PlaceType(layout)), location, helpers()["dynptr_data"], arguments)


def _write(state: FunctionState, record: ir.Expression, node: ast.Call) -> ir.Expression:
    """A copy of bytes. What would be outside of the record takes the error edge."""
    location = state.at(node)
    if len(node.args) != 2 or node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
        raise error(
            "write takes (offset, value), by position",
            location,
            found=ast.unparse(node),
            expected="record.write(offset, value)",
            fix="say how many bytes from the start it lies, and give what to write",
        )
    offset = _offset(state, node.args[0])
    data, size = bytes_of(state, node.args[1], "what is written into a record")
    arguments = (record, offset, data, size, constant(0, location))
    failed = ir.Truth(ir.BOOL, location, ir.HelperCall(STATUS, location, helpers()["dynptr_write"], arguments))
    edge = ir.If(location, failed, (ir.Abort(location, ir.ErrorEdge(OUTSIDE)),), ())
    return ir.Sequence(ir.NONE, location, (edge,), ir.Constant(ir.NONE, location, 0))


def _offset(state: FunctionState, node: ast.expr) -> ir.Expression:
    offset = state.translate.expression(state, node)
    return unsigned32(offset, "an offset in a record", "count from the start of the record")
