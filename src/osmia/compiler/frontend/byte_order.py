"""`ntohs(x)`, `htonl(x)` and the like in kernel code, which runs on machines whose lowest byte comes first."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from osmia.byte_order import WIDTHS
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.operators import integer
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, storage_type
from osmia.types import u16, u32, u64

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.ir.types import Storage

STORAGE: dict[int, Storage] = {16: u16, 32: u32, 64: u64}  # type: ignore[dict-item]


def is_byte_order(of: object) -> bool:
    """Whether it is one of osmia's functions that turn a number's bytes round."""
    return any(of is function for function in WIDTHS)


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
    if of.low < 0 or of.high > storage.high:
        raise error(
            f"{name} takes a number of {storage.bits} bits",
            value.location,
            found=str(value.value) if isinstance(value, ir.Constant) else f"a value of type {value.type}",
            expected=f"0 to {storage.high} ({width})",
            fix=f"cast it: {name}({width}({ast.unparse(node.args[0])}))",
        )
    if isinstance(value, ir.Constant):
        number = int.from_bytes(value.value.to_bytes(storage.bits // 8, "little"), "big")
        return ir.Constant(IntType(number, number), location, number)
    return ir.ByteSwap(storage_type(storage), location, value, storage)
