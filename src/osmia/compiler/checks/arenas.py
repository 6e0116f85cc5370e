"""What the kernel does not let programs do with arenas: more than one, and their memory as helpers' arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi.helpers import called
from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.origins import leading_to, leads_to
from osmia.compiler.ir.walk import nodes, operands

if TYPE_CHECKING:
    from osmia.compiler.location import Location


def check_arenas(program: ir.Program) -> None:
    """Raise CompileError for a second arena, and for a part of one that a helper, a map or a ring is given."""
    body = (*program.body, *(each for function in program.functions for each in function.body))
    every = list(nodes(body))
    reached = [each for each in every if isinstance(each, ir.ArenaAt)]
    if not reached:
        return
    for place in reached:
        if place.map is not reached[0].map:
            raise error(
                f"{program.name} reaches more than one arena",
                place.location,
                found=f"{place.map.symbol}, and {reached[0].map.symbol} in line {reached[0].location.line}",
                expected="one arena for a program",
                fix="put both into one arena, at offsets of their own",
            )
    inside = leading_to(body, ir.ArenaAt)
    for each in every:
        match each:
            case ir.HelperCall(helper=helper, arguments=arguments):
                given = [part for part in arguments if not isinstance(part, ir.MapReference)]
                name = called(helper)
            case ir.MapLookup() | ir.MapUpdate() | ir.MapDelete():
                given, name = list(operands(each)), "a map"
            case _:
                continue
        for part in given:
            if leads_to(part, ir.ArenaAt, inside):
                raise _not_taken(name, part.location)


def _not_taken(name: str, location: Location) -> Exception:
    return error(
        f"{name} does not take a part of an arena",
        location,
        found="something that lies in an arena",
        expected="memory of the program's own, or of a map",
        fix="give it a copy: an object of that type, filled from the arena",
    )
