"""`load()`: from a module, a program, files and bytes; handles that are independent of declarations."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from compiled import c_object
from namespaces import settled
from osmia import (
    Array,
    HashMap,
    Loaded,
    NotLoadedError,
    NotSupportedError,
    ObjectError,
    PerCpuArray,
    XdpAction,
    XdpContext,
    XdpProgram,
    be16,
    be32,
    u8,
    u32,
    u64,
    xdp,
)
from osmia.compiler import PORTABLE
from osmia.kernel.features import kernel_version
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace

PACKET = bytes(60)
EXAMPLE = Path(__file__).parents[2] / "examples" / "xdp_map_counter.py"

packets = PerCpuArray(u64, max_entries=1)
unused = Array(u64, max_entries=1)
LICENSE = "Dual MIT/GPL"


@xdp
def counts(ctx: XdpContext) -> XdpAction:
    counter = packets.lookup(0)
    if counter is None:
        return XdpAction.ABORTED
    counter.value += 1
    return XdpAction.PASS


@xdp
def drops(ctx: XdpContext) -> XdpAction:
    counter = packets.lookup(0)
    if counter is not None:
        counter.value += 10
    return XdpAction.DROP


same_program = drops  # a second name for it


@pytest.fixture(autouse=True)
def nothing_declared_is_loaded() -> Iterator[None]:
    yield
    assert not packets.live
    assert not counts.loaded


def here() -> ModuleType:
    return sys.modules[__name__]


def test_a_module_is_one_object() -> None:
    with osmia.load(here()) as loaded:
        assert type(loaded) is Loaded
        assert list(loaded.programs) == ["counts", "drops"]
        assert list(loaded.maps) == ["packets"]
        assert loaded.license == "Dual MIT/GPL"
        assert repr(loaded) == f"<Loaded {__name__}: programs counts, drops; maps packets>"
        counter, program = loaded[packets], loaded[counts]
        assert (type(counter), type(program)) == (PerCpuArray, XdpProgram)
        assert (counter is loaded["packets"], program is loaded["counts"]) == (True, True)
        assert (counter is not packets, program is not counts) == (True, True)
        assert program.test_run(PACKET).action is XdpAction.PASS
        assert loaded[drops].test_run(PACKET).action is XdpAction.DROP
        assert counter[0].sum() == 11


def test_a_program_brings_what_it_reaches() -> None:
    with osmia.load(counts) as loaded:
        assert (list(loaded.programs), list(loaded.maps)) == (["counts"], ["packets"])
        loaded[counts].test_run(PACKET)
        assert loaded[packets][0].sum() == 1
        text = "counts: no program, map or global drops; there are counts, packets"
        assert refusal(KeyError, lambda: loaded[drops]) == text
        assert refusal(KeyError, lambda: loaded[unused]) == text.replace("drops", "unused")


def test_loads_are_independent() -> None:
    with osmia.load(counts) as one, osmia.load(counts) as other:
        one[counts].test_run(PACKET)
        assert (one[packets][0].sum(), other[packets][0].sum()) == (1, 0)


def test_handles_end_with_what_they_came_from() -> None:
    loaded = osmia.load(counts)
    counter, program = loaded[packets], loaded[counts]
    loaded.close()
    loaded.close()
    assert refusal(NotLoadedError, lambda: counter[0]) == "packets is closed: load() a program that uses it"
    assert refusal(NotLoadedError, lambda: program.test_run(PACKET)) == "counts is closed"
    assert refusal(NotLoadedError, lambda: program.fd) == "counts is closed"


def test_a_handle_attaches(netns: Namespace) -> None:
    with netns.entered(), osmia.load(counts) as loaded, loaded[counts].attach(netns.far):
        netns.send(4)
        assert settled(lambda: loaded[packets][0].sum(), 4) == 4


def test_a_python_file(tmp_path: Path) -> None:
    with osmia.load(EXAMPLE) as loaded:
        assert isinstance(loaded["xdp_map_counter"], XdpProgram)
        loaded["xdp_map_counter"].test_run(PACKET)
        assert loaded["PKT_CNT_ARRAY"][0].sum() == 1
        assert loaded.license == "GPL"
    path = tmp_path / "beside.py"
    (tmp_path / "helper_of_beside.py").write_text("NUMBER = 3\n")
    source = (
        "from osmia import *\n"
        "from helper_of_beside import NUMBER\n"
        "if __name__ == '__main__': raise SystemExit\n"
        "@xdp\n"
        "def main(ctx: XdpContext) -> XdpAction:\n"
        "    if NUMBER == 3:\n"
        "        return XdpAction.TX\n"
        "    return XdpAction.DROP\n"
    )
    path.write_text(source)
    before = list(sys.path)
    with osmia.load(str(path)) as loaded:
        assert loaded["main"].test_run(PACKET).action is XdpAction.TX
    path.write_text(source.replace("TX", "XT".replace("XT", "PASS")))
    with osmia.load(str(path)) as loaded:
        assert loaded["main"].test_run(PACKET).action is XdpAction.PASS
    assert sys.path == before


def test_an_object_that_osmia_made(tmp_path: Path) -> None:
    from osmia.compiler.cache import object_for

    data = object_for((counts.request, drops.request), PORTABLE).data
    path = tmp_path / "counts.o"
    path.write_bytes(data)
    for what in (data, bytearray(data), path, str(path)):
        with osmia.load(what) as loaded:
            assert list(loaded.programs) == ["counts", "drops"]
            by_name, typed = loaded["packets"], loaded[packets]
            assert (typed.value, typed.kind, typed is loaded[packets]) == (u64, packets.kind, True)
            loaded[drops].test_run(PACKET)
            assert (typed[0].sum(), by_name[0].sum()) == (10, 10)
        assert (
            refusal(NotLoadedError, lambda typed=typed: typed[0]) == "packets is closed: load() a program that uses it"
        )


def test_an_object_says_which_numbers_are_big_endian() -> None:
    from osmia.compiler.cache import object_for

    marks = HashMap(be32, be16, max_entries=2, name="marks")

    @xdp
    def marking(ctx: XdpContext) -> XdpAction:
        marks.update(0x7F000001, 53)
        return XdpAction.PASS

    with osmia.load(object_for((marking.request,), PORTABLE).data) as loaded:
        loaded["marking"].test_run(PACKET)
        assert (loaded["marks"].key, loaded["marks"].value) == (be32, be16)
        assert (loaded["marks"].to_dict(), loaded[marks].to_dict()) == ({0x7F000001: 53}, {0x7F000001: 53})


def test_an_object_from_clang_says_so_too() -> None:
    source = """
