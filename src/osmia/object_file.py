"""Object files: from the bytes that a compiler wrote to an ObjectSpec."""

from __future__ import annotations

import struct
from _bisect import bisect_right  # without the Python half of `bisect`, which costs start-up time

from osmia.abi import BPF_PSEUDO_CALL
from osmia.btf import kinds as btf_kinds
from osmia.btf.ext import read_btf_ext
from osmia.btf.fixup import EXTERN_SECTIONS, fix_sections
from osmia.btf.read import Btf
from osmia.elf import SHF_EXECINSTR, SHN_LORESERVE, SHN_UNDEF, SHT_PROGBITS, STB_LOCAL, STT_FUNC, read_elf
from osmia.errors import ObjectError
from osmia.kinds import KINDS, kind_of_section
from osmia.object_maps import read_maps
from osmia.spec import FunctionSpec, LineInfo, ObjectSpec, Relocation
from osmia.spec_details import ContextFieldSpec, ErrorSite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.btf.ext import BtfExt
    from osmia.elf import Elf, RelocationEntry, Section
    from osmia.object_maps import ObjectMaps

R_BPF_64_64 = 1
R_BPF_64_32 = 10

_SLOT = 8
_LD_IMM64 = 0x18
_CALL = 0x85
# A call whose distance the loader fills in.
_BLANK_CALL = struct.pack("<BBhi", _CALL, BPF_PSEUDO_CALL << 4, 0, -1)


def read_object(data: bytes, name: str) -> ObjectSpec:
    """Read a BPF object file: osmia's, or one of clang, Aya, bpf2go. `name` is for messages.

    ObjectError where it is damaged, or asks for what osmia does not have.
    """
    return _Reader(read_elf(data, name)).read()


