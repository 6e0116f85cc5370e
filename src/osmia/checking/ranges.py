"""What is known of a number in a register: bounds of 64 and of 32 bits, signed and not, and its known bits.

The rules are those of the verifier, so that what it can show is shown here too. Results are kept, since the same few
ranges meet again and again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from osmia.abi import instruction as isa

if TYPE_CHECKING:
    from collections.abc import Callable

U64, U32 = (1 << 64) - 1, (1 << 32) - 1
S64_MIN, S64_MAX = -(1 << 63), (1 << 63) - 1
S32_MIN, S32_MAX = -(1 << 31), (1 << 31) - 1


class Range(NamedTuple):
    """The numbers that a register may hold. Bits outside of `mask` are those of `bits`."""

    umin: int
    umax: int
    smin: int
    smax: int
    wmin: int
    """Of the lower 32 bits, unsigned."""
    wmax: int
    vmin: int
    """Of the lower 32 bits, signed."""
    vmax: int
    bits: int
    mask: int

    @property
    def constant(self) -> bool:
        """Whether it is one number."""
        return self.umin == self.umax


UNKNOWN = Range(0, U64, S64_MIN, S64_MAX, 0, U32, S32_MIN, S32_MAX, 0, U64)


def signed(number: int, width: int = 64) -> int:
    """The lower bits of a number as a signed one."""
    number &= (1 << width) - 1
    return number - (1 << width) if number >> (width - 1) else number


@lru_cache(1 << 12)
def number(value: int) -> Range:
    """One number, taken modulo 2**64."""
    whole, low = value & U64, value & U32
    wide, short = signed(whole), signed(low, 32)
    return Range(whole, whole, wide, wide, low, low, short, short, whole, 0)


ZERO = number(0)


@lru_cache(1 << 12)
def between(low: int, high: int) -> Range:
    """From `low` to `high`, both unsigned, or both signed where one is below 0."""
    found = (
        settled(UNKNOWN._replace(umin=low, umax=high)) if low >= 0 else settled(UNKNOWN._replace(smin=low, smax=high))
    )
    return found or UNKNOWN


def settled(of: Range) -> Range | None:
    """The same numbers, with each bound as narrow as the others make it; None where no number is left."""
    if of.umin == of.umax and of.mask == 0:
        return of if of == number(of.umin) else _settled(of)
    return _settled(of)


@lru_cache(1 << 15)
def _settled(of: Range) -> Range | None:
    umin, umax, smin, smax, wmin, wmax, vmin, vmax, bits, mask = of
    for _ in range(3):
        before = (umin, umax, smin, smax, wmin, wmax, vmin, vmax, mask)
        umin, umax, smin, smax = _from_bits(umin, umax, smin, smax, bits, mask, 64)
        wmin, wmax, vmin, vmax = _from_bits(wmin, wmax, vmin, vmax, bits & U32, mask & U32, 32)
        umin, umax, smin, smax = _both_signs(umin, umax, smin, smax, 64)
        if umin >> 32 == umax >> 32:
            wmin, wmax = max(wmin, umin & U32), min(wmax, umax & U32)
        if smin >= S32_MIN and smax <= S32_MAX:
            vmin, vmax = max(vmin, smin), min(vmax, smax)
        wmin, wmax, vmin, vmax = _both_signs(wmin, wmax, vmin, vmax, 32)
        umin, umax = max(umin, umin & ~U32 | wmin), min(umax, umax & ~U32 | wmax)
        smin, smax = max(smin, (smin & ~U32) | wmin), min(smax, (smax & ~U32) | wmax)
        if smin >= S32_MIN and smax <= S32_MAX:
            smin, smax = max(smin, vmin), min(smax, vmax)
        if umin > umax or smin > smax or wmin > wmax or vmin > vmax:
            return None
        met = _met_bits(bits, mask, *_bits_between(umin, umax))
        low = met and _met_bits(*met, *_with_upper_unknown(*_bits_between(wmin, wmax)))
        if low is None:
            return None
        bits, mask = low
        if before == (umin, umax, smin, smax, wmin, wmax, vmin, vmax, mask):
            break
    return Range(umin, umax, smin, smax, wmin, wmax, vmin, vmax, bits, mask)


def _from_bits(
    umin: int, umax: int, smin: int, smax: int, bits: int, mask: int, width: int
) -> tuple[int, int, int, int]:
    sign = 1 << (width - 1)
    return (
        max(umin, bits),
        min(umax, bits | mask),
        max(smin, signed(bits | mask & sign, width)),
        min(smax, signed(bits | mask & ~sign, width)),
    )


def _both_signs(umin: int, umax: int, smin: int, smax: int, width: int) -> tuple[int, int, int, int]:
    """What the unsigned bounds say of the signed ones, and the other way round."""
    whole, half = 1 << width, 1 << (width - 1)
    if smin >= 0:
        umin, umax = max(umin, smin), min(umax, smax)
    elif smax < 0:
        umin, umax = max(umin, smin + whole), min(umax, smax + whole)
    if umax < half:
        smin, smax = max(smin, umin), min(smax, umax)
    elif umin >= half:
        smin, smax = max(smin, umin - whole), min(smax, umax - whole)
    return umin, umax, smin, smax


def _bits_between(low: int, high: int) -> tuple[int, int]:
    """The bits that all numbers of a range share, and those in which they differ."""
    varying = (1 << (low ^ high).bit_length()) - 1
    return low & ~varying, varying


def _with_upper_unknown(bits: int, mask: int) -> tuple[int, int]:
    return bits, mask | U64 ^ U32


def _met_bits(bits: int, mask: int, other: int, other_mask: int) -> tuple[int, int] | None:
    """What both say of the bits; None where they contradict each other."""
    if (bits ^ other) & ~mask & ~other_mask:
        return None
    both = mask & other_mask
    return (bits | other) & ~both, both


# Arithmetic

_View = tuple[int, int, int, int]
"""The bounds of one width: unsigned, signed."""


@lru_cache(1 << 15)
def computed(operation: int, width: int, left: Range, right: Range, *, divides: bool = False) -> Range:
    """The result of an instruction's arithmetic (`isa.ADD` ...) of 64 or 32 bits.

    `divides` says whether the bounds of a quotient or a remainder are known, as they are to kernels from 7.0 on.
    """
    if width == 32:
        left, right = low_32(left), low_32(right)
    if left.constant and right.constant and operation in _EXACT:
        result = _EXACT[operation](left.umin, right.umin, width)
        return number(result & U32 if width == 32 else result)
    if operation in (isa.DIV, isa.MOD):
        return _divided(operation, width, left, right) if divides else full(width)
    bits, mask = _BITS[operation](left, right, width) if operation in _BITS else (0, U64)
    wide: _View = (0, U64, S64_MIN, S64_MAX)
    short: _View = (0, U32, S32_MIN, S32_MAX)
    if width == 64 and operation in _BOUNDS:
        wide = _BOUNDS[operation](_wide(left), _wide(right), 64)
    # The lower half of a sum depends on the lower halves alone; what moves down does not.
    if operation in _BOUNDS and (width == 32 or operation not in (isa.RSH, isa.ARSH, isa.LSH)):
        short = _BOUNDS[operation](_short(left), _short(right), 32)
    found = settled(Range(*wide, *short, bits, mask)) or UNKNOWN
    return low_32(found) if width == 32 else found


def full(width: int) -> Range:
    """Any number of that width."""
    return UNKNOWN if width == 64 else between(0, (1 << width) - 1)


def low_32(of: Range) -> Range:
    """The lower 32 bits, as a w register has them."""
    if of.umax <= U32:
        return of
    return _low_32(of)


@lru_cache(1 << 13)
def _low_32(of: Range) -> Range:
    short = Range(of.wmin, of.wmax, 0, U32, of.wmin, of.wmax, of.vmin, of.vmax, of.bits & U32, of.mask & U32)
    return settled(short) or between(0, U32)


@lru_cache(1 << 13)
def truncated(of: Range, width: int) -> Range:
    """The lower bits, zero-extended."""
    if width >= 64 or of.umax < 1 << width:
        return of
    if width == 32:
        return low_32(of)
    keep = (1 << width) - 1
    return settled(between(0, keep)._replace(bits=of.bits & keep, mask=of.mask & keep)) or between(0, keep)


@lru_cache(1 << 12)
def sign_extended(of: Range, width: int) -> Range:
    """The lower bits, sign-extended to 64."""
    half = 1 << (width - 1)
    if of.constant:
        return number(signed(of.umin, width))
    if width == 32:
        return between(of.vmin, of.vmax)
    if -half <= of.smin and of.smax < half:
        return of
    return between(-half, half - 1)


def _wide(of: Range) -> _View:
    return of.umin, of.umax, of.smin, of.smax


def _short(of: Range) -> _View:
    return of.wmin, of.wmax, of.vmin, of.vmax


def _limits(width: int) -> tuple[int, int, int]:
    return (U64, S64_MIN, S64_MAX) if width == 64 else (U32, S32_MIN, S32_MAX)


def _clamped(umin: int, umax: int, smin: int, smax: int, width: int) -> _View:
    """Bounds that have left their width say nothing; those that have left it together have wrapped."""
    most, least, largest = _limits(width)
    if umin > most and umax <= 2 * most + 1:
        umin, umax = umin - most - 1, umax - most - 1
    elif umin < 0 and umax < 0 and umin >= -most - 1:
        umin, umax = umin + most + 1, umax + most + 1
    if umin < 0 or umax > most:
        umin, umax = 0, most
    if smin < least or smax > largest:
        smin, smax = least, largest
    return umin, umax, smin, smax


def _add(left: _View, right: _View, width: int) -> _View:
    return _clamped(left[0] + right[0], left[1] + right[1], left[2] + right[2], left[3] + right[3], width)


def _sub(left: _View, right: _View, width: int) -> _View:
    return _clamped(left[0] - right[1], left[1] - right[0], left[2] - right[3], left[3] - right[2], width)


def _mul(left: _View, right: _View, width: int) -> _View:
    corners = [a * b for a in left[2:] for b in right[2:]]
    return _clamped(left[0] * right[0], left[1] * right[1], min(corners), max(corners), width)


def _and(left: _View, right: _View, width: int) -> _View:
    _, least, largest = _limits(width)
    signed_and = (0, min(left[3], right[3])) if left[2] >= 0 and right[2] >= 0 else (least, largest)
    return (0, min(left[1], right[1]), *signed_and)


def _or(left: _View, right: _View, width: int) -> _View:
    most, least, largest = _limits(width)
    return max(left[0], right[0]), most, least, largest


def _lsh(left: _View, right: _View, width: int) -> _View:
    most, least, largest = _limits(width)
    if right[1] >= width or left[1] << right[1] > most:
        return 0, most, least, largest
    return left[0] << right[0], left[1] << right[1], least, largest


def _rsh(left: _View, right: _View, width: int) -> _View:
    most, least, largest = _limits(width)
    if right[1] >= width:
        return 0, most, least, largest
    return left[0] >> right[1], left[1] >> right[0], least, largest


def _arsh(left: _View, right: _View, width: int) -> _View:
    most, least, largest = _limits(width)
    if right[0] != right[1] or right[1] >= width:
        return 0, most, least, largest
    return 0, most, left[2] >> right[0], left[3] >> right[0]


_BOUNDS: dict[int, Callable[[_View, _View, int], _View]] = {
    isa.ADD: _add,
    isa.SUB: _sub,
    isa.MUL: _mul,
    isa.AND: _and,
    isa.OR: _or,
    isa.LSH: _lsh,
    isa.RSH: _rsh,
    isa.ARSH: _arsh,
}


def _add_bits(left: Range, right: Range, _: int) -> tuple[int, int]:
    return _sum_bits(left.bits, left.mask, right.bits, right.mask)


def _sum_bits(bits: int, mask: int, other: int, other_mask: int) -> tuple[int, int]:
    masks, sums = mask + other_mask & U64, bits + other & U64
    varying = (masks + sums & U64) ^ sums | mask | other_mask
    return sums & ~varying, varying


def _sub_bits(left: Range, right: Range, _: int) -> tuple[int, int]:
    difference = left.bits - right.bits & U64
    varying = (difference + left.mask & U64) ^ (difference - right.mask & U64) | left.mask | right.mask
    return difference & ~varying, varying


def _and_bits(left: Range, right: Range, _: int) -> tuple[int, int]:
    either, both = (left.bits | left.mask) & (right.bits | right.mask), left.bits & right.bits
    return both, either & ~both


def _or_bits(left: Range, right: Range, _: int) -> tuple[int, int]:
    bits = left.bits | right.bits
    return bits, (left.mask | right.mask) & ~bits


def _xor_bits(left: Range, right: Range, _: int) -> tuple[int, int]:
    mask = left.mask | right.mask
    return (left.bits ^ right.bits) & ~mask, mask


def _lsh_bits(left: Range, right: Range, width: int) -> tuple[int, int]:
    if not right.constant or right.umin >= width:
        return 0, U64
    return left.bits << right.umin & U64, left.mask << right.umin & U64


def _rsh_bits(left: Range, right: Range, width: int) -> tuple[int, int]:
    if not right.constant or right.umin >= width:
        return 0, U64
    return left.bits >> right.umin, left.mask >> right.umin


def _arsh_bits(left: Range, right: Range, width: int) -> tuple[int, int]:
    if not right.constant or right.umin >= width:
        return 0, U64
    whole = (1 << width) - 1
    mask = signed(left.mask, width) >> right.umin & whole
    return signed(left.bits, width) >> right.umin & whole & ~mask, mask


def _mul_bits(left: Range, right: Range, _: int) -> tuple[int, int]:
    """The lowest bits of a product are 0 as far as those of its factors are."""
    zeros = _low_zeros(left) + _low_zeros(right)
    return 0, U64 << min(zeros, 64) & U64


def _low_zeros(of: Range) -> int:
    set_bits = of.bits | of.mask
    return (set_bits & -set_bits).bit_length() - 1 if set_bits else 64


_BITS: dict[int, Callable[[Range, Range, int], tuple[int, int]]] = {
    isa.ADD: _add_bits,
    isa.SUB: _sub_bits,
    isa.MUL: _mul_bits,
    isa.AND: _and_bits,
    isa.OR: _or_bits,
    isa.XOR: _xor_bits,
    isa.LSH: _lsh_bits,
    isa.RSH: _rsh_bits,
    isa.ARSH: _arsh_bits,
}

# Of two numbers, the number. Shifts take their distance modulo the width.
_EXACT: dict[int, Callable[[int, int, int], int]] = {
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


def _divided(operation: int, width: int, left: Range, right: Range) -> Range:
    """The unsigned quotient or remainder, where the divisor is a number."""
    if not right.constant or right.umin == 0:
        return full(width)
    by = right.umin
    if operation == isa.DIV:
        return between(left.umin // by, left.umax // by)
    return left if left.umax < by else between(0, by - 1)


# Comparisons

# What holds on the way where a comparison does not.
INVERSE = {
    isa.JEQ: isa.JNE,
    isa.JNE: isa.JEQ,
    isa.JGT: isa.JLE,
    isa.JLE: isa.JGT,
    isa.JGE: isa.JLT,
    isa.JLT: isa.JGE,
    isa.JSGT: isa.JSLE,
    isa.JSLE: isa.JSGT,
    isa.JSGE: isa.JSLT,
    isa.JSLT: isa.JSGE,
}
# The same comparison with its sides exchanged.
EXCHANGED = {
    isa.JEQ: isa.JEQ,
    isa.JNE: isa.JNE,
    isa.JGT: isa.JLT,
    isa.JLT: isa.JGT,
    isa.JGE: isa.JLE,
    isa.JLE: isa.JGE,
    isa.JSGT: isa.JSLT,
    isa.JSLT: isa.JSGT,
    isa.JSGE: isa.JSLE,
    isa.JSLE: isa.JSGE,
}
_SIGNED = (isa.JSGT, isa.JSGE, isa.JSLT, isa.JSLE)


@lru_cache(1 << 15)
def narrowed(comparison: int, width: int, left: Range, right: Range, *, holds: bool) -> tuple[Range, Range] | None:
    """What both sides may be where a comparison holds, or does not; None where that cannot be."""
    if comparison == isa.JSET:
        return _bits_tested(width, left, right, holds=holds)
    if not holds:
        comparison = INVERSE[comparison]
    if comparison == isa.JEQ:
        return _equal(width, left, right)
    if comparison == isa.JNE:
        return _unequal(width, left, right)
    if comparison in (isa.JLT, isa.JLE, isa.JSLT, isa.JSLE):
        found = narrowed(EXCHANGED[comparison], width, right, left, holds=True)
        return found and (found[1], found[0])
    low, high = {
        (64, False): ("umin", "umax"),
        (64, True): ("smin", "smax"),
        (32, False): ("wmin", "wmax"),
        (32, True): ("vmin", "vmax"),
    }[width, comparison in _SIGNED]
    more = 1 if comparison in (isa.JGT, isa.JSGT) else 0
    least = max(getattr(left, low), getattr(right, low) + more)
    most = min(getattr(right, high), getattr(left, high) - more)
    if least > getattr(left, high) or most < getattr(right, low):
        return None
    return _both(settled(left._replace(**{low: least})), settled(right._replace(**{high: most})))


def _both(left: Range | None, right: Range | None) -> tuple[Range, Range] | None:
    return None if left is None or right is None else (left, right)


def _equal(width: int, left: Range, right: Range) -> tuple[Range, Range] | None:
    if width == 64:
        met = _met_bits(left.bits, left.mask, right.bits, right.mask)
        if met is None:
            return None
        highest = [max(left[i], right[i]) for i in (0, 2, 4, 6)]
        lowest = [min(left[i], right[i]) for i in (1, 3, 5, 7)]
        pairs = [bound for pair in zip(highest, lowest, strict=True) for bound in pair]
        if any(low > high for low, high in zip(highest, lowest, strict=True)):
            return None
        same = settled(Range._make((*pairs, *met)))
        return _both(same, same)
    short = _equal(64, low_32(left), low_32(right))
    if short is None:
        return None
    of = short[0]
    sides = []
    for side in (left, right):
        met = _met_bits(side.bits, side.mask, of.bits & U32, of.mask & U32 | U64 ^ U32)
        if met is None:
            return None
        sides.append(
            settled(side._replace(wmin=of.wmin, wmax=of.wmax, vmin=of.vmin, vmax=of.vmax, bits=met[0], mask=met[1]))
        )
    return _both(*sides)


def _unequal(width: int, left: Range, right: Range) -> tuple[Range, Range] | None:
    if width == 64 and left.constant and right.constant and left.umin == right.umin:
        return None
    if width == 32 and left.wmin == left.wmax == right.wmin == right.wmax:
        return None
    return _both(_without(width, left, right), _without(width, right, left))


def _without(width: int, of: Range, other: Range) -> Range | None:
    """The range without a number at one of its ends."""
    low, high = ("umin", "umax") if width == 64 else ("wmin", "wmax")
    if getattr(other, low) != getattr(other, high):
        return of
    value = getattr(other, low)
    for least, most, end in (
        (low, high, value),
        ("smin" if width == 64 else "vmin", "smax" if width == 64 else "vmax", signed(value, width)),
    ):
        if getattr(of, least) == end:
            of = of._replace(**{least: end + 1})
        elif getattr(of, most) == end:
            of = of._replace(**{most: end - 1})
    return settled(of)


def _bits_tested(width: int, left: Range, right: Range, *, holds: bool) -> tuple[Range, Range] | None:
    """`left & right`: whether any bit is in both."""
    mine, other = (left, right) if width == 64 else (low_32(left), low_32(right))
    common = mine.bits & other.bits
    if holds:
        return None if not (mine.bits | mine.mask) & (other.bits | other.mask) else (left, right)
    if common:
        return None
    if other.constant:
        met = _met_bits(left.bits, left.mask, 0, U64 & ~other.umin)
        return None if met is None else _both(settled(left._replace(bits=met[0], mask=met[1])), right)
    return left, right


@lru_cache(1 << 14)
def joined(left: Range, right: Range) -> Range:
    """The smallest range with all numbers of both."""
    bounds = [min(a, b) if i % 2 == 0 else max(a, b) for i, (a, b) in enumerate(zip(left[:8], right[:8], strict=True))]
    mask = left.mask | right.mask | left.bits ^ right.bits
    return settled(Range._make((*bounds, left.bits & ~mask, mask))) or UNKNOWN


_LENGTHS = (8, 16, 32, 64)


@lru_cache(1 << 13)
def widened(before: Range, now: Range) -> Range:
    """A range with all numbers of both, where each bound that has moved is at its end: no chain of these is long."""
    bounds = []
    for i, (old, new, end) in enumerate(zip(before[:8], now[:8], UNKNOWN[:8], strict=True)):
        if i % 2 == 0:
            bounds.append(old if new >= old else 0 if new >= 0 > end else end)
        else:
            bounds.append(old if new <= old else end)
    mask = before.mask | now.mask | before.bits ^ now.bits
    if mask != before.mask:
        # What lies below the lowest bit that varies goes on to be known: it may be an alignment.
        length = next(length for length in _LENGTHS if mask < 1 << length)
        mask = (1 << length) - (mask & -mask)
    return settled(Range._make((*bounds, before.bits & ~mask, mask))) or UNKNOWN


def within(inner: Range, outer: Range) -> bool:
    """Whether all numbers of one are in the other."""
    if inner is outer or inner == outer or outer is UNKNOWN:
        return True
    return (
        outer.umin <= inner.umin
        and inner.umax <= outer.umax
        and outer.smin <= inner.smin
        and inner.smax <= outer.smax
        and outer.wmin <= inner.wmin
        and inner.wmax <= outer.wmax
        and outer.vmin <= inner.vmin
        and inner.vmax <= outer.vmax
        and not inner.mask & ~outer.mask
        and not (inner.bits ^ outer.bits) & ~outer.mask
    )
