"""Where references lead: into which nodes' results, by way of fields, elements and locals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import is_pointer
from osmia.compiler.ir.walk import nodes

if TYPE_CHECKING:
    Origin = type[ir.Construct | ir.PacketAt]


def leading_to(body: tuple[ir.Statement, ...], origin: Origin) -> frozenset[ir.Local]:
    """The locals that may refer into what such a node gives."""
    assigned = [
        (each.local, each.value)
        for each in nodes(body)
        if isinstance(each, ir.Assign | ir.AssignExpression) and is_pointer(each.local.type)
    ]
    found: frozenset[ir.Local] = frozenset()
    while True:
        more = frozenset(local for local, value in assigned if leads_to(value, origin, found))
        if more == found:
            return found
        found = more


def leads_to(place: ir.Expression, origin: Origin, locals_: frozenset[ir.Local]) -> bool:
    """Whether a reference may lead into what such a node gives, if these locals do."""
    match place:
        case ir.Construct() | ir.PacketAt():
            return isinstance(place, origin)
        case ir.LocalRead(local=local) | ir.AssignExpression(local=local):
            return local in locals_
        case ir.Field(base=base) | ir.Element(base=base) | ir.Unwrap(operand=base) | ir.Require(operand=base):
            return leads_to(base, origin, locals_)
        case ir.Sequence(value=value):
            return leads_to(value, origin, locals_)
        case ir.Conditional(then=then, otherwise=otherwise):
            return leads_to(then, origin, locals_) or leads_to(otherwise, origin, locals_)
        case _:
            return False
