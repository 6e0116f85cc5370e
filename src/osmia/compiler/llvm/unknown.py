"""Numbers that the verifier takes for unknown.

It decides a test of a known number, and then keeps apart all states in which that number differs, and all that it came
from. So does it with what addresses are made of. A counter whose value it knows, or whose bounds move with each round,
makes it walk a loop round by round whatever form the loop has: so in each round such numbers are made unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import is_pointer
from osmia.compiler.ir.walk import nodes, operands

if TYPE_CHECKING:
    from osmia.compiler.llvm.emitter import Emitter

# Odd and large, so that a product with an unknown byte can be any number, as far as intervals and bits tell.
_SPREAD = 0x5851_F42D_4C95_7F2D


def unknown_zero(out: Emitter) -> str:
    """A 0 that may be anything to the verifier: of a byte inside a stack slot it does not remember the value."""
    place = out.value(f"getelementptr i8, ptr {out.object(8)}, i64 1")
    out.line(f"store volatile i8 1, ptr {place}, align 1")
    one = out.extended(out.value(f"load volatile i8, ptr {place}, align 1"), 8, signed=False)
    return out.opaque(out.value(f"mul i64 {out.value(f'sub i64 {one}, 1')}, {_SPREAD}"))


def hide_values(out: Emitter, locals_: tuple[ir.Local, ...], places: dict[ir.Local, str], zero: str) -> None:
    """Make the verifier forget what the locals hold that are numbers."""
    for local in locals_:
        if not is_pointer(local.type):
            held = out.value(f"load i64, ptr {places[local]}, align 8")
            out.line(f"store i64 {out.value(f'add i64 {held}, {zero}')}, ptr {places[local]}, align 8")


def deciding(inside: ir.Statement, carried: tuple[ir.Local, ...]) -> tuple[ir.Local, ...]:
    """Of the locals that a loop carries from round to round, those that tests or addresses are made of."""
    values: dict[ir.Local, list[ir.Expression]] = {}
    waiting: list[ir.Expression] = []
    for each in nodes((inside,)):
        match each:
            case ir.Assign(local=local, value=value) | ir.AssignExpression(local=local, value=value):
                values.setdefault(local, []).append(value)
            case ir.CallFunction(arguments=arguments):
                waiting += arguments
            case ir.Compare() | ir.Truth() | ir.Element() | ir.Extreme() | ir.Absolute() | ir.MapUpdate():
                waiting += operands(each)
            case ir.Binary(operator="//" | "%" | "<<" | ">>"):
                waiting += operands(each)
            case ir.If(test=test) | ir.Loop(test=test):
                waiting.append(test)
            case ir.Conditional(test=test):
                waiting.append(test)
    found: set[ir.Local] = set()
    while waiting:
        for each in nodes((ir.Evaluate(inside.location, waiting.pop()),)):
            if isinstance(each, ir.LocalRead | ir.AssignExpression) and each.local not in found:
                found.add(each.local)
                waiting += values.get(each.local, [])
    return tuple(local for local in carried if local in found)
