"""Walks the IR: every node of some statements, in the order of evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from osmia.compiler.ir.nodes import (
    Abort,
    Absolute,
    Assign,
    AssignExpression,
    Binary,
    Break,
    Compare,
    Conditional,
    Constant,
    ContextRead,
    Continue,
    Evaluate,
    Expression,
    Extreme,
    If,
    IsNone,
    LocalRead,
    Logical,
    Loop,
    MapDelete,
    MapLookup,
    MapUpdate,
    Not,
    RefRead,
    Return,
    Statement,
    StoreRef,
    Truth,
    Unary,
    Unwrap,
    Wrap,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def operands(of: Expression) -> tuple[Expression, ...]:
    """The direct operands of an expression, in the order of evaluation."""
    match of:
        case Constant() | LocalRead() | ContextRead():
            return ()
        case MapLookup(key=key) | MapDelete(key=key):
            return (key,)
        case MapUpdate(key=key, value=value, flags=flags):
            return (key, value, flags)
        case RefRead(ref=ref):
            return (ref,)
        case Binary(left=left, right=right):
            return (left, right)
        case Unwrap() | Unary() | Wrap() | IsNone() | Truth() | Not() | Absolute():
            return (of.operand,)
        case Compare(operands=parts) | Logical(operands=parts) | Extreme(operands=parts):
            return parts
        case Conditional(test=test, then=then, otherwise=otherwise):
            return (test, then, otherwise)
        case AssignExpression(value=value):
            return (value,)
        case _:
            assert_never(of)


def nodes(statements: tuple[Statement, ...]) -> Iterator[Statement | Expression]:
    """Every statement, and before it every expression of its own, operands before what uses them."""
    for statement in statements:
        parts, blocks = _parts(statement)
        for part in parts:
            yield from _inside(part)
        yield statement
        for block in blocks:
            yield from nodes(block)


def _parts(statement: Statement) -> tuple[tuple[Expression, ...], tuple[tuple[Statement, ...], ...]]:
    """A statement's own expressions, in the order of evaluation, and the blocks in it."""
    match statement:
        case Assign(value=value) | Evaluate(value=value) | Return(value=value):
            return (value,), ()
        case StoreRef(ref=ref, value=value):
            return (value, ref), ()
        case If(test=test, then=then, otherwise=otherwise):
            return (test,), (then, otherwise)
        case Loop(test=test, body=body, step=step, otherwise=otherwise):
            return (test,), (body, step, otherwise)
        case Break() | Continue() | Abort():
            return (), ()
        case _:
            assert_never(statement)


def _inside(of: Expression) -> Iterator[Expression]:
    for operand in operands(of):
        yield from _inside(operand)
    yield of