class _Reader:
    """Reads one object. Functions lie in `functions` by section and start, so that addresses can be looked up."""

    def __init__(self, elf: Elf) -> None:
        self.elf = elf
        self.name = elf.name
        if elf.byte_order != "<":
            raise ObjectError(
                f"{self.name}: a big-endian object, but osmia loads little-endian ones: compile with -target bpfel"
            )
        self.btf = self._read_btf()
        self.ext = self._read_ext()
        self.maps: ObjectMaps = read_maps(elf, self.btf)
        self.functions: dict[int, dict[int, FunctionSpec]] = {}
        self.starts: dict[int, list[int]] = {}
        self.of_kernel: dict[str, str] = {}
        """The kernel's own functions that the object calls, with where it does first."""

    def read(self) -> ObjectSpec:
        sections = [section for section in self.elf.sections if _holds_code(section)]
        for section in sections:
            self._read_functions(section)
        for section in sections:
            self._read_types_and_lines(section)
        for section in sections:
            self._read_relocations(section)
        self._refuse_unsupported()
        programs, functions = self._by_name()
        spec = ObjectSpec(
            name=self.name,
            license=self._license(),
            programs=programs,
            functions=functions,
            maps=self.maps.maps,
            btf=self.btf.data if self.btf else b"",
            variables=self.maps.variables,
        )
        if notes := self.elf.section(".osmia"):
            _read_notes(spec, notes.data)
        return spec

    # BTF

    def _read_btf(self) -> Btf | None:
        section = self.elf.section(".BTF")
        return fix_sections(Btf(section.data, self.name), self.elf) if section else None

    def _read_ext(self) -> BtfExt | None:
        section = self.elf.section(".BTF.ext")
        if section is None:
            return None
        if self.btf is None:
            raise ObjectError(f"{self.name}: the file has a section '.BTF.ext' but no '.BTF' that it refers to")
        return read_btf_ext(section.data, self.btf)

    # Functions

    def _read_functions(self, section: Section) -> None:
        in_text = section.name == ".text" or section.name.startswith(".text.")
        kind = None if in_text else kind_of_section(section.name)
        if kind is None and not in_text:
            known = ", ".join(f"'{row.sections[0]}'" for row in KINDS.values())
            raise ObjectError(
                f"{self.name}: section '{section.name}' holds programs of a kind that osmia does not have; "
                f"it has {known}, and '.text' for subprograms"
            )
        functions: dict[int, FunctionSpec] = {}
        end = 0
        symbols = [symbol for symbol in self.elf.symbols if symbol.section == section.index and symbol.type == STT_FUNC]
        for symbol in sorted(symbols, key=lambda symbol: symbol.value):
            if (
                symbol.value != end
                or symbol.size == 0
                or symbol.size % _SLOT
                or symbol.value + symbol.size > section.size
            ):
                raise ObjectError(
                    f"{self.name}: function '{symbol.name}' is at bytes {symbol.value} to {symbol.value + symbol.size} "
                    f"of section '{section.name}' ({section.size} bytes), expected it to start at {end}, "
                    "where the one before it ends, and to have whole instructions"
                )
            start, end = end, symbol.value + symbol.size
            functions[start] = FunctionSpec(
                name=symbol.name,
                section=section.name,
                instructions=section.data[start:end],
                relocations=[],
                lines=[],
                # libbpf's rule: what others can see is a program, what they cannot is a subprogram.
                kind=None if symbol.binding == STB_LOCAL else kind,
            )
        if end != section.size:
            raise ObjectError(
                f"{self.name}: bytes {end} to {section.size} of section '{section.name}' belong to no function: "
                "the file's symbols are stripped or damaged"
            )
        self.functions[section.index] = functions
        self.starts[section.index] = list(functions)

    def _function_at(self, section: Section, offset: int, what: str) -> tuple[FunctionSpec, int]:
        """The function that a byte of a section is in, and the instruction's index in it."""
        if offset % _SLOT or not 0 <= offset < section.size:
            raise ObjectError(f"{self.name}: {what} is for byte {offset} of section '{section.name}', no instruction")
        starts = self.starts[section.index]
        start = starts[bisect_right(starts, offset) - 1]
        return self.functions[section.index][start], (offset - start) // _SLOT

    def _by_name(self) -> tuple[dict[str, FunctionSpec], dict[str, FunctionSpec]]:
        programs: dict[str, FunctionSpec] = {}
        subprograms: dict[str, FunctionSpec] = {}
        for functions in self.functions.values():
            for function in functions.values():
                other = programs.get(function.name) or subprograms.get(function.name)
                if other is not None:
                    raise ObjectError(
                        f"{self.name}: two functions are called '{function.name}', in sections '{other.section}' and "
                        f"'{function.section}': rename one of them"
                    )
                (programs if function.kind else subprograms)[function.name] = function
        return programs, subprograms

    # Types and lines of functions

    def _read_types_and_lines(self, section: Section) -> None:
        if self.ext is None or self.btf is None:
            return
        for offset, number in self.ext.functions.get(section.name, ()):
            function, index = self._function_at(section, offset, "function info")
            if index or self.btf.type(number).kind != btf_kinds.FUNC:
                raise ObjectError(
                    f"{self.name}: function info of BTF type {number} is for instruction {index} of '{function.name}', "
                    "expected a FUNC at a function's start"
                )
            function.btf_type_id = number
        text: dict[int, str] = {}
        for offset, file_at, line_at, position in self.ext.lines.get(section.name, ()):
            function, index = self._function_at(section, offset, "line info")
            for at in (file_at, line_at):
                if at not in text:
                    text[at] = self.btf.text(at)
            function.lines.append(LineInfo(index, text[file_at], position >> 10, position & 1023, text[line_at]))
            if function.line_records is None:
                function.line_records = []
            function.line_records.append((index, file_at, line_at, position))

    # Relocations

    def _read_relocations(self, section: Section) -> None:
        relocated = set()
        for entry in self.elf.relocations(section):
            function, index = self._function_at(section, entry.offset, "a relocation")
            if (function.name, index) in relocated:
                raise ObjectError(f"{self._where(function, index)}: an instruction with two relocations")
            relocated.add((function.name, index))
            self._relocate(function, index, entry)
        for start, function in self.functions[section.index].items():
            self._find_calls(section, start, function, relocated)
            function.relocations.sort(key=lambda relocation: relocation.offset)

    def _relocate(self, function: FunctionSpec, index: int, entry: RelocationEntry) -> None:
        where = self._where(function, index)
        symbol = entry.symbol
        if symbol.section == SHN_UNDEF and self._extern_section(symbol.name) == ".ksyms":
            self.of_kernel.setdefault(symbol.name, where)
            return
        if symbol.section == SHN_UNDEF or symbol.section >= SHN_LORESERVE:
            raise self._undefined(where, symbol.name)
        at = index * _SLOT
        opcode, registers, _, addend = struct.unpack_from("<BBhi", function.instructions, at)
        target = self.elf.sections[symbol.section]
        expected = {R_BPF_64_64: _LD_IMM64, R_BPF_64_32: _CALL}.get(entry.type)
        if opcode != expected:
            raise ObjectError(
                f"{where}: relocation {entry.type} of an instruction with opcode {opcode:#04x}; osmia knows "
                f"{R_BPF_64_64} (of {_LD_IMM64:#04x}, an address) and {R_BPF_64_32} (of {_CALL:#04x}, a call)"
            )
        if opcode == _CALL:
            if registers >> 4 != BPF_PSEUDO_CALL or target.index not in self.functions:
                raise ObjectError(
                    f"{where}: a call of '{symbol.name or target.name}', which is no function of this file"
                )
            callee = self._callee(where, target, symbol.value + (addend + 1) * _SLOT)
            relocation = Relocation(index, "call", callee)
            function.instructions = _put(function.instructions, at, _BLANK_CALL)
        else:
            if at + 2 * _SLOT > len(function.instructions):
                raise ObjectError(f"{where}: the load of an address, which is cut short by the end of the function")
            relocation = self._address(where, index, target, symbol.name, symbol.value + addend)
            # The loader says what the address is of; what the compiler left in the instruction is in the relocation.
            blank = struct.pack("<BBhiIi", _LD_IMM64, registers & 15, 0, 0, 0, 0)
            function.instructions = _put(function.instructions, at, blank)
        function.relocations.append(relocation)

    def _address(self, where: str, index: int, target: Section, symbol: str, offset: int) -> Relocation:
        """A relocation of an instruction that loads an address."""
        if target.index in self.maps.definitions:
            name = self.maps.places.get((target.index, offset))
            if name is None:
                raise ObjectError(f"{where}: refers to byte {offset} of section '{target.name}', where no map starts")
            return Relocation(index, "map", name)
        if target.index in self.maps.data:
            if not 0 <= offset < target.size:
                raise ObjectError(
                    f"{where}: refers to byte {offset} of section '{target.name}', which has {target.size}"
                )
            return Relocation(index, "data", target.name, offset)
        if target.index in self.maps.arenas:
            if not 0 <= offset < target.size:
                raise ObjectError(
                    f"{where}: refers to byte {offset} of section '{target.name}', which has {target.size}"
                )
            return Relocation(index, "data", self.maps.arenas[target.index].name, offset)
        if target.index in self.functions:
            return Relocation(index, "function", self._callee(where, target, offset))
        raise ObjectError(
            f"{where}: refers to '{symbol or target.name}' in section '{target.name}', which osmia does not load: "
            "data belongs in .data, .rodata or .bss, maps in .maps"
        )

    def _callee(self, where: str, target: Section, offset: int) -> str:
        found = self.functions[target.index].get(offset)
        if found is None:
            raise ObjectError(f"{where}: refers to byte {offset} of section '{target.name}', where no function starts")
        return found.name

    def _find_calls(
        self, section: Section, start: int, function: FunctionSpec, relocated: set[tuple[str, int]]
    ) -> None:
        """Calls inside a section carry no relocation: the compiler has filled the distance in."""
        for index in _find_opcode(function.instructions, _CALL):
            if (function.name, index) in relocated:
                continue
            registers, distance = struct.unpack_from("<xBxxi", function.instructions, index * _SLOT)
            if registers >> 4 == BPF_PSEUDO_CALL:
                offset = start + (index + 1 + distance) * _SLOT
                callee = self._callee(self._where(function, index), section, offset)
                function.relocations.append(Relocation(index, "call", callee))
                function.instructions = _put(function.instructions, index * _SLOT, _BLANK_CALL)
            elif registers >> 4:
                raise self._by_number(function, index)
        for index in _find_opcode(function.instructions, _LD_IMM64):
            if (function.name, index) not in relocated and function.instructions[index * _SLOT + 1] >> 4:
                raise self._by_number(function, index)

    def _by_number(self, function: FunctionSpec, index: int) -> ObjectError:
        return ObjectError(
            f"{self._where(function, index)}: refers by number to something of the kernel it was made on, "
            "which may be anything here: keep the compiler's relocations in the file"
        )

    # What osmia does not do

    def _undefined(self, where: str, name: str) -> ObjectError:
        section = self._extern_section(name)
        if section == ".ksyms":
            return self._of_kernel({name: where})
        if section == ".kconfig":
            return ObjectError(
                f"{where}: '{name}' is a setting of the kernel's configuration (.kconfig), which osmia cannot read "
                "yet: use a constant in its place"
            )
        return ObjectError(f"{where}: '{name}' is defined nowhere in this file: define it, or link the file with it")

    def _of_kernel(self, names: dict[str, str]) -> ObjectError:
        """The error of functions and variables of the kernel's: all of them, where there are several."""
        if len(names) == 1:
            ((name, where),) = names.items()
            return ObjectError(
                f"{where}: '{name}' is a function or variable of the kernel (.ksyms), which osmia cannot link yet: "
                "use a helper in its place"
            )
        found = "".join(f"\n  {where}: '{name}'" for name, where in names.items())
        return ObjectError(
            f"{self.name}: these are functions or variables of the kernel (.ksyms), which osmia cannot link yet: use "
            f"helpers in their place{found}"
        )

    def _extern_section(self, name: str) -> str | None:
        for section in self.btf.of_kind(btf_kinds.DATASEC) if self.btf else ():
            if section.name in EXTERN_SECTIONS and self.btf:
                names = (self.btf.type(number).name for number, _, _ in self.btf.variables(section))
                if name in names:
                    return section.name
        return None

    def _refuse_unsupported(self) -> None:
        """Whatever an object asks of the loader beyond relocations."""
        if self.of_kernel:
            raise self._of_kernel(self.of_kernel)
        for section, relocations in self.ext.core.items() if self.ext and self.btf else ():
            if not relocations:
                continue
            assert self.btf is not None
            offset, number, access_at, _ = relocations[0]
            found = self.elf.section(section)
            if found is None or found.index not in self.functions:
                raise ObjectError(f"{self.name}: CO-RE relocations of section '{section}', which holds no code")
            where = self._where(*self._function_at(found, offset, "a CO-RE relocation"))
            of = self.btf.type(number)
            raise ObjectError(
                f"{where}: the place of '{self.btf.string(access_at)}' in the kernel's "
                f"{btf_kinds.NAMES[of.kind].lower()} {of.name or '(anonymous)'} has to be looked up when the program "
                "is loaded (CO-RE), which osmia cannot do yet: compile without preserve_access_index"
            )
        for externs in self.btf.of_kind(btf_kinds.DATASEC) if self.btf else ():
            if externs.name in EXTERN_SECTIONS and self.btf:
                names = [self.btf.type(number).name for number, _, _ in self.btf.variables(externs)]
                raise self._undefined(self.name, names[0] if names else externs.name)

    # Odds and ends

    def _license(self) -> str:
        section = self.elf.section("license")
        if section is None:
            return ""
        text = section.data.split(b"\0", 1)[0]
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise ObjectError(f"{self.name}: the licence is no UTF-8: {text!r}") from error

    def _where(self, function: FunctionSpec, index: int) -> str:
        """Where an instruction is, for messages."""
        line = None
        for candidate in function.lines:
            if candidate.offset > index:
                break
            line = candidate
        source = f", {line.file}:{line.line}" if line else ""
        return f"{self.name}: '{function.name}' (section '{function.section}', instruction {index}{source})"


