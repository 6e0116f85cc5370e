"""What kernel code does with maps of sockets whose values are no memory: `m.lookup(key)`, `m.update(key, socket)`.

A look-up gives the socket itself, which the program holds until it gives it back.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.map_flags import check_flags
from osmia.compiler.frontend.map_keys import map_key
from osmia.compiler.frontend.operators import constant, integer
from osmia.compiler.frontend.stores import unwrapped
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, ObjectType, OptionalType
from osmia.contexts import kernel_structs

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.location import Location

SOCKET = "bpf_sock"

# Programs that the kernel lets change such a map by the general helpers: none of them holds a lock of the socket's.
UPDATING = ("socket_filter", "sched_cls", "xdp", "sk_reuseport", "flow_dissector", "sk_lookup", "iter")
DELETING = (*UPDATING, "sock_ops")

# What the map helpers return: 0, or a negative error number (linux/errno.h ends at 4095).
STATUS = IntType(-4095, 0)


def holds_sockets(map_: ir.MapReference) -> bool:
    """Whether its values are sockets."""
    return map_.declaration.kind.values == "socket"


def socket_lookup(
    state: FunctionState, map_: ir.MapReference, key: Operand, kind: str, location: Location
) -> ir.Expression:
    """`m.lookup(key)`: the socket, or None."""
    row = helpers()["sk_release"]
    if kind not in row.kinds:
        raise error(
            f"programs of kind {kind} cannot look sockets up",
            location,
            found=f"{map_.symbol}.lookup(...)",
            expected=f"a program that can give the socket back with sk_release: {', '.join(row.kinds)}",
            fix=_without_lookup(kind, map_),
        )
    given = map_key(state, map_, key, location)
    return ir.HelperCall(OptionalType(ObjectType(SOCKET)), location, helpers()["map_lookup_elem"], (map_, given))


def socket_update(
    state: FunctionState, map_: ir.MapReference, arguments: list[ast.expr], kind: str, location: Location
) -> ir.Expression:
    """`m.update(key, socket, flags)`."""
    check_changes(map_, "update", kind, location)
    key = map_key(state, map_, state.translate.operand(state, arguments[0]), location)
    value = state.translate.operand(state, arguments[1])
    held = unwrapped(value) if isinstance(value, ir.Expression) else None
    if held is None or not isinstance(held.type, ObjectType) or not _is_socket(held.type):
        raise error(
            f"the value of {map_.symbol} is a socket",
            state.at(arguments[1]),
            found=ast.unparse(arguments[1]) if held is None else str(held.type),
            expected="a socket, as a look-up or a field of the context gives it",
            fix="look the socket up first, and check it for None",
        )
    flags = state.translate.expression(state, arguments[2]) if len(arguments) > 2 else constant(0, location)
    integer(flags, "the argument flags of update")
    check_flags(map_, flags)
    return ir.HelperCall(STATUS, location, helpers()["map_update_elem"], (map_, key, held, flags))


def check_changes(map_: ir.MapReference, operation: str, kind: str, location: Location) -> None:
    """Refuse a change by a program that may hold a socket's lock."""
    allowed = UPDATING if operation == "update" else DELETING
    if kind in allowed:
        return
    instead = "sock_update" in map_.declaration.kind.kernel_operations and kind == "sock_ops"
    raise error(
        f"programs of kind {kind} cannot {'update' if operation == 'update' else 'delete from'} a "
        f"{type(map_.declaration).__name__}",
        location,
        found=f"{map_.symbol}.{operation}(...)",
        expected=f"a program of kind {', '.join(allowed)}",
        fix=f"write `{map_.symbol}.sock_update(key)`, which puts the event's own socket there"
        if instead
        else "change the map in user code, or in a program of those kinds",
    )


def no_socket_subscript(map_: ir.MapReference, node: ast.expr, location: Location) -> Exception:
    """The error for `m[key]` and `key in m`: the program would hold a socket that nothing gives back."""
    operations = map_.declaration.kind.kernel_operations
    instead = "lookup" in operations
    return error(
        f"{map_.symbol} has no subscript in kernel code",
        location,
        found=ast.unparse(node),
        expected=f"one of {', '.join(operations)}",
        fix=f"write `socket = {map_.symbol}.lookup(key)`, check it for None, and give it back with sk_release"
        if instead
        else f"write `{map_.symbol}.select(key)`",
    )


def _is_socket(of: ObjectType) -> bool:
    struct = getattr(kernel_structs, of.struct, None)
    return struct is not None and issubclass(struct, kernel_structs.sock_common)


def _without_lookup(kind: str, map_: ir.MapReference) -> str:
    operations = map_.declaration.kind.kernel_operations
    usable = [name for name, helper in operations.items() if helper and kind in helpers()[helper].kinds]
    own = [name for name in usable if name not in {"lookup", "update", "delete"}]
    return f"write `{map_.symbol}.{own[0]}(key)`" if own else "keep what is needed of the socket in a HashMap"
