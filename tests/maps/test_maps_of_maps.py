"""Maps of maps: user code puts maps in, programs find them and work on them; objects that hold some from the start."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest

import libbpf
import osmia
from compiled import c_object
from osmia import (
    Array,
    ArrayOfMaps,
    HashMap,
    HashOfMaps,
    KernelError,
    LpmTrie,
    NotLoadedError,
    PerCpuArray,
    ProgramArray,
    Queue,
    XdpAction,
    XdpContext,
    be32,
    i64,
    struct,
    u32,
    u64,
    xdp,
)
from osmia.compiler import Target
from osmia.compiler.build import checked_unit, generate
from osmia.flags import BPF_EXIST, BPF_F_INNER_MAP, BPF_NOEXIST
from osmia.kernel.features import kernel_version
from osmia.kernel.map import KernelMap
from refusal import refusal
from this_kernel import require, require_numpy

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia import Machine

pytestmark = pytest.mark.usefixtures("engine")

CPUS = pytest.mark.parametrize("cpu", ["v1", "v3", "v4"])


@struct
class Flow:
    packets: u64 = 0
    bytes: u64 = 0


per_port = HashOfMaps(u32, HashMap(u32, Flow, max_entries=16), max_entries=4)
limits = ArrayOfMaps(Array(u64, max_entries=2), max_entries=3)
queues = ArrayOfMaps(Queue(u32, max_entries=2), max_entries=2)
counts = ArrayOfMaps(PerCpuArray(u64, max_entries=2), max_entries=2)
routes = HashOfMaps(u32, LpmTrie(be32, u32, max_entries=4), max_entries=2)
lengths = ArrayOfMaps(Array(u64, max_entries=1, flags=BPF_F_INNER_MAP), max_entries=2)
out = Array(i64, max_entries=8)


@xdp(on_error=XdpAction.TX)
def count(ctx: XdpContext) -> XdpAction:
    flows = per_port.lookup(80)
    if flows is None:
        return XdpAction.DROP
    flow = flows.lookup_or_init(5, Flow(packets=100))
    if flow is None:
        return XdpAction.ABORTED
    flow.packets += 1
    if 6 in flows:
        flows[6].bytes += len(ctx.packet)
        flows[7] = flows[6]
        out[0] = flows.delete(6)
    limit = limits.lookup(1)
    if limit is not None:
        limit[1] += 9
    return XdpAction.PASS


@xdp(on_error=XdpAction.TX)
def others(_ctx: XdpContext) -> XdpAction:
    for index in range(2):
        queue = queues.lookup(index)
        if queue is None:
            continue
        number = queue.pop()
        if number is not None:
            out[1] = number
            queue.push(number + 1)
    here = counts.lookup(0)
    if here is None:
        return XdpAction.DROP
    counter = here.lookup(1)
    if counter is not None:
        counter.value += 1
    trie = routes.lookup(7)
    if trie is not None:
        route = trie.lookup(0x0A000001)
        if route is not None:
            out[2] = route.value
    return XdpAction.PASS


@xdp(on_error=XdpAction.TX)
def first(_ctx: XdpContext) -> XdpAction:
    found = lengths.lookup(0)
    if found is None:
        return XdpAction.DROP
    value = found.lookup(0)
    if value is not None:
        value.value += 1
    return XdpAction.PASS


def target(cpu: str) -> Target:
    return Target(cpu, min((6, 18), kernel_version()))


@CPUS
def test_a_program_works_on_the_maps_that_user_code_put_in(
    engine: Machine | None, cpu: str, made: Callable[[Any], Any]
) -> None:
    if cpu == "v4":
        require("v4")
    with osmia.load(count, target=target(cpu), engine=engine) as loaded:
        assert loaded[count].test_run(bytes(64)).action is XdpAction.DROP
        web = made(HashMap(u32, Flow, max_entries=16, name="WEB"))
        web[6] = Flow(bytes=36)
        loaded[per_port][80] = web
        limit = made(Array(u64, max_entries=2, name="LIMIT"))
        limit[1] = 1
        loaded[limits][1] = limit
        assert loaded[count].test_run(bytes(64)).action is XdpAction.PASS
        assert dict(web) == {5: Flow(packets=101), 7: Flow(bytes=100)}
        assert (limit[1], loaded[out][0]) == (10, 0)
        handle = loaded[per_port][80]
        handle[8] = Flow(packets=1)
        assert web[8] == Flow(packets=1)
        assert repr(handle) == "<HashMap(u32, Flow, max_entries=16) per_port[80], live>"
        assert refusal(KeyError, lambda: handle[9]) == "per_port[80]: no key 9"
        other = made(HashMap(u32, Flow, max_entries=16, name="OTHER"))
        loaded[per_port][80] = other
        assert loaded[count].test_run(bytes(64)).action is XdpAction.PASS
        assert dict(other) == {5: Flow(packets=101)}


@CPUS
def test_maps_of_other_types_inside(engine: Machine | None, cpu: str, made: Callable[[Any], Any]) -> None:
    if cpu == "v4":
        require("v4")
    with osmia.load(others, target=target(cpu), engine=engine) as loaded:
        queue = made(Queue(u32, max_entries=2, name="Q"))
        counter = made(PerCpuArray(u64, max_entries=2, name="C"))
        trie = made(LpmTrie(be32, u32, max_entries=4, name="T"))
        queue.push(41)
        trie["10.0.0.0/8"] = 77
        loaded[queues][1], loaded[counts][0], loaded[routes][7] = queue, counter, trie
        assert loaded[others].test_run(bytes(64)).action is XdpAction.PASS
        assert (queue.pop(), counter[1].sum(), list(loaded[out].values())[:3]) == (42, 1, [0, 41, 77])
        assert loaded[routes][7].match("10.9.9.9") == 77


def test_they_are_mappings(engine: Machine | None, made: Callable[[Any], Any]) -> None:
    with osmia.load(count, engine=engine) as loaded:
        held, array = loaded[per_port], loaded[limits]
        one, two = (made(HashMap(u32, Flow, max_entries=16, name=name)) for name in ("ONE", "TWO"))
        assert (len(held), list(held), 1 in held, held.get(1)) == (0, [], False, None)
        held.update({1: one, 2: two})
        assert (len(held), sorted(held), 1 in held) == (2, [1, 2], True)
        two[5] = Flow(packets=9)
        assert {key: dict(inner) for key, inner in held.items()} == {1: {}, 2: {5: Flow(packets=9)}}
        with pytest.raises(KernelError) as caught:
            held.update(1, two, BPF_NOEXIST)
        assert caught.value.errno == errno.EEXIST
        held.update(1, two, BPF_EXIST)
        assert dict(held.pop(1)) == {5: Flow(packets=9)}
        del held[2]
        assert refusal(KeyError, lambda: held.__delitem__(2)) == "per_port: no key 2"
        assert refusal(KeyError, lambda: held[2]) == "per_port: no key 2"
        assert refusal(KeyError, lambda: held.pop(2)) == "per_port: no key 2"
        assert held.pop(2, None) is None

        limit = made(Array(u64, max_entries=2, name="LIMIT"))
        array[2] = limit
        assert (list(array), len(array), 2 in array, 0 in array, 3 in array) == ([2], 1, True, False, False)
        assert refusal(KeyError, lambda: array[0]) == "limits: no map at 0"
        assert refusal(KeyError, lambda: array.__setitem__(3, limit)) == "limits: no key 3, its keys are 0 to 2"
        assert refusal(ValueError, lambda: array.update(1, limit, -1)) == (
            "limits: flags is 0 to 18446744073709551615, not -1"
        )
        assert refusal(ValueError, lambda: array.update(1, limit, BPF_EXIST)) == (
            "limits: an array of maps takes no flags, and these are 2"
        )
        array.clear()
        assert list(array) == []


def test_many_maps_are_put_in_and_taken_away_at_once(engine: Machine | None, made: Callable[[Any], Any]) -> None:
    with osmia.load(count, engine=engine) as loaded:
        held, array = loaded[per_port], loaded[limits]
        one, two = (made(HashMap(u32, Flow, max_entries=16, name=name)) for name in ("ONE", "TWO"))
        two[5] = Flow(packets=9)
        assert held.update_many([1, 2, 3], [one, two, one]) == 3
        assert (sorted(held), dict(held[2])) == ([1, 2, 3], {5: Flow(packets=9)})
        assert held.delete_many([1, 7]) == 1
        assert held.update_many([2], [one], BPF_EXIST) == 1
        assert dict(held[2]) == {}
        held.clear()
        assert len(held) == 0

        low, high = (made(Array(u64, max_entries=2, name=name)) for name in ("LOW", "HIGH"))
        low[1], high[1] = 1, 2
        assert array.update_many([2, 0], [high, low]) == 2
        assert [(key, inner[1]) for key, inner in array.items()] == [(0, 1), (2, 2)]
        assert array.delete_many([1, 2]) == 1
        assert list(array) == [0]


def test_their_ids_as_arrays(engine: Machine | None, made: Callable[[Any], Any]) -> None:
    require_numpy()
    with osmia.load(count, engine=engine) as loaded:
        held, array = loaded[per_port], loaded[limits]
        one, two = (made(HashMap(u32, Flow, max_entries=16, name=name)) for name in ("ONE", "TWO"))
        held.update({1: one, 2: two, 3: one})
        keys, ids = held.to_numpy()
        of_key = dict(zip(keys.tolist(), ids.tolist(), strict=True))
        assert of_key[1] == of_key[3] != of_key[2]
        limit = made(Array(u64, max_entries=2, name="LIMIT"))
        array.update({0: limit, 2: limit})
        found = array.to_numpy()
        assert (found.keys.tolist(), len(set(found.values.tolist()))) == ([0, 2], 1)
        assert (held.delete_many(keys), array.delete_many(found.keys)) == (3, 2)
        assert (len(held), len(array)) == (0, 0)


def test_what_is_no_map_among_many_keeps_all_of_them_out(engine: Machine | None, made: Callable[[Any], Any]) -> None:
    with osmia.load(count, engine=engine) as loaded:
        held: Any = loaded[per_port]
        array: Any = loaded[limits]
        one = made(HashMap(u32, Flow, max_entries=16, name="ONE"))
        for refused, keys, inners, text in (
            (TypeError, [1, 2], [one, 5], "per_port: a map is expected, not int 5"),
            (TypeError, [1, "a"], [one, one], "per_port: a key is an int (u32), not str 'a'"),
            (ValueError, [1, 2], [one], "per_port: update_many() takes a map for each key, not 2 and 1"),
            (TypeError, [1], 5, "per_port: update_many() takes a sequence or an array of maps, not int 5"),
        ):
            assert refusal(refused, lambda keys=keys, inners=inners: held.update_many(keys, inners)) == text
        assert refusal(TypeError, lambda: held.update({1: one, 2: 5})) == "per_port: a map is expected, not int 5"
        assert len(held) == 0
        assert refusal(KernelError, lambda: held.update_many(range(5), [one] * 5)) == (
            "cannot write key 4 of map 'per_port': the map holds 4 entries and no more (E2BIG)"
        )
        assert len(held) == 4
        limit = made(Array(u64, max_entries=2, name="LIMIT"))
        assert refusal(KeyError, lambda: array.update_many([3], [limit])) == ("limits: no key 3, its keys are 0 to 2")
        assert refusal(ValueError, lambda: array.update_many([1], [limit], BPF_NOEXIST)) == (
            "limits: an array of maps takes no flags, and these are 1"
        )
        assert list(array) == []


@pytest.mark.kernel_only("machines have no such wait")
def test_maps_go_in_by_batches_where_the_kernel_has_them(
    made: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time, the kernel waits for its programs after each."""
    outer = made(HashOfMaps(u32, HashMap(u32, u32, max_entries=4), max_entries=4, name="OUTER"))
    inner = made(HashMap(u32, u32, max_entries=4, name="INNER"))
    updates: list[bytes] = []
    update = KernelMap.update

    def counted(held: KernelMap, key: bytes, *given: Any) -> None:
        updates.append(key)
        update(held, key, *given)

    monkeypatch.setattr(KernelMap, "update", counted)
    outer.update(dict.fromkeys(range(4), inner))
    assert len(outer) == 4
    assert len(updates) == (0 if kernel_version() >= (5, 19) else 4)


