"""What an object says, as plain data: the same on every host, with no file descriptor and no kernel in it.

`store` gives it in the form that the compiler's cache keeps: reading that takes no reader of ELF and BTF. What few
objects have is in `osmia.spec_details`, which is imported for those alone.
"""

from __future__ import annotations

from osmia.kinds import KINDS
from osmia.record import record

FIRST_MARK = 0x4F53_0000
"""The number of a helper that no kernel has: this one and those behind it are the marks of a debug build."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from osmia.kinds import Kind
    from osmia.spec_details import ContextFieldSpec, ErrorSite, VariableSpec

    Stored = tuple[Any, ...]


@record
class MapSpec:
    """A map as an object declares it."""

    name: str
    """The symbol's name, whole (the kernel keeps the first 15 characters)."""
    type: int
    """BPF_MAP_TYPE_*."""
    key_size: int
    """In bytes."""
    value_size: int
    """In bytes; of one CPU's value where the map is per CPU."""
    max_entries: int
    flags: int = 0
    map_extra: int = 0
    btf_key_type_id: int = 0
    """The key's type in the object's BTF, 0 where it has none."""
    btf_value_type_id: int = 0
    contents: bytes | None = None
    """What a .data or .rodata section holds; None for a map that starts empty."""
    read_only: bool = False
    """Whether the map is frozen after it is filled (.rodata)."""
    btf_vmlinux_value_type_id: int = 0
    """The value's type in the kernel's own BTF, of a table of functions; 0 for all others."""
    data: bool = False
    """Whether it is a section of global data: .data, .bss, .rodata, or one whose name begins so."""
    each_cpu: bool = False
    """Whether it is made with an entry for each CPU that can ever run there, whatever max_entries says."""
    inner: MapSpec | None = None
    """Of a map of maps: what the maps in it are like."""
    initial: dict[int, str] | None = None
    """What it holds from the start, by index: maps of the object, or programs, by their names."""


@record
class Relocation:
    """An instruction that the loader completes."""

    offset: int
    """The instruction's index (in slots of 8 bytes) in its function."""
    kind: str
    """`map`: its fd; `data`: an address in a map's value; `call`: a subprogram; `function`: the address of one."""
    target: str
    """The map's or the function's name."""
    addend: int = 0
    """For `data`: the offset in the value."""


@record
class LineInfo:
    """Which source line an instruction comes from (one bpf_line_info)."""

    offset: int
    """The instruction's index in its function."""
    file: str
    line: int
    column: int
    text: str
    """The source line itself, without its newline."""


@record
class FunctionSpec:
    """A program or a subprogram: instructions and what belongs to them."""

    name: str
    section: str
    instructions: bytes
    relocations: list[Relocation]
    lines: list[LineInfo]
    btf_type_id: int = 0
    """Its BTF_KIND_FUNC in the object's BTF, 0 where it has none."""
    line_records: list[tuple[int, int, int, int]] | None = None
    """The same lines as the kernel takes them: (index, file name offset, line offset, line << 10 | column)."""
    kind: Kind | None = None
    """The program's row in the table of kinds; None for a subprogram."""


@record
class ObjectSpec:
    """Everything that an object file says."""

    name: str
    """Where it came from: the file's name, for messages."""
    license: str
    programs: dict[str, FunctionSpec]
    functions: dict[str, FunctionSpec]
    """Subprograms, by name."""
    maps: dict[str, MapSpec]
    btf: bytes
    """The .BTF section with its sections' sizes filled in, as the kernel takes it; empty where there is none."""
    target: str = ""
    """What osmia compiled it for (`v3 5.10`); empty in objects from elsewhere."""
    on_error: dict[str, int] | None = None
    """By program: what it returns after an error."""
    error_sites: dict[str, list[ErrorSite]] | None = None
    """By program: its error sites, in the order of their counters."""
    variables: dict[str, VariableSpec] | None = None
    """The variables of .data, .bss and .rodata, by name. Of several with one name (static ones of functions or files
    that were linked together) each goes by `name@section+offset`."""
    arguments: dict[str, list[tuple[str, str]]] | None = None
    """By program: those that it takes of the kernel's function it is attached to, name and type (`task_struct`,
    `u64`)."""
    context_fields: dict[str, list[ContextFieldSpec]] | None = None
    """By program: the fields of its tracepoint that it names."""
    logs: list[str] | None = None
    """By number: what its logs are, as `osmia.logs.note` has it."""
    marks: list[str] | None = None
    """Of a debug build: what its marks mean, as `osmia.vm.marks` reads it; FIRST_MARK is the first one's number."""


