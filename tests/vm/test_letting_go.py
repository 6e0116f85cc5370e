"""What nobody holds is let go of, in a machine as in the kernel: maps, programs, and the memory of both."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

import osmia
from compiled import c_object
from every_map_type import every_map_type
from osmia import Array, Machine, NotLoadedError, ObjectError, XdpAction, u64
from osmia.errors import VmError
from osmia.object_file import read_object
from osmia.vm.engine import ENGINES
from refusal import refusal

PACKET = bytes(64)

HEAD = """
#define __array(name, value) typeof(value) *name[]
static long (*update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*tail)(void *ctx, void *map, u32 index) = (void *)12;
static long (*timer_init)(void *timer, void *map, u64 flags) = (void *)169;
static long (*timer_set_callback)(void *timer, void *callback) = (void *)170;
static long (*timer_start)(void *timer, u64 nsecs, u64 flags) = (void *)171;
struct inner { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u64); };
struct { __uint(type, 12); __uint(max_entries, 2); __type(key, u32); __array(values, struct inner); } outer
    SEC(".maps");
"""

FILLS = (
    HEAD
    + """
struct prefix { u32 length, address; };
struct inner first SEC(".maps");
struct { __uint(type, 12); __uint(max_entries, 1); __type(key, u32); __array(values, struct inner); } full SEC(".maps")
    = {.values = {&first}};
struct { __uint(type, 1); __uint(max_entries, 100); __type(key, u32); __type(value, u64); } hash SEC(".maps");
struct { __uint(type, 5); __uint(max_entries, 100); __type(key, u32); __type(value, u64); } each SEC(".maps");
struct { __uint(type, 11); __uint(max_entries, 9); __uint(map_flags, 1); __type(key, struct prefix);
    __type(value, u64); } trie SEC(".maps");
int program(struct xdp_md *ctx);
struct { __uint(type, 3); __uint(max_entries, 2); __type(key, u32); __uint(value_size, 4);
    __array(values, int (void *)); } programs SEC(".maps") = {.values = {[1] = (void *)&program}};
u64 seen;
SEC("xdp") int program(struct xdp_md *ctx)
{
    u32 key = 0;
    u64 value = 7;
    struct prefix at = {32, 7};
    seen++;
    update(&hash, &key, &value, 0); update(&each, &key, &value, 0); update(&trie, &at, &value, 0);
    void *inner = bpf_map_lookup_elem(&full, &key);
    u64 *found = inner ? bpf_map_lookup_elem(inner, &key) : 0;
    if (found) *found += 1;
    tail(ctx, &programs, key);
    return found && *found == 1 ? 2 : 1;
}
"""
)

KEEPS = (
    HEAD
    + """
u64 *kept;
u64 seen;
SEC("xdp") int looks(struct xdp_md *ctx)
{
    u32 key = 0;
    void *inner = bpf_map_lookup_elem(&outer, &key);
    kept = inner ? bpf_map_lookup_elem(inner, &key) : 0;
    if (!kept) return 0;
    seen = ++*kept;
    return 2;
}
SEC("xdp") int uses(struct xdp_md *ctx) { return *(volatile u64 *)kept; }
"""
)

TIMES = (
    HEAD
    + """
struct bpf_timer { u64 a, b; } __attribute__((aligned(8)));
struct value { struct bpf_timer timer; u64 fired; };
struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, struct value); } timers SEC(".maps");
static int fire(void *map, u32 *key, struct value *value) { value->fired++; return 0; }
SEC("xdp") int starts(struct xdp_md *ctx)
{
    u32 key = 0;
    struct value *value = bpf_map_lookup_elem(&timers, &key);
    if (!value || timer_init(&value->timer, &timers, 1) || timer_set_callback(&value->timer, fire)) return 1;
    return timer_start(&value->timer, 1000000000, 0) ? 3 : 2;
}
"""
)

JUMPS = (
    HEAD
    + """
