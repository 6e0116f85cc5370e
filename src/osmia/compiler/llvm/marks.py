"""What a debug build tells a machine: which line begins, what a local holds now, where `breakpoint()` stands.

Each is a call of a helper that only machines have; its number says which mark it is. LLVM keeps such calls, in their
order, and does not make one line of two. What the marks mean is in the section `.osmia`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import (
    BoolType,
    ContextType,
    EnumType,
    IntType,
    ObjectType,
    OptionalType,
    PlaceType,
    ValueType,
)
from osmia.compiler.ir.walk import nodes
from osmia.layout import (
    ArrayLayout,
    BigEndianLayout,
    BooleanLayout,
    CharsLayout,
    EnumLayout,
    IntegerLayout,
    Layout,
    StructLayout,
)
from osmia.spec import FIRST_MARK

if TYPE_CHECKING:
    from osmia.compiler.llvm.emitter import Emitter
    from osmia.compiler.location import Location
    from osmia.contexts.fields import ContextField


class Marks:
    """The marks of a unit, by their numbers."""

    def __init__(self, files: dict[str, ir.SourceFile]) -> None:
        self._files = files
        self.notes: dict[str, int] = {}
        """What is written of each, without the key, in the order of their numbers."""
        self._scopes = 0

    def scope(self) -> int:
        """The number of a call, or of a function, whose locals are its own."""
        self._scopes += 1
        return self._scopes

    def line(self, out: Emitter, location: Location, scope: int, function: str) -> None:
        """A line begins. Nothing is told twice in a row."""
        name = function if function.isidentifier() else "<lambda>"  # as Python calls what has no name
        note = f"line {scope} {location.line} {name} {self._files[location.file].relative}"
        if out.marked != note:
            self._call(out, note)
            out.marked = note

    def local(self, out: Emitter, local: ir.Local, scope: int, value: str, *, again: bool = False) -> None:
        """A local holds a value: an i64, or a pointer. `again` is said of one that has perhaps none yet."""
        shown = json.dumps(_shown(local.type), separators=(",", ":"))
        self._call(out, f"{'again' if again else 'local'} {scope} {local.name} {shown}", f"{value}")

    def breakpoint(self, out: Emitter) -> None:
        """`breakpoint()` stands here."""
        self._call(out, "breakpoint")

    def _call(self, out: Emitter, note: str, *arguments: str) -> None:
        out.call(FIRST_MARK + self.notes.setdefault(note, len(self.notes)), *arguments)


def scopes_of(marks: Marks, body: tuple[ir.Statement, ...]) -> dict[object, int]:
    """The scope of each call that is written out in a function, and of each local that belongs to one."""
    found: dict[object, int] = {}
    for each in nodes(body):
        if isinstance(each, ir.Inlined) and not each.frame.unrolled:
            scope = found[each.frame] = marks.scope()
            for local in (*each.parameters, *each.locals):
                found.setdefault(local, scope)
    return found


def _shown(of: ValueType) -> object:
    """How a value of a type is shown, as JSON."""
    match of:
        case BoolType():
            return "bool"
        case EnumType():
            return ["enum", str(of), {str(int(member)): member.name for member in of.of}]
        case IntType():
            return "i64" if of.may_be_negative else "u64"
        case OptionalType(of=PlaceType(layout=layout), number=True):
            return ["number", _laid_out(layout)]
        case OptionalType(of=inner):
            return ["optional", _shown(inner)]
        case PlaceType(layout=layout):
            return ["place", _laid_out(layout)]
        case ObjectType(struct=struct):
            return ["object", struct]
        case ContextType():
            return ["context", str(of), {name: _field(field) for name, field in of.fields.items()}]
        case _:
            return ["object", str(of)]


def _field(field: ContextField) -> list[object]:
    """A field of a context, as JSON: where it is, of what, how wide, and how many there are; 0 is no array.

    The lowest bits of a number come first in memory, so a be16 in 32 bits begins where these do.
    """
    of: object = f"{'i' if field.signed else 'u'}{field.bits}"
    if field.network_bits:
        of = f"be{field.network_bits}"
    if field.object:
        of = ["object", field.object]
    return [field.offset, of, field.bits // 8, field.length]


def _laid_out(layout: Layout) -> object:
    """How a value lies in memory, as JSON."""
    match layout:
        case IntegerLayout() | BigEndianLayout() | BooleanLayout():
            return layout.name
        case EnumLayout():
            return ["enum", layout.name, layout.storage.__name__, {str(int(each)): each.name for each in layout.of}]
        case ArrayLayout(element=element, length=length):
            return ["array", length, element.size, _laid_out(element)]
        case CharsLayout(length=length):
            return ["chars", length]
        case StructLayout():
            fields = [
                [field.name, field.offset, _laid_out(field.layout), field.bit_offset, field.bit_width]
                for field in layout.fields
            ]
            return ["struct", layout.name, layout.size, fields]
        case _:
            return ["bytes", layout.size]
