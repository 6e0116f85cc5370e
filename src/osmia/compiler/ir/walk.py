"""Walks the IR: every node of some statements, in the order of evaluation; and the locals that they assign."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from osmia.compiler.ir import nodes as ir

if TYPE_CHECKING:
    from collections.abc import Iterator


def operands(of: ir.Expression) -> tuple[ir.Expression, ...]:
    """The direct operands of an expression, in the order of evaluation."""
    match of:
        case ir.Constant() | ir.LocalRead() | ir.ArgumentRead() | ir.PacketLength() | ir.Dynptr():
            return ()
        case ir.ContextRead(base=base):
            return () if base is None else (base,)
        case ir.GlobalPlace() | ir.SettingRead() | ir.ConstantText() | ir.LogNumber() | ir.LogSwitch():
            return ()
        case ir.PacketAt(offset=offset) | ir.ArenaAt(offset=offset):
            return (offset,)
        case ir.MapLookup(map=map_, key=key) | ir.MapDelete(map=map_, key=key):
            return (*_found(map_), key)
        case ir.MapUpdate(map=map_, key=key, value=value, flags=flags):
            return (*_found(map_), key, value, flags)
        case ir.HelperCall(arguments=arguments) | ir.RawCall(arguments=arguments):
            parts = ((_found(each) if isinstance(each, ir.MapReference) else (each,)) for each in arguments)
            return tuple(part for found in parts for part in found)
        case ir.Atomic(place=place, operands=parts):
            return (place, *parts)
        case ir.Load(place=place):
            return (place,)
        case ir.Field(base=base):
            return (base,)
        case ir.Element(base=base, index=index):
            return (base, index)
        case ir.Construct(values=values):
            return tuple(value for _, value in values)
        case ir.Alike(left=left, right=right):
            return (left,) if isinstance(right, bytes) else (left, right)
        case ir.Sequence(value=value):
            return (value,)
        case ir.Binary(left=left, right=right):
            return (left, right)
        case ir.Address(operand=operand):
            return _found(operand) if isinstance(operand, ir.MapReference) else (operand,)
        case ir.MemoryAt(address=address, offset=offset):
            return (address, offset)
        case ir.Assume(operand=operand):
            return (operand,)
        case ir.Unwrap() | ir.Require() | ir.Unary() | ir.Wrap() | ir.IsNone() | ir.Truth() | ir.Not() | ir.Absolute():
            return (of.operand,)
        case ir.ByteSwap(operand=operand) | ir.BitLength(operand=operand) | ir.Limited(operand=operand):
            return (operand,)
        case ir.Compare(operands=parts) | ir.Logical(operands=parts) | ir.Extreme(operands=parts):
            return parts
        case ir.Conditional(test=test, then=then, otherwise=otherwise):
            return (test, then, otherwise)
        case ir.AssignExpression(value=value):
            return (value,)
        case _:
            assert_never(of)


def _found(map_: ir.MapReference) -> tuple[ir.Expression, ...]:
    """What leads to a map that was found in another one."""
    return () if map_.found is None else (map_.found,)


def nodes(statements: tuple[ir.Statement, ...]) -> Iterator[ir.Statement | ir.Expression]:
    """Every statement, and before it every expression of its own, operands before what uses them."""
    for statement in statements:
        parts, blocks = parts_of(statement)
        for part in parts:
            yield from _inside(part)
        yield statement
        for block in blocks:
            yield from nodes(block)


def program_nodes(program: ir.Program) -> Iterator[ir.Statement | ir.Expression]:
    """Every node of a program and of the functions that it calls."""
    yield from nodes(program.body)
    for function in program.functions:
        yield from nodes(function.body)


def parts_of(statement: ir.Statement) -> tuple[tuple[ir.Expression, ...], tuple[tuple[ir.Statement, ...], ...]]:
    """A statement's own expressions, in the order of evaluation, and the blocks in it."""
    match statement:
        case ir.Assign(value=value) | ir.Evaluate(value=value) | ir.Return(value=value) | ir.ContextStore(value=value):
            return (value,), ()
        case ir.Store(place=place, value=value) | ir.Copy(place=place, source=value):
            return (value, place), ()
        case ir.If(test=test, then=then, otherwise=otherwise):
            return (test,), (then, otherwise)
        case ir.Loop(test=test, body=body, step=step, otherwise=otherwise):
            return (test,), (body, step, otherwise)
        case ir.Fill(place=place):
            return (place,), ()
        case ir.Barrier(given=given):
            return (() if given is None else (given,)), ()
        case ir.Inlined(body=body):
            return (), (body,)
        case ir.ForEach(map=map_, flags=flags, body=body):
            return (*_found(map_), flags), (body,)
        case ir.CallFunction(arguments=arguments):
            return arguments, ()
        case ir.Scope(body=body, leave=leave, abort=abort):
            return (), (body, leave, abort)
        case ir.Break() | ir.Continue() | ir.Abort() | ir.CountError() | ir.Leave() | ir.Breakpoint():
            return (), ()
        case _:
            assert_never(statement)


def _inside(of: ir.Expression) -> Iterator[ir.Statement | ir.Expression]:
    if isinstance(of, ir.Sequence):
        yield from nodes(of.before)
    for operand in operands(of):
        yield from _inside(operand)
    yield of


def assigned(statements: tuple[ir.Statement, ...]) -> tuple[ir.Local, ...]:
    """The locals that statements assign, in the order of their first assignment."""
    return tuple(dict.fromkeys(local for each in nodes(statements) for local in targets(each)))


def targets(of: ir.Statement | ir.Expression) -> tuple[ir.Local, ...]:
    """The locals that a node itself assigns."""
    match of:
        case ir.Assign(local=local) | ir.AssignExpression(local=local):
            return (local,)
        case ir.ForEach(given=given, count=count):
            return *given, count
        case ir.CallFunction(results=results):
            return tuple(results)
        case _:
            return ()
