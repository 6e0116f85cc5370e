"""References into packets and to records, as LLVM IR: beside each stands whether there is nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import OptionalType
from osmia.compiler.llvm.objects import dynptr
from osmia.compiler.llvm.packets import varying

if TYPE_CHECKING:
    from osmia.compiler.llvm.function import FunctionWriter
    from osmia.compiler.llvm.packets import View


def view_of(writer: FunctionWriter, of: ir.Expression) -> View:
    """A reference and whether it is None.

    What may lead into a packet is not null where it is None: its check against the packet's end says so, and a
    test for None is that check and no other.
    """
    match of:
        case ir.PacketAt(offset=offset):
            number = writer.integer(varying(offset)[0])
            writer.out.at(of.location)
            return writer.packet.at(of, number)
        case ir.LocalRead(local=local) | ir.AssignExpression(local=local) if local in writer.views:
            pointer = writer.pointer(of)
            held = writer.out.value(f"load i8, ptr {writer.nothing[local]}, align 1")
            return pointer, writer.out.value(f"icmp ne i8 {held}, 0")
        case ir.Sequence(before=before, value=value):
            writer.statements(before)
            return view_of(writer, value)
        case ir.Conditional(test=test, then=ir.Constant(), otherwise=ir.Dynptr() as slot):
            # The place is there in either case. A verifier that forgets what the test was finds no null pointer.
            nothing = writer.boolean(test)
            return dynptr(writer, slot), nothing
        case ir.Conditional():
            return _view_of_two(writer, of)
        case ir.Constant():
            return "null", "true"
    pointer = writer.pointer(of)
    if not isinstance(of.type, OptionalType):
        return pointer, "false"
    writer.out.at(of.location)
    nothing = writer.out.value(f"icmp eq ptr {pointer}, null")
    if isinstance(of, ir.HelperCall):
        decided = writer.out.opaque(writer.out.value(f"zext i1 {nothing} to i64"))
        nothing = writer.out.value(f"icmp ne i64 {decided}, 0")
    return pointer, nothing


def _view_of_two(writer: FunctionWriter, of: ir.Conditional) -> View:
    """Only one of the two is evaluated."""
    slot, nothing = writer.out.slot("ptr"), writer.out.slot("i8")
    then, otherwise, after = writer.out.label("then"), writer.out.label("else"), writer.out.label("after")
    writer.branch(of.test, then, otherwise)
    for label, operand in ((then, of.then), (otherwise, of.otherwise)):
        writer.out.start(label)
        pointer, none = view_of(writer, operand)
        writer.out.line(f"store ptr {pointer}, ptr {slot}, align 8")
        held = writer.out.value(f"zext i1 {none} to i8")
        writer.out.line(f"store i8 {held}, ptr {nothing}, align 1")
        writer.out.line(f"br label %{after}")
    writer.out.start(after)
    pointer = writer.out.value(f"load ptr, ptr {slot}, align 8")
    held = writer.out.value(f"load i8, ptr {nothing}, align 1")
    return pointer, writer.out.value(f"icmp ne i8 {held}, 0")


def assign_view(writer: FunctionWriter, local: ir.Local, value: ir.Expression) -> None:
    """Keep a reference and whether it is None."""
    pointer, nothing = view_of(writer, value)
    if local in writer.reserved and nothing == "true":
        # LLVM would tell by the condition for it whether it was given away: the verifier does not remember that.
        nothing = writer.out.value(f"icmp ne i64 {writer.out.opaque('1')}, 0")
    writer.out.line(f"store ptr {pointer}, ptr {writer.locals[local]}, align 8")
    held = writer.out.value(f"zext i1 {nothing} to i8")
    writer.out.line(f"store i8 {held}, ptr {writer.nothing[local]}, align 1")
    writer.mark_held(local)


def unless_nothing(writer: FunctionWriter, local: ir.Local, pointer: str) -> str:
    """The pointer that is held in a local, null where there is nothing."""
    nothing = writer.out.value(f"load i8, ptr {writer.nothing[local]}, align 1")
    test = writer.out.value(f"icmp ne i8 {nothing}, 0")
    return writer.out.value(f"select i1 {test}, ptr null, ptr {pointer}")
