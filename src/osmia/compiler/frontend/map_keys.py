"""Keys and values of maps in kernel code: what a map takes as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.prefixes import prefix_key
from osmia.compiler.frontend.stores import aggregate, check_scalar, own_copy, scalar
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import (
    BoolType,
    EnumType,
    IntType,
    OptionalType,
    PlaceType,
    integer_of,
    is_scalar,
    same,
    scalar_storage,
    storage_type,
)
from osmia.errors import with_article
from osmia.layout import BooleanLayout, EnumLayout, spin_locks

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.ir.types import ValueType
    from osmia.compiler.location import Location


def map_key(state: FunctionState, map_: ir.MapReference, value: Operand, location: Location) -> ir.Expression:
    """A key as the map takes it."""
    if map_.declaration.kind.keys == "prefix":
        return prefix_key(state, map_, value, location)
    role = f"a key of {map_.symbol}"
    if not is_scalar(map_.key):
        return aggregate(state, value, map_.key, role, location)
    key = scalar(value, role, map_.key)
    check_key(map_, key)
    return key


def map_value(state: FunctionState, map_: ir.MapReference, value: Operand, location: Location) -> ir.Expression:
    """A value as the map stores it."""
    role = f"the value of {map_.symbol}"
    if not is_scalar(map_.value):
        held = aggregate(state, value, map_.value, role, location)
        # A helper that reads a lock in a map would be refused: copies leave the lock out.
        return held if isinstance(held, ir.Construct) or not spin_locks(map_.value) else own_copy(state, held)
    number = scalar(value, role, map_.value)
    check_scalar(number, map_.value, role)
    return number


def check_key(map_: ir.MapReference, key: ir.Expression) -> None:
    """Refuse what is no key of the map, as far as its type says."""
    of = integer_of(key.type)
    declared = f"{map_.symbol} is declared at {map_.declaration.declared_at[0]}:{map_.declaration.declared_at[1]}"
    storage = storage_type(scalar_storage(map_.key))
    name = map_.key.name
    wanted: ValueType | None = EnumType(map_.key.of) if isinstance(map_.key, EnumLayout) else None
    wanted = BoolType() if isinstance(map_.key, BooleanLayout) else wanted
    if wanted is not None and not same(key.type, wanted):
        raise error(
            f"a key of {map_.symbol} is {with_article(name)}",
            key.location,
            found=str(key.type),
            expected=name,
            fix=f"use {with_article(name)}",
            related=(declared,),
        )
    if of is None:
        raise error(
            f"a key of {map_.symbol} is an integer ({name})",
            key.location,
            found=str(key.type),
            expected=f"an integer ({name})",
            fix="write `.value` for the number that a reference refers to"
            if "Ref" in str(key.type)
            else "use an integer, or declare the map with a @struct key that holds this"
            if isinstance(key.type, PlaceType | OptionalType)
            else "use an integer",
            related=(declared,),
        )
    if map_.declaration.kind.fixed_keys and of.low >= map_.declaration.max_entries:
        raise error(
            f"{map_.symbol} has no index {of.low}",
            key.location,
            found=f"the index {_text(of)}",
            expected=f"0 to {map_.declaration.max_entries - 1}",
            fix="use an index inside of the map, or give it more max_entries",
            related=(declared,),
        )
    if of.low < storage.low or of.high > storage.high:
        raise error(
            f"this key may not fit {name}, the key of {map_.symbol}",
            key.location,
            found=_text(of),
            expected=f"{storage.low} to {storage.high} ({name})",
            fix="use a key in that range" if isinstance(key, ir.Constant) else f"cast it: {name}(...)",
            related=(declared,),
        )


def _text(of: IntType) -> str:
    return str(of.low) if of.low == of.high else f"a value of type {of}"
