"""ELF: the 64-bit relocatable files that hold BPF programs."""

from __future__ import annotations

import struct

from osmia.errors import ObjectError
from osmia.record import record

EM_BPF = 247
ET_REL = 1
SHN_UNDEF = 0
SHN_LORESERVE = 0xFF00
SHN_ABS = 0xFFF1
SHN_COMMON = 0xFFF2
SHT_PROGBITS = 1
SHT_SYMTAB = 2
SHT_STRTAB = 3
SHT_RELA = 4
SHT_NOBITS = 8
SHT_REL = 9
SHF_WRITE = 1
SHF_ALLOC = 2
SHF_EXECINSTR = 4
STB_LOCAL = 0
STB_GLOBAL = 1
STB_WEAK = 2
STT_NOTYPE = 0
STT_OBJECT = 1
STT_FUNC = 2
STT_SECTION = 3
STT_FILE = 4
STV_DEFAULT = 0
STV_INTERNAL = 1
STV_HIDDEN = 2

_BYTE_ORDERS = {1: "<", 2: ">"}
# Every structure's size in the file.
_HEADER = 64
_SECTION_HEADER = 64
_SYMBOL = 24
_REL = 16


@record
class Section:
    """A section: its header, and its contents."""

    index: int
    name: str
    type: int
    """SHT_*."""
    flags: int
    """SHF_*."""
    link: int
    info: int
    size: int
    """In bytes, also where the file holds none of them (SHT_NOBITS)."""
    data: bytes
    """Empty for SHT_NOBITS."""


@record
class Symbol:
    """A symbol. `value` is its offset in its section."""

    index: int
    name: str
    value: int
    size: int
    binding: int
    """STB_*."""
    type: int
    """STT_*."""
    visibility: int
    """STV_*."""
    section: int
    """The section's index, or SHN_*."""


@record
class RelocationEntry:
    """A place in a section that refers to a symbol. Addends lie in the place itself."""

    offset: int
    """In bytes, in the section."""
    type: int
    """R_BPF_*."""
    symbol: Symbol


class Elf:
    """An ELF file, read whole: `sections` and `symbols` in the file's order, and relocations by section."""

    def __init__(self, name: str, byte_order: str, sections: list[Section], symbols: list[Symbol]) -> None:
        self.name = name
        self.byte_order = byte_order
        self.sections = sections
        self.symbols = symbols
        self._relocations = {section.info: section for section in sections if section.type == SHT_REL}

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        for section in self.sections:
            if section.name == name:
                return section
        return None

    def relocations(self, section: Section) -> list[RelocationEntry]:
        """The relocations of a section, in the file's order."""
        table = self._relocations.get(section.index)
        if table is None:
            return []
        entries = []
        for offset, info in struct.iter_unpack(self.byte_order + "QQ", table.data):
            number = info >> 32
            if number >= len(self.symbols):
                raise ObjectError(
                    f"{self.name}: section '{table.name}' refers to symbol {number}, "
                    f"but the file has {len(self.symbols)}"
                )
            entries.append(RelocationEntry(offset, info & 0xFFFFFFFF, self.symbols[number]))
        return entries


def read_elf(data: bytes, name: str) -> Elf:
    """Read an ELF file of 64 bits for BPF. `name` is for messages. ObjectError where it is none, or damaged."""
    order = _check_header(data, name)
    at, entry_size, count, names_index = struct.unpack_from(order + "Q10xHHH", data, 40)
    if entry_size != _SECTION_HEADER:
        raise ObjectError(f"{name}: section headers of {entry_size} bytes, expected {_SECTION_HEADER}")
    if at == 0 or count == 0:
        raise ObjectError(f"{name}: the file has no sections, so no programs: it is stripped or cut short")
    _check_range(name, "the section headers", at, count * _SECTION_HEADER, len(data))
    headers = list(struct.iter_unpack(order + "IIQQQQIIQQ", data[at : at + count * _SECTION_HEADER]))
    sections = _read_sections(data, name, headers, names_index)
    elf = Elf(name, order, sections, _read_symbols(name, order, sections))
    _check_relocation_tables(elf)
    return elf


def _check_header(data: bytes, name: str) -> str:
    if data[:4] != b"\x7fELF":
        found = f"starts with {data[:4]!r}" if data else "is empty"
        raise ObjectError(f"{name}: not an ELF file: it {found}, expected b'\\x7fELF'")
    if len(data) < _HEADER:
        raise ObjectError(f"{name}: the ELF header is cut short: {len(data)} bytes, expected {_HEADER}")
    if data[4] != 2:
        raise ObjectError(f"{name}: ELF class {data[4]}, expected 2 (64 bits)")
    if data[5] not in _BYTE_ORDERS:
        raise ObjectError(f"{name}: ELF byte order {data[5]}, expected 1 (little) or 2 (big)")
    order = _BYTE_ORDERS[data[5]]
    file_type, machine = struct.unpack_from(order + "HH", data, 16)
    if machine != EM_BPF:
        raise ObjectError(
            f"{name}: ELF machine {machine}, expected {EM_BPF} (BPF): it was compiled for another processor; "
            "with clang use -target bpf"
        )
    if file_type != ET_REL:
        raise ObjectError(f"{name}: ELF type {file_type}, expected {ET_REL} (relocatable, what a compiler writes)")
    return order


