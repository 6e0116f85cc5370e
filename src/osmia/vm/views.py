"""What a debugger shows of a program's memory: values by their types, read when they are looked at.

A view is a class for each type and memory, and an instance that has an address alone. So translated code makes one
without calling anything that a debugger would step into.
"""

from __future__ import annotations

from osmia.vm.arithmetic import U64
from osmia.vm.memory import MAY_READ, REASONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Self

    from osmia.vm.memory import Memory

_MOST_SHOWN = 16
_PLACES = ("place", "number", "context", "object")
_NUMBERS = {
    "bool": "r1 != 0",
    "i64": f"(r1 ^ {1 << 63:#x}) - {1 << 63:#x}",
    "u64": "r1",
    "enum": "{name}.get(r1, r1)",
}


def expression(shown: Any, name: str) -> list[str]:
    """Source that makes `_seen` of r1; `name` stands for what `shower` gives for the same type."""
    kind, rest = _parts(shown)
    if kind == "optional":
        return expression(rest[0], name)
    if kind in _PLACES:
        return ["if r1:", f"    _seen = _object({name})", "    _seen._address = r1", "else:", "    _seen = None"]
    return [f"_seen = {_NUMBERS[kind].format(name=name)}"]


def _parts(description: Any) -> tuple[str, list[Any]]:
    """A type as it is described: what kind it is of, and the rest."""
    return (description, []) if isinstance(description, str) else (description[0], description[1:])


def shower(memory: Memory, shown: Any) -> object:
    """What the source needs to make what is shown: a class, or the members of an enum; None where it needs nothing."""
    kind, rest = _parts(shown)
    if kind == "optional":
        return shower(memory, rest[0])
    if kind == "enum":
        return {
            int(value) & U64: _Member(int(value), f"<{rest[0]}.{name}: {value}>") for value, name in rest[1].items()
        }
    if kind == "number":
        return type("number", (_Number,), {"_memory": memory, "_layout": rest[0]})
    if kind == "place":
        return _class_of(memory, rest[0], reference=True)
    if kind == "context":
        return type(rest[0], (_Context,), {"_memory": memory, "_fields": rest[1]})
    if kind == "object":
        return type(rest[0], (_Object,), {"_memory": memory})
    return None


def _class_of(memory: Memory, layout: Any, *, reference: bool = False) -> type[_View] | None:
    """The class of what lies so in memory; None for a number, unless it is referred to."""
    kind, rest = _parts(layout)
    if kind == "struct":
        return type(rest[0], (_Struct,), {"_memory": memory, "_fields": {field[0]: field[1:] for field in rest[2]}})
    if kind == "array":
        return type("array", (_Array,), {"_memory": memory, "_length": rest[0], "_stride": rest[1], "_of": rest[2]})
    if not reference:
        return None
    name = layout if isinstance(layout, str) else rest[0] if kind == "enum" else f"{kind}({rest[0]})"
    return type(f"Ref[{name}]", (_Reference,), {"_memory": memory, "_layout": layout})


def _value_at(memory: Memory, address: int, layout: Any) -> object:
    """What lies in a place: a number, or a view of a struct or an array."""
    made = _class_of(memory, layout)
    if made is not None:
        return made.at(address)
    kind, rest = _parts(layout)
    size = _size(layout)
    bad = memory.first_bad(address, size, MAY_READ)
    if bad >= 0:
        return Named(f"<{REASONS.get(memory.shadow[address + bad], 'it cannot be read')}>")
    data = memory.read(address, size)
    if kind == "chars":
        return data.split(b"\0", 1)[0].decode(errors="replace")
    if kind == "bytes":
        return data
    if kind == "bool":
        return bool(data[0])
    if kind == "enum":
        value = int.from_bytes(data, "little", signed=rest[1][0] == "i")
        name = rest[2].get(str(value))
        return _Member(value, f"<{rest[0]}.{name}: {value}>") if name is not None else value
    return int.from_bytes(data, "big" if kind.startswith("be") else "little", signed=kind[0] == "i")


