"""Conditions as LLVM IR: branches that evaluate no more than Python does, and tests that LLVM must not merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.origins import leads_to
from osmia.compiler.ir.types import integer_of
from osmia.compiler.llvm.arithmetic import comparison
from osmia.compiler.llvm.emitter import KEEP_APART
from osmia.compiler.llvm.views import view_of

if TYPE_CHECKING:
    from osmia.compiler.llvm.function import FunctionWriter
    from osmia.compiler.location import Location


def write_if(writer: FunctionWriter, statement: ir.If, following: tuple[ir.Statement, ...]) -> None:
    """`if`; `following` is what comes behind it, as far as that can be told."""
    match statement:
        case ir.If(
            test=ir.IsNone(operand=ir.LocalRead() as optional), then=(ir.Return(value=ir.Constant(value=0)), *_)
        ) if optional.local not in writer.views and not writer.scopes and writer.callback is None:
            _return_null_if_none(writer, optional, statement)
            return
    then, otherwise, after = writer.out.label("then"), writer.out.label("else"), writer.out.label("after")
    for label, statements in ((then, statement.then), (otherwise, statement.otherwise)):
        match statements or following:
            case (ir.Return(value=ir.Constant()), *_) if not writer.scopes:
                writer.returning.add(label)
    writer.branch(statement.test, then, otherwise)
    falls = False
    for label, statements in ((then, statement.then), (otherwise, statement.otherwise)):
        writer.out.start(label)
        writer.statements(statements)
        if not writer.out.ended:
            falls = True
            writer.out.go(after)
    writer.out.ended = not falls
    if falls:
        writer.out.start(after)


def _return_null_if_none(writer: FunctionWriter, optional: ir.LocalRead, statement: ir.If) -> None:
    """`if x is None: return 0`: the null pointer itself is the 0 that is returned, already in r0 after a look-up.

    LLVM would put the constant back wherever it knows that the pointer is null, so the returned number goes
    through an empty asm before the test. It makes the packet counter 13 slots long on v4 instead of 15.
    """
    number = writer.out.value(f"ptrtoint ptr {writer.pointer(optional)} to i64")
    returned = writer.out.opaque(number)
    none, there = writer.out.label("none"), writer.out.label("there")
    test = writer.out.value(f"icmp eq i64 {number}, 0")
    writer.out.line(f"br i1 {test}, label %{none}, label %{there}")
    writer.out.start(none)
    writer.out.at(statement.then[0].location)
    writer.out.line(f"ret i32 {writer.out.narrowed(returned, 32)}")
    writer.out.start(there)
    writer.statements(statement.otherwise)


def branch_on_none(writer: FunctionWriter, nothing: str, location: Location, when_true: str, when_false: str) -> None:
    """A test for None that stays a branch of its own.

    LLVM merges neighbouring tests where it can, and makes `p == 0 and n == 0` into `p | n == 0`: arithmetic on a
    pointer, which the verifier refuses, and of the checks of two views into arithmetic on their outcomes, from
    which it learns nothing. An empty asm before the test and on both ways keeps the neighbours apart.
    """
    writer.out.at(location)
    writer.out.line(KEEP_APART)
    none, there = writer.out.label("none"), writer.out.label("there")
    writer.out.line(f"br i1 {nothing}, label %{none}, label %{there}")
    for label, target in ((none, when_true), (there, when_false)):
        writer.out.start(label)
        if target not in writer.returning:
            writer.out.line(KEEP_APART)
        writer.out.line(f"br label %{target}")


def chain(
    writer: FunctionWriter,
    operators: tuple[str, ...],
    operands: tuple[ir.Expression, ...],
    location: Location,
    when_true: str,
    when_false: str,
) -> None:
    """`a < b < c`: what is behind the first comparison that fails is not evaluated."""
    left_type, left = integer_of(operands[0].type), writer.integer(operands[0])
    for index, (operator, right_operand) in enumerate(zip(operators, operands[1:], strict=True)):
        right_type, right = integer_of(right_operand.type), writer.integer(right_operand)
        writer.out.at(location)
        assert left_type is not None and right_type is not None  # noqa: PT018 - one invariant of the IR
        condition = comparison(writer.out, operator, left, left_type, right, right_type)
        last = index == len(operators) - 1
        following = when_true if last else writer.out.label("next")
        writer.out.line(f"br i1 {condition}, label %{following}, label %{when_false}")
        if not last:
            writer.out.start(following)
        left_type, left = right_type, right


def branched(writer: FunctionWriter, of: ir.Expression) -> str:
    """The value of a condition that is evaluated by branching."""
    when_true, when_false, after = writer.out.label("true"), writer.out.label("false"), writer.out.label("bool")
    writer.branch(of, when_true, when_false)
    for label in (when_true, when_false):
        writer.out.start(label)
        writer.out.line(f"br label %{after}")
    writer.out.start(after)
    return writer.out.value(f"phi i1 [ true, %{when_true} ], [ false, %{when_false} ]")


def is_none(writer: FunctionWriter, of: ir.Expression) -> str:
    """Whether an optional is None, as an i1."""
    if leads_to(of, ir.PacketAt, writer.views):
        return view_of(writer, of)[1]
    pointer = writer.pointer(of)
    writer.out.at(of.location)
    return writer.out.value(f"icmp eq ptr {pointer}, null")
