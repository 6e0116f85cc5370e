"""Start: CPU time and memory from the start of a process to an attached counter that prints, and to its end."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench import tools
from bench.report import Table, quartiles

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 20
INTERFACE = "lo"
COLUMNS = [
    *("from start to attached", "CPU ms", "CPU ms, quartiles", "over python", "by libbpf's"),
    *("peak MB", "over python", "wall ms"),
]
LIBBPF = "libbpf skeleton in C"
_CLONE_NEWNET = 0x40000000


@dataclass
class Way:
    """A command that starts, attaches, prints and ends."""

    name: str
    command: list[str]
    baseline: str | None
    """The way whose figures are taken off: what its interpreter alone costs."""
    cold: bool = False
    """Whether it finds no compiled object."""
    environment: dict[str, str] = field(default_factory=dict)
    """What it needs besides."""
    cpu: list[float] = field(default_factory=list)
    """In ms, of all its processes, one value a run."""
    wall: list[float] = field(default_factory=list)
    """In ms, to the end of the first process."""
    peak: list[float] = field(default_factory=list)
    """In MB, of its largest process."""


def measure(rounds: int = ROUNDS) -> Table:
    """The table, with a row for each way to a running counter. This process moves to a new network namespace."""
    table = Table("Start: from nothing to an attached counter", COLUMNS)
    table.notes.append(
        f"CPU: user and system time of all processes of a run, compiler included; medians of {rounds} rounds, the ways "
        "taking turns. Peak: the resident set of the largest process at its largest. Each run loads the counter, "
        f"attaches it to `{INTERFACE}` (generic mode) of a network namespace of the benchmark's own, prints the counts "
        "and ends."
    )
    _enter_own_namespace()
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        try:
            launcher = tools.launcher(directory)
        except tools.MissingError as problem:
            table.missing.append(f"every row: they are measured by a small C program, and {problem}")
            return table
        ways = _ways(directory, table)
        for way in list(ways):
            # Once for nothing: it fills the caches, and shows whether it works at all.
            said = _run(way, launcher, directory)
            if said is not None:
                table.missing.append(f"{way.name}: {said}")
                ways.remove(way)
        for way in ways:
            for values in (way.cpu, way.wall, way.peak):
                values.clear()
        for number in range(rounds):
            for way in reversed(ways) if number % 2 else ways:
                said = _run(way, launcher, directory)
                if said is not None:
                    raise RuntimeError(f"{way.name}: worked at first, then: {said}")
    _fill(table, {way.name: way for way in ways})
    return table


def _ways(directory: Path, table: Table) -> list[Way]:
    python = "python -c pass"
    counter = str(tools.PEERS / "counter_osmia.py")
    ways = [
        Way(python, [sys.executable, "-c", "pass"], None),
        Way("osmia, object from the cache", [sys.executable, counter, INTERFACE], python),
        Way("osmia, compiled", [sys.executable, counter, INTERFACE], python, cold=True),
    ]

    def offer(name: str, make: Callable[[], list[Way]]) -> None:
        try:
            ways.extend(make())
        except tools.MissingError as problem:
            table.missing.append(f"{name}: {problem}")

    offer("osmia run counter", lambda: _shipped(python))
    offer(LIBBPF, lambda: [Way(LIBBPF, [str(tools.skeleton(directory)), INTERFACE], None)])
    offer("BCC", lambda: _bcc(directory, table))
    return ways


def _shipped(python: str) -> list[Way]:
    if importlib.util.find_spec("osmia.__main__") is None:
        raise tools.MissingError("this checkout has no `osmia run` yet")
    command = [sys.executable, "-P", "-m", "osmia", "run", "counter", "-i", INTERFACE, "0.001", "1"]
    return [Way("osmia run counter", command, python)]


def _bcc(directory: Path, table: Table) -> list[Way]:
    python = tools.bcc_python(sys.executable)
    environment, headers = tools.kernel_headers(directory)
    table.notes.append(f"BCC: with {headers}.")
    baseline = f"{python} -c pass (BCC's)"
    bare = Way(baseline, [python, "-c", "pass"], None)
    command = [python, str(tools.PEERS / "counter_bcc.py"), INTERFACE]
    return [bare, Way("BCC", command, baseline, environment=environment)]


def _run(way: Way, launcher: Path, directory: Path) -> str | None:
    """Run it once and take down what it took; what went wrong, where something did."""
    result = directory / "result"
    with tempfile.TemporaryDirectory(dir=directory) as fresh:
        done = subprocess.run(
            [launcher, result, *way.command],
            env=_environment(directory, Path(fresh) if way.cold else directory / "objects") | way.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        return f"the launcher ended with {done.returncode}: {done.stderr.strip()}"
    status, user, system, wall, peak = map(int, result.read_text().split())
    bare = way.command[-1] == "pass"
    if status != 0 or (not bare and "total" not in done.stdout):
        said = done.stderr.strip().splitlines() or ["it printed no total"]
        return f"status {status}: {said[-1]}"
    way.cpu.append((user + system) / 1000)
    way.wall.append(wall / 1000)
    way.peak.append(peak / 1024)
    return None


def _environment(directory: Path, objects: Path) -> dict[str, str]:
    """What all runs share: nothing that changes how Python starts, and caches of bytecode and objects of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OSMIA"))}
    return kept | {
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONPYCACHEPREFIX": str(directory / "bytecode"),
        "OSMIA_CACHE_DIR": str(objects),
    }


def _fill(table: Table, ways: dict[str, Way]) -> None:
    libbpf = ways.get(LIBBPF)
    for way in ways.values():
        low, cpu, high = quartiles(way.cpu)
        peak, wall = quartiles(way.peak)[1], quartiles(way.wall)[1]
        base = ways.get(way.baseline or "")
        over = [cpu - quartiles(base.cpu)[1], peak - quartiles(base.peak)[1]] if base else [None, None]
        ratio = cpu / quartiles(libbpf.cpu)[1] if libbpf and way.baseline else None
        table.add(way.name, cpu, f"{low:.1f} to {high:.1f}", over[0], ratio, peak, over[1], wall)


def _enter_own_namespace() -> None:
    """Move to a new network namespace, which ends with this process: what runs here touches no other interface."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise PermissionError(number, f"the benchmark takes root: unshare(CLONE_NEWNET): {os.strerror(number)}")
