"""Histograms, statistics and counts: what the kernel keeps is what a model in Python keeps, on two CPUs at once too."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import osmia
from osmia import (
    Counter,
    CountMap,
    Histogram,
    HistogramMap,
    HistogramSnapshot,
    NotLoadedError,
    Stats,
    StatsMap,
    StatsSnapshot,
    TpBtfContext,
    XdpAction,
    XdpContext,
    XdpProgram,
    func,
    i8,
    i16,
    i32,
    i64,
    struct,
    to_bytes,
    tp_btf,
    u8,
    u16,
    u32,
    u64,
    xdp,
)
from osmia.compiler import Target
from osmia.compiler.cache import object_for
from osmia.flags import BPF_F_NO_PREALLOC
from osmia.kernel.cpus import possible_cpus
from osmia.kernel.features import kernel_version
from osmia.maps.scales import Scale
from osmia.programs.loaded import requests_of
from refusal import refusal
from system_packages import tool
from this_kernel import require, require_numpy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from osmia import Machine

pytestmark = pytest.mark.usefixtures("engine")

U64, I64_LOW, I64_HIGH = (1 << 64) - 1, -(1 << 63), (1 << 63) - 1
CPUS = sorted(os.sched_getaffinity(0))


@struct(packed=True)
class Given:
    """A packet: what the programs are to add."""

    mac: u64 = 0
    more: u64 = 0
    key: u32 = 0
    number: u64 = 0
    signed: i64 = 0


sizes = Histogram()
signed_sizes = Histogram(i64)
linear = Histogram(low=10, high=50, step=10)
signed_linear = Histogram(i64, low=-50, high=50, step=25)
whole_linear = Histogram(i64, low=I64_LOW, high=I64_HIGH, step=I64_HIGH - I64_LOW)
stats = Stats()
signed_stats = Stats(i64)
by_key = HistogramMap(u32, max_entries=4)
linear_by_key = HistogramMap(u32, i64, max_entries=4, low=-8, high=8, step=1)
stats_by_key = StatsMap(u32, i64, max_entries=4)
counts = CountMap(u32, max_entries=4)
sums = CountMap(u32, max_entries=4, name="SUMS")
ALL: tuple[Any, ...] = (
    *(sizes, signed_sizes, linear, signed_linear, whole_linear, stats, signed_stats),
    *(by_key, linear_by_key, stats_by_key, counts, sums),
)


@func
def add_by_key(key: u32, number: u64, signed: i64) -> None:
    by_key.add(key, number)
    linear_by_key.add(key, signed)
    stats_by_key.add(key, signed)


@func(inline=False)
def add_counts(key: u32, number: u64) -> None:
    counts.add(key)
    sums.add(key, number)


@xdp
def measure(ctx: XdpContext) -> XdpAction:
    given = ctx.packet.at(Given, 0)
    if given is None:
        return XdpAction.DROP
    sizes.add(given.number)
    signed_sizes.add(given.signed)
    linear.add(given.number)
    signed_linear.add(given.signed)
    whole_linear.add(given.signed)
    stats.add(given.number)
    signed_stats.add(given.signed)
    add_by_key(given.key, given.number, given.signed)
    add_counts(given.key, given.number)
    return XdpAction.PASS


@pytest.fixture(autouse=True)
def loaded(engine: Machine | None) -> Iterator[None]:
    require("fetch")  # of Stats and StatsMap
    measure.load()
    yield
    for program in (measure, of_all_widths, in_process, in_interrupt, fill, add_too):
        program.close()
    for each in (*ALL, *widths.values(), small, *SHARED, *MANY):
        each.close()


def run(key: int, number: int, signed: int) -> None:
    result = measure.test_run(to_bytes(Given(key=key, number=number, signed=signed)))
    assert result.action is XdpAction.PASS


def cleared() -> None:
    for each in ALL:
        each.clear()


# The model


def model_buckets(values: list[int], bounds: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    return [(low, high, sum(low <= value <= high for value in values)) for low, high in bounds]


def log2_bounds(lowest: int, highest: int) -> list[tuple[int, int]]:
    found = [(lowest, -1)] if lowest < 0 else []
    found.append((0, 0))
    low = 1
    while low <= highest:
        found.append((low, 2 * low - 1))
        low *= 2
    return found


def linear_bounds(lowest: int, highest: int, low: int, high: int, step: int) -> list[tuple[int, int]]:
    inside = [(start, start + step - 1) for start in range(low, high, step)]
    return [(lowest, low - 1), *inside, (high, highest)]


def is_histogram(snapshot: HistogramSnapshot, values: list[int], bounds: list[tuple[int, int]]) -> None:
    assert list(snapshot) == model_buckets(values, bounds)
    assert (snapshot.count, snapshot.sum) == (len(values), sum(values))
    assert snapshot.mean == (sum(values) / len(values) if values else None)


def in_model(values: list[int]) -> StatsSnapshot:
    return StatsSnapshot(len(values), sum(values), min(values, default=None), max(values, default=None))


edges = [edge + around for edge in (0, *(1 << bits for bits in range(65))) for around in (-1, 0, 1)]
unsigned = st.one_of(st.sampled_from([each for each in edges if 0 <= each <= U64]), st.integers(0, 60))
# Sums of them do not wrap on one CPU.
unsigned = st.one_of(unsigned, st.integers(0, U64))
signed = st.one_of(
    st.sampled_from([sign * each for each in edges for sign in (1, -1) if I64_LOW <= sign * each <= I64_HIGH]),
    st.integers(-60, 60),
)
added = st.lists(st.tuples(st.integers(0, 5), unsigned, signed), max_size=24)


def wrapped(values: list[int], *, signed: bool) -> int:
    """The sum as 64 bits hold it."""
    total = sum(values) & U64
    return total - (1 << 64) if signed and total > I64_HIGH else total


@given(added)
@settings(max_examples=60, deadline=None)
def test_the_kernel_keeps_what_the_model_keeps(values: list[tuple[int, int, int]]) -> None:
    cleared()
    before = [each.dropped for each in (by_key, linear_by_key, stats_by_key, counts, sums)]
    os.sched_setaffinity(0, CPUS[:1])  # so that sums wrap as one number does
    try:
        for each in values:
            run(*each)
    finally:
        os.sched_setaffinity(0, CPUS)
    numbers, signeds = [number for _, number, _ in values], [number for *_, number in values]
    for held, of, bounds in (
        (sizes, numbers, log2_bounds(0, U64)),
        (signed_sizes, signeds, log2_bounds(I64_LOW, I64_HIGH)),
        (linear, numbers, linear_bounds(0, U64, 10, 50, 10)),
        (signed_linear, signeds, linear_bounds(I64_LOW, I64_HIGH, -50, 50, 25)),
        (whole_linear, signeds, [(I64_LOW, I64_LOW - 1), (I64_LOW, I64_HIGH - 1), (I64_HIGH, I64_HIGH)]),
    ):
        found = held.read()
        assert list(found) == model_buckets(of, bounds)
        assert (found.count, found.sum) == (len(of), wrapped(of, signed=held.value.signed))
    for kept, of in ((stats, numbers), (signed_stats, signeds)):
        model, statistics = in_model(of), kept.read()
        assert (statistics.count, statistics.min, statistics.max) == (model.count, model.min, model.max)
        assert statistics.sum == wrapped(of, signed=kept.value.signed)
        assert statistics.not_compared == 0
    taken = list(dict.fromkeys(key for key, *_ in values))[:4]  # the keys that there was room for
    of_key = {key: [each for each in values if each[0] == key] for key in taken}
    for key, mine in of_key.items():
        assert list(by_key[key]) == model_buckets([number for _, number, _ in mine], log2_bounds(0, U64))
        bounds = linear_bounds(I64_LOW, I64_HIGH, -8, 8, 1)
        assert list(linear_by_key[key]) == model_buckets([number for *_, number in mine], bounds)
        assert (stats_by_key[key].min, stats_by_key[key].max) == (min(s for *_, s in mine), max(s for *_, s in mine))
        assert counts[key] == len(mine)
        assert sums[key] == wrapped([number for _, number, _ in mine], signed=False)
    missed = len(values) - sum(map(len, of_key.values()))
    by_keys: tuple[Any, ...] = (by_key, linear_by_key, stats_by_key, counts, sums)
    for one, already in zip(by_keys, before, strict=True):
        assert set(one) == set(of_key)
        assert len(one) == len(of_key)
        assert one.dropped - already == missed  # nothing is lost without a word


of_widths: tuple[Any, ...] = (u8, u16, u32, i8, i16, i32)
widths = {of.__name__: Histogram(i64 if of.signed else u64, name=of.__name__) for of in of_widths}
U8, U16, U32, I8, I16, I32 = (widths[name] for name in ("u8", "u16", "u32", "i8", "i16", "i32"))
small = Histogram(name="small")


@xdp
def of_all_widths(ctx: XdpContext) -> XdpAction:
    given = ctx.packet.at(Given, 0)
    if given is None:
        return XdpAction.DROP
    number = given.number
    U8.add(u8(number))
    U16.add(u16(number))
    U32.add(u32(number))
    I8.add(i8(number))
    I16.add(i16(number))
    I32.add(i32(number))
    small.add(number & 15)
    small.add(300)
    return XdpAction.PASS


def test_buckets_of_numbers_of_every_width() -> None:
    """The code that finds a bucket is another one for each width."""
    values = [each & U64 for each in edges]
    for value in values:
        of_all_widths.test_run(to_bytes(Given(number=value)))
    for held, of in ((U8, u8), (U16, u16), (U32, u32), (I8, i8), (I16, i16), (I32, i32)):
        bounds = log2_bounds(I64_LOW if held.value.signed else 0, I64_HIGH if held.value.signed else U64)
        is_histogram(held.read(), [of(value) for value in values], bounds)
    is_histogram(small.read(), [*(value & 15 for value in values), *[300] * len(values)], log2_bounds(0, U64))


# On several CPUs, and interrupted

shared_sizes = Histogram()
shared_stats = Stats(i64)
shared_counts = CountMap(u32, max_entries=2)
rounds = Counter()
timers = Counter()
SHARED: tuple[Any, ...] = (shared_sizes, shared_stats, shared_counts, rounds, timers)


@xdp
def in_process(ctx: XdpContext) -> XdpAction:
    for number in range(16):
        shared_sizes.add(number)
        shared_stats.add(number - 8)
        shared_counts.add(0, number)
    rounds.add()
    return XdpAction.PASS


@tp_btf("hrtimer_expire_entry")
def in_interrupt(ctx: TpBtfContext) -> None:
    shared_sizes.add(1 << 40)
    shared_stats.add(-1000)
    shared_counts.add(0, 1)
    timers.add()


@pytest.mark.kernel_only("it attaches a program")
def test_exact_on_two_cpus_that_interrupts_run_on() -> None:
    """A load, an addition and a store would lose what an interrupt's program adds between them, some times a second."""
    in_process.load()

    def add_on(cpu: int) -> None:
        os.sched_setaffinity(0, {cpu})
        end = time.monotonic() + 1
        while time.monotonic() < end:
            in_process.test_run(bytes(64), repeat=2000)

    with in_interrupt.attach():
        threads = [threading.Thread(target=add_on, args=(cpu,)) for cpu in CPUS]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    done, fired = rounds.value, timers.value
    assert done > 1000 * len(CPUS)
    assert fired > 10
    read = shared_sizes.read()
    expected = {0: done, 1: done, 2: 2 * done, 4: 4 * done, 8: 8 * done, 1 << 40: fired}
    assert {low: count for low, _, count in read if count} == expected
    assert read.sum == 120 * done + fired * (1 << 40)
    total = -8 * done - 1000 * fired
    assert shared_stats.read() == StatsSnapshot(16 * done + fired, total, -1000, 7)
    assert shared_counts.to_dict() == {0: 120 * done + fired}
    assert shared_counts.dropped == 0


