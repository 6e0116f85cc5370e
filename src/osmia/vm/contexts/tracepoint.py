"""The contexts of tracepoints: their records, with the fields that the program's class names."""

from __future__ import annotations

from osmia.abi.context_member import ContextMember
from osmia.errors import shown
from osmia.vm.contexts import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.spec_details import ContextFieldSpec
    from osmia.vm.contexts import Fields
    from osmia.vm.machine import Machine
    from osmia.vm.program import VmProgram

COMMON = 8
"""The bytes that every tracepoint's record begins with."""
_WITHOUT_FIELDS = 256
"""The bytes of a record whose fields nobody names."""
_PLACE = 0xFFFF
"""The bits of a data_loc that say where its text lies; those above say how long it is."""
_TEXTS = ("chars", "data_loc")


class TracepointRecord(Context):
    """A record in memory. Texts that lie elsewhere in it are put behind its fields."""

    def __init__(self, machine: Machine, program: VmProgram, record: bytes, fields: Fields) -> None:
        self.texts = {each.name: each for each in program.fields if each.form in _TEXTS}
        known = max((each.offset + each.size for each in program.fields), default=_WITHOUT_FIELDS)
        given = {name: _encoded(program, self.texts[name], fields[name]) for name in self.texts if name in fields}
        behind = sum(len(text) for name, text in given.items() if self.texts[name].form == "data_loc")
        self._free = max(known, COMMON, len(record))
        members = tuple(_member(each) for each in program.fields if each.form not in _TEXTS)
        # A program that reads a text of fixed length looks at the byte behind it, too.
        super().__init__(machine, program, members, self._free + behind + 1)
        try:
            self._write(0, record)
            for name, value in fields.items():
                if name in given:
                    self._set_text(self.texts[name], given[name])
                else:
                    self.set(name, value)
        except BaseException:
            self.close()
            raise

    @property
    def names(self) -> tuple[str, ...]:
        """What may be said of it, in the class's order."""
        return tuple(each.name for each in self.program.fields)

    def fields(self) -> dict[str, object]:
        """All fields as they are now; texts up to their first zero."""
        found = super().fields() | {name: self._text(each) for name, each in self.texts.items()}
        return {name: found[name] for name in self.names}

    def _set_text(self, field: ContextFieldSpec, text: bytes) -> None:
        if field.form == "chars":
            self._write(field.offset, text.ljust(field.size, b"\0"))
            return
        self.write_at(field.offset, field.size, len(text) << 16 | self._free)
        self._write(self._free, text)
        self._free += len(text)

    def _text(self, field: ContextFieldSpec) -> str:
        place, size = field.offset, field.size
        if field.form == "data_loc":
            both = int.from_bytes(self.machine.memory.read(self.address + place, size), "little")
            place, size = both & _PLACE, both >> 16
        data = self.machine.memory.read(self.address + place, max(min(size, self.block.size - place), 0))
        return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")

    def _write(self, offset: int, data: bytes) -> None:
        start = self.address + offset
        self.machine.memory.data[start : start + len(data)] = data


def _member(field: ContextFieldSpec) -> ContextMember:
    return ContextMember(
        field.name, field.offset, 8 * field.size // max(field.length, 1), field.signed, length=field.length
    )


def _encoded(program: VmProgram, field: ContextFieldSpec, value: object) -> bytes:
    """A text as a record has it. TypeError, ValueError or OverflowError for what is none that fits."""
    text = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    if not isinstance(text, bytes):
        raise TypeError(f"{program.name}: {field.name} is a text, a str or bytes, not {shown(value)}")
    if b"\0" in text.rstrip(b"\0"):
        raise ValueError(f"{program.name}: {field.name} is a text, which ends at its first zero: {shown(value)}")
    text = text.rstrip(b"\0")
    if field.form == "data_loc":
        if len(text) >= _PLACE:
            raise OverflowError(f"{program.name}: {field.name} is too long for a record: {len(text)} bytes")
        return text + b"\0"
    if len(text) > field.size:
        raise OverflowError(f"{program.name}: {field.name} has {field.size} bytes: {shown(value)} does not fit")
    return text


def build(machine: Machine, program: VmProgram, packet: bytes | None, fields: Fields) -> Context:
    """The context of one run: zeros, `packet` where it is given (the record as it lies in memory), then the fields."""
    return TracepointRecord(machine, program, packet or b"", fields)
