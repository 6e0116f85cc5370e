"""Values that the verifier takes for unknown.

It decides a test of a known number, and then keeps apart all states in which that number differs: a counter that begins
with a known number makes it walk a loop round by round, whatever form the loop has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir.types import is_pointer

if TYPE_CHECKING:
    from osmia.compiler.ir import nodes as ir
    from osmia.compiler.ir.types import IntType
    from osmia.compiler.llvm.emitter import Emitter

# Odd and large, so that a product with an unknown byte can be any number, as far as intervals and bits tell.
_SPREAD = 0x5851_F42D_4C95_7F2D
_MASK = 0x6D2B_79F5


def hide_values(out: Emitter, locals_: tuple[ir.Local, ...], places: dict[ir.Local, str]) -> None:
    """Make the verifier forget what the locals hold that are numbers."""
    numbers = [local for local in locals_ if not is_pointer(local.type)]
    if not numbers:
        return
    zero = _unknown_zero(out)
    for local in numbers:
        held = out.value(f"load i64, ptr {places[local]}, align 8")
        out.line(f"store i64 {out.value(f'add i64 {held}, {zero}')}, ptr {places[local]}, align 8")


def without_history(out: Emitter, number: str, of: IntType) -> str:
    """The same number, of which the verifier does not know where it came from.

    It keeps apart all states in which the numbers differ that an address was made of, and those that they came from:
    a loop over an array would not come to an end.
    """
    low = _forgotten(out, number)
    if 0 <= of.low and of.high < 1 << 32:
        return low
    high = _forgotten(out, out.value(f"lshr i64 {number}, 32"))
    return out.value(f"or i64 {out.value(f'shl i64 {high}, 32')}, {low}")


def _forgotten(out: Emitter, number: str) -> str:
    """The lower half of a number. The upper half of a stack slot forgets all numbers but 0, so it is not kept as 0."""
    place = out.value(f"getelementptr i8, ptr {out.object(8)}, i64 4")
    mixed = out.value(f"xor i32 {out.narrowed(number, 32)}, {_MASK}")
    out.line(f"store volatile i32 {mixed}, ptr {place}, align 4")
    loaded = out.value(f"load volatile i32, ptr {place}, align 4")
    return out.extended(out.value(f"xor i32 {loaded}, {_MASK}"), 32, signed=False)


def _unknown_zero(out: Emitter) -> str:
    """A 0 that may be anything to the verifier: of a byte inside a stack slot it does not remember the value."""
    place = out.value(f"getelementptr i8, ptr {out.object(8)}, i64 1")
    out.line(f"store volatile i8 1, ptr {place}, align 1")
    one = out.extended(out.value(f"load volatile i8, ptr {place}, align 1"), 8, signed=False)
    return out.opaque(out.value(f"mul i64 {out.value(f'sub i64 {one}, 1')}, {_SPREAD}"))