@pytest.mark.kernel_only("which CPU a program runs on is what a machine is told")
def test_each_cpu_has_a_part_and_one_read_is_of_all() -> None:
    cleared()
    for times, cpu in enumerate(CPUS, start=1):
        os.sched_setaffinity(0, {cpu})
        try:
            for _ in range(times):
                run(1, U64, -cpu)
        finally:
            os.sched_setaffinity(0, CPUS)
    found = sum(range(len(CPUS) + 1))
    assert sizes.read().count == by_key[1].count == stats.read().count == counts[1] == found
    assert signed_stats.read() == StatsSnapshot(
        found, sum(-cpu * n for n, cpu in enumerate(CPUS, 1)), -CPUS[-1], -CPUS[0]
    )
    # Each part wraps at 64 bits, not what they are together.
    parts = [(n * U64) & U64 for n in range(1, len(CPUS) + 1)]
    assert stats.read().sum == sums[1] == sum(parts)


def test_sums_in_arrays_wrap() -> None:
    require_numpy()
    cleared()
    for cpu in CPUS:
        os.sched_setaffinity(0, {cpu})
        try:
            run(1, U64, 1)
        finally:
            os.sched_setaffinity(0, CPUS)
    assert sums.to_numpy().values.tolist() == [len(CPUS) * U64 & U64]
    assert by_key.to_numpy().sums.tolist() == [len(CPUS) * U64 & U64]
    keys, values = stats_by_key.to_numpy()
    assert (keys.tolist(), values.tolist()) == ([1], [(len(CPUS), len(CPUS), 1, 1)])


