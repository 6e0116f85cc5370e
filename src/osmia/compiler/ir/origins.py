"""Where references lead: into which nodes' results, by way of fields, elements and locals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import is_pointer
from osmia.compiler.ir.walk import nodes

if TYPE_CHECKING:
    Origin = type[ir.Construct | ir.PacketAt | ir.ArenaAt | ir.Dynptr | ir.HelperCall]


def leading_to(body: tuple[ir.Statement, ...], origin: Origin, known: tuple[ir.Local, ...] = ()) -> frozenset[ir.Local]:
    """The locals that may refer into what such a node gives, parameters of functions that are called among them.

    Of helpers it is what they reserve, and what has to be given back. `known` are locals that may, whatever is
    assigned to them here.
    """
    assigned: list[tuple[ir.Local, ir.Expression]] = []
    for each in nodes(body):
        if isinstance(each, ir.Assign | ir.AssignExpression) and is_pointer(each.local.type):
            assigned.append((each.local, each.value))
        elif isinstance(each, ir.CallFunction):
            assigned += zip(each.function.parameters, each.arguments, strict=True)
    found: frozenset[ir.Local] = frozenset(known)
    while True:
        more = frozenset(known) | frozenset(local for local, value in assigned if leads_to(value, origin, found))
        if more == found:
            return found
        found = more


def leads_to(place: ir.Expression, origin: Origin, locals_: frozenset[ir.Local]) -> bool:
    """Whether a reference may lead into what such a node gives, if these locals do."""
    match place:
        case ir.Construct() | ir.PacketAt() | ir.ArenaAt() | ir.Dynptr():
            return isinstance(place, origin)
        case ir.HelperCall(helper=helper):
            return isinstance(place, origin) and helper.name == "ringbuf_reserve"
        case ir.LocalRead(local=local) | ir.AssignExpression(local=local):
            return local in locals_
        case ir.Field(base=base) | ir.Element(base=base):
            return leads_to(base, origin, locals_)
        case ir.Unwrap(operand=base) | ir.Require(operand=base) | ir.Assume(operand=base):
            return leads_to(base, origin, locals_)
        case ir.Sequence(value=value):
            return leads_to(value, origin, locals_)
        case ir.Conditional(then=then, otherwise=otherwise):
            return leads_to(then, origin, locals_) or leads_to(otherwise, origin, locals_)
        case _:
            return False


def packet_change(body: tuple[ir.Statement, ...]) -> str | None:
    """The name of a helper in it, or in what it calls, that moves or resizes the packet; None without one."""
    for each in nodes(body):
        if isinstance(each, ir.HelperCall) and each.helper.changes_packet:
            return each.helper.name
        if isinstance(each, ir.RawCall) and each.changes_packet:
            return f"helper {each.number}"
        if isinstance(each, ir.CallFunction):
            found = packet_change(each.function.body)
            if found is not None:
                return found
    return None


def objects_end(call: ir.Inlined) -> bool:
    """Whether all objects that a call makes end with it: nothing that is there after it refers to one.

    Then another object may lie where they lay.
    """
    kept = []
    for each in nodes(call.body):
        match each:
            case ir.CallFunction() | ir.ForEach():
                return False  # what refers to what goes through another function
            case ir.Loop(plan=plan) if plan.form == "bpf_loop":
                return False
            case ir.Assign(local=local, value=value) | ir.AssignExpression(local=local, value=value):
                if is_pointer(local.type) and local not in call.locals:
                    kept.append(value)
    inside = leading_to(call.body, ir.Construct)
    return not call.frame.unrolled and not any(leads_to(value, ir.Construct, inside) for value in kept)
