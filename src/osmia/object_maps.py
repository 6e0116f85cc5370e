"""The maps of an object file: BTF-defined ones, legacy ones, and sections of data."""

from __future__ import annotations

import struct

from osmia.abi.generated import (
    BPF_F_MMAPABLE,
    BPF_F_RDONLY_PROG,
    BPF_MAP_TYPE_ARENA,
    BPF_MAP_TYPE_ARRAY,
    BPF_MAP_TYPE_ARRAY_OF_MAPS,
    BPF_MAP_TYPE_HASH_OF_MAPS,
    BPF_MAP_TYPE_PROG_ARRAY,
)
from osmia.btf import kinds
from osmia.elf import SHF_ALLOC, SHT_NOBITS, SHT_PROGBITS, STT_FUNC, STT_OBJECT, STT_SECTION
from osmia.errors import ObjectError
from osmia.spec import MapSpec
from osmia.spec_details import VariableSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.btf.read import Btf, BtfType, Member
    from osmia.elf import Elf, Section, Symbol

OF_MAPS = (BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS)

# struct bpf_map_def: type, key_size, value_size, max_entries, map_flags, and where present id and pinning.
_LEGACY_LEAST = 5 * 4
_LEGACY_MOST = 7 * 4

ARENA_SECTION = ".addr_space.1"
"""What compilers put variables into that lie in the object's one arena, from its start on."""

# A member of a BTF-defined map -> the field of MapSpec that it gives as a number.
_NUMBERS = {
    "type": "type",
    "key_size": "key_size",
    "value_size": "value_size",
    "max_entries": "max_entries",
    "map_flags": "flags",
    "map_extra": "map_extra",
}


class ObjectMaps:
    """The maps by name, and where each of them is in the file."""

    def __init__(self) -> None:
        self.maps: dict[str, MapSpec] = {}
        self.places: dict[tuple[int, int], str] = {}
        """(index of the section, offset in it) -> the map defined there."""
        self.definitions: set[int] = set()
        """Indices of the sections that define maps."""
        self.data: dict[int, MapSpec] = {}
        """Index of a section of data -> its map."""
        self.arenas: dict[int, MapSpec] = {}
        """Index of a section that is the start of an arena -> that arena."""
        self.variables: dict[str, VariableSpec] = {}
        self.slots: list[tuple[MapSpec, int, Symbol, int]] = []
        """Initial values of maps: the map, the index, and what is there, with how far behind its symbol."""

    def add(self, elf: Elf, spec: MapSpec) -> None:
        """Take a map in. ObjectError where there is one of its name."""
        if spec.name in self.maps:
            raise ObjectError(f"{elf.name}: two maps are called '{spec.name}': rename one of them")
        self.maps[spec.name] = spec


def read_maps(elf: Elf, btf: Btf | None) -> ObjectMaps:
    """Read every map that the file declares."""
    found = ObjectMaps()
    arena_sections = []
    for section in elf.sections:
        if section.type not in {SHT_PROGBITS, SHT_NOBITS} or section.size == 0:
            continue
        if section.name == ".maps":
            _read_btf_maps(elf, btf, section, found)
        elif section.name == "maps" or section.name.startswith("maps/"):
            _read_legacy_maps(elf, section, found)
        elif section.flags & SHF_ALLOC and _data_section(section.name):
            spec = _data_map(elf, btf, section)
            found.add(elf, spec)
            found.data[section.index] = spec
        elif section.name == ARENA_SECTION:
            arena_sections.append(section)
    for section in arena_sections:
        found.arenas[section.index] = _start_of_arena(elf, section, found)
    for spec, index, symbol, distance in found.slots:
        _take_slot(elf, found, spec, index, symbol, distance)
    found.variables = _variables(elf, btf, found)
    return found


def _start_of_arena(elf: Elf, section: Section, found: ObjectMaps) -> MapSpec:
    """The arena whose start a section says."""
    arenas = [spec for spec in found.maps.values() if spec.type == BPF_MAP_TYPE_ARENA]
    if len(arenas) != 1:
        names = ", ".join(f"'{spec.name}'" for spec in arenas) or "none"
        raise ObjectError(
            f"{elf.name}: section '{section.name}' holds variables of the object's arena, and its arenas are {names}: "
            "declare one"
        )
    if section.type != SHT_NOBITS and any(section.data):
        arenas[0].contents = section.data
    return arenas[0]


def _data_section(name: str) -> str | None:
    """`.data`, `.rodata` or `.bss` where a section is of that sort."""
    for sort in (".data", ".rodata", ".bss"):
        if name == sort or name.startswith(sort + "."):
            return sort
    return None


