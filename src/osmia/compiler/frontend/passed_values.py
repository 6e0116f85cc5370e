"""Maps without keys in kernel code: `q.pop()`, `q.peek()`, and `value in filter`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.map_keys import map_value
from osmia.compiler.frontend.stores import stored
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, OptionalType, PlaceType, is_scalar

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.location import Location

# What the helpers return: 0, or a negative error number (linux/errno.h ends at 4095).
STATUS = IntType(-4095, 0)


def without_keys(state: FunctionState, map_: ir.MapReference, node: ast.Call, name: str) -> ir.Expression:
    """The IR of `m.pop()`, `m.peek()` or `m.contains(value)`."""
    location = state.at(node)
    form = f"{map_.symbol}.{name}({'value' if name == 'contains' else ''})"
    count = int(name == "contains")
    if len(node.args) != count or node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
        raise error(
            f"{name} takes {'one argument, the value' if count else 'no arguments'}",
            location,
            found=ast.unparse(node),
            expected=form,
            fix=f"write `{form}`",
        )
    if name == "contains":
        return holds(state, map_, state.translate.operand(state, node.args[0]), location)
    return _taken(state, map_, f"map_{name}_elem", location)


def _taken(state: FunctionState, map_: ir.MapReference, helper: str, location: Location) -> ir.Expression:
    """A new object that the helper fills in; None where the map holds none."""
    place = PlaceType(map_.value)
    assign, here = state.kept(ir.Construct(place, location, bytes(map_.value.size), ()), location)
    call = ir.HelperCall(STATUS, location, helpers()[helper], (map_, here))
    status, outcome = state.kept(call, location)
    of = OptionalType(place, number=is_scalar(map_.value))
    failed = ir.Truth(ir.BOOL, location, outcome)
    nothing = ir.Constant(ir.NONE, location, 0)
    return ir.Sequence(of, location, (assign, status), ir.Conditional(of, location, failed, nothing, here))


def holds(state: FunctionState, map_: ir.MapReference, value: Operand, location: Location) -> ir.Expression:
    """Whether a Bloom filter may have been given a value. The helper takes it where a look-up would put one."""
    given = map_value(state, map_, value, location)
    before: list[ir.Statement] = []
    if is_scalar(map_.value):
        assign, given = state.kept(ir.Construct(PlaceType(map_.value), location, bytes(map_.value.size), ()), location)
        before += [assign, *stored(state, given, value, location, f"a value of {map_.symbol}")]
    call = ir.HelperCall(STATUS, location, helpers()["map_peek_elem"], (map_, given))
    test = ir.Not(ir.BOOL, location, ir.Truth(ir.BOOL, location, call))
    return ir.Sequence(ir.BOOL, location, tuple(before), test) if before else test
