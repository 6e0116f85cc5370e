"""Python values as they lie in memory: checked where they are set, packed to bytes and read back.

A form turns values of one layout into the items that one `struct.Struct` packs, so that a whole struct, with all that
is in it, takes one call.
"""

from __future__ import annotations

from _operator import index  # without the Python half of `operator`, which costs start-up time
from struct import Struct

from osmia.arrays import Chars, FixedArray, SpinLock
from osmia.errors import shortened, shown, with_article
from osmia.layout import (
    ArrayLayout,
    BigEndianLayout,
    BooleanLayout,
    CharsLayout,
    EnumLayout,
    IntegerLayout,
    SpinLockLayout,
    StructLayout,
)
from osmia.types import u8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from osmia.layout import Layout

FROZEN = "__frozen__"  # in the `__dict__` of an instance that cannot be changed; no field is called so
MEMORY = "__memory__"  # in the `__dict__` of a union's instance: its bytes


class Form:
    """How values of one layout become items of a `struct.Struct` and back. This one: a number as it is."""

    __slots__ = ("count", "layout", "letters", "plain", "whole")

    def __init__(self, layout: Layout, letters: str, count: int = 1) -> None:
        self.layout = layout
        self.letters = letters
        self.count = count
        """How many items a value is."""
        self.plain = type(self).get is Form.get
        """Whether a value is its one item."""
        self.whole = Struct("=" + letters)

    def take(self, value: Any, what: str) -> Any:
        """The value as it is kept. TypeError, ValueError or OverflowError, which name `what`, if it is not taken."""
        raise NotImplementedError

    def put(self, value: Any, items: list[Any]) -> None:
        """Append the items of a value."""
        items.append(value)

    def get(self, items: Sequence[Any], at: int, what: str, frozen: bool) -> Any:  # noqa: ARG002 - of other forms
        """The value whose first item is at `at`; `what` is for messages."""
        return items[at]

    def copy(self, value: Any, *, frozen: bool) -> Any:  # noqa: ARG002 - of other forms
        """A value that is changed independently; or never, if it is frozen."""
        return value

    def pack(self, value: Any) -> bytes:
        """A value that `take` gave, as bytes."""
        items: list[Any] = []
        self.put(value, items)
        return self.whole.pack(*items)

    def encode(self, value: Any, what: str) -> bytes:
        """Any value as bytes, refused as `take` refuses it."""
        return self.pack(self.take(value, what))

    def unpack(self, data: bytes, what: str, *, frozen: bool) -> Any:
        """The value that lies in `data`."""
        return self.get(self.whole.unpack(data), 0, what, frozen)

    def zero(self) -> Any:
        """The value whose bytes are all 0."""
        return self.unpack(bytes(self.layout.size), self.layout.name, frozen=False)


class IntegerForm(Form):
    """u8..i64."""

    __slots__ = ("high", "low")

    layout: IntegerLayout

    def __init__(self, layout: IntegerLayout) -> None:
        super().__init__(layout, layout.of.format)
        self.low, self.high = layout.of.low, layout.of.high

    def take(self, value: Any, what: str) -> int:
        """An int in range."""
        return take_integer(value, what, self.layout.name, self.low, self.high)


class BooleanForm(Form):
    """bool."""

    __slots__ = ()

    def take(self, value: Any, what: str) -> bool:
        """True or False alone."""
        if not isinstance(value, bool):
            raise TypeError(f"{what} is a bool, not {shown(value)}")
        return value


class EnumForm(Form):
    """The members of an IntEnum."""

    __slots__ = ()

    layout: EnumLayout

    def __init__(self, layout: EnumLayout) -> None:
        super().__init__(layout, layout.storage.format)

    def take(self, value: Any, what: str) -> Any:
        """A member."""
        if not isinstance(value, self.layout.of):
            raise TypeError(f"{what} is {with_article(self.layout.name)}, not {shown(value)}")
        return value

    def get(self, items: Sequence[Any], at: int, what: str, frozen: bool) -> Any:  # noqa: ARG002 - of other forms
        """The member of that value. ValueError if there is none."""
        return self.member(items[at], what)

    def member(self, stored: int, what: str) -> Any:
        """The member of that value. ValueError if there is none."""
        try:
            return self.layout.of(stored)
        except ValueError:
            raise ValueError(f"{what} is {stored}, which is no {self.layout.name}") from None


class BigEndianForm(Form):
    """be16, be32, be64."""

    __slots__ = ()

    layout: BigEndianLayout

    def __init__(self, layout: BigEndianLayout) -> None:
        super().__init__(layout, f"{layout.size}s")

    def take(self, value: Any, what: str) -> int:
        """An int in range."""
        return take_integer(value, what, self.layout.name, 0, self.layout.storage.high)

    def put(self, value: Any, items: list[Any]) -> None:
        """Its bytes, the most significant one first."""
        items.append(value.to_bytes(self.layout.size, "big"))

    def get(self, items: Sequence[Any], at: int, what: str, frozen: bool) -> int:  # noqa: ARG002 - of other forms
        """The number that these bytes are."""
        return int.from_bytes(items[at], "big")


