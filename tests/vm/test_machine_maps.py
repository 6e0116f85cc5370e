"""Maps of machines where they are more than the kernel's, or less: what is guarded, and what has to be given back."""

from __future__ import annotations

import asyncio
import select
import socket
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from compiled import c_object
from every_map_type import every_map_type, kinds
from osmia import (
    Array,
    ArrayOfMaps,
    CgroupArray,
    CpuMap,
    DevMap,
    FastRing,
    HashMap,
    KernelError,
    LpmTrie,
    LruHashMap,
    Machine,
    NotLoadedError,
    ObjectError,
    PerfEventArray,
    ProgramArray,
    ReusePortSockArray,
    RingBuf,
    SockHash,
    StackTraceMap,
    TaskStorage,
    XdpAction,
    XdpContext,
    XskMap,
    be32,
    struct,
    u32,
    u64,
    xdp,
)
from osmia.errors import VmError
from osmia.flags import BPF_F_CURRENT_CPU, BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG
from osmia.maps.table import MAP_KINDS
from osmia.vm.maps import hashes
from osmia.vm.maps.accuracy import ACCURACY, APPROXIMATE, EXACT, RECORDED, REFUSED
from osmia.vm.maps.order import Order
from refusal import refusal

if TYPE_CHECKING:
    from pathlib import Path

PACKET = bytes(64)
EACH = 500
"""Events for each of three maps that a program writes in a run."""
ROUNDS = {"interpreter": 14, "jit": 67}
"""By engine, so that native code writes a hundred thousand in all."""

HELPERS = """
#define NULL ((void *)0)
static long (*update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*delete)(void *map, const void *key) = (void *)3;
static void (*spin_lock)(void *lock) = (void *)93;
static void (*spin_unlock)(void *lock) = (void *)94;
static long (*output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static void *(*reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*submit)(void *data, u64 flags) = (void *)132;
static void (*discard)(void *data, u64 flags) = (void *)133;
static u64 (*query)(void *ring, u64 flags) = (void *)134;
struct { __uint(type, 27); __uint(max_entries, 4096); } ring SEC(".maps");
struct { __uint(type, 2); __uint(max_entries, 64); __type(key, u32); __type(value, u64); } results SEC(".maps");
"""


def run(source: str, engine: str = "interpreter", name: str = "program") -> VmError:
    """What a program is stopped by."""
    with Machine(engine=engine) as machine, osmia.load(c_object(HELPERS + source), engine=machine) as loaded:
        with pytest.raises(VmError) as caught:
            loaded[name].test_run(PACKET)
        assert not machine.records
        return caught.value


# What the table says


def test_every_type_has_a_row() -> None:
    assert list(ACCURACY) == list(MAP_KINDS)
    for name, row in ACCURACY.items():
        assert row.level in (EXACT, APPROXIMATE, RECORDED, REFUSED), name
        assert row.text or row.level == EXACT, f"{name} does not say how it differs"


@pytest.mark.parametrize("name", [name for name, row in ACCURACY.items() if row.level == REFUSED])
def test_what_is_refused_says_why(name: str) -> None:
    of: Any = MAP_KINDS[name].map_class
    made = of("tcp_congestion_ops", name="M") if name == "StructOps" else of(max_entries=1, name="M")
    with Machine():
        assert refusal(ObjectError, made.create) == (
            f"map 'M' is of type {MAP_KINDS[name].kernel_name}, of which the user-space runtime has none: "
            f"{ACCURACY[name].text}"
        )


def test_an_object_with_a_map_of_every_type() -> None:
    """Its program names each of them, by an address that code holds."""
    with Machine(cpus=2) as machine, osmia.load(every_map_type(), engine=machine) as loaded:
        assert loaded["names"].test_run(PACKET).action is XdpAction.PASS
        assert sorted(loaded.maps) == sorted(kind.kernel_name.lower() for kind in kinds())
        for name, held in loaded.maps.items():
            assert held.info().type == name.upper()


# Events


@struct
class Event:
    number: u64
    kind: u32


