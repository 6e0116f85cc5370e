"""Where kernels are known to run programs otherwise than the instructions say, each with a program that shows it.

A difference that `differential` finds is explained, and fails no test, where the run has met what such a row says.
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass

from osmia.abi import instruction as isa
from osmia.abi.generated import helper_ids as ids

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
    reproducer: bytes
    """The instructions of a program that shows it."""
    packets: tuple[bytes, ...]
    """What the program is run on."""
    right: tuple[int, ...]
    """What it returns for each by the meaning of its instructions."""
    wrong: tuple[int, ...]
    """What it returns in that kernel."""
    section: str = "xdp"
    """Of the program, which says of what kind it is."""


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

FETCH = Divergence(
    name="precision of an atomic fetch from the stack",
    seen_in=(6, 18),
    what="the verifier does not follow a number that an atomic operation fetches from the stack back to where it "
    "was stored, takes one way through the program for another, and removes code that runs",
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
)
EXCHANGE = Divergence(
    name="upper half of r0 after a compare-and-exchange of 32 bits",
    seen_in=(6, 18),
    what="where the verifier takes one way through the program for another, it leaves the upper 32 bits of r0 as "
    "they were after a compare-and-exchange of 32 bits that succeeds; they are 0 by the instruction set",
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
)
TAIL = Divergence(
    name="lengths that skb_change_tail takes once the headroom is used up",
    seen_in=(6, 18),
    what="where headers have grown by more than the 64 bytes that the test run leaves before a packet, a transport "
    "header that was never set counts as set, and skb_change_tail takes lengths that end before the headers do",
    reproducer=_code(
        (isa.ALU64 | isa.MOV | isa.X, 6, 1, 0, 0),
        (isa.ALU64 | isa.MOV | isa.K, 2, 0, 0, 100),
        (isa.ALU64 | isa.MOV | isa.K, 3, 0, 0, 0),
        (isa.JMP | isa.CALL, 0, 0, 0, ids.BPF_FUNC_skb_change_head),
        (isa.ALU64 | isa.MOV | isa.X, 1, 6, 0, 0),
        (isa.ALU64 | isa.MOV | isa.K, 2, 0, 0, 64),
        (isa.ALU64 | isa.MOV | isa.K, 3, 0, 0, 0),
        (isa.JMP | isa.CALL, 0, 0, 0, ids.BPF_FUNC_skb_change_tail),  # the headers are 114 bytes now
        (isa.JMP | isa.EXIT, 0, 0, 0, 0),
    ),
    packets=(bytes(64),),
    right=(2**32 - errno.EINVAL,),
    wrong=(0,),
    section="tc/ingress",
)
DIVERGENCES = (FETCH, EXCHANGE, TAIL)
