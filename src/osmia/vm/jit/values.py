"""Arithmetic and conditions of BPF as LLVM IR."""

from __future__ import annotations

from osmia.abi import instruction as isa

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Lines(Protocol):
        """What takes lines of IR."""

        def value(self, text: str) -> str:
            """Give a line's value a name."""


_PLAIN = {
    isa.ADD: "add",
    isa.SUB: "sub",
    isa.MUL: "mul",
    isa.OR: "or",
    isa.AND: "and",
    isa.XOR: "xor",
}
_SHIFTS = {isa.LSH: "shl", isa.RSH: "lshr", isa.ARSH: "ashr"}
_CONDITIONS = {
    isa.JEQ: "eq",
    isa.JNE: "ne",
    isa.JGT: "ugt",
    isa.JGE: "uge",
    isa.JLT: "ult",
    isa.JLE: "ule",
    isa.JSGT: "sgt",
    isa.JSGE: "sge",
    isa.JSLT: "slt",
    isa.JSLE: "sle",
}


def narrowed(lines: Lines, value: str, bits: int) -> str:
    """The lowest bits of a number of 64 bits."""
    return value if bits == 64 else lines.value(f"trunc i64 {value} to i{bits}")


def widened(lines: Lines, value: str, bits: int, *, signed: bool = False) -> str:
    """A number as one of 64 bits."""
    if bits == 64:
        return value
    return lines.value(f"{'sext' if signed else 'zext'} i{bits} {value} to i64")


def constant(value: int, bits: int) -> str:
    """The lowest bits of a number, as LLVM writes them: signed."""
    value &= (1 << bits) - 1
    return str(value - (1 << bits) if value >> bits - 1 else value)


def operation(lines: Lines, code: int, bits: int, left: str, right: str, offset: int) -> str:
    """What an operation on numbers of so many bits gives."""
    of = f"i{bits}"
    if code in _PLAIN:
        return lines.value(f"{_PLAIN[code]} {of} {left}, {right}")
    if code in _SHIFTS:
        count = lines.value(f"and {of} {right}, {bits - 1}")
        return lines.value(f"{_SHIFTS[code]} {of} {left}, {count}")
    if code == isa.NEG:
        return lines.value(f"sub {of} 0, {left}")
    if code == isa.MOV:
        return _moved(lines, right, bits, offset)
    return _divided(lines, code == isa.DIV, of, left, right, signed=offset == 1)


def _moved(lines: Lines, value: str, bits: int, width: int) -> str:
    if width in (0, bits):
        return value
    narrow = lines.value(f"trunc i{bits} {value} to i{width}")
    return lines.value(f"sext i{width} {narrow} to i{bits}")


def _divided(lines: Lines, quotient: bool, of: str, left: str, right: str, *, signed: bool) -> str:
    """A division: LLVM leaves undefined what BPF defines, a divisor of 0 and the smallest number by -1."""
    by_zero = lines.value(f"icmp eq {of} {right}, 0")
    by_minus_one = lines.value(f"icmp eq {of} {right}, -1") if signed else "false"
    unusual = lines.value(f"or i1 {by_zero}, {by_minus_one}")
    divisor = lines.value(f"select i1 {unusual}, {of} 1, {of} {right}")
    name = f"{'s' if signed else 'u'}{'div' if quotient else 'rem'}"
    result = lines.value(f"{name} {of} {left}, {divisor}")
    if signed and quotient:
        negated = lines.value(f"sub {of} 0, {left}")
        result = lines.value(f"select i1 {by_minus_one}, {of} {negated}, {of} {result}")
    return lines.value(f"select i1 {by_zero}, {of} {'0' if quotient else left}, {of} {result}")


def reordered(lines: Lines, value: str, bits: int, *, swap: bool) -> str:
    """The lowest bits of a number of 64 bits, with their bytes in the other order or as they are."""
    narrow = narrowed(lines, value, bits)
    if swap:
        narrow = lines.value(f"call i{bits} @llvm.bswap.i{bits}(i{bits} {narrow})")
    return widened(lines, narrow, bits)


def condition(lines: Lines, code: int, bits: int, left: str, right: str) -> str:
    """Whether a conditional jump is taken."""
    if code == isa.JSET:
        both = lines.value(f"and i{bits} {left}, {right}")
        return lines.value(f"icmp ne i{bits} {both}, 0")
    return lines.value(f"icmp {_CONDITIONS[code]} i{bits} {left}, {right}")
