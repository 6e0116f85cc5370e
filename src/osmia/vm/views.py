"""What a debugger shows of a program's memory: values by their types, read when they are looked at."""

from __future__ import annotations

from osmia.vm.arithmetic import signed
from osmia.vm.memory import MAY_READ, REASONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from osmia.vm.memory import Memory

_MOST_SHOWN = 16


def maker(memory: Memory, shown: Any) -> Callable[[int], object]:
    """What makes of a register what is shown; `shown` is as `compiler.llvm.marks` describes a type."""
    kind, *rest = [shown] if isinstance(shown, str) else shown
    if kind == "bool":
        return bool
    if kind == "i64":
        return lambda value: signed(value, 64)
    if kind == "u64":
        return int
    if kind == "enum":
        return lambda value: _member(rest[0], rest[1], value)
    if kind == "optional":
        inner = maker(memory, rest[0])
        return lambda value: inner(value) if value else None
    if kind == "number":
        return lambda value: value_at(memory, value, rest[0]) if value else None
    if kind == "place":
        return lambda value: place_at(memory, value, rest[0])
    if kind == "context":
        return lambda value: _Context(memory, value, rest[0], rest[1])
    return lambda value: _Other(f"<{rest[0]} at {value:#x}>")


def value_at(memory: Memory, address: int, layout: Any) -> object:
    """What lies in a place: a number, or a view of a struct or an array."""
    kind, *rest = [layout] if isinstance(layout, str) else layout
    if kind == "struct":
        return _Struct(memory, address, *rest)
    if kind == "array":
        return _Array(memory, address, *rest)
    size = _size(layout)
    bad = memory.first_bad(address, size, MAY_READ)
    if bad >= 0:
        return _Other(f"<{REASONS.get(memory.shadow[address + bad], 'it cannot be read')}>")
    data = memory.read(address, size)
    if kind == "chars":
        return data.split(b"\0", 1)[0].decode(errors="replace")
    if kind == "bytes":
        return data
    if kind == "bool":
        return bool(data[0])
    if kind == "enum":
        return _member(rest[0], rest[2], int.from_bytes(data, "little", signed=rest[1][0] == "i"))
    return int.from_bytes(data, "big" if kind.startswith("be") else "little", signed=kind[0] == "i")


def place_at(memory: Memory, address: int, layout: Any) -> object:
    """A reference to a place: of a number it has `.value`, as in the program."""
    if isinstance(layout, str) or layout[0] == "enum":
        return _Reference(memory, address, layout)
    return value_at(memory, address, layout)


def _size(layout: Any) -> int:
    if isinstance(layout, str):
        return 1 if layout == "bool" else int(layout.lstrip("iube")) // 8
    if layout[0] == "enum":
        return _size(layout[2])
    return int(layout[1])


def _member(name: str, members: dict[str, str], value: int) -> object:
    known = members.get(str(value))
    return _Member(value, f"<{name}.{known}: {value}>" if known else f"<{name}: {value}>")


class _Member(int):
    """A member of an enum: a number that says its name."""

    _text: str

    def __new__(cls, value: int, text: str) -> _Member:
        made = super().__new__(cls, value)
        made._text = text
        return made

    def __repr__(self) -> str:
        return self._text


class _Other:
    """What is only named."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


NOT_ASSIGNED = _Other("<not assigned yet>")


class _Place:
    """Something in memory, whose parts are read when they are asked for."""

    def __init__(self, memory: Memory, address: int) -> None:
        self._memory = memory
        self._address = address

    def _names(self) -> list[str]:
        raise NotImplementedError

    def __dir__(self) -> list[str]:
        return self._names()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names())
        return f"{self._title}({fields})"

    _title = ""


class _Reference(_Place):
    """A reference to a number."""

    def __init__(self, memory: Memory, address: int, layout: Any) -> None:
        super().__init__(memory, address)
        self._layout = layout
        self._title = f"Ref[{layout if isinstance(layout, str) else layout[1]}]"

    def _names(self) -> list[str]:
        return ["value"]

    @property
    def value(self) -> object:
        """The number."""
        return value_at(self._memory, self._address, self._layout)


class _Struct(_Place):
    """A struct."""

    def __init__(self, memory: Memory, address: int, name: str, _size_of: int, fields: list[Any]) -> None:
        super().__init__(memory, address)
        self._title = name
        self._fields = {field[0]: field[1:] for field in fields}

    def _names(self) -> list[str]:
        return [*self._fields]

    def __getattr__(self, name: str) -> object:
        if name.startswith("_") or name not in self._fields:
            raise AttributeError(f"{self._title} has no field {name!r}")
        offset, layout, bit_offset, width = self._fields[name]
        if width is None:
            return value_at(self._memory, self._address + offset, layout)
        first = self._address + bit_offset // 8
        whole = self._memory.number(first, (bit_offset % 8 + width + 7) // 8)
        bits = whole >> bit_offset % 8 & (1 << width) - 1
        return bits - (1 << width) if str(layout)[0] == "i" and bits >> width - 1 else bits


class _Array(_Place):
    """An array."""

    def __init__(self, memory: Memory, address: int, length: int, stride: int, element: Any) -> None:
        super().__init__(memory, address)
        self._length, self._stride, self._element = length, stride, element

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> object:
        if not 0 <= index < self._length:
            raise IndexError(f"element {index} of {self._length}")
        return value_at(self._memory, self._address + index * self._stride, self._element)

    def __iter__(self) -> Iterator[object]:
        return (self[index] for index in range(self._length))

    def _names(self) -> list[str]:
        return []

    def __repr__(self) -> str:
        shown = [repr(self[index]) for index in range(min(self._length, _MOST_SHOWN))]
        more = [f"... {self._length - _MOST_SHOWN} more"] if self._length > _MOST_SHOWN else []
        return f"[{', '.join([*shown, *more])}]"


class _Context(_Place):
    """What a program was called with."""

    def __init__(self, memory: Memory, address: int, name: str, fields: dict[str, list[int]]) -> None:
        super().__init__(memory, address)
        self._title = name
        self._fields = fields

    def _names(self) -> list[str]:
        return [*self._fields]

    def __getattr__(self, name: str) -> object:
        if name.startswith("_") or name not in self._fields:
            raise AttributeError(f"{self._title} shows no {name!r}")
        offset, size, length = self._fields[name]
        read = self._memory.number
        if length:
            return [read(self._address + offset + index * size, size) for index in range(length)]
        return read(self._address + offset, size)
