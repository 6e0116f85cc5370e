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

    INTEGERS: tuple[type[Integer], ...]
    """u8..i64."""

    def class_of(name: str) -> type[Integer]:
        """The class of that name among u8..i64."""

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

    class Ref:
        """A scalar where it lies, in a map or a packet. It exists in kernel code only."""

        def __init__(self):
            raise TypeError("a Ref exists in kernel code only: lookup() gives one there")

        def __class_getitem__(cls, of):
            return cls

    def ref(place, /):
        """In kernel code: the place of a field, an element or a local, for what is done atomically."""
        raise TypeError("ref() exists in kernel code only: user code has copies, and no places")

    _LETTERS = {8: "b", 16: "h", 32: "i", 64: "q"}
    _INTEGERS = ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64")
    _BIG_ENDIAN = ("BigEndian", "be16", "be32", "be64")
    # The classes by name, each made when it is first named: a start uses one or two of them.
    _made = {}

    def __getattr__(name):
        if name == "INTEGERS":
            made = tuple(map(class_of, _INTEGERS))
        elif name in _INTEGERS:
            made = class_of(name)
        elif name in _BIG_ENDIAN:
            made = getattr(__import__("osmia.big_endian", fromlist=[name]), name)
        else:
            raise AttributeError(f"module 'osmia.types' has no attribute {name!r}", name=name)
        globals()[name] = made
        return made

    def class_of(name):
        """The class of that name among u8..i64. Threads that ask at once are given the same one."""
        found = _made.get(name)
        return _made.setdefault(name, _make(name)) if found is None else found

    def _make(name):
        bits, signed = int(name[1:]), name[0] == "i"
        fields = {
            "__module__": __name__,
            "__qualname__": name,
            "__doc__": f"{'A signed' if signed else 'An unsigned'} {bits}-bit integer.",
            "bits": bits,
            "signed": signed,
            "low": -(1 << (bits - 1)) if signed else 0,
            "high": (1 << (bits - signed)) - 1,
            "format": _LETTERS[bits] if signed else _LETTERS[bits].upper(),
        }
        return type(name, (Integer,), fields)


def is_integer(of: object) -> bool:
    """Whether `of` is one of u8..i64 themselves (not an instance)."""
    return isinstance(of, type) and of.__base__ is Integer


def storage_of(of: Any) -> type[Integer] | None:
    """The integer that values of type `of` are stored as, in the machine's byte order; None for any other type.

    A bool is a u8. An IntEnum is what a C enum is: u32, i32 if a member is negative, 64 bits wide if one needs that.
    """
    if is_integer(of):
        return of  # type: ignore[no-any-return]
    if of is bool:
        return class_of("u8")
    if not (is_int_enumeration(of) and len(of)):
        return None
    storages = map(class_of, ("u32", "i32", "u64", "i64"))
    return next((storage for storage in storages if storage.low <= min(of) and max(of) <= storage.high), None)
