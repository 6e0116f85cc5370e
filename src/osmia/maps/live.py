"""Structs, arrays and numbers where they lie in memory that is shared with the kernel.

What user code reads of a struct or an array is a view: a number in it is read and written where it is, each with one
access of its own size, so that neither side sees half of one.
"""

from __future__ import annotations

from osmia.arrays import Chars, FixedArray
from osmia.errors import shown
from osmia.forms import BitFieldForm, form_of
from osmia.generic import TypeVar
from osmia.layout import ArrayLayout, BytesLayout, CharsLayout, IntegerLayout, StructLayout
from osmia.types import Ref, u8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Protocol

    from osmia.forms import Form
    from osmia.layout import Field, Layout

    class Owner(Protocol):
        """The variable that holds it all."""

        @property
        def subject(self) -> str:
            """What error texts call it."""

        def memory(self) -> Memory:
            """Where it lies. NotLoadedError if it is not live."""


T = TypeVar("T")

OWNER, OFFSET, LIVE = "__osmia_owner__", "__osmia_offset__", "__osmia_live__"


class Memory:
    """Memory that the kernel reads and writes too."""

    def __init__(self, whole: memoryview) -> None:
        """Take over `whole`, whose length is a multiple of 8."""
        self._bytes = whole
        self._numbers = {1: whole.cast("B"), 2: whole.cast("H"), 4: whole.cast("I"), 8: whole.cast("Q")}

    def read(self, offset: int, size: int) -> bytes:
        """The bytes there; those of a number are of one moment."""
        numbers = self._numbers.get(size)
        if numbers is None or offset % size:
            return bytes(self._bytes[offset : offset + size])
        return numbers[offset // size].to_bytes(size, "little")

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes there; those of a number at once."""
        size = len(data)
        numbers = self._numbers.get(size)
        if numbers is None or offset % size:
            self._bytes[offset : offset + size] = data
        else:
            numbers[offset // size] = int.from_bytes(data, "little")


class Place:
    """What holds a thing that lies in memory, where that is no variable."""

    def __init__(self, subject: str, memory: Memory) -> None:
        self.subject = subject
        self._memory = memory

    def memory(self) -> Memory:
        """Where it lies."""
        return self._memory


class LiveRef(Ref[int]):
    """A number where it lies. Its atomic operations are kernel code's."""

    __slots__ = ("_layout", "_offset", "_owner")

    def __init__(self, owner: Owner, layout: Layout, offset: int) -> None:
        self._owner = owner
        self._layout = layout
        self._offset = offset

    @property
    def value(self) -> Any:
        """What lies there now; it is read and written whole."""
        return read(self._owner, self._layout, self._offset)

    @value.setter
    def value(self, value: Any) -> None:
        write(self._owner, self._layout, self._offset, value, f"{self._owner.subject}: a value")


def reference(owner: Owner, layout: Layout, offset: int) -> Any:
    """What lies at `offset`, to be read and written there: a number as a reference, a struct or an array as a view."""
    if isinstance(layout, StructLayout | ArrayLayout | BytesLayout | CharsLayout):
        return read(owner, layout, offset)
    return LiveRef(owner, layout, offset)


def owner_of(view: Any) -> Any:
    """What holds that which a view or a reference shows; None for what is neither."""
    if isinstance(view, LiveRef):
        return view._owner  # noqa: SLF001 - of this module
    if isinstance(view, LiveArray):
        return view._items.owner  # noqa: SLF001
    return getattr(view, OWNER, None)


def read(owner: Owner, layout: Layout, offset: int) -> Any:
    """What lies at `offset`: a number or a text as it is now, a struct or an array as a view."""
    if isinstance(layout, StructLayout) and not layout.frozen:
        owner.memory()
        return _live_class(layout)(owner, offset)
    if isinstance(layout, ArrayLayout):
        owner.memory()
        return LiveArray(layout, form_of(layout.element), Elements(owner, layout, offset))
    data = _gather(owner, layout, offset)
    if isinstance(layout, BytesLayout):
        return data
    if isinstance(layout, CharsLayout):
        return Chars(layout, data)
    return form_of(layout).unpack(data, owner.subject, frozen=True)


def write(owner: Owner, layout: Layout, offset: int, value: Any, what: str) -> None:
    """Put a value at `offset`. TypeError, ValueError or OverflowError, which name `what`, for one that is not taken."""
    _scatter(owner, layout, offset, pack(layout, value, what))


def pack(layout: Layout, value: Any, what: str) -> bytes:
    """A value as it lies in memory. TypeError, ValueError or OverflowError for one that is not taken."""
    if not isinstance(layout, BytesLayout):
        form = form_of(layout)
        return form.pack(form.take(value, what))
    if not isinstance(value, (bytes, bytearray)):
        raise TypeError(f"{what} is {layout.size} bytes, not {shown(value)}")
    if len(value) != layout.size:
        raise ValueError(f"{what} is {layout.size} bytes, not {len(value)}")
    return bytes(value)


def start_of(layout: Layout) -> bytes:
    """What a variable starts with unless more is said: the defaults of a struct's fields, else zeros."""
    if not isinstance(layout, StructLayout) or layout.union:
        return bytes(layout.size)
    form = layout.of.__osmia_form__
    missing = {field.name: form.fields[field.name].zero() for field in layout.fields if field.default is None}
    return form.pack(layout.of(**missing))  # type: ignore[no-any-return]


class Elements:
    """The elements of an array where they lie."""

    def __init__(self, owner: Owner, layout: ArrayLayout, offset: int) -> None:
        self.owner = owner
        self._layout = layout
        self._offset = offset
        self.form: Form = form_of(layout)

    def __len__(self) -> int:
        return self._layout.length

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            taken = [self[at] for at in range(len(self))[index]]
            return bytearray(taken) if self.of_bytes else taken
        return read(self.owner, self._layout.element, self._place(index))

    def __setitem__(self, index: int, value: Any) -> None:
        """Write an element that the array's form has taken."""
        element = self._layout.element
        _scatter(self.owner, element, self._place(index), form_of(element).pack(value))

    def gather(self) -> bytes:
        """All of them, as they lie in memory."""
        return _gather(self.owner, self._layout, self._offset)

    @property
    def of_bytes(self) -> bool:
        """Whether they are u8."""
        element = self._layout.element
        return isinstance(element, IntegerLayout) and u8 is element.of

    def _place(self, index: Any) -> int:
        place: int = self._offset + range(len(self))[index] * self._layout.element.size
        return place


class LiveArray(FixedArray[T]):
    """An array where it lies."""

    __slots__ = ()

    _items: Elements

    def __bytes__(self) -> bytes:
        return bytes(self.copy())

    def copy(self, *, frozen: bool = False) -> FixedArray[T]:
        """Another array of the same elements, of user code's own."""
        copied: FixedArray[T] = self._items.form.unpack(self._items.gather(), self.layout.name, frozen=frozen)
        return copied


def _live_class(layout: StructLayout) -> Any:
    """A struct's class with its fields where they lie, as a class derived from it: methods and properties stay."""
    of = layout.of
    if LIVE not in vars(of):
        body: dict[str, Any] = {field.name: _property(layout, field) for field in layout.fields}
        body |= {
            "__slots__": (OWNER, OFFSET),
            "__module__": of.__module__,
            "__qualname__": of.__qualname__,
            "__doc__": of.__doc__,
            "__osmia_layout__": layout,
            "__osmia_form__": of.__osmia_form__,
            "__init__": _init,
            "__setattr__": _setattr,
            "__eq__": _eq,
            "__hash__": of.__hash__,
            "__reduce__": _reduce,
            # What a struct's own code reads fields from: those of now.
            "__dict__": property(lambda self: _snapshot(self).__dict__),
        }
        setattr(of, LIVE, type(of.__name__, (of,), body))
    return vars(of)[LIVE]


def _init(self: Any, owner: Owner, offset: int) -> None:
    object.__setattr__(self, OWNER, owner)
    object.__setattr__(self, OFFSET, offset)


def _setattr(self: Any, name: str, value: Any) -> None:
    layout = self.__osmia_layout__
    if layout.field(name) is None:
        layout.of.__setattr__(self, name, value)  # a property's, or says which fields there are
        return
    object.__setattr__(self, name, value)


def _eq(self: Any, other: object) -> Any:
    if not isinstance(other, self.__osmia_layout__.of):
        return NotImplemented
    form = self.__osmia_form__
    return form.pack(self) == form.pack(other)


def _reduce(self: Any) -> Any:
    return _snapshot(self).__reduce__()


def _snapshot(self: Any) -> Any:
    layout = self.__osmia_layout__
    data = _gather(getattr(self, OWNER), layout, getattr(self, OFFSET))
    return self.__osmia_form__.unpack(data, layout.name, frozen=False)


def _property(layout: StructLayout, field: Field) -> property:
    """A field where it lies."""
    if field.bit_width is not None:
        return _bit_property(layout, field, field.bit_width)
    of, offset, name = field.layout, field.offset, f"{layout.name}.{field.name}"

    def get(self: Any) -> Any:
        return read(getattr(self, OWNER), of, getattr(self, OFFSET) + offset)

    def put(self: Any, value: Any) -> None:
        owner = getattr(self, OWNER)
        write(owner, of, getattr(self, OFFSET) + offset, value, f"{owner.subject}: {name}")

    return property(get, put)


def _bit_property(layout: StructLayout, field: Field, width: int) -> property:
    """A bit field where it lies. Writing it reads and writes the bytes that it shares with others."""
    form = BitFieldForm(field.layout, width)
    start, shift = field.bit_offset // 8, field.bit_offset % 8
    size = (shift + width + 7) // 8
    mask = (1 << width) - 1
    name = f"{layout.name}.{field.name}"

    def get(self: Any) -> Any:
        owner = getattr(self, OWNER)
        held = int.from_bytes(owner.memory().read(getattr(self, OFFSET) + start, size), "little")
        return form.read(held >> shift & mask, f"{owner.subject}: {name}")

    def put(self: Any, value: Any) -> None:
        owner = getattr(self, OWNER)
        taken = int(form.take(value, f"{owner.subject}: {name}")) & mask
        memory, at = owner.memory(), getattr(self, OFFSET) + start
        held = int.from_bytes(memory.read(at, size), "little")
        memory.write(at, (held & ~(mask << shift) | taken << shift).to_bytes(size, "little"))

    return property(get, put)


def _gather(owner: Owner, layout: Layout, offset: int) -> bytes:
    """A value as it lies in memory, piece by piece."""
    memory = owner.memory()
    if _is_piece(layout):
        return memory.read(offset, layout.size)
    data = bytearray(layout.size)
    for at, size in _pieces(layout, 0):
        data[at : at + size] = memory.read(offset + at, size)
    return bytes(data)


def _scatter(owner: Owner, layout: Layout, offset: int, data: bytes) -> None:
    """Put a value where it belongs, piece by piece."""
    memory = owner.memory()
    if _is_piece(layout):
        memory.write(offset, data)
        return
    for at, size in _pieces(layout, 0):
        memory.write(offset + at, data[at : at + size])


def _is_piece(layout: Layout) -> bool:
    if isinstance(layout, ArrayLayout):
        return layout.element.size == 1
    return not isinstance(layout, StructLayout) or layout.union


def _pieces(layout: Layout, offset: int) -> Iterator[tuple[int, int]]:
    """Where the numbers, texts and unions of a value lie: offset and size in bytes. Padding is none of them."""
    if _is_piece(layout):
        yield offset, layout.size
    elif isinstance(layout, ArrayLayout):
        for index in range(layout.length):
            yield from _pieces(layout.element, offset + index * layout.element.size)
    elif isinstance(layout, StructLayout):
        for field in layout.fields:
            if field.bit_width is None:
                yield from _pieces(field.layout, offset + field.offset)
            else:
                start = field.bit_offset // 8
                yield offset + start, (field.bit_offset + field.bit_width + 7) // 8 - start
