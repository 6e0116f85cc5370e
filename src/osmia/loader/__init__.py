"""Bringing what an object says into a kernel. Here: one run of instructions, of a program and what it reaches."""

from __future__ import annotations

import _struct as struct

from osmia.abi import BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE
from osmia.errors import ObjectError
from osmia.kernel.attributes import FUNC_INFO, LINE_INFO
from osmia.record import record
from osmia.spec import LineInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia.spec import FunctionSpec, ObjectSpec, Relocation

_SLOT = 8
_LD_IMM64 = 0x18
_CALL = 0x85
# Relocations of functions: a call, and an address that a helper calls back.
_FUNCTIONS = {"call": BPF_PSEUDO_CALL, "function": BPF_PSEUDO_FUNC}
_IMMEDIATE = struct.Struct("<i")
_IMMEDIATE_OFFSET = 4


@record
class Reach:
    """What a program needs."""

    functions: list[FunctionSpec]
    """The program, then the subprograms in the order in which they stand behind it."""
    maps: list[str]


@record
class LinkedProgram:
    """A program as the kernel takes it."""

    instructions: bytearray
    func_info: bytes
    """bpf_func_info records; empty unless every function has one."""
    line_info: bytes
    """bpf_line_info records; empty unless every function has some."""
    lines: list[LineInfo]
    """The lines with offsets over the whole program, for messages."""
    callbacks: bool
    """Whether a helper is given the address of one of its functions (kernels from 5.13)."""


def reach(spec: ObjectSpec, name: str) -> Reach:
    """The functions and maps that a program reaches, itself first, each once."""
    functions = [spec.programs[name]]
    maps: list[str] = []
    for function in functions:  # grows while it is walked
        for relocation in function.relocations:
            if relocation.kind in _FUNCTIONS:
                target = _function(spec, function, relocation)
                if target not in functions:
                    functions.append(target)
            elif relocation.target not in spec.maps:
                raise _damaged(
                    spec, function, relocation, f"refers to map '{relocation.target}', which the object lacks"
                )
            elif relocation.target not in maps:
                maps.append(relocation.target)
    return Reach(functions, maps)


def link(spec: ObjectSpec, functions: list[FunctionSpec], map_fds: Mapping[str, int]) -> LinkedProgram:
    """Put the functions behind one another and complete their instructions."""
    starts: dict[str, int] = {}
    instructions = bytearray()
    for function in functions:
        starts[function.name] = len(instructions) // _SLOT
        instructions += function.instructions
    for function in functions:
        start = starts[function.name]
        for relocation in function.relocations:
            at = _place(spec, function, relocation) + start * _SLOT
            if relocation.kind in _FUNCTIONS:
                distance = starts[relocation.target] - (at // _SLOT + 1)
                _complete(instructions, at, _FUNCTIONS[relocation.kind], distance)
            elif relocation.kind == "map":
                _complete(instructions, at, BPF_PSEUDO_MAP_FD, map_fds[relocation.target])
            else:
                _complete(instructions, at, BPF_PSEUDO_MAP_VALUE, map_fds[relocation.target])
                _IMMEDIATE.pack_into(instructions, at + _SLOT + _IMMEDIATE_OFFSET, relocation.addend)
    return LinkedProgram(
        instructions,
        _func_info(functions, starts),
        _line_info(functions, starts),
        _lines(functions, starts),
        callbacks=any(relocation.kind == "function" for function in functions for relocation in function.relocations),
    )


def _function(spec: ObjectSpec, function: FunctionSpec, relocation: Relocation) -> FunctionSpec:
    target = spec.functions.get(relocation.target) or spec.programs.get(relocation.target)
    if target is None:
        raise _damaged(spec, function, relocation, f"calls '{relocation.target}', which the object lacks")
    return target


def _place(spec: ObjectSpec, function: FunctionSpec, relocation: Relocation) -> int:
    """Where the instruction stands in its function, in bytes."""
    at = relocation.offset * _SLOT
    kinds = {"call": (_CALL, 1), "function": (_LD_IMM64, 2), "map": (_LD_IMM64, 2), "data": (_LD_IMM64, 2)}
    if relocation.kind not in kinds:
        raise _damaged(spec, function, relocation, f"is of an unknown kind, '{relocation.kind}'")
    opcode, slots = kinds[relocation.kind]
    if not 0 <= at <= len(function.instructions) - slots * _SLOT:
        raise _damaged(spec, function, relocation, "is outside the function")
    if function.instructions[at] != opcode:
        raise _damaged(
            spec, function, relocation, f"is at opcode {function.instructions[at]:#04x}, expected {opcode:#04x}"
        )
    return at


def _damaged(spec: ObjectSpec, function: FunctionSpec, relocation: Relocation, problem: str) -> ObjectError:
    return ObjectError(
        f"{spec.name}: the relocation of instruction {relocation.offset} of '{function.name}' "
        f"(section '{function.section}') {problem}"
    )


def _complete(instructions: bytearray, at: int, source: int, immediate: int) -> None:
    instructions[at + 1] = instructions[at + 1] & 0x0F | source << 4
    _IMMEDIATE.pack_into(instructions, at + _IMMEDIATE_OFFSET, immediate)


def _func_info(functions: list[FunctionSpec], starts: Mapping[str, int]) -> bytes:
    if not all(function.btf_type_id for function in functions):
        return b""
    return b"".join(FUNC_INFO.pack(starts[function.name], function.btf_type_id) for function in functions)


def _line_info(functions: list[FunctionSpec], starts: Mapping[str, int]) -> bytes:
    """The kernel takes line information only if the first instruction of every function has some."""
    if not all(function.line_records and function.line_records[0][0] == 0 for function in functions):
        return b""
    return b"".join(
        LINE_INFO.pack(starts[function.name] + offset, file, line, place)
        for function in functions
        for offset, file, line, place in function.line_records or ()
    )


def _lines(functions: list[FunctionSpec], starts: Mapping[str, int]) -> list[LineInfo]:
    return [
        LineInfo(starts[function.name] + line.offset, line.file, line.line, line.column, line.text)
        for function in functions
        for line in function.lines
    ]
