"""The BTF reader and its text: what bpftool prints of the same BTF."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import compiled
from osmia.btf import kinds
from osmia.btf.dump import dump_btf
from osmia.btf.ext import BtfExt, read_btf_ext
from osmia.btf.read import Btf
from osmia.elf import read_elf
from osmia.errors import ObjectError
from system_packages import tool

VMLINUX = Path("/sys/kernel/btf/vmlinux")

# One of every kind that clang writes: tags too, and types of the kernel that have no definition here.
EVERY_KIND = """
struct elsewhere; union somewhere; enum colour { RED = 1, BLUE = -2 }; enum plain { ONE = 1, MOST = 0xffffffff };
#define __tag __attribute__((btf_decl_tag("a tag")))
#define __type_tag __attribute__((btf_type_tag("user")))
typedef const volatile int *restrict odd;
struct bits { u32 a : 3, b : 5; u64 c : 40; int whole; } __tag;
union both { u8 bytes[2][4]; float real; double wide; _Bool truth; char letter; };
struct all {
    struct elsewhere *e; union somewhere *s; enum colour colour; enum plain plain; odd o; struct bits bits;
    union both both __tag; int (*function)(int, struct all *, ...);
    int __type_tag *user; void *nothing; int *table[3]; u64 numbers[0];
};
struct all every; static volatile u32 hidden; const volatile u32 setting = 3; int *weak __attribute__((weak));
static __noinline int inner(struct all *all, int __attribute__((btf_decl_tag("argument"))) x)
{ return all->colour + x + hidden; }
SEC("xdp") int program(struct xdp_md *ctx) { return inner(&every, setting) + (weak == 0); }
"""


def section_of(data: bytes, name: str) -> bytes:
    section = read_elf(data, "x.o").section(name)
    assert section is not None
    return section.data


def bpftool_dump(data: bytes) -> str:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "x.o"
        path.write_bytes(data)
        return tool("bpftool").run("btf", "dump", "file", path).stdout


@pytest.mark.parametrize("target", ["bpfel", "bpfeb"])
def test_the_text_is_that_of_bpftool(target: str) -> None:
    data = compiled.c_object(EVERY_KIND, "-target", target)
    text = dump_btf(section_of(data, ".BTF"))
    written = {line.split()[1] for line in text.splitlines() if line.startswith("[")}
    assert written == set(kinds.NAMES) - {"VOID", "ENUM64"}
    if target == "bpfel":
        assert text == bpftool_dump(data)
    else:
        assert text == dump_btf(section_of(compiled.c_object(EVERY_KIND, "-target", "bpfel"), ".BTF"))


def test_the_text_of_the_counter_is_that_of_bpftool() -> None:
    data = compiled.counter()
    assert dump_btf(section_of(data, ".BTF")) == bpftool_dump(data)


def test_the_text_of_the_kernels_types_is_that_of_bpftool() -> None:
    if not VMLINUX.exists():
        pytest.skip(f"{VMLINUX} does not exist: this kernel has no BTF")
    ours = dump_btf(VMLINUX.read_bytes()).splitlines()
    theirs = tool("bpftool").run("btf", "dump", "file", VMLINUX).stdout.splitlines()
    assert len(ours) == len(theirs)
    assert next(((one, other) for one, other in zip(ours, theirs, strict=True) if one != other), None) is None
    assert sum(" ENUM64 " in line for line in ours) > 0


def every_kind() -> Btf:
    return Btf(section_of(compiled.c_object(EVERY_KIND), ".BTF"), "x.o")


def test_types_are_found_and_measured() -> None:
    btf = every_kind()
    found = btf.find("all", kinds.STRUCT)
    assert found is not None
    assert btf.find("all", kinds.UNION) is None
    assert btf.find("al", kinds.STRUCT) is None
    members = {member.name: member for member in btf.members(found)}
    sizes = {
        name: btf.size(member.type)
        for name, member in members.items()
        if name in {"e", "colour", "o", "bits", "both", "function", "numbers", "table"}
    }
    assert sizes == {"e": 8, "colour": 4, "o": 8, "bits": 16, "both": 8, "function": 8, "numbers": 0, "table": 24}
    assert btf.resolve(members["o"].type).kind == kinds.PTR
    bits = btf.find("bits", kinds.STRUCT)
    assert bits is not None
    assert [(member.name, member.offset, member.bits) for member in btf.members(bits)] == [
        ("a", 0, 3),
        ("b", 3, 5),
        ("c", 8, 40),
        ("whole", 64, 0),
    ]


def test_what_has_no_size_is_refused() -> None:
    btf = every_kind()
    elsewhere, program = btf.find("elsewhere", kinds.FWD), btf.find("program", kinds.FUNC)
    assert elsewhere is not None
    assert program is not None
    for number, kind in ((0, "VOID"), (elsewhere.id, "FWD"), (program.id, "FUNC")):
        with pytest.raises(ObjectError) as caught:
            btf.size(number)
        assert str(caught.value) == f"x.o: BTF type {number} ({kind}) has no size"


def made(*types: bytes, strings: bytes = b"\0name\0") -> bytes:
    """BTF made by hand."""
    body = b"".join(types)
    return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(body), len(body), len(strings)) + body + strings


def a_type(kind: int, size_or_type: int, more: bytes = b"", name: int = 0, vlen: int = 0) -> bytes:
    return struct.pack("<III", name, kind << 24 | vlen, size_or_type) + more


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x.o: no BTF: it starts with b'', expected the magic number 0xeb9f"),
        (b"\x7fELF" + bytes(40), "x.o: no BTF: it starts with b'\\x7fE', expected the magic number 0xeb9f"),
        (b"\x9f\xeb\x02" + bytes(40), "x.o: BTF version 2, expected 1"),
        (made()[:20], "x.o: the BTF header is cut short: 20 bytes, expected 24"),
        (made(a_type(2, 0))[:40], "x.o: the BTF's strings would lie at bytes 36 to 42, but it has 40"),
        (made(strings=b"x\0"), "x.o: the BTF's strings do not start and end with a NUL"),
        (made(a_type(25, 0)), "x.o: BTF type 1 is of kind 25, which osmia does not know"),
        (made(a_type(1, 4)), "x.o: BTF type 2 is cut short: it would end at byte 16 of 12"),
        (made(a_type(2, 7)), "x.o: BTF type 1 refers to type 7, but there are 2"),
        (made(a_type(2, 0, name=77)), "x.o: a name in the BTF would lie at byte 77 of a table of 6 bytes"),
    ],
)
def test_damage_is_refused_and_named(data: bytes, message: str) -> None:
    with pytest.raises(ObjectError) as caught:
        dump_btf(data, "x.o")
    assert str(caught.value) == message


def test_loops_of_types_are_refused() -> None:
    round_and_round = Btf(made(a_type(kinds.TYPEDEF, 2, name=1), a_type(kinds.CONST, 1)), "x.o")
    with pytest.raises(ObjectError, match=r"^x\.o: BTF type 1 is a chain of more than 32 typedefs and qualifiers$"):
        round_and_round.size(1)
    nested = Btf(made(a_type(kinds.ARRAY, 0, struct.pack("<III", 1, 1, 2))), "x.o")
    with pytest.raises(ObjectError, match=r"^x\.o: BTF type 1 is an array of more than 32 dimensions$"):
        nested.size(1)


def test_function_and_line_info_are_read() -> None:
    data = compiled.counter()
    btf = Btf(section_of(data, ".BTF"), "x.o")
    ext = read_btf_ext(section_of(data, ".BTF.ext"), btf)
    assert ext.functions == {"xdp": [(0, 16)]}
    assert [(offset, position >> 10, position & 1023) for offset, _, _, position in ext.lines["xdp"]] == [
        (0, 6, 0),
        (8, 7, 9),
        (56, 8, 8),
        (64, 9, 9),
        (88, 10, 5),
    ]
    assert ext.core == {}


def test_core_relocations_are_read() -> None:
    source = """
    struct task_struct { int unused, pid; } __attribute__((preserve_access_index));
    SEC("xdp") int program(struct task_struct *task) { return task->pid; }
    """
    data = compiled.c_object(source)
    btf = Btf(section_of(data, ".BTF"), "x.o")
    ((_, number, access_at, kind),) = read_btf_ext(section_of(data, ".BTF.ext"), btf).core["xdp"]
    assert (btf.type(number).name, btf.string(access_at), kind) == ("task_struct", "0:1", 0)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, 0, "x.o: no BTF.ext: it starts with b'\\x00\\x00', expected the magic number 0xeb9f"),
        (4, 4, "x.o: the .BTF.ext header has 4 bytes of 144, expected 24 or more"),
        (12, 4000, "x.o: the function info would lie at bytes 0 to 4000 of 112 in .BTF.ext"),
        (32, 4, "x.o: a record of function info has 4 bytes, expected 8 or more"),
        (40, 100, "x.o: the function info has 100 records of 8 bytes at byte 12 of 20"),
        (0, 0xEB9F0100, "x.o: .BTF.ext and .BTF are in different byte orders"),
        (12, 24, "x.o: the function info is cut short at byte 20 of 24"),
        (36, 9999, "x.o: a name in the BTF would lie at byte 9999 of a table of 234 bytes"),
    ],
)
def test_damaged_btf_ext_is_refused_and_named(at: int, value: int, message: str) -> None:
    data = compiled.counter()
    ext = bytearray(section_of(data, ".BTF.ext"))
    struct.pack_into(">I" if value == 0xEB9F0100 else "<I", ext, at, value)
    with pytest.raises(ObjectError) as caught:
        read_btf_ext(bytes(ext), Btf(section_of(data, ".BTF"), "x.o"))
    assert str(caught.value) == message


@settings(max_examples=300, deadline=1000)
@given(st.data())
def test_flipped_bits_give_nothing_but_object_errors(choose: st.DataObject) -> None:
    whole = compiled.c_object(EVERY_KIND)
    btf, ext = bytearray(section_of(whole, ".BTF")), bytearray(section_of(whole, ".BTF.ext"))
    for part in (btf, ext):
        for _ in range(choose.draw(st.integers(0, 3))):
            part[choose.draw(st.integers(0, len(part) - 1))] ^= choose.draw(st.integers(1, 255))
    end = choose.draw(st.one_of(st.just(len(btf)), st.integers(0, len(btf))))
    found = read_both(bytes(btf[:end]), bytes(ext))
    assert isinstance(found, BtfExt) or found.startswith("fuzzed.o: ")


def read_both(btf: bytes, ext: bytes) -> BtfExt | str:
    try:
        dump_btf(btf, "fuzzed.o")
        types = Btf(btf, "fuzzed.o")
        for number in range(len(types)):
            measure(types, number)
        return read_btf_ext(ext, types)
    except ObjectError as error:
        return str(error)


def measure(types: Btf, number: int) -> None:
    try:
        types.size(number)
    except ObjectError as error:
        if "has no size" not in str(error):
            raise


def test_names_are_found_as_if_every_type_were_looked_at() -> None:
    if not VMLINUX.exists():
        pytest.skip("this kernel has no BTF of its own")
    btf = Btf(VMLINUX.read_bytes(), "vmlinux")
    first: dict[tuple[str, int], int] = {}
    for number in range(1, len(btf)):
        of = btf.type(number)
        first.setdefault((of.name, of.kind), number)
    wanted = [each for each in first if each[0]]
    # Every 97th, and short ones, with which many others end.
    for name, kind in [*wanted[::97], *(each for each in wanted if len(each[0]) < 3)]:
        found = btf.find(name, kind)
        assert found is not None
        assert found.id == first[name, kind], name
    assert btf.find("no_such_name_at_all", kinds.STRUCT) is None
    assert btf.find("task_struct", kinds.FUNC) is None
