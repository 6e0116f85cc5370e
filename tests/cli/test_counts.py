"""Reports as text and CSV when numbers grow and CPUs come and go; JSON takes them as they are."""

from __future__ import annotations

import csv
import json

import pytest

from osmia.cli.counts import Csv, Json, Report, Text


def report(
    *, cpus: tuple[int, ...] = (0, 1), counts: tuple[int, ...] = (1, 2), lost: int | None = None, final: bool = False
) -> Report:
    return Report(
        time=1_700_000_000.9996,
        interface="lo",
        mode="generic",
        engine="kernel" if lost is None else "vm",
        cpus=cpus,
        per_cpu=counts,
        total=sum(counts),
        seconds=1.5,
        pps=2 / 3,
        lost=lost,
        final=final,
    )


def test_columns_stay_aligned_when_they_grow() -> None:
    text = Text(timestamps=False)
    assert text.lines(report()) == (
        "     total   packets/s        cpu0        cpu1\n"
        "         3         0.7           1           2\n"
    )  # fmt: skip
    assert text.lines(report()) == "         3         0.7           1           2\n"
    assert text.lines(report(counts=(10**12, 0))) == (
        "        total   packets/s           cpu0        cpu1\n1000000000000         0.7  1000000000000           0\n"
    )
    assert text.lines(report()) == "            3         0.7              1           2\n"


def test_the_head_comes_again_with_another_cpu() -> None:
    text = Text(timestamps=False)
    text.lines(report())
    assert text.lines(report(cpus=(0, 2), counts=(1, 5))).splitlines()[0].split() == [
        "total",
        "packets/s",
        "cpu0",
        "cpu2",
    ]


@pytest.mark.parametrize(("count", "text"), [(0, "0 packets"), (1, "1 packet"), (2, "2 packets")])
def test_the_final_sentence(count: int, text: str) -> None:
    last = Text(timestamps=False).lines(report(cpus=(0,), counts=(count,), final=True))
    assert last == f"{text} in 1.5 s, 0.7 packets/s (cpu0 {count})\n"


def test_json() -> None:
    assert json.loads(Json(timestamps=True).lines(report(final=True))) == {
        "timestamp": "2023-11-14T22:13:21.000Z",
        "interface": "lo",
        "mode": "generic",
        "engine": "kernel",
        "cpus": [0, 1],
        "per_cpu": [1, 2],
        "total": 3,
        "seconds": 1.5,
        "pps": 0.667,
        "final": True,
    }


def test_what_was_lost() -> None:
    shown = json.loads(Json(timestamps=False).lines(report(lost=7)))
    assert (shown["engine"], shown["lost"], list(shown)[-1]) == ("vm", 7, "final")
    text = Text(timestamps=False)
    assert text.lines(report(lost=7, final=True)) == (
        "3 packets in 1.5 s, 0.7 packets/s (cpu0 1, cpu1 2), 7 lost: they came faster than they were counted\n"
    )
    assert "lost" not in text.lines(report(lost=0, final=True))


def test_csv_keeps_its_columns(capfd: pytest.CaptureFixture[str]) -> None:
    rows = Csv(timestamps=False)
    text = rows.lines(report())
    text += rows.lines(report(cpus=(0,), counts=(4,)))
    for _ in range(2):
        text += rows.lines(report(cpus=(0, 1, 2), counts=(4, 5, 6)))
    assert text == (
        "interface,mode,total,seconds,pps,final,cpu0,cpu1\n"
        "lo,generic,3,1.500000,0.667,0,1,2\n"
        "lo,generic,4,1.500000,0.667,0,4,\n"
        "lo,generic,15,1.500000,0.667,0,4,5\n"
        "lo,generic,15,1.500000,0.667,0,4,5\n"
    )
    assert capfd.readouterr().err == "cpu2 came online: it has no column, its packets are in the total\n"


@pytest.mark.parametrize("name", ["eth0", 'a,b"c'])
def test_csv_quotes_names(name: str) -> None:
    odd = report()
    odd.interface = name
    assert next(csv.DictReader(Csv(timestamps=False).lines(odd).splitlines()))["interface"] == name
