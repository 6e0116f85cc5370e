"""`osmia run counter` against a real kernel: what it counts, prints and leaves behind."""

from __future__ import annotations

import csv
import json
import os
import re
import select
import signal
import sys
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import command_line
import system_packages
from command_line import ended, line, running
from osmia.kernel.cpus import online_cpus

if TYPE_CHECKING:
    from namespaces import Namespace

ATTACHED = "attached to lo (generic)\n"
FIELDS = ["interface", "mode", "engine", "cpus", "per_cpu", "total", "seconds", "pps", "final"]


def ping(netns: Namespace, count: int = 5) -> None:
    with netns.entered():
        system_packages.tool("ping").run("-q", "-c", str(count), "-i", "0.01", "127.0.0.1")


def online() -> list[int]:
    return list(online_cpus())


def test_ping_on_lo_counts_ten(netns: Namespace) -> None:
    with running("run", "counter", "-i", "lo", "0.05", "-f", "json", netns=netns) as process:
        assert line(process.stderr) == ATTACHED
        assert json.loads(line(process.stdout))["total"] == 0
        ping(netns)
        process.send_signal(signal.SIGINT)
        code, out, err = ended(process)
    reports = [json.loads(each) for each in out.splitlines()]
    last = reports[-1]
    assert (code, err) == (0, "")
    assert [report["final"] for report in reports] == [False] * (len(reports) - 1) + [True]
    assert (last["total"], sum(last["per_cpu"])) == (10, 10)
    assert last["pps"] == pytest.approx(10 / last["seconds"], rel=0.001)
    assert netns.xdp("lo") == ""


def test_json_is_an_object_a_line(netns: Namespace) -> None:
    code, out, err = command_line.run("run", "counter", "-i", "lo", "0.01", "2", "-f", "json", netns=netns)
    reports = [json.loads(each) for each in out.splitlines()]
    assert (code, err, len(reports)) == (0, ATTACHED, 3)
    for report in reports:
        assert list(report) == FIELDS
        assert (report["interface"], report["mode"], report["total"], report["pps"]) == ("lo", "generic", 0, 0)
        assert (report["cpus"], report["per_cpu"]) == (online(), [0] * len(online()))
    assert [report["final"] for report in reports] == [False, False, True]


def test_rates_are_over_the_measured_time(netns: Namespace) -> None:
    words = ("run", "counter", "-i", netns.far, "0.2", "-f", "json", "-q")
    with running(*words, netns=netns) as process:
        reports = [json.loads(line(process.stdout))]
        netns.send(100)
        while reports[-1]["total"] < 100:
            reports.append(json.loads(line(process.stdout)))
        reports.append(json.loads(line(process.stdout)))
        process.send_signal(signal.SIGINT)
        code, out, err = ended(process)
    *more, final = map(json.loads, out.splitlines())
    reports += more
    assert (code, err, reports[0]["total"], reports[-1]["pps"], final["total"]) == (0, "", 0, 0, 100)
    for before, after in pairwise(reports):
        assert after["pps"] == pytest.approx((after["total"] - before["total"]) / after["seconds"], rel=0.001)
    until_then = sum(each["seconds"] for each in reports)
    assert until_then <= final["seconds"] + 0.001 < until_then + 2


def test_text_is_a_table_with_the_totals_below(netns: Namespace) -> None:
    code, out, err = command_line.run("run", "counter", "-i", "lo", "0.01", "2", netns=netns)
    head, *rows, last = out.splitlines()
    assert (code, err) == (0, ATTACHED)
    assert head == "  ".join(name.rjust(10) for name in ("total", "packets/s", *(f"cpu{cpu}" for cpu in online())))
    assert rows == ["  ".join(cell.rjust(10) for cell in ("0", "0.0", *["0"] * len(online())))] * 2
    each = ", ".join(f"cpu{cpu} 0" for cpu in online())
    assert re.fullmatch(rf"0 packets in \d+\.\d s, 0\.0 packets/s \({each}\)", last)


def test_csv_has_a_head_and_rows(netns: Namespace) -> None:
    code, out, err = command_line.run("run", "counter", "-i", "lo", "-f", "csv", "0.01", "2", "-T", netns=netns)
    rows = list(csv.DictReader(out.splitlines()))
    cpus = [f"cpu{cpu}" for cpu in online()]
    assert (code, err, len(rows)) == (0, ATTACHED, 3)
    assert list(rows[0]) == ["timestamp", "interface", "mode", "total", "seconds", "pps", "final", *cpus]
    assert [row["final"] for row in rows] == ["0", "0", "1"]
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["timestamp"]) for row in rows)


