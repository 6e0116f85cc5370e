"""Takes out of programs what switches turn off, and the tests of the switches with it.

A switch is a byte of .rodata whose value is known when the program is loaded. The verifier would leave out what it
turns off too, but neither the load of the switch nor that of its address. So a jump that depends on a switch alone is
decided here, what control does not come to any more is dropped, and the loads whose results nobody reads.
"""

from __future__ import annotations

import _struct as struct

from osmia.spec import FunctionSpec, LineInfo, Relocation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Switches = Mapping[tuple[str, int], int]
    """By section and offset: the value of each switch."""
    Slot = tuple[int, int, int, int]
    """An instruction: opcode, registers, offset, immediate."""
    Known = dict[int, tuple[bool, int]]
    """What is known of registers: whether one holds a switch or its address, and the switch's value."""

_FORM = struct.Struct("<BBhi")
_LD_IMM64, _LOAD_BYTE, _CALL, _EXIT, _MAY_GOTO = 0x18, 0x71, 0x85, 0x95, 0xE5
_JUMPS = (0x05, 0x06)
"""Without a condition; the second one holds its distance in the immediate."""
_EQUAL, _NOT_EQUAL = (0x15, 0x16), (0x55, 0x56)
"""Jumps that compare a register with an immediate, of 64 bits and of 32."""
_MOVE = 0xBF
_ARGUMENTS, _CALLERS = 0b11_1110, 0b11_1111
"""As bits: the registers that a call may read, and those that it leaves without a value."""


def without_switched_off(of: FunctionSpec, switches: Switches) -> FunctionSpec:
    """The function as it is while the switches have these values: the same one where none is in it."""
    addresses = {
        each.offset: switches[each.target, each.addend]
        for each in of.relocations
        if each.kind == "data" and (each.target, each.addend) in switches
    }
    return _Reduced(of, addresses).made() if addresses else of


