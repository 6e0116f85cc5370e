"""How types lie in memory: as C lays them out on 64-bit little-endian machines (System V)."""

from __future__ import annotations

from osmia.big_endian import is_big_endian
from osmia.record import frozen_record
from osmia.types import BigEndian, is_integer, storage_of, u8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from osmia.types import Integer

LARGEST = 1 << 24
"""No type is larger, in bytes: what BTF can say of a bit field's place."""


@frozen_record
class IntegerLayout:
    """One of u8..i64."""

    of: type[Integer]

    @property
    def size(self) -> int:
        """In bytes."""
        return self.of.bits // 8

    alignment = size

    @property
    def name(self) -> str:
        """For messages and BTF."""
        return self.of.__name__


@frozen_record
class BooleanLayout:
    """A bool: a byte that is 0 or 1."""

    @property
    def storage(self) -> type[Integer]:
        """What it is stored as."""
        return u8  # type: ignore[return-value]

    @property
    def size(self) -> int:
        """In bytes."""
        return 1

    alignment = size

    @property
    def name(self) -> str:
        """For messages and BTF."""
        return "bool"


@frozen_record
class EnumLayout:
    """An IntEnum class, stored as C stores an enum of these values."""

    of: Any
    storage: type[Integer]

    @property
    def size(self) -> int:
        """In bytes."""
        return self.storage.bits // 8

    alignment = size

    @property
    def name(self) -> str:
        """For messages and BTF."""
        return str(self.of.__name__)


@frozen_record
class BigEndianLayout:
    """One of be16, be32, be64: a number whose most significant byte comes first."""

    of: type[BigEndian]
    storage: type[Integer]

    @property
    def size(self) -> int:
        """In bytes."""
        return self.storage.bits // 8

    alignment = size

    @property
    def name(self) -> str:
        """For messages and BTF."""
        return self.of.__name__


@frozen_record
class ArrayLayout:
    """So many elements, one behind the other."""

    element: Layout
    length: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.element.size * self.length

    @property
    def alignment(self) -> int:
        """In bytes."""
        return self.element.alignment

    @property
    def name(self) -> str:
        """For messages."""
        return f"array({self.element.name}, {self.length})"


@frozen_record
class CharsLayout:
    """A text of so many bytes, filled up with NULs."""

    length: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.length

    @property
    def alignment(self) -> int:
        """In bytes."""
        return 1

    @property
    def name(self) -> str:
        """For messages."""
        return f"chars({self.length})"


@frozen_record
class SpinLockLayout:
    """The kernel's struct bpf_spin_lock."""

    @property
    def size(self) -> int:
        """In bytes."""
        return 4

    alignment = size

    @property
    def name(self) -> str:
        """For messages and BTF."""
        return "bpf_spin_lock"


@frozen_record
class BytesLayout:
    """Bytes that osmia cannot take apart: of objects from elsewhere."""

    size: int

    @property
    def alignment(self) -> int:
        """In bytes."""
        return 1

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.size} bytes"


@frozen_record
class Field:
    """A field of a struct or a union, and where it is."""

    name: str
    layout: Layout
    """Of a bit field: the type that it is declared with."""
    offset: int
    """From the start of the struct, in bytes. Of a bit field: of the byte that holds its lowest bit."""
    bit_offset: int
    """From the start of the struct, in bits."""
    bit_width: int | None
    """None for a field that is no bit field."""
    default: object
    """None for a field that has to be given, else a Python value of the field's type.

    That is an int, a bool, an enum's member, a FixedArray, a Chars, a SpinLock, or a struct's or union's instance.
    """


@frozen_record
class StructLayout:
    """A struct or union class."""

    of: type[Any]
    name: str
    size: int
    alignment: int
    fields: tuple[Field, ...]
    union: bool
    packed: bool
    frozen: bool
    declared_at: tuple[str, int]
    """The file and the line of its decorator."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def field(self, name: str) -> Field | None:
        """The field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)


Layout = (
    IntegerLayout
    | BooleanLayout
    | EnumLayout
    | BigEndianLayout
    | StructLayout
    | ArrayLayout
    | CharsLayout
    | SpinLockLayout
    | BytesLayout
)


class Declaration:
    """What `array()`, `chars()` and `spin_lock()` give: a value that says its own layout."""

    __slots__ = ("layout",)

    layout: Layout

    @property
    def __osmia_layout__(self) -> Layout:
        return self.layout


def layout_of(of: object) -> Layout | None:
    """How values of a type lie in memory; None for what has no place in kernel memory, such as `int` and `str`.

    `of` is one of u8..i64 and be16..be64, bool, an IntEnum class, a `@struct` or `@union` class, or what `array()`,
    `chars()` and `spin_lock()` give.
    """
    kind: Any = of
    if is_integer(of):
        return IntegerLayout(kind)
    if of is bool:
        return BooleanLayout()
    if is_big_endian(of):
        return BigEndianLayout(kind, kind.storage)
    if isinstance(of, Declaration):
        return of.layout
    if not isinstance(of, type):
        return None
    if "__osmia_layout__" in vars(of):
        return kind.__osmia_layout__  # type: ignore[no-any-return]
    storage = storage_of(of)
    return None if storage is None else EnumLayout(of, storage)


def spin_locks(layout: Layout) -> int:
    """How many spin locks a value of that layout holds."""
    match layout:
        case SpinLockLayout():
            return 1
        case StructLayout():
            return sum(spin_locks(field.layout) for field in layout.fields)
        case ArrayLayout():
            return spin_locks(layout.element) * layout.length
        case _:
            return 0


def bit_field_inside_a_byte(layout: Layout) -> str | None:
    """A bit field that starts inside a byte, as `Struct.field`; None if there is none in the structs of a value."""
    if isinstance(layout, ArrayLayout):
        return bit_field_inside_a_byte(layout.element)
    if not isinstance(layout, StructLayout) or layout.union:
        return None
    for field in layout.fields:
        found = f"{layout.name}.{field.name}" if field.bit_offset % 8 else bit_field_inside_a_byte(field.layout)
        if found is not None:
            return found
    return None


def place(
    fields: Iterable[tuple[str, Layout, int | None, object]], *, union: bool, packed: bool
) -> tuple[tuple[Field, ...], int, int]:
    """Lay fields out as C does; each is its name, layout, width in bits if it is a bit field, and default.

    Gives the fields with their places, the size and the alignment.
    """
    placed = []
    end = most = 0  # in bits
    alignment = 1
    for name, layout, width, default in fields:
        at = _next_place(0 if union else end, layout, width, packed=packed)
        placed.append(Field(name, layout, at // 8, at, width, default))
        end = at + (layout.size * 8 if width is None else width)
        most = max(most, end)
        alignment = max(alignment, 1 if packed else layout.alignment)
    size = _aligned((most + 7) // 8, alignment)
    return tuple(placed), size, alignment


def _next_place(end: int, layout: Layout, width: int | None, *, packed: bool) -> int:
    """Where the next field starts, in bits, if what came before ends at `end`."""
    if width is None:
        return _aligned(end, 8 if packed else layout.alignment * 8)
    unit = layout.size * 8
    crosses = end // unit != (end + width - 1) // unit
    return _aligned(end, unit) if crosses and not packed else end


def _aligned(number: int, to: int) -> int:
    return (number + to - 1) // to * to
