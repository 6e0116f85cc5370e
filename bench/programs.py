"""Programs: ten in Python and in C with the same checks, by size and by the time that a run takes in the kernel."""

from __future__ import annotations

import mmap
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import osmia
from bench import packets, tools
from bench.report import Table, middle, quartiles
from osmia.compiler import Target, running_kernel
from osmia.compiler.cache import object_for
from osmia.kernel import attributes, bpf
from osmia.maps.ring import RingBuf
from osmia.object_file import read_object
from osmia.programs.loaded import programs_of, requests_of, run_file

if TYPE_CHECKING:
    from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
PAIRS = Path(__file__).parent / "pairs"
VERSIONS = ("v1", "v3", "v4")
ROUNDS = 20
# As in code.py: longer slices are interrupted too often.
REPEAT = 100_000
# The oldest kernel that runs objects of each version; the programs are the same for all.
KERNEL = (5, 10)

COLUMNS = [
    *("program", "version", "osmia slots", "clang slots", "slots ratio"),
    *("osmia xlated bytes", "clang xlated bytes", "osmia JIT bytes", "clang JIT bytes"),
    *("osmia ns", "clang ns", "ns ratio", "ns ratio, quartiles"),
]


@dataclass(frozen=True)
class Pair:
    """The same program twice."""

    name: str
    python: Path
    c: Path
    entry: str
    """The program that is given packets."""
    packet: bytes
    """What it is timed with."""
    tail_calls: tuple[tuple[str, int, str], ...] = ()
    """(program array, index, program) that are set before it runs."""


def _pair(name: str, entry: str, packet: bytes, tail_calls: tuple[tuple[str, int, str], ...] = ()) -> Pair:
    return Pair(name, PAIRS / f"{name}.py", PAIRS / f"{name}.bpf.c", entry, packet, tail_calls)


ALL = (
    Pair(
        "counter",
        ROOT / "examples" / "xdp_map_counter.py",
        tools.PEERS / "counter.bpf.c",
        "xdp_map_counter",
        packets.SYN,
    ),
    _pair("ports", "count_ports", packets.TAGGED_SYN),
    _pair("sources", "count_sources", packets.SYN),
    _pair("limiter", "limit_rate", packets.SYN),
    _pair("rewrite", "rewrite", packets.QUERY),
    _pair("histogram", "histogram", packets.SYN),
    _pair("names", "block_names", packets.QUERY),
    _pair("events", "report_syns", packets.SYN),
    _pair("dispatch", "dispatch", packets.QUERY, (("handlers", 6, "on_tcp"), ("handlers", 17, "on_udp"))),
    _pair("options", "clamp_mss", packets.SYN),
)


def measure(rounds: int = ROUNDS) -> Table:
    """The table, with a row for each program and version of the instruction set."""
    table = Table("Programs: ten in Python, beside the same in C", COLUMNS)
    try:
        clang = tools.find_clang()
    except tools.MissingError as problem:
        table.missing.append(str(problem))
        return table
    table.notes.append(
        f"clang: {tools.run('clang', clang, '--version').splitlines()[0]}, -O2. slots: instructions of 8 bytes, of "
        "all programs of the object. xlated: as the verifier left them; JIT: machine code. ns: by BPF_PROG_TEST_RUN's "
        f"own clock (`duration`), the mean of the middle half of {rounds} rounds of {REPEAT} runs, in turn. The ratios "
        "are osmia's by clang's; that of the times is the median of the rounds'."
    )
    with tempfile.TemporaryDirectory() as directory:
        for pair in ALL:
            for cpu in VERSIONS:
                if not runs_here(cpu):
                    table.missing.append(f"{pair.name}, {cpu}: this kernel does not run it")
                    continue
                try:
                    theirs = tools.clang_object(clang, cpu, pair.c, Path(directory)).read_bytes()
                except tools.MissingError as problem:
                    table.missing.append(f"{pair.name}, {cpu}: {problem}")
                    continue
                _row(table, pair, cpu, theirs, rounds)
    return table