struct { __uint(type, 3); __uint(max_entries, 1); __type(key, u32); __uint(value_size, 4); } programs SEC(".maps");
SEC("xdp") int jumps(struct xdp_md *ctx) { tail(ctx, &programs, 0); return 1; }
SEC("xdp") int target(struct xdp_md *ctx) { return 2; }
"""
)


def held_by(machine: Machine) -> tuple[int, int, int, int]:
    """How many pieces of memory, maps, programs and value blocks it has."""
    return len(machine.memory.blocks), len(machine.maps), len(machine.programs), len(machine.value_blocks)


def test_a_thousand_loads_do_not_grow_a_machine() -> None:
    """What was freed is used again once a megabyte of others was freed."""
    spec = read_object(c_object(FILLS), "fills.o")
    with Machine(cpus=2) as machine:
        before = (0, 0, 0, 0)
        for count in range(1000):
            with machine.load_object(spec) as loaded:
                assert loaded.programs["program"].test_run(PACKET)[0] == XdpAction.PASS
                assert loaded.maps["hash"].lookup(bytes(4)) == (7).to_bytes(8, "little")
                assert bytes(loaded.maps[".bss"].memory()[:8]) == (1).to_bytes(8, "little")
            if count == 500:
                before = held_by(machine)
        assert held_by(machine) == before
        assert before[1:] == (0, 0, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_map_gives_all_of_its_memory_back(engine: str) -> None:
    files = len([*Path("/proc/self/fd").iterdir()])
    with Machine(engine=engine, cpus=2) as machine:
        for _ in range(20):
            with osmia.load(every_map_type(), engine=machine) as loaded:
                assert loaded["names"].test_run(PACKET).action is XdpAction.PASS
                assert loaded["ringbuf"].backend.ring().fd >= 0
            loaded.close()
            del loaded
        assert held_by(machine)[1:] == (0, 0, 0)
        assert len([*Path("/proc/self/fd").iterdir()]) == files


def test_native_code_of_another_program_is_not_taken_for_its_own() -> None:
    """Maps and code come to lie where others were before."""
    with Machine(engine="jit") as machine:
        for _ in range(20):
            for source, name in ((FILLS, "program"), (JUMPS, "jumps")):
                with osmia.load(c_object(source), engine=machine) as loaded:
                    expected = XdpAction.PASS if source is FILLS else XdpAction.DROP
                    assert loaded[name].test_run(PACKET).action is expected


@pytest.mark.parametrize("engine", ENGINES)
def test_a_map_in_a_map_lives_on_without_a_handle_and_ends_with_its_entry(engine: str) -> None:
    with Machine(engine=engine) as machine, osmia.load(c_object(KEEPS), engine=machine) as loaded:
        looks, outer = loaded["looks"], loaded["outer"]
        inner = Array(u64, max_entries=1, name="inner")
        inner.create()
        inner[0] = 41
        outer[0] = inner
        inner.close()
        assert looks.test_run(PACKET).action is XdpAction.PASS
        assert loaded["seen"].value == 42
        again = outer[0]
        del outer[0]
        assert again[0] == 42
        assert loaded["uses"].test_run(PACKET).return_value == 42
        again.close()
        with pytest.raises(VmError) as caught:
            loaded["uses"].test_run(PACKET)
        error = caught.value
        assert error.kind == "freed"
        assert ": read of 8 bytes at offset 0 of value 0 of 'inner', which has 8 bytes: it was freed\n" in str(error)
        assert error.fix == "keep the map open, or in a map of maps, as long as something points into it"


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_run_uses_stays_until_it_ends(engine: str) -> None:
    """A helper that a test has put there closes what the program has looked up."""
    with Machine(engine=engine) as machine, osmia.load(c_object(KEEPS), engine=machine) as loaded:
        inner = Array(u64, max_entries=1, name="inner")
        inner.create()
        loaded["outer"][0] = inner
        look = machine.helpers[1]
        closed: list[int] = []

        def closes(run: object, of: int, key: int, *rest: int) -> int:
            found = look(run, of, key, *rest)
            if closed:
                return found
            closed.append(found)
            del loaded["outer"][0]
            inner.close()
            return found

        machine.helpers[1] = closes
        assert loaded["looks"].test_run(PACKET).action is XdpAction.PASS
        assert loaded["seen"].value == 1
        with pytest.raises(VmError, match=r"of value 0 of 'inner', which has 8 bytes: it was freed"):
            loaded["uses"].test_run(PACKET)


def test_a_handle_that_is_lost_counts_no_longer() -> None:
    with Machine() as machine, osmia.load(c_object(KEEPS), engine=machine) as loaded:
        outer = loaded["outer"]
        for _ in range(10):
            inner = Array(u64, max_entries=1)
            inner.create()
            outer[0] = inner
            inner.close()
            assert outer[0][0] == 0
        del outer[0]
        gc.collect()
        inner = Array(u64, max_entries=1)
        inner.create()  # whatever is made next lets go of it
        assert [each.name for each in machine.maps.values()] == ["outer", ".bss", inner.name]


def test_memory_that_is_looked_at_is_not_given_to_another_map() -> None:
    with Machine() as machine:
        loaded = osmia.load(c_object(KEEPS), engine=machine)
        view = loaded.maps[".bss"].backend.memory()
        loaded.close()
        assert [each.name for each in machine.maps.values()] == [".bss"]
        assert refusal(NotLoadedError, lambda: loaded["seen"].value) == "seen is closed: load() a program that uses it"
        part = view[:8]
        view.release()
        part[:] = b"12345678"
        spec = read_object(c_object(KEEPS), "keeps.o")
        for _ in range(300):  # more than a megabyte
            with machine.load_object(spec) as other:
                assert not any(other.maps[".bss"].memory())
        assert bytes(part) == b"12345678"
        part.release()
        with osmia.load(c_object(KEEPS), engine=machine):
            assert len([each for each in machine.maps.values() if each.name == ".bss"]) == 1


def test_an_array_of_programs_is_emptied_when_user_code_has_no_handle_of_it() -> None:
    """So does the kernel: or a program and the array that it is in would hold each other."""
    with Machine() as machine:
        loaded = osmia.load(c_object(JUMPS), engine=machine)
        jumps, target, programs = loaded["jumps"], loaded["target"], loaded["programs"]
        programs.backend.update(bytes(4), target.entry.to_bytes(4, "little"))
        target.close()
        assert jumps.test_run(PACKET).action is XdpAction.PASS
        programs.close()
        assert jumps.test_run(PACKET).action is XdpAction.DROP
        assert [each.name for each in machine.programs.values()] == ["jumps"]
        assert [each.name for each in machine.maps.values()] == ["programs"]
        loaded.close()
        assert held_by(machine)[1:] == (0, 0, 0)


def test_a_timer_holds_its_program_as_long_as_its_map_has_a_handle() -> None:
    with Machine() as machine:
        loaded = osmia.load(c_object(TIMES), engine=machine)
        assert loaded["starts"].test_run(PACKET).action is XdpAction.PASS
        loaded["starts"].close()
        machine.advance(2)
        backend = loaded["timers"].backend
        assert backend.lookup(bytes(4))[16:] == (1).to_bytes(8, "little")
        assert [each.name for each in machine.programs.values()] == ["starts"]
        loaded.close()
        assert held_by(machine)[1:] == (0, 0, 0)
        loaded = osmia.load(c_object(TIMES), engine=machine)
        assert loaded["starts"].test_run(PACKET).action is XdpAction.PASS
        loaded.close()
        assert machine.timers.waiting == 0
        assert held_by(machine)[1:] == (0, 0, 0)


def test_what_cannot_be_loaded_leaves_nothing() -> None:
    with Machine() as machine:
        source = (
            HEAD
            + """
struct { __uint(type, 1); __uint(max_entries, 1); __type(key, u32); __type(value, u64); } hash SEC(".maps");
struct { __uint(type, 26); __uint(max_entries, 0); __uint(map_flags, 1024); __type(key, u32); __type(value, u32); }
    ops SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx) { asm volatile("" :: "r"(&hash), "r"(&ops)); return 2; }
"""
        )
        with pytest.raises(ObjectError, match="of type STRUCT_OPS, of which the user-space runtime has none"):
            osmia.load(c_object(source), engine=machine)
        assert held_by(machine)[1:] == (0, 0, 0)
