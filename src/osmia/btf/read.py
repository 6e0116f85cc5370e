"""The reader of raw BTF: types by id and by name."""

from __future__ import annotations

import struct
import sys
from _bisect import bisect_left  # without the Python half of `bisect`, which costs start-up time

from osmia.btf import kinds
from osmia.elf import read_string
from osmia.errors import ObjectError
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAGIC = 0xEB9F
# How far arrays, typedefs and qualifiers may nest, as in libbpf.
MAX_DEPTH = 32

# A name that so many others end with is looked for type by type.
MANY_PLACES = 16

_HEADER = 24


@record
class Member:
    """A member of a struct or union."""

    name: str
    type: int
    """Its type's id."""
    offset: int
    """In bits."""
    bits: int
    """Of a bit field; 0 for any other member."""


@record
class BtfType:
    """A type. Which of its fields mean something depends on its kind."""

    id: int
    kind: int
    """One of osmia.btf.kinds."""
    name: str
    kind_flag: bool
    vlen: int
    """How many members, values, parameters or variables it has; of a FUNC its linkage."""
    size_or_type: int
    """Its size in bytes, or the id of the type it refers to."""


class Btf:
    """The BTF of an object or a kernel. Types are decoded when they are asked for; type 0 is void."""

    def __init__(self, data: bytes, name: str) -> None:
        """Read the header and find where each type lies. `name` is for messages."""
        self.name = name
        self.byte_order = byte_order(data, name, "BTF")
        self.data = data
        self.types_at, self._types, self.strings = _split(data, self.byte_order, name)
        """Where the types start in `data`, and the section of strings."""
        self._offsets = _walk(self._types, self.byte_order, name)

    def __len__(self) -> int:
        """How many types there are, void included."""
        return len(self._offsets)

    def type(self, number: int) -> BtfType:
        """The type with that id. ObjectError where there is none."""
        if number == 0:
            return BtfType(0, kinds.VOID, "", kind_flag=False, vlen=0, size_or_type=0)
        name_at, info, size_or_type = struct.unpack_from(self.byte_order + "III", self._types, self.offset(number))
        kind = info >> 24 & 31
        if kind in kinds.REFERENCES and size_or_type >= len(self._offsets):
            raise ObjectError(
                f"{self.name}: BTF type {number} refers to type {size_or_type}, but there are {len(self._offsets)}"
            )
        return BtfType(number, kind, self.string(name_at), bool(info >> 31), info & 0xFFFF, size_or_type)

    def offset(self, number: int) -> int:
        """Where a type lies in the section of types, in bytes."""
        if not 0 < number < len(self._offsets):
            raise ObjectError(f"{self.name}: there is no BTF type {number}: the ids are 1 to {len(self._offsets) - 1}")
        return self._offsets[number]

    def string(self, at: int) -> str:
        """The string at an offset of the section of strings."""
        return read_string(self.strings, at, self.name, "a name in the BTF")

    def text(self, at: int) -> str:
        """A file's name or a source line: for people, so bytes that are no UTF-8 are shown, not refused."""
        end = self.strings.find(b"\0", at)
        if end < 0:
            raise ObjectError(f"{self.name}: line info refers to byte {at} of {len(self.strings)} bytes of strings")
        return self.strings[at:end].decode(errors="backslashreplace")

    def find(self, name: str, kind: int) -> BtfType | None:
        """The first type of that name and kind."""
        wanted = name.encode() + b"\0"
        places = self._places(wanted) if name else None
        if places is not None:
            found = [number for at in places for number in self._named_at(at) if self.type(number).kind == kind]
            return self.type(min(found)) if found else None
        for number in range(1, len(self._offsets)):
            name_at, info = struct.unpack_from(self.byte_order + "II", self._types, self._offsets[number])
            if info >> 24 & 31 == kind and self.strings.startswith(wanted, name_at):
                return self.type(number)
        return None

    def _places(self, wanted: bytes) -> list[int] | None:
        """Where a name may begin in the strings, other names' ends included; None where these are many."""
        places: list[int] = []
        at = self.strings.find(wanted)
        while at >= 0:
            if len(places) == MANY_PLACES:
                return None
            places.append(at)
            at = self.strings.find(wanted, at + 1)
        return places

    def _named_at(self, name_at: int) -> Iterator[int]:
        """The types whose name is at an offset of the strings: a search in bytes, as a kernel has 100,000 types."""
        wanted = struct.pack(self.byte_order + "I", name_at)
        at = self._types.find(wanted)
        while at >= 0:
            number = bisect_left(self._offsets, at)
            if number < len(self._offsets) and self._offsets[number] == at:
                yield number
            at = self._types.find(wanted, at + 1)

    def of_kind(self, kind: int) -> list[BtfType]:
        """Every type of a kind, in the order of their ids."""
        shift = 3 if self.byte_order == "<" else 0
        return [
            self.type(number)
            for number in range(1, len(self._offsets))
            if self._types[self._offsets[number] + 4 + shift] & 31 == kind
        ]

    def resolve(self, number: int) -> BtfType:
        """The type behind typedefs and qualifiers."""
        for _ in range(MAX_DEPTH):
            found = self.type(number)
            if found.kind not in kinds.MODIFIERS:
                return found
            number = found.size_or_type
        raise ObjectError(f"{self.name}: BTF type {number} is a chain of more than {MAX_DEPTH} typedefs and qualifiers")

    def size(self, number: int) -> int:
        """The size of a type in bytes."""
        count = 1
        for _ in range(MAX_DEPTH):
            found = self.resolve(number)
            if found.kind == kinds.ARRAY:
                number, _, elements = self.array(found)
                count *= elements
            elif found.kind == kinds.PTR:
                return count * 8
            elif found.kind in {kinds.VOID, kinds.FWD, kinds.FUNC, kinds.FUNC_PROTO, kinds.VAR, kinds.DECL_TAG}:
                raise ObjectError(f"{self.name}: BTF type {number} ({kinds.NAMES[found.kind]}) has no size")
            else:
                return count * found.size_or_type
        raise ObjectError(f"{self.name}: BTF type {number} is an array of more than {MAX_DEPTH} dimensions")

    def entries(self, of: BtfType, layout: str) -> list[tuple[int, ...]]:
        """The entries after a type's first 12 bytes, `layout` each."""
        before, each = kinds.SIZES[of.kind]
        start = self.offset(of.id) + 12
        raw = self._types[start : start + before + each * (of.vlen if each else 0)]
        return list(struct.iter_unpack(self.byte_order + layout, raw))

    def integer(self, of: BtfType) -> tuple[int, int, int]:
        """Of an INT: its encoding, its offset and its width in bits."""
        ((word,),) = self.entries(of, "I")
        return word >> 24 & 15, word >> 16 & 0xFF, word & 0xFF

    def array(self, of: BtfType) -> tuple[int, int, int]:
        """Of an ARRAY: the ids of its elements' and its index's types, and how many elements it has."""
        ((element, index, count),) = self.entries(of, "III")
        return element, index, count

    def members(self, of: BtfType) -> list[Member]:
        """Of a STRUCT or UNION."""
        return [
            Member(self.string(name_at), number, where & 0xFFFFFF, where >> 24)
            if of.kind_flag
            else Member(self.string(name_at), number, where, 0)
            for name_at, number, where in self.entries(of, "III")
        ]

    def values(self, of: BtfType) -> list[tuple[str, int]]:
        """Of an ENUM or ENUM64: names and values."""
        if of.kind == kinds.ENUM:
            return [(self.string(at), value) for at, value in self.entries(of, "Ii" if of.kind_flag else "II")]
        return [
            (self.string(at), low | high << 32) for at, low, high in self.entries(of, "IIi" if of.kind_flag else "III")
        ]

    def parameters(self, of: BtfType) -> list[tuple[str, int]]:
        """Of a FUNC_PROTO: names and ids of types."""
        return [(self.string(at), number) for at, number in self.entries(of, "II")]

    def linkage(self, of: BtfType) -> int:
        """Of a FUNC or VAR: STATIC, GLOBAL or EXTERN."""
        if of.kind == kinds.FUNC:
            return of.vlen
        ((value,),) = self.entries(of, "I")
        return value

    def component(self, of: BtfType) -> int:
        """Of a DECL_TAG: which member or parameter it is for, -1 for the whole."""
        ((value,),) = self.entries(of, "i")
        return value

    def variables(self, of: BtfType) -> list[tuple[int, int, int]]:
        """Of a DATASEC: id of the VAR, offset and size in bytes."""
        return [(number, offset, size) for number, offset, size in self.entries(of, "III")]