class CharsForm(Form):
    """Texts."""

    __slots__ = ()

    layout: CharsLayout

    def __init__(self, layout: CharsLayout) -> None:
        super().__init__(layout, f"{layout.length}s")

    def take(self, value: Any, what: str) -> Chars:
        """A text that is short enough."""
        length = self.layout.length
        if isinstance(value, str):
            if "\0" in value:
                raise ValueError(f"{what} is a text of up to {length} bytes without NUL, not {shortened(value)}")
            data = value.encode("utf-8", "surrogateescape")
        elif isinstance(value, (bytes, bytearray)):
            data = bytes(value)
        elif isinstance(value, Chars):
            data = bytes(value).rstrip(b"\0")
        else:
            raise TypeError(f"{what} is a text (str, bytes or Chars) of up to {length} bytes, not {shown(value)}")
        if len(data) > length:
            raise ValueError(f"{what} is a text of up to {length} bytes, not {len(data)}: {shortened(value)}")
        return Chars(self.layout, data.ljust(length, b"\0"))

    def put(self, value: Any, items: list[Any]) -> None:
        """All of its bytes."""
        items.append(bytes(value))

    def get(self, items: Sequence[Any], at: int, what: str, frozen: bool) -> Chars:  # noqa: ARG002 - of other forms
        """A text."""
        return Chars(self.layout, items[at])


class SpinLockForm(Form):
    """A lock, which is 0 wherever user code writes it."""

    __slots__ = ()

    layout: SpinLockLayout

    def __init__(self, layout: SpinLockLayout) -> None:
        super().__init__(layout, f"{layout.size}s")

    def take(self, value: Any, what: str) -> SpinLock:
        """No other lock is taken over."""
        if not isinstance(value, SpinLock):
            raise TypeError(f"{what} is a spin lock, which user code does not set: leave it out, not {shown(value)}")
        return value

    def put(self, value: Any, items: list[Any]) -> None:  # noqa: ARG002 - of other forms
        """Not taken."""
        items.append(bytes(self.layout.size))

    def get(self, items: Sequence[Any], at: int, what: str, frozen: bool) -> SpinLock:  # noqa: ARG002 - of other forms
        """A lock: its bytes say nothing to user code."""
        return SpinLock(self.layout)


class ArrayForm(Form):
    """Arrays: an item for each number. Those of u8, and of all that is no plain number, are one item: their bytes."""

    __slots__ = ("element", "of_bytes")

    layout: ArrayLayout

    def __init__(self, layout: ArrayLayout) -> None:
        self.element = form_of(layout.element)
        self.of_bytes = isinstance(layout.element, IntegerLayout) and layout.element.of is u8
        if self.element.plain and not self.of_bytes:
            super().__init__(layout, f"{layout.length}{self.element.letters}", layout.length)
        else:
            super().__init__(layout, f"{layout.size}s")

    def take(self, value: Any, what: str) -> FixedArray[Any]:
        """A sequence of as many elements; of u8 also an address of as many bytes."""
        layout = self.layout
        expected = f"{what} is {layout.length} elements of {layout.element.name}"
        sequence = hasattr(value, "__len__") and hasattr(value, "__getitem__") and not hasattr(value, "keys")
        of_bytes = isinstance(value, (bytes, bytearray, memoryview))
        if not sequence or isinstance(value, str) or (of_bytes and not self.of_bytes):
            if not self.of_bytes:
                raise TypeError(f"{expected}, not {shown(value)}")
            from osmia.addresses import bytes_of

            value = bytes_of(value, expected, layout.length)
        if len(value) != layout.length:
            raise ValueError(f"{expected}, not {len(value)}")
        taken = [self.element.take(item, f"{what}[{at}]") for at, item in enumerate(value)]
        return FixedArray(layout, self.element, bytearray(taken) if self.of_bytes else taken)

    def put(self, value: Any, items: list[Any]) -> None:
        """Its elements."""
        if self.of_bytes:
            items.append(bytes(value))
        elif self.element.plain:
            items.extend(value)
        else:
            items.append(b"".join([self.element.pack(each) for each in value]))

    def get(self, items: Sequence[Any], at: int, what: str, frozen: bool) -> FixedArray[Any]:
        """An array."""
        element, held = self.element, tuple if frozen else list
        if self.of_bytes:
            return FixedArray(self.layout, element, items[at] if frozen else bytearray(items[at]))
        if element.plain:
            return FixedArray(self.layout, element, held(items[at : at + self.count]))
        elements = [
            element.get(each, 0, f"{what}[{number}]", frozen)
            for number, each in enumerate(element.whole.iter_unpack(items[at]))
        ]
        return FixedArray(self.layout, element, held(elements))

    def copy(self, value: Any, *, frozen: bool) -> FixedArray[Any]:
        """Another array of the same elements."""
        return value.copy(frozen=frozen)  # type: ignore[no-any-return]


