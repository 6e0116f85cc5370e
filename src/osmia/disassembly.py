"""The disassembler: instructions as text in LLVM's syntax, with the source lines they come from."""

from __future__ import annotations

import struct
from bisect import bisect_right

from osmia.abi import BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL
from osmia.abi import instruction as isa
from osmia.abi.generated import helper_ids
from osmia.btf.ext import read_btf_ext
from osmia.btf.read import Btf
from osmia.elf import SHF_EXECINSTR, SHT_PROGBITS, STT_SECTION, read_elf
from osmia.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.abi.instruction import Instruction
    from osmia.elf import Elf, Section

_OPERATORS = {
    isa.ADD: "+=",
    isa.SUB: "-=",
    isa.MUL: "*=",
    isa.DIV: "/=",
    isa.OR: "|=",
    isa.AND: "&=",
    isa.LSH: "<<=",
    isa.RSH: ">>=",
    isa.MOD: "%=",
    isa.XOR: "^=",
    isa.ARSH: "s>>=",
}
_SIGNED_OPERATORS = {isa.DIV: "s/=", isa.MOD: "s%="}
_COMPARISONS = {
    isa.JEQ: "==",
    isa.JGT: ">",
    isa.JGE: ">=",
    isa.JSET: "&",
    isa.JNE: "!=",
    isa.JSGT: "s>",
    isa.JSGE: "s>=",
    isa.JLT: "<",
    isa.JLE: "<=",
    isa.JSLT: "s<",
    isa.JSLE: "s<=",
}
_SIZES = {isa.B: 8, isa.H: 16, isa.W: 32, isa.DW: 64}
_ATOMIC_OPERATORS = {isa.ADD: "+=", isa.OR: "|=", isa.AND: "&=", isa.XOR: "^="}
_ATOMIC_NAMES = {isa.ADD: "add", isa.OR: "or", isa.AND: "and", isa.XOR: "xor"}
_HELPERS = {
    number: name.replace("BPF_FUNC", "bpf", 1)
    for name, number in vars(helper_ids).items()
    if name.startswith("BPF_FUNC_")
}
# Jumps without a comparison: the fields that are zero, and the text.
_PLAIN_JUMPS = {
    isa.JMP | isa.JA: ("dsi", "goto {0.offset:+}"),
    isa.JMP32 | isa.JA: ("dso", "gotol {0.immediate:+}"),
    isa.JMP | isa.JA | isa.X: ("soi", "gotox r{0.destination}"),
    isa.JMP | isa.JCOND: ("dsi", "may_goto {0.offset:+}"),
    isa.JMP | isa.CALL: ("d", "call {0.immediate}"),
    isa.JMP | isa.CALL | isa.X: ("soi", "callx r{0.destination}"),
    isa.JMP | isa.EXIT: ("dsoi", "exit"),
}
# What a call's source register says it is of: a helper, a function, or a function of the kernel.
_LAST_CALL = BPF_PSEUDO_KFUNC_CALL
_UNKNOWN = "<unknown>"


# One instruction


def instruction_text(instruction: Instruction) -> str:
    """One instruction in LLVM's syntax, `<unknown>` where no kernel up to 6.18 has it."""
    return _TEXTS[instruction.opcode & 7](instruction) or _UNKNOWN


def _alu(instruction: Instruction) -> str | None:
    wide = instruction.opcode & 7 == isa.ALU64
    letter = "r" if wide else "w"
    target = f"{letter}{instruction.destination}"
    operation, by_register = instruction.opcode & 0xF0, bool(instruction.opcode & isa.X)
    if operation == isa.END:
        return _swap(instruction)
    if operation == isa.NEG:
        return None if by_register or _used(instruction, "soi") else f"{target} = -{target}"
    if _used(instruction, "i" if by_register else "s"):
        return None
    operand = f"{letter}{instruction.source}" if by_register else str(instruction.immediate)
    if operation == isa.MOV:
        if instruction.offset == 0:
            return f"{target} = {operand}"
        if by_register and instruction.offset in ((8, 16, 32) if wide else (8, 16)):
            return f"{target} = (s{instruction.offset}){operand}"
        return None
    operators = {0: _OPERATORS, 1: _SIGNED_OPERATORS}.get(instruction.offset, {})
    return f"{target} {operators[operation]} {operand}" if operation in operators else None