def _symbols_in(elf: Elf, section: Section) -> list[Symbol]:
    return [symbol for symbol in elf.symbols if symbol.section == section.index and symbol.type != STT_SECTION]


# BTF-defined maps


def _read_btf_maps(elf: Elf, btf: Btf | None, section: Section, found: ObjectMaps) -> None:
    entries = btf and [of for of in btf.of_kind(kinds.DATASEC) if of.name == section.name]
    if not btf or not entries:
        raise ObjectError(
            f"{elf.name}: section '{section.name}' declares maps, but the file has no BTF that describes them: "
            "compile with debug information (-g)"
        )
    types = {}
    for number, _, _ in btf.variables(entries[0]):
        variable = btf.type(number)
        types[variable.name] = variable.size_or_type
    relocated = elf.relocations(section)
    found.definitions.add(section.index)
    for symbol in _symbols_in(elf, section):
        if symbol.name not in types:
            raise ObjectError(f"{elf.name}: map '{symbol.name}' has no type in the BTF: compile with -g")
        spec = _btf_map(elf, btf, symbol.name, types[symbol.name])
        found.add(elf, spec)
        start = _values_offset(btf, types[symbol.name])
        for entry in relocated:
            if not symbol.value <= entry.offset < symbol.value + symbol.size:
                continue
            index, rest = divmod(entry.offset - symbol.value - (start or 0), 8)
            if start is None or rest or index < 0:
                raise ObjectError(
                    f"{elf.name}: map '{symbol.name}' has an initial value at byte {entry.offset - symbol.value} of "
                    "its definition, which is none of its 'values'"
                )
            (distance,) = struct.unpack_from(elf.byte_order + "Q", section.data, entry.offset)
            found.slots.append((spec, index, entry.symbol, distance))
        found.places[section.index, symbol.value] = symbol.name


def _btf_map(elf: Elf, btf: Btf, name: str, number: int) -> MapSpec:
    of = btf.resolve(number)
    if of.kind != kinds.STRUCT:
        raise ObjectError(f"{elf.name}: map '{name}' is declared as {kinds.NAMES[of.kind]}, expected STRUCT")
    spec = MapSpec(name=name, type=0, key_size=0, value_size=0, max_entries=0)
    for member in btf.members(of):
        _read_member(elf, btf, spec, member)
    if spec.type == 0:
        raise ObjectError(f"{elf.name}: map '{name}' does not say its type: add __uint(type, BPF_MAP_TYPE_...)")
    if spec.type in OF_MAPS:
        _check_inner(elf, spec)
    elif spec.inner is not None or (spec.initial is not None and spec.type != BPF_MAP_TYPE_PROG_ARRAY):
        raise ObjectError(f"{elf.name}: map '{spec.name}' has 'values', which are for maps of maps and of programs")
    return spec


def _check_inner(elf: Elf, spec: MapSpec) -> None:
    if spec.inner is None:
        raise _inner_maps(elf, spec.name)
    if spec.inner.type in OF_MAPS:
        raise ObjectError(f"{elf.name}: map '{spec.name}' holds maps that hold maps, which no kernel takes")
    spec.key_size = spec.key_size or 4
    spec.value_size = spec.value_size or 4


