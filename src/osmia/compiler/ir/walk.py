"""Walks the IR: every expression of some statements, in the order of evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

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
    LocalRead,
    Logical,
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
        case Unwrap() | Unary() | Wrap() | IsNone() | Truth() | Not():
            return (of.operand,)
        case Compare(operands=parts) | Logical(operands=parts):
            return parts
        case _:
            assert_never(of)


def expressions(statements: tuple[Statement, ...]) -> Iterator[Expression]:
    """Every expression, operands before what uses them."""
    for statement in statements:
        match statement:
            case Assign(value=value) | Evaluate(value=value) | Return(value=value):
                yield from _inside(value)
            case StoreRef(ref=ref, value=value):
                yield from _inside(value)
                yield from _inside(ref)
            case If(test=test, then=then, otherwise=otherwise):
                yield from _inside(test)
                yield from expressions(then)
                yield from expressions(otherwise)
            case _:
                assert_never(statement)


def _inside(of: Expression) -> Iterator[Expression]:
    for operand in operands(of):
        yield from _inside(operand)
    yield of
