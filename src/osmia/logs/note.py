"""What an object says of each of its logs: where it stands, its texts, and what lies where in a record.

A log's number is its place among those of the object. Each record begins with RECORD.
"""

from __future__ import annotations

from osmia.errors import ObjectError
from osmia.layout import ArrayLayout, BooleanLayout, CharsLayout, EnumLayout, Field, IntegerLayout, StructLayout
from osmia.record import frozen_record
from osmia.types import INTEGERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.layout import Layout

HEADER = 16
"""Bytes before what a record holds besides: when it was written (u64, as ktime_get_ns has it), which object (u32) and
which of its logs (u32)."""


def switch_name(number: int) -> str:
    """The variable in the object's .rodata that says whether one of its logs is on, a bool."""
    return f"osmia_log{number}"


@frozen_record
class Shown:
    """A value in a message."""

    offset: int
    """Where it lies in the record."""
    layout: Layout
    conversion: str
    """`r`, `s`, `a` or empty."""
    spec: str


@frozen_record
class LogFormat:
    """One log of the source."""

    level: int
    program: str
    function: str
    """The function that it stands in."""
    file: str
    line: int
    size: int
    """Of a record, in bytes."""
    cpu: int
    """Where a record has the CPU's number (u16)."""
    process: int
    """Where it has what get_current_pid_tgid gives (u64); 0 for none."""
    parts: tuple[str | Shown, ...]


def note_of(of: LogFormat, file: str) -> str:
    """The line of the section `.osmia`; `file` is the file's name there."""
    import json

    parts = [
        part if isinstance(part, str) else [part.offset, _type(part.layout), part.conversion, part.spec]
        for part in of.parts
    ]
    fields = [of.program, of.function, file, of.line, of.size, of.cpu, of.process, parts]
    return f"{of.level} {json.dumps(fields, separators=(',', ':'))}"


def level_of(note: str) -> int:
    """The level that a line says: all that has to be known to load the object."""
    level = note.partition(" ")[0]
    return int(level) if level.isdecimal() and len(level) < 4 else 0


def format_of(note: str, subject: str) -> LogFormat:
    """What a line says. ObjectError, which names `subject`, for one that osmia did not write."""
    import json

    try:
        number, _, rest = note.partition(" ")
        level = int(number)
        *fields, parts = json.loads(rest)
        program, function, file, line, size, cpu, process = fields
        texts = all(isinstance(each, str) for each in (program, function, file))
        numbers = all(type(each) is int and each >= 0 for each in (level, line, size, cpu, process))
        found = LogFormat(
            level, program, function, file, line, size, cpu, process, tuple(_part(part) for part in parts)
        )
        inside = all(each.offset + each.layout.size <= size for each in found.parts if isinstance(each, Shown))
        if (
            texts
            and numbers
            and inside
            and level == level_of(note)
            and HEADER <= cpu <= size - 2
            and process <= size - 8
        ):
            return found
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise ObjectError(f"{subject}: section '.osmia': a log is noted as {note[:200]!r}, which osmia did not write")


def _part(of: Any) -> str | Shown:
    if isinstance(of, str):
        return of
    offset, layout, conversion, spec = of
    if type(offset) is not int or offset < HEADER or conversion not in ("", "r", "s", "a") or not isinstance(spec, str):
        raise ValueError(of)
    return Shown(offset, _layout(layout), conversion, spec)


_BY_NAME: dict[str, Any] = {of.__name__: of for of in INTEGERS}


def _type(layout: Layout) -> Any:
    """A layout as JSON has it."""
    match layout:
        case ArrayLayout(element=element, length=length):
            return ["array", _type(element), length]
        case CharsLayout(length=length):
            return ["chars", length]
        case EnumLayout(of=of, storage=storage):
            return ["enum", layout.name, storage.__name__, {member.name: int(member) for member in of}]
        case StructLayout(fields=fields):
            listed = [[each.name, _type(each.layout), each.bit_offset, each.bit_width] for each in fields]
            return ["union" if layout.union else "struct", layout.name, layout.size, listed]
        case _:
            return layout.name


def _layout(of: Any) -> Layout:
    """A layout from JSON: of structs and enums, with classes that show themselves as those of the source do."""
    match of:
        case "bool":
            return BooleanLayout()
        case str(name) if name in _BY_NAME:
            return IntegerLayout(_BY_NAME[name])
        case str(name):
            return _big_endian(name)
        case ["array", element, int(length)] if length > 0:
            return ArrayLayout(_layout(element), length)
        case ["chars", int(length)] if length > 0:
            return CharsLayout(length)
        case ["enum", str(name), str(storage), dict(members)]:
            return EnumLayout(_enumeration(name, members), _BY_NAME[storage])
        case ["struct" | "union" as kind, str(name), int(size), list(fields)]:
            return _struct(name, size, fields, union=kind == "union")
    raise ValueError(of)


def _big_endian(name: str) -> Layout:
    from osmia import types
    from osmia.layout import BigEndianLayout

    if name not in ("be16", "be32", "be64"):
        raise ValueError(name)
    of = getattr(types, name)
    return BigEndianLayout(of, of.storage)


def _enumeration(name: str, members: dict[str, int]) -> Any:
    """A class of these members; a number that is none of them is shown without a name."""
    from enum import IntEnum

    class Known(IntEnum):
        """Whatever lies in memory is a value of it."""

        @classmethod
        def _missing_(cls, value: object) -> Any:
            made = int.__new__(cls, value)  # type: ignore[call-overload]
            made._name_, made._value_ = "?", value
            return made

    make: Any = Known
    return make(name, members)


def _struct(name: str, size: int, fields: list[Any], *, union: bool) -> StructLayout:
    from osmia.structs import stand_in

    placed = []
    for field, of, bit_offset, bit_width in fields:
        layout = _layout(of)
        end = bit_offset + (bit_width or 8 * layout.size)
        if not isinstance(field, str) or bit_offset < 0 or end > 8 * size:
            raise ValueError(fields)
        placed.append(Field(field, layout, bit_offset // 8, bit_offset, bit_width, None))
    return stand_in(name, size, tuple(placed), union=union)
