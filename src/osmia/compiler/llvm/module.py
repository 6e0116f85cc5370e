"""A unit as one LLVM module: maps, licence, what osmia tells itself in `.osmia`, and the programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi.generated import BPF_MAP_TYPE_ARENA
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import ContextType
from osmia.compiler.ir.walk import program_nodes
from osmia.compiler.llvm.arenas import start_definition
from osmia.compiler.llvm.debug_info import DebugInfo, quoted
from osmia.compiler.llvm.emitter import ATTRIBUTES
from osmia.compiler.llvm.function import FunctionWriter, site_numbers
from osmia.compiler.llvm.marks import Marks
from osmia.layout import layout_of
from osmia.logs.note import note_of, switch_name
from osmia.logs.ring import OBJECT, switch_of
from osmia.types import u32, u64

if TYPE_CHECKING:
    from osmia.compiler import Target
    from osmia.logs.note import LogFormat

# The map that counts errors, one slot for each error site: PERCPU_ARRAY.
ERROR_MAP = "osmia_errors"
ERROR_MAP_TYPE = 6

# Without this layout LLVM takes an i64 for 4-aligned and splits accesses.
LAYOUT = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"


def module_text(unit: ir.Unit, target: Target) -> str:
    """The module in LLVM's assembly."""
    debug = DebugInfo(unit.programs[0].file, unit.files)
    kept, lines = [], []
    for map_ in (*unit.maps, *unit.scratch):
        members, number = debug.map(map_)
        lines.append(_map_definition(map_.symbol, members, number))
        kept.append(map_.symbol)
    lines += [start_definition(map_) for map_ in unit.maps if map_.declaration.kind.type == BPF_MAP_TYPE_ARENA]
    if unit.error_sites:
        number = debug.error_counters(ERROR_MAP, ERROR_MAP_TYPE, u32, u64, len(unit.error_sites))  # type: ignore[arg-type]
        lines.append(_map_definition(ERROR_MAP, 4, number))
        kept.append(ERROR_MAP)
    for symbol, variable in unit.globals.items():
        lines.append(_variable(symbol, f".data.{symbol}", variable.contents, debug.variable(symbol, variable.layout)))
        kept.append(symbol)
    logs = _logs(unit)
    switches = {switch_name(number): switch_of(each) for each, number in logs.items()}
    for symbol, setting in {**unit.settings, **switches, **({OBJECT.variable: OBJECT} if logs else {})}.items():
        layout = layout_of(setting.of)
        assert layout is not None
        number = debug.variable(symbol, layout, constant=True)
        lines.append(_variable(symbol, ".rodata", setting.encode(setting.default), number))
        kept.append(symbol)
    texts = _texts(unit)
    for data, symbol in texts.items():
        lines.append(_text_definition(symbol, data))
        kept.append(symbol)
    lines.append(_data_definition("LICENSE", "license", unit.license.encode() + b"\0"))
    kept += ["LICENSE", ".osmia"]
    notes_at = len(lines)
    pointers = ", ".join(f"ptr @{quoted(symbol)}" for symbol in kept)
    lines.append(f'@llvm.compiler.used = appending global [{len(kept)} x ptr] [{pointers}], section "llvm.metadata"')
    marks = Marks(unit.files) if target.debug else None
    functions = [
        FunctionWriter(
            program,
            debug,
            site_numbers(unit.error_sites, program.name),
            ERROR_MAP,
            texts,
            logs,
            function,
            kernel=target.kernel,
            marks=marks,
        ).text()
        for program in unit.programs
        for function in (*program.functions, None)
    ]
    notes = metadata(unit, target, logs, marks)
    lines.insert(notes_at, _data_definition(".osmia", ".osmia", notes.encode()))
    return "\n".join(
        [
            f"source_filename = {quoted(unit.programs[0].file.relative)}",
            f'target datalayout = "{LAYOUT}"',
            'target triple = "bpfel"',
            "",
            *lines,
            "",
            *functions,
            # Null is an address like any other to LLVM then: it must not delete a branch that loads it.
            f'attributes {ATTRIBUTES} = {{ nounwind null_pointer_is_valid "no-builtins" "no-jump-tables"="true" }}',
            "",
            debug.text(),
        ]
    )


def metadata(unit: ir.Unit, target: Target, logs: dict[LogFormat, int], marks: Marks | None) -> str:
    """What the object says to osmia's loader: a line for each fact."""
    lines = [f"target {target}"]
    lines += [f"error {program.name} {program.error_value}" for program in unit.programs]
    for program in unit.programs:
        of = program.context.type
        lines += [f"argument {program.name} {name} {type_}" for name, type_ in program.arguments]
        for name, field in of.own_fields if isinstance(of, ContextType) else ():
            form = f" {field.form} {field.length}" if field.form else ""
            lines.append(f"field {program.name} {name} {field.offset} {field.size} {int(field.signed)}{form}")
    lines += [f"each_cpu {map_.symbol}" for map_ in unit.maps if map_.declaration.kind.entries == "CPUs"]
    for site in unit.error_sites:
        file = unit.files[site.location.file].relative
        lines.append(f"site {site.program} {site.location.line} {file}\t{site.problem}")
    lines += [f"log {note_of(each, unit.files[each.file].relative)}" for each in logs]
    lines += [f"mark {each}" for each in marks.notes] if marks is not None else []
    return "\n".join(lines) + "\n"


def _logs(unit: ir.Unit) -> dict[LogFormat, int]:
    """The numbers of the logs that are in use: what is translated more than once is the same one."""
    found = [each.format for p in unit.programs for each in program_nodes(p) if isinstance(each, ir.LogNumber)]
    return {each: number for number, each in enumerate(dict.fromkeys(found))}


def _map_definition(symbol: str, members: int, debug: str) -> str:
    pointers = ", ".join(["ptr"] * members)
    return (
        f'@{quoted(symbol)} = dso_local global {{ {pointers} }} zeroinitializer, section ".maps", align 8, !dbg {debug}'
    )


def _variable(symbol: str, section: str, contents: bytes, debug: str) -> str:
    data = "".join(f"\\{byte:02X}" for byte in contents)
    return (
        f'@{quoted(symbol)} = dso_local global [{len(contents)} x i8] c"{data}",'
        f" section {quoted(section)}, align 8, !dbg {debug}"
    )


def _texts(unit: ir.Unit) -> dict[bytes, str]:
    """The symbols of constant texts, each of which is stored once."""
    found = [each.data for p in unit.programs for each in program_nodes(p) if isinstance(each, ir.ConstantText)]
    return {data: f"osmia_text{number}" for number, data in enumerate(dict.fromkeys(found))}


def _text_definition(symbol: str, data: bytes) -> str:
    text = "".join(f"\\{byte:02X}" for byte in data)
    return f'@{quoted(symbol)} = dso_local global [{len(data)} x i8] c"{text}", section ".rodata", align 8'


def _data_definition(symbol: str, section: str, data: bytes) -> str:
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in (0x22, 0x5C) else f"\\{byte:02X}" for byte in data)
    linkage = "dso_local global" if section == "license" else "private constant"
    return f'@{quoted(symbol)} = {linkage} [{len(data)} x i8] c"{text}", section {quoted(section)}, align 1'
