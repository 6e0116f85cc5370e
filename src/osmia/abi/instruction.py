"""The instructions of BPF as bits (RFC 9669, and what kernels up to 6.18 have beyond it)."""

from __future__ import annotations

import struct

from osmia.errors import ObjectError
from osmia.record import record

SLOT = 8
"""The bytes of an instruction; the load of a 64-bit immediate takes two slots."""

# Classes: opcode & 0x07.
LD = 0x00
LDX = 0x01
ST = 0x02
STX = 0x03
ALU = 0x04
JMP = 0x05
JMP32 = 0x06
ALU64 = 0x07

# Sizes of loads and stores: opcode & 0x18.
W = 0x00
H = 0x08
B = 0x10
DW = 0x18

# Modes of loads and stores: opcode & 0xe0.
IMM = 0x00
ABS = 0x20
IND = 0x40
MEM = 0x60
MEMSX = 0x80
ATOMIC = 0xC0

# Whether the operand of arithmetic or a jump is the immediate or the source register: opcode & 0x08.
K = 0x00
X = 0x08

# Arithmetic: opcode & 0xf0. With an offset of 1, DIV and MOD are signed; MOV's offset is the width it extends.
ADD = 0x00
SUB = 0x10
MUL = 0x20
DIV = 0x30
OR = 0x40
AND = 0x50
LSH = 0x60
RSH = 0x70
NEG = 0x80
MOD = 0x90
XOR = 0xA0
MOV = 0xB0
ARSH = 0xC0
END = 0xD0

# Jumps: opcode & 0xf0. In JMP32, JA takes its distance from the immediate (gotol).
JA = 0x00
JEQ = 0x10
JGT = 0x20
JGE = 0x30
JSET = 0x40
JNE = 0x50
JSGT = 0x60
JSGE = 0x70
CALL = 0x80
EXIT = 0x90
JLT = 0xA0
JLE = 0xB0
JSLT = 0xC0
JSLE = 0xD0
JCOND = 0xE0

# What an atomic operation does: its immediate. FETCH is added to ADD, OR, AND and XOR.
FETCH = 0x01
XCHG = 0xE1
CMPXCHG = 0xF1
LOAD_ACQUIRE = 0x100
STORE_RELEASE = 0x110

LD_IMM64 = LD | IMM | DW


@record
class Instruction:
    """One instruction. Which fields mean something depends on its opcode; the others are zero in valid code."""

    opcode: int
    destination: int
    """A register, 0 to 15 (the kernel has 0 to 10)."""
    source: int
    """A register, or what an immediate stands for (BPF_PSEUDO_*)."""
    offset: int
    """Signed, 16 bits: of a jump in slots after this one, of memory in bytes."""
    immediate: int
    """Signed, 32 bits; of LD_IMM64 64 bits."""

    @property
    def slots(self) -> int:
        """How many slots it takes: 2 for LD_IMM64, else 1."""
        return 2 if self.opcode == LD_IMM64 else 1


def decode(code: bytes, byte_order: str = "<") -> list[Instruction]:
    """Instructions from their bytes. ObjectError where they are cut short."""
    if len(code) % SLOT:
        raise ObjectError(f"code of {len(code)} bytes, no multiple of {SLOT}")
    instructions: list[Instruction] = []
    slots = struct.iter_unpack(byte_order + "BBhi", code)
    for slot, (opcode, registers, offset, immediate) in enumerate(slots):
        value = immediate
        if opcode == LD_IMM64:
            following = next(slots, None)
            if following is None:
                raise ObjectError(
                    f"instruction {len(instructions)} loads 64 bits, but the code ends after its first slot"
                )
            if following[:3] != (0, 0, 0):
                raise ObjectError(f"slot after {slot} should hold the upper half of a number, found {following}")
            value = following[3] << 32 | immediate & 0xFFFFFFFF
        low, high = registers & 15, registers >> 4
        destination, source = (low, high) if byte_order == "<" else (high, low)
        instructions.append(Instruction(opcode, destination, source, offset, value))
    return instructions


def encode(instructions: list[Instruction], byte_order: str = "<") -> bytes:
    """The bytes of instructions. OverflowError where a field does not fit."""
    parts = []
    pack = struct.Struct(byte_order + "BBhi").pack
    for instruction in instructions:
        low, high = instruction.destination, instruction.source
        if byte_order == ">":
            low, high = high, low
        immediate = instruction.immediate
        try:
            if not 0 <= low <= 15 or not 0 <= high <= 15:
                raise struct.error  # noqa: TRY301 - the same refusal as of any other field
            if instruction.opcode == LD_IMM64:
                lower, upper = struct.unpack("<ii", struct.pack("<q", immediate))
                parts += [pack(LD_IMM64, low | high << 4, instruction.offset, lower), pack(0, 0, 0, upper)]
            else:
                parts.append(pack(instruction.opcode, low | high << 4, instruction.offset, immediate))
        except struct.error as error:
            raise OverflowError(f"{instruction} does not fit: a field is out of its range") from error
    return b"".join(parts)
