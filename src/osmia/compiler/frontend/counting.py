"""How far the numbers of locals can be counted in a loop: by how often it runs, and by what is added in each round.

`pos += 1` in a loop of ten rounds comes to 10. No interval says so by itself, since each round makes it larger; so all
that a loop can add to a local is summed. The verifier does not see such a limit in every form of a loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import I64_LOW, U64_HIGH, IntType, ValueType, integer_of
from osmia.compiler.ir.walk import nodes, operands, parts_of, targets
from osmia.record import frozen_record

if TYPE_CHECKING:
    from collections.abc import Iterable

# More rounds than any loop has: bpf_loop ends after 1 << 23 of them, may_goto after a quarter of a second.
MOST_ROUNDS = 1 << 30
# How often one statement is done at most while a program runs, in loops in loops: so many rounds would take days.
MOST_TIMES = 1 << 48
# How far is counted: four times as far still fits u64, so that what is added in the middle of a round does too.
FURTHEST = 1 << 61
ANYTHING = IntType(I64_LOW, U64_HIGH)


@frozen_record
class Change:
    """What happens to a local: what is added to it at least, and at most, and what it is given besides."""

    low: int
    high: int
    given: IntType | None

    def and_then(self, other: Change) -> Change:
        """Both, one after the other."""
        return Change(self.low + other.low, self.high + other.high, _hull(self.given, other.given))

    def instead_of(self, other: Change) -> Change:
        """One of both."""
        return Change(min(self.low, other.low), max(self.high, other.high), _hull(self.given, other.given))

    def up_to(self, times: int) -> Change:
        """Done so many times, or fewer."""
        return Change(min(self.low, 0) * times, max(self.high, 0) * times, self.given)


NOTHING = Change(0, 0, None)
Changes = dict[ir.Local, Change]


def counted_limits(entry: dict[ir.Local, ValueType], loop: ir.Loop) -> dict[ir.Local, IntType]:
    """The intervals that locals surely stay in at the head of a loop, if they hold before it what `entry` says.

    It is said of locals that are counted, or given what is known without their own rounds.
    """
    found: dict[ir.Local, IntType] = {}
    for local, change in _Loop(entry, loop).changes.items():
        before = integer_of(entry[local]) if local in entry else None
        base = _hull(before, change.given)
        if base is None or local.storage is not None:
            continue
        low, high = base.low + change.low, base.high + change.high
        if low >= -FURTHEST and high <= FURTHEST:
            found[local] = IntType(low, high)
    return found


class _Loop:
    """What all rounds of a loop do to the locals, at most."""

    def __init__(self, entry: dict[ir.Local, ValueType], loop: ir.Loop) -> None:
        self._values: dict[ir.Local, list[ir.Expression]] = {}
        """Of names that the loop makes itself: parameters, results, what is evaluated once."""
        for each in nodes((loop,)):
            match each:
                case ir.Assign(local=local, value=value) | ir.AssignExpression(local=local, value=value):
                    if local not in entry and local.storage is None:
                        self._values.setdefault(local, []).append(value)
        self._open: set[ir.Local] = set()
        self.changes = self._rounds(loop, 1)

    def _rounds(self, loop: ir.Loop, times: int) -> Changes:
        most = MOST_ROUNDS if loop.plan.most is None else min(loop.plan.most, MOST_ROUNDS)
        return self._in_turn((loop.test,), (loop.body, loop.step), min(most * times, MOST_TIMES))

    def _in_turn(
        self, parts: Iterable[ir.Expression], blocks: Iterable[tuple[ir.Statement, ...]], times: int
    ) -> Changes:
        """What expressions do and then statements, each up to so many times."""
        made: Changes = {}
        for part in parts:
            _add(made, self._expression(part, times))
        for block in blocks:
            for statement in block:
                _add(made, self._statement(statement, times))
        return made

    def _statement(self, statement: ir.Statement, times: int) -> Changes:
        parts, blocks = parts_of(statement)
        match statement:
            case ir.Loop():
                made = self._rounds(statement, times)
                # The test is made once more than the body.
                _add(made, self._in_turn((statement.test,), (statement.otherwise,), times))
            case ir.ForEach():
                made = self._in_turn(parts, blocks, min(MOST_ROUNDS * times, MOST_TIMES))
            case ir.If(then=then, otherwise=otherwise):
                made = self._in_turn(parts, (), times)
                _add(made, _either(self._in_turn((), (then,), times), self._in_turn((), (otherwise,), times)))
            case _:
                made = self._in_turn(parts, blocks, times)
        for local in targets(statement):
            change = Change(0, 0, ANYTHING)
            if isinstance(statement, ir.Assign):
                change = self._change(local, statement.value)
            _add(made, {local: change.up_to(times)})
        return made

    def _expression(self, of: ir.Expression, times: int) -> Changes:
        before = of.before if isinstance(of, ir.Sequence) else ()
        made = self._in_turn(operands(of), (before,), times)
        if isinstance(of, ir.AssignExpression):
            _add(made, {of.local: self._change(of.local, of.value).up_to(times)})
        return made

    def _change(self, local: ir.Local, value: ir.Expression) -> Change:
        """What a local becomes by an assignment, against what it was, now or before."""
        match value:
            case ir.LocalRead(local=read) if read is local:
                return NOTHING
            case ir.LocalRead(local=read) if read in self._values and read not in self._open:
                self._open.add(read)
                change = self._one_of(local, self._values[read])
                self._open.remove(read)
                return change
            case ir.Sequence(value=inside) | ir.AssignExpression(value=inside, local=ir.Local(storage=None)):
                return self._change(local, inside)
            case ir.Conditional(then=then, otherwise=otherwise):
                return self._one_of(local, (then, otherwise))
            case ir.Extreme(operands=values):
                return self._one_of(local, values)
            case ir.Binary(operator="+" | "-" as operator, left=left, right=right):
                pairs = ((left, right), (right, left)) if operator == "+" else ((left, right),)
                for itself, more in pairs:
                    change, by = self._change(local, itself), integer_of(more.type)
                    if change.given is None and by is not None:
                        low, high = (by.low, by.high) if operator == "+" else (-by.high, -by.low)
                        return Change(change.low + low, change.high + high, None)
        return Change(0, 0, integer_of(value.type) or ANYTHING)

    def _one_of(self, local: ir.Local, values: Iterable[ir.Expression]) -> Change:
        first, *rest = (self._change(local, each) for each in values)
        for each in rest:
            first = first.instead_of(each)
        return first


def _add(made: Changes, more: Changes) -> None:
    for local, change in more.items():
        made[local] = made.get(local, NOTHING).and_then(change)


def _either(one: Changes, other: Changes) -> Changes:
    return {local: one.get(local, NOTHING).instead_of(other.get(local, NOTHING)) for local in one | other}


def _hull(one: IntType | None, other: IntType | None) -> IntType | None:
    """What holds both intervals, whether 64 bits hold it or not."""
    if one is None or other is None:
        return other if one is None else one
    return IntType(min(one.low, other.low), max(one.high, other.high))
