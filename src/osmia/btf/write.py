"""BTF of types that a Python program declares, for maps that are created without an object."""

from __future__ import annotations

from _struct import Struct

from osmia.btf import kinds
from osmia.layout import (
    ArrayLayout,
    BigEndianLayout,
    BooleanLayout,
    BytesLayout,
    CharsLayout,
    EnumLayout,
    IntegerLayout,
    SpinLockLayout,
    StructLayout,
)
from osmia.types import u8, u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.layout import Field, Layout

_HEADER = Struct("=HBBIIIII")
_TYPE = Struct("=III")
MAGIC = 0xEB9F


class Writer:
    """Types by number, as they are added; each layout is one type."""

    def __init__(self) -> None:
        self._types: list[bytes] = []
        self._strings = bytearray(1)
        self._names = {"": 0}
        self._known: dict[object, int] = {}

    def add(self, layout: Layout) -> int:
        """The number of the type of what lies in memory so."""
        key = (type(layout), layout) if not isinstance(layout, BooleanLayout) else BooleanLayout
        if key not in self._known:
            self._known[key] = self._add(layout)
        return self._known[key]

    def data(self) -> bytes:
        """The BTF of all types that were added, as the kernel takes it."""
        types = b"".join(self._types)
        header = _HEADER.pack(MAGIC, 1, 0, _HEADER.size, 0, len(types), len(types), len(self._strings))
        return header + types + bytes(self._strings)

    def _add(self, layout: Layout) -> int:
        match layout:
            case IntegerLayout(of=of):
                return self._integer(of.__name__, of.bits // 8, kinds.SIGNED if of.signed else 0)
            case BooleanLayout():
                return self._integer("bool", 1, kinds.BOOL)
            case EnumLayout():
                return self._enumeration(layout)
            case BigEndianLayout(of=big, storage=storage):
                return self._type(big.__name__, kinds.TYPEDEF, self.add(IntegerLayout(storage)))
            case ArrayLayout(element=element, length=length):
                return self._array(self.add(element), length)
            case CharsLayout(length=length):
                return self._array(self._char(), length)
            case BytesLayout(size=size):
                return self._array(self.add(IntegerLayout(_U8)), size)
            case SpinLockLayout():
                value = self.add(IntegerLayout(_U32))
                return self._type("bpf_spin_lock", kinds.STRUCT, 4, _TYPE.pack(self._name("val"), value, 0), entries=1)
            case StructLayout():
                return self._struct(layout)

    def _integer(self, name: str, size: int, encoding: int) -> int:
        return self._type(name, kinds.INT, size, (encoding << 24 | size * 8).to_bytes(4, "little"))

    def _char(self) -> int:
        if "char" not in self._known:
            self._known["char"] = self._integer("char", 1, kinds.SIGNED)
        return self._known["char"]

    def _array(self, element: int, length: int) -> int:
        return self._type("", kinds.ARRAY, 0, _TYPE.pack(element, self.add(IntegerLayout(_U32)), length))

    def _enumeration(self, layout: EnumLayout) -> int:
        """An enumeration; one that kernels before 6.0 cannot describe (of 8 bytes) is its number."""
        if layout.size > 4:
            return self.add(IntegerLayout(layout.storage))
        members = layout.of.__members__.items()
        packed = [Struct("=II").pack(self._name(name), int(member) & 0xFFFF_FFFF) for name, member in members]
        return self._type(layout.of.__name__, kinds.ENUM, layout.size, b"".join(packed), entries=len(packed))

    def _struct(self, layout: StructLayout) -> int:
        has_bits = any(field.bit_width is not None for field in layout.fields)
        members = b"".join([self._member(field, has_bits=has_bits) for field in layout.fields])
        kind = kinds.UNION if layout.union else kinds.STRUCT
        return self._type(layout.name, kind, layout.size, members, entries=len(layout.fields), flag=has_bits)

    def _member(self, field: Field, *, has_bits: bool) -> bytes:
        width = (field.bit_width or 0) << 24 if has_bits else 0
        return _TYPE.pack(self._name(field.name), self.add(field.layout), width | field.bit_offset)

    def _type(
        self, name: str, kind: int, size_or_type: int, after: bytes = b"", *, entries: int = 0, flag: bool = False
    ) -> int:
        self._types.append(_TYPE.pack(self._name(name), flag << 31 | kind << 24 | entries, size_or_type) + after)
        return len(self._types)

    def _name(self, name: str) -> int:
        if name not in self._names:
            self._names[name] = len(self._strings)
            self._strings += name.encode("ascii", "replace") + b"\0"
        return self._names[name]


_U8: Any = u8
_U32: Any = u32
