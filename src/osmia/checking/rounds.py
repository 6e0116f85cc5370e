"""How many instructions the loops of a program take the verifier at least: it goes every round of loops in loops.

Only loops are counted whose rounds are sure: a register counts by a constant from a constant to a constant. What the
kernel ends by itself (may_goto) has no rounds here, and of ways through a round the shortest counts.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from osmia.abi import instruction as isa
from osmia.checking.code import MAY_GOTO, is_conditional, reached, written
from osmia.checking.loops import MOST_STEPS, cycles
from osmia.record import frozen_record

if TYPE_CHECKING:
    from osmia.abi.instruction import Instruction
    from osmia.checking.code import Code, Function
    from osmia.checking.run import Run

# How a loop goes on, as seen from the jump back or away: with what is below its end, or with what has not come to it.
_BELOW = (isa.JLT, isa.JSLT, isa.JNE)
_AWAY = (isa.JGE, isa.JSGE, isa.JEQ)
_FILL, _SPILL = isa.LDX | isa.MEM | isa.DW, isa.STX | isa.MEM | isa.DW
_COPY, _COPY32 = isa.ALU64 | isa.MOV | isa.X, isa.ALU | isa.MOV | isa.X


@frozen_record
class Walked:
    """A loop, and what is in it."""

    at: int
    """Where it is left, once its rounds are done; else where it begins."""
    rounds: int
    """1 where they are not known."""
    steps: int
    """Of all rounds together."""


def check_all_rounds(run: Run) -> None:
    """Warn of the longest loop where all loops together take more than the verifier's million steps."""
    if any(name == "too-large" for name, _ in run.findings):
        return
    loops = [
        loop for function in run.code.functions for loop in _loops(run.code, reached(run.code, function), function)
    ]
    total = sum(loop.steps for loop in loops)
    if total <= MOST_STEPS:
        return
    longest = max(loops, key=lambda loop: loop.steps)
    what = f"a loop of {longest.rounds:,} rounds takes the verifier {longest.steps:,} instructions or more"
    if longest.steps < total:
        what += f", and with the program's other loops {total:,}"
    run.doubtful = False
    run.fault("too-large", longest.at, sure=False, what=f"{what}: it goes every round, and ends after {MOST_STEPS:,}")


def _loops(code: Code, slots: set[int], function: Function) -> list[Walked]:
    """The loops in some slots that are in no other one there."""
    return [_walked(code, body, slots, function) for body in cycles(code, slots)]


def _walked(code: Code, body: set[int], around: set[int], function: Function) -> Walked:
    heads = {after for slot in around - body for after in code.after(slot)} & body or {min(body)}
    head = min(heads)
    inside = body - {head}
    inner_bodies = cycles(code, inside)
    weights: dict[int, int] = {}
    for inner in inner_bodies:
        steps = _walked(code, inner, body, function).steps
        # Whoever comes in has the whole loop before him; the way out is not counted again.
        weights |= dict.fromkeys(inner, 0)
        weights |= {after: steps for slot in body - inner for after in code.after(slot) if after in inner}
    own = inside.difference(*inner_bodies) | {head}
    counted = None
    if not any(code.instruction(slot).opcode == MAY_GOTO for slot in own):
        counted = _rounds(code, body, own, function)
    rounds, at = counted or (1, head)
    return Walked(at, rounds, rounds * _shortest(code, head, body, weights))


def _shortest(code: Code, head: int, body: set[int], weights: dict[int, int]) -> int:
    """The fewest steps of a round; `weights` are those of slots in inner loops."""
    waiting, seen = [(1, head)], {head}
    while waiting:
        steps, slot = heapq.heappop(waiting)
        for after in code.after(slot):
            if after == head:
                return steps
            if after in body and after not in seen:
                seen.add(after)
                heapq.heappush(waiting, (steps + weights.get(after, 1), after))
    return 1


def _rounds(code: Code, body: set[int], own: set[int], function: Function) -> tuple[int, int] | None:
    """How often a loop goes round, unless something else ends it, and the jump that says so; None where none does."""
    found = [
        (rounds, slot)
        for slot in own
        if is_conditional(code.instruction(slot).opcode) and any(each not in body for each in code.after(slot))
        if (rounds := _counted(code, slot, body, own, function)) is not None
    ]
    return min(found, default=None)


def _counted(code: Code, slot: int, body: set[int], own: set[int], function: Function) -> int | None:
    """The rounds of a loop that this jump leaves when a register has come to a constant."""
    jump = code.instruction(slot)
    operation, stays = jump.opcode & 0xF0, code.target(slot) in body
    if jump.opcode & isa.X or operation not in (_BELOW if stays else _AWAY):
        return None
    to_head = _back(code, jump.destination, [each for each in own if each < slot])
    if to_head is None:
        return None
    a_round = _back(code, to_head[0], list(own))
    start = _start(code, min(body), to_head[0], function)
    if a_round is None or a_round[0] != to_head[0] or start is None:
        return None
    step, end = a_round[1], jump.immediate
    return max(1, (end - start) // step) if step > 0 and end > start else None


def _back(code: Code, place: int, slots: list[int]) -> tuple[int, int] | None:
    """Where a number was before some slots, and what they add to it; None where it is no sum of what it was.

    A place is a register, or below 0 a slot of the stack.
    """
    added = 0
    for slot in sorted(slots, reverse=True):
        of = code.instruction(slot)
        if of.opcode == _SPILL and of.destination == 10 and of.offset == place:
            place = of.source
        elif place >= 0 and written(of) & 1 << place:
            if _is_constant(of, isa.ADD):
                added += of.immediate
            elif of.opcode == _FILL and of.source == 10:
                place = of.offset
            elif of.opcode in (_COPY, _COPY32):
                place = of.source
            elif not _extends(of):
                return None
    return place, added


def _start(code: Code, before: int, place: int, function: Function) -> int | None:
    """The constant that a place is given last before a slot, in the order of the code."""
    for slot in range(before - 1, function.start - 1, -1):
        of = code.slots[slot]
        if of is None:
            continue
        if of.opcode == _SPILL and of.destination == 10 and of.offset == place:
            place = of.source
        elif place >= 0 and written(of) & 1 << place:
            if of.opcode not in (_COPY, _COPY32):
                return of.immediate if _is_constant(of, isa.MOV) else None
            place = of.source
    return None


def _is_constant(of: Instruction, operation: int) -> bool:
    return of.opcode & 7 in (isa.ALU, isa.ALU64) and of.opcode & 0xF8 == operation


def _extends(of: Instruction) -> bool:
    """Whether it is one of the two shifts that make 64 bits of 32."""
    return of.opcode in (isa.ALU64 | isa.LSH, isa.ALU64 | isa.RSH) and of.immediate == 32
