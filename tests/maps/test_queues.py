"""Queues, stacks and Bloom filters: values without keys, on both sides."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest

import libbpf
import osmia
from compiled import c_object
from live_maps import live
from osmia import (
    Array,
    BloomFilter,
    KernelError,
    Queue,
    Stack,
    XdpAction,
    XdpContext,
    be32,
    i64,
    struct,
    u8,
    u16,
    u32,
    xdp,
)
from osmia.compiler import Target
from osmia.compiler.build import checked_unit, generate
from osmia.flags import BPF_EXIST
from osmia.kernel.features import kernel_version
from refusal import refusal
from this_kernel import require

if TYPE_CHECKING:
    from osmia import Machine

pytestmark = pytest.mark.usefixtures("engine")


@struct
class Job:
    port: u16 = 0
    size: u32 = 0


@struct(frozen=True)
class Peer:
    address: be32
    port: u16


jobs = Queue(Job, max_entries=4)
done = Queue(Job, max_entries=4)
numbers = Stack(u32, max_entries=4)
bytes_ = Queue(u8, max_entries=4, name="small")
flags_ = Queue(bool, max_entries=4, name="truths")
seen = BloomFilter(u32, max_entries=64, hashes=3)
peers = BloomFilter(Peer, max_entries=64)
out = Array(i64, max_entries=8)

CPUS = pytest.mark.parametrize("cpu", ["v1", "v3", "v4"])


@xdp(on_error=XdpAction.TX)
def work(_ctx: XdpContext) -> XdpAction:
    first = jobs.peek()
    if first is None:
        return XdpAction.DROP
    out[0] = first.size
    job = jobs.pop()
    if job is None:
        return XdpAction.ABORTED
    job.size += 1
    out[1] = done.push(job)
    return XdpAction.PASS


@xdp(on_error=XdpAction.TX)
def add(_ctx: XdpContext) -> XdpAction:
    total = 0
    while (number := numbers.pop()) is not None:
        total += number
    out[0] = total
    small = bytes_.pop()
    out[1] = -1 if small is None else small * 1000
    truth = flags_.pop()
    if truth is not None and truth:
        out[2] = 1
    out[3] = numbers.push(total, BPF_EXIST)
    numbers.push(7)
    top = numbers.peek()
    if top is not None:
        out[4] = top + 1
    return XdpAction.PASS


@xdp(on_error=XdpAction.TX)
def remember(ctx: XdpContext) -> XdpAction:
    number = ctx.rx_queue_index
    here = Peer(address=number, port=80)
    if number in seen and seen.contains(number) and here in peers:
        return XdpAction.DROP
    if number not in seen:
        out[0] = seen.push(number)
        peers.push(here)
    return XdpAction.PASS


def target(cpu: str) -> Target:
    return Target(cpu, min((6, 18), kernel_version()))


@CPUS
def test_values_go_from_user_code_through_a_program_and_back(engine: Machine | None, cpu: str) -> None:
    if cpu == "v4":
        require("v4")
    with osmia.load(work, target=target(cpu), engine=engine) as loaded:
        program = loaded[work]
        assert program.test_run(bytes(64)).action is XdpAction.DROP
        loaded[jobs].push(Job(port=1, size=10))
        loaded[jobs].push(Job(port=2, size=20))
        assert loaded[jobs].peek() == Job(port=1, size=10)
        assert [program.test_run(bytes(64)).action.name for _ in range(3)] == ["PASS", "PASS", "DROP"]
        results = [loaded[done].pop() for _ in range(3)]
        assert results == [Job(port=1, size=11), Job(port=2, size=21), None]
        assert list(loaded[out].values())[:2] == [20, 0]


@CPUS
def test_numbers_are_numbers_that_may_be_none(engine: Machine | None, cpu: str) -> None:
    if cpu == "v4":
        require("v4")
    with osmia.load(add, target=target(cpu), engine=engine) as loaded:
        for number in (1, 2, 4):
            loaded[numbers].push(number)
        loaded[bytes_].push(200)
        loaded[flags_].push(True)
        assert loaded[add].test_run(bytes(64)).action is XdpAction.PASS
        assert list(loaded[out].values())[:5] == [7, 200_000, 1, 0, 8]
        assert [loaded[numbers].pop() for _ in range(3)] == [7, 7, None]
        assert loaded[add].test_run(bytes(64)).action is XdpAction.PASS
        assert list(loaded[out].values())[:2] == [0, -1]


@CPUS
def test_a_filter_knows_what_either_side_put_in(engine: Machine | None, cpu: str) -> None:
    if cpu == "v4":
        require("v4")
    with osmia.load(remember, target=target(cpu), engine=engine) as loaded:
        run = loaded[remember].test_run
        assert (0 in loaded[seen], Peer(address=0, port=80) in loaded[peers]) == (False, False)
        assert [run(bytes(64)).action.name for _ in range(2)] == ["PASS", "DROP"]
        assert (0 in loaded[seen], 1 in loaded[seen]) == (True, False)
        assert (Peer(address=0, port=80) in loaded[peers], Peer(address=0, port=81) in loaded[peers]) == (True, False)
    with osmia.load(remember, target=target(cpu), engine=engine) as loaded:
        loaded[seen].add(0)
        assert loaded[remember].test_run(bytes(64)).action is XdpAction.PASS  # the other filter has nothing yet
        loaded[peers].update([Peer(address=0, port=80)])
        assert loaded[remember].test_run(bytes(64)).action is XdpAction.DROP


def test_a_full_queue_and_a_full_stack() -> None:
    for of, left in ((Queue, [2, 3]), (Stack, [3, 2])):
        held: Any = live(of(u32, max_entries=2, name="FULL"))
        held.push(1)
        held.push(2)
        with pytest.raises(KernelError) as caught:
            held.push(3)
        assert caught.value.errno == errno.E2BIG
        assert str(caught.value) == "cannot write map 'FULL': the map holds 2 entries and no more (E2BIG)"
        assert held.push(3, BPF_EXIST) == 0
        assert [held.pop(), held.pop(), held.pop(), held.peek()] == [*left, None, None]
        held.close()


def test_what_user_code_cannot_do() -> None:
    held: Any = live(Queue(u32, max_entries=2, name="Q"))
    text = "Q: a Queue has no keys, and is not walked: pop() takes its values out"
    for use in (lambda: held[0], lambda: held.__setitem__(0, 1), lambda: list(held), lambda: 1 in held):
        assert refusal(TypeError, use) == text
    assert refusal(AttributeError, lambda: held.update(1, 2)) == (
        "Q: Queue has no operation 'update' in user code; it has push, pop, peek"
    )
    assert refusal(AttributeError, lambda: held.colour) == "Q: Queue has no attribute 'colour'"
    assert refusal(OverflowError, lambda: held.push(1 << 32)) == (
        "Q: a value is a u32, 0 to 4294967295, not 4294967296"
    )
    assert refusal(TypeError, lambda: held.push("a")) == "Q: a value is an int (u32), not str 'a'"
    assert refusal(TypeError, lambda: held.push(1, None)) == "Q: flags is an int, not NoneType None"
    assert refusal(ValueError, lambda: held.push(1, -1)) == "Q: flags is 0 to 18446744073709551615, not -1"
    held.close()
    bloom: Any = BloomFilter(u32, max_entries=2, name="B")
    assert refusal(TypeError, lambda: bloom.update(5)) == (
        "B: update() takes a sequence or an array of values, not int 5"
    )
    assert refusal(TypeError, lambda: bloom.push(5)) == "B: push() is for kernel code; in user code write m.add(5)"
    assert (
        refusal(TypeError, lambda: bloom.contains(5)) == "B: contains() is for kernel code; in user code write 5 in m"
    )
    assert refusal(TypeError, lambda: list(bloom)) == "B: a BloomFilter does not give values back: ask `value in m`"
    assert refusal(AttributeError, lambda: bloom.pop()) == (
        "B: BloomFilter has no operation 'pop' in user code; it has add, update"
    )


def test_a_filter_says_how_many_hashes_it_has() -> None:
    wrong: Any = BloomFilter
    assert (seen.hashes, seen.map_extra, peers.hashes) == (3, 3, 5)
    assert refusal(ValueError, lambda: wrong(u32, max_entries=1, hashes=16, name="B")) == "B: hashes is 1 to 15, not 16"
    assert refusal(ValueError, lambda: wrong(u32, max_entries=1, hashes=0, name="B")) == "B: hashes is 1 to 15, not 0"
    assert refusal(TypeError, lambda: wrong(u32, max_entries=1, hashes="5", name="B")) == (
        "B: hashes is an int, not str '5'"
    )
    more = BloomFilter(u32, max_entries=64, hashes=4, name="seen")
    assert more.describe() != seen.describe()


def test_objects_of_ours_and_of_clang(engine: Machine | None) -> None:
    requests = work.request, remember.request
    unit, _ = checked_unit(requests)
    data = generate(unit, Target("v3", (6, 18)))
    found = libbpf.read(data).maps
    assert {name: (of.type, of.key_size, of.value_size, of.map_extra) for name, of in found.items()} == {
        "jobs": (22, 0, 8, 0),
        "out": (2, 4, 8, 0),
        "done": (22, 0, 8, 0),
        "seen": (30, 0, 4, 3),
        "peers": (30, 0, 8, 5),
        "osmia_errors": (6, 4, 8, 0),
    }
    with osmia.load(data, engine=engine) as loaded:
        loaded[jobs].push(Job(port=3, size=1))
        assert loaded["work"].test_run(bytes(64)).action is XdpAction.PASS
        assert loaded[done].pop() == Job(port=3, size=2)
    with osmia.load(c_object(CLANG), engine=engine) as loaded:
        loaded["q"].push(41)
        assert loaded["program"].test_run(bytes(64)).action is XdpAction.DROP
        assert (loaded["s"].pop(), loaded["s"].pop(), loaded["q"].pop()) == (42, None, None)
        assert (42 in loaded["b"], 43 in loaded["b"], loaded["b"].hashes) == (True, False, 4)


CLANG = """
static long (*bpf_map_push_elem)(void *map, void *value, u64 flags) = (void *)87;
static long (*bpf_map_pop_elem)(void *map, void *value) = (void *)88;
struct { __uint(type, 22); __type(value, u32); __uint(max_entries, 4); } q SEC(".maps");
struct { __uint(type, 23); __type(value, u32); __uint(max_entries, 4); } s SEC(".maps");
struct { __uint(type, 30); __type(value, u32); __uint(max_entries, 4); __uint(map_extra, 4); } b SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx) {
    u32 number = 0;
    if (bpf_map_pop_elem(&q, &number)) return 2;
    number += 1;
    bpf_map_push_elem(&b, &number, 0);
    return bpf_map_push_elem(&s, &number, 0) ? 2 : 1;
}
"""