def _holds_code(section: Section) -> bool:
    return section.type == SHT_PROGBITS and bool(section.flags & SHF_EXECINSTR) and section.size > 0


def _find_opcode(instructions: bytes, opcode: int) -> Iterator[int]:
    """The indices of the slots that start with an opcode; the second slot of an instruction starts with 0."""
    opcodes = instructions[::_SLOT]
    index = opcodes.find(opcode)
    while index >= 0:
        yield index
        index = opcodes.find(opcode, index + 1)


def _put(instructions: bytes, at: int, replacement: bytes) -> bytes:
    return instructions[:at] + replacement + instructions[at + len(replacement) :]


def _read_notes(spec: ObjectSpec, data: bytes) -> None:
    """What osmia's compiler notes in the section `.osmia`: one `key value` a line."""
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        raise ObjectError(f"{spec.name}: section '.osmia' is no UTF-8") from error
    spec.on_error, spec.error_sites, spec.arguments, spec.context_fields = {}, {}, {}, {}
    for line in lines:
        if not line:
            continue
        key, _, value = line.partition(" ")
        if key == "target":
            spec.target = value
        elif key == "error":
            _read_error_value(spec, value)
        elif key == "site":
            _read_error_site(spec, value)
        elif key == "argument":
            _read_argument(spec, value)
        elif key == "field":
            _read_context_field(spec, value)
        elif key == "each_cpu":
            _read_each_cpu(spec, value)
        elif key == "log":
            _read_log(spec, value)
        elif key == "mark":
            spec.marks = [*(spec.marks or ()), value]
        else:
            raise ObjectError(
                f"{spec.name}: section '.osmia' has a line {line!r} that this osmia does not know: "
                "the file was made by a newer one"
            )


