"""Numbers that the verifier takes for unknown.

It decides a test of a known number, and then keeps apart all states in which that number differs, and all that it came
from. So does it with what addresses are made of. A counter whose value it knows, or whose bounds move with each round,
makes it walk a loop round by round whatever form the loop has: so in each round such numbers are made unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import is_pointer
from osmia.compiler.ir.walk import nodes, operands, parts_of

if TYPE_CHECKING:
    from osmia.compiler.llvm.emitter import Emitter

# Odd and large, so that a product with an unknown byte can be any number, as far as intervals and bits tell.
_SPREAD = 0x5851_F42D_4C95_7F2D
# From so many rounds on, two ways through each are too many ways for the verifier.
MANY_ROUNDS = 10
# The same of a loop with an address in a packet, where an unknown place costs code: a test of how far it lies.
MANY_PLACES = 24


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


def deciding(statements: tuple[ir.Statement, ...], carried: tuple[ir.Local, ...]) -> tuple[ir.Local, ...]:
    """Of the locals that a loop carries from round to round, those that tests or addresses are made of."""
    values: dict[ir.Local, list[ir.Expression]] = {}
    waiting: list[ir.Expression] = []
    for each in nodes(statements):
        match each:
            case ir.Assign(local=local, value=value) | ir.AssignExpression(local=local, value=value):
                values.setdefault(local, []).append(value)
            case ir.CallFunction(arguments=arguments):
                waiting += arguments
            case (
                ir.Compare() | ir.Truth() | ir.Element() | ir.Extreme() | ir.Absolute() | ir.MapUpdate() | ir.PacketAt()
            ):
                waiting += operands(each)
            case ir.Binary(operator="//" | "%" | "<<" | ">>"):
                waiting += operands(each)
            case ir.If(test=test) | ir.Loop(test=test):
                waiting.append(test)
            case ir.Conditional(test=test):
                waiting.append(test)
    found: set[ir.Local] = set()
    while waiting:
        of = waiting.pop()
        for each in nodes((ir.Evaluate(of.location, of),)):
            if isinstance(each, ir.LocalRead | ir.AssignExpression) and each.local not in found:
                found.add(each.local)
                waiting += values.get(each.local, [])
    return tuple(local for local in carried if local in found)


def rounds_multiply(plan: ir.LoopPlan) -> bool:
    """Whether a loop that the verifier walks has more rounds than it can take each way through them."""
    return _rounds(plan) >= MANY_ROUNDS


def _rounds(plan: ir.LoopPlan) -> int:
    return plan.counted or plan.most or 0


def scattering(loop: ir.Loop, carried: tuple[ir.Local, ...], body: tuple[ir.Statement, ...]) -> tuple[ir.Local, ...]:
    """The locals in which the ways through a round differ, so that those through all rounds multiply.

    Tests of the function are made of such a local, and some way through a round gives it a value that is made of such
    locals: the bounds of a search, a sum of what passes a test, a place in a packet behind what was skipped. Where a
    loop in this one ends is left alone: there the bounds are needed; and so is where an address lies, in a short loop.
    """
    inside = list(nodes(loop.body))
    if any(isinstance(each, ir.Loop | ir.ForEach) for each in inside):
        return ()
    if _rounds(loop.plan) < MANY_PLACES and any(isinstance(each, ir.PacketAt) for each in inside):
        return ()
    decide = deciding(body, carried)
    values: dict[ir.Local, list[ir.Expression]] = {}
    for each in inside:
        if isinstance(each, ir.Assign | ir.AssignExpression):
            values.setdefault(each.local, []).append(each.value)
    found = {
        each.local: None
        for each in nodes(_on_some_ways(loop.body))
        if isinstance(each, ir.Assign | ir.AssignExpression)
        and each.local in decide
        and not _counts(each.local, each.value)
        and _made_of(each.value, set(decide), values)
    }
    found |= {
        local: None
        for local in decide
        for value in values.get(local, ())
        if isinstance(value, ir.Conditional) and _made_of(value, set(decide), values)
    }
    return tuple(found)


def _on_some_ways(body: tuple[ir.Statement, ...]) -> tuple[ir.Statement, ...]:
    """What is done in a branch, or behind one that may go on with the next round."""
    found: list[ir.Statement] = []
    for number, statement in enumerate(body):
        found += (each for block in parts_of(statement)[1] for each in block)
        if any(isinstance(each, ir.Continue) for each in nodes((statement,))):
            return *found, *body[number + 1 :]
    return tuple(found)


def _counts(local: ir.Local, value: ir.Expression) -> bool:
    """Whether a constant is added: then there are no more values than rounds."""
    if isinstance(value, ir.Wrap):
        value = value.operand
    match value:
        case ir.Binary(operator="+" | "-", left=ir.LocalRead(local=read), right=ir.Constant()):
            return read is local
        case _:
            return False


def _made_of(value: ir.Expression, of: set[ir.Local], values: dict[ir.Local, list[ir.Expression]]) -> bool:
    """Whether a number is made of one of the locals, be it over others."""
    waiting, seen = [value], set[ir.Local]()
    while waiting:
        each = waiting.pop()
        if isinstance(each, ir.LocalRead) and each.local not in seen:
            if each.local in of:
                return True
            seen.add(each.local)
            waiting += values.get(each.local, ())
        elif not isinstance(each, ir.Load):
            waiting += operands(each)
    return False
