"""The ELF reader: what it reads is what pyelftools reads, and damage is an ObjectError, whatever the damage."""

from __future__ import annotations

import io
import struct

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import compiled
from osmia.elf import SHT_NOBITS, read_elf
from osmia.errors import ObjectError

SOURCE = """
u64 zeroes[4]; u64 ones = 1; const volatile u32 setting = 7;
static __noinline int twice(u32 x) { return x * 2 + ones; }
SEC("xdp") int program(struct xdp_md *ctx) { zeroes[1] += setting; return twice(ctx->rx_queue_index); }
"""


def c_object(*options: str) -> bytes:
    return compiled.c_object(SOURCE, *options)


@pytest.mark.parametrize("target", ["bpfel", "bpfeb"])
def test_sections_symbols_and_relocations_are_those_that_pyelftools_reads(target: str) -> None:
    data = c_object("-target", target)
    ours, theirs = read_elf(data, "program.o"), ELFFile(io.BytesIO(data))
    assert ours.byte_order == ("<" if theirs.little_endian else ">")
    assert [
        (section.name, section.type, section.flags, section.link, section.info, section.size)
        for section in ours.sections
    ] == [
        (
            section.name,
            _number(section["sh_type"]),
            *(section[f"sh_{key}"] for key in ("flags", "link", "info", "size")),
        )
        for section in theirs.iter_sections()
    ]
    for one, other in zip(ours.sections, theirs.iter_sections(), strict=True):
        assert one.data == (b"" if one.type == SHT_NOBITS else other.data() if one.index else b"")
    table = theirs.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    assert [(symbol.name, symbol.value, symbol.size, symbol.binding, symbol.type) for symbol in ours.symbols] == [
        # pyelftools names a section's symbol after the section.
        (
            "" if symbol["st_info"]["type"] == "STT_SECTION" else symbol.name,
            symbol["st_value"],
            symbol["st_size"],
            ["STB_LOCAL", "STB_GLOBAL", "STB_WEAK"].index(symbol["st_info"]["bind"]),
            ["STT_NOTYPE", "STT_OBJECT", "STT_FUNC", "STT_SECTION", "STT_FILE"].index(symbol["st_info"]["type"]),
        )
        for symbol in table.iter_symbols()
    ]
    compared = 0
    for section in theirs.iter_sections():
        if isinstance(section, RelocationSection):
            target_section = ours.sections[section["sh_info"]]
            expected = sorted(
                (entry["r_offset"], entry["r_info_type"], entry["r_info_sym"]) for entry in section.iter_relocations()
            )
            found = [(entry.offset, entry.type, entry.symbol.index) for entry in ours.relocations(target_section)]
            assert sorted(found) == expected
            compared += len(found)
    assert compared > 10


def _number(section_type: str | int) -> int:
    names = {"SHT_NULL": 0, "SHT_PROGBITS": 1, "SHT_SYMTAB": 2, "SHT_STRTAB": 3, "SHT_NOBITS": 8, "SHT_REL": 9}
    return section_type if isinstance(section_type, int) else names.get(section_type, 0x6FFF4C03)


def _patched(data: bytes, at: int, layout: str, value: int) -> bytes:
    patched = bytearray(data)
    struct.pack_into(layout, patched, at, value)
    return bytes(patched)


