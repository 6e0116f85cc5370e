"""What holds on every way through a program: locals are assigned before use, looked-up values are checked for None.

The pass walks the structured IR with what is known of each local: whether it may be unassigned, and whether an optional
may be None or may hold something. Tests refine it on each of their two ways; a loop is walked until nothing changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import NoneType, OptionalType
from osmia.compiler.ir.walk import operands
from osmia.record import frozen_record, record

if TYPE_CHECKING:
    from osmia.compiler.location import Location


@frozen_record
class Known:
    """What is known of a local at one point. An optional that may be neither stands for a way that cannot be taken."""

    unassigned: bool
    """Whether it may not have been assigned yet."""
    may_be_none: bool
    may_be_there: bool
    origin: Location | None = None
    """Where the value that may be None came from."""


# What is known of all locals; None where control cannot come.
Facts = dict[ir.Local, Known] | None
NEVER_ASSIGNED = Known(unassigned=True, may_be_none=False, may_be_there=False)


@record
class LoopWays:
    """What is known on the ways that leave the innermost loop's body early."""

    broken: Facts = None
    continued: Facts = None
    left: bool = False
    """Whether a way leaves the function from inside."""


def check_flow(program: ir.Program) -> None:
    """Raise CompileError for a use before assignment, an unchecked None, or a way without a return."""
    end = _statements(program.body, dict.fromkeys(program.locals, NEVER_ASSIGNED), None)
    if end is not None:
        raise error(
            f"{program.name} can end without returning",
            program.end,
            found="a way to the end of the function without a return",
            expected=f"{program.returns} on every way",
            fix=f"add a return of {program.returns} at the end",
        )


def _statements(statements: tuple[ir.Statement, ...], facts: Facts, loop: LoopWays | None) -> Facts:
    for statement in statements:
        if facts is None:
            return None
        facts = _statement(statement, facts, loop)
    return facts


def _statement(statement: ir.Statement, facts: dict[ir.Local, Known], loop: LoopWays | None) -> Facts:
    match statement:
        case ir.Assign(local=local, value=value):
            return _assigned(local, value, _value(value, facts))
        case ir.StoreRef(ref=ref, value=value):
            # Python evaluates the value first, then the place.
            after = _value(value, facts)
            return None if after is None else _value(ref, after)
        case ir.Evaluate(value=value):
            return _value(value, facts)
        case ir.If(test=test, then=then, otherwise=otherwise):
            when_true, when_false = _condition(test, facts)
            return _merge(_statements(then, when_true, loop), _statements(otherwise, when_false, loop))
        case ir.Loop():
            return _loop(statement, facts, loop)
        case ir.Break():
            assert loop is not None
            loop.broken = _merge(loop.broken, facts)
            return None
        case ir.Continue():
            assert loop is not None
            loop.continued = _merge(loop.continued, facts)
            return None
        case ir.Return(value=value):
            _value(value, facts)
            if loop is not None:
                loop.left = True
            return None
        case ir.Abort():
            if loop is not None:
                loop.left = True
            return None
        case _:
            assert_never(statement)


def _loop(statement: ir.Loop, facts: dict[ir.Local, Known], outer: LoopWays | None) -> Facts:
    before: Facts = facts
    while True:
        assert before is not None
        ways = LoopWays()
        when_true, when_false = _condition(statement.test, before)
        end = _merge(_statements(statement.body, when_true, ways), ways.continued)
        again = _merge(before, _statements(statement.step, end, None))
        assert again is not None
        if _alike(again, before):
            if when_false is None and ways.broken is None and not ways.left:
                raise error(
                    "this loop never ends",
                    statement.location,
                    found="a test that is always true, and no way out of the body",
                    expected="a break or a return on some way, or a test that becomes false",
                    fix="count with `for _ in range(...)`, or break",
                )
            if outer is not None:
                outer.left = outer.left or ways.left
            return _merge(_statements(statement.otherwise, when_false, outer), ways.broken)
        before = again


def _alike(one: dict[ir.Local, Known], other: dict[ir.Local, Known]) -> bool:
    """Whether the same is known; where a value came from does not matter."""
    return all(
        (known.unassigned, known.may_be_none, known.may_be_there)
        == (other[local].unassigned, other[local].may_be_none, other[local].may_be_there)
        for local, known in one.items()
    )


def _assigned(local: ir.Local, value: ir.Expression, facts: Facts) -> Facts:
    return None if facts is None else {**facts, local: _known(value, facts)}


def _known(value: ir.Expression, facts: dict[ir.Local, Known]) -> Known:
    if isinstance(value, ir.LocalRead | ir.AssignExpression) and value.local in facts:
        return facts[value.local]
    none, optional = isinstance(value.type, NoneType), isinstance(value.type, OptionalType)
    return Known(
        unassigned=False,
        may_be_none=none or optional,
        may_be_there=not none,
        origin=value.location if none or optional else None,
    )


