"""Aggregations in kernel code: in every kind of program, wherever a statement may stand, of every key and value."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import (
    Array,
    CountMap,
    Global,
    Histogram,
    HistogramMap,
    Stats,
    StatsMap,
    XdpAction,
    XdpContext,
    be16,
    func,
    i64,
    loop,
    setting,
    struct,
    to_bytes,
    u8,
    u16,
    u32,
    u64,
    xdp,
)
from osmia.compiler import Target
from osmia.compiler.build import checked_unit, generate
from osmia.compiler.cache import object_for
from program_files import module_from
from this_kernel import has, require, why_no_lsm

if TYPE_CHECKING:
    from pathlib import Path

PACKET = bytes(64)


class Color(IntEnum):
    RED = 1
    GREEN = 2


@struct(frozen=True)
class Key:
    port: be16
    color: u8
    wide: u32


@struct
class Header:
    first: u64 = 0
    port: be16 = 0
    color: u8 = 7
    wide: u32 = 9


MINIMUM = setting(u16, 100)
limit = Global(u64, 7)
sizes = Histogram()
linear = Histogram(i64, low=0, high=100, step=10)
by_struct = HistogramMap(Key, max_entries=8)
by_color = CountMap(Color, max_entries=2)
by_truth = StatsMap(bool, max_entries=2)
by_wide = CountMap(u64, max_entries=64)
stats = Stats(i64)
other = Array(u32, max_entries=3)


@func
def twice(size: u32) -> u32:
    sizes.add(size)
    return size * 2


@func(inline=False)
def apart(size: u64) -> u64:
    stats.add(i64(size) - 10)
    by_wide.add(size, 3)
    return size


@xdp
def everywhere(ctx: XdpContext) -> XdpAction:
    header = ctx.packet.at(Header, 0)
    if header is None:
        return XdpAction.DROP
    size = len(ctx.packet)
    key = Key(port=header.port, color=header.color, wide=header.wide)
    by_struct.add(key, twice(size) + apart(5))
    by_struct.add(Key(port=1, color=2, wide=3), MINIMUM)
    by_color.add(Color.GREEN)
    by_color.add(Color.RED if size > 10 else Color.GREEN, limit.value)
    by_truth.add(size > 10, size > 20)
    by_truth.add(False, Color.GREEN)

    def nested(index: u32) -> None:
        by_wide.add(index)
        linear.add(index if index > 5 else -1)

    loop(10, nested)
    other.for_each(lambda key, value: by_wide.add(u64(key) + 100, value))
    for number in range(size):
        linear.add(number)
        if number == 40:
            break
    match size:
        case 64:
            stats.add(-1)
        case _:
            stats.add(-2)
    return XdpAction.PASS


@pytest.mark.parametrize("target", [Target("v3", (5, 15)), Target("v3", (6, 1)), Target("v4", (6, 12))], ids=str)
def test_wherever_a_statement_may_stand(target: Target) -> None:
    require("for_each")
    if target.kernel >= (6, 9):
        require("may_goto")
    with osmia.load(everywhere, target=target) as loaded:
        for length in (64, 64, 65):
            loaded["everywhere"].test_run(to_bytes(Header()) + PACKET[: length - len(to_bytes(Header()))])
        held: Any = {declared.name: loaded[declared] for declared in ALL}
        assert {low: n for low, _, n in held["sizes"].read() if n} == {64: 3}
        first, second = Key(port=0, color=7, wide=9), Key(port=1, color=2, wide=3)
        assert {key: each.sum for key, each in held["by_struct"].items()} == {first: 133 * 2 + 135, second: 300}
        assert held["by_color"].to_dict() == {Color.GREEN: 3, Color.RED: 21}
        truths = {key: (each.count, each.sum, each.min, each.max) for key, each in held["by_truth"].items()}
        assert truths == {True: (3, 3, 1, 1), False: (3, 6, 2, 2)}
        assert held["by_wide"].to_dict() == {**dict.fromkeys(range(10), 3), 5: 12, 100: 0, 101: 0, 102: 0}
        counts = [count for *_, count in held["linear"].read()]
        # From the loop 0 to 40, and 5 of -1 and 6 to 9 from the function that is called ten times, each time.
        assert counts == [6 * 3, (10 + 4) * 3, 30, 30, 30, 3, 0, 0, 0, 0, 0, 0]
        read = held["stats"].read()
        assert (read.count, read.sum, read.min, read.max) == (6, 3 * -5 - 1 - 1 - 2, -5, -1)


ALL: tuple[Any, ...] = (sizes, linear, by_struct, by_color, by_truth, by_wide, stats)

KINDS = {
    "xdp": ("@xdp", "XdpContext", "XdpAction", "XdpAction.PASS"),
    "tc": ('@tc("egress")', "TcContext", "TcAction", "TcAction.OK"),
    "cgroup_skb": (
        '@cgroup_skb("egress", on_error=CgroupAction.ALLOW)',
        "CgroupSkbContext",
        "CgroupAction",
        "CgroupAction.ALLOW",
    ),
    "cgroup_sock": (
        '@cgroup_sock("sock_create", on_error=CgroupAction.ALLOW)',
        "CgroupSockContext",
        "CgroupAction",
        "CgroupAction.ALLOW",
    ),
    "sock_ops": ("@sock_ops", "SockOpsContext", "int", "1"),
    "sk_lookup": ("@sk_lookup", "SkLookupContext", "SkAction", "SkAction.PASS"),
    "sk_reuseport": ("@sk_reuseport", "SkReuseportContext", "SkAction", "SkAction.PASS"),
    "sk_msg": ("@sk_msg", "SkMsgContext", "SkAction", "SkAction.PASS"),
    "sk_skb": ('@sk_skb("stream_verdict")', "SkSkbContext", "SkAction", "SkAction.PASS"),
    "tracepoint": ('@tracepoint("sched", "sched_process_fork")', "TracepointContext", "None", "None"),
    "raw_tracepoint": ('@raw_tracepoint("signal_generate")', "RawTracepointContext", "None", "None"),
    "tp_btf": ('@tp_btf("hrtimer_expire_entry")', "TpBtfContext", "None", "None"),
    "lsm": ('@lsm("inode_unlink", on_error=0)', "LsmContext", "int", "0"),
}
OF_A_KIND = """
from osmia import *
from osmia.helpers import ktime_get_ns

