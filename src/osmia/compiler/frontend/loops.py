"""Loops: `while`, and `for` over what `iteration.py` knows, with `break`, `continue` and `else`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.calls import elements_of
from osmia.compiler.frontend.counting import counted_limits
from osmia.compiler.frontend.environment import Limits, beyond, grown, merged, refined, within
from osmia.compiler.frontend.function import LoopEnds, Static, TupleValue
from osmia.compiler.frontend.iteration import (
    MOST_CONSTANTS,
    Constants,
    Iteration,
    Numbers,
    is_written_out,
    item,
    iteration,
    known_length,
)
from osmia.compiler.frontend.operators import binary, constant, integer
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import I64_HIGH, I64_LOW, U64_HIGH, IntType

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.location import Location


# How often a loop's head is guessed before what still grows is widened.
ROUNDS_BEFORE_WIDENING = 2
# How large a loop over a few numbers may become that is written out: nodes of the source, times rounds.
MOST_WRITTEN_OUT = 320
ZERO_STEP = "range() arg 3 must not be zero"


def while_loop(state: FunctionState, node: ast.While) -> tuple[ir.Statement, ...]:
    """The IR of `while`."""
    return (
        settled(
            state,
            state.at(node.test),
            lambda: state.translate.condition(state, node.test),
            lambda: state.translate.block(state, node.body),
            (),
            lambda: state.translate.block(state, node.orelse),
            ir.LoopPlan(state.at(node)),
        ),
    )


def leave_round(state: FunctionState, node: ast.Break | ast.Continue) -> ir.Statement:
    """The IR of `break` and `continue`."""
    ends, location = state.loops[-1], state.at(node)
    breaks = isinstance(node, ast.Break)
    (ends.breaks if breaks else ends.continues).append(state.environment)
    state.environment = state.environment.unreachable()
    frame = ends.whole if breaks else ends.round
    if frame is not None:
        return ir.Leave(location, frame)
    return ir.Break(location) if breaks else ir.Continue(location)


def settled(
    state: FunctionState,
    location: Location,
    test_of: Callable[[], ir.Expression],
    body_of: Callable[[], tuple[ir.Statement, ...]],
    step: tuple[ir.Statement, ...],
    otherwise_of: Callable[[], tuple[ir.Statement, ...]],
    plan: ir.LoopPlan,
) -> ir.Loop:
    """Translate a loop until what comes round adds nothing to what is known at its head."""
    entry = state.environment
    head, limits = entry.copy(), Limits({}, {})
    rounds = 0
    while True:
        rounds += 1
        state.environment = head.copy()
        ends = LoopEnds([], [])
        state.loops.append(ends)
        test = test_of()
        tested = state.environment
        state.environment = refined(tested, test, holds=True)
        body = body_of()
        state.loops.pop()
        again = merged(state.environment, *ends.continues)
        more, known = beyond(again, head), within(again, head)
        if not again.reachable or (known and not more):
            break
        widen = rounds > ROUNDS_BEFORE_WIDENING
        if widen:
            limits.found = counted_limits(entry.types, ir.Loop(location, test, body, step, (), plan))
        if known and all(limits.keep(local, head.types[local], again.types[local]) for local in more):
            for local in more:
                local.by_rounds = True
            break
        head = grown(head, again, widen=widen, limits=limits)
    state.environment = refined(tested, test, holds=False)
    otherwise = otherwise_of()
    state.environment = merged(state.environment, *ends.breaks)
    return ir.Loop(location, test, body, step, otherwise, plan)


def for_loop(state: FunctionState, node: ast.For) -> tuple[ir.Statement, ...]:
    """The IR of `for`: what it goes over is evaluated once, and its names keep their last values."""
    before, over = iteration(state, node.iter)
    if isinstance(over, Numbers):
        if not isinstance(node.target, ast.Name):
            raise error(
                "a range gives one number at a time",
                state.at(node.target),
                found=ast.unparse(node.target),
                expected="one name",
                fix="write `for index in range(...)`",
            )
        rounds = _as_constants(node, node.target.id, over)
        if rounds is not None:
            return (*before, _written_out(state, node, rounds))
        return (*before, *_over_numbers(state, node, over))
    if is_written_out(over):
        return (*before, _written_out(state, node, over))
    return (*before, *_over_elements(state, node, over))


def _as_constants(node: ast.For, name: str, over: Numbers) -> Constants | None:
    """A few numbers that elements are named by: with a constant for each, no index has to be tested."""
    match over:
        case Numbers(first=ir.Constant(value=first), last=ir.Constant(value=last), step=ir.Constant(value=step)):
            numbers = range(first, last, step)
        case _:
            return None
    inside = [each for statement in node.body for each in ast.walk(statement)]
    loops = any(isinstance(each, ast.For | ast.While) for each in inside)
    small = numbers and not loops and len(numbers) * len(inside) <= MOST_WRITTEN_OUT
    if not small or not any(_is_index(each, name) for each in inside):
        return None
    return Constants([constant(number, over.first.location) for number in numbers])


def _is_index(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Subscript) and any(
        isinstance(each, ast.Name) and each.id == name for each in ast.walk(node.slice)
    )


def _over_numbers(state: FunctionState, node: ast.For, over: Numbers) -> list[ir.Statement]:
    location = state.at(node.iter)
    first, last, step = (integer(each, "a bound of the range") for each in (over.first, over.last, over.step))
    inside, counts = _numbers_of(first, last, step)
    if not _fits(counts):
        raise error(
            "this range may count beyond 64 bits",
            location,
            found=f"a range from {over.first.type} to {over.last.type} in steps of "
            + (str(step.low) if step.low == step.high else str(over.step.type)),
            expected=f"numbers from {I64_LOW} to {I64_HIGH}, or from 0 to {U64_HIGH}",
            fix="give the range bounds of a smaller type: u32(...)",
        )
    before: list[ir.Statement] = []
    if step.low <= 0 <= step.high:
        zero = ir.Compare(ir.BOOL, over.step.location, ("==",), (over.step, constant(0, location)))
        failed = ir.Abort(over.step.location, ir.ErrorEdge(ZERO_STEP))
        before.append(ir.If(over.step.location, zero, (failed,), ()))
    counter = state.hidden(counts)
    here = ir.LocalRead(counts, location, counter)
    step_on = ir.Assign(location, counter, binary("+", here, over.step, location))

    def body() -> tuple[ir.Statement, ...]:
        number = ir.LocalRead(inside, location, counter)
        return (
            *state.translate.assign(state, node.target, number, node.iter),
            *state.translate.block(state, node.body),
        )

    test = _more(over, here, step, location)
    loop = settled(
        state,
        location,
        lambda: test,
        body,
        (step_on,),
        lambda: state.translate.block(state, node.orelse),
        _plan(state, node, over),
    )
    return [*before, ir.Assign(location, counter, over.first), loop]


def _numbers_of(first: IntType, last: IntType, step: IntType) -> tuple[IntType, IntType]:
    """What the numbers of a range can be, and what its counter can be: also what comes behind the last number."""
    up, down = last.high - 1, last.low + 1
    if step.low > 0:
        inside = IntType(first.low, max(up, first.low))
    elif step.high < 0:
        inside = IntType(min(down, first.high), first.high)
    else:
        inside = IntType(min(first.low, down), max(first.high, up))
    lowest = min(first.low, down + step.low) if step.low < 0 else first.low
    highest = max(first.high, up + step.high) if step.high > 0 else first.high
    return inside, IntType(lowest, highest)


def _more(over: Numbers, here: ir.Expression, step: IntType, location: Location) -> ir.Expression:
    """Whether the counter has not come to the end."""
    below = ir.Compare(ir.BOOL, location, ("<",), (here, over.last))
    above = ir.Compare(ir.BOOL, location, (">",), (here, over.last))
    if step.low >= 0:
        return below
    if step.high <= 0:
        return above
    up = ir.Compare(ir.BOOL, location, (">",), (over.step, constant(0, location)))
    return ir.Conditional(ir.BOOL, location, up, below, above)


def _plan(state: FunctionState, node: ast.For, over: Iteration) -> ir.LoopPlan:
    """What is known of how often the loop runs."""
    count = known_length(over)
    if count is not None:
        return ir.LoopPlan(state.at(node), count, count)
    assert isinstance(over, Numbers)
    first, last, step = (integer(each, "a bound of the range") for each in (over.first, over.last, over.step))
    if step.low > 0:
        return ir.LoopPlan(state.at(node), 0, max(0, -(-(last.high - first.low) // step.low)))
    if step.high < 0:
        return ir.LoopPlan(state.at(node), 0, max(0, -(-(first.high - last.low) // -step.high)))
    return ir.LoopPlan(state.at(node))


def _over_elements(state: FunctionState, node: ast.For, over: Iteration) -> list[ir.Statement]:
    location = state.at(node.iter)
    count = known_length(over)
    assert count is not None
    counter = state.hidden(IntType(0, count))
    here = ir.LocalRead(IntType(0, count), location, counter)
    test = ir.Compare(ir.BOOL, location, ("<",), (here, constant(count, location)))
    step = ir.Assign(location, counter, binary("+", here, constant(1, location), location))

    def body() -> tuple[ir.Statement, ...]:
        index = ir.LocalRead(IntType(0, max(0, count - 1)), location, counter)
        return (
            *state.translate.assign(state, node.target, item(over, index, location), node.iter),
            *state.translate.block(state, node.body),
        )

    loop = settled(
        state,
        location,
        lambda: test,
        body,
        (step,),
        lambda: state.translate.block(state, node.orelse),
        _plan(state, node, over),
    )
    return [ir.Assign(location, counter, constant(0, location)), loop]


def _written_out(state: FunctionState, node: ast.For, over: Iteration) -> ir.Statement:
    """Rounds one after the other; `break` and `continue` leave them as a return leaves a call."""
    location = state.at(node.iter)
    count = known_length(over)
    assert count is not None
    if count > MOST_CONSTANTS:
        raise error(
            "this loop has too many constants to be written out",
            location,
            found=f"{count} values",
            expected=f"at most {MOST_CONSTANTS}",
            fix="keep the values in an Array, and loop over its indices",
        )
    whole = ir.Frame("loop", unrolled=True)
    rounds: list[ir.Statement] = []
    breaks = []
    for number in range(count):
        ends = LoopEnds([], [], whole, ir.Frame("round", unrolled=True))
        assert ends.round is not None
        state.loops.append(ends)
        value = item(over, constant(number, location), location)
        statements = (*_given(state, node.target, value, node.iter), *state.translate.block(state, node.body))
        state.loops.pop()
        state.environment = merged(state.environment, *ends.continues)
        breaks += ends.breaks
        rounds.append(ir.Inlined(location, ends.round, (), statements))
    rounds += state.translate.block(state, node.orelse)
    state.environment = merged(state.environment, *breaks)
    return ir.Inlined(location, whole, (), tuple(rounds))


def _given(state: FunctionState, target: ast.expr, value: Operand, node: ast.expr) -> tuple[ir.Statement, ...]:
    """Names for the values of a round; one that is no number is what the name stands for in this round."""
    parts = list(value.items) if isinstance(value, TupleValue) else None
    if isinstance(value, Static) and isinstance(value.value, tuple | list):
        parts = elements_of(value)
    if isinstance(target, ast.Tuple | ast.List) and parts is not None and len(parts) == len(target.elts):
        pairs = zip(target.elts, parts, strict=True)
        return tuple(made for each, part in pairs for made in _given(state, each, part, node))
    known = not isinstance(value, ir.Expression) and not (isinstance(value, Static) and _is_value(value.value))
    if isinstance(target, ast.Name) and known and target.id in state.own and target.id not in state.locals:
        state.bound[target.id] = value
        return ()
    return state.translate.assign(state, target, value, node)


def _is_value(of: object) -> bool:
    """Whether it is a value in the kernel, so that a local can hold it."""
    return isinstance(of, int | float | complex | str | type(None) | type(...))


def _fits(of: IntType) -> bool:
    return (of.low >= I64_LOW and of.high <= I64_HIGH) or (of.low >= 0 and of.high <= U64_HIGH)
