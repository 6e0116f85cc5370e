"""Numbers as LLVM IR: arithmetic, the context's fields, and what is only known when the program is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.arithmetic import extreme_type
from osmia.compiler.ir.types import IntType, integer_of
from osmia.compiler.llvm import memory
from osmia.compiler.llvm.arithmetic import bit_length, comparison, floor_divide, magnitude, shift, unsigned_divide
from osmia.compiler.llvm.debug_info import quoted
from osmia.compiler.llvm.error_edges import error_edge_if
from osmia.layout import layout_of
from osmia.logs.note import switch_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.compiler.llvm.function import FunctionWriter


def of_number(writer: FunctionWriter, of: ir.Absolute | ir.BitLength | ir.Limited) -> str:
    """What a number alone says."""
    value, of_value = writer.integer(of.operand), integer_of(of.operand.type)
    assert of_value is not None
    writer.out.at(of.location)
    if isinstance(of, ir.BitLength):
        return bit_length(writer.out, value, of_value.high)
    if isinstance(of, ir.Limited):
        number = writer.out.opaque_unless_constant(value)
        inside = writer.out.value(f"icmp ult i64 {number}, {of.most}")
        return writer.out.value(f"select i1 {inside}, i64 {number}, i64 {of.most}")
    return magnitude(writer.out, value, writer.out.value(f"icmp slt i64 {value}, 0"))


def extreme(writer: FunctionWriter, of: ir.Extreme) -> str:
    """`min` or `max`."""
    first, *rest = [(integer_of(part.type), writer.integer(part)) for part in of.operands]
    writer.out.at(of.location)
    best_type, best = first
    for other_type, other in rest:
        assert best_type is not None and other_type is not None  # noqa: PT018 - one invariant of the IR
        better = comparison(writer.out, "<" if of.operator == "min" else ">", other, other_type, best, best_type)
        best = writer.out.value(f"select i1 {better}, i64 {other}, i64 {best}")
        best_type = extreme_type(of.operator, best_type, other_type)
    return best


def context_read(writer: FunctionWriter, of: ir.ContextRead) -> str:
    """A field of the context."""
    base = "%ctx" if of.base is None else writer.pointer(of.base)
    writer.out.at(of.location)
    if not isinstance(of.type, IntType):
        return writer.out.context_field(base, of.offset, "ptr")
    loaded = writer.out.context_field(base, of.offset, f"i{of.bits}")
    return writer.out.extended(loaded, of.bits, signed=of.type.may_be_negative)


def known_when_loaded(writer: FunctionWriter, of: ir.SettingRead | ir.LogNumber) -> str:
    """The number of a log; or a setting, by a volatile load: LLVM sees the default, the kernel what was given."""
    if isinstance(of, ir.LogNumber):
        return str(writer.logs[of.format])
    layout = layout_of(of.declaration.of)
    assert layout is not None
    writer.out.at(of.location)
    return memory.load(writer.out, layout, f"@{quoted(of.symbol)}", layout.size, volatile=True)


def log_switch(writer: FunctionWriter, of: ir.LogSwitch) -> str:
    """A volatile load too. Each log has a variable, so that no two tests share the address in a register.

    So the loader finds each test by its relocation, and takes it out (loader/switches.py).
    """
    writer.out.at(of.location)
    read = writer.out.value(f"load volatile i8, ptr @{quoted(switch_name(writer.logs[of.format]))}, align 1")
    return writer.out.value(f"icmp ne i8 {read}, 0")


def binary(writer: FunctionWriter, of: ir.Binary) -> str:
    """Two numbers and an operator, by Python's meaning."""
    left_type, right_type = integer_of(of.left.type), integer_of(of.right.type)
    assert left_type is not None and right_type is not None  # noqa: PT018 - one invariant of the IR
    left, right = writer.integer(of.left), writer.integer(of.right)
    writer.out.at(of.location)
    if of.operator in ("//", "%"):
        if of.edge is not None:
            error_edge_if(writer, f"icmp eq i64 {right}, 0", of.location)
        signed = left_type.may_be_negative or right_type.may_be_negative
        return (floor_divide if signed else unsigned_divide)(writer.out, of.operator, left, right)
    if of.operator in ("<<", ">>"):
        if of.edge is not None:
            error_edge_if(writer, f"icmp slt i64 {right}, 0", of.location)
        return shift(writer.out, of.operator, left, left_type, right, right_type)
    instruction = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}[of.operator]
    return writer.out.value(f"{instruction} i64 {left}, {right}")


def conditional(writer: FunctionWriter, of: ir.Conditional, kind: str, value: Callable[[ir.Expression], str]) -> str:
    """Only one of the two is evaluated; a slot joins them."""
    slot = writer.out.slot(kind)
    then, otherwise, after = writer.out.label("then"), writer.out.label("else"), writer.out.label("after")
    writer.branch(of.test, then, otherwise)
    for label, operand in ((then, of.then), (otherwise, of.otherwise)):
        writer.out.start(label)
        writer.out.line(f"store {kind} {value(operand)}, ptr {slot}, align 8")
        writer.out.line(f"br label %{after}")
    writer.out.start(after)
    return writer.out.value(f"load {kind}, ptr {slot}, align 8")