def _alu64(instruction: Instruction) -> str | None:
    if instruction.opcode == isa.ALU64 | isa.MOV | isa.X and instruction.offset == 1:
        to, from_ = instruction.immediate >> 16 & 0xFFFF, instruction.immediate & 0xFFFF
        return f"r{instruction.destination} = addr_space_cast(r{instruction.source}, {to}, {from_})"
    return _alu(instruction)


def _swap(instruction: Instruction) -> str | None:
    if _used(instruction, "so") or instruction.immediate not in {16, 32, 64}:
        return None
    names = {isa.ALU: "le", isa.ALU | isa.X: "be", isa.ALU64: "bswap"}
    name = names.get(instruction.opcode & 15)
    return name and f"r{instruction.destination} = {name}{instruction.immediate} r{instruction.destination}"


def _jump(instruction: Instruction) -> str | None:
    operation, by_register = instruction.opcode & 0xF0, bool(instruction.opcode & isa.X)
    if operation in _COMPARISONS:
        if _used(instruction, "i" if by_register else "s"):
            return None
        letter = "r" if instruction.opcode & 7 == isa.JMP else "w"
        operand = f"{letter}{instruction.source}" if by_register else str(instruction.immediate)
        comparison = f"{letter}{instruction.destination} {_COMPARISONS[operation]} {operand}"
        return f"if {comparison} goto {instruction.offset:+}"
    if instruction.opcode not in _PLAIN_JUMPS:
        return None
    zero, text = _PLAIN_JUMPS[instruction.opcode]
    if _used(instruction, zero) or (operation == isa.CALL and not by_register and instruction.source > _LAST_CALL):
        return None
    return text.format(instruction)


def _load(instruction: Instruction) -> str | None:
    if instruction.opcode == isa.LD_IMM64:
        return None if _used(instruction, "o") else f"r{instruction.destination} = {instruction.immediate} ll"
    mode, bits = instruction.opcode & 0xE0, _SIZES[instruction.opcode & 0x18]
    if bits != 64 and mode == isa.ABS and not _used(instruction, "dso"):
        return f"r0 = *(u{bits} *)skb[{instruction.immediate}]"
    if bits != 64 and mode == isa.IND and not _used(instruction, "doi"):
        return f"r0 = *(u{bits} *)skb[r{instruction.source}]"
    return None


def _load_register(instruction: Instruction) -> str | None:
    mode, bits = instruction.opcode & 0xE0, _SIZES[instruction.opcode & 0x18]
    if _used(instruction, "i"):
        return None
    place = _place(instruction.source, instruction.offset)
    if mode == isa.MEM:
        return f"{_register(bits, instruction.destination)} = *(u{bits} *)({place})"
    if mode == isa.MEMSX and bits != 64:
        return f"r{instruction.destination} = *(s{bits} *)({place})"
    return None


def _store(instruction: Instruction) -> str | None:
    mode, bits = instruction.opcode & 0xE0, _SIZES[instruction.opcode & 0x18]
    if mode != isa.MEM or _used(instruction, "s"):
        return None
    return f"*(u{bits} *)({_place(instruction.destination, instruction.offset)}) = {instruction.immediate}"


def _store_register(instruction: Instruction) -> str | None:
    mode, bits = instruction.opcode & 0xE0, _SIZES[instruction.opcode & 0x18]
    place = _place(instruction.destination, instruction.offset)
    if mode == isa.ATOMIC:
        return _atomic(instruction, bits, place)
    if mode != isa.MEM or _used(instruction, "i"):
        return None
    return f"*(u{bits} *)({place}) = {_register(bits, instruction.source)}"