def test_maps_that_do_not_fit(engine: Machine | None, made: Callable[[Any], Any]) -> None:
    with osmia.load(count, engine=engine) as loaded:
        held: Any = loaded[per_port]
        for inner, text in (
            (made(Array(Flow, max_entries=16, name="X")), "the type of X is Array, expected HashMap"),
            (made(HashMap(u64, Flow, max_entries=16, name="X")), "the key size of X is 8, expected 4"),
            (made(HashMap(u32, u32, max_entries=16, name="X")), "the value size of X is 4, expected 16"),
            (made(HashMap(u32, Flow, max_entries=16, name="X", flags=1)), "the flags of X is 1, expected 0"),
            (made(HashMap(be32, Flow, max_entries=16, name="X")), "the key of X is be32, expected u32"),
        ):
            assert refusal(TypeError, lambda inner=inner: held.__setitem__(1, inner)) == f"per_port: {text}"
        assert refusal(TypeError, lambda: held.__setitem__(1, 5)) == "per_port: a map is expected, not int 5"
        closed = HashMap(u32, Flow, max_entries=16, name="X")
        assert refusal(NotLoadedError, lambda: held.__setitem__(1, closed)) == (
            "per_port: X is not live: create() it, or load() a program that uses it, and it can go in"
        )
        small = made(Array(u64, max_entries=1, name="X"))
        assert refusal(TypeError, lambda: loaded[limits].__setitem__(0, small)) == (
            "limits: the max_entries of X is 1, expected 2"
        )


