"""The integers of BPF, and `Ref`: a scalar where it lies.

For type checkers u8..i64 are `int` (facts that checkers cannot hold, widths, belong to the compiler).
At run time they are classes: `u8(300)` wraps to 44 exactly as it does in kernel code.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Generic, TypeVar

    u8 = int
    u16 = int
    u32 = int
    u64 = int
    i8 = int
    i16 = int
    i32 = int
    i64 = int

    class Integer(int):
        """What u8..i64 are at run time."""

        bits: int
        signed: bool
        low: int
        high: int
        format: str

    I = TypeVar("I", bound=int)  # noqa: E741 - the integer a Ref refers to

    class Ref(Generic[I]):
        """A scalar where it lies, in a map or a packet.

        It has no arithmetic, comparison or truth value of its own, so that a forgotten `.value` is an error.
        """

        value: I

else:

    class Integer(int):
        """An integer of fixed width. Calling a subclass wraps a value at that width and gives a plain int."""

        bits = 0
        signed = False
        low = 0
        high = 0
        format = ""  # the letter that `struct` and `memoryview.cast` use

        def __new__(cls, value=0):
            wrapped = int(value) & ((1 << cls.bits) - 1)
            return wrapped - (1 << cls.bits) if wrapped > cls.high else wrapped

        def __init_subclass__(cls):
            cls.signed = cls.__name__.startswith("i")
            cls.bits = int(cls.__name__[1:])
            cls.low = -(1 << (cls.bits - 1)) if cls.signed else 0
            cls.high = (1 << (cls.bits - cls.signed)) - 1
            letter = {8: "b", 16: "h", 32: "i", 64: "q"}[cls.bits]
            cls.format = letter if cls.signed else letter.upper()

    class u8(Integer):
        """An unsigned 8-bit integer."""

    class u16(Integer):
        """An unsigned 16-bit integer."""

    class u32(Integer):
        """An unsigned 32-bit integer."""

    class u64(Integer):
        """An unsigned 64-bit integer."""

    class i8(Integer):
        """A signed 8-bit integer."""

    class i16(Integer):
        """A signed 16-bit integer."""

    class i32(Integer):
        """A signed 32-bit integer."""

    class i64(Integer):
        """A signed 64-bit integer."""

    class Ref:
        """A scalar where it lies, in a map or a packet. It exists in kernel code only."""

        def __init__(self):
            raise TypeError("a Ref exists in kernel code only: lookup() gives one there")

        def __class_getitem__(cls, of):
            return cls


INTEGERS: tuple[type[Integer], ...] = (u8, u16, u32, u64, i8, i16, i32, i64)  # type: ignore[assignment]


def is_integer(of: object) -> bool:
    """Whether `of` is one of u8..i64 themselves (not an instance)."""
    return any(of is integer for integer in INTEGERS)
