"""read_object: what it makes of real objects is what libbpf makes of them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

import compiled
import libbpf
from osmia.btf import kinds
from osmia.btf.read import Btf
from osmia.elf import read_elf
from osmia.errors import ObjectError
from osmia.kinds import KINDS
from osmia.object_file import read_object
from osmia.spec import LineInfo, MapSpec, ObjectSpec, Relocation
from osmia.spec_details import ErrorSite, VariableSpec
from system_packages import tool

if TYPE_CHECKING:
    from pathlib import Path

# Several programs, subprograms of every sort, every sort of data.
MANY = """
struct { __uint(type, 6); __uint(max_entries, 2); __type(key, u32); __type(value, u64); } packets SEC(".maps");
struct { __uint(type, 1); __uint(max_entries, 64); __uint(key_size, 8); __uint(value_size, 24); __uint(map_flags, 1); }
    flows SEC(".maps");
struct pair { u32 a, b; };
struct { __uint(type, 2); __uint(max_entries, 7); __type(key, u32); __type(value, struct pair[3]);
         __uint(key_size, 4); __uint(value_size, 24); __uint(pinning, 0); } pairs SEC(".maps");

u64 zeroes[3]; static volatile u32 hidden_zero; u64 seven = 7; static volatile u64 eight = 8; u32 nine[2] = {9, 10};
const volatile u32 setting = 53; static const char text[] = "some text";
u32 shy __hidden = 3; const volatile u32 other SEC(".rodata.other") = 1; u32 mine SEC(".data.mine") = 4;
static volatile u32 only SEC(".data.only") = 5;

static __noinline u32 in_text(u32 x) { return x * nine[1] + eight; }
__noinline u32 visible(u32 x) { return in_text(x) + in_text(x + 1); }
__noinline __hidden u32 concealed(u32 x) { return x + seven + bpf_ktime_get_ns(); }
static __noinline SEC("xdp") u32 beside(u32 x) { return x + hidden_zero + bpf_ktime_get_ns(); }
static long step(u32 index, u32 *sum) { *sum += index + visible(index); return 0; }