sizes = Histogram()
linear = HistogramMap(u64, i64, max_entries=4, low=-10, high=10, step=5)
stats = StatsMap(u32, max_entries=4)
counts = CountMap(u32, max_entries=4)

{decorator}
def program(ctx: {context}) -> {returns}:
    now = ktime_get_ns()
    sizes.add(now)
    linear.add(now, -3)
    stats.add(1, now)
    counts.add(2)
    return {value}
"""


def test_every_kind_is_here() -> None:
    from osmia.kinds import KINDS as ROWS

    assert set(KINDS) == {row.module for row in ROWS.values()}


@pytest.mark.parametrize("kind", KINDS)
def test_in_every_kind_of_program(tmp_path: Path, kind: str) -> None:
    why = why_no_lsm() if kind == "lsm" else None
    if why:
        pytest.skip(why)
    decorator, context, returns, value = KINDS[kind]
    text = OF_A_KIND.format(decorator=decorator, context=context, returns=returns, value=value)
    if not has("fetch"):
        text = "".join(line for line in text.splitlines(keepends=True) if "stats" not in line)
    with osmia.load(module_from(tmp_path, text)) as loaded:
        assert loaded["sizes"].read().count == 0
        assert loaded["linear"].dropped == 0


# What they are compiled for

counted = HistogramMap(u32, max_entries=8)


@xdp
def without_extremes(ctx: XdpContext) -> XdpAction:
    sizes.add(len(ctx.packet))
    counted.add(1, len(ctx.packet))
    by_wide.add(2, 3)
    return XdpAction.PASS


@pytest.mark.parametrize("target", [Target("v1", (5, 10)), Target("v2", (5, 10)), Target("v3", (5, 10))], ids=str)
def test_histograms_and_counts_are_for_all_targets(target: Target) -> None:
    with osmia.load(without_extremes, target=target) as loaded:
        loaded["without_extremes"].test_run(PACKET)
        assert (loaded[sizes].read().sum, loaded[counted][1].sum, loaded[by_wide].to_dict()) == (64, 64, {2: 3})


@xdp
def with_extremes(ctx: XdpContext) -> XdpAction:
    stats.add(len(ctx.packet))
    return XdpAction.PASS


def test_the_smallest_and_the_largest_value_take_a_newer_kernel() -> None:
    for target, lacking, fix in (
        (Target("v3", (5, 10)), "Linux 5.12", "compile it for newer kernels: `osmia build --kernel 5.12`"),
        (Target("v2", (5, 12)), "instruction set v3", "compile it for v3 or later"),
    ):
        unit, _ = checked_unit((with_extremes.request,), target)
        with pytest.raises(osmia.CompileError) as caught:
            generate(unit, target)
        error = caught.value
        assert error.msg == f"what keeps the smallest and the largest value needs {lacking}"
        assert (error.found, error.expected) == (f"the target {target}", "a count or a histogram, which all have")
        assert error.fix == fix


@xdp
def logarithm(ctx: XdpContext) -> XdpAction:
    sizes.add(len(ctx.packet))
    return XdpAction.PASS


def test_a_bucket_is_found_without_a_loop_and_in_few_instructions() -> None:
    program = object_for((logarithm.request,), Target("v3", (5, 10))).spec("logarithm").programs["logarithm"]
    assert len(program.instructions) // 8 <= 50
