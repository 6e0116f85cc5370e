"""Takes out of programs what switches turn off, and the tests of the switches with it.

The verifier would leave out what a switch turns off too, but not the load of the switch. A switch is a byte of .rodata
whose value is known when the program is loaded; its test is three instructions in a row, which the compiler keeps
together. A test that is not so stays what it is.
"""

from __future__ import annotations

import _struct as struct

from osmia.spec import FunctionSpec, LineInfo, Relocation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Switches = Mapping[tuple[str, int], int]
    """By section and offset: the value of each switch."""

_SLOT = 8
_LD_IMM64, _LOAD_BYTE, _CALL, _EXIT, _JUMP, _LONG_JUMP = 0x18, 0x71, 0x85, 0x95, 0x05, 0x06
# Comparisons with an immediate, of 64 bits and of 32: equal, or not.
_EQUAL, _NOT_EQUAL = (0x15, 0x16), (0x55, 0x56)
_TEST_SLOTS = 4
_FORM = struct.Struct("<BBhi")


class _Function:
    """A function's instructions, slot by slot."""

    def __init__(self, of: FunctionSpec) -> None:
        self.slots: list[tuple[int, int, int, int]] = [*_FORM.iter_unpack(of.instructions)]
        self.decided: dict[int, int] = {}
        """By the slot of a test's jump: the slot that it goes to."""
        self.gone: set[int] = set()
        """The slots of tests."""

    def target(self, at: int) -> int:
        """Where a jump leads."""
        opcode, _, offset, immediate = self.slots[at]
        return at + 1 + (immediate if opcode == _LONG_JUMP else offset)

    def decide(self, at: int, value: int) -> None:
        """Take note of a test that begins at a slot, where it is one."""
        if at + _TEST_SLOTS > len(self.slots):
            return
        address, _, load, jump = self.slots[at : at + _TEST_SLOTS]
        tested = load[1] & 15
        reads_it = load[0] == _LOAD_BYTE and load[1] >> 4 == address[1] & 15 and load[2] == 0
        if not reads_it or jump[0] not in (*_EQUAL, *_NOT_EQUAL) or jump[1] & 15 != tested:
            return
        jumps = (value == jump[3]) is (jump[0] in _EQUAL)
        self.decided[at + 3] = self.target(at + 3) if jumps else at + _TEST_SLOTS
        self.gone.update(range(at, at + _TEST_SLOTS - jumps))

    def next_slots(self, at: int) -> tuple[int, ...]:
        """Where control may go behind a slot."""
        if at in self.decided:
            return (self.decided[at],)
        opcode = self.slots[at][0]
        if opcode == _EXIT:
            return ()
        if opcode in (_JUMP, _LONG_JUMP):
            return (self.target(at),)
        if opcode == _LD_IMM64:
            return (at + 2,)
        jumps = opcode & 7 in (5, 6) and opcode != _CALL
        return (at + 1, self.target(at)) if jumps else (at + 1,)

    def reached(self) -> set[int]:
        """The slots that control may come to."""
        found: set[int] = set()
        waiting = [0]
        while waiting:
            at = waiting.pop()
            if at in found:
                continue
            found.add(at)
            waiting += self.next_slots(at)
        return found


def without_switched_off(of: FunctionSpec, switches: Switches) -> FunctionSpec:
    """The function without the tests of switches, and without what control does not come to any more."""
    held = _Function(of)
    for relocation in of.relocations:
        value = switches.get((relocation.target, relocation.addend)) if relocation.kind == "data" else None
        if value is not None:
            held.decide(relocation.offset, value)
    if not held.decided:
        return of
    reached = held.reached()
    kept: list[int] = []
    for at, (opcode, *_) in enumerate(held.slots):
        if at in reached and at not in held.gone:
            kept += (at, at + 1) if opcode == _LD_IMM64 else (at,)
    return _made(of, held, kept)


def _made(of: FunctionSpec, held: _Function, kept: list[int]) -> FunctionSpec:
    """The function of these slots alone."""
    places = _places(kept, len(held.slots))
    made = bytearray()
    for at in kept:
        opcode, registers, offset, immediate = held.slots[at]
        if at in held.decided:
            opcode, registers, immediate, offset = _JUMP, 0, 0, places[held.decided[at]] - places[at] - 1
        elif opcode == _LONG_JUMP:
            immediate = places[held.target(at)] - places[at] - 1
        elif opcode & 7 in (5, 6) and opcode not in (_CALL, _EXIT):
            offset = places[held.target(at)] - places[at] - 1
        made += _FORM.pack(opcode, registers, offset, immediate)
    there = set(kept)
    moved = [
        Relocation(places[each.offset], each.kind, each.target, each.addend)
        for each in of.relocations
        if each.offset in there
    ]
    records = None
    if of.line_records is not None:
        records = _last_of_each([(places[at], *rest) for at, *rest in of.line_records], len(kept))
    of_lines = [LineInfo(places[each.offset], each.file, each.line, each.column, each.text) for each in of.lines]
    lines = _last_of_each([(each.offset, each) for each in of_lines], len(kept))
    return FunctionSpec(
        of.name, of.section, bytes(made), moved, [each for _, each in lines], of.btf_type_id, records, of.kind
    )


def _places(kept: list[int], count: int) -> list[int]:
    """By slot: where it is now, and for one that is gone, where that is which follows."""
    found = [len(kept)] * (count + 1)
    for place, at in reversed([*enumerate(kept)]):
        found[at] = place
    for at in range(count - 1, -1, -1):
        found[at] = min(found[at], found[at + 1])
    return found


def _last_of_each(records: list[Any], count: int) -> list[Any]:
    """Of the records for one instruction the last, which is its own; those behind the end are left out."""
    return [*{each[0]: each for each in records if each[0] < count}.values()]
