"""What kernel code does with a map: look-up, update, delete."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from osmia.abi import generated as bpf
from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.frontend.aggregations import add_value
from osmia.compiler.frontend.arenas import arena_at
from osmia.compiler.frontend.helper_calls import helper_call, kind_of
from osmia.compiler.frontend.lookups import STATUS, lookup_or_init
from osmia.compiler.frontend.map_flags import check_flags
from osmia.compiler.frontend.map_keys import check_key, map_key, map_value
from osmia.compiler.frontend.operators import constant
from osmia.compiler.frontend.passed_values import holds, without_keys
from osmia.compiler.frontend.prefixes import address_key
from osmia.compiler.frontend.socket_maps import (
    check_changes,
    holds_sockets,
    no_socket_subscript,
    socket_lookup,
    socket_update,
)
from osmia.compiler.frontend.storage import storage_operation
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import ContextType, InnerMapType, ObjectType, OptionalType, PlaceType
from osmia.errors import with_article
from osmia.maps.storage import Storage

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand, Static
    from osmia.compiler.location import Location
    from osmia.maps.table import MapKind

# The operations that have nodes of their own; every other is a call of the helper that the map's row names.
COMPOSED = ("", "map_lookup_elem", "map_update_elem", "map_delete_elem", "ringbuf_output", "tail_call")
ARGUMENTS = {"lookup": (1, 1), "lookup_or_init": (2, 2), "update": (2, 3), "delete": (1, 1)}
WITH_BLOCK = "write the with block, and check for None: what is reserved is handed over where the block ends"
# What is no value: what it is, and how it is written.
STANDS_ALONE = {
    "reserve": ("`with {}.reserve() as event:`", WITH_BLOCK),
    "reserve_bytes": ("`with {}.reserve_bytes(length) as record:`", WITH_BLOCK),
    "discard": ("`{}.discard(event)`, as a statement", "leave out what takes a value of it"),
}
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
    operations = map_.declaration.kind.kernel_operations
    if name not in operations:
        raise error(
            f"{class_name} has no operation {name!r} in kernel code",
            location,
            found=f"{map_.symbol}.{name}()",
            expected=f"one of {', '.join(operations)}" if operations else "no call on it: kernel code has none",
            fix=did_you_mean(name, operations) or _instead(name, map_.declaration.kind),
            related=(
                f"{map_.symbol} is declared at {map_.declaration.declared_at[0]}:{map_.declaration.declared_at[1]}",
            ),
        )
    if name in ("pop", "peek", "contains"):
        return without_keys(state, map_, node, name)
    if name == "add":
        return add_value(state, map_, node)
    if name == "at":
        return arena_at(state, map_, node)
    if isinstance(map_.declaration, Storage):
        return storage_operation(state, map_, node)
    if operations[name] == "get_local_storage" and (node.args or node.keywords):
        raise error(
            "local takes no arguments",
            location,
            found=ast.unparse(node),
            expected=f"{map_.symbol}.local()",
            fix="leave them out: the value is that of the cgroup that the program is attached to",
        )
    if operations[name] not in COMPOSED:
        return helper_call(state, helpers()[operations[name]], node, map_)
    if name not in ARGUMENTS:
        expected, fix = STANDS_ALONE[name]
        raise error(
            f"{name} gives no value",
            location,
            found=ast.unparse(node),
            expected=expected.format(map_.symbol),
            fix=fix,
        )
    least, most = ARGUMENTS[name]
    arguments = _arguments(state, map_, node, name, (least, most))
    if holds_sockets(map_):
        return _socket_operation(state, map_, name, arguments, location)
    given = state.translate.operand(state, arguments[0])
    is_address = name == "lookup" and map_.declaration.kind.keys == "prefix"
    key = (address_key if is_address else map_key)(state, map_, given, location)
    if name == "lookup":
        return ir.MapLookup(OptionalType(_found(map_)), location, map_, key)
    if name == "delete":
        return ir.MapDelete(STATUS, location, map_, key)
    value = map_value(state, map_, state.translate.operand(state, arguments[1]), state.at(arguments[1]))
    if name == "lookup_or_init":
        return lookup_or_init(state, map_, key, value, location)
    flags = state.translate.expression(state, arguments[2]) if len(arguments) > 2 else constant(0, location)
    check_flags(map_, flags)
    return ir.MapUpdate(STATUS, location, map_, key, value, flags)


def _found(map_: ir.MapReference) -> PlaceType | ObjectType | InnerMapType:
    """What a look-up finds."""
    if map_.inner is not None:
        return InnerMapType(map_.inner)
    return ObjectType("bpf_xdp_sock") if map_.declaration.kind.values == "AF_XDP socket" else PlaceType(map_.value)


def _socket_operation(
    state: FunctionState, map_: ir.MapReference, name: str, arguments: list[ast.expr], location: Location
) -> ir.Expression:
    """`m.lookup(key)`, `m.update(key, socket)` and `m.delete(key)` of a map of sockets."""
    kind = kind_of(state)
    if name == "update":
        return socket_update(state, map_, arguments, kind, location)
    key = state.translate.operand(state, arguments[0])
    if name == "lookup":
        return socket_lookup(state, map_, key, kind, location)
    check_changes(map_, name, kind, location)
    return ir.MapDelete(STATUS, location, map_, map_key(state, map_, key, location))


def _key_at(state: FunctionState, map_: ir.MapReference, node: ast.Subscript) -> ir.Expression:
    return map_key(state, map_, state.translate.operand(state, node.slice), state.at(node))


def map_item(state: FunctionState, map_: ir.MapReference, node: ast.Subscript) -> ir.Expression:
    """`m[key]`, as a place. What would be a KeyError takes the error edge."""
    _check_subscript(map_, node, state, read=True)
    location = state.at(node)
    lookup = ir.MapLookup(
        OptionalType(PlaceType(map_.value)),
        location,
        map_,
        _key_at(state, map_, node),
    )
    return ir.Require(PlaceType(map_.value), location, lookup, ir.ErrorEdge(_missing_key(map_)))


def _missing_key(map_: ir.MapReference) -> str:
    """What is wrong where a subscript finds nothing, and what to write: who counts mostly wants the key made."""
    kind = map_.declaration.kind
    if kind.fixed_keys:
        return f"{MISSING_KEY}: those of {map_.symbol} are 0 to {map_.declaration.max_entries - 1}"
    if "lookup_or_init" in kind.kernel_operations:
        return f"{MISSING_KEY}: {map_.symbol}.lookup_or_init(key, value) makes what may be new"
    return MISSING_KEY


def map_store(
    state: FunctionState, map_: ir.MapReference, target: ast.Subscript, value: Operand
) -> tuple[ir.Statement, ...]:
    """`m[key] = value`. That the map does not take it is an error on both sides."""
    _check_subscript(map_, target, state)
    location = state.at(target)
    stored = map_value(state, map_, value, location)
    before: tuple[ir.Statement, ...] = ()
    if not isinstance(stored, ir.Constant):  # Python evaluates the value before the key
        assign, stored = state.kept(stored, location)
        before = (assign,)
    update = ir.MapUpdate(
        STATUS,
        location,
        map_,
        _key_at(state, map_, target),
        stored,
        constant(bpf.BPF_ANY, location),
    )
    return (*before, _refused(update, NOT_TAKEN, location))


def map_delete(state: FunctionState, map_: ir.MapReference, target: ast.Subscript) -> ir.Statement:
    """`del m[key]`."""
    location = state.at(target)
    if not holds_sockets(map_):
        _check_subscript(map_, target, state)
    elif "delete" in map_.declaration.kind.kernel_operations:
        check_changes(map_, "delete", kind_of(state), location)
    if "delete" not in map_.declaration.kind.kernel_operations:
        raise error(
            f"the keys of {map_.symbol} cannot be deleted",
            location,
            found=ast.unparse(target),
            expected="a map whose keys come and go, such as a HashMap",
            fix="store 0 instead",
        )
    delete = ir.MapDelete(STATUS, location, map_, _key_at(state, map_, target))
    return _refused(delete, MISSING_KEY, location)


def map_contains(
    state: FunctionState, map_: ir.MapReference, key: Operand, node: ast.expr, location: Location
) -> ir.Expression:
    """`key in m`, and `value in m` of a Bloom filter."""
    if "contains" in map_.declaration.kind.kernel_operations:
        return holds(state, map_, key, location)
    if holds_sockets(map_):
        raise no_socket_subscript(map_, node, location)
    _check_looked_up(map_, f"`in {map_.symbol}`", location)
    if map_.declaration.kind.keys == "prefix":
        fix = f"write `{map_.symbol}.lookup(address) is not None`"
        raise _no_prefix(map_, f"`in {map_.symbol}`", fix, location)
    found = map_key(state, map_, key, location)
    lookup = ir.MapLookup(OptionalType(PlaceType(map_.value)), location, map_, found)
    return ir.Not(ir.BOOL, location, ir.IsNone(ir.BOOL, location, lookup))


def _refused(call: ir.MapUpdate | ir.MapDelete, problem: str, location: Location) -> ir.Statement:
    test = ir.Truth(ir.BOOL, location, call)
    return ir.If(location, test, (ir.Abort(location, ir.ErrorEdge(problem)),), ())


def _check_looked_up(map_: ir.MapReference, found: str, location: Location) -> None:
    """Refuse to look a key up in a map whose keys kernel code does not know, or cannot give."""
    operations = map_.declaration.kind.kernel_operations
    if "lookup" in operations:
        return
    raise error(
        f"kernel code cannot look up a key in {with_article(type(map_.declaration).__name__)}",
        location,
        found=found,
        expected=f"one of its operations: {', '.join(operations)}" if operations else "a map that has such keys",
        fix=f"write `{map_.symbol}.{next(iter(operations))}(...)`" if operations else "use another type of map",
        related=(f"{map_.symbol} is declared at {map_.declaration.declared_at[0]}:{map_.declaration.declared_at[1]}",),
    )


def _no_prefix(map_: ir.MapReference, found: str, fix: str, location: Location) -> Exception:
    return error(
        f"kernel code looks addresses up in {map_.symbol}",
        location,
        found=found,
        expected=f"{map_.symbol}.lookup(address): it finds the longest prefix that holds the address",
        fix=fix,
    )


def _check_subscript(map_: ir.MapReference, node: ast.Subscript, state: FunctionState, *, read: bool = False) -> None:
    if holds_sockets(map_):
        raise no_socket_subscript(map_, node, state.at(node))
    _check_looked_up(map_, ast.unparse(node), state.at(node))
    kind = map_.declaration.kind
    if kind.keys == "prefix" and read:
        fix = f"write `value = {map_.symbol}.lookup(address)`, and check it for None"
        raise _no_prefix(map_, ast.unparse(node), fix, state.at(node))
    if map_.inner is not None:
        stored = not read and not isinstance(node.ctx, ast.Load)
        raise error(
            f"{map_.symbol} has no subscript in kernel code",
            state.at(node),
            found=ast.unparse(node),
            expected=f"one of its operations: {', '.join(kind.kernel_operations)}",
            fix="let user code put maps in, and take them away: the kernel lets no program do that"
            if stored
            else f"write `inner = {map_.symbol}.lookup({ast.unparse(node.slice)})`, and check it for None",
        )
    if not kind.per_cpu:
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
    if not isinstance(context.type, ContextType) or not issubclass(context.type.context, declaration.context):
        raise error(
            f"the context of the programs of {map_.symbol} is of type {declaration.context.__name__}",
            context.location,
            found=str(context.type),
            expected=declaration.context.__name__,
            fix="give the context of this program",
        )
    check_key(map_, index)
    return ir.HelperCall(ir.NONE, location, helpers()["tail_call"], (context, map_, index))


def _instead(name: str, kind: MapKind) -> str:
    if name == "delete" and kind.fixed_keys:
        return f"the keys of {kind.class_name} are always there: store 0 instead"
    if name in IN_USER_CODE and "lookup" in kind.kernel_operations:
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
