"""The benchmarks run and give whole tables, and code is as short as it has to be; how fast it is, no test asserts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import system_packages
from bench import events, maps, programs, report, runtime, start, tools

ROOT = Path(__file__).resolve().parents[2]
# How much longer than clang's a program may be, in instructions.
MOST = 1.05


def test_all_run_and_give_their_rows_as_json() -> None:
    for name in ("clang", "bpftool"):
        system_packages.tool(name)
    command = [sys.executable, "-m", "bench", "code", "programs", "start", "--rounds", "1", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    code, pairs, starting = json.loads(done.stdout)["tables"]
    rows = {row[0].split()[0]: dict(zip(code["columns"], row, strict=True)) for row in code["rows"]}
    assert list(rows) == ["v1", "v2", "v3", "v4"]
    assert rows["v1"]["osmia slots"] <= 14
    assert rows["v4"]["osmia slots"] <= 13
    assert all(row["clang slots"] > 0 and row["osmia ns"] > 0 and row["ratio"] > 0 for row in rows.values())
    compared = [dict(zip(pairs["columns"], row, strict=True)) for row in pairs["rows"]]
    assert {row["program"] for row in compared} == {pair.name for pair in programs.ALL}
    assert len(programs.ALL) == 10
    assert [row for row in compared if row["slots ratio"] > MOST] == []
    assert all(row["osmia ns"] > 0 and row["ns ratio"] > 0 for row in compared)
    named = {row[0] for row in starting["rows"]} | {text.partition(":")[0] for text in starting["missing"]}
    ways = {"python -c pass", "osmia, object from the cache", "osmia, compiled", start.LIBBPF, "BCC"}
    assert ways <= named
    measured = [row for row in starting["rows"] if row[0] in ways]
    assert all(row[1] > 0 and row[5] > 1 for row in measured)


def test_maps_are_measured() -> None:
    bulk, *others = maps.measure(rounds=1, entries=2000)
    if bulk.missing:
        pytest.skip(bulk.missing[0])
    (reads,) = others
    rows = [dict(zip(bulk.columns, row, strict=True)) for row in bulk.rows]
    names = ["HASH: dump", "HASH: update", "PERCPU_HASH: dump", "PERCPU_HASH: update"]
    assert [row["one million entries"] for row in rows] == names
    assert all(float(str(cell)) > 0 for row in bulk.rows for cell in (*row[1:5], row[6]))
    assert [row[0] for row in reads.rows] == ["PerCpuArray: m[0].sum()", "PerCpuCounter: .value"]
    assert all(float(str(cell)) > 0 for row in reads.rows for cell in row[1:4])


def test_events_are_measured() -> None:
    drain, *others = events.measure(rounds=1, seconds=1)
    if drain.missing:
        pytest.skip(drain.missing[0])
    each, sustained, idle = others
    assert [row[1] for row in drain.rows] == [16] * 4 + [64] * 4
    assert all(float(str(cell)) > 0 for row in drain.rows for cell in row[2:5])
    assert [row[0] for row in each.rows] == ["for event in ring", "ring.poll(callback)"] or each.missing
    names = ["drain(copy=False), a field summed", "the same of a FastRing", "libbpf, a field summed"]
    assert [row[0] for row in sustained.rows] == names
    assert all(float(str(cell)) > 0 for row in sustained.rows for cell in row[1:])
    assert len(idle.rows) == 1


def test_the_runtime_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(runtime.UBPF, raising=False)
    parsers, replay = runtime.measure(rounds=1, million=5000)
    assert {"kernel", "interpreter", "jit"} <= {row[0] for row in parsers.rows}
    assert all(float(str(cell)) > 0 for row in parsers.rows for cell in (row[1], row[2], row[4]))
    assert "ubpf: OSMIA_UBPF is not set: the directory of a checkout of github.com/iovisor/ubpf" in parsers.missing
    assert [row[:2] for row in replay.rows] == [["jit", 5000]]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(tools.MissingError, match=r"^no clang on PATH \(Debian: clang\)$"):
        tools.skeleton(tmp_path)


def test_a_tool_that_fails_is_quoted() -> None:
    with pytest.raises(tools.MissingError, match=r"^the tool failed with status 3: why it did$"):
        tools.run("the tool", "/bin/sh", "-c", "echo why it did >&2; exit 3")


def test_the_middle_of_values() -> None:
    assert report.middle([100.0, 2.0, 3.0, 1.0]) == 2.5
    assert report.middle([7.0]) == 7.0
    assert report.quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (2.0, 3.0, 4.0)
    assert report.quartiles([4.0]) == (4.0, 4.0, 4.0)


def test_a_table_as_text() -> None:
    table = report.Table("Title", ["name", "ns"], notes=["How."], missing=["BCC: not here"])
    table.add("osmia", 1.0)
    table.add("another", None)
    text = report.as_text([table])
    assert text.endswith(
        "## Title\n\n"
        "| name    |   ns |\n| ------- | ---: |\n| osmia   | 1.00 |\n| another |    - |\n"
        "\nHow.\n\nMISSING: BCC: not here\n"
    )
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        table.add("osmia")
