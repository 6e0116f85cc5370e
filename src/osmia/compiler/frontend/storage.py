"""Storage of kernel objects in kernel code: `tasks.get(task)`, `tasks.get(task, 0)`, `tasks.delete(task)`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Static
from osmia.compiler.frontend.helper_calls import check_allowed, kind_of
from osmia.compiler.frontend.map_keys import map_value
from osmia.compiler.frontend.operators import constant
from osmia.compiler.frontend.stores import unwrapped
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import ContextType, IntType, ObjectType, OptionalType, PlaceType, integer_of, is_object
from osmia.errors import with_article

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.location import Location

CREATE = 1  # BPF_LOCAL_STORAGE_GET_F_CREATE
# What the helpers return: 0, or a negative error number.
STATUS = IntType(-4095, 0)
# The kind whose programs' context is the socket: the helpers take nothing else there.
IS_A_SOCKET = "cgroup_sock"
FORMS = {"get": "{}, initial=None, flags=0", "delete": "{}"}


def storage_operation(state: FunctionState, map_: ir.MapReference, node: ast.Call) -> ir.Expression:
    """The IR of an operation of a map whose values hang on objects."""
    assert isinstance(node.func, ast.Attribute)
    name, location = node.func.attr, state.at(node)
    declaration: Any = map_.declaration
    row = helpers()[declaration.kind.kernel_operations[name]]
    check_allowed(row, kind_of(state), location)
    arguments = _arguments(map_, node, name, declaration.what, location)
    held = _object(state, map_, arguments[0], location)
    if name == "delete":
        return ir.HelperCall(STATUS, location, row, (map_, held))
    initial, flags = _initial(state, map_, arguments, location)
    of = OptionalType(PlaceType(map_.value))
    return ir.HelperCall(of, location, row, (map_, held, initial, flags))


def _arguments(map_: ir.MapReference, node: ast.Call, name: str, what: str, location: Location) -> list[ast.expr]:
    most = 3 if name == "get" else 1
    wrong = node.keywords or any(isinstance(each, ast.Starred) for each in node.args)
    if not wrong and 1 <= len(node.args) <= most:
        return node.args
    form = FORMS[name].format(what)
    raise error(
        f"{name} takes ({form}), by position",
        location,
        found=ast.unparse(node),
        expected=f"{map_.symbol}.{name}({form})",
        fix="write the arguments in that order",
    )


def _object(state: FunctionState, map_: ir.MapReference, node: ast.expr, location: Location) -> ir.Expression:
    """The object that a value hangs on. The kernel takes one that may be missing: there is no value then."""
    declaration: Any = map_.declaration
    value: Operand = state.translate.operand(state, node)
    wanted = with_article(" or ".join(declaration.structs))
    if declaration.what == "socket" and kind_of(state) == IS_A_SOCKET:
        wanted = "the context, which is the socket"
    if isinstance(value, ir.Expression):
        held = unwrapped(value)
        if declaration.what == "socket" and isinstance(held.type, ContextType) and held.type.kind == IS_A_SOCKET:
            return held
        of = held.type.of if isinstance(held.type, OptionalType) else held.type
        if isinstance(of, ObjectType) and of.struct in declaration.structs and not wanted.startswith("the"):
            return held
    if isinstance(value, ir.Expression):
        found = str(value.type)
    elif isinstance(value, Static):
        found = f"{type(value.value).__name__} {value.value!r}"
    else:
        found = "no value"
    raise error(
        f"the values of {map_.symbol} hang on {with_article(declaration.what)}",
        location if not isinstance(value, ir.Expression) else value.location,
        found=found,
        expected=wanted,
        fix="give the object that the program was given, or that a helper gave"
        if not isinstance(value, ir.Expression) or not is_object(value.type)
        else f"use a map for {found.removesuffix(' | None')}",
        related=(f"{map_.symbol} is declared at {declaration.declared_at[0]}:{declaration.declared_at[1]}",),
    )


def _initial(
    state: FunctionState, map_: ir.MapReference, arguments: list[ast.expr], location: Location
) -> tuple[ir.Expression, ir.Expression]:
    """What the value is made with, and the flags: with a value it is made where there is none."""
    nothing = ir.Constant(ir.NONE, location, 0)
    given = state.translate.operand(state, arguments[1]) if len(arguments) > 1 else None
    if given is None or (isinstance(given, ir.Expression) and given.type == ir.NONE) or _is_none(given):
        initial: ir.Expression = nothing
    else:
        initial = map_value(state, map_, given, state.at(arguments[1]))
    makes = initial is not nothing
    if len(arguments) < 3:
        return initial, constant(CREATE if makes else 0, location)
    flags = state.translate.expression(state, arguments[2])
    if (
        isinstance(flags, ir.Constant)
        and integer_of(flags.type)
        and flags.value in {CREATE, 0 if not makes else CREATE}
    ):
        return initial, flags
    raise error(
        "get has one flag",
        flags.location,
        found=ast.unparse(arguments[2]),
        expected=f"{CREATE} (BPF_LOCAL_STORAGE_GET_F_CREATE)" + ("" if makes else ", or 0"),
        fix="leave it out: with an initial value it is set",
    )


def _is_none(value: Operand) -> bool:
    return isinstance(value, Static) and value.value is None
