"""read_object refuses what osmia does not have, and what is damaged: what it is, where, and what to do."""

from __future__ import annotations

import re
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import compiled
import libbpf
from osmia.elf import read_elf
from osmia.errors import ObjectError
from osmia.kinds import KINDS
from osmia.object_file import read_object

PROGRAM = 'SEC("xdp") int program(struct xdp_md *ctx) { return 2; }'
LOOKUP = """
SEC("xdp") int program(struct xdp_md *ctx) { u32 key = 0; return bpf_map_lookup_elem(&m, &key) ? 1 : 2; }
"""


def refusal(source: str, *options: str) -> str:
    with pytest.raises(ObjectError) as caught:
        read_object(compiled.c_object(source, *options), "x.o")
    return str(caught.value)


def map_of(body: str) -> str:
    return "struct { " + body + ' } m SEC(".maps");' + LOOKUP


ARRAY = "__uint(type, 2); __type(key, u32); __type(value, u64); __uint(max_entries, 1);"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            'SEC("kprobe/do_unlinkat") int program(void *ctx) { return 0; }',
            (
                "x.o: section 'kprobe/do_unlinkat' holds programs of a kind that osmia does not have; "
                f"it has {', '.join(repr(kind.sections[0]) for kind in KINDS.values())}, and '.text' for subprograms"
            ),
        ),
        (
            map_of(ARRAY + " __uint(pinning, 1);"),
            (
                "x.o: map 'm' asks to be pinned by name, which osmia does not do: "
                "leave 'pinning' out, and pin the loaded map where it should be"
            ),
        ),
        (
            map_of(ARRAY + " __uint(numa_node, 1);"),
            "x.o: map 'm' asks for a NUMA node, which osmia cannot give: remove it",
        ),
        (
            map_of("__uint(type, 12); __uint(max_entries, 1); __uint(key_size, 4); __uint(value_size, 4);"),
            (
                "x.o: map 'm' holds maps, and does not say which: add __array(values, struct { ... }), with what the "
                "maps in it are like"
            ),
        ),
        (
            "struct inner { " + ARRAY + ' } inner SEC(".maps"); struct { __uint(type, 13); __uint(max_entries, 1); '
            '__type(key, u32); struct inner *values[]; } m SEC(".maps") = { .values = { [1] = &inner } };' + LOOKUP,
            "x.o: map 'm' has an initial value at index 1, and 1 entries",
        ),
        (
            "struct inner { " + ARRAY + ' } inner SEC(".maps"); struct outer { __uint(type, 12); '
            "__uint(max_entries, 1); __type(key, u32); struct inner *values[]; };"
            + map_of("__uint(type, 13); __uint(max_entries, 1); __type(key, u32); struct outer *values[];"),
            "x.o: map 'm' holds maps that hold maps, which no kernel takes",
        ),
        (
            map_of(ARRAY + " int values[1];"),
            "x.o: map 'm': 'values' is no array of maps or programs: declare it with __array()",
        ),
        (
            "struct inner { " + ARRAY + " }; " + map_of(ARRAY + " struct inner *values[];"),
            "x.o: map 'm' has 'values', which are for maps of maps and of programs",
        ),
        (
            "u64 number; struct { __uint(type, 13); __uint(max_entries, 1); __type(key, u32); struct { "
            + ARRAY
            + ' } *values[]; } m SEC(".maps") = { .values = { (void *)&number } };'
            + LOOKUP,
            "x.o: map 'm' has an initial value at index 0 that is no map",
        ),
        (
            "struct { __uint(type, 3); __uint(max_entries, 1); __uint(key_size, 4); __uint(value_size, 4); "
            'int (*values[])(void *); } m SEC(".maps") = { .values = { (void *)&LICENSE } };' + LOOKUP,
            "x.o: map 'm' has an initial value at index 0 that is no program: declare the program without `static`",
        ),
        (
            map_of("__type(key, u32); __type(value, u64); __uint(max_entries, 1);"),
            "x.o: map 'm' does not say its type: add __uint(type, BPF_MAP_TYPE_...)",
        ),
        (
            map_of(ARRAY + " __uint(key_size, 8);"),
            "x.o: map 'm' has two different sizes as key_size: 4 and 8",
        ),
        (
            map_of(ARRAY + " __uint(colour, 8);"),
            (
                "x.o: map 'm' has a member 'colour' that osmia does not know: "
                "it knows type, key_size, value_size, max_entries, map_flags, map_extra, key, value, values"
            ),
        ),
        (
            map_of("int type; __uint(max_entries, 1);"),
            "x.o: map 'm': 'type' is INT, expected PTR: declare it with __uint() or __type()",
        ),
        (
            map_of("int *type; __uint(max_entries, 1);"),
            "x.o: map 'm': 'type' is no number: declare it with __uint()",
        ),
        (
            'int m SEC(".maps");' + LOOKUP,
            "x.o: map 'm' is declared as VOID, expected STRUCT",
        ),
        (
            'struct { u32 fields[7]; } m SEC("maps") = { 6, 4, 8, 1, 0, 0, 1 };' + LOOKUP,
            (
                "x.o: map 'm' has pinning 1 in its struct bpf_map_def, which osmia does not do: "
                "leave 'pinning' out, and pin the loaded map where it should be"
            ),
        ),
        (
            'struct { u32 fields[7]; } m SEC("maps") = { 6, 4, 8, 1, 0, 5, 0 };' + LOOKUP,
            (
                "x.o: map 'm' has id 5 in its struct bpf_map_def, which osmia does not do: "
                "leave 'id' out, and pin the loaded map where it should be"
            ),
        ),
        (
            'struct { u32 fields[8]; } m SEC("maps") = { 6, 4, 8, 1, 0, 0, 0, 9 };' + LOOKUP,
            "x.o: map 'm' uses fields of struct bpf_map_def that osmia does not know",
        ),
        (
            'struct { u32 fields[4]; } m SEC("maps") = { 6, 4, 8, 1 };' + LOOKUP,
            "x.o: map 'm' has 16 bytes in section 'maps', expected a struct bpf_map_def of 20 to 28",
        ),
        (
            'const char *const names[] = { "a" }; ' + PROGRAM,
            (
                "x.o: section '.rodata' holds the address of '.rodata.str1.1' at byte 0, "
                "which no kernel can fill in: keep indices there, not pointers"
            ),
        ),
    ],
)
def test_what_osmia_does_not_have_is_named_with_what_to_do(source: str, message: str) -> None:
    assert refusal(source) == message


