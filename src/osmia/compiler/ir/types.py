"""The types of IR expressions.

An integer's type is the interval of values it can have, so that `u32 + u32` is known to be exact in 64 bits
and a constant fits wherever its value does. Storage (map values, annotated locals) has one of the declared
widths u8..i64; reading it gives that width's interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from osmia.record import frozen_record

if TYPE_CHECKING:
    from enum import IntEnum

    from osmia.kinds import Kind
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

    @property
    def integer(self) -> IntType:
        """The interval of the members' values."""
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
class RefType:
    """A scalar where it lies: reading and writing its `.value` goes to memory."""

    storage: Storage

    def __str__(self) -> str:
        return f"Ref[{self.storage.__name__}]"


@frozen_record
class OptionalType:
    """Something that may be None until it is checked."""

    of: RefType

    def __str__(self) -> str:
        return f"{self.of} | None"


@frozen_record
class ContextType:
    """The context of a program kind."""

    kind: str
    context: type

    def __str__(self) -> str:
        return self.context.__name__


ValueType = IntType | BoolType | EnumType | NoneType | RefType | OptionalType | ContextType


def context_type(kind: Kind) -> ContextType:
    """The type of a kind's context."""
    return ContextType(kind.name, kind.context)


def storage_type(storage: Storage) -> IntType:
    """What reading a place of this width gives."""
    return IntType(storage.low, storage.high)


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
        case (OptionalType() | RefType(), NoneType()):
            return one if isinstance(one, OptionalType) else OptionalType(one)
        case (NoneType(), OptionalType() | RefType()):
            return other if isinstance(other, OptionalType) else OptionalType(other)
        case (OptionalType(of=left), RefType()) if left == other:
            return one
        case (RefType(), OptionalType(of=right)) if right == one:
            return other
    left_integer, right_integer = integer_of(one), integer_of(other)
    if left_integer is None or right_integer is None:
        return None
    low, high = min(left_integer.low, right_integer.low), max(left_integer.high, right_integer.high)
    return None if low < 0 and high > I64_HIGH else IntType(low, high)


def is_number(of: ValueType) -> bool:
    """Whether a local of this type holds a number, and not a reference."""
    return integer_of(of) is not None
