"""An object with a map of every type that this kernel has, each of which its program names."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from compiled import c_object
from osmia.abi import generated as abi
from osmia.kernel.features import kernel_version
from osmia.maps.table import MAP_KINDS

if TYPE_CHECKING:
    from osmia.maps.table import MapKind

# A table of functions is no map that programs name, and an array of instructions is of its own program's.
OF_NO_PROGRAM = ("StructOps", "InsnArray")
ENTRIES = {"count": 2, "bytes": mmap.PAGESIZE, "pages": 1, "none": 0}
INNER = """__array(values, struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u32); });
"""
HEAD = """
#define __array(name, value) typeof(value) *name[]
struct prefix { u32 length, address; };
"""


def kinds() -> list[MapKind]:
    """The types, in the table's order."""
    return [kind for name, kind in MAP_KINDS.items() if name not in OF_NO_PROGRAM and kind.since <= kernel_version()]


def every_map_type() -> bytes:
    """An object whose XDP program does nothing but name a map of each type, called as the type in small letters."""
    declared = "".join(_declared(kind) for kind in kinds())
    named = "".join(f'    asm volatile("" :: "r"(&{kind.kernel_name.lower()}));\n' for kind in kinds())
    program = f'SEC("xdp") int names(struct xdp_md *ctx)\n{{\n{named}    return 2;\n}}\n'
    return c_object(HEAD + declared + program)


def _declared(kind: MapKind) -> str:
    flags = kind.required_flags & ~abi.BPF_F_SEGV_ON_FAULT
    lines = [f"__uint(type, {kind.type});", f"__uint(map_flags, {flags});" if flags else ""]
    if ENTRIES[kind.entries]:
        lines.append(f"__uint(max_entries, {ENTRIES[kind.entries]});")
    return f'struct {{ {" ".join(lines)} {_key(kind)} {_value(kind)} }} {kind.kernel_name.lower()} SEC(".maps");\n'


def _key(kind: MapKind) -> str:
    if kind.keys == "none":
        return ""
    if kind.keys == "object" and kind.module == "cgroups":
        return "__type(key, u64);"
    return "__type(key, struct prefix);" if kind.keys == "prefix" else "__type(key, u32);"


def _value(kind: MapKind) -> str:
    if kind.values == "map":
        return INNER
    if kind.values in {"event", "none"}:
        return ""
    return "__type(value, u64);" if kind.values in {"stack", "socket"} else "__type(value, u32);"