def test_arrays_of_different_lengths(engine: Machine | None, made: Callable[[Any], Any]) -> None:
    longer = made(Array(u64, max_entries=9, name="LONG", flags=BPF_F_INNER_MAP))
    with osmia.load(first, engine=engine) as loaded:
        loaded[lengths][0] = longer
        assert loaded[first].test_run(bytes(64)).action is XdpAction.PASS
        assert longer[0] == 1
        assert len(loaded[lengths][0]) == 9
        loaded[lengths][0][8] = 5
        assert longer[8] == 5


def test_declarations_that_are_refused() -> None:
    wrong: Any = ArrayOfMaps
    assert refusal(TypeError, lambda: wrong(5, max_entries=1, name="O")) == "O: inner is a map's declaration, not int 5"
    for inner in (ProgramArray(XdpContext, max_entries=1), ArrayOfMaps(Array(u32, max_entries=1), max_entries=1)):
        name = type(inner).__name__
        assert refusal(TypeError, lambda inner=inner: wrong(inner, max_entries=1, name="O")) == (
            f"O: the kernel puts no {name} into another map"
        )
    assert refusal(TypeError, lambda: limits.lookup(1)) == (
        "limits: lookup() is for kernel code; in user code write m[1] or m.get(1)"
    )


def test_objects_of_ours(engine: Machine | None, made: Callable[[Any], Any]) -> None:
    unit, _ = checked_unit((count.request,))
    data = generate(unit, Target("v3", (6, 18)))
    found = libbpf.read(data).maps
    assert {name: (of.type, of.key_size, of.value_size, of.max_entries) for name, of in found.items()} == {
        "per_port": (13, 4, 4, 4),
        "limits": (12, 4, 4, 3),
        "out": (2, 4, 8, 8),
        "osmia_errors": (6, 4, 8, 5),
    }
    web = made(HashMap(u32, Flow, max_entries=16, name="WEB"))
    with osmia.load(data, engine=engine) as loaded:
        assert repr(loaded["per_port"]) == "<HashOfMaps(HashMap, max_entries=4) per_port, live>"
        loaded["per_port"][80] = web
        assert loaded["count"].test_run(bytes(64)).action is XdpAction.PASS
        assert dict(web) == {5: Flow(packets=101)}
        assert dict(loaded[per_port][80]) == {5: Flow(packets=101)}
        other = HashOfMaps(u32, HashMap(u32, u64, max_entries=16), max_entries=4, name="per_port")
        assert refusal(TypeError, lambda: loaded[other]) == (
            "the object: the value size of the maps in per_port is 16 there, expected 8"
        )


