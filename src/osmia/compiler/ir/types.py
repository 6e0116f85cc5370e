"""The types of IR expressions.

An integer's type is the interval of values it can have, so that `u32 + u32` is known to be exact in 64 bits
and a constant fits wherever its value does. What lies in memory has a layout; an expression for it is a place, and
loading a place of a declared width gives that width's interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from osmia.kinds import KINDS
from osmia.layout import BigEndianLayout, BooleanLayout, EnumLayout, IntegerLayout, Layout, StructLayout, layout_of
from osmia.record import frozen_record

if TYPE_CHECKING:
    from enum import IntEnum

    from osmia.compiler.ir.nodes import MapReference
    from osmia.contexts.fields import ContextField
    from osmia.types import Integer

# A declared width: one of u8..i64.
Storage: TypeAlias = "type[Integer]"

I64_LOW, I64_HIGH = -(1 << 63), (1 << 63) - 1
U64_HIGH = (1 << 64) - 1


@frozen_record
class IntType:
    """An integer between `low` and `high`, both included; it fits i64 or u64."""

    low: int
    high: int

    @property
    def needs_u64(self) -> bool:
        """Whether some of its values do not fit i64."""
        return self.high > I64_HIGH

    @property
    def may_be_negative(self) -> bool:
        """Whether some of its values are below zero."""
        return self.low < 0

    def __str__(self) -> str:
        for bits in (8, 16, 32, 64):
            if (self.low, self.high) == (0, (1 << bits) - 1):
                return f"u{bits}"
            if (self.low, self.high) == (-(1 << (bits - 1)), (1 << (bits - 1)) - 1):
                return f"i{bits}"
        return f"int {self.low}" if self.low == self.high else f"int {self.low}..{self.high}"


@frozen_record
class BoolType:
    """True or False."""

    def __str__(self) -> str:
        return "bool"


@frozen_record
class EnumType:
    """A member of an IntEnum. Arithmetic and comparison use its integer value."""

    of: type[IntEnum]
    stored: bool = False
    """Whether it was read from memory, where any number of its width may lie."""

    @property
    def integer(self) -> IntType:
        """The interval of its values."""
        if self.stored:
            layout = layout_of(self.of)
            assert isinstance(layout, EnumLayout)
            return IntType(layout.storage.low, layout.storage.high)
        values = [int(member) for member in self.of]
        return IntType(min(values), max(values))

    def __str__(self) -> str:
        return self.of.__name__


@frozen_record
class NoneType:
    """No value."""

    def __str__(self) -> str:
        return "None"


@frozen_record
class PlaceType:
    """Something where it lies in memory. A scalar's `.value` goes to memory; a struct's fields and an array's do."""

    layout: Layout

    @property
    def is_scalar(self) -> bool:
        """Whether one number lies there."""
        return is_scalar(self.layout)

    def __str__(self) -> str:
        return f"Ref[{self.layout.name}]" if self.is_scalar else self.layout.name


@frozen_record
class ObjectType:
    """An object of the kernel's own: a helper gave it, and helpers take it."""

    struct: str

    def __str__(self) -> str:
        return self.struct


@frozen_record
class InnerMapType:
    """A map that was found in another one."""

    map: MapReference
    """What it is like. Its symbol is for messages."""

    def __str__(self) -> str:
        return type(self.map.declaration).__name__


@frozen_record
class OptionalType:
    """Something that may be None until it is checked."""

    of: PlaceType | ObjectType | InnerMapType
    number: bool = False
    """Whether naming it gives the number that lies there, and not a reference to it."""

    def __str__(self) -> str:
        named = self.of.layout.name if self.number and isinstance(self.of, PlaceType) else str(self.of)
        return f"{named} | None"


@frozen_record
class ContextType:
    """The context of a program kind."""

    kind: str
    context: type
    own_fields: tuple[tuple[str, ContextField], ...] = ()
    """What its class names, where it derives from the kind's: name, and where the field lies."""
    hook: str = ""
    """The hook of the program that it is given to."""

    @property
    def fields(self) -> dict[str, ContextField]:
        """What kernel code may read of it, by name."""
        return KINDS[self.kind].fields | dict(self.own_fields)

    def __str__(self) -> str:
        return self.context.__name__