typedef u16 __be16; typedef u32 __be32; typedef u64 __be64;
struct { __uint(type, 1); __uint(max_entries, 2); __type(key, __be32); __type(value, __be64); } marks SEC(".maps");
const volatile __be16 port = 0;
__be32 last;

SEC("xdp")
int marking(struct xdp_md *ctx) {
    __be32 key = __builtin_bswap32(0x7f000001);
    __be64 *value = bpf_map_lookup_elem(&marks, &key);
    if (value) *value = __builtin_bswap64(port == __builtin_bswap16(53));
    last = key;
    return 2;
}
"""
    with osmia.load(c_object(source), settings={"port": 53}) as loaded:
        loaded["marks"][0x7F000001] = 0
        loaded["marking"].test_run(PACKET)
        assert loaded["marks"].to_dict() == {0x7F000001: 1}
        assert loaded.globals["last"].value == 0x7F000001


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (Array(u64, max_entries=1, name="packets"), "the type of packets is PERCPU_ARRAY there, expected ARRAY"),
        (PerCpuArray(u32, max_entries=1, name="packets"), "the value size of packets is 8 there, expected 4"),
        (PerCpuArray(u64, max_entries=2, name="packets"), "the max_entries of packets is 1 there, expected 2"),
        (HashMap(u8, u64, max_entries=1, name="packets"), "the type of packets is PERCPU_ARRAY there, expected HASH"),
        (PerCpuArray(u64, max_entries=1, name="counts"), "counts is an XdpProgram there, expected a PerCpuArray"),
        (xdp(name="packets")(counts.function), "packets is a PerCpuArray there, expected an XdpProgram"),  # type: ignore[arg-type]
    ],
)
def test_a_declaration_that_an_object_does_not_fit(other: Any, text: str) -> None:
    from osmia.compiler.cache import object_for

    with osmia.load(object_for((counts.request,), PORTABLE).data) as loaded:
        assert refusal(TypeError, lambda: loaded[other]) == f"the object: {text}"


FOREIGN = """
struct key { u32 address; u16 port; u16 padding; };
enum state { CLOSED, OPEN };
struct { __uint(type, 1); __uint(max_entries, 8); __type(key, struct key); __type(value, s64); } flows SEC(".maps");
struct { __uint(type, 6); __uint(max_entries, 2); __type(key, u32); __type(value, u16); } per_cpu SEC(".maps");
struct { __uint(type, 2); __uint(max_entries, 2); __type(key, u32); __type(value, _Bool); } seen SEC(".maps");
struct { __uint(type, 1); __uint(max_entries, 2); __type(key, u64); __type(value, enum state); } states SEC(".maps");
struct { __uint(type, 6); __uint(max_entries, 2); __type(key, u32); __type(value, struct key); } keys SEC(".maps");
struct { __uint(type, 2); __uint(max_entries, 2); __type(key, u32); __type(value, u32); } idle SEC(".maps");
volatile u32 total = 7;

