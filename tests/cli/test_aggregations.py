"""How the command shows aggregations: histograms as histograms, and as data."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

import osmia
from command_line import ended, line, run, running
from osmia.cli.maps import _map_lines
from program_files import module_from
from this_kernel import require

if TYPE_CHECKING:
    from pathlib import Path

    from namespaces import Namespace

PROGRAM = """
from osmia import *

sizes = Histogram()
by_key = HistogramMap(u32, max_entries=8, low=0, high=100, step=50)
stats = Stats()
stats_by_key = StatsMap(u32, i64, max_entries=8)
hits = CountMap(u32, max_entries=2)
unused = Histogram()

@xdp
def measure(ctx: XdpContext) -> XdpAction:
    size = len(ctx.packet)
    sizes.add(size)
    stats.add(size)
    for key in range(3):
        by_key.add(key, 10)
        stats_by_key.add(key, -10)
        hits.add(key)
        hits.add(1)
    if size == 0:
        unused.add(1)
    return XdpAction.PASS
"""
MANY = """
from osmia import *

sizes = HistogramMap(u32, max_entries=64)
hits = CountMap(u32, max_entries=64)

@xdp
def measure(ctx: XdpContext) -> XdpAction:
    for key in range(30):
        sizes.add(key, key)
        hits.add(key, key)
    return XdpAction.PASS
"""


@pytest.mark.parametrize("suffix", [".py", ".o"])
def test_aggregations_of_a_file_and_of_an_object(netns: Namespace, tmp_path: Path, suffix: str) -> None:
    require("fetch")
    (tmp_path / "sizes.py").write_text(PROGRAM)
    if suffix == ".o":
        assert run("build", "-q", "sizes.py", "--kernel", "5.12", cwd=tmp_path) == (0, "", "")
    words = ("run", f"sizes{suffix}", "-f", "json", "-i", netns.far, "60", "-o", "/dev/stdout")
    with running(*words, netns=netns, cwd=tmp_path) as process:
        assert line(process.stderr) == f"attached measure to {netns.far} (native)\n"
        netns.send(3)
        process.send_signal(signal.SIGINT)
        done = ended(process)
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    maps = report["maps"]
    (sizes,) = maps["sizes"]
    (bucket,) = sizes["value"]["buckets"]
    assert (sizes["key"], sizes["value"]["count"], bucket["count"]) == (0, 3, 3)
    assert bucket["low"] <= sizes["value"]["mean"] <= bucket["high"]
    assert sorted(maps["by_key"], key=lambda entry: int(entry["key"])) == [
        {"key": key, "value": {"count": 3, "sum": 30, "mean": 10, "buckets": [{"low": 0, "high": 49, "count": 3}]}}
        for key in range(3)
    ]
    spread = {"count": 3, "sum": -30, "mean": -10, "min": -10, "max": -10, "not_compared": 0}
    assert [entry["value"] for entry in maps["stats_by_key"]] == [spread] * 3
    assert sorted((entry["key"], entry["value"]) for entry in maps["hits"]) == [(0, 3), (1, 12)]
    assert maps["unused"] == [{"key": 0, "value": {"count": 0, "sum": 0, "mean": None, "buckets": []}}]
    assert (report["dropped"], report["globals"]) == ({"by_key": 0, "stats_by_key": 0, "hits": 3}, {})


def test_as_text(tmp_path: Path) -> None:
    require("fetch")
    with osmia.load(module_from(tmp_path, PROGRAM)) as loaded:
        for length in (64, 100, 1500):
            loaded["measure"].test_run(bytes(length))
        bar = "@" * 52
        assert _map_lines(loaded["sizes"]) == [
            "sizes:",
            f"  [64, 128)  2 |{bar}|",
            f"  [128, 256) 0 |{'':52}|",
            f"  [256, 512) 0 |{'':52}|",
            f"  [512, 1K)  0 |{'':52}|",
            f"  [1K, 2K)   1 |{bar[:26]:52}|",
        ]
        head, *below = _map_lines(loaded["by_key"])
        assert (head, sorted(below[::2])) == ("by_key: 3 of 8 at most", ["  0:", "  1:", "  2:"])
        assert below[1::2] == [f"    [0, 50) 3 |{bar}|"] * 3
        assert _map_lines(loaded["stats"]) == ["stats: count 3, mean 554.7, min 64, max 1500, sum 1664"]
        line = "count 3, mean -10.0, min -10, max -10, sum -30"
        assert sorted(_map_lines(loaded["stats_by_key"])) == [
            *(f"  {key}: {line}" for key in range(3)),
            "stats_by_key: 3 of 8 at most",
        ]
        assert _map_lines(loaded["hits"]) == ["hits: 2 of 2 at most, 3 values dropped", "  1: 12", "  0: 3"]
        assert _map_lines(loaded["unused"]) == ["unused: no values"]


def test_the_largest_are_shown(tmp_path: Path) -> None:
    with osmia.load(module_from(tmp_path, MANY)) as loaded:
        loaded["measure"].test_run(bytes(64))
        lines = _map_lines(loaded["hits"])
        assert lines == [
            "hits: 30 of 64 at most",
            *(f"  {key}: {key}" for key in range(29, 9, -1)),
            "  ... and 10 more",
        ]
        lines = _map_lines(loaded["sizes"])
        assert (lines[0], lines[-1], len(lines)) == ("sizes: 30 of 64 at most", "  ... and 25 more", 1 + 5 * 2 + 1)
