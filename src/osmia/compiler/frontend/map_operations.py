"""What kernel code does with a map: look-up, update, delete."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.frontend.function import FunctionState
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, OptionalType, RefType, integer_of, storage_type
from osmia.maps.table import MAP_KINDS

if TYPE_CHECKING:
    from osmia.types import Integer

# What the map helpers return: 0, or a negative error number (linux/errno.h ends at 4095).
STATUS = IntType(-4095, 0)

Translate = Callable[[FunctionState, ast.expr], ir.Expression]


def map_operation(state: FunctionState, map_: ir.MapReference, node: ast.Call, translate: Translate) -> ir.Expression:
    """The IR of `m.operation(...)`."""
    assert isinstance(node.func, ast.Attribute)
    name, location = node.func.attr, state.at(node)
    class_name = type(map_.declaration).__name__
    operations = MAP_KINDS[class_name].kernel_operations
    if name not in operations:
        raise error(
            f"{class_name} has no operation {name!r} in kernel code",
            location,
            found=f"{map_.symbol}.{name}()",
            expected=f"one of {', '.join(operations)}",
            fix=did_you_mean(name, operations) or _instead(name, class_name),
            related=(
                f"{map_.symbol} is declared at {map_.declaration.declared_at[0]}:{map_.declaration.declared_at[1]}",
            ),
        )
    counts = {"lookup": (1, 1), "update": (2, 3), "delete": (1, 1)}[name]
    arguments = _arguments(state, map_, node, name, counts)
    key = translate(state, arguments[0])
    _check_key(map_, key)
    if name == "lookup":
        return ir.MapLookup(OptionalType(RefType(map_.value)), location, map_, key)
    if name == "delete":
        return ir.MapDelete(STATUS, location, map_, key)
    value = translate(state, arguments[1])
    check_store(value, map_.value, f"the value of {map_.symbol}")
    flags = translate(state, arguments[2]) if len(arguments) > 2 else ir.Constant(IntType(0, 0), location, 0)
    if integer_of(flags.type) is None:
        raise error("flags are an integer", flags.location, found=str(flags.type), expected="an integer", fix="use 0")
    return ir.MapUpdate(STATUS, location, map_, key, value, flags)


def check_store(value: ir.Expression, storage: type[Integer], place: str) -> None:
    """Refuse what cannot be stored in a place of a declared width; other values wrap there."""
    of = integer_of(value.type)
    if of is None:
        raise error(
            f"{place} is of type {storage.__name__}",
            value.location,
            found=str(value.type),
            expected=f"an integer ({storage.__name__})",
            fix="write `.value` for the number that a reference refers to"
            if "Ref" in str(value.type)
            else "store an integer",
        )
    if isinstance(value, ir.Constant) and not storage.low <= value.value <= storage.high:
        raise error(
            f"{value.value} does not fit {place}",
            value.location,
            found=f"the constant {value.value}",
            expected=f"{storage.low} to {storage.high} ({storage.__name__})",
            fix=f"write {storage.__name__}({value.value}) to wrap it to {storage(value.value)}, or use a wider type",
        )


def _instead(name: str, class_name: str) -> str:
    if name == "delete":
        return f"the keys of {class_name} are always there: store 0 instead"
    return "use one of these; the rest of a map's methods are for user code"


def _arguments(
    state: FunctionState, map_: ir.MapReference, node: ast.Call, name: str, counts: tuple[int, int]
) -> list[ast.expr]:
    low, high = counts
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        found = "keyword or unpacked arguments"
    elif not low <= len(node.args) <= high:
        found = f"{len(node.args)} argument{'s' * (len(node.args) != 1)}"
    else:
        return node.args
    form = {"lookup": "key", "delete": "key", "update": "key, value, flags=0"}[name]
    raise error(
        f"{name} takes ({form}), by position",
        state.at(node),
        found=found,
        expected=f"{map_.symbol}.{name}({form.replace('=0', '')})",
        fix="write the arguments in that order",
    )


def _check_key(map_: ir.MapReference, key: ir.Expression) -> None:
    of = integer_of(key.type)
    declared = f"{map_.symbol} is declared at {map_.declaration.declared_at[0]}:{map_.declaration.declared_at[1]}"
    storage = storage_type(map_.key)
    name = map_.key.__name__
    if of is None:
        raise error(
            f"a key of {map_.symbol} is an integer ({name})",
            key.location,
            found=str(key.type),
            expected=f"an integer ({name})",
            fix="write `.value` for the number that a reference refers to"
            if "Ref" in str(key.type)
            else "use an integer",
            related=(declared,),
        )
    if MAP_KINDS[type(map_.declaration).__name__].fixed_keys and of.low >= map_.declaration.max_entries:
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