SEC("xdp/first")
int first(struct xdp_md *ctx) {
    struct key key = {};
    u32 zero = 0;
    u64 wide = 5;
    s64 *flow = bpf_map_lookup_elem(&flows, &key);
    if (flow) *flow -= 1;
    u16 *count = bpf_map_lookup_elem(&per_cpu, &zero);
    if (count) *count += 1;
    _Bool *flag = bpf_map_lookup_elem(&seen, &zero);
    if (flag) *flag = 1;
    u32 *state = bpf_map_lookup_elem(&states, &wide);
    if (state) *state = OPEN;
    struct key *held = bpf_map_lookup_elem(&keys, &zero);
    if (held) held->port = 80;
    total += 1;
    return 2;
}
"""


@pytest.mark.parametrize("stripped", [False, True], ids=["with BTF of values", "sizes alone"])
def test_an_object_from_clang(stripped: bool) -> None:
    source = FOREIGN
    if stripped:
        typed = "__type(key, u32); __type(value, u16)"
        assert typed in source
        source = source.replace(typed, "__uint(key_size, 4); __uint(value_size, 2)")
    with osmia.load(c_object(source)) as loaded:
        assert list(loaded.programs) == ["first"]
        assert loaded.license == "GPL"
        maps = loaded.maps
        assert sorted(maps) == [".data", "flows", "keys", "per_cpu", "seen", "states"]
        maps["flows"][bytes(8)] = -3
        maps["states"][5] = 0
        result = loaded["first"].test_run(PACKET)
        assert result.action is XdpAction.PASS
        assert dict(maps["flows"].items()) == {bytes(8): -4}
        assert maps["seen"][0] is True
        assert dict(maps["states"].items()) == {5: 1}
        assert loaded[".data"][0] == (8).to_bytes(4, "little")
        held = bytes((0, 0, 0, 0, 80, 0, 0, 0))
        assert max(maps["keys"][0]) == held
        assert max(maps["per_cpu"][0]) == (b"\x01\x00" if stripped else 1)
        assert (
            refusal(KeyError, lambda: loaded["idle"]) == "the object: no program uses the map idle, so it is not loaded"
        )
        text = "the object: no program, map or global flow; did you mean flows?"
        assert refusal(KeyError, lambda: loaded["flow"]) == text
        assert refusal(ValueError, lambda: maps["flows"][b"abc"]) == "flows: a key is 8 bytes, not 3"
        assert refusal(TypeError, lambda: maps["flows"]["abc"]) == "flows: a key is 8 bytes, not str 'abc'"
        assert refusal(OverflowError, lambda: maps["flows"].update(bytes(8), 1 << 63)).startswith(
            "flows: a value is an i64"
        )


def test_a_program_from_an_object_has_no_source() -> None:
    with osmia.load(c_object(FOREIGN)) as loaded:
        text = "first comes from an object file: there is no Python function to compile"
        assert refusal(TypeError, lambda: osmia.load(loaded["first"])) == text


def test_refuses_what_it_does_not_take() -> None:
    wrong: Any
    for wrong, shown in (
        (5, "int 5"),
        (None, "NoneType None"),
        (packets, repr(packets)),
        (counts.function, "function"),
    ):
        text = refusal(TypeError, lambda wrong=wrong: osmia.load(wrong))
        assert text.startswith("load() takes a module, a program, a path or the bytes of an object, not ")
        assert shown in text
    with osmia.load(counts) as loaded:
        wrong = loaded
        text = "counts: a map, a program, a global or a name is expected, not int 5"
        assert refusal(TypeError, lambda: wrong[5]) == text
    text = "the object: target= is for source; an object is compiled already"
    assert refusal(TypeError, lambda: osmia.load(b"\x7fELF", target=PORTABLE)) == text


def test_files_that_hold_no_program(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "text.txt").write_text("hello\n")
    (tmp_path / "broken.o").write_bytes(b"\x7fELF")
    (tmp_path / "syntax.py").write_text("def x(:\n")
    path = tmp_path / "empty.py"
    text = f"{path}: no program: expected a function with a decorator such as @xdp"
    assert refusal(ObjectError, lambda: osmia.load(path)) == text
    path = tmp_path / "text.txt"
    assert refusal(ObjectError, lambda: osmia.load(path)) == f"{path}: no program: expected a .py file or an ELF object"
    assert refusal(ObjectError, lambda: osmia.load(tmp_path / "broken.o")).startswith(f"{tmp_path / 'broken.o'}: ")
    assert refusal(ObjectError, lambda: osmia.load(b"nonsense")).startswith("the object: ")
    with pytest.raises(SyntaxError) as caught:
        osmia.load(tmp_path / "syntax.py")
    assert (caught.value.filename, caught.value.lineno) == (str(tmp_path / "syntax.py"), 1)
    assert str(tmp_path / "syntax.py") not in sys.modules
    with pytest.raises(FileNotFoundError, match="nosuch"):
        osmia.load(tmp_path / "nosuch.o")
    with pytest.raises(IsADirectoryError):
        osmia.load(tmp_path)
    empty = ModuleType("empty")
    assert refusal(ObjectError, lambda: osmia.load(empty)) == (
        "empty: no program: expected a function with a decorator such as @xdp"
    )


def test_an_object_without_programs() -> None:
    source = (
        'struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u32); } one SEC(".maps");'
    )
    assert refusal(ObjectError, lambda: osmia.load(c_object(source))) == "the object: no program in this object"


def test_two_programs_of_one_name() -> None:
    module = ModuleType("twice")
    vars(module).update(one=counts, other=xdp(name="counts")(drops.function))  # type: ignore[arg-type]
    text = "twice: two programs are called counts: give one of them another name="
    assert refusal(ObjectError, lambda: osmia.load(module)) == text


def test_a_map_of_an_object_that_gives_the_size_of_its_keys_and_the_type_of_its_values() -> None:
    """The kernel takes types for both or for neither."""
    source = """
    struct { __uint(type, 1); __uint(max_entries, 4); __uint(key_size, 4); __type(value, u64); } seen SEC(".maps");
    SEC("xdp") int count(struct xdp_md *ctx) {
        u32 key = 7; u64 *value = bpf_map_lookup_elem(&seen, &key);
        if (value) *value += 1;
        return 2;
    }
    """
    with osmia.load(c_object(source)) as loaded:
        loaded["seen"][(7).to_bytes(4, "little")] = 41
        loaded["count"].test_run(bytes(14))
        assert dict(loaded["seen"].items()) == {(7).to_bytes(4, "little"): 42}


def test_an_object_with_a_callback() -> None:
    """bpf_loop calls a function of the program back, by its address."""
    source = """
    struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u64); } sum SEC(".maps");
    static __noinline long step(u32 index, void *context) {
        u32 key = 0; u64 *value = bpf_map_lookup_elem(&sum, &key);
        if (value) *value += index;
        return 0;
    }
    SEC("xdp") int count(struct xdp_md *ctx) { bpf_loop(10, step, 0, 0); return 2; }
    """
    if kernel_version() < (5, 13):
        with pytest.raises(NotSupportedError) as caught:
            osmia.load(c_object(source))
        assert re.fullmatch(
            r"cannot load program 'count' \(xdp, \d+ instructions\): this kernel \(\S+\) has no callbacks, which Linux "
            r"5\.13 brought",
            str(caught.value),
        )
        return
    if kernel_version() < (5, 17):
        pytest.skip("bpf_loop came with Linux 5.17")
    with osmia.load(c_object(source)) as loaded:
        loaded["count"].test_run(bytes(14))
        assert loaded["sum"][0] == 45