def test_maps_without_btf_are_refused() -> None:
    assert refusal(map_of(ARRAY), "-g0") == (
        "x.o: section '.maps' declares maps, but the file has no BTF that describes them: "
        "compile with debug information (-g)"
    )


def in_program(message: str) -> str:
    """What a refusal says that names the instruction; the number and the file depend on the compiler and its place."""
    return message.partition("): ")[2]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            'extern int bpf_kfunc(int) SEC(".ksyms"); SEC("xdp") int program(void *ctx) { return bpf_kfunc(1); }',
            (
                "'bpf_kfunc' is a function or variable of the kernel (.ksyms), which osmia cannot link yet: "
                "use a helper in its place"
            ),
        ),
        (
            'extern int CONFIG_HZ SEC(".kconfig"); SEC("xdp") int program(void *ctx) { return CONFIG_HZ; }',
            (
                "'CONFIG_HZ' is a setting of the kernel's configuration (.kconfig), which osmia cannot read yet: "
                "use a constant in its place"
            ),
        ),
        (
            'extern int elsewhere(int); SEC("xdp") int program(void *ctx) { return elsewhere(1); }',
            "'elsewhere' is defined nowhere in this file: define it, or link the file with it",
        ),
        (
            'int lost SEC("elsewhere") = 3; SEC("xdp") int program(void *ctx) { return lost; }',
            (
                "refers to 'lost' in section 'elsewhere', which osmia does not load: "
                "data belongs in .data, .rodata or .bss, maps in .maps"
            ),
        ),
        (
            (
                "struct task_struct { int pid; } __attribute__((preserve_access_index)); "
                'SEC("xdp") int program(struct task_struct *task) { return task->pid; }'
            ),
            (
                "the place of '0:0' in the kernel's struct task_struct has to be looked up when the program is loaded "
                "(CO-RE), which osmia cannot do yet: compile without preserve_access_index"
            ),
        ),
    ],
)
def test_what_an_instruction_asks_for_is_refused_with_its_place(source: str, message: str) -> None:
    found = refusal(source)
    assert found.startswith("x.o: 'program' (section 'xdp', instruction ")
    assert "program.c:" in found
    assert in_program(found) == message


