"""What each local can hold at one point of a function, kept while the source is translated in its order.

Types follow the flow: after `if x < 5:` a read of `x` has the interval up to 4, and after a branch it has the join of
both ways. A loop's head is what comes in joined with what comes round, found by translating the body until nothing is
added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.arithmetic import widened
from osmia.compiler.ir.types import IntType, integer_of, joined
from osmia.record import record

if TYPE_CHECKING:
    from osmia.compiler.ir.types import ValueType

OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


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
    """Whether `outer` allows for everything that `inner` does."""
    if set(inner.conflicts) - set(outer.conflicts) or (inner.reachable and not outer.reachable):
        return False
    return all(
        local in outer.types and joined(outer.types[local], of) == outer.types[local]
        for local, of in inner.types.items()
    )


def grown(head: Environment, again: Environment, *, widen: bool) -> Environment:
    """The next guess at a loop's head. Intervals that still grow are widened in the end, so that guessing ends."""
    result = merged(head, again)
    if widen:
        for local, of in result.types.items():
            if isinstance(of, IntType) and head.types.get(local) != of:
                result.types[local] = widened(of)
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
