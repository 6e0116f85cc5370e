"""What each local can hold at one point of a function, kept while the source is translated in its order.

Types follow the flow: after `if x < 5:` a read of `x` has the interval up to 4, and after a branch it has the join of
both ways. A loop's head is what comes in joined with what comes round, found by translating the body until nothing is
added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.arithmetic import I64, U64, widened
from osmia.compiler.ir.types import IntType, integer_of, joined
from osmia.record import record

if TYPE_CHECKING:
    from osmia.compiler.ir.types import ValueType

OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
# How often a loop's head is guessed from a limit of the same local.
MOST_TRIES = 3


@record
class Environment:
    """The locals that some way here has assigned, with what they can hold."""

    types: dict[ir.Local, ValueType]
    conflicts: dict[ir.Local, tuple[ValueType, ValueType]]
    """Locals that hold, depending on the way, what no one type can."""
    reachable: bool = True

    def copy(self) -> Environment:
        """The same, to be changed on its own."""
        return Environment(dict(self.types), dict(self.conflicts), self.reachable)

    def assign(self, local: ir.Local, of: ValueType) -> None:
        """From here on the local holds this."""
        self.types[local] = of
        self.conflicts.pop(local, None)

    def unreachable(self) -> Environment:
        """The same, where control cannot come."""
        return Environment(dict(self.types), dict(self.conflicts), reachable=False)


def merged(*ways: Environment) -> Environment:
    """What is known where several ways meet."""
    open_ways = [way for way in ways if way.reachable]
    if not open_ways:
        return _merged_unreachable(ways)
    result = open_ways[0].copy()
    for way in open_ways[1:]:
        result.conflicts.update(way.conflicts)
        for local, of in way.types.items():
            before = result.types.get(local)
            both = of if before is None else joined(before, of)
            if both is None:
                assert before is not None
                result.conflicts[local] = (before, of)
            else:
                result.types[local] = both
    return result


def _merged_unreachable(ways: tuple[Environment, ...]) -> Environment:
    """The same where none of them is ever taken: what any of them has assigned counts as assigned."""
    result = ways[0].copy()
    for way in ways[1:]:
        for local, of in way.types.items():
            result.types[local] = joined(result.types.get(local, of), of) or result.types[local]
    return result


def within(inner: Environment, outer: Environment) -> bool:
    """Whether `outer` knows of all locals of `inner`, and of all that they hold, or that they cannot."""
    unknown = set(inner.conflicts) - set(outer.conflicts) or set(inner.types) - set(outer.types)
    return not unknown and (outer.reachable or not inner.reachable)


def beyond(inner: Environment, outer: Environment) -> list[ir.Local]:
    """The locals that hold more in `inner` than `outer` allows for."""
    known = outer.types
    return [local for local, of in inner.types.items() if local in known and joined(known[local], of) != known[local]]


@record
class Limits:
    """What bounds locals at a loop's head besides its rounds: the intervals that `counting.py` finds."""

    found: dict[ir.Local, IntType]
    tried: dict[ir.Local, int]
    """How often a guess was taken from them."""

    def keep(self, local: ir.Local, head: ValueType, again: ValueType) -> bool:
        """Whether a local stays in its interval: each end is kept by every round, or by the limit of all rounds."""
        limit, inside, outside = self.found.get(local), integer_of(again), integer_of(head)
        if inside is None or outside is None or limit is None:
            return False
        low = inside.low >= outside.low or limit.low >= outside.low
        return low and (inside.high <= outside.high or limit.high <= outside.high)

    def closer(self, local: ir.Local, wider: IntType) -> IntType | None:
        """The limit, to be tried in place of an interval. One that moves with each guess is not tried for ever."""
        limit = self.found.get(local)
        if limit is None or limit.low < wider.low or limit.high > wider.high:
            return None
        self.tried[local] = self.tried.get(local, 0) + 1
        return limit if self.tried[local] <= MOST_TRIES else None


