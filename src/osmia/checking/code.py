"""The instructions of a program and of all that it reaches, behind one another, with what is known before they run."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from osmia.abi import BPF_PSEUDO_CALL
from osmia.abi import instruction as isa
from osmia.errors import ObjectError
from osmia.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.abi.instruction import Instruction
    from osmia.spec import FunctionSpec, LineInfo, ObjectSpec, Relocation

CALL, EXIT, JUMP, LONG_JUMP = isa.JMP | isa.CALL, isa.JMP | isa.EXIT, isa.JMP | isa.JA, isa.JMP32 | isa.JA
INDIRECT_JUMP, MAY_GOTO = isa.JMP | isa.JA | isa.X, isa.JMP | isa.JCOND
_ARGUMENTS, _AFTER_CALL = 0b11_1110, 0b11_1111
_FUNCTIONS = ("call", "function")


@record
class Function:
    """A function and the slots that it takes in the whole code."""

    spec: FunctionSpec
    start: int
    end: int


class Code:
    """A program's functions, itself first. Slots are counted over all of them."""

    def __init__(self, spec: ObjectSpec, program: FunctionSpec) -> None:
        """ObjectError where the code is cut short, or its relocations do not fit."""
        self.spec = spec
        self.functions: list[Function] = []
        self.slots: list[Instruction | None] = []
        """None for the second half of a 64-bit immediate."""
        self.relocations: dict[int, Relocation] = {}
        self.numbers: dict[str, int] = {}
        self._lines: list[LineInfo] = []
        self._starts: list[int] = []
        self._offsets: list[int] = []
        waiting = [program]
        while waiting:
            self._append(waiting.pop(0), waiting)
        self._starts = [each.start for each in self.functions]

    def _append(self, function: FunctionSpec, waiting: list[FunctionSpec]) -> None:
        if function.name in self.numbers:
            return
        start = len(self.slots)
        try:
            decoded = isa.decode(function.instructions)
        except ObjectError as error:
            raise ObjectError(f"{self.spec.name}: '{function.name}' (section '{function.section}'): {error}") from None
        for each in decoded:
            self.slots += (each, None) if each.slots == 2 else (each,)
        self.numbers[function.name] = len(self.functions)
        self.functions.append(Function(function, start, len(self.slots)))
        for relocation in function.relocations:
            self._relocate(function, start, relocation)
            if relocation.kind in _FUNCTIONS:
                waiting.append(self._target(function, relocation))
        for line in function.lines:
            self._offsets.append(start + line.offset)
            self._lines.append(line)

    def _relocate(self, function: FunctionSpec, start: int, relocation: Relocation) -> None:
        at = start + relocation.offset
        found = self.slots[at] if start <= at < len(self.slots) else None
        expected = CALL if relocation.kind == "call" else isa.LD_IMM64
        if found is None or found.opcode != expected:
            raise ObjectError(
                f"{self.spec.name}: the relocation of instruction {relocation.offset} of '{function.name}' is of no "
                f"instruction with opcode {expected:#04x}"
            )
        if relocation.kind in ("map", "data") and relocation.target not in self.spec.maps:
            raise ObjectError(
                f"{self.spec.name}: '{function.name}' refers to map '{relocation.target}', which the object lacks"
            )
        self.relocations[at] = relocation

    def _target(self, function: FunctionSpec, relocation: Relocation) -> FunctionSpec:
        found = self.spec.functions.get(relocation.target) or self.spec.programs.get(relocation.target)
        if found is None:
            raise ObjectError(
                f"{self.spec.name}: '{function.name}' calls '{relocation.target}', which the object lacks"
            )
        return found

    def instruction(self, slot: int) -> Instruction:
        """The instruction that begins at a slot."""
        found = self.slots[slot]
        assert found is not None, "control comes to the first slot of an instruction"
        return found

    def function_at(self, slot: int) -> Function:
        """The function that a slot is in."""
        return self.functions[bisect_right(self._starts, slot) - 1]

    def callee(self, slot: int) -> int | None:
        """The number of the function that a call is of; None where it is of something else."""
        relocation = self.relocations.get(slot)
        return self.numbers[relocation.target] if relocation is not None and relocation.kind in _FUNCTIONS else None

    def calls(self, function: Function) -> Iterator[tuple[int, int]]:
        """Where a function calls others, or names them, and which."""
        for slot, relocation in self.relocations.items():
            if function.start <= slot < function.end and relocation.kind in _FUNCTIONS:
                yield slot, self.numbers[relocation.target]

    def line_at(self, slot: int) -> LineInfo | None:
        """The source line of an instruction; None where the object does not say."""
        position = bisect_right(self._offsets, slot) - 1
        start = self.function_at(slot).start
        while position >= 0 and self._offsets[position] >= start:
            if self._lines[position].line:
                return self._lines[position]
            position -= 1
        return None

    def leaves_from(self, slot: int, jump: tuple[int, int]) -> int:
        """The instruction whose line an exit is of: several share one, which has no line then, but that of the jump."""
        origin, to = jump
        position = bisect_right(self._offsets, slot) - 1
        own = position >= 0 and self._offsets[position] >= to
        inside = self.function_at(slot).start <= to <= slot
        return origin if inside and origin >= 0 and position >= 0 and not own else slot

    def target(self, slot: int) -> int:
        """Where a jump goes."""
        found = self.instruction(slot)
        return slot + 1 + (found.immediate if found.opcode == LONG_JUMP else found.offset)

    def after(self, slot: int) -> tuple[int, ...]:
        """Where control may go behind an instruction of the same function; calls come back."""
        found = self.instruction(slot)
        if found.opcode in (EXIT, INDIRECT_JUMP):
            return ()
        if found.opcode in (JUMP, LONG_JUMP):
            return (self.target(slot),)
        behind = slot + found.slots
        return (behind, self.target(slot)) if is_conditional(found.opcode) else (behind,)


