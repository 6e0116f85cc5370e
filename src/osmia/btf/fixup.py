"""What libbpf completes in an object's BTF, because compilers leave it to the loader."""

from __future__ import annotations

import struct

from osmia.btf import kinds
from osmia.btf.read import Btf
from osmia.elf import SHN_LORESERVE, SHN_UNDEF, STB_LOCAL, STV_HIDDEN, STV_INTERNAL, Elf
from osmia.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.btf.read import BtfType
    from osmia.elf import Symbol

# Sections that exist in BTF alone: what they declare comes from the kernel.
EXTERN_SECTIONS = (".kconfig", ".ksyms")


def fix_sections(btf: Btf, elf: Elf) -> Btf:
    """Fill in sizes of sections and offsets of variables; hidden functions and variables become static.

    Gives the BTF as the kernel takes it.
    """
    fixed = bytearray(btf.data)
    symbols = {
        symbol.name: symbol
        for symbol in elf.symbols
        if symbol.binding != STB_LOCAL and symbol.section != SHN_UNDEF and symbol.section < SHN_LORESERVE
    }
    for section in btf.of_kind(kinds.DATASEC):
        if section.name not in EXTERN_SECTIONS:
            _fix_section(btf, fixed, section, elf, symbols)
    for function in btf.of_kind(kinds.FUNC):
        symbol = symbols.get(function.name)
        if function.vlen == kinds.GLOBAL and symbol is not None and _is_hidden(symbol):
            # The verifier looks at a static function together with its callers.
            struct.pack_into(
                btf.byte_order + "I", fixed, btf.types_at + btf.offset(function.id) + 4, kinds.FUNC << 24 | kinds.STATIC
            )
    return btf if fixed == btf.data else Btf(bytes(fixed), btf.name)


def _fix_section(btf: Btf, fixed: bytearray, section: BtfType, elf: Elf, symbols: dict[str, Symbol]) -> None:
    at = btf.types_at + btf.offset(section.id)
    # A static linker fills the section's size in.
    if section.size_or_type == 0:
        found = elf.section(section.name)
        if found is None or found.size == 0:
            raise ObjectError(f"{elf.name}: the BTF describes a section '{section.name}' that the file does not have")
        struct.pack_into(btf.byte_order + "I", fixed, at + 8, found.size & 0xFFFFFFFF)
    variables = []
    for number, offset, size in btf.variables(section):
        variable = btf.type(number)
        if variable.kind == kinds.VAR and btf.linkage(variable) != kinds.STATIC:
            symbol = symbols.get(variable.name)
            if symbol is None:
                raise ObjectError(
                    f"{elf.name}: the BTF describes a variable '{variable.name}' in section '{section.name}', "
                    "but no symbol has that name"
                )
            offset = symbol.value & 0xFFFFFFFF  # noqa: PLW2901 - what the compiler left out
            if _is_hidden(symbol):
                struct.pack_into(btf.byte_order + "I", fixed, btf.types_at + btf.offset(number) + 12, kinds.STATIC)
        variables.append((offset, number, size))
    for index, (offset, number, size) in enumerate(sorted(variables)):
        struct.pack_into(btf.byte_order + "III", fixed, at + 12 + 12 * index, number, offset, size)


def _is_hidden(symbol: Symbol) -> bool:
    return symbol.visibility in {STV_HIDDEN, STV_INTERNAL}
