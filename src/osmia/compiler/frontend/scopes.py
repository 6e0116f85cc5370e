"""`with` blocks: what is taken at their start is let go of on every way out."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.dynptrs import record_block, reserved_bytes
from osmia.compiler.frontend.fast_rings import fast_reserved
from osmia.compiler.frontend.places import place_of_attribute
from osmia.compiler.frontend.rings import reserved, reserved_ring
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import PlaceType
from osmia.layout import SpinLockLayout
from osmia.maps.fast_ring import FastRing

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location


def with_block(state: FunctionState, node: ast.With) -> tuple[ir.Statement, ...]:
    """The IR of `with a, b:`, which is `with a:` around `with b:`."""
    first, *rest = node.items
    inner: list[ast.stmt] = node.body if not rest else [ast.copy_location(ast.With(rest, node.body), node)]
    lock = _lock(state, first)
    if lock is not None:
        return _locked(state, first, lock, inner)
    ring = reserved_ring(state, first)
    if ring is not None:
        reserve = fast_reserved if isinstance(ring[0].value, FastRing) else reserved
        return reserve(state, *ring, first, inner)
    record = reserved_bytes(state, first)
    if record is not None:
        return record_block(state, *record, first, inner)
    raise error(
        "kernel code has no such with block",
        state.at(first.context_expr),
        found=f"with {ast.unparse(first)}",
        expected="a lock (`with value.lock:`), or a ring buffer (`with ring.reserve() as event:`)",
        fix="call what it would call",
    )


def _lock(state: FunctionState, item: ast.withitem) -> ir.Expression | None:
    """The place of a spin lock, if that is what the block takes."""
    if not isinstance(item.context_expr, ast.Attribute):
        return None
    base = state.translate.operand(state, item.context_expr.value)
    if not isinstance(base, ir.Expression):
        return None
    place = place_of_attribute(base, item.context_expr.attr, state.at(item.context_expr))
    if place is None or not isinstance(place.type, PlaceType) or not isinstance(place.type.layout, SpinLockLayout):
        return None
    return place


def _locked(
    state: FunctionState, item: ast.withitem, lock: ir.Expression, body: list[ast.stmt]
) -> tuple[ir.Statement, ...]:
    location = state.at(item.context_expr)
    if item.optional_vars is not None:
        raise error(
            "a lock gives nothing to name",
            state.at(item.optional_vars),
            found=f"as {ast.unparse(item.optional_vars)}",
            expected="`with value.lock:`",
            fix="leave `as` out",
        )
    assign, here = state.kept(lock, location)
    unlock = ir.Evaluate(location, _call("spin_unlock", here, location))
    return (
        assign,
        ir.Evaluate(location, _call("spin_lock", here, location)),
        ir.Scope(location, state.translate.block(state, body), (unlock,), (unlock,)),
    )


def _call(name: str, argument: ir.Expression, location: Location) -> ir.HelperCall:
    return ir.HelperCall(ir.NONE, location, helpers()[name], (argument,))