def byte_order(data: bytes, name: str, what: str) -> str:
    """Which byte order BTF or BTF.ext is in, as struct writes it."""
    for order in "<>":
        if len(data) >= 8 and struct.unpack_from(order + "H", data)[0] == MAGIC:
            version = data[2]
            if version != 1:
                raise ObjectError(f"{name}: {what} version {version}, expected 1")
            return order
    raise ObjectError(f"{name}: no {what}: it starts with {data[:2]!r}, expected the magic number {MAGIC:#x}")


def _split(data: bytes, order: str, name: str) -> tuple[int, bytes, bytes]:
    if len(data) < _HEADER:
        raise ObjectError(f"{name}: the BTF header is cut short: {len(data)} bytes, expected {_HEADER}")
    header, types_at, types_size, strings_at, strings_size = struct.unpack_from(order + "IIIII", data, 4)
    parts = []
    for what, at, size in (("types", types_at, types_size), ("strings", strings_at, strings_size)):
        if header < _HEADER or header + at + size > len(data):
            raise ObjectError(
                f"{name}: the BTF's {what} would lie at bytes {header + at} to {header + at + size}, "
                f"but it has {len(data)}"
            )
        parts.append(data[header + at : header + at + size])
    types, strings = parts
    if not strings.startswith(b"\0") or not strings.endswith(b"\0"):
        raise ObjectError(f"{name}: the BTF's strings do not start and end with a NUL")
    return header + types_at, types, strings


def _walk(types: bytes, order: str, name: str) -> list[int]:
    """Where each type lies, by id. A kernel has 100,000 types, so the loop does the least that it can."""
    offsets = [-1]
    add = offsets.append
    words = _words(types, order)
    sizes = [(3 + (before >> 2), each >> 2) for before, each in kinds.SIZES]
    known = len(sizes)
    at, end = 0, len(words) - 2
    while at < end:
        info = words[at + 1]
        kind = info >> 24 & 31
        if not 0 < kind < known:
            raise ObjectError(f"{name}: BTF type {len(offsets)} is of kind {kind}, which osmia does not know")
        add(at << 2)
        fixed, each = sizes[kind]
        at += fixed + each * (info & 0xFFFF) if each else fixed
    if at << 2 != len(types):
        raise ObjectError(
            f"{name}: BTF type {len(offsets)} is cut short: it would end at byte {at << 2} of {len(types)}"
        )
    return offsets


def _words(types: bytes, order: str) -> Sequence[int]:
    """The section of types as numbers of 4 bytes."""
    whole = len(types) // 4 * 4
    if (order == "<") == (sys.byteorder == "little"):
        return memoryview(types)[:whole].cast("I")
    return struct.unpack(f"{order}{whole // 4}I", types[:whole])