class _Reduced:
    """A function's slots, and what is left of them."""

    def __init__(self, of: FunctionSpec, addresses: Mapping[int, int]) -> None:
        """`addresses` are the instructions that load the address of a switch, with its value."""
        self._of = of
        self._slots: list[Slot] = [*_FORM.iter_unpack(of.instructions)]
        self._addresses = addresses
        self._decided: dict[int, int] = {}
        """By slot: where a jump goes that depends on a switch."""
        self._dropped: set[int] = set()
        """The loads of switches and of their addresses that nobody needs."""
        loads = self._decide()
        self._reached = self._follow()
        while loads:
            live = self._live()
            dead = {at for at in loads if not live[at] >> (self._slots[at][1] & 15) & 1}
            if not dead:
                break
            self._dropped |= dead
            loads -= dead

    # Where control goes

    def _next(self, at: int) -> tuple[int, ...]:
        """Where control may go behind a slot."""
        if at in self._decided:
            return (self._decided[at],)
        opcode = self._slots[at][0]
        if opcode == _EXIT:
            return ()
        if opcode in _JUMPS:
            return (self._target(at),)
        if opcode == _LD_IMM64:
            return (at + 2,)
        return (at + 1, self._target(at)) if _is_jump(opcode) else (at + 1,)

    def _target(self, at: int) -> int:
        opcode, _, offset, immediate = self._slots[at]
        return at + 1 + (immediate if opcode == _JUMPS[1] else offset)

    def _follow(self) -> set[int]:
        """The slots that control may come to."""
        found: set[int] = set()
        waiting = [0]
        while waiting:
            at = waiting.pop()
            if at not in found:
                found.add(at)
                waiting += self._next(at)
        return found

    # What registers hold

    def _decide(self) -> set[int]:
        """Find the jumps that depend on a switch alone; gives the loads that lead to them."""
        before: dict[int, Known] = {0: {}}
        waiting = [0]
        loads: set[int] = set()
        while waiting:
            at = waiting.pop()
            known = dict(before[at])
            opcode, registers, _, immediate = self._slots[at]
            held = known.get(registers & 15)
            self._decided.pop(at, None)
            loads.discard(at)
            if opcode in (*_EQUAL, *_NOT_EQUAL) and held is not None and not held[0]:
                jumps = (held[1] == immediate) is (opcode in _EQUAL)
                self._decided[at] = self._target(at) if jumps else at + 1
            elif self._load(at, known):
                loads.add(at)
            for after in self._next(at):
                there = before.get(after)
                met = (
                    known if there is None else {each: known[each] for each in there if known.get(each) == there[each]}
                )
                if met != there:
                    before[after] = dict(met)
                    waiting.append(after)
        return loads

    def _load(self, at: int, known: Known) -> bool:
        """What is known of registers behind an instruction; whether it loads a switch, or its address."""
        opcode, registers, offset, _ = self._slots[at]
        target, source = registers & 15, known.get(registers >> 4)
        if at in self._addresses:
            known[target] = (True, self._addresses[at])
            return True
        if opcode == _LOAD_BYTE and source is not None and source[0] and offset == 0:
            known[target] = (False, source[1])
            return True
        if opcode == _MOVE and source is not None:
            known[target] = source
            return True
        written = _written(self._slots[at])
        if opcode & 7 == 3:  # atomic operations give what was there before
            written |= 1 << (registers >> 4) | 1
        for each in [each for each in known if written >> each & 1]:
            del known[each]
        return False

    def _live(self) -> list[int]:
        """By slot: the registers, as bits, whose values are read behind it."""
        behind = [0] * (len(self._slots) + 1)
        ahead = [0] * (len(self._slots) + 1)
        order = sorted(self._reached, reverse=True)
        changed = True
        while changed:
            changed = False
            for at in order:
                live = 0
                for each in self._next(at):
                    live |= ahead[each]
                behind[at] = live
                if at not in self._dropped and at not in self._decided:
                    live = live & ~_written(self._slots[at]) | _read(self._slots[at])
                changed, ahead[at] = changed or ahead[at] != live, live
        return behind

    # What is left

    def made(self) -> FunctionSpec:
        """The function of what is left."""
        kept: list[int] = []
        for at in sorted(self._reached - self._dropped):
            kept += (at, at + 1) if self._slots[at][0] == _LD_IMM64 else (at,)
        places = _places(kept, len(self._slots))
        code = b"".join([_FORM.pack(*self._moved(at, places)) for at in kept])
        there, of = set(kept), self._of
        relocations = [
            Relocation(places[each.offset], each.kind, each.target, each.addend)
            for each in of.relocations
            if each.offset in there
        ]
        lines = [LineInfo(places[each.offset], each.file, each.line, each.column, each.text) for each in of.lines]
        records: Any = of.line_records and [(places[at], *rest) for at, *rest in of.line_records]
        return FunctionSpec(
            of.name, of.section, code, relocations, _last_of_each(lines, len(kept), lambda line: line.offset),
            of.btf_type_id, records and _last_of_each(records, len(kept), lambda record: record[0]), of.kind,
        )  # fmt: skip

    def _moved(self, at: int, places: list[int]) -> Slot:
        """An instruction at its new place: a jump that is decided has no condition."""
        opcode, registers, offset, immediate = self._slots[at]
        if at in self._decided:
            return _JUMPS[0], 0, places[self._decided[at]] - places[at] - 1, 0
        if opcode == _JUMPS[1]:
            return opcode, registers, offset, places[self._target(at)] - places[at] - 1
        if _is_jump(opcode):
            return opcode, registers, places[self._target(at)] - places[at] - 1, immediate
        return opcode, registers, offset, immediate


def _is_jump(opcode: int) -> bool:
    return opcode & 7 in (5, 6) and opcode not in (_CALL, _EXIT)


def _read(slot: Slot) -> int:
    """The registers, as bits, that an instruction reads."""
    opcode, registers, _, _ = slot
    target, source = 1 << (registers & 15), 1 << (registers >> 4)
    match opcode & 7:
        case 0:
            return 0
        case 1:
            return source
        case 2:
            return target
        case 3:  # a compare-and-exchange reads r0 too
            return target | source | 1
        case 5 | 6:
            if opcode in (_CALL, _EXIT):
                return _ARGUMENTS if opcode == _CALL else 1
            if opcode in (*_JUMPS, _MAY_GOTO):
                return 0
            return target | source if opcode & 8 else target
    if opcode & 0xF0 == 0xB0:  # mov
        return source if opcode & 8 else 0
    return target | source if opcode & 8 and opcode & 0xF0 != 0xD0 else target


def _written(slot: Slot) -> int:
    """The registers, as bits, that an instruction certainly writes, or leaves without a value."""
    opcode, registers, _, _ = slot
    if opcode == _CALL:
        return _CALLERS
    return 1 << (registers & 15) if opcode & 7 in (0, 1, 4, 7) else 0


def _places(kept: list[int], count: int) -> list[int]:
    """By slot: where it is now, and for one that is gone, where that is which follows."""
    found = [len(kept)] * (count + 1)
    for place, at in enumerate(kept):
        found[at] = place
    for at in range(count - 1, -1, -1):
        found[at] = min(found[at], found[at + 1])
    return found


def _last_of_each(records: list[Any], count: int, offset: Callable[[Any], int]) -> list[Any]:
    """Of the records for one instruction the last, which is its own; those behind the end are left out."""
    return [*{offset(each): each for each in records if offset(each) < count}.values()]