@xdp
def add_too(ctx: XdpContext) -> XdpAction:
    for key in range(8):
        counts.add(key + 2)
    return XdpAction.PASS


def test_programs_that_are_loaded_apart_share_what_they_count_and_drop() -> None:
    for key in range(6):
        run(key, 1, 1)
    assert (len(counts), counts.dropped) == (4, 2)
    add_too.test_run(bytes(64))
    assert (counts.to_dict(), counts.dropped) == ({0: 1, 1: 1, 2: 2, 3: 2}, 2 + 6)
    measure.close()
    add_too.test_run(bytes(64))
    assert (counts[3], counts.dropped) == (3, 2 + 12)
    counts.close()
    assert refusal(NotLoadedError, lambda: counts.dropped) == (
        "counts: the count of its losses is closed, but add_too still uses it: close() add_too too, and load() it again"
    )


# Loaded in other ways


def _closure(inner: HistogramMap[int]) -> XdpProgram:
    """A program that adds to a map which no module names."""

    @xdp
    def program(ctx: XdpContext) -> XdpAction:
        inner.add(1, len(ctx.packet))
        inner.add(2, len(ctx.packet))
        return XdpAction.PASS

    return program


grown = CountMap(u32, max_entries=4, flags=BPF_F_NO_PREALLOC)