def _check_range(name: str, what: str, offset: int, size: int, limit: int) -> None:
    if offset > limit or size > limit - offset:
        raise ObjectError(
            f"{name}: {what} would lie at bytes {offset} to {offset + size}, but the file has {limit}: "
            "it is damaged or cut short"
        )


def _read_sections(data: bytes, name: str, headers: list[tuple[int, ...]], names_index: int) -> list[Section]:
    if names_index >= len(headers):
        raise ObjectError(
            f"{name}: section {names_index} should hold the sections' names, but there are {len(headers)}"
        )
    _, _, _, _, names_at, names_size, *_ = headers[names_index]
    _check_range(name, "the sections' names", names_at, names_size, len(data))
    names = data[names_at : names_at + names_size]
    sections = []
    total = 0
    for index, (name_at, kind, flags, _, offset, size, link, info, _, _) in enumerate(headers):
        section_name = read_string(names, name_at, name, f"the name of section {index}")
        contents = b""
        # Section 0 is the null section: its fields mean nothing here.
        if kind != SHT_NOBITS and index:
            _check_range(name, f"section '{section_name}'", offset, size, len(data))
            total += size
            if total > len(data):
                raise ObjectError(f"{name}: the sections up to '{section_name}' are larger than the file: they overlap")
            contents = data[offset : offset + size]
        sections.append(Section(index, section_name, kind, flags, link, info, size, contents))
    return sections


def _read_symbols(name: str, order: str, sections: list[Section]) -> list[Symbol]:
    tables = [section for section in sections if section.type == SHT_SYMTAB]
    if not tables:
        return []
    if len(tables) > 1:
        raise ObjectError(f"{name}: {len(tables)} symbol tables, expected one")
    (table,) = tables
    names = _linked(name, table, sections).data
    if table.size % _SYMBOL:
        raise ObjectError(f"{name}: section '{table.name}' has {table.size} bytes, no multiple of {_SYMBOL}")
    symbols = []
    for index, (name_at, info, other, section, value, size) in enumerate(
        struct.iter_unpack(order + "IBBHQQ", table.data)
    ):
        symbol_name = read_string(names, name_at, name, f"the name of symbol {index}")
        if section >= len(sections) and section < SHN_LORESERVE:
            raise ObjectError(
                f"{name}: symbol '{symbol_name}' is in section {section}, but the file has {len(sections)} sections"
            )
        symbols.append(Symbol(index, symbol_name, value, size, info >> 4, info & 15, other & 3, section))
    return symbols


def _check_relocation_tables(elf: Elf) -> None:
    seen = set()
    for section in elf.sections:
        if section.type == SHT_RELA:
            raise ObjectError(f"{elf.name}: section '{section.name}' has explicit addends (RELA); BPF files have REL")
        if section.type != SHT_REL:
            continue
        if section.size % _REL:
            raise ObjectError(f"{elf.name}: section '{section.name}' has {section.size} bytes, no multiple of {_REL}")
        if section.info >= len(elf.sections):
            raise ObjectError(
                f"{elf.name}: section '{section.name}' relocates section {section.info}, "
                f"but the file has {len(elf.sections)} sections"
            )
        if section.info in seen:
            target = elf.sections[section.info].name
            raise ObjectError(f"{elf.name}: section '{target}' has more than one table of relocations")
        seen.add(section.info)


def _linked(name: str, section: Section, sections: list[Section]) -> Section:
    if section.link >= len(sections):
        raise ObjectError(
            f"{name}: section '{section.name}' takes its names from section {section.link}, "
            f"but the file has {len(sections)} sections"
        )
    return sections[section.link]


def read_string(table: bytes, at: int, name: str, what: str) -> str:
    """The string at an offset of a table of strings that end in NUL."""
    end = table.find(b"\0", at) if at < len(table) else -1
    if end < 0:
        if at == 0 and not table:
            return ""
        raise ObjectError(f"{name}: {what} would lie at byte {at} of a table of {len(table)} bytes")
    try:
        return table[at:end].decode()
    except UnicodeDecodeError as error:
        raise ObjectError(f"{name}: {what} is no UTF-8: {table[at:end]!r}") from error
