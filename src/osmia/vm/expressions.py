"""BPF's arithmetic and conditions as Python expressions of the registers' names.

Registers hold unsigned numbers of 64 bits. What is rare is left to `arithmetic`, under the names `_alu` and `_swapped`.
"""

from __future__ import annotations

from osmia.abi import instruction as isa
from osmia.vm.arithmetic import U32, U64, alu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.code import Slot

SIGN = {8: 1 << 7, 16: 1 << 15, 32: 1 << 31, 64: 1 << 63}
_INFIX = {isa.ADD: "+", isa.SUB: "-", isa.MUL: "*", isa.OR: "|", isa.AND: "&", isa.XOR: "^"}
_NO_MASK = (isa.OR, isa.AND, isa.XOR)
_EQUAL = {isa.JEQ: "==", isa.JNE: "!=", isa.JSET: "&"}
_UNSIGNED = _EQUAL | {isa.JGT: ">", isa.JGE: ">=", isa.JLT: "<", isa.JLE: "<="}
_SIGNED = {isa.JSGT: ">", isa.JSGE: ">=", isa.JSLT: "<", isa.JSLE: "<="}


def extended(expression: str, bits: int) -> str:
    """The lowest bits of a number, extended by their sign to 64."""
    return f"(({expression} & {(1 << bits) - 1:#x} ^ {SIGN[bits]:#x}) - {SIGN[bits]:#x} & {U64:#x})"


def result_of(of: Slot) -> str:
    """What an instruction of arithmetic leaves in its register."""
    opcode, destination, source, offset, immediate = of
    operation, bits = opcode & 0xF0, 64 if opcode & 7 == isa.ALU64 else 32
    mask = U64 if bits == 64 else U32
    left = f"r{destination}"
    if operation == isa.END:
        swaps = opcode & 7 == isa.ALU64 or opcode & isa.X
        return f"_swapped({left}, {immediate})" if swaps else f"{left} & {(1 << immediate) - 1:#x}"
    if operation == isa.NEG:
        return f"-{left} & {mask:#x}"
    register = opcode & isa.X
    right = f"r{source}" if register else f"{immediate & mask:#x}"
    if operation == isa.MOV:
        return _moved(right, bits, offset) if register else f"{alu(isa.MOV, bits, 0, immediate, offset):#x}"
    if operation in _INFIX:
        if operation in (isa.ADD, isa.SUB, isa.MUL) and not register:
            right = str(immediate) if immediate >= 0 else f"({immediate})"
        both = f"{left} {_INFIX[operation]} {right}"
        return both if bits == 64 and operation in _NO_MASK else f"({both}) & {mask:#x}"
    if operation in (isa.LSH, isa.RSH, isa.ARSH):
        return _shifted(operation, left, right if register else None, immediate & bits - 1, bits)
    if operation in (isa.DIV, isa.MOD) and not register and immediate and not offset:
        whole = left if bits == 64 else f"({left} & {U32:#x})"
        return f"{whole} {'//' if operation == isa.DIV else '%'} {right}"
    return f"_alu({operation:#x}, {bits}, {left}, {right}, {offset})"


def _moved(right: str, bits: int, offset: int) -> str:
    if not offset:
        return right if bits == 64 else f"{right} & {U32:#x}"
    moved = extended(right, offset)
    return moved if bits == 64 else f"{moved} & {U32:#x}"


def _shifted(operation: int, left: str, by: str | None, constant: int, bits: int) -> str:
    mask = U64 if bits == 64 else U32
    count = str(constant) if by is None else f"({by} & {bits - 1})"
    if operation == isa.LSH:
        return f"{left} << {count} & {mask:#x}"
    whole = left if bits == 64 else f"({left} & {U32:#x})"
    if operation == isa.RSH:
        return f"{whole} >> {count}"
    return f"({whole} ^ {SIGN[bits]:#x}) - {SIGN[bits]:#x} >> {count} & {mask:#x}"


def condition_of(of: Slot) -> str:
    """Whether a conditional jump is taken."""
    opcode, destination, source, _, immediate = of
    operation, bits = opcode & 0xF0, 64 if opcode & 7 == isa.JMP else 32
    mask = U64 if bits == 64 else U32
    left = f"r{destination}" if bits == 64 else f"(r{destination} & {U32:#x})"
    signed = operation in _SIGNED
    if not opcode & isa.X:
        number = immediate & mask
        right = f"{number ^ SIGN[bits] if signed else number:#x}"
    else:
        right = f"r{source}" if bits == 64 else f"(r{source} & {U32:#x})"
        right = f"({right} ^ {SIGN[bits]:#x})" if signed else right
    if not signed:
        return f"{left} {_UNSIGNED[operation]} {right}"
    # With the sign's bit turned over, signed numbers are in the order of unsigned ones.
    return f"({left} ^ {SIGN[bits]:#x}) {_SIGNED[operation]} {right}"