events = RingBuf(Event, size=1 << 15)
fast = FastRing(Event, 1 << 10)
perf = PerfEventArray(Event, pages=8)
sent = osmia.Global(u64)


@xdp
def sends(ctx: XdpContext) -> XdpAction:
    for _ in range(EACH):
        sent.value += 1
        number = sent.value
        with events.reserve() as event:
            if event is not None:
                event.number = number
                event.kind = 1
        with fast.reserve() as other:
            if other is not None:
                other.number = number
                other.kind = 2
        perf.output(Event(number=number, kind=3), BPF_F_CURRENT_CPU)
    return XdpAction.PASS


@pytest.mark.parametrize("engine", ["interpreter", "jit"])
def test_what_is_received_and_what_is_lost_is_what_was_sent(engine: str) -> None:
    """Readers that take most of it, but not all: each event is given once, in its order, or counted."""
    if engine == "jit":
        pytest.importorskip("llvmlite")
    found: dict[str, list[int]] = {"events": [], "fast": [], "perf": []}
    rounds = ROUNDS[engine]
    with Machine(engine=engine) as machine:
        for number in range(rounds):
            machine.run(sends, PACKET)
            if number % 7 > 2:
                continue
            for held in (events, fast, perf):
                while (event := held.read(timeout=0)) is not None:
                    assert event.kind == {"events": 1, "fast": 2, "perf": 3}[held.name]
                    found[held.name].append(event.number)
        for held in (events, fast, perf):
            while (event := held.read(timeout=0)) is not None:
                found[held.name].append(event.number)
        assert sent.value == rounds * EACH
        for held in (events, fast, perf):
            assert held.lost > 0
            assert len(found[held.name]) + held.lost == sent.value, held.name
            assert found[held.name] == sorted(set(found[held.name]))


RULES = """
SEC("xdp") int program(struct xdp_md *ctx)
{
    u64 data[5] = {1, 2, 3, 4, 5}; u32 at = 0; long found; void *first, *second;
#define NOTE(what) do { u64 noted = (u64)(what); update(&results, &at, &noted, 0); at++; } while (0)
    NOTE(query(&ring, 1)); NOTE(query(&ring, 9));
    NOTE(output(&ring, data, 40, 4)); NOTE(output(&ring, data, 40, 3)); NOTE(output(&ring, data, 1, 0));
    NOTE(query(&ring, 0)); NOTE(query(&ring, 2)); NOTE(query(&ring, 3));
    first = reserve(&ring, 4096, 0); NOTE(first != NULL); if (first) discard(first, 0);
    first = reserve(&ring, 8, 1); NOTE(first != NULL); if (first) discard(first, 0);
    first = reserve(&ring, 4000, 0); NOTE(first != NULL); if (first) discard(first, 0);
    first = reserve(&ring, 3000, 0); NOTE(first != NULL);
    if (first) {
        second = reserve(&ring, 100, 0); NOTE(second != NULL);
        if (second) { *(u64 *)second = 77; submit(second, 1); }
        NOTE(query(&ring, 0));
        discard(first, 0);
    }
    NOTE(query(&ring, 0)); NOTE(query(&ring, 3));
    NOTE(output(&ring, data, 40, 0)); NOTE(query(&ring, 3));
    return 2;
}
"""


def test_the_rules_of_ring_buffers_are_the_kernel_s(engine: Machine | None) -> None:
    with osmia.load(c_object(HELPERS + RULES), engine=engine) as loaded:
        assert loaded["program"].test_run(PACKET).action is XdpAction.PASS
        minus = 1 << 64
        assert [loaded["results"][index] for index in range(21)] == [
            *(4096, 0, minus - 22, 0, 0, 64, 0, 64),  # sizes, what flags are refused, what was written
            *(0, 0, 1, 0),  # what is larger than the ring, what has flags, what fits, what does not any more
            *(4072, 4072, minus - 11, 4072),  # discarded records take room until they are read
            *(0, 0, 0, 0, 0),
        ]
        held = loaded["ring"]
        found = [held.read(timeout=0) for _ in range(3)]
        assert found[0] == b"".join(number.to_bytes(8, "little") for number in range(1, 6))
        assert found[1:] == [b"\x01", None]
        assert held.pending == 0
        assert loaded["program"].test_run(PACKET).action is XdpAction.PASS
        assert [loaded["results"][index] for index in (5, 6, 7)] == [64, 4072, 4136]