def _read_error_value(spec: ObjectSpec, value: str) -> None:
    program, _, number = value.strip().partition(" ")
    if spec.on_error is None or program not in spec.programs or not number.lstrip("-").isdecimal():
        raise ObjectError(f"{spec.name}: section '.osmia': 'error {value}', expected 'error <program> <value>'")
    spec.on_error[program] = int(number)


def _read_error_site(spec: ObjectSpec, value: str) -> None:
    place, _, problem = value.partition("\t")
    program, _, rest = place.partition(" ")
    line, _, file = rest.partition(" ")
    if spec.error_sites is None or program not in spec.programs or not line.isdecimal() or not file:
        raise ObjectError(
            f"{spec.name}: section '.osmia': 'site {value}', expected 'site <program> <line> <file>\\t<problem>'"
        )
    spec.error_sites.setdefault(program, []).append(ErrorSite(file, int(line), problem))


def _read_argument(spec: ObjectSpec, value: str) -> None:
    parts = value.split(" ")
    if spec.arguments is None or len(parts) != 3 or parts[0] not in spec.programs:
        raise ObjectError(
            f"{spec.name}: section '.osmia': 'argument {value}', expected 'argument <program> <name> <type>'"
        )
    spec.arguments.setdefault(parts[0], []).append((parts[1], parts[2]))