def _header(data: bytes | bytearray, section: int) -> int:
    """Where a section's header is."""
    at: int = struct.unpack_from("<Q", data, 40)[0]
    return at + 64 * section


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: b"", "x.o: not an ELF file: it is empty, expected b'\\x7fELF'"),
        (lambda _: b"#!/usr", "x.o: not an ELF file: it starts with b'#!/u', expected b'\\x7fELF'"),
        (lambda data: data[:60], "x.o: the ELF header is cut short: 60 bytes, expected 64"),
        (lambda data: _patched(data, 4, "B", 1), "x.o: ELF class 1, expected 2 (64 bits)"),
        (lambda data: _patched(data, 5, "B", 3), "x.o: ELF byte order 3, expected 1 (little) or 2 (big)"),
        (
            lambda data: _patched(data, 18, "<H", 62),
            (
                "x.o: ELF machine 62, expected 247 (BPF): "
                "it was compiled for another processor; with clang use -target bpf"
            ),
        ),
        (
            lambda data: _patched(data, 16, "<H", 3),
            "x.o: ELF type 3, expected 1 (relocatable, what a compiler writes)",
        ),
        (lambda data: _patched(data, 58, "<H", 40), "x.o: section headers of 40 bytes, expected 64"),
        (
            lambda data: _patched(data, 60, "<H", 0),
            "x.o: the file has no sections, so no programs: it is stripped or cut short",
        ),
        (
            lambda data: _patched(data, 40, "<Q", 1 << 63),
            (
                "x.o: the section headers would lie at bytes 9223372036854775808 to 9223372036854777024, "
                "but the file has {size}: it is damaged or cut short"
            ),
        ),
        (
            lambda data: _patched(data, 62, "<H", 99),
            "x.o: section 99 should hold the sections' names, but there are 19",
        ),
        (
            lambda data: _patched(data, _header(data, 3) + 24, "<Q", 1 << 40),
            (
                "x.o: section 'xdp' would lie at bytes 1099511627776 to 1099511627880, but the file has {size}: "
                "it is damaged or cut short"
            ),
        ),
        (
            lambda data: _patched(data, _header(data, 3), "<I", 5000),
            "x.o: the name of section 3 would lie at byte 5000 of a table of 165 bytes",
        ),
        (
            lambda data: _patched(data, _header(data, 4) + 4, "<I", 4),
            "x.o: section '.relxdp' has explicit addends (RELA); BPF files have REL",
        ),
        (
            lambda data: _patched(data, _header(data, 4) + 44, "<I", 77),
            "x.o: section '.relxdp' relocates section 77, but the file has 19 sections",
        ),
        (
            lambda data: _patched(data, _header(data, 18) + 40, "<I", 77),
            "x.o: section '.symtab' takes its names from section 77, but the file has 19 sections",
        ),
        (
            lambda data: compiled.header_patched(data, ".BTF", "size", 2800),
            "x.o: the sections up to '.BTF' are larger than the file: they overlap",
        ),
        (
            lambda data: compiled.header_patched(data, ".rel.BTF", "info", 3),
            "x.o: section 'xdp' has more than one table of relocations",
        ),
        (
            lambda data: compiled.header_patched(data, ".relxdp", "size", 24),
            "x.o: section '.relxdp' has 24 bytes, no multiple of 16",
        ),
        (
            lambda data: compiled.header_patched(data, ".symtab", "size", 25),
            "x.o: section '.symtab' has 25 bytes, no multiple of 24",
        ),
    ],
)
def test_damage_is_refused_and_named(damage: object, message: str) -> None:
    data = compiled.counter()
    assert callable(damage)
    with pytest.raises(ObjectError) as caught:
        read_elf(damage(data), "x.o")
    assert str(caught.value) == message.replace("{size}", str(len(data)))


def test_a_relocation_of_a_symbol_that_is_not_there_is_refused() -> None:
    data = compiled.counter()
    elf = read_elf(data, "x.o")
    section, table = elf.section("xdp"), elf.section(".relxdp")
    assert section is not None
    assert table is not None
    at = data.index(table.data, 1000)
    with pytest.raises(ObjectError, match=r"x\.o: section '\.relxdp' refers to symbol 1000, but the file has 8"):
        read_elf(_patched(data, at + 12, "<I", 1000), "x.o").relocations(section)


def refusal(data: bytes) -> str | None:
    """What the reader says of a file, None where it reads it."""
    try:
        elf = read_elf(data, "fuzzed.o")
        for section in elf.sections:
            elf.relocations(section)
    except ObjectError as error:
        return str(error)
    return None


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=500)
@given(st.data())
def test_flipped_bits_and_truncations_give_nothing_but_object_errors(choose: st.DataObject) -> None:
    data = bytearray(compiled.counter())
    # Most bytes are contents; the headers are where flips matter most.
    places = [*range(64), *range(_header(data, 0), len(data))]
    for _ in range(choose.draw(st.integers(1, 4))):
        at = choose.draw(st.one_of(st.sampled_from(places), st.integers(0, len(data) - 1)))
        data[at] ^= 1 << choose.draw(st.integers(0, 7))
    end = choose.draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))
    message = refusal(bytes(data[:end]))
    assert message is None or message.startswith("fuzzed.o: ")
