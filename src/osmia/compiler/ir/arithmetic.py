"""Python's arithmetic on intervals: what an operation's result can be, and the refusal of what has no right answer.

Operands compute exactly in 64 bits. A result that does not fit wraps at 64 bits: unsigned where no operand can be
negative, signed where all operands fit i64. A u64 beside an operand that may be negative fits neither and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir.types import I64_HIGH, I64_LOW, U64_HIGH, IntType

if TYPE_CHECKING:
    from collections.abc import Callable

I64 = IntType(I64_LOW, I64_HIGH)
U64 = IntType(0, U64_HIGH)

DIVISION_BY_ZERO = "integer division or modulo by zero"
NEGATIVE_SHIFT = "negative shift count"


class MixedSignsError(Exception):
    """A u64 beside an operand that may be negative."""


def binary_type(operator: str, left: IntType, right: IntType) -> IntType:
    """The interval of `left operator right`, with the divisor not zero and the shift count not negative.

    Raises MixedSignsError where the result has no 64-bit type.
    """
    if operator == "&" and (left.low >= 0 or right.low >= 0):
        return IntType(0, min(side.high for side in (left, right) if side.low >= 0))
    if operator in ("<<", ">>"):
        return _shift(operator, left, right)
    if (left.needs_u64 and right.may_be_negative) or (right.needs_u64 and left.may_be_negative):
        raise MixedSignsError
    low, high = _EXACT[operator](left, right)
    return _in_64_bits(low, high, unsigned=not (left.may_be_negative or right.may_be_negative))


def negated(of: IntType) -> IntType:
    """The interval of `-x`."""
    if of.needs_u64:
        raise MixedSignsError
    return _in_64_bits(-of.high, -of.low, unsigned=False)


def inverted(of: IntType) -> IntType:
    """The interval of `~x`."""
    if of.needs_u64:
        raise MixedSignsError
    return IntType(-of.high - 1, -of.low - 1)


def extreme_type(operator: str, left: IntType, right: IntType) -> IntType:
    """The interval of `min` or `max` of two integers."""
    choose = min if operator == "min" else max
    return IntType(choose(left.low, right.low), choose(left.high, right.high))


def absolute(of: IntType) -> IntType:
    """The interval of `abs(x)`; that of the lowest i64 fits u64."""
    ends = (abs(of.low), abs(of.high))
    return IntType(0 if of.low <= 0 <= of.high else min(ends), max(ends))


def widened(of: IntType) -> IntType:
    """The next interval that one of the declared widths has, so that repeated joining ends."""
    for bits in (8, 16, 32):
        if of.low >= 0 and of.high < 1 << bits:
            return IntType(0, (1 << bits) - 1)
    for bits in (8, 16, 32):
        if of.low >= -(1 << (bits - 1)) and of.high < 1 << (bits - 1):
            return IntType(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    # What counts on without end is an i64, as Python's numbers have a sign; only values that need a u64 make it one.
    return U64 if of.needs_u64 else I64


def _in_64_bits(low: int, high: int, *, unsigned: bool) -> IntType:
    if (low >= I64_LOW and high <= I64_HIGH) or (low >= 0 and high <= U64_HIGH):
        return IntType(low, high)
    return U64 if unsigned else I64


def _shift(operator: str, left: IntType, right: IntType) -> IntType:
    first, last = max(right.low, 0), max(right.high, 0)
    if operator == ">>":
        ends = [value >> min(count, 64) for value in (left.low, left.high) for count in (first, last)]
        return IntType(min(ends), max(ends))
    if last > 63:
        return I64 if left.may_be_negative else U64
    ends = [value << count for value in (left.low, left.high) for count in (first, last)]
    return _in_64_bits(min(ends), max(ends), unsigned=not left.may_be_negative)


def _add(left: IntType, right: IntType) -> tuple[int, int]:
    return left.low + right.low, left.high + right.high


def _subtract(left: IntType, right: IntType) -> tuple[int, int]:
    return left.low - right.high, left.high - right.low


def _multiply(left: IntType, right: IntType) -> tuple[int, int]:
    ends = [one * other for one in (left.low, left.high) for other in (right.low, right.high)]
    return min(ends), max(ends)


def _floor_divide(left: IntType, right: IntType) -> tuple[int, int]:
    divisors = [one for one in {right.low, right.high, -1, 1} if one != 0 and right.low <= one <= right.high]
    ends = [one // divisor for one in (left.low, left.high) for divisor in divisors]
    return min(ends, default=0), max(ends, default=0)


def _modulo(left: IntType, right: IntType) -> tuple[int, int]:
    low = min(0, right.low + 1)
    high = max(0, right.high - 1)
    if left.low >= 0 and right.low >= 0:
        high = min(high, left.high)
    return low, high


def _bits(left: IntType, right: IntType) -> tuple[int, int]:
    bits = max(abs(end + (end < 0)).bit_length() for end in (left.low, left.high, right.low, right.high))
    negative = left.may_be_negative or right.may_be_negative
    return (-(1 << bits) if negative else 0), (1 << bits) - 1


_EXACT: dict[str, Callable[[IntType, IntType], tuple[int, int]]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "//": _floor_divide,
    "%": _modulo,
    "&": _bits,
    "|": _bits,
    "^": _bits,
}
OPERATORS = (*_EXACT, "<<", ">>")