def is_conditional(opcode: int) -> bool:
    """Whether it is a jump that may also not be taken."""
    return opcode & 7 in (isa.JMP, isa.JMP32) and opcode & 0xF0 not in (isa.JA, isa.CALL, isa.EXIT)


def is_function_call(instruction: Instruction) -> bool:
    """Whether it calls a function of the program."""
    return instruction.opcode == CALL and instruction.source == BPF_PSEUDO_CALL


def reached(code: Code, function: Function) -> set[int]:
    """The slots of a function that control may come to, as far as jumps say."""
    found: set[int] = set()
    waiting = [function.start]
    while waiting:
        slot = waiting.pop()
        if slot in found or not function.start <= slot < function.end or code.slots[slot] is None:
            continue
        found.add(slot)
        waiting += code.after(slot)
    return found


def meetings(code: Code) -> set[int]:
    """The slots that jumps lead to: where ways meet, and loops begin."""
    found = set()
    for slot, instruction in enumerate(code.slots):
        if instruction is not None and (is_conditional(instruction.opcode) or instruction.opcode in (JUMP, LONG_JUMP)):
            found.add(code.target(slot))
    return found


def liveness(code: Code, slots: set[int]) -> dict[int, int]:
    """By slot: the registers, as bits, that may be read behind it or by it before they are written."""
    live = dict.fromkeys(slots, 0)
    order = sorted(slots, reverse=True)
    changed = True
    while changed:
        changed = False
        for slot in order:
            behind = 0
            for each in code.after(slot):
                behind |= live.get(each, 0)
            read, written = _uses(code.instruction(slot))
            now = behind & ~written | read
            if now != live[slot]:
                live[slot], changed = now, True
    return live


def written(of: Instruction) -> int:
    """The registers, as bits, that an instruction writes or ends."""
    if of.opcode & 7 == isa.STX and of.opcode & 0xE0 == isa.ATOMIC:
        return 1 << of.source | 1
    return _uses(of)[1]


def _uses(of: Instruction) -> tuple[int, int]:
    """The registers, as bits, that an instruction reads, and those that it writes or ends."""
    to, source = 1 << of.destination, 1 << of.source
    match of.opcode & 7:
        case isa.LD:
            return (0, to) if of.opcode == isa.LD_IMM64 else (source | 1 << 6, _AFTER_CALL)
        case isa.LDX:
            return source, to
        case isa.ST:
            return to, 0
        case isa.STX:
            return to | source | 1, 0
        case isa.JMP | isa.JMP32:
            return _uses_of_jump(of, to, source)
    if of.opcode & 0xF0 == isa.MOV:
        return (source if of.opcode & isa.X else 0), to
    return (to | source if of.opcode & isa.X and of.opcode & 0xF0 != isa.END else to), to


def _uses_of_jump(of: Instruction, to: int, source: int) -> tuple[int, int]:
    if of.opcode == EXIT:
        return 1, 0
    if of.opcode == CALL:
        return _ARGUMENTS, _AFTER_CALL
    if of.opcode in (JUMP, LONG_JUMP, MAY_GOTO):
        return 0, 0
    if not is_conditional(of.opcode):
        return to, 0
    return (to | source if of.opcode & isa.X else to), 0