def test_one_waits_for_rings_of_all_sorts() -> None:
    """Their descriptors are readable while there is something to read, and not when all of it was."""
    with Machine() as machine:
        machine.run(sends, PACKET)
        rings: tuple[Any, ...] = (events, fast, perf)
        for each in rings:
            while each.read(timeout=0) is not None:
                pass
        assert osmia.wait(*rings, timeout=0) == []
        assert select.select(rings, (), (), 0)[0] == [] or osmia.wait(*rings, timeout=0.05) == []
        machine.run(sends, PACKET)
        assert osmia.wait(*rings, timeout=None) == [*rings]
        assert select.select([*rings[::2]], (), (), 0)[0] == [events, perf]
        assert len(events.drain()) == EACH
        assert osmia.wait(*rings) == [fast, perf]
        assert (len(fast.drain()), len(perf.drain())) == (EACH, EACH)
        assert osmia.wait(*rings, timeout=0.01) == []
        assert select.select([*rings[::2]], (), (), 0)[0] == []


def test_asyncio_reads_what_programs_write() -> None:
    async def some() -> list[int]:
        found = []
        async for event in events:
            found.append(event.number)
            if len(found) == EACH:
                break
        return found

    async def both(machine: Machine) -> list[int]:
        reading = asyncio.create_task(some())
        await asyncio.sleep(0.01)
        machine.run(sends, PACKET)
        return await asyncio.wait_for(reading, 20)

    with Machine() as machine:
        sends.load()
        assert asyncio.run(both(machine)) == [*range(1, EACH + 1)]


# What is guarded

LOCKED = """
struct value { u32 lock_before; struct bpf_spin_lock { u32 value; } lock; u64 number; };
struct { __uint(type, 2); __uint(max_entries, 2); __type(key, u32); __type(value, struct value); } values SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx)
{
    u32 key = 0, other = 1; struct value *one, *two;
    one = bpf_map_lookup_elem(&values, &key); two = bpf_map_lookup_elem(&values, &other);
    if (!one || !two) return 0;
    BODY
    return 2;
}
"""
_LOCKS = {
    "spin_lock(&one->lock); spin_lock(&one->lock);": (
        "the lock is taken that the program holds already: it would wait for ever"
    ),
    "spin_lock(&one->lock); spin_lock(&two->lock);": "a second lock is taken while one is held",
    "spin_lock(&one->lock); one->number = bpf_ktime_get_ns();": "bpf_ktime_get_ns is called while a lock is held",
    "spin_lock(&one->lock); bpf_map_lookup_elem(&values, &key);": "bpf_map_lookup_elem is called while a lock is held",
    "spin_unlock(&one->lock);": "a lock is given back that the program does not hold",
    "spin_lock(&one->lock);": "the lock that is taken here is held when the program ends",
}


@pytest.mark.parametrize("engine", ["interpreter", "python", "jit"])
@pytest.mark.parametrize("body", _LOCKS)
def test_locks_that_are_misused(body: str, engine: str) -> None:
    if engine == "jit":
        pytest.importorskip("llvmlite")
    error = run(LOCKED.replace("BODY", body), engine)
    assert error.kind == "lock"
    assert f": {_LOCKS[body]}\n" in str(error)
    assert error.text.strip() == body


def test_locks_that_are_used_well() -> None:
    body = "spin_lock(&one->lock); one->number += 1; spin_unlock(&one->lock); two->number = one->number;"
    with Machine() as machine, osmia.load(c_object(HELPERS + LOCKED.replace("BODY", body)), engine=machine) as loaded:
        for _ in range(3):
            assert loaded["program"].test_run(PACKET).action is XdpAction.PASS
        held = loaded["values"]
        assert [each[8:] for each in (held[0], held[1])] == [(3).to_bytes(8, "little")] * 2
        assert refusal(KernelError, held.freeze) == (
            "cannot freeze map 'values': its values hold a lock or a timer (ENOTSUPP)"
        )