def test_all_of_the_kernel_s_own_functions_are_in_one_list() -> None:
    found = refusal("""
extern int bpf_one(int) __attribute__((section(".ksyms")));
extern int bpf_two(int) __attribute__((section(".ksyms")));
SEC("xdp") int program(void *ctx) { return bpf_one(1) + bpf_one(3); }
SEC("xdp") int second(void *ctx) { return bpf_two(2); }
""")
    head, one, two = found.splitlines()
    assert head == (
        "x.o: these are functions or variables of the kernel (.ksyms), which osmia cannot link yet: use helpers in "
        "their place"
    )
    assert re.fullmatch(r"  x\.o: 'program' \(section 'xdp', instruction \d+, .*program\.c:\d+\): 'bpf_one'", one)
    assert re.fullmatch(r"  x\.o: 'second' \(section 'xdp', instruction \d+, .*program\.c:\d+\): 'bpf_two'", two)


LAST = 12 * 8
TWO_CALLS = """
__noinline u32 visible(u32 x) { return x + bpf_ktime_get_ns(); }
SEC("xdp") int program(struct xdp_md *ctx) { return visible(1) + visible(2); }
"""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            [("xdp", 36, "<i", 4)],
            (
                "x.o: 'count' (section 'xdp', instruction 4, /code/counter.py:7): "
                "refers to byte 4 of section '.maps', where no map starts"
            ),
        ),
        (
            [("xdp", 32, "<B", 0x85)],
            (
                "x.o: 'count' (section 'xdp', instruction 4, /code/counter.py:7): "
                "relocation 1 of an instruction with opcode 0x85; "
                "osmia knows 1 (of 0x18, an address) and 10 (of 0x85, a call)"
            ),
        ),
        (
            [("xdp", LAST, "<B", 0x18), (".relxdp", 0, "<Q", LAST)],
            (
                "x.o: 'count' (section 'xdp', instruction 12, /code/counter.py:10): "
                "the load of an address, which is cut short by the end of the function"
            ),
        ),
        (
            [(".relxdp", 0, "<Q", 104)],
            "x.o: a relocation is for byte 104 of section 'xdp', no instruction",
        ),
        (
            [(".BTF.ext", 44, "<I", 8)],
            "x.o: function info of BTF type 16 is for instruction 1 of 'count', expected a FUNC at a function's start",
        ),
        (
            [(".BTF.ext", 48, "<I", 2)],
            "x.o: function info of BTF type 2 is for instruction 0 of 'count', expected a FUNC at a function's start",
        ),
    ],
)
def test_relocations_and_info_that_make_no_sense_are_refused(
    changes: list[tuple[str, int, str, int]], message: str
) -> None:
    data = compiled.counter()
    for section, at, layout, value in changes:
        data = compiled.patched(data, section, at, layout, value)
    with pytest.raises(ObjectError) as caught:
        read_object(data, "x.o")
    assert str(caught.value) == message


def test_line_info_without_types_is_refused() -> None:
    assert object_error(compiled.header_patched(compiled.counter(), ".BTF", "name", 0)) == (
        "fuzzed.o: the file has a section '.BTF.ext' but no '.BTF' that it refers to"
    )


