"""Maps: bulk reads and updates, and reads of one number, beside C on the same maps in the same run."""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from timeit import Timer
from typing import TYPE_CHECKING, NamedTuple

from bench import tools
from bench.counting import hits
from bench.report import Table, middle, quartiles
from osmia import HashMap, PerCpuArray, PerCpuHashMap, u32, u64

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import numpy as np

ROUNDS = 7
ENTRIES = 1_000_000
READS = 200_000
PER_CALL = 1 << 16

COLUMNS = [
    *("one million entries", "osmia ns", "C batch ns", "C one by one ns"),
    *("by C's batch", "quartiles", "one by one by osmia"),
]
READ_COLUMNS = ["one number per CPU", "ns", "C system call ns", "by C's", "quartiles"]


class Work(NamedTuple):
    """Something that is timed three ways."""

    name: str
    run: Callable[[], object]
    held: Any
    batch: str
    """What bench/peers/maps.c calls it in batches, and one by one."""
    each: str


def measure(rounds: int = ROUNDS, entries: int = ENTRIES) -> list[Table]:
    """The tables: entries in bulk, and one read."""
    bulk, reads = Table("Maps: many entries, u32 to u64", COLUMNS), Table("Maps: one read", READ_COLUMNS)
    try:
        import numpy as np  # noqa: PLC0415, F401 - named where it is missing
    except ImportError:
        bulk.missing.append("NumPy is not installed: pip install 'osmia[numpy]'")
        return [bulk]
    with tempfile.TemporaryDirectory() as directory:
        try:
            peer = build(Path(directory))
        except tools.MissingError as problem:
            bulk.missing.append(str(problem))
            return [bulk]
        _bulk(bulk, peer, rounds, entries)
        _reads(reads, peer, rounds)
    bulk.notes.append(
        f"CPU ns an entry of {entries}, the mean of the middle half of {rounds} rounds in turn. C: bench/peers/maps.c "
        f"on the same map, {PER_CALL} entries a call, into memory that is new as osmia's is; one by one is "
        "get_next_key and lookup, or update. The ratios are the medians of the rounds'."
    )
    return [bulk, reads]


def build(directory: Path) -> Path:
    """The C program."""
    program = directory / "maps"
    source = str(tools.PEERS / "maps.c")
    tools.run("cc", tools.find("cc"), "-O2", "-Wall", "-Werror", source, "-o", str(program))
    return program


def c_time(peer: Path, what: str, held: Any, entries: int, value_bytes: int) -> float:
    """How long the C program takes, in ns an entry."""
    command = [str(peer), what, str(held.fd), str(entries), str(value_bytes), str(PER_CALL)]
    done = subprocess.run(command, pass_fds=[held.fd], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _bulk(table: Table, peer: Path, rounds: int, entries: int) -> None:
    import numpy as np  # noqa: PLC0415

    plain: Any = HashMap(u32, u64, max_entries=entries, name="plain")
    per_cpu: Any = PerCpuHashMap(u32, u64, max_entries=entries, name="per_cpu")
    for held in (plain, per_cpu):
        with closing(held):
            held.create()
            cpus = held.backend.cpus if held.kind.per_cpu else 1
            keys = np.arange(entries, dtype=np.uint32)
            values = _values(keys, cpus)
            held.update_many(keys, values)
            kind = held.kind.kernel_name
            _row(table, Work(f"{kind}: dump", held.to_numpy, held, "dump", "walk"), peer, rounds, entries)
            write = _writer(held, keys, values)
            _row(table, Work(f"{kind}: update", write, held, "update", "update-each"), peer, rounds, entries)


def _writer(held: Any, keys: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> Callable[[], object]:
    return lambda: held.update_many(keys, values)


def _values(keys: np.ndarray[Any, Any], cpus: int) -> np.ndarray[Any, Any]:
    import numpy as np  # noqa: PLC0415

    values = keys.astype(np.uint64)
    return values if cpus == 1 else np.repeat(values[:, None], cpus, axis=1)


def _row(table: Table, work: Work, peer: Path, rounds: int, entries: int) -> None:
    size = 8 * (work.held.backend.cpus if work.held.kind.per_cpu else 1)
    ours, batch, each = [], [], []
    for number in range(rounds):
        ways: list[Callable[[], None]] = [
            lambda: ours.append(_timed(work.run, entries)),
            lambda: batch.append(c_time(peer, work.batch, work.held, entries, size)),
        ]
        for way in reversed(ways) if number % 2 else ways:  # none always goes first
            way()
        each.append(c_time(peer, work.each, work.held, entries, size))
    low, ratio, high = quartiles([a / b for a, b in zip(ours, batch, strict=True)])
    times = quartiles([a / b for a, b in zip(each, ours, strict=True)])[1]
    table.add(work.name, middle(ours), middle(batch), middle(each), ratio, f"{low:.2f} to {high:.2f}", times)


def _timed(run: Callable[[], object], entries: int) -> float:
    start = time.thread_time()
    run()
    return (time.thread_time() - start) * 1e9 / entries


def _reads(table: Table, peer: Path, rounds: int) -> None:
    counts: Any = PerCpuArray(u64, max_entries=1, name="counts")
    with ExitStack() as stack:
        counts.create()
        stack.enter_context(closing(counts))
        counter = stack.enter_context(hits())
        size = 8 * counts.backend.cpus

        ways = {
            "PerCpuArray: m[0].sum()": Timer("m[0].sum()", timer=time.thread_time, globals={"m": counts}),
            "PerCpuCounter: .value": Timer("m.value", timer=time.thread_time, globals={"m": counter}),
        }
        found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in ways}
        for _ in range(rounds):
            c = c_time(peer, "read", counts, READS, size)
            for name, timer in ways.items():
                found[name][0].append(timer.timeit(READS) * 1e9 / READS)
                found[name][1].append(c)
        for name, (ours, theirs) in found.items():
            low, ratio, high = quartiles([a / b for a, b in zip(ours, theirs, strict=True)])
            table.add(name, middle(ours), middle(theirs), ratio, f"{low:.2f} to {high:.2f}")
    table.notes.append(
        f"CPU ns a read, {READS} reads a round in turn. C: the same system call on the same map, and the sum. What "
        "Python's loop takes is in osmia's."
    )
