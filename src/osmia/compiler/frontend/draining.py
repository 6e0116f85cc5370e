"""User ring buffers in kernel code: `commands.drain(callback)` calls a function for each record of user code's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi.generated.flags import BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP
from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.callbacks import callee, one_round
from osmia.compiler.frontend.environment import merged
from osmia.compiler.frontend.helper_calls import check_kind, kind_of
from osmia.compiler.frontend.loops import settled
from osmia.compiler.frontend.operators import constant, integer
from osmia.compiler.frontend.places import loaded
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, ObjectType, OptionalType, PlaceType
from osmia.layout import IntegerLayout
from osmia.types import u8

if TYPE_CHECKING:
    import ast

    from osmia.compiler.frontend.calls import Callee
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location

# The most records that one call takes out (BPF_MAX_USER_RINGBUF_SAMPLES), and the least error number.
DRAINED = IntType(-4095, 128 * 1024)
STATUS = IntType(-4095, 0)
DYNPTR = ObjectType("bpf_dynptr")
BYTE = PlaceType(IntegerLayout(u8))  # type: ignore[arg-type]


def drain(state: FunctionState, map_: ir.MapReference, node: ast.Call) -> ir.Expression:
    """The IR of `ring.drain(callback, flags=0)`: how many records were taken out, or a negative error number."""
    location, row = state.at(node), helpers()["user_ringbuf_drain"]
    check_kind(row, kind_of(state), location)
    function, flags = _arguments(state, map_, node)
    record = state.hidden(DYNPTR)
    count = state.hidden(DRAINED)
    more = ir.LocalRead(ir.BOOL, location, state.hidden(ir.BOOL))  # whether there is another record: who knows

    def rounds() -> tuple[ir.Statement, ...]:
        return _one_record(state, map_, record, function, node)

    whole = settled(state, location, lambda: more, rounds, (), lambda: (), ir.LoopPlan(location))
    statement = ir.ForEach(location, row, map_, (record,), flags, count, whole.body)
    return ir.Sequence(DRAINED, location, (statement,), ir.LocalRead(DRAINED, location, count))


def _arguments(state: FunctionState, map_: ir.MapReference, node: ast.Call) -> tuple[Callee, ir.Expression]:
    """The function and the flags."""
    form = f"{map_.symbol}.drain(callback, flags=0)"
    if not 1 <= len(node.args) <= 2 or node.keywords:
        raise error(
            f"kernel code calls {form}",
            state.at(node),
            found=f"{len(node.args)} positional and {len(node.keywords)} keyword arguments",
            expected=form,
            fix="write the arguments by position",
        )
    flags = state.translate.expression(state, node.args[1]) if len(node.args) > 1 else constant(0, state.at(node))
    of = integer(flags, "the argument flags of drain")
    if of.low == of.high and of.low not in (0, BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP):
        raise error(
            "no call of drain takes these flags",
            flags.location,
            found=f"flags {of.low}",
            expected=f"0, {BPF_RB_NO_WAKEUP} (BPF_RB_NO_WAKEUP) or {BPF_RB_FORCE_WAKEUP} (BPF_RB_FORCE_WAKEUP)",
            fix="leave the flags out: then user code that waits for room is woken once some was made",
        )
    return callee(state, node.args[0], form), flags


def _one_record(
    state: FunctionState, map_: ir.MapReference, record: ir.Local, function: Callee, node: ast.Call
) -> tuple[ir.Statement, ...]:
    """Call the function with what lies in a record. One of another size than the ring's type is counted instead."""
    location, of = state.at(node), PlaceType(map_.value)
    here = ir.LocalRead(DYNPTR, location, record)
    size, zero = constant(map_.value.size, location), constant(0, location)
    data = ir.HelperCall(OptionalType(of), location, helpers()["dynptr_data"], (here, zero, size))
    longer = _reaches(here, size, location)
    held = state.hidden(OptionalType(of))
    there = ir.LocalRead(held.type, location, held)
    wrong = ir.Logical(ir.BOOL, location, "or", (longer, ir.IsNone(ir.BOOL, location, there)))
    before = state.environment.copy()
    value = loaded(ir.Unwrap(of, location, there), location)
    inside = one_round(state, function, [value], node)
    state.environment = merged(state.environment, before)
    left_out = ir.CountError(location, ir.ErrorEdge(f"a record of another size than {map_.value.name}"))
    return (ir.Assign(location, held, data), ir.If(location, wrong, (left_out,), inside))


def _reaches(record: ir.Expression, offset: ir.Expression, location: Location) -> ir.Expression:
    """Whether a record has a byte at an offset."""
    into, one, zero = ir.Construct(BYTE, location, b"\0", ()), constant(1, location), constant(0, location)
    read = ir.HelperCall(STATUS, location, helpers()["dynptr_read"], (into, one, record, offset, zero))
    return ir.Not(ir.BOOL, location, ir.Truth(ir.BOOL, location, read))