def _read_each_cpu(spec: ObjectSpec, value: str) -> None:
    of = spec.maps.get(value)
    if of is None:
        raise ObjectError(f"{spec.name}: section '.osmia': 'each_cpu {value}', expected 'each_cpu <map>'")
    of.each_cpu = True


_FORMS = ("elements", "chars", "data_loc")


def _read_context_field(spec: ObjectSpec, value: str) -> None:
    program, *rest = value.split(" ")
    numbers, form, length = rest[1:4], "".join(rest[4:5]), rest[5:]
    known = len(rest) == 4 or (len(rest) == 6 and form in _FORMS)
    if spec.context_fields is None or not known or program not in spec.programs or not _decimal([*numbers, *length]):
        raise ObjectError(
            f"{spec.name}: section '.osmia': 'field {value}', "
            f"expected 'field <program> <name> <offset> <size> <signed>', and one of {', '.join(_FORMS)} with a length"
        )
    offset, size, signed = map(int, numbers)
    of = ContextFieldSpec(rest[0], offset, size, bool(signed), form, int("".join(length) or "0"))
    if form == "elements" and (not of.length or size // of.length not in (1, 2, 4, 8) or size % of.length):
        raise ObjectError(f"{spec.name}: section '.osmia': 'field {value}': {size} bytes are no {of.length} numbers")
    spec.context_fields.setdefault(program, []).append(of)


def _read_log(spec: ObjectSpec, value: str) -> None:
    from osmia.logs.note import format_of

    format_of(value, spec.name)  # who delivers what it logs could tell nobody
    spec.logs = [*(spec.logs or ()), value]


def _decimal(numbers: list[str]) -> bool:
    return all(each.isdecimal() for each in numbers)