CLANG = """
#define __array(name, ...) typeof(__VA_ARGS__) *name[]
struct inner { __uint(type, 1); __type(key, u32); __type(value, u64); __uint(max_entries, 8); };
struct inner first SEC(".maps"), second SEC(".maps");
struct { __uint(type, 13); __type(key, u32); __uint(max_entries, 4); __array(values, struct inner); }
    outer SEC(".maps") = { .values = { [0] = &first, [2] = &second } };
struct { __uint(type, 12); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 2);
    __array(values, struct { __uint(type, 2); __type(key, u32); __type(value, u32); __uint(max_entries, 3); }); }
    arrays SEC(".maps");
static long (*bpf_tail_call)(void *ctx, void *programs, u32 index) = (void *)12;
static long (*bpf_map_update_elem)(void *map, void *key, void *value, u64 flags) = (void *)2;
int drop(struct xdp_md *ctx);
struct { __uint(type, 3); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 2);
    __array(values, int (struct xdp_md *)); } programs SEC(".maps") = { .values = { [1] = &drop } };
SEC("xdp") int fill(struct xdp_md *ctx) {
    u32 key = 2, other = 5; u64 value = 50;
    void *inner = bpf_map_lookup_elem(&outer, &key);
    if (!inner) return 0;
    bpf_map_update_elem(inner, &other, &value, 0);
    key = 0;
    inner = bpf_map_lookup_elem(&arrays, &key);
    if (inner) {
        u32 *found = bpf_map_lookup_elem(inner, &key);
        if (found) *found += 1;
    }
    bpf_tail_call(ctx, &programs, 1);
    return 2;
}
SEC("xdp") int drop(struct xdp_md *ctx) { return 1; }
"""


def test_an_object_of_clang_that_holds_maps_and_programs_from_the_start(
    engine: Machine | None, made: Callable[[Any], Any]
) -> None:
    with osmia.load(c_object(CLANG), engine=engine) as loaded:
        assert loaded["fill"].test_run(bytes(64)).action is XdpAction.DROP
        assert {key: dict(inner) for key, inner in loaded["outer"].items()} == {0: {}, 2: {5: 50}}
        assert dict(loaded["second"]) == {5: 50}
        fresh = made(Array(u32, max_entries=3, name="FRESH"))
        loaded["arrays"][0] = fresh
        assert loaded["fill"].test_run(bytes(64)).action is XdpAction.DROP
        assert fresh[0] == 1
