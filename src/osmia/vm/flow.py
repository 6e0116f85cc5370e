"""How control goes through code: its functions, their blocks, and which registers are written for sure."""

from __future__ import annotations

from osmia.record import record
from osmia.vm.code import FRAME, JUMPS
from osmia.vm.registers import ARGUMENTS, following, forgets, reads, writes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.vm.code import Code, Slot


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


def jumps(of: Slot) -> bool:
    """Whether an instruction is a jump."""
    return of[0] in JUMPS


def flow_of(code: Code, entry: int, ends: Callable[[Slot], bool] = jumps) -> Flow:
    """The blocks of the function that begins at a slot: all that control reaches from there without calls.

    `ends` says after which instructions a block ends, jumps among them; it ends before those that are jumped to, too.
    """
    reached: set[int] = set()
    leaders = {entry}
    ahead = [entry]
    while ahead:
        slot = ahead.pop()
        if slot in reached:
            continue
        reached.add(slot)
        follow = following(code, slot)
        if ends(code.slots[slot]):
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