def _merge(one: Facts, other: Facts) -> Facts:
    if one is None or other is None:
        return other if one is None else one
    return {local: _either(one[local], other[local]) for local in one}


def _either(one: Known, other: Known) -> Known:
    return Known(
        one.unassigned or other.unassigned,
        one.may_be_none or other.may_be_none,
        one.may_be_there or other.may_be_there,
        one.origin or other.origin,
    )


def _condition(test: ir.Expression, facts: dict[ir.Local, Known]) -> tuple[Facts, Facts]:
    """What is known where the test is true, and where it is false."""
    match test:
        case ir.Constant(value=value):
            return (facts, None) if value else (None, facts)
        case ir.Not(operand=operand):
            when_true, when_false = _condition(operand, facts)
            return when_false, when_true
        case ir.IsNone(operand=ir.LocalRead(local=local) | ir.AssignExpression(local=local) as operand) if (
            local in facts
        ):
            after = _value(operand, facts)
            return _refined(after, local, none=True), _refined(after, local, none=False)
        case ir.Logical(operator=operator, operands=parts):
            return _logical(operator, parts, facts)
        case ir.Compare(operands=parts):
            return _comparison(parts, facts)
        case _:
            after = _value(test, facts)
            return after, after


def _refined(facts: Facts, local: ir.Local, *, none: bool) -> Facts:
    if facts is None:
        return None
    known = facts[local]
    possible = known.may_be_none if none else known.may_be_there
    if not possible:
        return None
    return {**facts, local: Known(known.unassigned, none, not none, known.origin)}


def _logical(operator: str, parts: tuple[ir.Expression, ...], facts: dict[ir.Local, Known]) -> tuple[Facts, Facts]:
    going: Facts = facts
    left: Facts = None  # what is known on the ways that leave before the last operand
    for part in parts:
        if going is None:
            break
        when_true, when_false = _condition(part, going)
        going, leaving = (when_true, when_false) if operator == "and" else (when_false, when_true)
        left = _merge(left, leaving)
    return (going, left) if operator == "and" else (left, going)


def _comparison(parts: tuple[ir.Expression, ...], facts: dict[ir.Local, Known]) -> tuple[Facts, Facts]:
    """A chain leaves after the first comparison that is false: later operands may not have been evaluated."""
    going: Facts = facts
    left: Facts = None
    for index, part in enumerate(parts):
        if going is None:
            break
        going = _value(part, going)
        if index:
            left = _merge(left, going)
    return going, left


def _value(of: ir.Expression, facts: dict[ir.Local, Known]) -> Facts:
    """What is known after an expression has been evaluated."""
    match of:
        case ir.LocalRead(local=local):
            if local in facts and facts[local].unassigned:
                raise _unassigned(of, facts[local])
            return facts
        case ir.Unwrap(operand=operand):
            after = _value(operand, facts)
            if after is not None:
                _check_there(operand, after)
            return after
        case ir.AssignExpression(local=local, value=value):
            return _assigned(local, value, _value(value, facts))
        case ir.Conditional(test=test, then=then, otherwise=otherwise):
            when_true, when_false = _condition(test, facts)
            return _merge(
                None if when_true is None else _value(then, when_true),
                None if when_false is None else _value(otherwise, when_false),
            )
        case ir.Not() | ir.Logical() | ir.Compare():
            return _merge(*_condition(of, facts))
        case (
            ir.Constant()
            | ir.ContextRead()
            | ir.MapLookup()
            | ir.MapUpdate()
            | ir.MapDelete()
            | ir.RefRead()
            | ir.Binary()
            | ir.Unary()
            | ir.Wrap()
            | ir.IsNone()
            | ir.Truth()
            | ir.Extreme()
            | ir.Absolute()
        ):
            going: Facts = facts
            for part in operands(of):
                going = None if going is None else _value(part, going)
            return going
        case _:
            assert_never(of)


def _unassigned(read: ir.LocalRead, known: Known) -> Exception:
    name = read.local.name
    sometimes = known != NEVER_ASSIGNED
    return error(
        f"{name!r} may have no value here" if sometimes else f"{name!r} has no value here",
        read.location,
        found=f"the local {name!r}, "
        + ("which some way to this line does not assign" if sometimes else "not assigned yet"),
        expected="an assignment on every way to this line",
        fix=f"assign {name!r} before the branch",
    )


def _check_there(operand: ir.Expression, facts: dict[ir.Local, Known]) -> None:
    assert isinstance(operand, ir.LocalRead)
    known = facts[operand.local]
    if not known.may_be_none:
        return
    name, from_line = operand.local.name, f" from line {known.origin.line}" if known.origin else ""
    raise error(
        f"{name!r} may be None here" if known.may_be_there else f"{name!r} is None here",
        operand.location,
        found=f"{operand.type}{from_line}, used without a check",
        expected=f"a check of {name!r} for None on every way to this line",
        fix=f"write `if {name} is None: return ...` before it",
    )
