"""What the kernel does not let programs do with a packet, whatever they know of its length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi.helpers import called
from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.origins import leading_to, leads_to
from osmia.compiler.ir.walk import nodes

if TYPE_CHECKING:
    from osmia.compiler.location import Location


def check_packets(program: ir.Program) -> None:
    """Raise CompileError for a write to a read-only packet, and for views where helpers and atomics take none."""
    if program.kind.packet is None:
        return
    body = (*program.body, *(each for function in program.functions for each in function.body))
    views = leading_to(body, ir.PacketAt)
    for each in nodes(body):
        match each:
            case ir.Store(place=place) | ir.Copy(place=place) | ir.Fill(place=place):
                if not program.kind.packet.writable and leads_to(place, ir.PacketAt, views):
                    raise _read_only(program, each.location)
            case ir.Atomic(place=place):
                if leads_to(place, ir.PacketAt, views):
                    raise _atomic(each)
            case ir.HelperCall(helper=helper, arguments=arguments):
                for argument in arguments:
                    inside = not isinstance(argument, ir.MapReference) and leads_to(argument, ir.PacketAt, views)
                    if inside and not helper.takes_packet:
                        raise _not_taken(each, argument.location)  # type: ignore[union-attr]
            case _:
                continue


def _read_only(program: ir.Program, location: Location) -> Exception:
    return error(
        f"programs of kind {program.kind.name} cannot change the packet",
        location,
        found="a store into a view of the packet",
        expected="packets that are read",
        fix="keep the value in a local, or a copy of the struct",
    )


def _atomic(of: ir.Atomic) -> Exception:
    return error(
        "a packet has no atomic operations",
        of.location,
        found="one on a view of the packet",
        expected="a place in a map: other CPUs do not see this packet",
        fix="read the field and store it",
    )


def _not_taken(call: ir.HelperCall, location: Location) -> Exception:
    return error(
        f"{called(call.helper)} does not take a part of the packet",
        location,
        found="a view of the packet",
        expected="memory of the program's own, or of a map",
        fix="give it a copy: an object of that type, filled from the view",
    )