def test_calls_that_make_no_sense_are_refused() -> None:
    data = compiled.c_object(TWO_CALLS)
    elf = read_elf(data, "fuzzed.o")
    section = elf.section("xdp")
    assert section is not None
    first, second = elf.relocations(section)
    message = object_error(compiled.patched(data, "xdp", first.offset + 1, "B", 0))
    assert message is not None
    assert in_program(message) == "a call of 'visible', which is no function of this file"
    message = object_error(compiled.patched(data, ".relxdp", 16, "<Q", first.offset))
    assert message is not None
    assert message.endswith(": an instruction with two relocations")
    message = object_error(compiled.patched(data, "xdp", second.offset + 4, "<i", 3))
    assert message is not None
    assert in_program(message) == "refers to byte 32 of section '.text', where no function starts"


def test_data_outside_its_section_is_refused() -> None:
    data = compiled.c_object('static volatile u32 zero; SEC("xdp") int program(void *ctx) { return zero; }')
    message = object_error(compiled.patched(data, "xdp", 4, "<i", 4))
    assert message is not None
    assert in_program(message) == "refers to byte 4 of section '.bss', which has 4"
    message = object_error(compiled.header_patched(data, ".bss", "size", 1 << 33))
    assert message == "fuzzed.o: section '.bss' has 8589934592 bytes, more than a map can hold"


def test_externs_that_nothing_refers_to_are_refused() -> None:
    data = compiled.c_object(
        'extern int CONFIG_HZ SEC(".kconfig"); SEC("xdp") int program(void *ctx) { return CONFIG_HZ; }'
    )
    assert object_error(compiled.header_patched(data, ".relxdp", "type", 0)) == (
        "fuzzed.o: 'CONFIG_HZ' is a setting of the kernel's configuration (.kconfig), which osmia cannot read yet: "
        "use a constant in its place"
    )


def test_two_maps_of_one_name_are_refused() -> None:
    source = (
        """
    struct { u32 fields[5]; } one SEC("maps") = { 2, 4, 4, 1 }, two SEC("maps") = { 2, 4, 8, 1 };
    """
        + PROGRAM
    )
    data = compiled.c_object(source, "-g0")
    symbols = {symbol.name: symbol for symbol in read_elf(data, "x.o").symbols}
    table = read_elf(data, "x.o").section(".strtab")
    assert table is not None
    data = compiled.patched(data, ".symtab", 24 * symbols["two"].index, "<I", table.data.index(b"\0one\0") + 1)
    assert object_error(data) == "fuzzed.o: two maps are called 'one': rename one of them"


@pytest.mark.parametrize(("code", "instruction"), [("18110000030000000000000000000000", 0), ("8520000003000000", 0)])
def test_references_by_number_are_refused(code: str, instruction: int) -> None:
    data = bytearray(compiled.c_object('SEC("xdp") int program(void *ctx) { return *(volatile u64 *)ctx / 7; }'))
    section = read_elf(bytes(data), "x.o").section("xdp")
    assert section is not None
    at = bytes(data).index(section.data)
    data[at : at + len(code) // 2] = bytes.fromhex(code)
    message = object_error(bytes(data))
    assert message is not None
    assert message.startswith(f"fuzzed.o: 'program' (section 'xdp', instruction {instruction}, ")
    assert in_program(message) == (
        "refers by number to something of the kernel it was made on, "
        "which may be anything here: keep the compiler's relocations in the file"
    )


def test_two_functions_of_one_name_are_refused() -> None:
    source = 'SEC("xdp") int first(void *ctx) { return 1; } SEC("xdp/b") int other(void *ctx) { return 2; }'
    data = compiled.c_object(source)
    # The names are not in a section that the reader could check against another: give both the same one.
    elf = read_elf(data, "x.o")
    table = next(section for section in elf.sections if section.type == 2)
    names = elf.sections[table.link].data
    renamed = bytearray(data)
    symbols = data.index(table.data)
    for symbol in elf.symbols:
        if symbol.name == "other":
            struct.pack_into("<I", renamed, symbols + 24 * symbol.index, names.index(b"first\0"))
    with pytest.raises(ObjectError) as caught:
        read_object(bytes(renamed), "x.o")
    assert str(caught.value) == (
        "x.o: two functions are called 'first', in sections 'xdp' and 'xdp/b': rename one of them"
    )


def test_big_endian_objects_are_refused() -> None:
    assert refusal(PROGRAM, "-target", "bpfeb") == (
        "x.o: a big-endian object, but osmia loads little-endian ones: compile with -target bpfel"
    )


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        (
            "colour blue",
            (
                "x.o: section '.osmia' has a line 'colour blue' that this osmia does not know: "
                "the file was made by a newer one"
            ),
        ),
        ("error nobody 1", "x.o: section '.osmia': 'error nobody 1', expected 'error <program> <value>'"),
        ("error program x", "x.o: section '.osmia': 'error program x', expected 'error <program> <value>'"),
        (
            "site program nine a.py",
            "x.o: section '.osmia': 'site program nine a.py', expected 'site <program> <line> <file>\\t<problem>'",
        ),
        ("\\xff", "x.o: section '.osmia' is no UTF-8"),
    ],
)
def test_notes_that_make_no_sense_are_refused(notes: str, message: str) -> None:
    size = len(notes.encode().decode("unicode_escape"))
    assert refusal(f'{PROGRAM} static const char notes[{size}] SEC(".osmia") = "{notes}";') == message