def test_a_lock_is_not_touched() -> None:
    error = run(LOCKED.replace("BODY", "one->lock.value = 0;"))
    assert (
        ": write of 4 bytes at offset 4 of value 0 of 'values', which has 16 bytes: it is a lock or a timer, which "
        "helpers alone touch\n"
    ) in str(error)


STALE = """
struct { __uint(type, 1); __uint(max_entries, 4); __type(key, u32); __type(value, u64); } table SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx)
{
    u32 key = 3, zero = 0; u64 value = 5, *found, *kept = bpf_map_lookup_elem(&results, &zero);
    if (!kept) return 0;
    if (*kept) return *(volatile u64 *)*kept;
    update(&table, &key, &value, 0);
    found = bpf_map_lookup_elem(&table, &key);
    if (!found) return 0;
    *kept = (u64)found;
    delete(&table, &key);
    *found += 1;          /* as in the kernel, it stays until the program ends */
    return *found == 6 ? 2 : 1;
}
"""


def test_a_value_stays_until_the_run_ends() -> None:
    with Machine() as machine, osmia.load(c_object(HELPERS + STALE), engine=machine) as loaded:
        assert loaded["program"].test_run(PACKET).action is XdpAction.PASS
        with pytest.raises(VmError) as caught:
            loaded["program"].test_run(PACKET)
        assert caught.value.kind == "freed"
        text = ": read of 8 bytes at offset 0 of the value of 'table', which has 8 bytes: it was freed\n"
        assert text in str(caught.value)


# What is given back

LEAKS = (
    "void *one = reserve(&ring, 16, 0); if (!one) return 0;",
    "void *one = reserve(&ring, 16, 0); if (!one) return 0; submit(reserve(&ring, 8, 0), 0);",
)
LEAKING = 'SEC("xdp") int program(struct xdp_md *ctx)\n{\n    BODY\n    return 2;\n}\n'


@pytest.mark.parametrize("body", LEAKS)
def test_a_record_that_is_neither_submitted_nor_discarded(body: str) -> None:
    error = run(LEAKING.replace("BODY", body))
    assert (error.kind, error.fix) == ("leak", "call submit() or discard() on every way out")
    assert "the record of 'ring' that is taken here is not given back by all ways to the end" in str(error)
    assert "reserve(&ring, 16, 0)" in error.text


def test_a_record_is_not_touched_once_it_is_submitted() -> None:
    source = LEAKING.replace(
        "BODY",
        "volatile u64 *one = reserve(&ring, 16, 0); if (!one) return 0; *one = 1; submit((void *)one, 0); *one = 2;",
    )
    error = run(source)
    assert error.kind == "freed"
    assert ": write of 8 bytes at offset 0 of the record of 'ring', which has 16 bytes: it was freed\n" in str(error)
    assert f"program.c:{error.line}" in str(error.origin)
    beyond = run(source.replace("*one = 1;", "one[2] = 1;"))
    assert "at offset 16 of the record of 'ring', which has 16 bytes" in str(beyond)
    twice = run(source.replace("*one = 2;", "submit((void *)one, 0);"))
    assert "ringbuf_submit is given" in str(twice)


def test_a_run_that_fails_leaves_the_ring_usable() -> None:
    source = LEAKING.replace(
        "BODY", "void *one = reserve(&ring, 16, 0); if (one && ctx->rx_queue_index) submit(one, 0); "
    )
    with Machine() as machine, osmia.load(c_object(HELPERS + source), engine=machine) as loaded:
        program, ring = loaded["program"], loaded["ring"]
        with pytest.raises(VmError):
            machine.run(program, PACKET)
        assert ring.read(timeout=0) is None
        assert ring.pending == 0


# Access that flags forbid