def _field_at(memory: Memory, address: int, of: Any) -> object:
    """What a field of a context holds, as kernel code reads it."""
    kind, rest = _parts(of)
    if kind != "object":
        return _value_at(memory, address, of)
    pointer = memory.number(address, 8)
    made: type[_View] = type(rest[0], (_Object,), {"_memory": memory})
    return made.at(pointer) if pointer else None


def _size(layout: Any) -> int:
    if isinstance(layout, str):
        return 1 if layout == "bool" else int(layout.lstrip("iube")) // 8
    return _size(layout[2]) if layout[0] == "enum" else int(layout[1])


class _Member(int):
    """A member of an enum: a number that says its name."""

    _text: str

    def __new__(cls, value: int, text: str) -> Self:
        made = super().__new__(cls, value)
        made._text = text
        return made

    def __repr__(self) -> str:
        return self._text


class Named:
    """What is only named."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class _View:
    """Something in memory, whose parts are read when they are asked for."""

    __slots__ = ("_address",)

    _memory: Memory
    _address: int

    @classmethod
    def at(cls, address: int) -> Self:
        """The view of what lies there."""
        made = cls.__new__(cls)
        made._address = address  # noqa: SLF001 - of the same class
        return made

    def __dir__(self) -> list[str]:
        return self._names()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names())
        return f"{type(self).__name__}({fields})"

    def _names(self) -> list[str]:
        return []


class _Reference(_View):
    """A reference to a number."""

    __slots__ = ()

    _layout: Any

    def _names(self) -> list[str]:
        return ["value"]

    @property
    def value(self) -> object:
        """The number."""
        return _value_at(self._memory, self._address, self._layout)


class _Number(_View):
    """A number in memory, under a name that stands for the number itself."""

    __slots__ = ()

    _layout: Any

    def __repr__(self) -> str:
        return repr(_value_at(self._memory, self._address, self._layout))


class _Object(_View):
    """Something of the kernel's."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._address:#x}>"


class _Struct(_View):
    """A struct."""

    __slots__ = ()

    _fields: dict[str, Any]

    def _names(self) -> list[str]:
        return [*self._fields]

    def __getattr__(self, name: str) -> object:
        if name.startswith("_") or name not in self._fields:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        offset, layout, bit_offset, width = self._fields[name]
        if width is None:
            return _value_at(self._memory, self._address + offset, layout)
        first = self._address + bit_offset // 8
        whole = self._memory.number(first, (bit_offset % 8 + width + 7) // 8)
        bits = whole >> bit_offset % 8 & (1 << width) - 1
        return bits - (1 << width) if str(layout)[0] == "i" and bits >> width - 1 else bits


class _Array(_View):
    """An array."""

    __slots__ = ()

    _length: int
    _stride: int
    _of: Any

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> object:
        if not 0 <= index < self._length:
            raise IndexError(f"element {index} of {self._length}")
        return _value_at(self._memory, self._address + index * self._stride, self._of)

    def __iter__(self) -> Iterator[object]:
        return (self[index] for index in range(self._length))

    def __repr__(self) -> str:
        shown = [repr(self[index]) for index in range(min(self._length, _MOST_SHOWN))]
        more = [f"... {self._length - _MOST_SHOWN} more"] if self._length > _MOST_SHOWN else []
        return f"[{', '.join([*shown, *more])}]"


class _Context(_View):
    """What a program was called with."""

    __slots__ = ()

    _fields: dict[str, Any]

    def _names(self) -> list[str]:
        return [*self._fields]

    def __getattr__(self, name: str) -> object:
        if name.startswith("_") or name not in self._fields:
            raise AttributeError(f"{type(self).__name__} shows no {name!r}")
        offset, of, size, length = self._fields[name]
        places = range(self._address + offset, self._address + offset + size * max(length, 1), size)
        values = [_field_at(self._memory, place, of) for place in places]
        return values if length else values[0]