class BitFieldForm(Form):
    """Checks what a bit field takes. Its bits are read and written with those around it."""

    __slots__ = ("high", "low", "width")

    def __init__(self, layout: Layout, width: int) -> None:
        super().__init__(layout, "", 0)
        storage: Any = layout.of if isinstance(layout, IntegerLayout) else getattr(layout, "storage", None)
        self.width = width
        self.low = -(1 << (width - 1)) if storage.signed else 0
        self.high = (1 << (width - storage.signed)) - 1

    def take(self, value: Any, what: str) -> Any:
        """A value that fits."""
        if isinstance(self.layout, IntegerLayout):
            return take_integer(value, what, f"{self.layout.name} of {self.width} bits", self.low, self.high)
        return form_of(self.layout).take(value, what)

    def zero(self) -> Any:
        """The value whose bits are all 0."""
        return self.read(0, self.layout.name)

    def read(self, bits: int, what: str) -> Any:
        """The value of these bits."""
        if isinstance(self.layout, BooleanLayout):
            return bool(bits)
        number = bits - (1 << self.width) if bits > self.high else bits
        if isinstance(self.layout, EnumLayout):
            return EnumForm(self.layout).member(number, what)
        return number


class InstanceForm(Form):
    """What structs and unions have in common."""

    __slots__ = ()

    layout: StructLayout

    def take(self, value: Any, what: str) -> Any:
        """A copy of an instance; the instance itself if it never changes."""
        if not isinstance(value, self.layout.of):
            raise TypeError(f"{what} is {with_article(self.layout.name)}, not {shown(value)}")
        return self.copy(value, frozen=self.layout.frozen)

    def encode(self, value: Any, what: str) -> bytes:
        """An instance as bytes. TypeError, which names `what`, for anything else."""
        if not isinstance(value, self.layout.of):
            raise TypeError(f"{what} is {with_article(self.layout.name)}, not {shown(value)}")
        return self.pack(value)


class StructForm(InstanceForm):
    """Structs: the items of their fields; bit fields that follow each other are one item."""

    __slots__ = ("bits", "fields", "names", "places", "runs", "simple", "whats")

    def __init__(self, layout: StructLayout) -> None:
        self.fields: dict[str, Form] = {}
        self.places: list[tuple[str, Form, int]] = []
        """Name, form and first item of each field that is no bit field."""
        self.bits: list[tuple[str, BitFieldForm, int, int]] = []
        """Name, form, item and shift in it of each bit field."""
        self.runs: dict[int, int] = {}
        """The items that are bit fields, and how many bytes they are."""
        self.whats = {field.name: f"{layout.name}.{field.name}" for field in layout.fields}
        letters, count = self._arrange(layout)
        super().__init__(layout, letters, count)
        self.names = tuple(self.fields)
        self.simple = not self.bits and all(form.plain for form in self.fields.values())

    def _arrange(self, layout: StructLayout) -> tuple[str, int]:
        letters, end, count = "", 0, 0  # end: in bytes, of what the letters say
        pending = [*layout.fields]
        while pending:
            field = pending.pop(0)
            gap = field.offset - end
            letters += f"{gap}x" if gap else ""
            if field.bit_width is None:
                form = self.fields[field.name] = form_of(field.layout)
                self.places.append((field.name, form, count))
                letters += form.letters
                count, end = count + form.count, field.offset + field.layout.size
                continue
            start = field.offset
            run = [field]
            while pending and pending[0].bit_width is not None:
                run.append(pending.pop(0))
            for each in run:
                width = each.bit_width or 0
                bits = self.fields[each.name] = BitFieldForm(each.layout, width)
                self.bits.append((each.name, bits, count, each.bit_offset - start * 8))
                end = (each.bit_offset + width + 7) // 8
            letters += f"{end - start}s"
            self.runs[count] = end - start
            count += 1
        gap = layout.size - end
        return letters + (f"{gap}x" if gap else ""), count

    def put(self, value: Any, items: list[Any]) -> None:
        """Those of its fields."""
        state = value.__dict__
        if self.simple:
            items.extend([state[name] for name in self.names])
            return
        if not self.bits:
            for name, form, _ in self.places:
                form.put(state[name], items)
            return
        base = len(items)
        runs = dict.fromkeys(self.runs, 0)
        for name, bits, item, shift in self.bits:
            runs[item] |= (int(state[name]) & ((1 << bits.width) - 1)) << shift
        for name, form, item in self.places:
            self._put_runs(runs, base + item, base, items)
            form.put(state[name], items)
        self._put_runs(runs, base + self.count, base, items)

    def _put_runs(self, runs: dict[int, int], before: int, base: int, items: list[Any]) -> None:
        """Append runs of bit fields as long as they come next."""
        while len(items) < before:
            item = len(items) - base
            items.append(runs[item].to_bytes(self.runs[item], "little"))

    def get(self, items: Sequence[Any], at: int, what: str, frozen: bool) -> Any:  # noqa: ARG002 - it names its fields
        """An instance."""
        made = object.__new__(self.layout.of)
        state = made.__dict__
        frozen = frozen or self.layout.frozen
        if self.simple:
            state.update(zip(self.names, items[at : at + self.count] if at else items, strict=False))
        else:
            values = {
                name: items[at + item] if form.plain else form.get(items, at + item, self.whats[name], frozen)
                for name, form, item in self.places
            }
            for name, bits, item, shift in self.bits:
                number = int.from_bytes(items[at + item], "little") >> shift & ((1 << bits.width) - 1)
                values[name] = bits.read(number, self.whats[name])
            state.update((name, values[name]) for name in self.names)
        if frozen:
            state[FROZEN] = True
        return made

    def copy(self, value: Any, *, frozen: bool) -> Any:
        """An instance of the same values."""
        if frozen and FROZEN in value.__dict__:
            return value
        return self.unpack(self.pack(value), self.layout.name, frozen=frozen)


