"""Loops that do not come to an end, or not in as many steps as the verifier takes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from osmia.abi import instruction as isa
from osmia.checking import values as v
from osmia.checking.code import is_conditional, reached
from osmia.checking.states import same

if TYPE_CHECKING:
    from osmia.checking.code import Code
    from osmia.checking.run import Run
    from osmia.checking.states import State, Visit
    from osmia.checking.values import Value

MOST_STEPS = 1_000_000
_MOST_WALKED = 4096
_FEWEST = 3
"""So many rounds on one way, before anything is said of what they change."""


def check_round(run: Run, state: State, seen: Visit) -> None:
    """A state that was there before: where it was on the same way, the way goes round for ever."""
    if not seen.whole or not same(seen.state, state):
        return
    visit, walked = state.visit, 0
    while visit is not None and walked < _MOST_WALKED:
        if visit is seen:
            run.fault("infinite-loop", state.at)
            return
        visit, walked = visit.before, walked + 1


def check_rounds(run: Run, state: State, loops: Loops, compared: dict[int, list[tuple[Value, Value]]]) -> None:
    """A loop of many rounds: too many of them, or none of its tests compares what its rounds change."""
    head = state.at
    body = loops.body(head)
    if not body or not _goes_round(state.visit, head, body):
        return
    if _bounded_by_kernel(run, body):
        return
    exits = [
        slot
        for slot in sorted(body)
        if is_conditional(run.code.instruction(slot).opcode) and any(each not in body for each in run.code.after(slot))
    ]
    limited = False
    for slot in exits:
        seen = compared.get(slot, [])
        if len({(left.range, left.kind, right.range, right.kind) for left, right in seen}) > 1:
            limited = True
            _check_many(run, slot, head, seen)
        elif any(v.ANYTHING in (left.kind, right.kind) or not left.sure for left, right in seen):
            limited = True
    if not limited:
        run.fault("too-large", head, sure=False, what=_UNSEEN, fix=_UNSEEN_FIX)


def _goes_round(visit: Visit | None, head: int, body: set[int]) -> bool:
    """Whether the way here has gone round: a loop in another one is come to as often, and may be left at once."""
    rounds = 0
    while visit is not None and visit.state.at in body and rounds < _FEWEST:
        rounds += visit.state.at == head
        visit = visit.before
    return rounds == _FEWEST


_UNSEEN = "a loop whose bound is not seen: nothing that its rounds change is compared where it is left"
_UNSEEN_FIX = (
    "count the rounds in a variable and leave at a constant, `for i in range(N):`, or let the kernel count (bpf_loop, "
    "which is `osmia.loop(count, function)`, from 5.17 on)"
)


def _bounded_by_kernel(run: Run, body: set[int]) -> bool:
    """Whether the kernel ends the loop by itself (may_goto), or it goes by what nothing is known of."""
    return any(run.code.instruction(slot).opcode == isa.JMP | isa.JCOND for slot in body)


def _check_many(run: Run, slot: int, head: int, seen: list[tuple[Value, Value]]) -> None:
    """A counter that goes by constant steps to a constant: the verifier goes every round, up to a million steps."""
    of = run.code.instruction(slot)
    numbers = [left.range.umin for left, _ in seen if left.kind == v.NUMBER and left.range.constant]
    if len(numbers) != len(seen) or len(numbers) < 3 or of.opcode & 0xF0 == isa.JSET:
        return
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    ends = {right.range.umin for _, right in seen if right.range.constant} if of.opcode & isa.X else {of.immediate}
    if len(steps) != 1 or len(ends) != 1:
        return
    (step,), (end,) = steps, ends
    if step == 0 or (end - numbers[-1]) * step < 0:
        return
    rounds = abs(end - numbers[-1]) // abs(step)
    if rounds * _shortest(run, head) > MOST_STEPS:
        run.fault(
            "too-large",
            slot,
            what=f"a loop of {rounds} rounds or more, all of which the verifier goes: it takes {MOST_STEPS} steps",
        )


def _shortest(run: Run, head: int) -> int:
    """The fewest instructions of a round."""
    distance, waiting = {head: 0}, [head]
    for slot in waiting:
        for after in run.code.after(slot):
            if after == head:
                return distance[slot] + 1
            if after not in distance:
                distance[after] = distance[slot] + 1
                waiting.append(after)
    return 1


class Loops:
    """Which slots lie in the same loop."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._bodies: dict[int, set[int]] = {}
        self._outermost: dict[int, set[int]] = {}
        """By slot: those that control goes round with, of slots that it does."""
        for function in code.functions:
            for body in cycles(code, reached(code, function)):
                self._outermost.update(dict.fromkeys(body, body))

    def body(self, head: int) -> set[int]:
        """The slots of the innermost loop that a slot is in; none where it is in none."""
        if head not in self._outermost:
            return set()
        if head not in self._bodies:
            self._bodies[head] = self._find(head)
        return self._bodies[head]

    def leaves(self, slot: int) -> bool:
        """Whether a jump may leave the innermost loop that it is in."""
        body = self.body(slot)
        return bool(body) and any(after not in body for after in self._code.after(slot))

    def _find(self, head: int) -> set[int]:
        body = self._outermost[head]
        while True:
            outside = {after for slot in self._sources(body) for after in self._code.after(slot)}
            entries = body & outside
            inner = next((each for each in cycles(self._code, body - entries) if head in each), None)
            if head in entries or not entries or inner is None:
                return body
            body = inner

    def _sources(self, body: set[int]) -> list[int]:
        """The slots of the function outside of a loop that lead into it."""
        function = self._code.function_at(next(iter(body)))
        return [slot for slot in reached(self._code, function) if slot not in body]


def cycles(code: Code, slots: set[int]) -> list[set[int]]:
    """The sets of slots that control can go round in (Tarjan's algorithm, without recursion)."""
    found: list[set[int]] = []
    order: dict[int, int] = {}
    lowest: dict[int, int] = {}
    open_: list[int] = []
    is_open: set[int] = set()
    for start in sorted(slots):
        if start in order:
            continue
        waiting = [(start, iter(code.after(start)))]
        order[start] = lowest[start] = len(order)
        open_.append(start)
        is_open.add(start)
        while waiting:
            slot, rest = waiting[-1]
            after = next((each for each in rest if each in slots), None)
            if after is None:
                waiting.pop()
                if waiting:
                    lowest[waiting[-1][0]] = min(lowest[waiting[-1][0]], lowest[slot])
                if lowest[slot] == order[slot]:
                    members = _closed(slot, open_)
                    is_open -= members
                    found += [members] if len(members) > 1 or slot in code.after(slot) else []
            elif after not in order:
                order[after] = lowest[after] = len(order)
                open_.append(after)
                is_open.add(after)
                waiting.append((after, iter(code.after(after))))
            elif after in is_open:
                lowest[slot] = min(lowest[slot], order[after])
    return found


def _closed(slot: int, open_: list[int]) -> set[int]:
    """The members of a component that is whole."""
    members = set[int]()
    while slot not in members:
        members.add(open_.pop())
    return members
