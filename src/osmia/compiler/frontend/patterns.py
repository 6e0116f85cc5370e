"""`match` on integers and enums: each case is a test, the first that holds is taken."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.environment import merged, refined
from osmia.compiler.frontend.expressions import condition, expression
from osmia.compiler.frontend.operators import integer
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import integer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.compiler.frontend.environment import Environment
    from osmia.compiler.frontend.function import FunctionState

    Block = Callable[[FunctionState, list[ast.stmt]], tuple[ir.Statement, ...]]

PATTERNS: dict[type[ast.pattern], str] = {
    ast.MatchSequence: "a pattern of several values",
    ast.MatchStar: "a pattern of several values",
    ast.MatchMapping: "a pattern of keys and values",
    ast.MatchClass: "a pattern of a class",
}


def match_statement(state: FunctionState, node: ast.Match, block: Block) -> tuple[ir.Statement, ...]:
    """The IR of `match`: the subject is evaluated once, the cases are tried in their order."""
    subject = expression(state, node.subject)
    integer(subject, "what is matched")
    local = state.hidden(subject.type)
    read = ir.LocalRead(subject.type, subject.location, local)
    arms: list[tuple[ast.match_case, ir.Expression | None, tuple[ir.Statement, ...]]] = []
    ends: list[Environment] = []
    for case in node.cases:
        test = _test(state, case, read)
        before = state.environment
        state.environment = before.copy() if test is None else refined(before, test, holds=True)
        arms.append((case, test, block(state, case.body)))
        ends.append(state.environment)
        state.environment = before.unreachable() if test is None else refined(before, test, holds=False)
    state.environment = merged(state.environment, *ends)
    rest: tuple[ir.Statement, ...] = ()
    for case, test, body in reversed(arms):
        rest = body if test is None else (ir.If(state.at(case.pattern), test, body, rest),)
    return (ir.Assign(subject.location, local, subject), *rest)


def _test(state: FunctionState, case: ast.match_case, subject: ir.LocalRead) -> ir.Expression | None:
    """Whether a case is taken; None for one that always is."""
    pattern = _pattern(state, case.pattern, subject)
    if case.guard is None:
        return pattern
    before = state.environment
    if pattern is not None:
        state.environment = refined(before, pattern, holds=True)
    guard = condition(state, case.guard)
    state.environment = merged(before, state.environment)
    return guard if pattern is None else ir.Logical(ir.BOOL, state.at(case.pattern), "and", (pattern, guard))


def _pattern(state: FunctionState, node: ast.pattern, subject: ir.LocalRead) -> ir.Expression | None:
    location = state.at(node)
    match node:
        case ast.MatchAs(pattern=None, name=None):
            return None
        case ast.MatchAs(pattern=inner, name=str(name)):
            inside = None if inner is None else _pattern(state, inner, subject)
            captured = _capture(state, name, node, subject)
            return captured if inside is None else ir.Logical(ir.BOOL, location, "and", (inside, captured))
        case ast.MatchOr(patterns=patterns):
            tests = [_pattern(state, each, subject) for each in patterns]
            if any(test is None for test in tests):
                return None
            return ir.Logical(ir.BOOL, location, "or", tuple(test for test in tests if test is not None))
        case ast.MatchValue(value=value):
            return _equal(subject, expression(state, value))
        case ast.MatchSingleton(value=bool() as value):
            return _equal(subject, ir.Constant(ir.BOOL, location, int(value)))
        case ast.MatchSingleton():
            raise error(
                "this is never None",
                location,
                found=f"the pattern None for {subject.type}",
                expected="a number, a member of an enum, a name or _",
                fix="check for None with `is None`, before the match",
            )
        case _:
            what = PATTERNS.get(type(node), f"the pattern {type(node).__name__}")
            raise error(
                f"kernel code cannot match {what}",
                location,
                found=what,
                expected="a number, a member of an enum, a name, _ or several of them with |",
                fix="match the numbers one after the other",
            )


def _equal(subject: ir.LocalRead, value: ir.Expression) -> ir.Expression:
    if integer_of(value.type) is None:
        raise error(
            "a case is a number",
            value.location,
            found=str(value.type),
            expected="a number or a member of an enum",
            fix="use one of these",
        )
    return ir.Compare(ir.BOOL, value.location, ("==",), (subject, value))


def _capture(state: FunctionState, name: str, node: ast.pattern, subject: ir.LocalRead) -> ir.Expression:
    """`case name`: store, and go on. What was stored equals itself, so the test always holds."""
    location = state.at(node)
    local = state.assign(name, subject.type, location)
    of = state.type_of(local, location)
    stored = ir.AssignExpression(of, location, local, subject)
    return ir.Compare(ir.BOOL, location, ("==",), (stored, ir.LocalRead(of, location, local)))