@tp_btf("hrtimer_expire_entry")
def grow(ctx: TpBtfContext) -> None:
    grown.add(7)


@pytest.mark.kernel_only("it attaches a program")
def test_memory_that_is_taken_when_a_key_is_new() -> None:
    if kernel_version() < (6, 1):
        with pytest.raises(osmia.VerifierError):
            grow.load()
        return
    with grow.attach():
        time.sleep(0.2)
    assert list(grown) == [7]
    assert grown[7] > 0
    grow.close()
    grown.close()


def test_of_a_function_around_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a closure holds has no name but its variable's, and neither has the counter of what it drops."""
    monkeypatch.setenv("OSMIA_CACHE_DIR", str(tmp_path))
    for low in (0, 0, 8):  # compiled, from the cache, and compiled again
        held = HistogramMap(u32, max_entries=1, low=low, high=80, step=8)

        program = _closure(held)
        program.test_run(bytes(64))
        assert (held[1].count, held.dropped) == (1, 1)
        assert {start: n for start, _, n in held[1] if n} == {64: 1}
        program.close()
        held.close()


def test_memory_as_it_is_taken() -> None:
    assert (counts.value_size, stats_by_key.value_size, by_key.value_size, sizes.value_size) == (8, 40, 528, 528)
    assert Histogram(low=0, high=100, step=10).value_size == 8 * 10 + 24


