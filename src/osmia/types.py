"""The integers of BPF, and `Ref`: a scalar where it lies.

For type checkers u8..i64 and be16..be64 are `int` (facts that checkers cannot hold, widths, belong to the compiler).
At run time they are classes: `u8(300)` wraps to 44 exactly as it does in kernel code.
"""

from __future__ import annotations

from osmia.enumeration import is_int_enumeration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, TypeVar

    u8 = int
    u16 = int
    u32 = int
    u64 = int
    i8 = int
    i16 = int
    i32 = int
    i64 = int
    be16 = int
    be32 = int
    be64 = int

    class Integer(int):
        """What u8..i64 are at run time."""

        bits: int
        signed: bool
        low: int
        high: int
        format: str

    class BigEndian(int):
        """What be16, be32 and be64 are at run time."""

        storage: type[Integer]

    I = TypeVar("I", bound=int)  # noqa: E741 - the integer a Ref refers to

    class Ref(Generic[I]):
        """A scalar where it lies, in a map or a packet.

        It has no arithmetic, comparison or truth value of its own, so that a forgotten `.value` is an error.
        The methods are atomic: other CPUs see what was there before or what is there after, nothing between.
        """

        value: I

        def fetch_add(self, amount: int, /) -> I:
            """Add, wrapping at the width of the place, and give what was there before."""

        def fetch_and(self, bits: int, /) -> I:
            """Keep only these bits, and give what was there before."""

        def fetch_or(self, bits: int, /) -> I:
            """Set these bits, and give what was there before."""

        def fetch_xor(self, bits: int, /) -> I:
            """Flip these bits, and give what was there before."""

        def exchange(self, value: I, /) -> I:
            """Store a value, and give what was there before."""

        def compare_exchange(self, expected: I, new: I, /) -> I:
            """Store `new` if the place holds `expected`, and give what was there before."""

    def ref(place: I, /) -> Ref[I]:
        """In kernel code: the place of a field, an element or a local, for what is done atomically."""

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

    class BigEndian(int):
        """An unsigned integer whose most significant byte is stored first. Its value is the number itself.

        Calling a subclass wraps a value at that width and gives a plain int. `storage` is the integer of its width.
        """

        storage = Integer

        def __new__(cls, value=0):
            return cls.storage(value)

    class be16(BigEndian):
        """An unsigned 16-bit integer in network byte order."""

        storage = u16

    class be32(BigEndian):
        """An unsigned 32-bit integer in network byte order."""

        storage = u32

    class be64(BigEndian):
        """An unsigned 64-bit integer in network byte order."""

        storage = u64

    class Ref:
        """A scalar where it lies, in a map or a packet. It exists in kernel code only."""

        def __init__(self):
            raise TypeError("a Ref exists in kernel code only: lookup() gives one there")

        def __class_getitem__(cls, of):
            return cls

    def ref(place, /):
        """In kernel code: the place of a field, an element or a local, for what is done atomically."""
        raise TypeError("ref() exists in kernel code only: user code has copies, and no places")


INTEGERS: tuple[type[Integer], ...] = (u8, u16, u32, u64, i8, i16, i32, i64)  # type: ignore[assignment]
BIG_ENDIAN: tuple[type[BigEndian], ...] = (be16, be32, be64)  # type: ignore[assignment]
BOOL_STORAGE: type[Integer] = u8  # type: ignore[assignment]
ENUM_STORAGE: tuple[type[Integer], ...] = (u32, i32, u64, i64)  # type: ignore[assignment]


def is_integer(of: object) -> bool:
    """Whether `of` is one of u8..i64 themselves (not an instance)."""
    return any(of is integer for integer in INTEGERS)


def is_big_endian(of: object) -> bool:
    """Whether `of` is one of be16, be32, be64 themselves (not an instance)."""
    return any(of is integer for integer in BIG_ENDIAN)


def storage_of(of: Any) -> type[Integer] | None:
    """The integer that values of type `of` are stored as, in the machine's byte order; None for any other type.

    A bool is a u8. An IntEnum is what a C enum is: u32, i32 if a member is negative, 64 bits wide if one needs that.
    """
    if is_integer(of):
        return of  # type: ignore[no-any-return]
    if of is bool:
        return BOOL_STORAGE
    if not (is_int_enumeration(of) and len(of)):
        return None
    return next((storage for storage in ENUM_STORAGE if storage.low <= min(of) and max(of) <= storage.high), None)
