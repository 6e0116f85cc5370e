"""How an address got to where it is used: read off the code, and only as far as that is certain."""

from __future__ import annotations

from osmia.abi import instruction as isa
from osmia.record import record
from osmia.vm.code import ATOMICS, CALL, CALLX, FRAME, LOADS, STORES
from osmia.vm.flow import Flow, flow_of
from osmia.vm.registers import ARGUMENTS, forgets, is_local_call, writes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.vm.code import Code, Slot

_MOST_STEPS = 64
_COPY = isa.ALU64 | isa.MOV | isa.X
_ADDED = (isa.ALU64 | isa.ADD | isa.K, isa.ALU64 | isa.SUB | isa.K)
_SUM = isa.ALU64 | isa.ADD | isa.X
_SPILL, _FILL = isa.STX | isa.MEM | isa.DW, isa.LDX | isa.MEM | isa.DW


@record
class Way:
    """Where an address comes from."""

    slots: list[int]
    """The instructions that it came by, the first one first; without the one that uses it."""
    helper: int = 0
    """The helper that gave it, if one did."""


def way_to(code: Code, slot: int, register: int) -> Way:
    """The way of what a register holds, before an instruction runs."""
    return _Search(code, slot).back(slot, register)


def base_of(of: Slot) -> int | None:
    """The register whose address an instruction reads or writes memory at; None for all others."""
    opcode, destination, source, _, immediate = of
    if opcode in LOADS:
        return source
    if opcode in STORES:
        return destination
    if opcode in ATOMICS:
        return source if immediate == isa.LOAD_ACQUIRE else destination
    return None


class _Search:
    """The search in one function."""

    def __init__(self, code: Code, slot: int) -> None:
        self.code = code
        entry = max((first for first, _ in code.functions if first <= slot), default=0)
        self.flow: Flow = flow_of(code, entry)
        self.before: dict[int, list[int]] = {entry: []}
        for block in self.flow.blocks.values():
            for at, after in zip(block.slots, block.slots[1:], strict=False):
                self.before.setdefault(after, []).append(at)
            for follow in block.follow:
                self.before.setdefault(follow, []).append(block.slots[-1])

    def back(self, slot: int, register: int) -> Way:
        """From an instruction to where the value comes from."""
        passed: list[int] = []
        while len(passed) < _MOST_STEPS:
            found = self.definitions(slot, register)
            if not found or None in found:
                break
            at = min(each for each in found if each is not None)
            if len(found) > 1:
                if self.alike(found):
                    return Way([at, *reversed(passed)], self.code.slots[at][4])
                break
            of = self.code.slots[at]
            passed.append(at)
            following = self.source(at, of)
            if following is None:
                return Way(passed[::-1], of[4] if of[0] == CALL and not is_local_call(of) else 0)
            slot, register = following
        return Way(passed[::-1])

    def alike(self, found: set[int | None]) -> bool:
        """Whether several instructions are one thing in the source: the same helper, called in the same line."""
        calls = {self.code.slots[each] for each in found if each is not None}
        lines = [self.code.line_of(each) for each in found if each is not None]
        places = {(line.file, line.line) for line in lines if line is not None}
        return len(calls) == 1 and len(places) == 1 and next(iter(calls))[0] == CALL

    def source(self, at: int, of: Slot) -> tuple[int, int] | None:
        """Where to go on from an instruction that made the address; None at its origin."""
        opcode, destination, source, offset, _ = of
        if opcode == _COPY and not offset and source != FRAME:
            return at, source
        if opcode in _ADDED:
            return at, destination
        if opcode == _SUM:
            pointers = [each for each in (destination, source) if self.is_address(at, each)]
            return (at, pointers[0]) if len(pointers) == 1 else None
        if opcode == _FILL and source == FRAME:
            spill = self.spilled(at, offset)
            return None if spill is None else (spill, self.code.slots[spill][2])
        return None

    def is_address(self, slot: int, register: int, depth: int = 0) -> bool:
        """Whether a register is known to hold an address: of the stack, of a map's value, what a helper gave."""
        if register == FRAME:
            return True
        found = self.definitions(slot, register)
        if depth == _MOST_STEPS or len(found) != 1 or None in found:
            return False
        at = next(iter(found))
        assert at is not None, "seen just above"
        of = self.code.slots[at]
        following = self.source(at, of) if of[0] != _SUM else None
        if following is not None:
            return self.is_address(*following, depth + 1)
        return of[0] == CALL and of[4] == 1 and not is_local_call(of)

    def definitions(self, slot: int, register: int) -> set[int | None]:
        """The instructions whose results a register may hold; None among them for the function's caller."""
        found: set[int | None] = set()
        ahead, seen = [slot], set[int]()
        while ahead:
            at = ahead.pop()
            before = self.before.get(at, [])
            if at == self.flow.entry:
                found.add(None)
            for each in before:
                if each in seen:
                    continue
                seen.add(each)
                of = self.code.slots[each]
                if writes(of) == register:
                    found.add(each)
                elif register in ARGUMENTS and forgets(of):
                    found.add(None)
                else:
                    ahead.append(each)
        return found

    def spilled(self, slot: int, offset: int) -> int | None:
        """The one store of a register that what lies in the frame comes from; None where it is not known."""
        found: set[int | None] = set()
        ahead, seen = [slot], set[int]()
        while ahead:
            at = ahead.pop()
            if at == self.flow.entry:
                found.add(None)
            for each in self.before.get(at, []):
                if each in seen:
                    continue
                seen.add(each)
                opcode, destination, _, to, _ = self.code.slots[each]
                if opcode == _SPILL and destination == FRAME and to == offset:
                    found.add(each)
                elif opcode in (STORES | ATOMICS) and destination == FRAME and offset - 8 < to < offset + 8:
                    found.add(None)
                else:
                    ahead.append(each)
        return next(iter(found)) if len(found) == 1 else None


def argument_at(code: Code, slot: int, arguments: Iterable[int], address: int) -> int | None:
    """The register by which a helper was given an address; None where it is not known."""
    if code.slots[slot][0] not in (CALL, CALLX):
        return None
    found = [register for register, value in zip(ARGUMENTS, arguments, strict=False) if value == address]
    return found[0] if len(found) == 1 else None