def test_timestamps(netns: Namespace) -> None:
    code, out, _ = command_line.run("run", "counter", "-i", "lo", "0.01", "1", "-T", netns=netns)
    head, row, last = out.splitlines()
    assert (code, head.split()[0]) == (0, "time")
    assert re.fullmatch(r"  \d\d:\d\d:\d\d  .*", row)
    assert re.match(r"\d\d:\d\d:\d\d  0 packets in ", last)
    out = command_line.run("run", "counter", "-i", "lo", "0.01", "1", "-T", "-f", "json", netns=netns).out
    assert [next(iter(json.loads(each))) for each in out.splitlines()] == ["timestamp"] * 2


def test_output_goes_to_a_file(netns: Namespace, tmp_path: Path) -> None:
    path = tmp_path / "counts"
    path.write_text("what was there before, longer than what comes now\n" * 100)
    code, out, err = command_line.run("run", "counter", "-i", "lo", "0.01", "1", "-o", str(path), "-q", netns=netns)
    assert (code, out, err) == (0, "", "")
    assert len(path.read_text().splitlines()) == 3


def test_a_file_stays_as_it_is_when_nothing_is_counted(netns: Namespace, tmp_path: Path) -> None:
    path = tmp_path / "counts"
    path.write_text("before")
    assert command_line.run("run", "counter", "-i", "no", "-o", str(path), netns=netns).code == 1
    assert path.read_text() == "before"


def test_quiet_and_verbose(netns: Namespace) -> None:
    assert command_line.run("run", "counter", "-i", "lo", "0.01", "1", "-q", netns=netns).err == ""
    code, _, err = command_line.run("run", "counter", "-i", "lo", "0.01", "1", "-v", netns=netns)
    kernel, loaded, program, held, attached = err.splitlines()
    assert code == 0
    assert re.fullmatch(rf"kernel {re.escape(os.uname().release)}, \d+ possible CPUs, {len(online())} online", kernel)
    assert re.fullmatch(r"loaded .*/osmia/tools/counter\.o, license GPL", loaded)
    assert re.fullmatch(r"program xdp_map_counter: xdp, id \d+, tag [0-9a-f]{16}, \d+ instructions", program)
    assert held == "map PKT_CNT_ARRAY: PERCPU_ARRAY, 1 entries at most"
    assert f"{attached}\n" == ATTACHED


@pytest.mark.parametrize(("mode", "name"), [("auto", "native"), ("native", "native"), ("skb", "generic")])
def test_modes(netns: Namespace, mode: str, name: str) -> None:
    words = ("run", "counter", "-i", netns.far, "--mode", mode, "-f", "json")
    with running(*words, netns=netns) as process:
        assert line(process.stderr) == f"attached to {netns.far} ({name})\n"
        netns.send(100)
        process.send_signal(signal.SIGTERM)
        code, out, err = ended(process)
    report = json.loads(out.splitlines()[-1])
    assert (code, err) == (0, "")
    assert (report["mode"], report["total"], report["final"]) == (name, 100, True)


def test_an_index_names_an_interface_too(netns: Namespace) -> None:
    index = json.loads(netns.ip("-json", "link", "show", "dev", netns.far))[0]["ifindex"]
    assert command_line.run("run", "counter", "-i", str(index), "0.01", "1", netns=netns).err == (
        f"attached to {netns.far} (native)\n"
    )


def test_reports_keep_their_pace(netns: Namespace) -> None:
    start = time.monotonic()
    code, out, _ = command_line.run("run", "counter", "-i", "lo", "0.1", "10", "-f", "json", netns=netns)
    assert code == 0
    # A busy machine may be late; the pace itself is held with a clock of its own in test_schedule.py.
    assert 0.99 <= json.loads(out.splitlines()[-1])["seconds"] < 5
    assert time.monotonic() - start >= 1


def test_lines_come_at_once_and_a_reader_that_leaves_ends_it(netns: Namespace) -> None:
    with running("run", "counter", "-i", "lo", "0.01", netns=netns) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split()[0] == "total"
        process.stdout.close()
        process.wait(command_line.LONGEST)
        assert process.stderr is not None
        assert (process.returncode, process.stderr.read()) == (0, ATTACHED)
    assert netns.xdp("lo") == ""