def store(spec: ObjectSpec) -> Stored:
    """A spec as tuples of what `marshal` can write; without its name, which whoever restores it gives."""
    return (
        spec.license,
        _functions(spec.programs),
        _functions(spec.functions),
        tuple(_map_fields(of) for of in spec.maps.values()),
        spec.btf,
        spec.target,
        spec.on_error,
        None if spec.error_sites is None else {name: _each(sites) for name, sites in spec.error_sites.items()},
        None if spec.variables is None else _each(spec.variables.values()),
        spec.arguments,
        None if spec.context_fields is None else {name: _each(held) for name, held in spec.context_fields.items()},
        None if spec.logs is None else tuple(spec.logs),
        None if spec.marks is None else tuple(spec.marks),
    )


def restore(stored: Stored, name: str) -> ObjectSpec:
    """The spec again, of new records each time. `name` is for messages."""
    license_text, programs, functions, maps, btf, target, on_error, sites, variables, arguments, *rest = stored
    fields, logs, marks = rest
    return ObjectSpec(
        name,
        license_text,
        {function[0]: _function(function) for function in programs},
        {function[0]: _function(function) for function in functions},
        {of[0]: _map(of) for of in maps},
        btf,
        target,
        None if on_error is None else dict(on_error),
        None if sites is None else {program: _details("ErrorSite", each) for program, each in sites.items()},
        None if variables is None else {each.name: each for each in _details("VariableSpec", variables)},
        None if arguments is None else {program: list(each) for program, each in arguments.items()},
        None if fields is None else {program: _details("ContextFieldSpec", each) for program, each in fields.items()},
        None if logs is None else list(logs),
        None if marks is None else list(marks),
    )


def _map_fields(of: MapSpec) -> Stored:
    *plain, inner, initial = _fields(of)
    return *plain, inner and _map_fields(inner), initial


def _map(stored: Stored) -> MapSpec:
    of = MapSpec(*stored)
    of.inner = stored[-2] and _map(stored[-2])
    of.initial = None if stored[-1] is None else dict(stored[-1])
    return of


def _functions(functions: dict[str, FunctionSpec]) -> Stored:
    return tuple(
        (
            function.name,
            function.section,
            function.instructions,
            _each(function.relocations),
            _each(function.lines),
            function.btf_type_id,
            function.line_records,
            function.kind and function.kind.name,
        )
        for function in functions.values()
    )


def _function(stored: Stored) -> FunctionSpec:
    name, section, instructions, relocations, lines, btf_type_id, line_records, kind = stored
    return FunctionSpec(
        name,
        section,
        instructions,
        _records(Relocation, relocations),
        _records(LineInfo, lines),
        btf_type_id,
        None if line_records is None else list(line_records),
        None if kind is None else KINDS[kind],
    )


def _each(records: Iterable[Any]) -> Stored:
    return tuple(_fields(of) for of in records)


def _fields(of: Any) -> Stored:
    return tuple(getattr(of, field) for field in of.__match_args__)


def _records(of: Callable[..., Any], stored: Stored) -> list[Any]:
    return [of(*fields) for fields in stored]


def _details(of: str, stored: Stored) -> list[Any]:
    if not stored:
        return []
    return _records(getattr(__import__("osmia.spec_details", fromlist=[of]), of), stored)