def test_handles_of_their_own_and_objects(engine: Machine | None) -> None:
    target = Target("v3", (5, 12))
    data = object_for(requests_of("measure", [measure]), target).data
    ways: tuple[tuple[Any, Target | None], ...] = ((measure, Target("v4", (6, 12))), (data, None))
    for what, of in ways:
        with osmia.load(what, target=of, engine=engine) as loaded:
            for key in range(6):
                loaded["measure"].test_run(to_bytes(Given(key=key, number=key, signed=-key)))
            for declared in ALL:
                found = loaded[declared.name]
                assert type(found) is type(declared)
                assert loaded[declared].live
                assert repr(found) == repr(declared)
            is_histogram(loaded["sizes"].read(), list(range(6)), log2_bounds(0, U64))
            is_histogram(
                loaded[signed_linear].read(), [-n for n in range(6)], linear_bounds(I64_LOW, I64_HIGH, -50, 50, 25)
            )
            assert loaded["stats_by_key"].to_dict() == {-n: in_model([n]) for n in (0, -1, -2, -3)}
            assert loaded["SUMS"].to_dict() == {n: n for n in range(4)}
            for each in (loaded["by_key"], loaded[by_key], loaded["counts"], loaded[counts]):
                assert (len(each), each.dropped) == (4, 2)
    assert not list(by_key) or by_key.dropped >= 0  # the declarations are those of `measure`, and were left alone


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_bpftool_loads_an_object_and_shows_what_is_counted(tmp_path: Path, pins: Path) -> None:
    path, pin = tmp_path / "measure.o", pins / "measure"
    path.write_bytes(object_for(requests_of("measure", [measure]), Target("v3", (5, 12))).data)
    tool("bpftool").run("prog", "load", path, pin, "pinmaps", pins)
    opened = osmia.open_map(pins / "by_key")
    assert type(opened) is HistogramMap
    tool("bpftool").run("map", "update", "pinned", pins / "by_key", "key", "1", "0", "0", "0", "value", *["0"] * 528)
    assert opened.to_dict() == {1: HistogramSnapshot(Scale(signed=False, linear=None), (0,) * 65, 0)}
    opened.close()
    shown = tool("bpftool").run("map", "dump", "pinned", pins / "linear").stdout
    (entry,) = json.loads(shown)
    assert entry["values"][0]["value"] == {"sum": 0, "linear_10_50_10": [0] * 6}


