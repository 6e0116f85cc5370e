"""What kernel code does with a packet: `ctx.packet.at(Header, offset)`, `len(ctx.packet)`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.frontend.function import Static
from osmia.compiler.frontend.operators import integer
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import ContextType, IntType, OptionalType, PacketType, PlaceType, is_scalar
from osmia.kinds import KINDS
from osmia.layout import Declaration, StructLayout, layout_of, spin_locks

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location
    from osmia.kinds import Kind
    from osmia.layout import Layout

# The verifier follows offsets into packets up to here (MAX_PACKET_OFF).
LARGEST_OFFSET = 0xFFFF
LENGTH = IntType(0, (1 << 32) - 1)


def packet_members(kind: Kind) -> list[str]:
    """The names that reach the packet from a context of that kind."""
    access = kind.packet
    if access is None:
        return []
    return ["packet", *["meta"] * (access.data_meta is not None)]


def packet_of(context: ir.Expression, name: str, location: Location) -> ir.Expression | None:
    """`ctx.packet` and `ctx.meta`; None for other names."""
    of = context.type
    assert isinstance(of, ContextType)
    if name not in packet_members(KINDS[of.kind]):
        return None
    assert isinstance(context, ir.LocalRead)
    return ir.LocalRead(PacketType(of, meta=name == "meta"), location, context.local)


def packet_length(of: PacketType, location: Location) -> ir.Expression:
    """`len(ctx.packet)`."""
    return ir.PacketLength(LENGTH, location, of)


def packet_operation(state: FunctionState, of: PacketType, node: ast.Call) -> ir.Expression:
    """`packet.at(type, offset)`."""
    assert isinstance(node.func, ast.Attribute)
    if node.func.attr != "at":
        raise error(
            f"{of} has no operation {node.func.attr!r} in kernel code",
            state.at(node),
            found=ast.unparse(node),
            expected="at(type, offset)",
            fix=did_you_mean(node.func.attr, ["at"]) or "use `at`, and `len(...)` for its length",
        )
    kind, where = at_arguments(state, node)
    layout = at_layout(state, kind, "the packet")
    offset = state.translate.expression(state, where)
    inside = integer(offset, "the offset")
    most = LARGEST_OFFSET - layout.size
    if inside.high < 0 or inside.low > most:
        raise error(
            "nothing in a packet lies there",
            offset.location,
            found=f"the offset {inside.low}" if inside.low == inside.high else f"an offset of type {inside}",
            expected=f"0 to {most}: programs reach the first {LARGEST_OFFSET} bytes of a packet,"
            f" and {layout.name} has {layout.size}",
            fix="count from the start of the packet"
            + (": from its end, that is `len(ctx.packet) - n`" if inside.high < 0 else ""),
        )
    return ir.PacketAt(OptionalType(PlaceType(layout)), state.at(node), of, offset)


def no_bytes(of: PacketType, node: ast.expr, location: Location) -> Exception:
    """The error for what reaches for the packet's bytes in another way."""
    return error(
        f"{of} is read with `at`",
        location,
        found=ast.unparse(node),
        expected="`at(type, offset)`: what lies there in place, or None",
        fix="write `byte = ctx.packet.at(u8, offset)`, and check it for None",
    )


def at_arguments(state: FunctionState, node: ast.Call) -> list[ast.expr]:
    """The two arguments of `at`."""
    if len(node.args) == 2 and not node.keywords and not any(isinstance(each, ast.Starred) for each in node.args):
        return node.args
    raise error(
        "at takes (type, offset), by position",
        state.at(node),
        found=ast.unparse(node),
        expected="at(type, offset)",
        fix="name a type, and say how many bytes from the start it lies",
    )


def at_layout(state: FunctionState, node: ast.expr, where: str) -> Layout:
    """What the first argument of `at` names: a type whose bytes are what lies there."""
    found = state.translate.operand(state, node)
    known = isinstance(found, Static) and isinstance(found.value, type)
    layout = layout_of(found.value) if isinstance(found, Static) and isinstance(found.value, type) else None
    if layout is None or not (isinstance(layout, StructLayout) or is_scalar(layout)):
        raise error(
            f"at takes the type of what lies in {where}",
            state.at(node),
            found=ast.unparse(node) + (", which is no @struct" if known else ""),
            expected="a class with @struct, such as those of osmia.headers, u8 to i64, be16 to be64, or an IntEnum",
            fix=_type_fix(found.value) if isinstance(found, Static) else "name the type first, then the offset",
        )
    if spin_locks(layout):
        raise error(
            f"{layout.name} has a spin lock, which lies in maps only",
            state.at(node),
            found=f"at({layout.name}, ...)",
            expected="a struct without a lock",
            fix=f"declare a struct of its own for what {where} holds",
        )
    return layout


def _type_fix(of: object) -> str:
    if isinstance(of, type) and issubclass(of, int):
        return "say how wide it is and in which byte order: be16, u8, ..."
    if isinstance(of, Declaration):
        return "make it the field of a struct, and name the struct"
    return "put @struct before the class" if isinstance(of, type) else "name the type first, then the offset"
