"""What kernel code does with a map: look-up, update, delete."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from osmia.abi import generated as bpf
from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.frontend.operators import constant
from osmia.compiler.frontend.stores import aggregate, check_scalar, own_copy, scalar
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import (
    BoolType,
    ContextType,
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
from osmia.layout import BooleanLayout, EnumLayout, spin_locks
from osmia.maps.table import MAP_KINDS

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand, Static
    from osmia.compiler.ir.types import ValueType
    from osmia.compiler.location import Location

# What the map helpers return: 0, or a negative error number (linux/errno.h ends at 4095).
STATUS = IntType(-4095, 0)

ARGUMENTS = {"lookup": (1, 1), "lookup_or_init": (2, 2), "update": (2, 3), "delete": (1, 1)}
STANDS_ALONE = {"reserve": "`with {}.reserve() as event:`", "discard": "`{}.discard(event)`, as a statement"}
FORMS = {"lookup": "key", "lookup_or_init": "key, value", "delete": "key", "update": "key, value, flags=0"}

# What user code calls it: what does it in kernel code.
IN_USER_CODE = {
    "get": "`m.lookup(key)` and a check for None",
    "pop": "`m.lookup(key)` and `m.delete(key)`",
    "setdefault": "`m.lookup_or_init(key, value)`",
}

MISSING_KEY = "missing key"
NOT_TAKEN = "the map does not take the key"


def map_operation(state: FunctionState, map_: ir.MapReference, node: ast.Call) -> ir.Expression:
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
    if name not in ARGUMENTS:
        raise error(
            f"{name} gives no value",
            location,
            found=ast.unparse(node),
            expected=STANDS_ALONE[name].format(map_.symbol),
            fix="write it so",
        )
    least, most = ARGUMENTS[name]
    arguments = _arguments(state, map_, node, name, (least, most))
    key = _key(state, map_, arguments[0], location)
    if name == "lookup":
        return ir.MapLookup(OptionalType(PlaceType(map_.value)), location, map_, key)
    if name == "delete":
        return ir.MapDelete(STATUS, location, map_, key)
    value = value_for(state, map_, state.translate.operand(state, arguments[1]), state.at(arguments[1]))
    if name == "lookup_or_init":
        return _lookup_or_init(state, map_, key, value, location)
    flags = state.translate.expression(state, arguments[2]) if len(arguments) > 2 else constant(0, location)
    if integer_of(flags.type) is None:
        raise error("flags are an integer", flags.location, found=str(flags.type), expected="an integer", fix="use 0")
    return ir.MapUpdate(STATUS, location, map_, key, value, flags)


def _key(state: FunctionState, map_: ir.MapReference, node: ast.expr, location: Location) -> ir.Expression:
    value = state.translate.operand(state, node)
    if not is_scalar(map_.key):
        return aggregate(state, value, map_.key, f"a key of {map_.symbol}", location)
    key = scalar(value, f"a key of {map_.symbol}", map_.key)
    _check_key(map_, key)
    return key


def value_for(state: FunctionState, map_: ir.MapReference, value: Operand, location: Location) -> ir.Expression:
    """A value as the map stores it."""
    role = f"the value of {map_.symbol}"
    if not is_scalar(map_.value):
        held = aggregate(state, value, map_.value, role, location)
        # A helper that reads a lock in a map would be refused: copies leave the lock out.
        return held if isinstance(held, ir.Construct) or not spin_locks(map_.value) else own_copy(state, held)
    number = scalar(value, role, map_.value)
    check_scalar(number, map_.value, role)
    return number


def _lookup_or_init(
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
    return isinstance(value, ir.Construct) and all(isinstance(each, ir.Constant) for _, each in value.values)


def map_item(state: FunctionState, map_: ir.MapReference, node: ast.Subscript) -> ir.Expression:
    """`m[key]`, as a place. What would be a KeyError takes the error edge."""
    _check_subscript(map_, node, state)
    location = state.at(node)
    lookup = ir.MapLookup(OptionalType(PlaceType(map_.value)), location, map_, _key(state, map_, node.slice, location))
    return ir.Require(PlaceType(map_.value), location, lookup, ir.ErrorEdge(MISSING_KEY))


def map_store(
    state: FunctionState, map_: ir.MapReference, target: ast.Subscript, value: Operand
) -> tuple[ir.Statement, ...]:
    """`m[key] = value`. That the map does not take it is an error on both sides."""
    _check_subscript(map_, target, state)
    location = state.at(target)
    stored = value_for(state, map_, value, location)
    before: tuple[ir.Statement, ...] = ()
    if not isinstance(stored, ir.Constant):  # Python evaluates the value before the key
        assign, stored = state.kept(stored, location)
        before = (assign,)
    update = ir.MapUpdate(
        STATUS, location, map_, _key(state, map_, target.slice, location), stored, constant(bpf.BPF_ANY, location)
    )
    return (*before, _refused(update, NOT_TAKEN, location))


def map_delete(state: FunctionState, map_: ir.MapReference, target: ast.Subscript) -> ir.Statement:
    """`del m[key]`."""
    _check_subscript(map_, target, state)
    location = state.at(target)
    if "delete" not in MAP_KINDS[type(map_.declaration).__name__].kernel_operations:
        raise error(
            f"the keys of {map_.symbol} cannot be deleted",
            location,
            found=ast.unparse(target),
            expected="a map whose keys come and go, such as a HashMap",
            fix="store 0 instead",
        )
    delete = ir.MapDelete(STATUS, location, map_, _key(state, map_, target.slice, location))
    return _refused(delete, MISSING_KEY, location)


def map_contains(state: FunctionState, map_: ir.MapReference, key: Operand, location: Location) -> ir.Expression:
    """`key in m`."""
    if is_scalar(map_.key):
        found = scalar(key, f"a key of {map_.symbol}", map_.key)
        _check_key(map_, found)
    else:
        found = aggregate(state, key, map_.key, f"a key of {map_.symbol}", location)
    lookup = ir.MapLookup(OptionalType(PlaceType(map_.value)), location, map_, found)
    return ir.Not(ir.BOOL, location, ir.IsNone(ir.BOOL, location, lookup))


def _refused(call: ir.MapUpdate | ir.MapDelete, problem: str, location: Location) -> ir.Statement:
    test = ir.Truth(ir.BOOL, location, call)
    return ir.If(location, test, (ir.Abort(location, ir.ErrorEdge(problem)),), ())


def _check_subscript(map_: ir.MapReference, node: ast.Subscript, state: FunctionState) -> None:
    if not MAP_KINDS[type(map_.declaration).__name__].per_cpu:
        return
    raise error(
        f"{map_.symbol} has no subscript in kernel code",
        state.at(node),
        found=ast.unparse(node),
        expected=f"{map_.symbol}.lookup(key): the value of the CPU that the program runs on",
        fix=f"write `value = {map_.symbol}.lookup({ast.unparse(node.slice)})`, and check it for None",
    )


def tail_call(state: FunctionState, array: Static, node: ast.Call) -> ir.Expression:
    """`programs.tail_call(ctx, index)`, which comes back only where there is no such program."""
    location = state.at(node)
    map_ = state.unit.map_reference(array)
    wanted = f"{map_.symbol}.tail_call({state.context.name}, index)"
    if len(node.args) != 2 or node.keywords:
        raise error(
            "tail_call takes (ctx, index), by position",
            location,
            found=ast.unparse(node),
            expected=wanted,
            fix="write the arguments in that order",
        )
    context, index = (state.translate.expression(state, each) for each in node.args)
    declaration: Any = map_.declaration
    if not isinstance(context.type, ContextType) or context.type.context is not declaration.context:
        raise error(
            f"the context of the programs of {map_.symbol} is of type {declaration.context.__name__}",
            context.location,
            found=str(context.type),
            expected=declaration.context.__name__,
            fix="give the context of this program",
        )
    _check_key(map_, index)
    return ir.HelperCall(ir.NONE, location, helpers()["tail_call"], (context, map_, index))


def _instead(name: str, class_name: str) -> str:
    if name == "delete":
        return f"the keys of {class_name} are always there: store 0 instead"
    if name in IN_USER_CODE:
        return f"write {IN_USER_CODE[name]}; {name} is for user code"
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
    form = FORMS[name]
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
    storage = storage_type(scalar_storage(map_.key))
    name = map_.key.name
    wanted: ValueType | None = EnumType(map_.key.of) if isinstance(map_.key, EnumLayout) else None
    wanted = BoolType() if isinstance(map_.key, BooleanLayout) else wanted
    if wanted is not None and not same(key.type, wanted):
        raise error(
            f"a key of {map_.symbol} is a {name}",
            key.location,
            found=str(key.type),
            expected=name,
            fix=f"use a {name}",
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
