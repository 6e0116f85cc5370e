"""`match` on numbers, enums, structs and tuples: each case is a test, the first that holds is taken."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.calls import kept_tuple
from osmia.compiler.frontend.environment import decided, merged, refined
from osmia.compiler.frontend.function import Static, TupleValue
from osmia.compiler.frontend.operators import integer, one_value, value_of
from osmia.compiler.frontend.places import loaded, no_attribute, place_of_attribute
from osmia.compiler.frontend.stores import unwrapped
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import BoolType, OptionalType, PlaceType, integer_of
from osmia.layout import StructLayout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.compiler.frontend.environment import Environment
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location

    Subject = ir.Expression | TupleValue

PATTERNS: dict[type[ast.pattern], str] = {
    ast.MatchStar: "a pattern of several values",
    ast.MatchMapping: "a pattern of keys and values",
}


def match_statement(state: FunctionState, node: ast.Match) -> tuple[ir.Statement, ...]:
    """The IR of `match`: the subject is evaluated once, the cases are tried in their order."""
    first, subject = _subject(state, node.subject)
    arms: list[tuple[ast.match_case, ir.Expression | None, tuple[ir.Statement, ...]]] = []
    ends: list[Environment] = []
    for case in node.cases:
        test = _test(state, case, subject)
        before = state.environment
        state.environment = before.copy() if test is None else refined(before, test, holds=True)
        arms.append((case, test and decided(before, test), state.translate.block(state, case.body)))
        ends.append(state.environment)
        state.environment = before.unreachable() if test is None else refined(before, test, holds=False)
    state.environment = merged(state.environment, *ends)
    rest: tuple[ir.Statement, ...] = ()
    for case, test, body in reversed(arms):
        rest = body if test is None else (ir.If(state.at(case.pattern), test, body, rest),)
    return (*first, *rest)


def _subject(state: FunctionState, node: ast.expr) -> tuple[tuple[ir.Statement, ...], Subject]:
    """What is matched, kept so that it can be looked at by every case."""
    value = state.translate.operand(state, node)
    if isinstance(value, TupleValue):
        return kept_tuple(state, value)
    subject = one_value(state, value, node)
    of = subject.type.of if isinstance(subject.type, OptionalType) else subject.type
    if isinstance(of, PlaceType) and isinstance(of.layout, StructLayout):
        subject = unwrapped(subject)
    else:
        integer(subject, "what is matched")
    assign, read = state.kept(subject)
    return (assign,), read


def _test(state: FunctionState, case: ast.match_case, subject: Subject) -> ir.Expression | None:
    """Whether a case is taken; None for one that always is."""
    pattern = _pattern(state, case.pattern, subject)
    if case.guard is None:
        return pattern
    before = state.environment
    if pattern is not None:
        state.environment = refined(before, pattern, holds=True)
    guard = state.translate.condition(state, case.guard)
    state.environment = merged(before, state.environment)
    return guard if pattern is None else ir.Logical(ir.BOOL, state.at(case.pattern), "and", (pattern, guard))


def _pattern(state: FunctionState, node: ast.pattern, subject: Subject) -> ir.Expression | None:
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
            return _equal(_number(subject, location), state.translate.expression(state, value))
        case ast.MatchSingleton(value=bool() as value):
            number = _number(subject, location)
            if not isinstance(number.type, BoolType):
                raise error(
                    f"the pattern {value} matches nothing but bools",
                    location,
                    found=f"a subject of type {number.type}",
                    expected="a number or a member of an enum",
                    fix=f"write `case {int(value)}:`",
                )
            return _equal(number, ir.Constant(ir.BOOL, location, int(value)))
        case ast.MatchClass():
            return _struct(state, node, subject)
        case ast.MatchSequence():
            return _sequence(state, node, subject)
        case ast.MatchSingleton():
            raise error(
                "this is never None",
                location,
                found=f"the pattern None for {_described(subject)}",
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


def _equal(subject: ir.Expression, value: ir.Expression) -> ir.Expression:
    if integer_of(value.type) is None:
        raise error(
            "a case is a number",
            value.location,
            found=str(value.type),
            expected="a number or a member of an enum",
            fix="use one of these",
        )
    return ir.Compare(ir.BOOL, value.location, ("==",), (subject, value))


def _number(subject: Subject, location: Location) -> ir.Expression:
    """The subject where a number is compared with it."""
    if isinstance(subject, ir.Expression) and integer_of(subject.type) is not None:
        return subject
    raise error(
        f"{_described(subject)} is matched by its parts",
        location,
        found="a number as its pattern",
        expected="`Key(field=...)` for a struct, `(a, b)` for a tuple",
        fix="name the parts",
    )


def _described(subject: Subject) -> str:
    return f"a tuple of {len(subject.items)}" if isinstance(subject, TupleValue) else str(subject.type)


def _together(state: FunctionState, parts: Iterable[tuple[ast.pattern, Subject]], at: Location) -> ir.Expression | None:
    """Patterns that must all match; None if they always do."""
    tests: list[ir.Expression] = []
    for pattern, subject in parts:
        test = _pattern(state, pattern, subject)
        if test is not None:
            tests.append(test)
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else ir.Logical(ir.BOOL, at, "and", tuple(tests))


def _struct(state: FunctionState, node: ast.MatchClass, subject: Subject) -> ir.Expression | None:
    """`case Key(source=1, target=where)`."""
    location = state.at(node)
    wanted = state.translate.operand(state, node.cls)
    layout = subject.type.layout if isinstance(subject, ir.Expression) and isinstance(subject.type, PlaceType) else None
    if not isinstance(layout, StructLayout) or not isinstance(wanted, Static) or wanted.value is not layout.of:
        raise error(
            f"{_described(subject)} is no {ast.unparse(node.cls)}",
            location,
            found=f"a pattern of {ast.unparse(node.cls)}",
            expected=f"{layout.name}(field=...)" if isinstance(layout, StructLayout) else "a number, a name or _",
            fix="match the type that it has",
        )
    if node.patterns:
        raise error(
            f"the fields of {layout.name} are matched by keyword",
            state.at(node.patterns[0]),
            found=ast.unparse(node),
            expected=f"{layout.name}({', '.join(f'{field.name}=...' for field in layout.fields)})",
            fix="name the fields",
        )
    parts: list[tuple[ast.pattern, Subject]] = []
    for name, pattern in zip(node.kwd_attrs, node.kwd_patterns, strict=True):
        assert isinstance(subject, ir.Expression)
        place = place_of_attribute(subject, name, state.at(pattern))
        if place is None:
            raise no_attribute(subject.type, name, state.at(pattern))
        parts.append((pattern, loaded(place, state.at(pattern))))
    return _together(state, parts, location)


def _sequence(state: FunctionState, node: ast.MatchSequence, subject: Subject) -> ir.Expression | None:
    """`case (1, port)`."""
    location = state.at(node)
    count = len(subject.items) if isinstance(subject, TupleValue) else None
    if count != len(node.patterns) or any(isinstance(each, ast.MatchStar) for each in node.patterns):
        raise error(
            f"{_described(subject)} is never matched by this",
            location,
            found=f"a pattern of {len(node.patterns)} values",
            expected=f"{count} values, each with a pattern of its own"
            if count is not None
            else "a number, a name or _",
            fix="write as many patterns as there are values",
        )
    assert isinstance(subject, TupleValue)
    parts: list[tuple[ast.pattern, Subject]] = []
    for pattern, item in zip(node.patterns, subject.items, strict=True):
        value = value_of(item) if isinstance(item, Static) else item
        if not isinstance(value, ir.Expression | TupleValue):
            raise error(
                "this is no value that can be matched",
                state.at(pattern),
                found="a function",
                expected="a number or a struct",
                fix="leave it out of the tuple",
            )
        parts.append((pattern, value))
    return _together(state, parts, location)


def _capture(state: FunctionState, name: str, node: ast.pattern, subject: Subject) -> ir.Expression:
    """`case name`: store, and go on."""
    location = state.at(node)
    if isinstance(subject, TupleValue):
        raise error(
            "a name stands for one value",
            location,
            found=f"{name!r} for {_described(subject)}",
            expected="a name for each of them",
            fix="write `case (a, b):`",
        )
    local = state.assign(name, subject.type, location)
    always = ir.Constant(ir.BOOL, location, 1)
    return ir.Sequence(ir.BOOL, location, (ir.Assign(location, local, subject),), always)