class UnionForm(InstanceForm):
    """Unions: their bytes."""

    __slots__ = ("fields",)

    def __init__(self, layout: StructLayout) -> None:
        super().__init__(layout, f"{layout.size}s")
        self.fields: dict[str, Form] = {
            field.name: form_of(field.layout)
            if field.bit_width is None
            else BitFieldForm(field.layout, field.bit_width)
            for field in layout.fields
        }

    def put(self, value: Any, items: list[Any]) -> None:
        """Its bytes."""
        items.append(value.__dict__[MEMORY])

    def get(self, items: Sequence[Any], at: int, what: str, frozen: bool) -> Any:  # noqa: ARG002 - it names its fields
        """An instance."""
        made = object.__new__(self.layout.of)
        made.__dict__[MEMORY] = items[at]
        if frozen or self.layout.frozen:
            made.__dict__[FROZEN] = True
        return made

    def copy(self, value: Any, *, frozen: bool) -> Any:
        """An instance of the same bytes."""
        return self.get((value.__dict__[MEMORY],), 0, "", frozen)

    def member(self, memory: bytes, name: str) -> Any:
        """What the bytes are as one of the fields: a copy, which cannot be changed."""
        form, what = self.fields[name], f"{self.layout.name}.{name}"
        if isinstance(form, BitFieldForm):
            return form.read(int.from_bytes(memory, "little") & ((1 << form.width) - 1), what)
        return form.unpack(memory[: form.layout.size], what, frozen=True)

    def store(self, memory: bytes, name: str, value: Any) -> bytes:
        """The bytes after one of the fields is set."""
        form = self.fields[name]
        taken = form.take(value, f"{self.layout.name}.{name}")
        if isinstance(form, BitFieldForm):
            mask = (1 << form.width) - 1
            number = int.from_bytes(memory, "little") & ~mask | int(taken) & mask
            return number.to_bytes(len(memory), "little")
        data = form.pack(taken)
        return data + memory[len(data) :]


def form_of(layout: Layout) -> Form:
    """The form of values that lie so in memory."""
    match layout:
        case IntegerLayout():
            return IntegerForm(layout)
        case BooleanLayout():
            return BooleanForm(layout, "?")
        case EnumLayout():
            return EnumForm(layout)
        case BigEndianLayout():
            return BigEndianForm(layout)
        case ArrayLayout():
            return ArrayForm(layout)
        case CharsLayout():
            return CharsForm(layout)
        case SpinLockLayout():
            return SpinLockForm(layout)
        case StructLayout():
            return layout.of.__osmia_form__  # type: ignore[no-any-return]
        case _:
            raise TypeError(f"values of {layout.name} have no form: they are bytes")


def take_integer(value: Any, what: str, name: str, low: int, high: int) -> int:
    """An int in range; for a be32 also an IPv4Address. OverflowError or TypeError, which name `what`, if it is none."""
    try:
        number = index(value)
    except TypeError:
        number = None
    if number is None:  # not in the handler: the refusal is the whole story, with no error before it
        from osmia.addresses import number_of

        number = number_of(value, what, name)
    if not low <= number <= high:
        article = "an" if name.startswith("i") else "a"
        raise OverflowError(f"{what} is {article} {name}, {low} to {high}, not {number}")
    return number
