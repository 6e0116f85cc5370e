"""Objects in memory as LLVM IR: their fields and elements, those that are made, and those that helpers read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import PlaceType, integer_of, is_scalar, scalar_storage
from osmia.compiler.llvm import memory
from osmia.compiler.llvm.error_edges import error_edge
from osmia.compiler.llvm.places import ANY_ALIGNMENT, lowest_bit

if TYPE_CHECKING:
    from osmia.compiler.llvm.function import FunctionWriter
    from osmia.compiler.location import Location
    from osmia.layout import Layout

DYNPTR_SIZE = 16


def load_place(writer: FunctionWriter, place: ir.Expression, location: Location) -> str:
    """The number in a place."""
    assert isinstance(place.type, PlaceType)
    if isinstance(place, ir.Field) and place.field.bit_width is not None:
        base = writer.pointer(place.base)
        writer.out.at(location)
        return memory.load_bits(writer.out, place.field, base, writer.places.alignment(place.base))
    pointer = writer.pointer(place)
    writer.out.at(location)
    layout = place.type.layout
    return memory.load(writer.out, layout, pointer, min(layout.size, writer.places.alignment(place)))


def store_place(writer: FunctionWriter, place: ir.Expression, number: str, location: Location) -> None:
    """Put a number into a place."""
    assert isinstance(place.type, PlaceType)
    if isinstance(place, ir.Field) and place.field.bit_width is not None:
        base = writer.pointer(place.base)
        writer.out.at(location)
        memory.store_bits(writer.out, place.field, number, base, writer.places.alignment(place.base))
        return
    pointer = writer.pointer(place)
    writer.out.at(location)
    layout = place.type.layout
    memory.store(writer.out, layout, number, pointer, min(layout.size, writer.places.alignment(place)))


def copy_place(writer: FunctionWriter, place: ir.Expression, source: ir.Expression, location: Location) -> None:
    """Copy an object into a place."""
    assert isinstance(place.type, PlaceType)
    held, target = writer.pointer(source), writer.pointer(place)
    writer.out.at(location)
    alignment = min(writer.places.alignment(place), writer.places.alignment(source))
    memory.copy(writer.out, target, held, place.type.layout, alignment)


def construct(writer: FunctionWriter, of: ir.Construct) -> str:
    """All values are evaluated before anything is written: they may be made of the object's last life."""
    out, layout = writer.out, of.type.layout
    values = []
    for field, value in of.values:
        if is_scalar(field.layout):
            values.append(writer.integer(value))
            continue
        kept = out.object(field.layout.size)
        pointer = writer.pointer(value)
        memory.copy(out, kept, pointer, field.layout, writer.places.alignment(value))
        values.append(kept)
    out.at(of.location)
    made = out.object(layout.size)
    if writer.made is not None:
        writer.made.append(made)
        out.line(f"call void @llvm.lifetime.start.p0(ptr {made})")
    memory.fill(out, made, of.image.ljust((len(of.image) + 7) // 8 * 8, b"\0"), ANY_ALIGNMENT)
    for (field, _), held in zip(of.values, values, strict=True):
        alignment = min(ANY_ALIGNMENT, lowest_bit(field.offset))
        if field.bit_width is not None:
            memory.store_bits(out, field, held, made, ANY_ALIGNMENT)
        elif is_scalar(field.layout):
            place = memory.offset(out, made, field.offset)
            memory.store(out, field.layout, held, place, min(field.layout.size, alignment))
        else:
            memory.copy(out, memory.offset(out, made, field.offset), held, field.layout, alignment)
    return made


def dynptr(writer: FunctionWriter, of: ir.Dynptr) -> str:
    """The same memory whenever it is asked for."""
    owner, place = writer.dynptrs.get(id(of), (writer.out, ""))
    if owner is not writer.out:
        raise error(
            "a record is given up by the function that reserved it",
            of.location,
            found="a discard in a loop that is too long to stand as it is, whose rounds the kernel calls",
            expected="a discard behind the loop",
            fix="leave the loop with `break`, and discard the record there",
        )
    place = place or writer.out.object(DYNPTR_SIZE)
    writer.dynptrs[id(of)] = owner, place
    return place


def element_place(writer: FunctionWriter, of: ir.Element) -> str:
    """The address of an element. The verifier wants to see that the index is inside, whatever is known of it."""
    out, size = writer.out, of.type.layout.size
    base, index_type = writer.pointer(of.base), integer_of(of.index.type)
    assert index_type is not None
    if isinstance(of.index, ir.Constant):
        return memory.offset(out, base, of.index.value % of.length * size)
    index = writer.integer(of.index)
    out.at(of.location)
    if of.tested:
        distance = out.value(f"mul i64 {index}, {size}")
        return out.value(f"getelementptr i8, ptr {base}, i64 {distance}")
    if index_type.may_be_negative:
        negative = out.value(f"icmp slt i64 {index}, 0")
        from_end = out.value(f"add i64 {index}, {of.length}")
        index = out.value(f"select i1 {negative}, i64 {from_end}, i64 {index}")
    index = out.opaque_unless_constant(index)
    inside, outside = out.label("inside"), out.label("outside")
    out.branch(out.value(f"icmp ult i64 {index}, {of.length}"), inside, outside)
    out.start(outside)
    if of.edge is not None:
        error_edge(writer, of.location)
    else:
        writer.leave_scopes(0, aborting=True)
        writer.give_up()
    out.start(inside)
    distance = out.value(f"mul i64 {index}, {size}") if size != 1 else index
    return out.value(f"getelementptr i8, ptr {base}, i64 {distance}")


def key_address(writer: FunctionWriter, value: ir.Expression, layout: Layout) -> str:
    """The address of a key. The kernel compares keys byte by byte: what is between the fields has to be 0."""
    pointer = value_address(writer, value, layout)
    if is_scalar(layout) or writer.places.padding_is_zero(value):
        return pointer
    held = writer.out.object(layout.size)
    memory.copy_fields(writer.out, held, pointer, memory.mask_of(layout), writer.places.alignment(value))
    return held


def value_address(writer: FunctionWriter, value: ir.Expression, layout: Layout) -> str:
    """The address of a value, for a helper that reads it."""
    if not is_scalar(layout):
        return writer.pointer(value)
    number = writer.integer(value)
    if isinstance(value, ir.LocalRead) and value.local.storage is None:
        # LLVM would keep a second register for the lower half of what a loop changes.
        number = writer.out.opaque_unless_constant(number)
    held = writer.out.slot(f"i{8 * layout.size}")
    memory.store(writer.out, layout, number, held, layout.size)
    return held


def atomic(writer: FunctionWriter, of: ir.Atomic) -> str:
    """One instruction. Where the result is not wanted the weakest order does, which v1 has too."""
    assert isinstance(of.place.type, PlaceType)
    out, storage = writer.out, scalar_storage(of.place.type.layout)
    operands = [writer.integer(operand) for operand in of.operands]
    if of.operation == "add" and not of.fetch:
        # LLVM makes `or` of an addition that it finds to be of 0, an instruction that 5.10 does not have.
        known = operands[0].lstrip("-").isdigit() and operands[0] != "0"
        operands = operands if known else [out.hidden(operands[0], "i64", "false")]
    place = writer.pointer(of.place)
    out.at(of.location)
    values = [out.narrowed(operand, storage.bits) for operand in operands]
    bits, alignment = f"i{storage.bits}", storage.bits // 8
    if of.operation == "compare_exchange":
        pair = out.value(
            f"cmpxchg ptr {place}, {bits} {values[0]}, {bits} {values[1]} seq_cst seq_cst, align {alignment}"
        )
        before = out.value(f"extractvalue {{ {bits}, i1 }} {pair}, 0")
    else:
        operation = "xchg" if of.operation == "exchange" else of.operation
        order = "seq_cst" if of.fetch else "monotonic"
        before = out.value(f"atomicrmw {operation} ptr {place}, {bits} {values[0]} {order}, align {alignment}")
    return out.extended(before, storage.bits, signed=storage.signed) if of.fetch else before