def grown(head: Environment, again: Environment, *, widen: bool, limits: Limits) -> Environment:
    """The next guess at a loop's head. Intervals that still grow are widened in the end, so that guessing ends.

    A limit that is closer is taken. Where any is, what would become as wide as 64 bits waits for another guess.
    """
    result = merged(head, again)
    if not widen:
        return result
    endless: dict[ir.Local, IntType] = {}
    limited = False
    for local, of in result.types.items():
        before = head.types.get(local)
        if not isinstance(of, IntType) or before == of:
            continue
        wider = widened(of)
        if before is not None and limits.keep(local, before, of):
            result.types[local] = before
        elif (limit := limits.closer(local, wider)) is not None:
            result.types[local], limited = limit, True
        elif wider in (I64, U64):
            endless[local] = wider
        else:
            result.types[local] = wider
    if not limited:
        result.types.update(endless)
    return result


def refined(environment: Environment, test: ir.Expression, *, holds: bool) -> Environment:
    """What is known where a test holds, or does not."""
    result = environment.copy()
    _refine(result, test, holds=holds)
    return result


def decided(before: Environment, test: ir.Expression) -> ir.Expression:
    """The test, with its answer behind it where what is known before it leaves no other one.

    What stands on a way that is never taken may be left out then, and nobody looks for it there.
    """
    for holds in (True, False):
        if before.reachable and not refined(before, test, holds=holds).reachable:
            answer = ir.Constant(ir.BOOL, test.location, int(not holds))
            return ir.Sequence(ir.BOOL, test.location, (ir.Evaluate(test.location, test),), answer)
    return test


def _refine(environment: Environment, test: ir.Expression, *, holds: bool) -> None:
    match test:
        case ir.Constant(value=value):
            if bool(value) is not holds:
                environment.reachable = False
        case ir.Sequence(value=value):
            _refine(environment, value, holds=holds)
        case ir.Not(operand=operand):
            _refine(environment, operand, holds=not holds)
        case ir.Logical(operator=operator, operands=operands) if (operator == "and") is holds:
            for operand in operands:
                _refine(environment, operand, holds=holds)
        case ir.Logical(operator=operator, operands=operands):
            deciding = [operand for operand in operands if not _always(operand, holds=operator == "and")]
            if not deciding:
                environment.reachable = False
            elif len(deciding) == 1:
                _refine(environment, deciding[0], holds=holds)
        case ir.Truth(operand=operand):
            _compare(environment, operand, "!=" if holds else "==", IntType(0, 0))
        case ir.Compare(operators=operators, operands=operands) if holds or len(operators) == 1:
            for operator, left, right in zip(operators, operands, operands[1:], strict=False):
                known = operator if holds else OPPOSITE[operator]
                left_type, right_type = integer_of(left.type), integer_of(right.type)
                if left_type is not None and right_type is not None:
                    _compare(environment, left, known, right_type)
                    _compare(environment, right, MIRRORED[known], left_type)
        case _:
            return


def _always(test: ir.Expression, *, holds: bool) -> bool:
    """Whether a test is known to hold, or not to."""
    match test:
        case ir.Constant(value=value):
            return bool(value) is holds
        case ir.Sequence(value=value):
            return _always(value, holds=holds)
        case ir.Not(operand=operand):
            return _always(operand, holds=not holds)
        case _:
            return False


def _compare(environment: Environment, of: ir.Expression, operator: str, other: IntType) -> None:
    """Narrow a local that is compared, unless the test itself has assigned it since."""
    if not isinstance(of, ir.LocalRead | ir.AssignExpression):
        return
    known = environment.types.get(of.local)
    if not isinstance(known, IntType) or known != of.type:
        return
    low, high = known.low, known.high
    match operator:
        case "<":
            high = min(high, other.high - 1)
        case "<=":
            high = min(high, other.high)
        case ">":
            low = max(low, other.low + 1)
        case ">=":
            low = max(low, other.low)
        case "==":
            low, high = max(low, other.low), min(high, other.high)
        case "!=" if other.low == other.high:
            low += low == other.low
            high -= high == other.high
    if low > high:
        environment.reachable = False
    else:
        environment.types[of.local] = IntType(low, high)