def test_maps_that_programs_only_read_or_only_write() -> None:
    def source(flags: int, body: str) -> str:
        made = f"""
struct {{ __uint(type, 2); __uint(max_entries, 2); __uint(map_flags, {flags}); __type(key, u32); __type(value, u64); }}
    held SEC(".maps");
"""
        return made + LEAKING.replace("BODY", f"u32 key = 0; u64 value = 1, *at; {body}")

    look = "at = bpf_map_lookup_elem(&held, &key); if (!at) return 0;"
    text = str(run(source(BPF_F_RDONLY_PROG, "update(&held, &key, &value, 0);")))
    assert ": programs may only read map 'held', which has BPF_F_RDONLY_PROG\n" in text
    assert "it may only be read" in str(run(source(BPF_F_RDONLY_PROG, f"{look} *(volatile u64 *)at = 1;")))
    text = str(run(source(BPF_F_WRONLY_PROG, f"{look} return *(volatile u64 *)at;")))
    assert ": programs may only write to map 'held', which has BPF_F_WRONLY_PROG\n" in text


# Objects, and what is recorded

tasks = TaskStorage(u64)


def test_tasks_of_a_machine() -> None:
    with Machine() as machine:
        tasks.create()
        other = machine.object("task_struct", pid=77)
        tasks[machine.task.pid] = 5
        tasks[other] = 6
        assert (tasks[machine.task.pid], tasks[77], tasks.get(78), 78 in tasks) == (5, 6, None, False)
        assert refusal(KernelError, lambda: tasks.__setitem__(78, 1)) == (
            "cannot write to map 'tasks': there is no task 78 (ESRCH)"
        )
        assert tasks.pop(77) == 6
        assert refusal(KeyError, lambda: tasks[other]).startswith("tasks: no key <KernelObject struct task_struct")


def test_cgroups_and_stacks(tmp_path: Path) -> None:
    cgroups = CgroupArray(max_entries=2, name="cgroups")
    stacks = StackTraceMap(max_entries=4, name="stacks")
    with Machine() as machine:
        cgroups.create()
        stacks.create()
        cgroups[1] = str(tmp_path)
        of: Any = cgroups.backend
        own = tmp_path.stat().st_ino
        assert [of.under(index, (1, own)) for index in range(3)] == [-11, 1, -7]
        assert of.under(1, (1,)) == 0
        held: Any = stacks.backend
        assert held.keep(0) == -14  # nobody has said what the stack is
        machine.kernel_stack[:] = [3, 2, 1]
        number = held.keep(0)
        assert stacks[number] == (3, 2, 1)
        assert stacks[held.keep(1)] == (2, 1)
        assert held.keep(1 << 20) == -22
        stacks.clear()
        assert len(stacks) == 0


recent = LruHashMap(u32, u64, max_entries=3)


