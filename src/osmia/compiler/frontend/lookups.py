"""Look-ups of keys that are stored first where they are not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi import generated as bpf
from osmia.compiler.frontend.operators import constant
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, OptionalType, PlaceType

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location

# What the map helpers return: 0, or a negative error number (linux/errno.h ends at 4095).
STATUS = IntType(-4095, 0)


def lookup_or_init(
    state: FunctionState, map_: ir.MapReference, key: ir.Expression, value: ir.Expression, location: Location
) -> ir.Expression:
    """The key's value; where there is none yet it is stored first. None if the map does not take it."""
    of = OptionalType(PlaceType(map_.value))
    before: list[ir.Statement] = []
    held = []
    for each in (key, value):
        if isinstance(each, ir.Constant) or _is_constant_object(each):
            held.append(each)
            continue
        assign, read = state.kept(each, location)
        before.append(assign)
        held.append(read)
    look_up, here = state.kept(ir.MapLookup(of, location, map_, held[0]))
    store = ir.Evaluate(
        location, ir.MapUpdate(STATUS, location, map_, held[0], held[1], constant(bpf.BPF_NOEXIST, location))
    )
    # Another CPU may store the key first: that the update fails then is right, and the second look-up finds it.
    missing = ir.If(location, ir.IsNone(ir.BOOL, location, here), (store, look_up), ())
    return ir.Sequence(of, location, (*before, look_up, missing), here)


def _is_constant_object(value: ir.Expression) -> bool:
    """Whether an object is made of constants, so that it can be made where it is needed and only there."""
    if isinstance(value, ir.Construct):
        return all(isinstance(each, ir.Constant) for _, each in value.values)
    return isinstance(value, ir.ConstantText)
