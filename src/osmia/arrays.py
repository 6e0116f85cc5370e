"""Values of fixed length: arrays, texts, and the spin lock that user code only sees as a place."""

from __future__ import annotations

from osmia.errors import with_article
from osmia.generic import Generic, TypeVar, overload
from osmia.layout import Declaration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

    from osmia.forms import Form
    from osmia.layout import ArrayLayout, CharsLayout, SpinLockLayout

T = TypeVar("T")


class FixedArray(Declaration, Generic[T]):
    """So many elements of one type, as C's arrays are. `array(u8, 6)` makes one.

    It equals every sequence of the same elements. One that was read from a map cannot be changed.
    """

    __slots__ = ("_form", "_items")

    layout: ArrayLayout

    def __init__(self, layout: ArrayLayout, form: Form, items: Any) -> None:
        """Take over `items`: a bytearray of u8, else a list; bytes or a tuple if the array cannot be changed."""
        self.layout, self._form, self._items = layout, form, items

    if not TYPE_CHECKING:  # FixedArray[u8] says what the elements are: @struct compares it with what array() says
        __class_getitem__ = classmethod(type(list[int]))

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    @overload
    def __getitem__(self, index: int, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> FixedArray[T]: ...
    def __getitem__(self, index: Any, /) -> Any:
        """An element, counted from the end if negative; of a slice a copy, which cannot be changed."""
        try:
            found = self._items[index]
        except IndexError:
            raise self._outside(index) from None
        if not isinstance(index, slice):
            return found
        layout = type(self.layout)(self.layout.element, len(found))
        of_bytes = isinstance(found, (bytes, bytearray))
        return FixedArray(layout, self._form, bytes(found) if of_bytes else tuple(found))

    def __setitem__(self, index: int, value: T, /) -> None:
        if isinstance(self._items, (bytes, tuple)):
            raise TypeError(
                f"this {self.layout.name} cannot be changed, it is a copy: "
                f"write m[key] = osmia.replace(value, ...), "
                f"with array({self.layout.element.name}, {len(self)}, elements)"
            )
        if not hasattr(index, "__index__"):
            raise TypeError(f"an element of an {self.layout.name} is set by its index, not by {index!r}")
        value = self._form.take(value, f"an element of {self.layout.name}")
        try:
            self._items[index] = value
        except IndexError:
            raise self._outside(index) from None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FixedArray):
            return bool(list(self._items) == list(other._items))
        if isinstance(other, (list, tuple, range, bytes, bytearray)):
            return bool(list(self._items) == list(other))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __bytes__(self) -> bytes:
        if isinstance(self._items, (bytes, bytearray)):
            return bytes(self._items)
        raise TypeError(f"bytes() takes arrays of u8, and this is an {self.layout.name}: write to_bytes(value)")

    def __repr__(self) -> str:
        elements = list(self._items)
        return f"array({self.layout.element.name}, {len(elements)}, {elements})"

    def __copy__(self) -> FixedArray[T]:
        return self.copy(frozen=isinstance(self._items, (bytes, tuple)))

    def __deepcopy__(self, _memo: object) -> FixedArray[T]:
        return self.__copy__()

    def copy(self, *, frozen: bool = False) -> FixedArray[T]:
        """Another array of the same elements, which can be changed unless it is frozen."""
        copied = [self._form.copy(item, frozen=frozen) for item in self._items]
        of_bytes = isinstance(self._items, (bytes, bytearray))
        held = (bytes if frozen else bytearray) if of_bytes else (tuple if frozen else list)
        return FixedArray(self.layout, self._form, held(copied))

    def _outside(self, index: object) -> IndexError:
        return IndexError(f"no element {index} in an {self.layout.name}: it has {len(self)}")


class Chars(Declaration):
    """A text of fixed length, filled up with NULs, as C's `char[16]` is. `chars(16)` makes one.

    `bytes()` gives all of it, `str()` what stands before the first NUL. It equals a str or bytes with the same text,
    whatever NULs follow. Its length is that of the whole, and its elements are numbers, as those of bytes are.
    """

    __slots__ = ("_data",)

    layout: CharsLayout

    def __init__(self, layout: CharsLayout, data: bytes) -> None:
        """`data` is as long as the layout says."""
        self.layout, self._data = layout, data

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[int]:
        return iter(self._data)

    @overload
    def __getitem__(self, index: int, /) -> int: ...
    @overload
    def __getitem__(self, index: slice, /) -> bytes: ...
    def __getitem__(self, index: Any, /) -> Any:
        """A byte, counted from the end if negative; of a slice the bytes."""
        try:
            return self._data[index]
        except IndexError:
            raise IndexError(f"no byte {index} in {with_article(self.layout.name)}: it has {len(self)}") from None

    def __setitem__(self, index: int, value: int, /) -> None:
        """Set a byte, in kernel code. TypeError in user code, where a text does not change."""
        raise TypeError(
            f"user code does not change single bytes of {with_article(self.layout.name)}: make another one, "
            f"chars({len(self)}, text)"
        )

    def __bytes__(self) -> bytes:
        return self._data

    def __str__(self) -> str:
        return self._data.partition(b"\0")[0].decode("utf-8", "replace")

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            other = other.encode("utf-8", "surrogateescape")
        elif isinstance(other, Chars):
            other = other._data
        elif not isinstance(other, (bytes, bytearray)):
            return NotImplemented
        return self._data.rstrip(b"\0") == other.rstrip(b"\0")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        text = self._data.rstrip(b"\0")
        try:
            shown: object = text.decode()
        except UnicodeDecodeError:
            shown = text
        return f"chars({len(self._data)}, {shown!r})"


class SpinLock(Declaration):
    """A lock in the value of a map (struct bpf_spin_lock, since Linux 5.1): kernel code writes `with value.lock:`.

    User code needs none: it reads and writes such values under their lock.
    """

    __slots__ = ()

    layout: SpinLockLayout

    def __init__(self, layout: SpinLockLayout) -> None:
        self.layout = layout

    def __enter__(self) -> None:
        self._refuse()

    def __exit__(self, *_exception: object) -> None:
        self._refuse()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpinLock) or NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "spin_lock()"

    @staticmethod
    def _refuse() -> NoReturn:
        raise TypeError(
            "a spin lock is taken by kernel code: user code reads and writes a map's values under their lock"
        )