def test_a_disk_that_is_full(netns: Namespace) -> None:
    with Path("/dev/full").open("w") as full:
        done = command_line.run("run", "counter", "-i", "lo", "0.01", netns=netns, stdout=full.fileno())
    assert (done.code, done.err) == (1, f"{ATTACHED}osmia run: stdout: No space left on device\n")


def test_stdout_that_is_closed(netns: Namespace) -> None:
    program = ["sh", "-c", 'exec "$@" >&-', "sh", *command_line.PROGRAM]
    done = command_line.run("run", "counter", "-i", "lo", "0.01", netns=netns, program=program)
    assert done == (1, "", f"{ATTACHED}osmia run: stdout: Bad file descriptor\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_with_the_totals(netns: Namespace, number: int) -> None:
    with running("run", "counter", "-i", "lo", "60", netns=netns) as process:
        assert line(process.stderr) == ATTACHED
        ping(netns)
        process.send_signal(number)
        code, out, err = ended(process)
    assert (code, err) == (0, "")
    assert re.fullmatch(r"10 packets in \d+\.\d s, \d+\.\d packets/s \(cpu0 \d+.*\)\n", out)
    assert netns.xdp("lo") == ""


def test_a_second_signal_ends_it_where_it_hangs(netns: Namespace) -> None:
    read, write = os.pipe()
    try:
        os.set_blocking(write, False)
        while select.select([], [write], [], 0)[1]:
            os.write(write, bytes(4096))
        os.set_blocking(write, True)
        with running("run", "counter", "-i", "lo", "0.01", netns=netns, stdout=write) as process:
            assert line(process.stderr) == ATTACHED
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.wait(command_line.LONGEST) == 130
    finally:
        os.close(read)
        os.close(write)
    assert netns.xdp("lo") == ""


def test_kill_9_leaves_nothing(netns: Namespace) -> None:
    with running("run", "counter", "-i", netns.far, netns=netns) as process:
        assert line(process.stderr) == f"attached to {netns.far} (native)\n"
        assert netns.xdp(netns.far) == "xdp"
        process.kill()
        process.wait()
    deadline = time.monotonic() + 5
    while netns.xdp(netns.far) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert netns.xdp(netns.far) == ""


def test_an_interface_that_goes_away(netns: Namespace) -> None:
    with running("run", "counter", "-i", netns.far, "60", netns=netns) as process:
        line(process.stderr)
        netns.send(3)
        netns.ip("link", "delete", netns.near)
        code, out, err = ended(process)
    assert (code, err) == (1, f"osmia run: the interface {netns.far} is gone, and the program with it\n")
    assert out.startswith("3 packets in ")


def test_a_program_that_somebody_else_detaches(netns: Namespace) -> None:
    with running("run", "counter", "-i", "lo", "60", netns=netns) as process:
        line(process.stderr)
        infos = []
        for path in Path(f"/proc/{process.pid}/fdinfo").iterdir():
            with suppress(FileNotFoundError):  # it opens and closes others meanwhile
                infos.append(path.read_text())
        number = next(
            match[1] for match in (re.search(r"^link_id:\t(\d+)$", info, re.MULTILINE) for info in infos) if match
        )
        system_packages.tool("bpftool").run("link", "detach", "id", number)
        code, _, err = ended(process)
    assert (code, err) == (1, "osmia run: somebody else has detached the program from lo\n")


PROBE = """
import sys
from osmia.cli.main import main
code = main(sys.argv[1:])
heavy = ("osmia.compiler", "llvmlite", "numpy", "shutil", "json", "typing", "socket")
if sys.version_info < (3, 14):  # argparse imports it there
    heavy += ("inspect",)
print(*sorted(name for name in sys.modules if name.startswith(heavy)), file=sys.stderr)
sys.exit(code)
"""


def test_it_needs_no_compiler(netns: Namespace) -> None:
    program = [sys.executable, "-P", "-s", "-S", "-c", PROBE]
    done = command_line.run("run", "counter", "-i", "lo", "0.01", "1", netns=netns, program=program)
    assert (done.code, done.err) == (0, f"{ATTACHED}\n")