@xdp
def looks_up(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP if recent.lookup(ctx.ingress_ifindex) is None else XdpAction.PASS


def test_the_key_goes_that_was_used_least_recently() -> None:
    with Machine() as machine:
        recent.create()
        recent.update({1: 1, 2: 2, 3: 3})
        assert machine.run(looks_up, PACKET, ingress_ifindex=1).action is XdpAction.PASS
        assert recent[2] == 2  # user code's look does not count
        recent[4] = 4
        assert sorted(recent) == [1, 3, 4]
        recent[3] = 30
        recent[5] = 5
        assert recent.to_dict() == {3: 30, 4: 4, 5: 5}


def test_what_packets_are_sent_to_is_held() -> None:
    devices, cpus, queues = (
        DevMap(max_entries=2, name="d"),
        CpuMap(max_entries=2, name="c"),
        XskMap(max_entries=2, name="x"),
    )
    with Machine(), socket.socket() as held:
        for each in (devices, cpus, queues):
            each.create()
        devices[1] = 4
        cpus[0] = 128
        queues[1] = held
        assert [(key, value.ifindex) for key, value in devices.items()] == [(1, 4)]
        assert [(key, value.qsize) for key, value in cpus.items()] == [(0, 128)]
        backend: Any = queues.backend
        assert [backend.has_key(index.to_bytes(4, "little")) for index in (0, 1)] == [False, True]
        del devices[1]
        assert 1 not in devices


def test_sockets_by_their_cookies() -> None:
    sockets, group = SockHash(u64, max_entries=2, name="s"), ReusePortSockArray(max_entries=2, name="g")
    with Machine() as machine, socket.socket() as held:
        sockets.create()
        group.create()
        sockets[9] = held
        group[1] = held
        cookie = int.from_bytes(held.getsockopt(socket.SOL_SOCKET, 57, 8), "little")
        assert (dict(sockets.items()), group[1]) == ({9: cookie}, cookie)
        assert machine.standing[f"socket {cookie}"].get("cookie") == cookie
        assert sockets.pop(9) == cookie
        assert 9 not in sockets


# What is of one place goes nowhere else


def test_nothing_goes_into_a_map_that_is_elsewhere() -> None:
    inner = Array(u32, max_entries=1, name="inner")
    outer = ArrayOfMaps(Array(u32, max_entries=1), max_entries=1, name="outer")
    programs = ProgramArray(XdpContext, max_entries=1, name="programs")
    with Machine() as first:
        inner.create()
        with Machine() as second:
            outer.create()
            programs.create()
            assert refusal(ObjectError, lambda: outer.__setitem__(0, inner)) == (
                f"outer is live in {second}, and inner in {first}: both are of one place, or neither goes into the "
                "other"
            )
            with osmia.load(nothing, engine=first) as loaded:
                assert refusal(ObjectError, lambda: programs.__setitem__(0, loaded[nothing])) == (
                    f"programs is live in {second}, and nothing in {first}: both are of one place, or neither goes "
                    "into the other"
                )
            like = Array(u32, max_entries=1, name="like")
            like.create()
            outer[0] = like
            held = outer[0]
            held[0] = 7
            like.close()
            assert held[0] == 7
        assert (
            refusal(NotLoadedError, lambda: outer.__setitem__(0, inner))
            == "outer is closed: load() a program that uses it"
        )
        assert refusal(NotLoadedError, lambda: held[0]) == ("map 'like' is closed: load the program that uses it again")
        assert not programs.live


@xdp
def nothing(_ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


@pytest.mark.parametrize("of", [HashMap, LruHashMap, LpmTrie])
def test_a_walk_takes_the_order_of_keys_once(of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = of(be32, u64, max_entries=1000, name="table")
    taken = []

    class Counted(Order):
        def __init__(self, keys: Any, arrived: int) -> None:
            taken.append(arrived)
            super().__init__(keys, arrived)

    with Machine():
        table.create()
        table.update_many([(32, each) if of is LpmTrie else each for each in range(500)], range(500))
        monkeypatch.setattr(hashes, "Order", Counted)
        assert len([*table]) == 500
        for key, value in table.items():
            if value % 2:
                del table[key]
        assert sorted(table.values()) == list(range(0, 500, 2))
        table.clear()
        assert list(table) == []
        assert len(taken) == 1


def test_what_cannot_be_done_here(tmp_path: Path) -> None:
    table = HashMap(u32, u64, max_entries=1, name="table")
    with Machine():
        assert refusal(ObjectError, lambda: table.open(tmp_path / "table")) == (
            "table: what others hold is in the kernel, and here maps are those of a machine of the user-space runtime: "
            "create() makes one"
        )
        table.create()
        assert refusal(KernelError, lambda: table.pin(tmp_path / "table")) == (
            f"map 'table' cannot be pinned at {tmp_path / 'table'}: it is one of the user-space runtime"
        )
        table.freeze()
        assert refusal(KernelError, lambda: table.__setitem__(1, 1)) == (
            "cannot write key 1 of map 'table': the map does not let user code do that: it is frozen, or was made "
            "read-only or write-only (EPERM)"
        )
        assert table.info().frozen
        assert refusal(VmError, lambda: table.fd) == (
            "map 'table' has no file descriptor: it is one of the user-space runtime"
        )
        perf.create()
        assert refusal(KernelError, lambda: perf.__setitem__(0, 1)) == (
            "map 'perf' takes no perf events of user code's own: it is one of the user-space runtime, and they are the "
            "kernel's. Read what programs write: osmia has the buffers"
        )
