"""Arenas: where something lies in one, as LLVM IR.

An address in an arena is the user's: the kernel's own is made of it by a cast between address spaces, for which the
instruction set has an instruction. What begins an arena is a symbol in the section that libbpf knows arenas by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.llvm.debug_info import quoted
from osmia.maps.arena import PAGE

if TYPE_CHECKING:
    from osmia.compiler.ir import nodes as ir
    from osmia.compiler.llvm.emitter import Emitter

SECTION = ".addr_space.1"


def start_symbol(map_: ir.MapReference) -> str:
    """The symbol of an arena's first byte."""
    return f"{map_.symbol}.start"


def start_definition(map_: ir.MapReference) -> str:
    """The definition of that symbol."""
    return (
        f"@{quoted(start_symbol(map_))} = dso_local addrspace(1) global [8 x i8] zeroinitializer,"
        f" section {quoted(SECTION)}, align 8"
    )


def arena_place(out: Emitter, of: ir.ArenaAt, number: str) -> str:
    """A pointer to what lies at an offset, null where nothing of its type can lie."""
    layout = of.type.of.layout  # type: ignore[union-attr]
    last = of.map.declaration.max_entries * PAGE - layout.size
    out.at(of.location)
    inside = out.value(f"icmp ule i64 {number}, {last}")
    if layout.alignment > 1:
        rest = out.value(f"and i64 {number}, {layout.alignment - 1}")
        aligned = out.value(f"icmp eq i64 {rest}, 0")
        inside = out.value(f"and i1 {inside}, {aligned}")
    start = f"@{quoted(start_symbol(of.map))}"
    theirs = out.value(f"getelementptr i8, ptr addrspace(1) {start}, i64 {number}")
    ours = out.value(f"addrspacecast ptr addrspace(1) {theirs} to ptr")
    return out.value(f"select i1 {inside}, ptr {ours}, ptr null")
