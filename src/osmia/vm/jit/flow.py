"""What a function of the code is made of: its blocks, and what is known of its registers where each begins."""

from __future__ import annotations

from osmia.abi import BPF_PSEUDO_CALL
from osmia.abi import instruction as isa
from osmia.record import record
from osmia.vm import registers
from osmia.vm.code import CALL, CALLX, EXIT, FUNCTIONS, JUMPS, PACKET_LOADS, target_of
from osmia.vm.flow import flow_of
from osmia.vm.registers import ARGUMENTS, TAIL_CALL, forgets, writes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.code import Code, Slot

NO, YES, MAYBE = 0, 1, 2
"""Whether a register was written to."""


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
    found = flow_of(code, entry, _ends_block).blocks
    blocks = {start: Block(start, each.slots, tuple(each.follow), []) for start, each in found.items()}
    _learn(code, blocks, entry)
    return Function(entry, blocks, _tracked(code, blocks))


def _ends_block(of: Slot) -> bool:
    """Whether something else than the next instruction may run after it, or count in between."""
    opcode = of[0]
    return opcode in JUMPS or opcode in (EXIT, CALL, CALLX) or opcode in PACKET_LOADS


# Registers


def reads(of: Slot) -> tuple[int, ...]:
    """The registers that an instruction reads, in the order in which the reference engine does."""
    if of[0] == CALL and of[2] == 0 and of[4] == TAIL_CALL:
        return (2, 3, 1)
    return registers.reads(of)


def _passes(of: Slot) -> bool:
    """Whether what its argument registers hold, and whether they were written to, goes elsewhere."""
    opcode, _, source, _, number = of
    return opcode == CALLX or (opcode == CALL and (source == BPF_PSEUDO_CALL or number == TAIL_CALL))


def known_after(known: list[int], of: Slot) -> None:
    """Change what is known of registers by what an instruction does, where it goes on."""
    for register in reads(of):
        known[register] = YES
    if forgets(of):
        known[1:6] = [NO] * 5
    changed = writes(of)
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