def test_the_cache_finds_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from osmia.compiler import build

    target = Target("v3", (5, 12))
    object_for((measure.request,), target)

    def never(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(build, "checked_unit", never)
    found = object_for((measure.request,), target)
    assert found.maps["by_key"] is by_key
    assert found.globals["osmia_lost_by_key"] is by_key.losses


def test_another_scale_is_another_program() -> None:
    from osmia.compiler.fingerprint import describe

    kinds: list[Any] = [
        *(Histogram(name="x"), Histogram(i64, name="x"), Histogram(low=0, high=4, step=2, name="x")),
        *(Histogram(low=0, high=4, step=1, name="x"), Stats(name="x"), Stats(i64, name="x")),
        *(HistogramMap(u32, max_entries=1, name="x"), HistogramMap(u64, max_entries=1, name="x")),
        *(HistogramMap(u32, max_entries=2, name="x"), StatsMap(u32, max_entries=1, name="x")),
        *(CountMap(u32, max_entries=1, name="x"),),
    ]
    assert len({describe(each) for each in kinds}) == len(kinds)
    assert len({each.describe() for each in kinds}) == len(kinds)
    assert describe(Histogram(name="x")) == describe(Histogram(u64, name="x"))


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_maps_of_others_are_what_they_were_declared_as() -> None:
    for each in ALL:
        opened = osmia.open_map(fd=each.fd)
        assert type(opened) is type(each)
        assert opened.value.layout.fields[-1].name == each.value.layout.fields[-1].name
        assert repr(opened).partition(" ")[0] == repr(each).partition(" ")[0]
        opened.close()
    same = HistogramMap(u32, max_entries=4)
    same.open(fd=by_key.fd)
    assert set(same) == set(by_key)
    assert refusal(NotLoadedError, lambda: same.dropped) == (
        f"{same.subject}: the count of its losses is not loaded: programs of osmia's that write to it count them, once "
        "they are loaded"
    )
    same.close()
    other = Histogram(i64, name="other")
    text = refusal(osmia.ObjectError, lambda: other.open(fd=sizes.fd))
    assert text.endswith("does not fit other: it has other types: a value.sum is unsigned there, expected i64")
    other = Histogram(low=0, high=126, step=2, name="other")
    text = refusal(osmia.ObjectError, lambda: other.open(fd=sizes.fd))
    assert text.endswith("a value has no field linear_0_126_2 there; it has sum, log2")


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_what_is_pinned_goes_on_with_what_was_dropped(pins: Path) -> None:
    for key in range(6):
        run(key, 1, 1)
    counts.pin(pins / "counts")
    assert {"counts", "counts_lost"} <= {path.name for path in pins.iterdir()}
    measure.close()
    counts.close()
    counts.open(pins / "counts")
    assert (len(counts), counts.dropped) == (4, 2)
    add_too.test_run(bytes(64))
    assert counts.dropped == 2 + 6
    counts.unpin(pins / "counts")
    assert not {"counts", "counts_lost"} & {path.name for path in pins.iterdir()}


def test_a_map_without_a_program() -> None:
    held = HistogramMap(u32, max_entries=4, name="alone")
    assert refusal(NotLoadedError, lambda: held[1]) == refusal(NotLoadedError, held.to_dict)
    assert refusal(NotLoadedError, lambda: held.dropped).startswith("alone: the count of its losses is not loaded")
    held.create()
    assert (held.dropped, len(held), held.to_dict(), held.top(3), list(held.items())) == (0, 0, {}, [], [])
    assert refusal(KeyError, lambda: held[1]) == "alone: no key 1"
    assert held.get(1) is None
    assert 1 not in held
    with pytest.raises(KeyError):
        del held[1]
    held.close()
    whole = Stats(name="whole")
    whole.create()
    assert whole.read() == StatsSnapshot(0, 0, None, None)
    assert (str(whole), whole.read().mean) == ("no values", None)
    whole.close()


# Many keys

many = HistogramMap(u32, max_entries=10_000)
many_stats = StatsMap(u32, i64, max_entries=10_000)
many_counts = CountMap(u32, max_entries=10_000)
MANY: tuple[Any, ...] = (many, many_stats, many_counts)


@xdp
def fill(ctx: XdpContext) -> XdpAction:
    given = ctx.packet.at(Given, 0)
    if given is None:
        return XdpAction.DROP
    for number in range(1000):
        key = given.key + number
        many.add(u32(key), number)
        many_stats.add(u32(key), -number)
        many_counts.add(u32(key), key)
    return XdpAction.PASS


def test_ten_thousand_keys_are_read_by_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    fill.load()
    require_numpy()
    import numpy as np

    from osmia.kernel.map import KernelMap

    empty = [*many.to_numpy(), *many_stats.to_numpy(), *many_counts.to_numpy()]
    assert [len(each) for each in empty] == [0] * 7
    for start in range(0, 10_000, 1000):
        fill.test_run(to_bytes(Given(key=start)))
    assert (many.dropped, many_stats.dropped, many_counts.dropped) == (0, 0, 0)

    def never(*_: object) -> None:
        raise AssertionError("key by key")

    for name in ("lookup", "next_key"):
        monkeypatch.setattr(KernelMap, name, never)
    keys, bucketed, totals = many.to_numpy()
    assert sorted(keys.tolist()) == list(range(10_000))
    assert bucketed.shape == (10_000, 65)
    assert bucketed.sum(axis=1).tolist() == [1] * 10_000
    assert totals.tolist() == [key % 1000 for key in keys.tolist()]
    every = many.to_dict()
    assert {key: list(each.counts) for key, each in every.items()} == dict(
        zip(keys.tolist(), bucketed.tolist(), strict=True)
    )
    keys, values = many_stats.to_numpy()
    assert values.dtype.names == ("count", "sum", "min", "max")
    assert np.array_equal(values["min"], -(keys.astype(np.int64) % 1000))
    assert np.array_equal(values["max"], values["min"])
    assert dict(zip(keys.tolist(), values["sum"].tolist(), strict=True)) == {k: s.sum for k, s in many_stats.items()}
    keys, values = many_counts.to_numpy()
    assert np.array_equal(values, keys)
    assert many_counts.top(3) == [(9999, 9999), (9998, 9998), (9997, 9997)]
    assert [count for _, count in many_counts.top(20_000)] == list(range(9999, -1, -1))
    assert {each.sum for _, each in many.top(10, by="sum")} == {999}
    assert {each.max for _, each in many_stats.top(10, by="max")} == {0}
    assert sum(many.values(), start=next(iter(many.values())) - next(iter(many.values()))).count == 10_000


def test_top_is_of_what_it_is_asked_for() -> None:
    cleared()
    for key, number, times in ((1, 100, 1), (2, 10, 5), (3, 30, 2)):
        for _ in range(times):
            run(key, number, -number)
    assert [key for key, _ in by_key.top(5)] == [2, 3, 1]
    assert [key for key, _ in by_key.top(2, by="sum")] == [1, 3]
    assert [key for key, _ in by_key.top(1, by="mean")] == [1]
    assert [key for key, _ in stats_by_key.top(3, by="min")] == [2, 3, 1]
    assert counts.top(1) == [(2, 5)]
    assert by_key.top(0) == []
    wrong: Any = by_key
    assert refusal(ValueError, lambda: wrong.top(1, by="max")) == "top() is by count or sum or mean, not 'max'"
    assert refusal(ValueError, lambda: wrong.top(-1)) == "top() takes how many, 0 or more, not -1"
    assert refusal(TypeError, lambda: wrong.top("1")) == "top() takes how many, an int, not str '1'"


def test_keys_are_forgotten() -> None:
    cleared()
    for key in range(4):
        run(key, 1, 1)
    del by_key[2]
    assert set(by_key) == {0, 1, 3}
    run(5, 1, 1)
    assert set(by_key) == {0, 1, 3, 5}  # there was room again
    assert by_key[5].count == 1  # and nothing of the key that was there
    by_key.clear()
    assert len(by_key) == 0
    sizes.clear()
    assert sizes.read().count == 0
    assert str(sizes) == "no values"


# Refused


def test_refused_declarations() -> None:
    no: Any = osmia
    refused = {
        "Histogram: what is added is u64, or i64 where it may be negative, not u32": lambda: no.Histogram(u32),
        "StatsMap: what is added is u64, or i64 where it may be negative, not int: say how wide it is, as in u32 or "
        "u64": lambda: no.StatsMap(u32, int, max_entries=1),
        "Histogram: a linear histogram has low, high and step; step is missing": lambda: no.Histogram(low=0, high=4),
        "Histogram: low is an int, not float 0.5": lambda: no.Histogram(low=0.5, high=4, step=1),
        "ArrayOfMaps: a HistogramMap does not go into another map: take one by key, with a @struct of both "
        "keys": lambda: no.ArrayOfMaps(by_key, max_entries=2, name="ArrayOfMaps"),
    }
    for text, use in refused.items():
        assert refusal(TypeError, use) == text
    refused = {
        f"Histogram: low and high are 0 to {U64}, low the smaller one, not -1 and 4": lambda: no.Histogram(
            low=-1, high=4, step=1
        ),
        f"Histogram: low and high are 0 to {U64}, low the smaller one, not 4 and 4": lambda: no.Histogram(
            low=4, high=4, step=1
        ),
        "Histogram: step divides high - low, which is 10, not 3": lambda: no.Histogram(low=0, high=10, step=3),
        "Histogram: step divides high - low, which is 10, not 0": lambda: no.Histogram(low=0, high=10, step=0),
        "large: a value of a Histogram has 32768 bytes at most, as the kernel keeps one for each CPU, and "
        "osmia_histogram has 800024": lambda: no.Histogram(low=0, high=100_000, step=1, name="large"),
        "m: the flag BPF_F_MMAPABLE is for Array, Arena; a CountMap takes BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED": lambda: (
            no.CountMap(u32, max_entries=1, flags=1 << 10, name="m")
        ),
    }
    for text, use in refused.items():
        assert refusal(ValueError, use) == text


def test_refused_in_user_code() -> None:
    wrong, wrong_map = cast("Any", sizes), cast("Any", by_key)
    assert refusal(TypeError, lambda: sizes.add(1)) == (
        "sizes: add() is for kernel code; user code reads what was added: sizes.read()"
    )
    for each in (by_key, stats_by_key, counts):
        assert refusal(TypeError, lambda each=each: each.add(1, 2)) == (
            f"{each.name}: add() is for kernel code; user code reads what was added: {each.name}[key]"
        )
    assert refusal(AttributeError, lambda: wrong.items) == (
        "sizes: Histogram has no operation 'items' in user code; it has read, clear"
    )
    assert refusal(TypeError, lambda: by_key["a"]) == "by_key: a key is an int (u32), not str 'a'"  # type: ignore[index]
    assert refusal(OverflowError, lambda: by_key[-1]) == "by_key: a key is a u32, 0 to 4294967295, not -1"
    assert refusal(TypeError, lambda: wrong_map.__setitem__(1, 2)) == (
        "by_key: user code writes nothing into it: kernel code adds to it, m.add(...)"
    )
    assert repr(Histogram()).endswith(" without a name, not live>")
    assert str(Histogram(name="named")) == "<Histogram(u64) named, not live>"
    assert refusal(NotLoadedError, Histogram(name="named").read).startswith("named is not loaded: ")
    assert len(possible_cpus()) >= len(CPUS)
