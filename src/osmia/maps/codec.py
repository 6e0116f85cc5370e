"""Keys and values of maps: which types they may have, and how they become bytes and back."""

from __future__ import annotations

from osmia.errors import shown, shown_type, with_article
from osmia.maps.table import MAP_KINDS
from osmia.types import is_integer, storage_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from struct import Struct, error
    from typing import Any, Protocol, TypeGuard

    from osmia.forms import Form
    from osmia.layout import Layout

    class Owner(Protocol):
        """Whose keys or values they are."""

        @property
        def subject(self) -> str:
            """What error texts call it."""
else:
    # Without the Python half of `struct`, which is another file to find and read.
    from _struct import Struct, error

StructError = error


TAKEN = "one of u8, u16, u32, u64, i8, i16, i32, i64, be16, be32, be64, bool, an IntEnum class or a @struct class"


class Bytes:
    """The type of keys and values that an object from elsewhere has and osmia cannot take apart: plain bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.__name__ = f"{size} bytes"


class Codec:
    """How one map's keys, or its values, become bytes and back."""

    __slots__ = ("convert", "form", "letter", "locked", "of", "owner", "pack", "role", "size", "unpack")

    pack: Callable[[Any], bytes]
    """One value to bytes. Raises `struct.error` for a value that is not taken; `refusal` says why."""
    unpack: Callable[[bytes], tuple[Any, ...]]
    """Bytes to a tuple of the one value as it is stored, before `convert`."""
    convert: Callable[[Any], Any] | None
    """From what is stored to what users see, None where they are the same."""
    form: Form | None
    """How structs and other things that are no plain number become bytes; None for plain numbers."""
    locked: bool
    """Whether it holds a spin lock."""

    def __init__(self, of: object, owner: Owner, role: str) -> None:
        self.of = of
        self.owner = owner
        self.role = role
        self.convert = self.form = None
        self.locked = False
        storage = storage_of(of)
        if isinstance(of, Bytes):
            self.size, self.letter = of.size, f"{of.size}s"
        elif storage is None:
            self._take_form()
            return
        else:
            self.size, self.letter = storage.bits // 8, "?" if of is bool else storage.format
        layout = Struct("=" + self.letter)
        self.unpack = layout.unpack
        self.pack = layout.pack if is_integer(of) else self._checked(layout.pack)
        if not (is_integer(of) or of is bool or isinstance(of, Bytes)):
            self.convert = self._member

    def _take_form(self) -> None:
        """Handle what is no plain number."""
        from osmia.forms import form_of
        from osmia.layout import layout_of, spin_locks

        layout = layout_of(self.of) if isinstance(self.of, type) else None
        if layout is None:
            raise _bad_type(self.of, self.owner, self.role)
        locks = spin_locks(layout)
        if locks:
            _check_lock(locks, layout, self.owner, self.role)
        self.form, self.size, self.letter, self.locked = form_of(layout), layout.size, f"{layout.size}s", locks > 0
        self.pack, self.unpack, self.convert = self._pack_form, Struct(self.letter).unpack, self._unpack_form

    def describe(self) -> object:
        """What tells its type apart from all others, made of what `marshal` can write."""
        if self.form is None:
            return self.letter
        from osmia.structs import describe_layout

        return describe_layout(self.form.layout)

    def _pack_form(self, value: Any) -> bytes:
        assert self.form is not None
        try:
            return self.form.encode(value, "")  # its subject is more than a third of the time that it takes
        except (TypeError, ValueError, OverflowError):
            raise self._refusal_of_form(value) from None

    def _refusal_of_form(self, value: object) -> Exception:
        assert self.form is not None
        subject = f"{self.owner.subject}: a {self.role}"
        try:
            self.form.encode(value, subject)
        except (TypeError, ValueError, OverflowError) as error:
            return error
        return RuntimeError(f"{subject} changed while it was encoded: let no other thread write it meanwhile")

    def _unpack_form(self, data: bytes) -> Any:
        assert self.form is not None
        return self.form.unpack(data, self.form.layout.name, frozen=True)

    def decode(self, data: bytes) -> Any:
        """Bytes to one value."""
        stored = self.unpack(data)[0]
        return stored if self.convert is None else self.convert(stored)

    def encode(self, value: Any) -> bytes:
        """One value to bytes. TypeError, ValueError or OverflowError for a value that is not taken."""
        try:
            return self.pack(value)
        except StructError:
            raise self.refusal(value) from None

    def refusal(self, value: object) -> Exception:
        """Why `value` is not taken, as the error to raise."""
        if self.form is not None:
            return self._refusal_of_form(value)
        subject = f"{self.owner.subject}: a {self.role} is"
        of: Any = self.of
        if isinstance(of, Bytes):
            if _is_bytes(value):
                return ValueError(f"{subject} {of.size} bytes, not {len(value)}")
            from osmia.addresses import hint_for_raw_bytes

            return TypeError(f"{subject} {of.size} bytes, not {shown(value)}{hint_for_raw_bytes(value, of.size)}")
        if not is_integer(of):
            return TypeError(f"{subject} {with_article(of.__name__)}, not {shown(value)}")
        number = integer_of(value)
        if number is not None:
            article = "an" if of.signed else "a"
            return OverflowError(f"{subject} {article} {of.__name__}, {of.low} to {of.high}, not {number}")
        from osmia.addresses import hint

        owner: Any = self.owner
        # The type of an index is not the user's to choose.
        how = "" if self.role == "key" and owner.kind.fixed_keys else hint(value, of.__name__)
        return TypeError(f"{subject} an int ({of.__name__}), not {shown(value)}{how}")

    def _checked(self, pack: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
        """`pack`, where `struct` alone would take too much: any truth value, any int, bytes of any length."""
        of: Any = self.of

        def checked(value: Any) -> bytes:
            if not (_is_bytes(value) and len(value) == of.size if isinstance(of, Bytes) else isinstance(value, of)):
                raise StructError
            return pack(value)

        return checked

    def _member(self, stored: int) -> Any:
        of: Any = self.of
        try:
            return of(stored)
        except ValueError:
            raise ValueError(f"{self.owner.subject}: a {self.role} is {stored}, which is no {of.__name__}") from None


def _bad_type(of: object, owner: Owner, role: str) -> TypeError:
    from osmia.layout import Declaration, spin_locks

    decorator = "@struct(frozen=True)" if role == "key" else "@struct"
    if of is str or of is bytes:
        field = "text: Chars = chars(64)" if of is str else "data: FixedArray[u8] = array(u8, 16)"
        found = f"{shown_type(of)}: declare so many bytes, as a field of a {decorator} class, `{field}`"
    elif isinstance(of, tuple):
        found = f"a tuple: name its parts in a {decorator} class"
    elif isinstance(of, Declaration) and not (role == "key" and spin_locks(of.layout)):
        found = f"{of.layout.name}: make it a field of a {decorator} class, and that the {role}"
    else:
        found = shown_type(of)
    return TypeError(f"{owner.subject}: the type of a {role} is {TAKEN}, not {found}")


def _check_lock(locks: int, layout: Layout, owner: Any, role: str) -> None:
    """Refuse spin locks where the kernel does."""
    from osmia.layout import bit_field_inside_a_byte

    name = layout.name
    if role != "value":
        raise TypeError(f"{owner.subject}: a key holds no spin lock, and {name} does: take the lock out of it")
    if not owner.kind.spin_locks:
        kinds = ", ".join(kind.class_name for kind in MAP_KINDS.values() if kind.spin_locks)
        raise TypeError(
            f"{owner.subject}: values of {name} hold a spin lock, which no {owner.kind.class_name} can: {kinds} can"
        )
    if locks > 1:
        raise TypeError(f"{owner.subject}: a value holds one spin lock at most, and {name} has {locks}")
    bit_field = bit_field_inside_a_byte(layout)
    if bit_field is not None:  # newer kernels find no lock then, and some refuse all type information of the object
        raise TypeError(
            f"{owner.subject}: a value with a spin lock has no bit fields that start inside a byte, as {bit_field} does"
            ": make them one integer, or a union of it and of a struct of them"
        )


def integer_of(value: Any) -> int | None:
    """The integer that a value is; None for what is none, though it may have `__index__`: a class, or an array."""
    from _operator import index  # without the Python half of `operator`, which costs start-up time

    try:
        return index(value)
    except TypeError:
        return None


def _is_bytes(value: object) -> TypeGuard[bytes | bytearray]:
    return isinstance(value, (bytes, bytearray))
