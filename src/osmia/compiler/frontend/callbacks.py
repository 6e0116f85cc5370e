"""Functions that are called in rounds: `loop(count, body)` and `m.for_each(callback)`. They are written out."""

from __future__ import annotations

import ast
from types import FunctionType
from typing import TYPE_CHECKING

from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.calls import call_with
from osmia.compiler.frontend.function import Bound, NestedFunction, Static
from osmia.compiler.frontend.iteration import evaluated_once
from osmia.compiler.frontend.loops import settled
from osmia.compiler.frontend.operators import binary, constant, integer, one_value
from osmia.compiler.frontend.places import loaded
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import BoolType, IntType, NoneType, PlaceType

if TYPE_CHECKING:
    from osmia.compiler.frontend.calls import Callee
    from osmia.compiler.frontend.function import FunctionState, Operand


def call_loop(state: FunctionState, node: ast.Call) -> ir.Expression:
    """The IR of `loop(count, body)`."""
    location = state.at(node)
    count_node, body_node = _arguments(state, node, "loop(count, body)", 2)
    count = state.translate.expression(state, count_node)
    of = integer(count, "the count of loop")
    before, (count,) = evaluated_once(state, [count])
    body = callee(state, body_node, "loop(count, body)")
    most = max(0, of.high)
    counter, done = state.hidden(IntType(0, most)), state.hidden(IntType(0, most))
    here = ir.LocalRead(IntType(0, most), location, counter)
    test = ir.Compare(ir.BOOL, location, ("<",), (here, count))

    def rounds() -> tuple[ir.Statement, ...]:
        number = ir.LocalRead(IntType(0, max(0, most - 1)), location, counter)
        counted = ir.Assign(location, done, binary("+", number, constant(1, location), location))
        return counted, *one_round(state, body, [number], node)

    step = ir.Assign(location, counter, binary("+", here, constant(1, location), location))
    least = of.low if of.low == of.high else 0
    plan = ir.LoopPlan(location, max(0, least), most)
    zero = constant(0, location)
    start = (ir.Assign(location, counter, zero), ir.Assign(location, done, zero))
    whole = settled(state, location, lambda: test, rounds, (step,), lambda: (), plan)
    result = IntType(0, most)
    return ir.Sequence(result, location, (*before, *start, whole), ir.LocalRead(result, location, done))


def for_each(state: FunctionState, map_: ir.MapReference, node: ast.Call) -> ir.Expression:
    """The IR of `m.for_each(callback)`."""
    location = state.at(node)
    form = f"{map_.symbol}.for_each(callback)"
    (callback_node,) = _arguments(state, node, form, 1)
    callback = callee(state, callback_node, form)
    key, value = state.hidden(PlaceType(map_.key)), state.hidden(PlaceType(map_.value))
    most = map_.declaration.max_entries
    count = state.hidden(IntType(0, most))
    given: list[Operand] = [loaded(ir.LocalRead(each.type, location, each), location) for each in (key, value)]
    more = ir.LocalRead(ir.BOOL, location, state.hidden(ir.BOOL))  # whether there is another element: who knows
    plan = ir.LoopPlan(location)
    whole = settled(
        state, location, lambda: more, lambda: one_round(state, callback, given, node), (), lambda: (), plan
    )
    result = IntType(0, most)
    row, flags = helpers()["for_each_map_elem"], constant(0, location)
    statement = ir.ForEach(location, row, map_, (key, value), flags, count, whole.body)
    return ir.Sequence(result, location, (statement,), ir.LocalRead(result, location, count))


def one_round(
    state: FunctionState, function: Callee, arguments: list[Operand], node: ast.Call
) -> tuple[ir.Statement, ...]:
    """Call the function; True stops."""
    location = state.at(node)
    given: list[tuple[str | None, Operand]] = [(None, argument) for argument in arguments]
    result = one_value(state, call_with(state, function, node, given), node)
    if isinstance(result.type, NoneType):
        return (ir.Evaluate(location, result),)
    if not isinstance(result.type, BoolType):
        raise error(
            "a function that is called in rounds returns True to stop, or nothing",
            location,
            found=f"a result of type {result.type}",
            expected="bool on every way, or None on every way",
            fix="return True or False, or nothing",
        )
    state.loops[-1].breaks.append(state.environment.copy())
    return (ir.If(location, result, (ir.Break(location),), ()),)


def _arguments(state: FunctionState, node: ast.Call, form: str, count: int) -> list[ast.expr]:
    if len(node.args) == count and not node.keywords and not any(isinstance(a, ast.Starred) for a in node.args):
        return node.args
    raise error(
        f"kernel code calls {form}",
        state.at(node),
        found=ast.unparse(node),
        expected=form,
        fix="write the arguments by position",
    )


def callee(state: FunctionState, node: ast.expr, form: str) -> Callee:
    """The function that a call like `form` is given."""
    found = state.translate.operand(state, node)
    if isinstance(found, NestedFunction | Bound) or (
        isinstance(found, Static) and isinstance(found.value, FunctionType)
    ):
        return found
    raise error(
        f"{form} takes a function",
        state.at(node),
        found=ast.unparse(node),
        expected="a function, a nested function or a lambda",
        fix="name the function, without calling it",
    )
