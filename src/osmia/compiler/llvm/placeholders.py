"""Instructions that LLVM does not know: calls of helpers that no kernel has stand for them until the object is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osmia.compiler.llvm.emitter import Emitter

# may_goto, which says whether the loop may go on, is three instructions, and so it takes three calls:
# r0 = 1; may_goto +1; r0 = 0. No kernel has helpers of these numbers, and none can get so many.
_FIRST = 0x7FFF_FF00
_CALLS = b"".join(b"\x85\0\0\0" + (_FIRST + index).to_bytes(4, "little") for index in range(3))
_MAY_GOTO = bytes.fromhex("b700000001000000 e500010000000000 b700000000000000")
_SLOT = 8


class PlaceholderError(Exception):
    """LLVM has put the calls where they cannot be replaced."""


def may_goto(out: Emitter) -> str:
    """An i1: whether the kernel ends the loop here."""
    for index in range(2):
        out.line(f"call void inttoptr (i64 {_FIRST + index} to ptr)()")
    ended = out.value(f"call i64 inttoptr (i64 {_FIRST + 2} to ptr)()")
    return out.value(f"icmp ne i64 {ended}, 0")


def completed(data: bytes) -> bytes:
    """The object with the instructions in place of the calls."""
    first = _CALLS[:_SLOT]
    if first not in data:
        return data
    made = bytearray(data)
    at = data.find(first)
    while at >= 0:
        if data[at : at + len(_CALLS)] != _CALLS:
            raise PlaceholderError("may_goto: LLVM has put other instructions between its three")
        made[at : at + len(_MAY_GOTO)] = _MAY_GOTO
        at = data.find(first, at + len(_CALLS))
    return bytes(made)
