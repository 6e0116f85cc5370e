"""Loops: `while`, and `for` over a range, with `break`, `continue` and `else`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.environment import grown, merged, refined, within
from osmia.compiler.frontend.expressions import condition, expression, operand
from osmia.compiler.frontend.function import LoopEnds, Static
from osmia.compiler.frontend.operators import binary, integer
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import I64_HIGH, I64_LOW, U64_HIGH, IntType

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location

    Block = Callable[[FunctionState, list[ast.stmt]], tuple[ir.Statement, ...]]


# How often a loop's head is guessed before what still grows is widened.
ROUNDS_BEFORE_WIDENING = 2


def while_loop(state: FunctionState, node: ast.While, block: Block) -> tuple[ir.Statement, ...]:
    """The IR of `while`."""
    return (
        _settled(
            state,
            state.at(node.test),
            lambda: condition(state, node.test),
            lambda: block(state, node.body),
            (),
            lambda: block(state, node.orelse),
        ),
    )


def _settled(
    state: FunctionState,
    location: Location,
    test_of: Callable[[], ir.Expression],
    body_of: Callable[[], tuple[ir.Statement, ...]],
    step: tuple[ir.Statement, ...],
    otherwise_of: Callable[[], tuple[ir.Statement, ...]],
) -> ir.Loop:
    """Translate a loop until what comes round adds nothing to what is known at its head."""
    head = state.environment.copy()
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
        if not again.reachable or within(again, head):
            break
        head = grown(head, again, widen=rounds > ROUNDS_BEFORE_WIDENING)
    state.environment = refined(tested, test, holds=False)
    otherwise = otherwise_of()
    state.environment = merged(state.environment, *ends.breaks)
    return ir.Loop(location, test, body, step, otherwise)


def for_loop(state: FunctionState, node: ast.For, block: Block) -> tuple[ir.Statement, ...]:
    """The IR of `for name in range(...)`: start, stop and step are evaluated once, the name keeps its last value."""
    location = state.at(node.iter)
    if not isinstance(node.target, ast.Name):
        raise error(
            "a range gives one number at a time",
            state.at(node.target),
            found=ast.unparse(node.target),
            expected="one name",
            fix="write `for index in range(...)`",
        )
    start, stop, step = _range(state, node.iter)
    before, (first, last) = _evaluated_once(state, start, stop)
    if step > 0:
        counter_type = IntType(_low(first), max(_low(first), _high(last) - 1 + step, _high(first)))
    else:
        counter_type = IntType(min(_high(first), _low(last) + 1 + step, _low(first)), _high(first))
    if not _fits(counter_type):
        raise error(
            "this range may count beyond 64 bits",
            location,
            found=f"a range from {first.type} to {last.type} in steps of {step}",
            expected=f"numbers from {I64_LOW} to {I64_HIGH}, or from 0 to {U64_HIGH}",
            fix="give the range bounds of a smaller type: u32(...)",
        )
    counter = state.hidden(counter_type)
    here = ir.LocalRead(counter_type, location, counter)
    test = ir.Compare(ir.BOOL, location, ("<" if step > 0 else ">",), (here, last))
    inside = IntType(
        _low(first) if step > 0 else min(_low(last) + 1, _high(first)),
        max(_high(last) - 1, _low(first)) if step > 0 else _high(first),
    )
    name = node.target.id
    step_on = binary("+", here, ir.Constant(IntType(step, step), location, step), location)

    def body() -> tuple[ir.Statement, ...]:
        target = state.assign(name, inside, state.at(node.target))
        return (ir.Assign(state.at(node.target), target, here), *block(state, node.body))

    loop = _settled(
        state, location, lambda: test, body, (ir.Assign(location, counter, step_on),), lambda: block(state, node.orelse)
    )
    return (*before, ir.Assign(location, counter, first), loop)


def _low(of: ir.Expression) -> int:
    return integer(of, "a bound of the range").low


def _high(of: ir.Expression) -> int:
    return integer(of, "a bound of the range").high


def _fits(of: IntType) -> bool:
    return (of.low >= I64_LOW and of.high <= I64_HIGH) or (of.low >= 0 and of.high <= U64_HIGH)


def _evaluated_once(state: FunctionState, *bounds: ir.Expression) -> tuple[list[ir.Statement], list[ir.Expression]]:
    """Bounds that are no constants get a local of their own, in order: the body may change what they were made of."""
    before: list[ir.Statement] = []
    kept: list[ir.Expression] = []
    for bound in bounds:
        if isinstance(bound, ir.Constant):
            kept.append(bound)
            continue
        of = integer(bound, "a bound of the range")
        local = state.hidden(of)
        before.append(ir.Assign(bound.location, local, bound))
        kept.append(ir.LocalRead(of, bound.location, local))
    return before, kept


def _range(state: FunctionState, node: ast.expr) -> tuple[ir.Expression, ir.Expression, int]:
    location = state.at(node)
    called = operand(state, node.func) if isinstance(node, ast.Call) else operand(state, node)
    if isinstance(called, Static) and isinstance(called.value, range):
        numbers = called.value
        return _constant(numbers.start, location), _constant(numbers.stop, location), numbers.step
    if not isinstance(node, ast.Call) or not isinstance(called, Static) or called.value is not range:
        raise error(
            "kernel code loops over a range",
            location,
            found=ast.unparse(node),
            expected="range(stop), range(start, stop) or range(start, stop, step)",
            fix="count with `for index in range(...)`",
        )
    if node.keywords or not 1 <= len(node.args) <= 3 or any(isinstance(each, ast.Starred) for each in node.args):
        raise error(
            "range takes one to three numbers",
            location,
            found=ast.unparse(node),
            expected="range(stop), range(start, stop) or range(start, stop, step)",
            fix="give it these",
        )
    bounds = [expression(state, argument) for argument in node.args]
    for bound in bounds:
        integer(bound, "a bound of the range")
    if len(bounds) == 1:
        return _constant(0, location), bounds[0], 1
    if len(bounds) == 2:
        return bounds[0], bounds[1], 1
    step = bounds[2]
    if not isinstance(step, ir.Constant) or step.value == 0:
        raise error(
            "the step of a range is a constant other than 0",
            step.location,
            found="0" if isinstance(step, ir.Constant) else f"a step of type {step.type}",
            expected="a number, such as 1 or -1",
            fix="write a number, or count by hand in a while loop",
        )
    return bounds[0], bounds[1], step.value


def _constant(value: int, location: Location) -> ir.Constant:
    return ir.Constant(IntType(value, value), location, value)