def runs_here(cpu: str) -> bool:
    """Whether the running kernel knows the instructions of a version."""
    return VERSIONS.index(cpu) <= VERSIONS.index(running_kernel().cpu)


def compiled(pair: Pair, cpu: str) -> bytes:
    """Osmia's object."""
    module = run_file(str(pair.python), pair.python.read_bytes())
    return object_for(requests_of(pair.name, programs_of(module)), Target(cpu, KERNEL)).data


class Running:
    """An object in the kernel."""

    def __init__(self, pair: Pair, data: bytes) -> None:
        functions = read_object(data, pair.name).programs.values()
        self.slots = sum(len(function.instructions) // 8 for function in functions)
        self.loaded = osmia.load(data)
        for programs, index, program in pair.tail_calls:
            self.loaded[programs][index] = self.loaded[program]
        self.entry = self.loaded[pair.entry]
        self._rings = [Ring(each) for each in self.loaded.maps.values() if isinstance(each, RingBuf)]
        infos = [bpf.obj_get_info(each.fd, attributes.PROG_INFO) for each in self.loaded.programs.values()]
        self.xlated_bytes = sum(info["xlated_prog_len"] for info in infos)
        self.jited_bytes = sum(info["jited_prog_len"] for info in infos)

    def time(self, packet: bytes) -> float:
        """How long a run takes, in ns."""
        for ring in self._rings:
            ring.drain()
        duration: int = self.entry.test_run(packet, repeat=REPEAT).duration
        return duration

    def events(self) -> list[bytes]:
        """What its rings hold."""
        return [event for ring in self._rings for event in ring.drain()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for ring in self._rings:
            ring.close()
        self.loaded.close()


class Ring:
    """The memory of a ring buffer: a page with the consumer's position, one with the producer's, and the data twice."""

    def __init__(self, ring: RingBuf[Any]) -> None:
        page, self._size = mmap.PAGESIZE, ring.size
        self._consumer = mmap.mmap(ring.backend.fd, page)
        whole = page + 2 * self._size
        self._producer = mmap.mmap(ring.backend.fd, whole, access=mmap.ACCESS_READ, offset=page)

    def drain(self) -> list[bytes]:
        """The events that no one has read yet."""
        at = int.from_bytes(self._consumer[:8], "little")
        end = int.from_bytes(self._producer[:8], "little")
        events = []
        # Only tests look at events; a full ring of a benchmark is given up as a whole.
        if end - at < self._size // 2:
            while at < end:
                start = mmap.PAGESIZE + at % self._size
                length = int.from_bytes(self._producer[start : start + 4], "little")
                events.append(self._producer[start + 8 : start + 8 + length])
                at += (length + 8 + 7) // 8 * 8
        self._consumer[:8] = end.to_bytes(8, "little")
        return events

    def close(self) -> None:
        """Unmap it."""
        self._consumer.close()
        self._producer.close()


def _row(table: Table, pair: Pair, cpu: str, theirs: bytes, rounds: int) -> None:
    with ExitStack() as stack:
        osmia_s, clang_s = (stack.enter_context(Running(pair, data)) for data in (compiled(pair, cpu), theirs))
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds):
            turn = [(osmia_s, times[0]), (clang_s, times[1])]
            for running, found in reversed(turn) if number % 2 else turn:  # none always goes first
                found.append(running.time(pair.packet))
        low, ratio, high = quartiles([a / b for a, b in zip(*times, strict=True)])
        table.add(
            *(pair.name, cpu, osmia_s.slots, clang_s.slots, osmia_s.slots / clang_s.slots),
            *(osmia_s.xlated_bytes, clang_s.xlated_bytes, osmia_s.jited_bytes, clang_s.jited_bytes),
            *(middle(times[0]), middle(times[1]), ratio, f"{low:.2f} to {high:.2f}"),
        )