def _atomic(instruction: Instruction, bits: int, place: str) -> str | None:
    operation = instruction.immediate
    operand = _register(bits, instruction.source)
    if operation == isa.LOAD_ACQUIRE:
        place = _place(instruction.source, instruction.offset)
        return f"{_register(bits, instruction.destination)} = load_acquire((u{bits} *)({place}))"
    if operation == isa.STORE_RELEASE:
        return f"store_release((u{bits} *)({place}), {operand})"
    if bits < 32:
        return None
    if operation in _ATOMIC_OPERATORS:
        return f"lock *(u{bits} *)({place}) {_ATOMIC_OPERATORS[operation]} {operand}"
    suffix = "_64" if bits == 64 else "32_32"
    if operation == isa.XCHG:
        return f"{operand} = xchg{suffix}({place}, {operand})"
    if operation == isa.CMPXCHG:
        result = _register(bits, 0)
        return f"{result} = cmpxchg{suffix}({place}, {result}, {operand})"
    if operation & isa.FETCH and operation - isa.FETCH in _ATOMIC_NAMES:
        return f"{operand} = atomic_fetch_{_ATOMIC_NAMES[operation - isa.FETCH]}((u{bits} *)({place}), {operand})"
    return None


def _register(bits: int, number: int) -> str:
    return f"{'r' if bits == 64 else 'w'}{number}"


def _place(register: int, offset: int) -> str:
    return f"r{register} {'-' if offset < 0 else '+'} {abs(offset)}"


def _used(instruction: Instruction, fields: str) -> bool:
    """Whether any of these fields, which this instruction leaves zero, holds something."""
    values = {
        "d": instruction.destination,
        "s": instruction.source,
        "o": instruction.offset,
        "i": instruction.immediate,
    }
    return any(values[field] for field in fields)


_TEXTS = {
    isa.LD: _load,
    isa.LDX: _load_register,
    isa.ST: _store,
    isa.STX: _store_register,
    isa.ALU: _alu,
    isa.JMP: _jump,
    isa.JMP32: _jump,
    isa.ALU64: _alu64,
}


# A whole object


def objdump(data: bytes, name: str, section: str | None = None) -> str:
    """What `llvm-objdump -S` prints of an object: its code, with source lines, slots, bytes and instructions.

    `section` chooses one section. Beyond LLVM's text, calls name the helper or the function, and loads of an address
    the map or the variable. ObjectError where the object is damaged or has no such section.
    """
    elf = read_elf(data, name)
    code = [
        found for found in elf.sections if found.type == SHT_PROGBITS and found.flags & SHF_EXECINSTR and found.size
    ]
    if section is not None:
        known = ", ".join(f"'{found.name}'" for found in code) or "none"
        code = [found for found in code if found.name == section]
        if not code:
            raise ObjectError(f"{name}: no section '{section}' with code in it; the sections with code are: {known}")
    lines = _source_lines(elf)
    parts = [f"\n{name}:\tfile format elf64-bpf"]
    for found in code:
        parts.append(f"\nDisassembly of section {found.name}:\n")
        parts += _SectionText(elf, found).lines(lines.get(found.name, {}))
    return "\n".join(parts) + "\n"


def _source_lines(elf: Elf) -> dict[str, dict[int, str]]:
    """By section and offset in bytes: the source line that starts there, where it is another than before."""
    types, ext = elf.section(".BTF"), elf.section(".BTF.ext")
    if types is None or ext is None:
        return {}
    btf = Btf(types.data, elf.name)
    found: dict[str, dict[int, str]] = {}
    for section, records in read_btf_ext(ext.data, btf).lines.items():
        lines = found.setdefault(section, {})
        before = None
        for offset, file_at, line_at, position in records:
            place = (file_at, position >> 10)
            # Line 0: the compiler's own code, which comes from no line.
            if position >> 10 == 0:
                continue
            if place != before:
                lines[offset] = btf.text(line_at) or f"{btf.text(file_at)}:{position >> 10}"
            before = place
    return found


