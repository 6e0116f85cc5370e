"""What holds on every way through a program: locals are assigned before use, looked-up values are checked for None.

The pass walks the structured IR with what is known of each local: whether it may be unassigned, and whether an optional
may be None or may hold something. Tests refine it on each of their two ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from osmia.compiler.diagnostics import error
from osmia.compiler.ir.nodes import (
    Assign,
    Binary,
    Compare,
    Constant,
    ContextRead,
    Evaluate,
    Expression,
    If,
    IsNone,
    Local,
    LocalRead,
    Logical,
    MapDelete,
    MapLookup,
    MapUpdate,
    Not,
    Program,
    RefRead,
    Return,
    Statement,
    StoreRef,
    Truth,
    Unary,
    Unwrap,
    Wrap,
)
from osmia.compiler.ir.types import NoneType, OptionalType
from osmia.record import frozen_record

if TYPE_CHECKING:
    from osmia.compiler.location import Location


@frozen_record
class Known:
    """What is known of a local at one point. An empty optional (neither) stands for a way that cannot be taken."""

    unassigned: bool
    """Whether it may not have been assigned yet."""
    may_be_none: bool
    may_be_there: bool
    origin: Location | None = None
    """Where the value that may be None came from."""


# What is known of all locals; None where control cannot come.
Facts = dict[Local, Known] | None
NEVER_ASSIGNED = Known(unassigned=True, may_be_none=False, may_be_there=False)


def check_flow(program: Program) -> None:
    """Raise CompileError for a use before assignment, an unchecked None, or a way without a return."""
    end = _statements(program, program.body, dict.fromkeys(program.locals, NEVER_ASSIGNED))
    if end is not None:
        raise error(
            f"{program.name} can end without returning",
            program.end,
            found="a way to the end of the function without a return",
            expected=f"{program.returns} on every way",
            fix=f"add a return of {program.returns} at the end",
        )


def _statements(program: Program, statements: tuple[Statement, ...], facts: Facts) -> Facts:
    for statement in statements:
        if facts is None:
            return None
        facts = _statement(program, statement, facts)
    return facts


def _statement(program: Program, statement: Statement, facts: dict[Local, Known]) -> Facts:
    match statement:
        case Assign(local=local, value=value):
            _expression(value, facts)
            return {**facts, local: _known(value, facts)}
        case StoreRef(ref=ref, value=value):
            # Python evaluates the value first, then the place.
            _expression(value, facts)
            _expression(ref, facts)
            return facts
        case Evaluate(value=value):
            _expression(value, facts)
            return facts
        case If(test=test, then=then, otherwise=otherwise):
            when_true, when_false = _condition(test, facts)
            return _merge(_statements(program, then, when_true), _statements(program, otherwise, when_false))
        case Return(value=value):
            _expression(value, facts)
            return None
        case _:
            assert_never(statement)


def _known(value: Expression, facts: dict[Local, Known]) -> Known:
    if isinstance(value, LocalRead) and value.local in facts:
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


def _condition(test: Expression, facts: dict[Local, Known]) -> tuple[Facts, Facts]:
    """What is known where the test is true, and where it is false."""
    match test:
        case Constant(value=value):
            return (facts, None) if value else (None, facts)
        case Not(operand=operand):
            when_true, when_false = _condition(operand, facts)
            return when_false, when_true
        case IsNone(operand=LocalRead(local=local)) if local in facts:
            _expression(test, facts)
            return _refined(facts, local, none=True), _refined(facts, local, none=False)
        case Logical(operator=operator, operands=operands):
            return _logical(operator, operands, facts)
        case _:
            _expression(test, facts)
            return facts, facts


def _refined(facts: dict[Local, Known], local: Local, *, none: bool) -> Facts:
    known = facts[local]
    possible = known.may_be_none if none else known.may_be_there
    if not possible:
        return None
    return {**facts, local: Known(known.unassigned, none, not none, known.origin)}


def _logical(operator: str, operands: tuple[Expression, ...], facts: dict[Local, Known]) -> tuple[Facts, Facts]:
    going: Facts = facts
    left: Facts = None  # what is known on the ways that leave before the last operand
    for operand in operands:
        if going is None:
            break
        when_true, when_false = _condition(operand, going)
        going, leaving = (when_true, when_false) if operator == "and" else (when_false, when_true)
        left = _merge(left, leaving)
    return (going, left) if operator == "and" else (left, going)


def _expression(of: Expression, facts: dict[Local, Known]) -> None:
    match of:
        case Constant() | ContextRead():
            return
        case LocalRead(local=local):
            if local in facts and facts[local].unassigned:
                raise _unassigned(of, facts[local])
        case Unwrap(operand=operand):
            _expression(operand, facts)
            _check_there(operand, facts)
        case MapLookup(key=key) | MapDelete(key=key):
            _expression(key, facts)
        case MapUpdate(key=key, value=value, flags=flags):
            for part in (key, value, flags):
                _expression(part, facts)
        case RefRead(ref=ref):
            _expression(ref, facts)
        case Binary(left=left, right=right):
            _expression(left, facts)
            _expression(right, facts)
        case Unary(operand=operand) | Wrap(operand=operand) | IsNone(operand=operand) | Truth(operand=operand):
            _expression(operand, facts)
        case Not() | Logical():
            _condition(of, facts)
        case Compare(operands=operands):
            for part in operands:
                _expression(part, facts)
        case _:
            assert_never(of)


def _unassigned(read: LocalRead, known: Known) -> Exception:
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


def _check_there(operand: Expression, facts: dict[Local, Known]) -> None:
    assert isinstance(operand, LocalRead)
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
