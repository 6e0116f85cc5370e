"""What an object says, as plain data: the same on every host, with no file descriptor and no kernel in it."""

from __future__ import annotations

from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.kinds import Kind


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
    inner: MapSpec | None = None
    """Of a map of maps: what the maps in it are like."""
    initial: dict[int, str] | None = None
    """What it holds from the start, by index: maps of the object, or programs, by their names."""


@record
class VariableSpec:
    """A variable of global data, and where it lies."""

    name: str
    section: str
    """The section, which is the name of its map too."""
    offset: int
    """In the map's value, in bytes."""
    size: int
    """In bytes."""
    btf_type_id: int = 0
    """Its type in the object's BTF, 0 where it has none."""


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
class ContextFieldSpec:
    """A field of a tracepoint that a program reads, as the kernel had it that the program was compiled on."""

    name: str
    offset: int
    """In bytes."""
    size: int
    """In bytes."""
    signed: bool


@record
class ErrorSite:
    """A place in the source where a program may take the error edge."""

    file: str
    line: int
    problem: str
    """What Python would raise there: `division by zero`."""


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
