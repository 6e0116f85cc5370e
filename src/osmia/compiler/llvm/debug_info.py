"""Debug info: the metadata from which LLVM makes BTF, line info and the source lines in the object."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from osmia.compiler.ir.types import PlaceType
from osmia.compiler.llvm.passing import Passing
from osmia.layout import (
    ArrayLayout,
    BigEndianLayout,
    BooleanLayout,
    BytesLayout,
    CharsLayout,
    EnumLayout,
    IntegerLayout,
    SpinLockLayout,
    StructLayout,
)

if TYPE_CHECKING:
    from enum import IntEnum

    from osmia.abi.context_member import ContextMember
    from osmia.compiler.ir import nodes as ir
    from osmia.compiler.location import Location
    from osmia.layout import Layout
    from osmia.types import Integer


def quoted(text: str) -> str:
    """A string as LLVM's assembly writes it."""
    return (
        '"'
        + "".join(
            chr(byte) if 0x20 <= byte < 0x7F and byte not in (0x22, 0x5C) else f"\\{byte:02X}" for byte in text.encode()
        )
        + '"'
    )


class DebugInfo:
    """The module's metadata nodes. Equal nodes are one; `distinct` ones never are."""

    def __init__(self, file: ir.SourceFile, sources: dict[str, ir.SourceFile]) -> None:
        self._sources = sources  # by the paths that places name
        self._lines: list[str] = []
        self._known: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._scope_files: dict[str, str] = {}
        self.globals: list[str] = []
        # The compile unit lists the globals, which are known only at the end: its number is taken now.
        self._unit = self._number("")
        self._unit_file = self.file(file)

    def node(self, text: str) -> str:
        """The number of a node with this text."""
        if text not in self._known:
            self._known[text] = self._number(text)
        return self._known[text]

    def distinct(self, text: str) -> str:
        """The number of a node that is like no other."""
        return self._number("distinct " + text)

    def file(self, file: ir.SourceFile) -> str:
        """A source file, with its whole text, so that line info shows it where there is no such file."""
        if file.path not in self._files:
            self._files[file.path] = self.node(
                f'!DIFile(filename: {quoted(file.relative)}, directory: ".", source: {quoted(file.text)})'
            )
        return self._files[file.path]

    def integer(self, of: type[Integer]) -> str:
        """The BTF integer called `u32` and so on."""
        return self._basic(of.__name__, of.bits, signed=of.signed)

    def layout(self, layout: Layout) -> str:
        """The BTF type of what lies in memory so."""
        match layout:
            case IntegerLayout(of=of):
                return self.integer(of)
            case BooleanLayout():
                return self.node('!DIBasicType(name: "bool", size: 8, encoding: DW_ATE_boolean)')
            case EnumLayout(of=of, storage=storage):
                return self._enumeration(of, storage)
            case BigEndianLayout(of=of, storage=storage):
                base = self.integer(storage)
                return self.node(f"!DIDerivedType(tag: DW_TAG_typedef, name: {quoted(of.__name__)}, baseType: {base})")
            case ArrayLayout(element=element, length=length):
                return self._array(self.layout(element), 8 * element.size, length)
            case CharsLayout(length=length):
                letter = self.node('!DIBasicType(name: "char", size: 8, encoding: DW_ATE_signed_char)')
                return self._array(letter, 8, length)
            case BytesLayout(size=size):
                return self._array(self._basic("u8", 8, signed=False), 8, size)
            case SpinLockLayout():
                member = self._member("val", self._basic("u32", 32, signed=False), 32, 0)
                return self._struct("bpf_spin_lock", 32, [member])
            case StructLayout():
                return self._struct_layout(layout)
            case _:
                assert_never(layout)

    def _struct_layout(self, layout: StructLayout) -> str:
        """A struct or union, with bit fields as C has them."""
        members = []
        for field in layout.fields:
            base = self.layout(field.layout)
            if field.bit_width is None:
                members.append(self._member(field.name, base, 8 * field.layout.size, 8 * field.offset))
                continue
            start = field.bit_offset // (8 * field.layout.size) * (8 * field.layout.size)
            members.append(
                self.node(
                    f"!DIDerivedType(tag: DW_TAG_member, name: {quoted(field.name)}, baseType: {base},"
                    f" size: {field.bit_width}, offset: {field.bit_offset}, flags: DIFlagBitField,"
                    f" extraData: i64 {start})"
                )
            )
        return self._struct(layout.name, 8 * layout.size, members, union=layout.union)

    def _struct(self, name: str, bits: int, members: list[str], *, union: bool = False) -> str:
        tag = "DW_TAG_union_type" if union else "DW_TAG_structure_type"
        return self.node(
            f"!DICompositeType(tag: {tag}, name: {quoted(name)}, size: {bits}, elements: {self.node_list(members)})"
        )

    def _enumeration(self, of: type[IntEnum], storage: type[Integer]) -> str:
        unsigned = "" if storage.signed else ", isUnsigned: true"
        members = [
            self.node(f"!DIEnumerator(name: {quoted(name)}, value: {int(member)}{unsigned})")
            for name, member in of.__members__.items()
        ]
        return self.node(
            f"!DICompositeType(tag: DW_TAG_enumeration_type, name: {quoted(of.__name__)},"
            f" baseType: {self.integer(storage)}, size: {storage.bits}, elements: {self.node_list(members)})"
        )

    def _basic(self, name: str, bits: int, *, signed: bool) -> str:
        encoding = "DW_ATE_signed" if signed else "DW_ATE_unsigned"
        return self.node(f"!DIBasicType(name: {quoted(name)}, size: {bits}, encoding: {encoding})")

    def pointer(self, to: str) -> str:
        """A pointer type."""
        return self.node(f"!DIDerivedType(tag: DW_TAG_pointer_type, baseType: {to}, size: 64)")

    def node_list(self, members: list[str]) -> str:
        """A list node."""
        return self.node(f"!{{{', '.join(members)}}}")

    def function(self, function: ir.Function, program: ir.Program, *, linked: bool) -> str:
        """A function that a program calls. The verifier reads from it what a global one is given."""
        passing = Passing(function)
        types = []
        for local in passing.by_register:
            if isinstance(local.type, PlaceType):
                types.append((local.name, self.pointer(self.layout(local.type.layout))))
            else:
                types.append((local.name, self._basic("i64", 64, signed=True)))
        if function.uses_context:
            types.insert(0, ("ctx", self._context(program)))
        if passing.frame:
            members = [
                self._member(f"v{index}", self._basic("i64", 64, signed=True), 64, 64 * index)
                for index in range(passing.frame)
            ]
            held = self._struct(f"osmia_frame{passing.frame}", 64 * passing.frame, members)
            types.append(("frame", self.pointer(held)))
        return self._subprogram(function.name, function.file, function.location.line, types, local=not linked)

    def _subprogram(
        self, name: str, file: ir.SourceFile, line: int, parameters: list[tuple[str, str]], *, local: bool
    ) -> str:
        """A function's node; each parameter needs a variable, or the kernel refuses the whole."""
        source = self.file(file)
        result = self._basic("i64", 64, signed=True)
        signature = self.node(f"!DISubroutineType(types: {self.node_list([result, *(of for _, of in parameters)])})")
        number = self._number("")
        self._scope_files[number] = source
        variables = [
            self.node(
                f"!DILocalVariable(name: {quoted(label)}, arg: {index}, scope: {number},"
                f" file: {source}, line: {line}, type: {of})"
            )
            for index, (label, of) in enumerate(parameters, start=1)
        ]
        flags = "DISPFlagLocalToUnit | DISPFlagDefinition" if local else "DISPFlagDefinition"
        self._lines[int(number[1:])] = (
            f"{number} = distinct !DISubprogram(name: {quoted(name)}, scope: {source}, file: {source},"
            f" line: {line}, type: {signature}, scopeLine: {line}, flags: DIFlagPrototyped,"
            f" spFlags: {flags} | DISPFlagOptimized, unit: {self._unit}, retainedNodes: {self.node_list(variables)})"
        )
        return number

    def _context(self, program: ir.Program) -> str:
        """A pointer to the context of a program's kind."""
        kind = program.kind
        if not kind.context_struct:
            return self.pointer(self._basic("u64", 64, signed=False))
        found = kind.context_members
        members = [
            self._member(each.name, self._context_member(each), 8 * (each.end - each.offset), 8 * each.offset)
            for each in found
        ]
        # C rounds a struct's size up to its widest member.
        wide = max(each.bits for each in found)
        size = -(8 * -max(each.end for each in found) // wide) * wide
        return self.pointer(self._struct(kind.context_struct, size, members))

    def _context_member(self, of: ContextMember) -> str:
        if of.pointer == "void":
            return self.pointer("null")
        if of.pointer:
            to = f"!DICompositeType(tag: DW_TAG_structure_type, name: {quoted(of.pointer)}, flags: DIFlagFwdDecl)"
            return self.pointer(self.node(to))
        number = self._basic(f"{'i' if of.signed else 'u'}{of.bits}", of.bits, signed=of.signed)
        return self._array(number, of.bits, of.length) if of.length else number

    def program(self, program: ir.Program) -> str:
        """The function: BTF needs its context parameter too, or the kernel refuses the whole."""
        file, line = self.file(program.file), program.location.line
        context = self._context(program)
        signature = self.node(
            f"!DISubroutineType(types: {self.node_list([self._basic('int', 32, signed=True), context])})"
        )
        return self._function(program.name, file, line, signature, [(program.context.name, context)])

    def callback(self, name: str, program: ir.Program, location: Location, parameters: tuple[str, ...]) -> str:
        """A function that a helper calls; its parameters are given as in LLVM: `ptr %frame`."""
        number, pointer = self._basic("long", 64, signed=True), self.pointer("null")
        types = [(each.partition("%")[2], pointer if each.startswith("ptr") else number) for each in parameters]
        listed = self.node_list([number, *(of for _, of in types)])
        signature = self.node(f"!DISubroutineType(types: {listed})")
        return self._function(name, self.file(program.file), location.line, signature, types, local=True)

    def _function(
        self, name: str, file: str, line: int, signature: str, parameters: list[tuple[str, str]], *, local: bool = False
    ) -> str:
        number = self._number("")
        self._scope_files[number] = file
        variables = [
            self.node(
                f"!DILocalVariable(name: {quoted(parameter)}, arg: {index}, scope: {number},"
                f" file: {file}, line: {line}, type: {of})"
            )
            for index, (parameter, of) in enumerate(parameters, 1)
        ]
        flags = "DISPFlagLocalToUnit | DISPFlagDefinition" if local else "DISPFlagDefinition"
        self._lines[int(number[1:])] = (
            f"{number} = distinct !DISubprogram(name: {quoted(name)}, scope: {file}, file: {file},"
            f" line: {line}, type: {signature}, scopeLine: {line}, flags: DIFlagPrototyped,"
            f" spFlags: {flags} | DISPFlagOptimized, unit: {self._unit},"
            f" retainedNodes: {self.node_list(variables)})"
        )
        return number

    def place(self, location: Location, scope: str) -> str:
        """A place in a function, or in one of another file that is written out in it."""
        file = self.file(self._sources[location.file])
        if file != self._scope_files[scope]:
            scope = self.node(f"!DILexicalBlockFile(scope: {scope}, file: {file}, discriminator: 0)")
        return self.node(f"!DILocation(line: {location.line}, column: {location.column}, scope: {scope})")

    def map(self, map_: ir.MapReference) -> tuple[int, str]:
        """A BTF-defined map: `__uint(n)` is a pointer to int[n], `__type(t)` a pointer to t. And its members' count."""
        declaration = map_.declaration
        members = [("type", self._uint(declaration.kind.type))]
        if declaration.key is not None:
            # What perf events are written into is no value: that is a file descriptor.
            descriptor = declaration.kind.values == "perf event"
            value = self._basic("u32", 32, signed=False) if descriptor else self.layout(map_.value)
            members.append(("key", self.pointer(self.layout(map_.key))))
            members.append(("value", self.pointer(value)))
        members.append(("max_entries", self._uint(declaration.max_entries)))
        if declaration.flags:
            members.append(("map_flags", self._uint(declaration.flags)))
        return len(members), self._global(map_.symbol, members)

    def variable(self, symbol: str, layout: Layout, *, constant: bool = False) -> str:
        """A global variable, which BTF lists in its section; a constant one is `const volatile`, as in C."""
        of = self.layout(layout)
        if constant:
            volatile = self.node(f"!DIDerivedType(tag: DW_TAG_volatile_type, baseType: {of})")
            of = self.node(f"!DIDerivedType(tag: DW_TAG_const_type, baseType: {volatile})")
        return self._listed(symbol, of)

    def error_counters(self, symbol: str, map_type: int, key: type[Integer], value: type[Integer], count: int) -> str:
        """The map that counts errors, which no source line declares."""
        members = [
            ("type", self._uint(map_type)),
            ("key", self.pointer(self.integer(key))),
            ("value", self.pointer(self.integer(value))),
            ("max_entries", self._uint(count)),
        ]
        return self._global(symbol, members)

    def _global(self, name: str, members: list[tuple[str, str]]) -> str:
        """A global of an anonymous struct of pointers."""
        elements = [self._member(label, base, 64, 64 * index) for index, (label, base) in enumerate(members)]
        struct = self.distinct(
            f"!DICompositeType(tag: DW_TAG_structure_type, size: {64 * len(members)},"
            f" elements: {self.node_list(elements)})"
        )
        return self._listed(name, struct)

    def _listed(self, name: str, of: str) -> str:
        """A global of a type."""
        variable = self.distinct(
            f"!DIGlobalVariable(name: {quoted(name)}, scope: {self._unit}, file: {self._unit_file}, line: 1,"
            f" type: {of}, isLocal: false, isDefinition: true)"
        )
        number = self.node(f"!DIGlobalVariableExpression(var: {variable}, expr: !DIExpression())")
        self.globals.append(number)
        return number

    def _member(self, name: str, base: str, bits: int, offset: int) -> str:
        return self.node(
            f"!DIDerivedType(tag: DW_TAG_member, name: {quoted(name)}, baseType: {base},"
            f" size: {bits}, offset: {offset})"
        )

    def _uint(self, number: int) -> str:
        """What a map definition's `__uint` holds: the number is an array's length, so it must fit BTF's u32."""
        return self.pointer(self._array(self._basic("int", 32, signed=True), 32, number))

    def _array(self, element: str, bits: int, length: int) -> str:
        """So many elements of so many bits each."""
        return self.node(
            f"!DICompositeType(tag: DW_TAG_array_type, baseType: {element}, size: {bits * length},"
            f" elements: {self.node_list([self.node(f'!DISubrange(count: {length})')])})"
        )

    def text(self) -> str:
        """All nodes, with the compile unit and the flags that turn on BTF and nothing else."""
        unit = (
            f'distinct !DICompileUnit(language: DW_LANG_C11, file: {self._unit_file}, producer: "osmia",'
            f" isOptimized: true, runtimeVersion: 0, emissionKind: DebugDirectivesOnly,"
            f" globals: {self.node_list(self.globals)}, nameTableKind: None)"
        )
        flags = [self.node('!{i32 7, !"Dwarf Version", i32 5}'), self.node('!{i32 2, !"Debug Info Version", i32 3}')]
        self._lines[int(self._unit[1:])] = f"{self._unit} = {unit}"
        header = [f"!llvm.dbg.cu = !{{{self._unit}}}", f"!llvm.module.flags = !{{{', '.join(flags)}}}"]
        return "\n".join([*header, *self._lines]) + "\n"

    def _number(self, text: str) -> str:
        number = f"!{len(self._lines)}"
        self._lines.append(f"{number} = {text}")
        return number
