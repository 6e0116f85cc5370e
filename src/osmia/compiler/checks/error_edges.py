"""Numbers the places where a unit's programs may take the error edge: each has a counter of its own."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.walk import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator


# What says of itself which error it may be.
MAY_FAIL = ir.Binary | ir.Abort | ir.CountError | ir.Require | ir.Element


def number_error_sites(unit: ir.Unit) -> None:
    """Fill `unit.error_sites`, in the order of the source."""
    unit.error_sites = list(dict.fromkeys(_sites(unit)))


def _sites(unit: ir.Unit) -> Iterator[ir.ErrorSite]:
    for program in unit.programs:
        bodies = [program.body, *(function.body for function in program.functions)]
        for node in chain.from_iterable(nodes(body) for body in bodies):
            if isinstance(node, MAY_FAIL) and node.edge is not None:
                yield ir.ErrorSite(program.name, node.location, node.edge.problem)
            if isinstance(node, ir.Loop) and node.plan.edge is not None:
                yield ir.ErrorSite(program.name, node.plan.location, node.plan.edge.problem)