def _values_offset(btf: Btf, number: int) -> int | None:
    """Where the initial values of a map lie in its definition, in bytes; None where it has none."""
    members = btf.members(btf.resolve(number))
    return next((member.offset // 8 for member in members if member.name == "values"), None)


def _read_values(elf: Elf, btf: Btf, spec: MapSpec, member: Member) -> None:
    """`__array(values, struct {...})` of a map of maps, `__array(values, int (void *))` of one of programs."""
    array = btf.resolve(member.type)
    pointer = btf.resolve(btf.array(array)[0]) if array.kind == kinds.ARRAY else array
    of = btf.resolve(pointer.size_or_type) if pointer.kind == kinds.PTR else pointer
    spec.initial = {}
    if array.kind == kinds.ARRAY and of.kind == kinds.FUNC_PROTO:
        return
    if array.kind != kinds.ARRAY or of.kind != kinds.STRUCT:
        raise ObjectError(
            f"{elf.name}: map '{spec.name}': 'values' is no array of maps or programs: declare it with __array()"
        )
    spec.inner = _btf_map(elf, btf, f"{spec.name}.inner", of.id)


def _take_slot(elf: Elf, found: ObjectMaps, spec: MapSpec, index: int, symbol: Symbol, distance: int) -> None:
    """One initial value: a map that the object defines, or a program."""
    assert spec.initial is not None
    if index >= spec.max_entries:
        raise ObjectError(
            f"{elf.name}: map '{spec.name}' has an initial value at index {index}, and {spec.max_entries} entries"
        )
    if spec.inner is None:
        if symbol.type != STT_FUNC or distance:
            raise ObjectError(
                f"{elf.name}: map '{spec.name}' has an initial value at index {index} that is no program: "
                "declare the program without `static`"
            )
        spec.initial[index] = symbol.name
        return
    at = distance if symbol.type == STT_SECTION else symbol.value + distance
    name = found.places.get((symbol.section, at))
    if name is None:
        raise ObjectError(f"{elf.name}: map '{spec.name}' has an initial value at index {index} that is no map")
    spec.initial[index] = name


def _read_member(elf: Elf, btf: Btf, spec: MapSpec, member: Member) -> None:
    if member.name in _NUMBERS:
        value = _number(elf, btf, spec, member)
        if member.name in {"key_size", "value_size"}:
            _set_size(elf, spec, member.name, value)
        else:
            setattr(spec, _NUMBERS[member.name], value)
    elif member.name in {"key", "value"}:
        number = _pointed(elf, btf, spec, member).size_or_type
        _set_size(elf, spec, member.name + "_size", btf.size(number))
        setattr(spec, f"btf_{member.name}_type_id", number)
    elif member.name == "pinning":
        if _number(elf, btf, spec, member):
            raise ObjectError(
                f"{elf.name}: map '{spec.name}' asks to be pinned by name, which osmia does not do: "
                "leave 'pinning' out, and pin the loaded map where it should be"
            )
    elif member.name == "numa_node":
        if _number(elf, btf, spec, member):
            raise ObjectError(f"{elf.name}: map '{spec.name}' asks for a NUMA node, which osmia cannot give: remove it")
    elif member.name == "values":
        _read_values(elf, btf, spec, member)
    else:
        raise ObjectError(
            f"{elf.name}: map '{spec.name}' has a member '{member.name}' that osmia does not know: "
            f"it knows {', '.join(_NUMBERS)}, key, value, values"
        )


def _set_size(elf: Elf, spec: MapSpec, field: str, size: int) -> None:
    before = getattr(spec, field)
    if before not in {0, size}:
        raise ObjectError(f"{elf.name}: map '{spec.name}' has two different sizes as {field}: {before} and {size}")
    setattr(spec, field, size)


def _pointed(elf: Elf, btf: Btf, spec: MapSpec, member: Member) -> BtfType:
    pointer = btf.resolve(member.type)
    if pointer.kind != kinds.PTR:
        raise ObjectError(
            f"{elf.name}: map '{spec.name}': '{member.name}' is {kinds.NAMES[pointer.kind]}, expected PTR: "
            "declare it with __uint() or __type()"
        )
    return pointer


def _number(elf: Elf, btf: Btf, spec: MapSpec, member: Member) -> int:
    """A number is written as a pointer to an array of that many elements, or (__ulong) as an enum's one value."""
    of = btf.resolve(member.type)
    if of.kind in {kinds.ENUM, kinds.ENUM64}:
        values = btf.values(of)
        if len(values) == 1:
            return values[0][1]
    else:
        array = btf.resolve(_pointed(elf, btf, spec, member).size_or_type)
        if array.kind == kinds.ARRAY:
            return btf.array(array)[2]
    raise ObjectError(f"{elf.name}: map '{spec.name}': '{member.name}' is no number: declare it with __uint()")


# Legacy maps


def _read_legacy_maps(elf: Elf, section: Section, found: ObjectMaps) -> None:
    symbols = sorted(_symbols_in(elf, section), key=_value)
    found.definitions.add(section.index)
    for position, symbol in enumerate(symbols):
        end = symbols[position + 1].value if position + 1 < len(symbols) else section.size
        size = end - symbol.value
        if size < _LEGACY_LEAST or size % 4 or end > section.size or (position == 0 and symbol.value):
            raise ObjectError(
                f"{elf.name}: map '{symbol.name}' has {size} bytes in section '{section.name}', "
                f"expected a struct bpf_map_def of {_LEGACY_LEAST} to {_LEGACY_MOST}"
            )
        found.add(elf, _legacy_map(elf, symbol.name, section.data[symbol.value : end]))
        found.places[section.index, symbol.value] = symbol.name


def _legacy_map(elf: Elf, name: str, definition: bytes) -> MapSpec:
    known = definition[:_LEGACY_MOST]
    kind, key_size, value_size, max_entries, flags, *rest = struct.unpack(f"{elf.byte_order}{len(known) // 4}I", known)
    if any(definition[_LEGACY_MOST:]):
        raise ObjectError(f"{elf.name}: map '{name}' uses fields of struct bpf_map_def that osmia does not know")
    for field, value in zip(("id", "pinning"), rest, strict=False):
        if value:
            raise ObjectError(
                f"{elf.name}: map '{name}' has {field} {value} in its struct bpf_map_def, which osmia does not do: "
                f"leave '{field}' out, and pin the loaded map where it should be"
            )
    spec = MapSpec(name, kind, key_size, value_size, max_entries, flags)
    if spec.type in OF_MAPS:
        raise _inner_maps(elf, spec.name)
    return spec


def _value(symbol: Symbol) -> int:
    return symbol.value


def _inner_maps(elf: Elf, name: str) -> ObjectError:
    return ObjectError(
        f"{elf.name}: map '{name}' holds maps, and does not say which: add __array(values, struct {{ ... }}), with "
        "what the maps in it are like"
    )


# Sections of data


def _data_map(elf: Elf, btf: Btf | None, section: Section) -> MapSpec:
    if relocations := elf.relocations(section):
        entry = relocations[0]
        raise ObjectError(
            f"{elf.name}: section '{section.name}' holds the address of '{_target(elf, entry.symbol)}' at byte "
            f"{entry.offset}, which no kernel can fill in: keep indices there, not pointers"
        )
    if section.size >> 32:
        raise ObjectError(f"{elf.name}: section '{section.name}' has {section.size} bytes, more than a map can hold")
    entries = [of for of in btf.of_kind(kinds.DATASEC) if of.name == section.name] if btf else []
    read_only = _data_section(section.name) == ".rodata"
    flags = BPF_F_RDONLY_PROG if read_only else 0
    if btf and entries and _has_global(btf, entries[0]):
        flags |= BPF_F_MMAPABLE
    return MapSpec(
        name=section.name,
        type=BPF_MAP_TYPE_ARRAY,
        key_size=4,
        value_size=section.size,
        max_entries=1,
        flags=flags,
        btf_value_type_id=entries[0].id if entries else 0,
        contents=None if section.type == SHT_NOBITS else section.data,
        read_only=read_only,
        data=True,
    )


def _variables(elf: Elf, btf: Btf | None, found: ObjectMaps) -> dict[str, VariableSpec]:
    """What the symbols name in sections of data, with the types that the BTF gives them."""
    types = _variable_types(btf) if btf else {}
    specs = []
    for symbol in elf.symbols:
        data = found.data.get(symbol.section)
        if data is None or symbol.type != STT_OBJECT or not symbol.name or symbol.size == 0:
            continue
        if symbol.value + symbol.size > data.value_size:
            raise ObjectError(
                f"{elf.name}: variable '{symbol.name}' is at bytes {symbol.value} to {symbol.value + symbol.size} of "
                f"section '{data.name}', which has {data.value_size}"
            )
        number = _type_of_variable(btf, types, data.name, symbol)
        specs.append(VariableSpec(symbol.name, data.name, symbol.value, symbol.size, number))
    times: dict[str, int] = {}
    for spec in specs:
        times[spec.name] = times.get(spec.name, 0) + 1
    for spec in specs:
        if times[spec.name] > 1:
            spec.name = f"{spec.name}@{spec.section}+{spec.offset}"
    order = {name: place for place, name in enumerate(found.maps)}
    return {spec.name: spec for spec in sorted(specs, key=lambda spec: (order[spec.section], spec.offset))}


def _variable_types(btf: Btf) -> dict[tuple[str, int, str], int]:
    """The types of variables, by section, offset and name."""
    types = {}
    for section in btf.of_kind(kinds.DATASEC):
        for number, offset, _ in btf.variables(section):
            variable = btf.type(number)
            types[section.name, offset, variable.name] = variable.size_or_type
    return types


def _type_of_variable(btf: Btf | None, types: dict[tuple[str, int, str], int], section: str, symbol: Symbol) -> int:
    """The BTF type of a variable; 0 where there is none, or where it has another size than the symbol."""
    number = types.get((section, symbol.value, symbol.name), 0)
    if number == 0 or btf is None or btf.size(number) != symbol.size:
        return 0
    return number


def _has_global(btf: Btf, section: BtfType) -> bool:
    variables = (btf.type(number) for number, _, _ in btf.variables(section))
    return any(variable.kind == kinds.VAR and btf.linkage(variable) != kinds.STATIC for variable in variables)


def _target(elf: Elf, symbol: Symbol) -> str:
    if symbol.type == STT_SECTION and symbol.section < len(elf.sections):
        return elf.sections[symbol.section].name
    return symbol.name
