"""The functions of osmia.unchecked: what kernel code asks for without a proof."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Static, TupleValue
from osmia.compiler.frontend.operators import constant, integer, value_of
from osmia.compiler.frontend.stores import unwrapped
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import (
    I64_HIGH,
    I64_LOW,
    U64_HIGH,
    ContextType,
    IntType,
    ObjectType,
    OptionalType,
    PlaceType,
    integer_of,
)
from osmia.layout import layout_of
from osmia.maps.declaration import Map
from osmia.unchecked import address, assume, call_helper, memory_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.layout import Layout

# Registers that a helper is given arguments in.
MOST_ARGUMENTS = 5
MOST_HELPERS = 1 << 31
ADDRESS = IntType(0, U64_HIGH)
WITH_ADDRESS = "a struct, an array, a reference, an object of the kernel, a map, or the context"

# Function: how it is called, and how many arguments it takes at least and at most.
FORMS: dict[Callable[..., object], tuple[str, int, int]] = {
    assume: ("assume(value)", 1, 1),
    address: ("address(of)", 1, 1),
    memory_at: ("memory_at(base, T, offset=0)", 2, 3),
    call_helper: ("call_helper(number, up to five arguments)", 1, 1 + MOST_ARGUMENTS),
}


def is_unchecked(of: object) -> bool:
    """Whether an object is one of these functions."""
    return any(of is each for each in FORMS)


def call_unchecked(state: FunctionState, function: Callable[..., object], node: ast.Call) -> ir.Expression:
    """The IR of a call of one of them."""
    form, least, most = FORMS[function]
    named = bool(node.keywords) or any(isinstance(each, ast.Starred) for each in node.args)
    if named or not least <= len(node.args) <= most:
        raise error(
            f"{form.partition('(')[0]} is called as {form}",
            state.at(node),
            found=ast.unparse(node),
            expected=form,
            fix="write the arguments out, by position",
        )
    if function is assume:
        return _assume(state, node)
    if function is address:
        found = state.translate.operand(state, node.args[0])
        return _address_of(state, found, node.args[0], "the argument of address")
    return _memory_at(state, node) if function is memory_at else _call_helper(state, node)


def _assume(state: FunctionState, node: ast.Call) -> ir.Expression:
    value = state.translate.expression(state, node.args[0])
    if isinstance(value.type, OptionalType):
        return ir.Assume(value.type.of, state.at(node), value)
    raise error(
        "this is always None" if value.type == ir.NONE else "this is never None",
        value.location,
        found=f"assume of {value.type}",
        expected="something that may be None, such as a looked-up value",
        fix="leave assume out",
    )


def _address_of(state: FunctionState, found: Operand, node: ast.expr, role: str, *, also: str = "") -> ir.Expression:
    held = _with_address(state, found)
    if held is not None:
        return ir.Address(ADDRESS, state.at(node), held)
    number = isinstance(found, ir.Expression) and integer_of(found.type) is not None
    raise error(
        f"{role} is something that has an address",
        state.at(node),
        found=_described(found),
        expected=also + WITH_ADDRESS,
        fix="write `ref(...)` for the place of a field or an element" if number else "use one of these",
    )


def _with_address(state: FunctionState, found: Operand) -> ir.Expression | ir.MapReference | None:
    """What lies somewhere; None for what does not."""
    if isinstance(found, Static) and isinstance(found.value, Map):
        return state.unit.map_reference(found)
    if not isinstance(found, ir.Expression):
        return None
    if isinstance(found.type, OptionalType):
        return unwrapped(found)  # `assume` is the way past the check: what is None is not always a null pointer
    return found if isinstance(found.type, PlaceType | ObjectType | ContextType) else None


def _memory_at(state: FunctionState, node: ast.Call) -> ir.Expression:
    base = state.translate.operand(state, node.args[0])
    if isinstance(base, Static) and isinstance(base.value, int):
        base = value_of(base)
    if not isinstance(base, ir.Expression) or integer_of(base.type) is None:
        base = _address_of(state, base, node.args[0], "the base of memory_at", also="a number, ")
    layout = _layout(state, node.args[1])
    location = state.at(node)
    offset: ir.Expression = constant(0, location)
    if len(node.args) > FORMS[memory_at][1]:
        offset = state.translate.expression(state, node.args[2])
        integer(offset, "the offset of memory_at")
    return ir.MemoryAt(PlaceType(layout), location, base, offset)


def _layout(state: FunctionState, node: ast.expr) -> Layout:
    found = state.translate.operand(state, node)
    layout = layout_of(found.value) if isinstance(found, Static) else None
    if layout is not None:
        return layout
    raise error(
        "memory_at takes a type",
        state.at(node),
        found=_described(found),
        expected="u8 to i64, a type in network byte order, bool, an IntEnum, or a struct",
        fix="name the type of what lies there",
    )


def _call_helper(state: FunctionState, node: ast.Call) -> ir.Expression:
    number = state.translate.operand(state, node.args[0])
    if isinstance(number, Static) and isinstance(number.value, int):
        number = value_of(number)
    if not isinstance(number, ir.Constant) or not 0 <= number.value < MOST_HELPERS:
        raise error(
            "a helper's number is a constant",
            state.at(node.args[0]),
            found=ast.unparse(node.args[0]),
            expected=f"0 to {MOST_HELPERS - 1}",
            fix="write the number of enum bpf_func_id",
        )
    arguments = tuple(_argument(state, each) for each in node.args[1:])
    changes = next((row.changes_packet for row in helpers().values() if row.number == number.value), True)
    return ir.RawCall(IntType(I64_LOW, I64_HIGH), state.at(node), number.value, arguments, changes)


def _argument(state: FunctionState, node: ast.expr) -> ir.Expression | ir.MapReference:
    found = state.translate.operand(state, node)
    if isinstance(found, Static) and (found.value is None or isinstance(found.value, int)):
        found = value_of(found)
    held = _with_address(state, found)
    if held is not None:
        return held
    if isinstance(found, ir.Expression) and (found.type == ir.NONE or integer_of(found.type) is not None):
        return found
    raise error(
        "this cannot be given to a helper",
        state.at(node),
        found=_described(found),
        expected=f"a number, None, {WITH_ADDRESS}",
        fix="put text into chars(n), and give those"
        if isinstance(found, Static) and isinstance(found.value, str | bytes)
        else "use one of these",
    )


def _described(found: Operand) -> str:
    if isinstance(found, Static):
        return f"{type(found.value).__name__} {found.value!r}"
    if isinstance(found, ir.Expression):
        return str(found.type)
    return "several values" if isinstance(found, TupleValue) else "a function"
