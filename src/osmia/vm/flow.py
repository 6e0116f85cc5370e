"""How control goes through code: its functions, their blocks, and which registers are written for sure."""

from __future__ import annotations

from osmia.abi import BPF_PSEUDO_CALL
from osmia.abi import instruction as isa
from osmia.abi.generated.helper_ids import BPF_FUNC_tail_call
from osmia.record import record
from osmia.vm.code import (
    ALU,
    ATOMICS,
    CALL,
    CALLX,
    EXIT,
    FRAME,
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

GOTOS = (isa.JMP | isa.JA, isa.JMP32 | isa.JA)
ARGUMENTS = (1, 2, 3, 4, 5)


@record
class Block:
    """Instructions that run one after the other."""

    slots: list[int]
    follow: list[int]
    """Where control goes from its end, by the first slot: of a conditional jump first where it goes if it is taken."""
    before: int = 0
    """How many ways lead to it."""


@record
class Flow:
    """A function's blocks."""

    code: Code
    entry: int
    blocks: dict[int, Block]
    """By their first slot, in the order of the code."""


def following(code: Code, slot: int) -> list[int]:
    """The slots that may run right after one, in its function: where a jump goes if it is taken first."""
    of = code.slots[slot]
    opcode = of[0]
    if opcode == EXIT:
        return []
    if opcode in GOTOS:
        return [target_of(slot, of)]
    after = slot + (2 if opcode == isa.LD_IMM64 else 1)
    return [target_of(slot, of), after] if opcode in JUMPS else [after]


def flow_of(code: Code, entry: int) -> Flow:
    """The blocks of the function that begins at a slot: all that control reaches from there without calls."""
    reached: set[int] = set()
    leaders = {entry}
    ahead = [entry]
    while ahead:
        slot = ahead.pop()
        if slot in reached:
            continue
        reached.add(slot)
        follow = following(code, slot)
        if code.slots[slot][0] in JUMPS:
            leaders.update(follow)
        ahead += follow
    blocks: dict[int, Block] = {}
    for leader in sorted(leaders):
        slots = [leader]
        while True:
            follow = following(code, slots[-1])
            if len(follow) != 1 or follow[0] in leaders:
                break
            slots.append(follow[0])
        blocks[leader] = Block(slots, follow)
    blocks[entry].before = 1
    for block in blocks.values():
        for each in block.follow:
            blocks[each].before += 1
    return Flow(code, entry, blocks)


def reads(of: Slot) -> tuple[int, ...]:
    """The registers that an instruction reads, in the order in which it does."""
    opcode, destination, source, _, immediate = of
    operation = opcode & 0xF0
    if opcode in ALU:
        left = () if operation == isa.MOV else (destination,)
        return (*left, source) if opcode & isa.X and operation not in (isa.NEG, isa.END) else left
    if opcode in LOADS:
        return (source,)
    if opcode in STORES:
        return (source, destination) if opcode & 7 == isa.STX else (destination,)
    if opcode in ATOMICS:
        if immediate == isa.LOAD_ACQUIRE:
            return (source,)
        return (destination, source, 0) if immediate == isa.CMPXCHG else (destination, source)
    if opcode in PACKET_LOADS:
        return (source,) if opcode & 0xE0 == isa.IND else ()
    if opcode == EXIT:
        return (0,)
    if opcode == CALLX:
        return (destination,)
    if opcode == CALL and source == 0 and immediate != BPF_FUNC_tail_call:
        return tuple(range(1, arity(immediate) + 1))
    if opcode in JUMPS and opcode not in GOTOS and opcode != MAY_GOTO:
        return (source, destination) if opcode & isa.X else (destination,)
    return ()


def writes(of: Slot) -> int | None:
    """The register that an instruction writes; None where it writes none."""
    opcode, destination, source, _, immediate = of
    if opcode in ALU or opcode in LOADS or opcode == isa.LD_IMM64:
        return destination
    if opcode in (CALL, CALLX) or opcode in PACKET_LOADS:
        return 0
    if opcode in ATOMICS:
        if immediate == isa.LOAD_ACQUIRE:
            return destination
        if immediate == isa.CMPXCHG:
            return 0
        return source if immediate & isa.FETCH and immediate != isa.STORE_RELEASE else None
    return None


def forgets(of: Slot) -> bool:
    """Whether what r1 to r5 hold is not known after an instruction."""
    return of[0] in (CALL, CALLX) or of[0] in PACKET_LOADS


def is_local_call(of: Slot) -> bool:
    """Whether an instruction calls a function of the program's."""
    return of[0] == CALL and of[2] == BPF_PSEUDO_CALL


def written_after(of: Slot, written: frozenset[int]) -> frozenset[int]:
    """Which registers are written for sure behind an instruction that has run."""
    written = written.union(reads(of))  # those that it has read without a fault
    if forgets(of):
        written = written.difference(ARGUMENTS)
    register = writes(of)
    return written if register is None else written | {register}


def written_before(flow: Flow) -> dict[int, tuple[frozenset[int], frozenset[int]]]:
    """By the first slot of each block: which registers are written where it begins, for sure and perhaps."""
    found = {flow.entry: (frozenset([FRAME]), frozenset([FRAME, *ARGUMENTS]))}
    ahead = [flow.entry]
    while ahead:
        first = ahead.pop()
        block = flow.blocks[first]
        surely, perhaps = found[first]
        for slot in block.slots:
            of = flow.code.slots[slot]
            surely, perhaps = written_after(of, surely), written_after(of, perhaps)
        for each in block.follow:
            known = found.get(each)
            now = (surely, perhaps) if known is None else (known[0] & surely, known[1] | perhaps)
            if now != known:
                found[each] = now
                ahead.append(each)
    return found