class _SectionText:
    """The text of one section of code."""

    def __init__(self, elf: Elf, section: Section) -> None:
        self.elf = elf
        self.section = section
        self.relocations = {entry.offset: entry for entry in elf.relocations(section)}
        symbols = [
            (symbol.value, symbol.name)
            for symbol in elf.symbols
            if symbol.section == section.index and symbol.type != STT_SECTION and symbol.name
        ]
        self.symbols = dict(sorted(symbols))
        self.starts = list(self.symbols)

    def lines(self, source: dict[int, str]) -> list[str]:
        """Symbols, source lines and instructions in their order."""
        text = []
        data, slot = self.section.data, 0
        try:
            instructions = isa.decode(data, self.elf.byte_order)
        except ObjectError as error:
            raise ObjectError(f"{self.elf.name}: section '{self.section.name}': {error}") from error
        for instruction in instructions:
            offset = slot * isa.SLOT
            if offset in self.symbols:
                text += [*([""] if slot else []), f"{offset:016x} <{self.symbols[offset]}>:"]
            if offset in source:
                text.append(f"; {source[offset]}")
            raw = data[offset : offset + instruction.slots * isa.SLOT].hex(" ")
            text.append(f"{slot:8}:\t{raw}\t{instruction_text(instruction)}{self._annotation(instruction, offset)}")
            slot += instruction.slots
        return text

    def _annotation(self, instruction: Instruction, offset: int) -> str:
        """What the operand of a jump, a call or a load stands for: ` <name>`."""
        entry = self.relocations.get(offset)
        if entry is not None:
            return f" <{self._target(offset)}>"
        kind, operation = instruction.opcode & 7, instruction.opcode & 0xF0
        if kind not in {isa.JMP, isa.JMP32} or operation == isa.EXIT or instruction_text(instruction) == _UNKNOWN:
            return ""
        if instruction.opcode & isa.X and operation in {isa.JA, isa.CALL}:
            return ""
        if operation == isa.CALL and instruction.source == 0:
            name = _HELPERS.get(instruction.immediate)
            return f" <{name}>" if name else ""
        if operation == isa.CALL and instruction.source != BPF_PSEUDO_CALL:
            return ""
        by_immediate = operation == isa.CALL or instruction.opcode == isa.JMP32 | isa.JA
        distance = instruction.immediate if by_immediate else instruction.offset
        return self._place(offset + (1 + distance) * isa.SLOT)

    def _target(self, offset: int) -> str:
        """The symbol that the relocation at an offset refers to."""
        entry = self.relocations[offset]
        symbol = entry.symbol
        if symbol.type != STT_SECTION or not 0 < symbol.section < len(self.elf.sections):
            return symbol.name
        target = self.elf.sections[symbol.section]
        # A section's own symbol: the place in it is what the compiler left in the instruction.
        data = self.section.data
        (addend,) = struct.unpack_from(self.elf.byte_order + "i", data, offset + 4)
        if data[offset] == isa.JMP | isa.CALL:
            addend = (addend + 1) * isa.SLOT
        for other in self.elf.symbols:
            if other.section == target.index and other.type != STT_SECTION and other.name and other.value == addend:
                return other.name
        return f"{target.name}+{addend:#x}" if addend else target.name

    def _place(self, offset: int) -> str:
        index = bisect_right(self.starts, offset) - 1
        if index < 0 or offset > self.section.size:
            return ""
        start = self.starts[index]
        distance = f"+{offset - start:#x}" if offset != start else ""
        return f" <{self.symbols[start]}{distance}>"
