"""What BPF's arithmetic gives (RFC 9669, section 4): plain functions of unsigned numbers."""

from __future__ import annotations

from osmia.abi import instruction as isa

U32, U64 = 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF
_SIGN = {8: 1 << 7, 16: 1 << 15, 32: 1 << 31, 64: 1 << 63}


def signed(value: int, bits: int) -> int:
    """An unsigned number of so many bits as the signed one that has the same bits."""
    sign = _SIGN[bits]
    return (value & (sign * 2 - 1) ^ sign) - sign


def swapped(value: int, bits: int) -> int:
    """The lowest bits of a number with their bytes in the other order."""
    size = bits // 8
    return int.from_bytes((value & (1 << bits) - 1).to_bytes(size, "little"), "big")


def alu(operation: int, bits: int, left: int, right: int, offset: int = 0) -> int:
    """What an operation on two numbers of 64 or of 32 bits gives. ValueError for one that does not exist.

    `offset` is the instruction's: 1 makes a division signed, and of a move it is the width that is extended.
    """
    mask = (1 << bits) - 1
    left &= mask
    right &= mask
    match operation:
        case isa.ADD:
            return left + right & mask
        case isa.SUB:
            return left - right & mask
        case isa.MUL:
            return left * right & mask
        case isa.DIV | isa.MOD:
            return _divided(operation, bits, left, right, offset)
        case isa.OR:
            return left | right
        case isa.AND:
            return left & right
        case isa.XOR:
            return left ^ right
        case isa.LSH:
            return left << (right & bits - 1) & mask
        case isa.RSH:
            return left >> (right & bits - 1)
        case isa.ARSH:
            return signed(left, bits) >> (right & bits - 1) & mask
        case isa.NEG:
            return -left & mask
        case isa.MOV:
            return signed(right, offset) & mask if offset else right
    raise ValueError(f"operation {operation:#x} is none of arithmetic")


def _divided(operation: int, bits: int, left: int, right: int, offset: int) -> int:
    """A quotient, 0 for a divisor of 0; or what is left, all of it for a divisor of 0."""
    if right == 0:
        return 0 if operation == isa.DIV else left
    if offset == 0:
        return left // right if operation == isa.DIV else left % right
    dividend, divisor = signed(left, bits), signed(right, bits)
    quotient = abs(dividend) // abs(divisor)
    if (dividend < 0) != (divisor < 0):
        quotient = -quotient
    return (quotient if operation == isa.DIV else dividend - quotient * divisor) & (1 << bits) - 1


def compare(operation: int, bits: int, left: int, right: int) -> bool:
    """Whether a conditional jump is taken. ValueError for a condition that does not exist."""
    mask = (1 << bits) - 1
    left &= mask
    right &= mask
    match operation:
        case isa.JEQ:
            return left == right
        case isa.JNE:
            return left != right
        case isa.JGT:
            return left > right
        case isa.JGE:
            return left >= right
        case isa.JLT:
            return left < right
        case isa.JLE:
            return left <= right
        case isa.JSET:
            return left & right != 0
    left, right = signed(left, bits), signed(right, bits)
    match operation:
        case isa.JSGT:
            return left > right
        case isa.JSGE:
            return left >= right
        case isa.JSLT:
            return left < right
        case isa.JSLE:
            return left <= right
    raise ValueError(f"operation {operation:#x} is no condition")
