"""Where kernels are known to run programs otherwise than the instructions say, each with a program that shows it.

A difference that `differential` finds in a program that such a row is about is explained, and fails no test.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from osmia.abi import instruction as isa

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from osmia.vm.code import Slot

_ATOMIC = isa.STX | isa.ATOMIC
_FORM = struct.Struct("<BBhi")


@dataclass(frozen=True)
class Divergence:
    """One error of kernels."""

    name: str
    seen_in: tuple[int, int]
    """The kernel that it was seen in. Others may have it too."""
    what: str
    """What the kernel does, as the explanation of a difference says it."""
    uses: Callable[[Sequence[Slot]], bool]
    """Whether a program has what the error takes."""
    reproducer: bytes
    """The instructions of an XDP program that shows it."""
    packets: tuple[bytes, ...]
    """What the program is run on."""
    right: tuple[int, ...]
    """What it returns for each by the meaning of its instructions."""
    wrong: tuple[int, ...]
    """What it returns in that kernel."""


def known_divergences(slots: Sequence[Slot]) -> list[Divergence]:
    """Those that a program may run into."""
    return [each for each in DIVERGENCES if each.uses(slots)]


def _fetches(slots: Sequence[Slot]) -> bool:
    """Whether it has an atomic operation that gives what was there."""
    return any(opcode & ~0x18 == _ATOMIC & ~0x18 and imm & isa.FETCH for opcode, _, _, _, imm in slots)


def _exchanges_32_bits(slots: Sequence[Slot]) -> bool:
    return any(opcode == _ATOMIC | isa.W and imm == isa.CMPXCHG for opcode, _, _, _, imm in slots)


def _code(*slots: tuple[int, int, int, int, int]) -> bytes:
    return b"".join(_FORM.pack(opcode, source << 4 | to, off, imm) for opcode, to, source, off, imm in slots)


# r6 = the first byte of the packet, of which the verifier knows nothing.
_FIRST_BYTE = (
    (isa.LDX | isa.MEM | isa.W, 2, 1, 0, 0),  # r2 = ctx->data
    (isa.LDX | isa.MEM | isa.W, 3, 1, 4, 0),  # r3 = ctx->data_end
    (isa.ALU64 | isa.MOV | isa.X, 4, 2, 0, 0),
    (isa.ALU64 | isa.ADD | isa.K, 4, 0, 0, 1),
    (isa.JMP | isa.JLE | isa.X, 4, 3, 2, 0),  # if r2 + 1 <= r3 goto +2
    (isa.ALU64 | isa.MOV | isa.K, 0, 0, 0, 0),
    (isa.JMP | isa.EXIT, 0, 0, 0, 0),
    (isa.LDX | isa.MEM | isa.B, 6, 2, 0, 0),  # r6 = *(u8 *)r2
)
# What makes the verifier remember a state here, and compare others with it that come by later.
_REMEMBERED = (
    *((isa.ALU64 | isa.MOV | isa.K, 7, 0, 0, number) for number in range(12)),
    *((isa.JMP | isa.JA, 0, 0, 0, 0),) * 3,
    (isa.JMP | isa.JGT | isa.K, 6, 0, 0, 100),
    (isa.ALU64 | isa.MOV | isa.X, 7, 6, 0, 0),
)
_PACKETS = (bytes(64), b"\x01" + bytes(63))

DIVERGENCES = (
    Divergence(
        name="precision of an atomic fetch from the stack",
        seen_in=(6, 18),
        what="the verifier does not follow a number that an atomic operation fetches from the stack back to where it "
        "was stored, takes one way through the program for another, and removes code that runs",
        uses=_fetches,
        reproducer=_code(
            *_FIRST_BYTE,
            (isa.JMP | isa.JEQ | isa.K, 6, 0, 2, 0),
            (isa.ST | isa.MEM | isa.DW, 10, 0, -8, 2),  # not 0: *(u64 *)(fp - 8) = 2
            (isa.JMP | isa.JA, 0, 0, 1, 0),
            (isa.ST | isa.MEM | isa.DW, 10, 0, -8, 1),  # 0: *(u64 *)(fp - 8) = 1
            *_REMEMBERED,
            (isa.ALU64 | isa.MOV | isa.K, 2, 0, 0, 0),
            (_ATOMIC | isa.DW, 10, 2, -8, isa.ADD | isa.FETCH),  # r2 = what is at fp - 8
            (isa.ALU64 | isa.MOV | isa.K, 0, 0, 0, 1),
            (isa.JMP | isa.JEQ | isa.K, 2, 0, 1, 2),
            (isa.JMP | isa.EXIT, 0, 0, 0, 0),
            (isa.ALU64 | isa.MOV | isa.K, 0, 0, 0, 2),
            (isa.JMP | isa.EXIT, 0, 0, 0, 0),
        ),
        packets=_PACKETS,
        right=(1, 2),
        wrong=(2, 2),
    ),
    Divergence(
        name="upper half of r0 after a compare-and-exchange of 32 bits",
        seen_in=(6, 18),
        what="where the verifier takes one way through the program for another, it leaves the upper 32 bits of r0 as "
        "they were after a compare-and-exchange of 32 bits that succeeds; they are 0 by the instruction set",
        uses=_exchanges_32_bits,
        reproducer=_code(
            *_FIRST_BYTE,
            (isa.LD_IMM64, 0, 0, 0, 5),  # r0 = 0x1_0000_0005
            (0, 0, 0, 0, 1),
            (isa.ST | isa.MEM | isa.W, 10, 0, -4, 5),
            (isa.ALU64 | isa.MOV | isa.K, 2, 0, 0, 7),
            (isa.JMP | isa.JEQ | isa.K, 6, 0, 2, 0),
            (_ATOMIC | isa.W, 10, 2, -4, isa.CMPXCHG),
            (isa.JMP | isa.JA, 0, 0, 1, 0),
            (_ATOMIC | isa.W, 10, 2, -4, isa.CMPXCHG),
            *_REMEMBERED,
            (isa.ALU64 | isa.RSH | isa.K, 0, 0, 0, 32),
            (isa.JMP | isa.EXIT, 0, 0, 0, 0),
        ),
        packets=_PACKETS,
        right=(0, 0),
        wrong=(1, 0),
    ),
)