SEC("xdp") int first(struct xdp_md *ctx) {
    u32 key = 1, sum = 0;
    u64 *value = bpf_map_lookup_elem(&packets, &key);
    if (value) *value += seven++;
    bpf_loop(10, step, &sum, 0);
    hidden_zero = 5;
    return beside(sum) + concealed(2) > 1;
}
SEC("xdp") int second(struct xdp_md *ctx) {
    u64 key = 1, *value = bpf_map_lookup_elem(&flows, &key);
    u32 index = ctx->rx_queue_index; void *unused = bpf_map_lookup_elem(&pairs, &index);
    if (unused) zeroes[2] += ((const volatile char *)text)[index & 7];
    return value ? beside(setting) : in_text(other + mine + only + shy + eight + nine[1]);
}
SEC("xdp/third") int third(struct xdp_md *ctx) { return 2; }
"""


def spec_of(source: str, *options: str) -> ObjectSpec:
    return read_object(compiled.c_object(source, *options), "many.o")


def test_the_counter_is_read_whole() -> None:
    data = compiled.counter()
    spec = read_object(data, "counter.o")
    program = spec.programs["count"]
    assert (spec.name, spec.license, spec.functions, spec.target) == ("counter.o", "GPL", {}, "")
    assert (spec.on_error, spec.error_sites) == (None, None)
    assert list(spec.programs) == ["count"]
    assert spec.maps == {"counter": MapSpec("counter", 6, 4, 8, 1, btf_key_type_id=8, btf_value_type_id=10)}
    assert (program.name, program.section, program.kind) == ("count", "xdp", KINDS["xdp"])
    assert program.relocations == [Relocation(4, "map", "counter")]
    assert len(program.instructions) == 13 * 8
    assert program.instructions[4 * 8 : 6 * 8] == bytes([0x18, 1]) + bytes(14)
    file = "/code/counter.py"
    assert program.lines == [
        LineInfo(0, file, 6, 0, "def count(ctx: xdp_md) -> i32:"),
        LineInfo(1, file, 7, 9, "    v = counter.lookup(0)"),
        LineInfo(7, file, 8, 8, "    if v is not None:"),
        LineInfo(8, file, 9, 9, "        v[0] += 1"),
        LineInfo(11, file, 10, 5, "    return XDP_PASS"),
    ]
    assert program.line_records is not None
    for line, (index, file_at, line_at, position) in zip(program.lines, program.line_records, strict=True):
        strings = spec.btf[24 + struct.unpack_from("<I", spec.btf, 16)[0] :]
        assert (index, position) == (line.offset, line.line << 10 | line.column)
        assert strings[file_at:].startswith(line.file.encode() + b"\0")
        assert strings[line_at:].startswith(line.text.encode() + b"\0")
    assert program.btf_type_id == 16


@pytest.mark.parametrize("cpu", ["v1", "v2", "v3"])
def test_maps_programs_and_btf_are_those_of_libbpf(cpu: str) -> None:
    # libbpf takes no static functions beside programs, and hides functions only when it loads them.
    source = MANY.replace('static __noinline SEC("xdp")', "static __noinline").replace("__hidden u32", "u32")
    data = compiled.c_object(source, f"-mcpu={cpu}")
    ours, theirs = read_object(data, "many.o"), libbpf.read(data)
    assert {
        name: (
            spec.type,
            spec.key_size,
            spec.value_size,
            spec.max_entries,
            spec.flags,
            spec.map_extra,
            spec.btf_key_type_id,
            spec.btf_value_type_id,
        )
        for name, spec in ours.maps.items()
    } == {name: found[:8] for name, found in theirs.maps.items()}
    for name, spec in ours.maps.items():
        expected = theirs.maps[name].contents
        assert (spec.contents if name != ".bss" else bytes(spec.value_size)) == expected
        assert spec.read_only == name.startswith(".rodata")
    assert set(ours.maps) >= {"packets", "flows", "pairs", ".bss", ".data", ".rodata", ".rodata.other", ".data.mine"}
    assert {
        name: (program.section, len(program.instructions) // 8) for name, program in ours.programs.items()
    } == theirs.programs
    assert set(ours.functions) == {"in_text", "visible", "concealed", "beside", "step"}
    assert ours.btf == theirs.btf


def test_what_a_static_linker_has_filled_in_stays(tmp_path: Path) -> None:
    first, second, linked = (tmp_path / name for name in ("first.o", "second.o", "linked.o"))
    first.write_bytes(
        compiled.c_object(
            'u64 one = 1; u32 shy __hidden = 3; SEC("xdp") int program(struct xdp_md *ctx) { return one + shy; }'
        )
    )
    second.write_bytes(compiled.c_object("u64 before[3] = {4}, two = 2;", prelude="typedef unsigned long u64;"))
    tool("bpftool").run("gen", "object", linked, first, second)
    data = linked.read_bytes()
    ours, theirs = read_object(data, "linked.o"), libbpf.read(data)
    assert ours.btf == theirs.btf
    assert ours.maps[".data"].contents == theirs.maps[".data"].contents
    assert ours.maps[".data"].value_size == 16 + 32


def test_variables_are_put_in_the_order_of_their_places() -> None:
    data = compiled.c_object('u64 one = 1, two = 2; SEC("xdp") int program(struct xdp_md *ctx) { return one + two; }')
    in_order = read_object(data, "x.o").btf
    elf = read_elf(data, "x.o")
    section = elf.section(".BTF")
    assert section is not None
    btf = Btf(section.data, "x.o")
    (found,) = [of for of in btf.of_kind(kinds.DATASEC) if of.name == ".data"]
    (one, _, _), (two, _, _) = btf.variables(found)
    entries = btf.types_at + btf.offset(found.id) + 12
    data = compiled.patched(data, ".BTF", entries, "<III", two, 0, 8)
    data = compiled.patched(data, ".BTF", entries + 12, "<III", one, 0, 8)
    assert read_object(data, "x.o").btf == in_order == libbpf.read(data).btf


def test_a_number_may_be_the_value_of_an_enum() -> None:
    source = """
    struct { __uint(type, 30); __uint(max_entries, 1); __type(value, u32); enum { unique = 5 } map_extra; }
        filter SEC(".maps");
    SEC("xdp") int program(struct xdp_md *ctx) { return bpf_map_lookup_elem(&filter, ctx) == 0; }"""
    assert spec_of(source).maps["filter"].map_extra == 5


def relocations(spec: ObjectSpec, name: str) -> list[tuple[str, str, int]]:
    function = spec.programs.get(name) or spec.functions[name]
    return [(found.kind, found.target, found.addend) for found in function.relocations]


def test_calls_addresses_and_data_of_every_sort_are_relocated() -> None:
    spec = spec_of(MANY)
    places = {symbol.name: symbol.value for symbol in read_elf(compiled.c_object(MANY), "many.o").symbols}
    assert set(spec.programs) == {"first", "second", "third"}
    assert set(spec.functions) == {"in_text", "visible", "concealed", "step", "beside"}
    assert spec.functions["beside"].section == "xdp"
    assert spec.functions["beside"].kind is None
    assert relocations(spec, "third") == []
    assert relocations(spec, "visible") == [("call", "in_text", 0), ("call", "in_text", 0)]
    assert relocations(spec, "concealed") == [("data", ".data", places["seven"])]
    assert relocations(spec, "step") == [("call", "visible", 0)]
    assert relocations(spec, "first") == [
        ("map", "packets", 0),
        ("data", ".data", places["seven"]),
        ("function", "step", 0),
        ("data", ".bss", places["hidden_zero"]),
        ("call", "beside", 0),
        ("call", "concealed", 0),
    ]
    assert set(relocations(spec, "second")) == {
        ("map", "flows", 0),
        ("map", "pairs", 0),
        ("data", ".rodata", places["text"]),
        ("data", ".bss", places["zeroes"]),
        ("data", ".rodata", places["setting"]),
        ("call", "beside", 0),
        ("data", ".rodata.other", 0),
        ("data", ".data.mine", 0),
        ("data", ".data.only", 0),
        ("data", ".data", places["eight"]),
        ("data", ".data", places["shy"]),
        ("data", ".data", places["nine"]),
        ("call", "in_text", 0),
    }


def test_relocated_instructions_hold_nothing_of_the_compilers() -> None:
    spec = spec_of(MANY)
    seen = set()
    for function in [*spec.programs.values(), *spec.functions.values()]:
        assert [found.offset for found in function.relocations] == sorted(
            found.offset for found in function.relocations
        )
        for found in function.relocations:
            opcode, registers, offset, immediate = struct.unpack_from("<BBhi", function.instructions, found.offset * 8)
            seen.add(found.kind)
            if found.kind == "call":
                assert (opcode, registers, offset, immediate) == (0x85, 0x10, 0, -1)
            else:
                assert (opcode, registers >> 4, offset, immediate) == (0x18, 0, 0, 0)
                assert function.instructions[found.offset * 8 + 8 : found.offset * 8 + 16] == bytes(8)
    assert seen == {"call", "map", "data", "function"}


def test_a_hidden_function_becomes_static_in_the_btf() -> None:
    spec = spec_of(MANY)
    btf = Btf(spec.btf, "many.o")
    linkage = {of.name: btf.linkage(of) for of in btf.of_kind(kinds.FUNC)}
    assert (linkage["concealed"], linkage["visible"], linkage["in_text"]) == (kinds.STATIC, kinds.GLOBAL, kinds.STATIC)


def test_functions_have_their_types_and_lines() -> None:
    spec = spec_of(MANY)
    for function in [*spec.programs.values(), *spec.functions.values()]:
        assert function.btf_type_id > 0
        assert function.lines[0].offset == 0
        assert function.lines[0].file.endswith(".c")
        assert all(line.offset < len(function.instructions) // 8 for line in function.lines)
        assert f"{function.name}(" in function.lines[0].text
    assert len({function.btf_type_id for function in [*spec.programs.values(), *spec.functions.values()]}) == 8


def test_an_object_without_debug_information_has_no_btf() -> None:
    source = 'u32 count = 3; SEC("xdp") int program(struct xdp_md *ctx) { return count; }'
    spec = spec_of(source, "-g0")
    assert spec.btf == b""
    program = spec.programs["program"]
    assert (program.lines, program.line_records, program.btf_type_id) == ([], None, 0)
    assert spec.maps == {".data": MapSpec(".data", 2, 4, 4, 1, contents=b"\3\0\0\0", data=True)}
    assert spec.variables == {"count": VariableSpec("count", ".data", 0, 4)}
    assert program.relocations == [Relocation(0, "data", ".data")]


# Aya's way: a struct bpf_map_def of seven u32 each, in section "maps", without BTF.
LEGACY = """
struct bpf_map_def { u32 type, key_size, value_size, max_entries, map_flags, id, pinning; };
struct bpf_map_def BLOCKLIST SEC("maps") = { 1, 4, 8, 1024, 1, 0, 0 };
struct bpf_map_def PKT_CNT_ARRAY SEC("maps") = { 6, 4, 8, 1, 0, 0, 0 };
SEC("xdp") int program(struct xdp_md *ctx) {
    u32 key = 0; void *value = bpf_map_lookup_elem(&PKT_CNT_ARRAY, &key);
    return value || bpf_map_lookup_elem(&BLOCKLIST, &key) ? 1 : 2;
}
"""


@pytest.mark.parametrize("debug", ["-g", "-g0"])
def test_legacy_maps_are_read(debug: str) -> None:
    spec = spec_of(LEGACY, debug)
    assert spec.maps == {
        "BLOCKLIST": MapSpec("BLOCKLIST", 1, 4, 8, 1024, 1),
        "PKT_CNT_ARRAY": MapSpec("PKT_CNT_ARRAY", 6, 4, 8, 1),
    }
    assert relocations(spec, "program") == [("map", "PKT_CNT_ARRAY", 0), ("map", "BLOCKLIST", 0)]


def test_legacy_maps_of_five_fields_are_read() -> None:
    source = LEGACY.replace(", id, pinning;", ";").replace(", 0, 0 };", " };")
    assert spec_of(source).maps == spec_of(LEGACY).maps


def test_static_maps_are_found_by_their_place() -> None:
    source = """
    static struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u32); } one SEC(".maps");
    static struct { __uint(type, 2); __uint(max_entries, 2); __type(key, u32); __type(value, u64); } two SEC(".maps");
    SEC("xdp") int program(struct xdp_md *ctx) {
        u32 key = 0; void *value = bpf_map_lookup_elem(&two, &key);
        return value && bpf_map_lookup_elem(&one, &key) ? 1 : 2;
    }"""
    spec = spec_of(source)
    assert [(found.name, found.value_size) for _, found in sorted(spec.maps.items())] == [("one", 4), ("two", 8)]
    assert relocations(spec, "program") == [("map", "two", 0), ("map", "one", 0)]


def test_what_osmias_compiler_notes_is_read() -> None:
    notes = "target v3 5.10\\nerror first 0\\nerror second -1\\n" + "".join(
        f"site first {line} a dir/counter.py\\t{problem}\\n" for line, problem in ((9, "division by zero"), (12, "key"))
    )
    source = (
        'SEC("xdp") int first(struct xdp_md *ctx) { return 1; } SEC("xdp") int second(struct xdp_md *ctx) { return 2; }'
        f'static const char notes[{len(notes.encode().decode("unicode_escape"))}] SEC(".osmia") = "{notes}";'
    )
    spec = spec_of(source)
    assert spec.target == "v3 5.10"
    assert spec.on_error == {"first": 0, "second": -1}
    assert spec.error_sites == {
        "first": [
            ErrorSite("a dir/counter.py", 9, "division by zero"),
            ErrorSite("a dir/counter.py", 12, "key"),
        ]
    }


def test_variables_of_global_data() -> None:
    """Where each lies is what libbpf writes into a skeleton's struct; types are the BTF's."""
    spec = spec_of(MANY)
    btf = Btf(spec.btf, "many.o")
    assert spec.variables is not None
    found = {
        name: (of.section, of.size, btf.size(of.btf_type_id), spec.maps[of.section].contents)
        for name, of in spec.variables.items()
    }
    data, rodata = spec.maps[".data"].contents, spec.maps[".rodata"].contents
    assert found == {
        "zeroes": (".bss", 24, 24, None),
        "hidden_zero": (".bss", 4, 4, None),
        "seven": (".data", 8, 8, data),
        "eight": (".data", 8, 8, data),
        "nine": (".data", 8, 8, data),
        "shy": (".data", 4, 4, data),
        "setting": (".rodata", 4, 4, rodata),
        "text": (".rodata", 10, 10, rodata),
        "other": (".rodata.other", 4, 4, spec.maps[".rodata.other"].contents),
        "mine": (".data.mine", 4, 4, spec.maps[".data.mine"].contents),
        "only": (".data.only", 4, 4, spec.maps[".data.only"].contents),
    }
    for name, value in (("seven", 7), ("eight", 8), ("shy", 3), ("setting", 53), ("mine", 4), ("only", 5)):
        of = spec.variables[name]
        contents = spec.maps[of.section].contents or b""
        assert int.from_bytes(contents[of.offset : of.offset + of.size], "little") == value


def test_static_variables() -> None:
    source = """
    static __noinline u32 a(void) { static volatile u32 seen; return ++seen; }
    static volatile u64 total;
    """
    program = source + 'SEC("xdp") int program(struct xdp_md *ctx) { total += 1; return a(); }'
    variables = spec_of(program).variables or {}
    assert sorted(variables) == ["a.seen", "total"]
    assert all(of.btf_type_id for of in variables.values())


def test_static_variables_of_one_name(tmp_path: Path) -> None:
    """In files that were linked together: none of them is taken for the other."""
    paths = []
    for name in ("one", "two"):
        source = f'static volatile u64 total; u64 only_{name}; SEC("xdp") int {name}(struct xdp_md *ctx) '
        path = tmp_path / f"{name}.o"
        prelude = compiled.PRELUDE if name == "one" else compiled.PRELUDE.replace("char LICENSE", "static char LICENSE")
        path.write_bytes(compiled.c_object(source + "{ total += 1; return 2; }", prelude=prelude))
        paths.append(path)
    linked = tmp_path / "linked.o"
    tool("bpftool").run("gen", "object", linked, *paths)
    spec = read_object(linked.read_bytes(), "linked.o")
    names = [name for name in spec.variables or {} if name.startswith("total")]
    assert names == ["total@.bss+0", "total@.bss+16"]


def test_a_variable_outside_its_section() -> None:
    data = compiled.c_object('u32 count = 3; SEC("xdp") int program(struct xdp_md *ctx) { return count; }')
    elf = read_elf(data, "x.o")
    index = next(symbol.index for symbol in elf.symbols if symbol.name == "count")
    with pytest.raises(ObjectError) as caught:
        read_object(compiled.patched(data, ".symtab", 24 * index + 16, "<Q", 8), "x.o")
    assert str(caught.value) == "x.o: variable 'count' is at bytes 0 to 8 of section '.data', which has 4"
