"""Arithmetic and comparison in LLVM IR, by Python's meaning, of i64 values whose intervals say how they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osmia.compiler.ir.types import IntType
    from osmia.compiler.llvm.emitter import Emitter


def comparison(out: Emitter, operator: str, left: str, left_type: IntType, right: str, right_type: IntType) -> str:
    """Compare by value. A u64 beside a number that may be negative needs a look at the sign first."""
    if left_type.needs_u64 and right_type.may_be_negative:
        return _mixed_comparison(out, operator, left, right, negative_is_right=True)
    if right_type.needs_u64 and left_type.may_be_negative:
        return _mixed_comparison(out, operator, left, right, negative_is_right=False)
    signed = left_type.may_be_negative or right_type.may_be_negative
    return out.value(f"icmp {_predicate(operator, signed=signed)} i64 {left}, {right}")


def _mixed_comparison(out: Emitter, operator: str, left: str, right: str, *, negative_is_right: bool) -> str:
    negative = out.value(f"icmp slt i64 {right if negative_is_right else left}, 0")
    unsigned = out.value(f"icmp {_predicate(operator, signed=False)} i64 {left}, {right}")
    outcome = operator in ((">", ">=", "!=") if negative_is_right else ("<", "<=", "!="))
    return out.value(f"select i1 {negative}, i1 {str(outcome).lower()}, i1 {unsigned}")


def _predicate(operator: str, *, signed: bool) -> str:
    if operator in ("==", "!="):
        return "eq" if operator == "==" else "ne"
    return ("s" if signed else "u") + {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[operator]


def unsigned_divide(out: Emitter, operator: str, left: str, right: str) -> str:
    """`//` and `%` of numbers that are not negative."""
    return out.value(f"{'udiv' if operator == '//' else 'urem'} i64 {left}, {right}")


def floor_divide(out: Emitter, operator: str, left: str, right: str) -> str:
    """Division towards minus infinity, from unsigned division: BPF has no signed one before v4."""
    left_negative = out.value(f"icmp slt i64 {left}, 0")
    right_negative = out.value(f"icmp slt i64 {right}, 0")
    left_size = magnitude(out, left, left_negative)
    right_size = magnitude(out, right, right_negative)
    quotient = out.value(f"udiv i64 {left_size}, {right_size}")
    remainder = out.value(f"urem i64 {left_size}, {right_size}")
    differ = out.value(f"xor i1 {left_negative}, {right_negative}")
    inexact = out.value(f"icmp ne i64 {remainder}, 0")
    if operator == "//":
        down = out.value(f"zext i1 {inexact} to i64")
        larger = out.value(f"add i64 {quotient}, {down}")
        below = out.value(f"sub i64 0, {larger}")
        return out.value(f"select i1 {differ}, i64 {below}, i64 {quotient}")
    # The remainder has the divisor's sign: the other signs' remainder is what is left to the next multiple.
    rest = out.value(f"sub i64 {right_size}, {remainder}")
    adjust = out.value(f"and i1 {differ}, {inexact}")
    size = out.value(f"select i1 {adjust}, i64 {rest}, i64 {remainder}")
    negative = out.value(f"sub i64 0, {size}")
    return out.value(f"select i1 {right_negative}, i64 {negative}, i64 {size}")


def magnitude(out: Emitter, value: str, negative: str) -> str:
    """The value, or its opposite where it is negative."""
    opposite = out.value(f"sub i64 0, {value}")
    return out.value(f"select i1 {negative}, i64 {opposite}, i64 {value}")


def shift(out: Emitter, operator: str, left: str, left_type: IntType, right: str, right_type: IntType) -> str:
    """Python's shifts have no largest count: from 64 on, nothing (or nothing but the sign) is left."""
    instruction = "shl" if operator == "<<" else "ashr" if left_type.may_be_negative else "lshr"
    if right_type.high <= 63:
        count = right if right_type.low >= 0 else out.value(f"and i64 {right}, 63")
        return out.value(f"{instruction} i64 {left}, {count}")
    large = out.value(f"icmp ugt i64 {right}, 63")
    count = out.value(f"and i64 {right}, 63")
    shifted = out.value(f"{instruction} i64 {left}, {count}")
    beyond = out.value(f"ashr i64 {left}, 63") if instruction == "ashr" else "0"
    return out.value(f"select i1 {large}, i64 {beyond}, i64 {shifted}")


# Of 0 to 15 the number of bits, four bits each.
_LENGTHS = 0x4444_4444_3333_2210


def bit_length(out: Emitter, value: str, high: int) -> str:
    """How many bits a number up to `high` has, without a branch: the verifier would walk each way through them.

    BPF has no instruction for it. In each step the sign of a difference says whether the upper half is in use, which
    an empty asm hides from LLVM, as it would make a branch of it; the rest, four bits, are looked up in a constant.
    """
    bits = high.bit_length()
    lengths = []
    for width in (32, 16, 8, 4):
        if bits <= width:
            continue
        upper = out.opaque(
            out.value(f"lshr i64 {value}, {width}") if bits == 64 else out.value(f"sub i64 {(1 << width) - 1}, {value}")
        )
        sign = out.value(f"sub i64 0, {upper}") if bits == 64 else upper
        used = out.value(f"lshr i64 {sign}, 63")
        # Opaque, for LLVM makes `or` of additions without carries: before 6.10 the verifier forgets all bounds there.
        lengths.append(out.opaque(out.value(f"shl i64 {used}, {width.bit_length() - 1}")))
        value = out.value(f"lshr i64 {value}, {lengths[-1]}")
        bits = width
    place = out.value(f"shl i64 {value}, 2")
    total = out.value(f"and i64 {out.value(f'lshr i64 {_LENGTHS}, {place}')}, 15")
    for length in lengths:
        total = out.value(f"add i64 {total}, {length}")
    return total