@frozen_record
class PacketType:
    """The packet of a context, or the metadata before it."""

    context: ContextType
    meta: bool = False

    def __str__(self) -> str:
        return "Packet"


ValueType = (
    IntType
    | BoolType
    | EnumType
    | NoneType
    | PlaceType
    | ObjectType
    | InnerMapType
    | OptionalType
    | ContextType
    | PacketType
)


def storage_type(storage: Storage) -> IntType:
    """What reading a place of this width gives."""
    return IntType(storage.low, storage.high)


def is_scalar(layout: Layout) -> bool:
    """Whether one number lies in such a place."""
    return isinstance(layout, IntegerLayout | BooleanLayout | EnumLayout | BigEndianLayout)


def loaded_type(layout: Layout) -> ValueType:
    """What naming a place of this layout gives: a number, or the place itself."""
    match layout:
        case IntegerLayout(of=of):
            return storage_type(of)
        case BooleanLayout():
            return BoolType()
        case EnumLayout(of=of):
            return EnumType(of, stored=True)
        case BigEndianLayout(storage=storage):
            return storage_type(storage)
        case _:
            return PlaceType(layout)


def scalar_storage(layout: Layout) -> Storage:
    """The integer that a scalar is stored as."""
    assert isinstance(layout, IntegerLayout | BooleanLayout | EnumLayout | BigEndianLayout)
    return layout.of if isinstance(layout, IntegerLayout) else layout.storage


def integer_of(of: ValueType) -> IntType | None:
    """The interval of a type that Python counts among the integers; None for any other."""
    match of:
        case IntType():
            return of
        case EnumType():
            return of.integer
        case BoolType():
            return IntType(0, 1)
        case _:
            return None


def joined(one: ValueType, other: ValueType) -> ValueType | None:
    """The type of what may be either; None where there is none."""
    if one == other:
        return one
    match one, other:
        case (OptionalType() | PlaceType() | ObjectType() | InnerMapType(), NoneType()):
            return one if isinstance(one, OptionalType) else OptionalType(one)
        case (NoneType(), OptionalType() | PlaceType() | ObjectType() | InnerMapType()):
            return other if isinstance(other, OptionalType) else OptionalType(other)
        case (OptionalType(of=left, number=False), PlaceType() | ObjectType() | InnerMapType()) if left == other:
            return one
        case (PlaceType() | ObjectType() | InnerMapType(), OptionalType(of=right, number=False)) if right == one:
            return other
        case (EnumType(of=left_enum), EnumType(of=right_enum)) if left_enum is right_enum:
            return EnumType(left_enum, stored=True)
    left_integer, right_integer = integer_of(one), integer_of(other)
    if left_integer is None or right_integer is None:
        return None
    low, high = min(left_integer.low, right_integer.low), max(left_integer.high, right_integer.high)
    return None if low < 0 and high > I64_HIGH else IntType(low, high)


def is_number(of: ValueType) -> bool:
    """Whether a local of this type holds a number, and not a reference."""
    return integer_of(of) is not None


def is_pointer(of: ValueType) -> bool:
    """Whether a value of this type is an address in the program that is generated; None is the null one."""
    pointers = OptionalType | PlaceType | ObjectType | InnerMapType | NoneType | ContextType | PacketType
    return isinstance(of, pointers)


def is_object(of: ValueType) -> bool:
    """Whether a value of this type is an object of the kernel's, or may be one."""
    return isinstance(of.of if isinstance(of, OptionalType) else of, ObjectType)


def same(one: ValueType, wanted: ValueType) -> bool:
    """Whether a value of one type is of the wanted one, wherever it was read from."""
    match one, wanted:
        case (EnumType(of=left), EnumType(of=right)):
            return left is right
        case (PlaceType(layout=StructLayout(of=left)), PlaceType(layout=StructLayout(of=right))):
            return left is right
        case _:
            return one == wanted
