"""`ntohs(x)`, `htonl(x)` and the like in kernel code, which runs on machines whose lowest byte comes first."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from osmia.byte_order import WIDTHS
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.operators import constant, integer
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import PlaceType, storage_type
from osmia.layout import BigEndianLayout
from osmia.types import u16, u32, u64

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.ir.types import Storage
    from osmia.compiler.location import Location

STORAGE: dict[int, Storage] = {16: u16, 32: u32, 64: u64}  # type: ignore[dict-item]

TO_MACHINE = ("ntohs", "ntohl", "be64_to_cpu")
"""Those that make the machine's order of the network's."""


def is_byte_order(of: object) -> bool:
    """Whether it is one of osmia's functions that turn a number's bytes round."""
    return any(of is function for function in WIDTHS)


def _is_turned(value: ir.Expression) -> bool:
    """Whether a number was read from a big-endian place."""
    place = value.place if isinstance(value, ir.Load) else None
    return place is not None and isinstance(place.type, PlaceType) and isinstance(place.type.layout, BigEndianLayout)


def turned(state: FunctionState, function: Any, node: ast.Call) -> ir.Expression:
    """The IR of a call of one of them. What does not fit its width is refused, as it raises in user code."""
    storage = STORAGE[WIDTHS[function]]
    name, width, location = function.__name__, storage.__name__, state.at(node)
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        raise error(
            f"{name} takes one number, by position",
            location,
            found=ast.unparse(node),
            expected=f"{name}(number)",
            fix="give it one integer",
        )
    value = state.translate.expression(state, node.args[0])
    of = integer(value, f"the argument of {name}")
    if name in TO_MACHINE and _is_turned(value):
        raise error(
            "this number is in the machine's order already",
            value.location,
            found=f"{name} of {ast.unparse(node.args[0])}, a big-endian field, which turns itself when it is read",
            expected="the field alone",
            fix=f"write {ast.unparse(node.args[0])}",
        )
    if of.low < 0 or of.high > storage.high:
        raise error(
            f"{name} takes a number of {storage.bits} bits",
            value.location,
            found=str(value.value) if isinstance(value, ir.Constant) else f"a value of type {value.type}",
            expected=f"0 to {storage.high} ({width})",
            fix=f"cast it: {name}({width}({ast.unparse(node.args[0])}))",
        )
    return swapped(value, storage, location)


def swapped(value: ir.Expression, storage: Storage, location: Location) -> ir.Expression:
    """A number that fits `storage` with its bytes in the other order."""
    if isinstance(value, ir.Constant):
        return constant(int.from_bytes(value.value.to_bytes(storage.bits // 8, "little"), "big"), location)
    return ir.ByteSwap(storage_type(storage), location, value, storage)
