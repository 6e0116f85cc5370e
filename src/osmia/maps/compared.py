"""Compares how a declaration lies in memory with what an object's BTF says of it."""

from __future__ import annotations

from osmia.btf import kinds
from osmia.layout import ArrayLayout, BytesLayout, CharsLayout, IntegerLayout, SpinLockLayout, StructLayout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.btf.read import Btf, BtfType, Member
    from osmia.layout import Field, Layout

SIGNED = 1
LOCK = "bpf_spin_lock"


def difference(btf: Btf, number: int, layout: Layout, where: str) -> str:
    """Where the object's type says something else than the declaration; empty where it does not.

    Fields are the same by name: what the object has beside those that are declared does not matter.
    """
    found = btf.resolve(number)
    match layout:
        case StructLayout():
            return _of_struct(btf, found, layout, where)
        case ArrayLayout(element=element, length=length):
            if found.kind != kinds.ARRAY:
                return _other(where, found, layout)
            inner, _, count = btf.array(found)
            if count != length:
                return f"{where} has {count} elements there, expected {length}"
            return difference(btf, inner, element, f"{where}[]")
        case CharsLayout(length=length):
            if found.kind != kinds.ARRAY or btf.array(found)[2] != length or btf.size(btf.array(found)[0]) != 1:
                return _other(where, found, layout)
        case SpinLockLayout():
            return "" if found.kind == kinds.STRUCT and found.name == LOCK else _other(where, found, layout)
        case BytesLayout():
            return ""
        case _:
            return _of_number(btf, number, found, layout, where)
    return ""


def _of_number(btf: Btf, number: int, found: BtfType, layout: Layout, where: str) -> str:
    if found.kind not in {kinds.INT, kinds.ENUM, kinds.ENUM64} or btf.size(number) != layout.size:
        return _other(where, found, layout)
    if not isinstance(layout, IntegerLayout) or found.kind != kinds.INT:
        return ""
    signed = bool(btf.integer(found)[0] & SIGNED)
    if signed is layout.of.signed:
        return ""
    return f"{where} is {'signed' if signed else 'unsigned'} there, expected {layout.name}"


def _of_struct(btf: Btf, found: BtfType, layout: StructLayout, where: str) -> str:
    if found.kind != (kinds.UNION if layout.union else kinds.STRUCT):
        return _other(where, found, layout)
    members = {member.name: member for member in btf.members(found)}
    for field in layout.fields:
        member = members.get(field.name)
        if member is None:
            return f"{where} has no field {field.name} there; it has {', '.join(members)}"
        problem = _of_field(btf, member, field, f"{where}.{field.name}")
        if problem:
            return problem
    return ""


def _of_field(btf: Btf, member: Member, field: Field, where: str) -> str:
    if member.offset != field.bit_offset:
        return f"{where} lies at {_place(member.offset)} there, expected {_place(field.bit_offset)}"
    if member.bits != (field.bit_width or 0):
        expected = f"{field.bit_width} bits" if field.bit_width else "whole bytes"
        there = f"{member.bits} bits" if member.bits else "whole bytes"
        return f"{where} is {there} there, expected {expected}"
    return difference(btf, member.type, field.layout, where)


def _place(bits: int) -> str:
    return f"byte {bits // 8}" if bits % 8 == 0 else f"bit {bits}"


def _other(where: str, found: BtfType, layout: Layout) -> str:
    there = f"{kinds.NAMES[found.kind]} {found.name}".rstrip().lower()
    return f"{where} is of type {there} there, expected {layout.name}"
