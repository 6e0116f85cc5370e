"""What a function of the code is made of: its blocks, and what is known of its registers where each begins."""

from __future__ import annotations

from osmia.abi import BPF_PSEUDO_CALL
from osmia.abi import instruction as isa
from osmia.record import record
from osmia.vm.code import (
    ALU,
    ATOMICS,
    CALL,
    CALLX,
    EXIT,
    FUNCTIONS,
    JUMPS,
    LOADS,
    MAY_GOTO,
    PACKET_LOADS,
    STORES,
    target_of,
)
from osmia.vm.helpers.arguments import arity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.code import Code, Slot

TAIL_CALL = 12
NO, YES, MAYBE = 0, 1, 2
"""Whether a register was written to."""
ARGUMENTS = range(1, 6)
GOTOS = (isa.JMP | isa.JA, isa.JMP32 | isa.JA)


@record
class Block:
    """Instructions that run one after the other, to the end unless there is a fault."""

    start: int
    slots: list[int]
    after: tuple[int, ...]
    """The blocks that can follow: of a conditional jump the one that it goes to first."""
    known: list[int]
    """Of each register, whether it was written to when the block begins."""


@record
class Function:
    """A function: what is reached from its first slot without a call."""

    entry: int
    blocks: dict[int, Block]
    tracked: set[int]
    """Registers of which it has to be kept in mind while it runs whether they were written to."""


def entries_of(code: Code) -> set[int]:
    """Where functions begin: the program, what it calls, and what it has the address of."""
    found = {0}
    for slot, of in enumerate(code.slots):
        opcode, _, source, _, immediate = of
        if opcode == CALL and source == BPF_PSEUDO_CALL:
            found.add(target_of(slot, of))
        elif opcode == isa.LD_IMM64 and 0 <= immediate - FUNCTIONS < len(code.slots):
            found.add(immediate - FUNCTIONS)
    return found


def function_at(code: Code, entry: int) -> Function:
    """The function that begins at a slot."""
    starts = _starts(code, entry)
    blocks = {start: _block(code, start, starts) for start in sorted(starts)}
    _learn(code, blocks, entry)
    return Function(entry, blocks, _tracked(code, blocks))


def next_of(slot: int, of: Slot) -> int:
    """The slot behind an instruction."""
    return slot + (2 if of[0] == isa.LD_IMM64 else 1)


def _ends_block(of: Slot) -> bool:
    """Whether something else than the next instruction may run after it, or count in between."""
    opcode = of[0]
    return opcode in JUMPS or opcode in (EXIT, CALL, CALLX) or opcode in PACKET_LOADS


def _after(slot: int, of: Slot) -> tuple[int, ...]:
    opcode = of[0]
    if opcode == EXIT:
        return ()
    if opcode in GOTOS:
        return (target_of(slot, of),)
    if opcode in JUMPS:
        return target_of(slot, of), slot + 1
    return (next_of(slot, of),)


def _starts(code: Code, entry: int) -> set[int]:
    """Where blocks begin that are reached from the entry."""
    starts, waiting, seen = {entry}, [entry], set()
    while waiting:
        slot = waiting.pop()
        if slot in seen:
            continue
        seen.add(slot)
        of = code.slots[slot]
        after = _after(slot, of)
        waiting += after
        if _ends_block(of):
            starts |= {*after}
    return starts


def _block(code: Code, start: int, starts: set[int]) -> Block:
    slots, slot = [start], start
    while True:
        of = code.slots[slot]
        after = _after(slot, of)
        if _ends_block(of) or after[0] in starts:
            return Block(start, slots, after, [])
        slot = after[0]
        slots.append(slot)


# Registers


def reads(of: Slot) -> tuple[int, ...]:
    """The registers that an instruction reads, in the order in which the reference engine does."""
    opcode, destination, source, _, number = of
    if opcode in ALU:
        operation = opcode & 0xF0
        if operation in (isa.NEG, isa.END):
            return (destination,)
        left = () if operation == isa.MOV else (destination,)
        return (*left, source) if opcode & isa.X else left
    if opcode in LOADS:
        return (source,)
    if opcode in STORES:
        return (source, destination) if opcode & 7 == isa.STX else (destination,)
    if opcode in ATOMICS:
        if number == isa.LOAD_ACQUIRE:
            return (source,)
        return (destination, source, 0) if number == isa.CMPXCHG else (destination, source)
    if opcode == EXIT:
        return (0,)
    if opcode == CALLX:
        return (destination,)
    if opcode == CALL:
        if source == BPF_PSEUDO_CALL:
            return ()
        taken = tuple(range(1, arity(number) + 1))
        return (2, 3, *taken) if number == TAIL_CALL else taken
    if opcode in JUMPS:
        compared = opcode not in GOTOS and opcode != MAY_GOTO
        return ((source, destination) if opcode & isa.X else (destination,)) if compared else ()
    return (source,) if opcode in PACKET_LOADS and opcode & 0xE0 == isa.IND else ()


def _passes(of: Slot) -> bool:
    """Whether what its argument registers hold, and whether they were written to, goes elsewhere."""
    opcode, _, source, _, number = of
    return opcode == CALLX or (opcode == CALL and (source == BPF_PSEUDO_CALL or number == TAIL_CALL))


def written(of: Slot) -> int | None:
    """The register that an instruction writes to."""
    opcode, destination, source, _, number = of
    if opcode in ALU or opcode in LOADS or opcode == isa.LD_IMM64:
        return destination
    if opcode in ATOMICS:
        if number in (isa.LOAD_ACQUIRE, isa.CMPXCHG):
            return destination if number == isa.LOAD_ACQUIRE else 0
        return source if number & isa.FETCH and number != isa.STORE_RELEASE else None
    return 0 if forgets(of) else None


def forgets(of: Slot) -> bool:
    """Whether nothing is known of the argument registers after it."""
    return of[0] in (CALL, CALLX) or of[0] in PACKET_LOADS


def known_after(known: list[int], of: Slot) -> None:
    """Change what is known of registers by what an instruction does, where it goes on."""
    for register in reads(of):
        known[register] = YES
    if forgets(of):
        known[1:6] = [NO] * 5
    changed = written(of)
    if changed is not None:
        known[changed] = YES


def _learn(code: Code, blocks: dict[int, Block], entry: int) -> None:
    """Find out what is known where each block begins."""
    blocks[entry].known = [NO, *[MAYBE] * 5, *[NO] * 4, YES]
    waiting = [entry]
    while waiting:
        block = blocks[waiting.pop()]
        known = [*block.known]
        for slot in block.slots:
            known_after(known, code.slots[slot])
        for start in block.after:
            after = blocks[start]
            if not after.known:
                merged = known
            else:
                merged = [one if one == other else MAYBE for one, other in zip(after.known, known, strict=True)]
            if merged != after.known:
                after.known = [*merged]
                waiting.append(start)


def _tracked(code: Code, blocks: dict[int, Block]) -> set[int]:
    tracked: set[int] = set()
    for block in blocks.values():
        known = [*block.known]
        for slot in block.slots:
            of = code.slots[slot]
            needed = {*reads(of), *(ARGUMENTS if _passes(of) else ())}
            tracked |= {register for register in needed if known[register] == MAYBE}
            known_after(known, of)
    return tracked