def test_stripped_symbols_are_refused() -> None:
    data = compiled.c_object(PROGRAM)
    elf = read_elf(data, "x.o")
    table = next(section for section in elf.sections if section.type == 2)
    stripped = bytearray(data)
    at = data.index(table.data)
    for symbol in elf.symbols:
        if symbol.name == "program":
            stripped[at + 24 * symbol.index + 4] = 0x10
    with pytest.raises(ObjectError) as caught:
        read_object(bytes(stripped), "x.o")
    assert str(caught.value) == (
        "x.o: bytes 0 to 16 of section 'xdp' belong to no function: the file's symbols are stripped or damaged"
    )


# Damage

RICH = """
struct { __uint(type, 6); __uint(max_entries, 2); __type(key, u32); __type(value, u64); } packets SEC(".maps");
u64 seven = 7; static volatile u32 zero; const volatile u32 setting = 53;
static __noinline u32 in_text(u32 x) { return x * seven + zero; }
static long step(u32 index, u32 *sum) { *sum += in_text(index); return 0; }
SEC("xdp") int program(struct xdp_md *ctx) {
    u32 key = 1, sum = setting; u64 *value = bpf_map_lookup_elem(&packets, &key);
    if (value) *value += 1;
    bpf_loop(10, step, &sum, 0);
    return sum;
}
"""


@settings(max_examples=400, deadline=1000)
@given(st.data())
def test_flipped_bits_and_truncations_give_nothing_but_object_errors(choose: st.DataObject) -> None:
    data = bytearray(compiled.c_object(RICH))
    headers = struct.unpack_from("<Q", data, 40)[0]
    elf = read_elf(bytes(data), "x.o")
    places = [*range(64), *range(headers, len(data))]
    for name in (".BTF", ".BTF.ext", ".symtab", ".relxdp", ".rel.text", "xdp", ".text"):
        section = elf.section(name)
        assert section is not None
        at = bytes(data).index(section.data)
        places += range(at, at + section.size)
    for _ in range(choose.draw(st.integers(1, 4))):
        at = choose.draw(st.sampled_from(places))
        data[at] ^= choose.draw(st.integers(1, 255))
    end = choose.draw(st.one_of(st.just(len(data)), st.just(len(data)), st.integers(0, len(data))))
    message = object_error(bytes(data[:end]))
    assert message is None or message.startswith("fuzzed.o: ")


def object_error(data: bytes) -> str | None:
    """What the reader says of a file, None where it reads it."""
    try:
        read_object(data, "fuzzed.o")
    except ObjectError as error:
        return str(error)
    return None


def test_reading_the_counter_costs_little() -> None:
    data = compiled.counter()
    read_object(data, "counter.o")
    costs = []
    for _ in range(20):
        before = time.process_time()
        read_object(data, "counter.o")
        costs.append(time.process_time() - before)
    assert min(costs) < 0.002


def test_libbpf_takes_what_the_fuzzing_starts_from() -> None:
    assert libbpf.opens(compiled.c_object(RICH))
