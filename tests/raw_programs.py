"""Objects made by hand, instruction by instruction: what the loader is tested with needs no compiler."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from osmia.kinds import KINDS
from osmia.spec import FunctionSpec, LineInfo, MapSpec, ObjectSpec, Relocation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def insn(opcode: int, dst: int = 0, src: int = 0, off: int = 0, imm: int = 0) -> bytes:
    """One instruction of 8 bytes."""
    return struct.pack("<BBhi", opcode, src << 4 | dst, off, imm)


EXIT = insn(0x95)
LD_IMM64_R1 = insn(0x18, 1) + insn(0)
LOOKUP = insn(0x85, imm=1)


def returns(value: int) -> bytes:
    """`r0 = value; exit`."""
    return insn(0xB7, 0, imm=value) + EXIT


def count(key: int = 0) -> bytes:
    """Add one to the u64 at `key` of the map that instruction 3 names, and return XDP_PASS."""
    return b"".join(
        (
            insn(0x62, 10, off=-4, imm=key),  # 0: *(u32 *)(r10 - 4) = key
            insn(0xBF, 2, 10),  # 1: r2 = r10
            insn(0x07, 2, imm=-4),  # 2: r2 += -4
            LD_IMM64_R1,  # 3: r1 = map
            LOOKUP,  # 5
            insn(0x15, 0, off=3),  # 6: if r0 == 0 goto 10
            insn(0x79, 1, 0),  # 7: r1 = *(u64 *)r0
            insn(0x07, 1, imm=1),  # 8: r1 += 1
            insn(0x7B, 0, 1),  # 9: *(u64 *)r0 = r1
            returns(2),  # 10
        )
    )


COUNT_MAP_AT = 3

PER_CPU_COUNTER = MapSpec("counter", 6, 4, 8, 1)
ARRAY = MapSpec("counter", 2, 4, 8, 4)
HASH = MapSpec("table", 1, 4, 8, 16)


def function(
    name: str,
    instructions: bytes,
    relocations: Sequence[Relocation] = (),
    *,
    lines: Sequence[LineInfo] = (),
    program: bool = True,
    section: str = "",
) -> FunctionSpec:
    """A program, or a subprogram."""
    return FunctionSpec(
        name=name,
        section=section or ("xdp" if program else ".text"),
        instructions=instructions,
        relocations=list(relocations),
        lines=list(lines),
        kind=KINDS["xdp"] if program else None,
    )


def spec(*functions: FunctionSpec, maps: Sequence[MapSpec] = (), name: str = "raw.o", btf: bytes = b"") -> ObjectSpec:
    """An object of these functions and maps."""
    programs: Mapping[str, FunctionSpec] = {each.name: each for each in functions if each.kind}
    return ObjectSpec(
        name=name,
        license="GPL",
        programs=dict(programs),
        functions={each.name: each for each in functions if not each.kind},
        maps={each.name: each for each in maps},
        btf=btf,
    )


def counter(declared: MapSpec = PER_CPU_COUNTER, name: str = "counts") -> ObjectSpec:
    """An XDP program that counts packets in a map."""
    return spec(function(name, count(), [Relocation(COUNT_MAP_AT, "map", declared.name)]), maps=[declared])


def passes(name: str = "passes") -> ObjectSpec:
    """An XDP program that passes every packet on."""
    return spec(function(name, returns(2)))


def drops(name: str = "drops") -> ObjectSpec:
    """An XDP program that drops every packet."""
    return spec(function(name, returns(1)))
