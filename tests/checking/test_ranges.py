"""What is known of numbers holds of the numbers: random ranges, and all operations and comparisons on some of each."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from osmia.abi import instruction as isa
from osmia.checking.ranges import (
    INVERSE,
    U32,
    U64,
    UNKNOWN,
    Range,
    between,
    computed,
    joined,
    narrowed,
    number,
    settled,
    sign_extended,
    signed,
    truncated,
    widened,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Callable

OPERATIONS: dict[int, Callable[[int, int, int], int]] = {
    isa.ADD: lambda a, b, _: a + b,
    isa.SUB: lambda a, b, _: a - b,
    isa.MUL: lambda a, b, _: a * b,
    isa.AND: lambda a, b, _: a & b,
    isa.OR: lambda a, b, _: a | b,
    isa.XOR: lambda a, b, _: a ^ b,
    isa.LSH: lambda a, b, width: a << b % width,
    isa.RSH: lambda a, b, width: a >> b % width,
    isa.ARSH: lambda a, b, width: signed(a, width) >> b % width,
}
SHIFTS = (isa.LSH, isa.RSH, isa.ARSH)
ROUNDS = 1000


def some_number(source: random.Random) -> int:
    value = source.getrandbits(source.choice((3, 8, 16, 31, 32, 33, 63, 64)))
    return (value if source.random() < 0.6 else -value) & U64


def some_range(source: random.Random) -> tuple[Range, list[int]]:
    """A range, and some of its numbers."""
    form, first, second = source.random(), some_number(source), some_number(source)
    if form < 0.2:
        return number(first), [first]
    if form < 0.6:
        low, high = sorted((first, second))
        return between(low, high), [low, high, source.randint(low, high)]
    if form < 0.8:
        low, high = sorted((signed(first), signed(second)))
        return between(low, high), [each & U64 for each in (low, high, source.randint(low, high))]
    made = settled(UNKNOWN._replace(bits=second & ~first, mask=first))
    assert made is not None
    return made, [second & ~first | some_number(source) & first for _ in range(3)]


def holds(of: Range, value: int) -> bool:
    low = value & U32
    return (
        of.umin <= value <= of.umax
        and of.smin <= signed(value) <= of.smax
        and of.wmin <= low <= of.wmax
        and of.vmin <= signed(low, 32) <= of.vmax
        and not (value ^ of.bits) & ~of.mask
    )


@pytest.mark.parametrize("seed", range(4))
def test_results_hold_all_numbers(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(ROUNDS):
        (left, lefts), (right, rights) = some_range(source), some_range(source)
        width, operation = source.choice((32, 64)), source.choice([*OPERATIONS])
        if operation in SHIFTS and source.random() < 0.7:
            distance = source.randrange(width)
            right, rights = number(distance), [distance]
        found = computed(operation, width, left, right)
        whole = U64 if width == 64 else U32
        for a in lefts:
            for b in rights:
                result = OPERATIONS[operation](a & whole, b & whole, width) & whole
                assert holds(found, result), (hex(operation), width, left, right, a, b)


@pytest.mark.parametrize("seed", range(4))
def test_comparisons_keep_all_numbers_that_they_hold_for(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(ROUNDS):
        (left, lefts), (right, rights) = some_range(source), some_range(source)
        width, comparison = source.choice((32, 64)), source.choice([*INVERSE, isa.JSET])
        whole = U64 if width == 64 else U32
        for a in lefts:
            for b in rights:
                answer = compare(comparison, a & whole, b & whole, width)
                found = narrowed(comparison, width, left, right, holds=answer)
                assert found is not None, (hex(comparison), width, left, right, a, b)
                assert holds(found[0], a), (hex(comparison), width, left, right, a, b)
                assert holds(found[1], b), (hex(comparison), width, left, right, a, b)


def compare(comparison: int, a: int, b: int, width: int) -> bool:
    sa, sb = signed(a, width), signed(b, width)
    return {
        isa.JEQ: a == b,
        isa.JNE: a != b,
        isa.JGT: a > b,
        isa.JGE: a >= b,
        isa.JLT: a < b,
        isa.JLE: a <= b,
        isa.JSGT: sa > sb,
        isa.JSGE: sa >= sb,
        isa.JSLT: sa < sb,
        isa.JSLE: sa <= sb,
        isa.JSET: bool(a & b),
    }[comparison]


@pytest.mark.parametrize("seed", range(4))
def test_mixtures_hold_the_numbers_of_both(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(ROUNDS):
        (left, lefts), (right, rights) = some_range(source), some_range(source)
        both, wide = joined(left, right), widened(left, right)
        assert all(holds(both, each) and holds(wide, each) for each in (*lefts, *rights)), (left, right)
        assert within(left, both)
        assert within(right, wide)
        for width in (8, 16, 32):
            for each in lefts:
                assert holds(truncated(left, width), each & (1 << width) - 1)
                assert holds(sign_extended(left, width), signed(each, width) & U64)


def test_what_moves_is_given_up_in_few_steps() -> None:
    """Mixing a counter that goes up by one, or doubles, comes to an end at once."""
    for factor, step in ((1, 1), (2, 0), (1, -1)):
        of, value, mixtures = number(1 << 20), 1 << 20, 0
        for _ in range(100):
            value = value * factor + step & U64
            if not within(number(value), of):
                of, mixtures = widened(of, joined(of, number(value))), mixtures + 1
        assert mixtures <= 6


def test_a_contradiction_leaves_nothing() -> None:
    assert narrowed(isa.JEQ, 64, number(3), number(4), holds=True) is None
    assert narrowed(isa.JLT, 64, between(5, 9), number(5), holds=True) is None
    assert settled(UNKNOWN._replace(umin=4, umax=3)) is None
