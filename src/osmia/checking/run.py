"""One check of a program: what its rules ask for, and how they say what they find."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from osmia.btf import kinds as btf_kinds
from osmia.btf.read import Btf
from osmia.checking.findings import ERROR, WARNING, Finding
from osmia.checking.rows import row_of
from osmia.errors import ObjectError
from osmia.kernel.verifier_catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia.checking.code import Code
    from osmia.checking.states import State
    from osmia.kernel.verifier_catalogue import Case, Entry
    from osmia.kinds import Kind
    from osmia.spec import MapSpec, ObjectSpec

_ENTRIES = {entry.name: entry for entry in CATALOGUE}
_NONE: Mapping[str, object] = {}
# What is said of mixtures of states too, as a warning.
_SAID_ANYWAY = ("too-large",)
_LOCK = "bpf_spin_lock"
_LOCK_SIZE = 4
_DEEPEST_STRUCT = 8


def _types(spec: ObjectSpec) -> Btf | None:
    """The object's types; None where it has none, or where they are damaged: its code is checked all the same."""
    try:
        return Btf(spec.btf, spec.name) if spec.btf else None
    except ObjectError:
        return None


def _said(entry: Entry, call: str, *, ended: bool) -> Entry | Case:
    """What of an entry has the words: the case of the call that the value came from, or that ended it."""
    cases = (each for each in entry.cases if each.origin and not each.refused and each.ended_by == ended)
    return next((each for each in cases if call and re.search(each.origin, call)), entry)


def _lock_in(btf: Btf, number: int, depth: int) -> int | None:
    """Where a lock lies in a type, in bytes; None where none does."""
    of = btf.resolve(number)
    if of.kind != btf_kinds.STRUCT or depth == 0:
        return None
    if of.name == _LOCK:
        return 0
    for member in btf.members(of):
        inside = _lock_in(btf, member.type, depth - 1)
        if inside is not None:
            return member.offset // 8 + inside
    return None


class Stop(Exception):  # noqa: N818 - no error: this way through the program ends here
    """What comes behind a fault on its way is not looked at: the verifier does not come there."""


class Run:
    """The program, what it is for, and what has been found."""

    def __init__(self, spec: ObjectSpec, code: Code, kernel: tuple[int, int]) -> None:
        self.spec = spec
        self.code = code
        self.kernel = kernel
        program = code.functions[0].spec
        assert program.kind is not None, "every program of an object has a kind"
        self.kind: Kind = program.kind
        self.hook = self.kind.hook(program.section) or ""
        self.program = program.name
        self.findings: dict[tuple[str, int], Finding] = {}
        self.doubtful = False
        """Whether the state that is followed may be one that nothing comes to."""
        self.deepest: dict[int, int] = {}
        """By function: how many bytes of its stack are used."""
        self.btf = _types(spec)
        self._locks: dict[str, int | None] = {}

    def fault(
        self,
        name: str,
        slot: int,
        *,
        sure: bool = True,
        origin: int | None = None,
        ended_by: int | None = None,
        why: tuple[str, ...] = (),
        what: str = "",
        fix: str = "",
        groups: Mapping[str, object] = _NONE,
    ) -> None:
        """Note a fault of the instruction at a slot: an entry of the verifier's catalogue, filled in with `groups`.

        Of what is not certain only a few faults are said: the rest is most often a way that nothing comes.

        `origin` is where the value at fault comes from, `ended_by` the call that ended it. `what` and `fix` go before
        the catalogue's words. Stop is raised where it is certain.
        """
        sure = sure and not self.doubtful
        if not sure and name not in _SAID_ANYWAY:
            return
        made = ended_by if ended_by is not None else origin
        self._note(name, slot, ERROR if sure else WARNING, made, what, why, fix, groups, ended=ended_by is not None)
        if sure:
            raise Stop

    def warn(self, name: str, slot: int, *, what: str, fix: str, why: tuple[str, ...] = ()) -> None:
        """Note what the verifier lets pass, but is no good all the same."""
        self._note(name, slot, WARNING, None, what, why, fix, {})

    def _note(
        self,
        name: str,
        slot: int,
        severity: str,
        made: int | None,
        what: str,
        why: tuple[str, ...],
        fix: str,
        groups: Mapping[str, object],
        *,
        ended: bool = False,
    ) -> None:
        known = self.findings.get((name, slot))
        if known is not None and (known.severity == ERROR or severity == WARNING):
            return
        said = _said(_ENTRIES[name], self.call_text(made), ended=ended)
        line = self.code.line_at(slot)
        self.findings[name, slot] = Finding(
            name=name,
            severity=severity,
            program=self.program,
            function=self.code.function_at(slot).spec.name,
            file=line.file if line else "",
            line=line.line if line else 0,
            column=line.column if line else 0,
            text=line.text if line else "",
            what=what or said.cause.format(**groups),
            why=(*self._from(made, slot), *why),
            fix=fix or said.fix.format(**groups),
        )

    def call_text(self, slot: int | None) -> str:
        """A call as the verifier's log shows it, by which its catalogue tells causes apart."""
        found = self.code.slots[slot] if slot is not None else None
        if found is None or slot in self.code.relocations or found.opcode != 0x85:
            return ""
        row = row_of(found.immediate)
        return f"call bpf_{row.name if row else ''}#{found.immediate}"

    def place(self, slot: int) -> str:
        """Where an instruction comes from: `f.py:12: text`, or its number where the object does not say."""
        line = self.code.line_at(slot)
        if line is None:
            function = self.code.function_at(slot)
            return f"instruction {slot - function.start} of {function.spec.name}"
        return f"{line.file}:{line.line}: {line.text.strip()}"

    def _from(self, made: int | None, slot: int) -> tuple[str, ...]:
        if made is None or made == slot:
            return ()
        used_map = self.map_of_call(made)
        return (f"from: {self.place(made)}" + (f" (map {used_map})" if used_map else ""),)

    def map_of_call(self, slot: int) -> str:
        """The map that a call is given, where it is loaded just before; empty where that is not seen."""
        start = self.code.function_at(slot).start
        for before in range(slot - 1, max(start, slot - 12) - 1, -1):
            found = self.code.slots[before]
            relocation = self.code.relocations.get(before)
            if found is not None and found.opcode == 0x85:
                return ""
            if relocation is not None and relocation.kind == "map":
                return relocation.target
        return ""

    def map(self, name: str) -> MapSpec:
        """A map of the object's."""
        return self.spec.maps[name]

    def lock_offset(self, name: str) -> int | None:
        """Where the lock lies in a map's values; None where there is none, or it is not known."""
        if name not in self._locks:
            self._locks[name] = self._find_lock(self.map(name).btf_value_type_id)
        return self._locks[name]

    def _find_lock(self, number: int) -> int | None:
        try:
            return _lock_in(self.btf, number, _DEEPEST_STRUCT) if self.btf is not None and number else None
        except ObjectError:
            return None

    def touches_lock(self, name: str, low: int, high: int) -> bool:
        """Whether bytes of a map's value are those of its lock."""
        at = self.lock_offset(name)
        return at is not None and low < at + _LOCK_SIZE and at < high

    def uses_stack(self, state: State, frame: int, offset: int) -> None:
        """Note that a function's stack is used down to an offset."""
        function = state.frames[frame].call.function
        if -offset > self.deepest.get(function, 0):
            self.doubtful = False
        """Whether the state that is followed may be one that nothing comes to."""
        self.deepest[function] = -offset
