"""Code: the counter as osmia and as clang compile it, by size and by the time that a run takes in the kernel."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import osmia
from bench import tools
from bench.report import Table, middle, quartiles
from osmia.compiler import CPUS, Target
from osmia.compiler.cache import object_for
from osmia.kernel import attributes, bpf
from osmia.object_file import read_object
from osmia.programs.loaded import programs_of, run_file

if TYPE_CHECKING:
    from typing import Any

    from osmia.programs.program import PacketProgram

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "xdp_map_counter.py"
EMPTY = Path(__file__).parent / "peers" / "empty.py"
PACKET = bytes(64)
ROUNDS = 60
# A slice of 2 to 3 ms: longer ones are interrupted too often, and the kernel sleeps 16 ms or more for each.
REPEAT = 100_000
# The oldest kernel that runs objects of each version; the programs are the same for all.
KERNEL = (5, 10)

COLUMNS = [
    *("version", "osmia slots", "clang slots", "osmia JIT bytes", "clang JIT bytes"),
    *("osmia ns", "clang ns", "empty ns", "ratio", "ratio, quartiles"),
]


def measure(rounds: int = ROUNDS) -> Table:
    """The table, with a row for each version of the instruction set."""
    table = Table("Code: the counter, osmia beside clang", COLUMNS)
    table.notes.append(
        "slots: instructions of 8 bytes. ns: a run by BPF_PROG_TEST_RUN's own clock (`duration`), the mean of the "
        f"middle half of {rounds} rounds of {REPEAT} runs, the programs taking turns; empty: one that only returns "
        "XDP_PASS, which is what the kernel's loop costs. ratio: osmia's time by clang's in each round (median and "
        "quartiles)."
    )
    with tempfile.TemporaryDirectory() as directory:
        for cpu in CPUS:
            clang, made_for = _clang(cpu, Path(directory), table)
            _row(table, cpu, made_for, clang, rounds)
    return table


def _clang(cpu: str, directory: Path, table: Table) -> tuple[bytes | None, str]:
    """Clang's object and the version that it is of: the newest one before, where this clang lacks a version."""
    for version in CPUS[CPUS.index(cpu) :: -1]:
        try:
            return tools.clang_object(tools.find_clang(), version, tools.COUNTER, directory).read_bytes(), version
        except tools.MissingError as problem:
            if str(problem) not in table.missing:
                table.missing.append(str(problem))
    return None, cpu


def _row(table: Table, cpu: str, made_for: str, clang: bytes | None, rounds: int) -> None:
    with ExitStack() as stack:
        programs = {"osmia": _Loaded(stack, _compile(EXAMPLE, cpu)), "empty": _Loaded(stack, _compile(EMPTY, cpu))}
        if clang:
            programs["clang"] = _Loaded(stack, clang)
        times: dict[str, list[float]] = {name: [] for name in programs}
        for number in range(rounds):
            for name in sorted(programs, reverse=bool(number % 2)):  # none always goes first
                times[name].append(programs[name].run())
    ours, own, nothing = programs["osmia"], middle(times["osmia"]), middle(times["empty"])
    if not clang:
        table.add(cpu, ours.slots, None, ours.jited_bytes, None, own, None, nothing, None, None)
        return
    theirs, other = programs["clang"], middle(times["clang"])
    low, ratio, high = quartiles([a / b for a, b in zip(times["osmia"], times["clang"], strict=True)])
    label = cpu if made_for == cpu else f"{cpu} (clang: {made_for})"
    sizes = (ours.slots, theirs.slots, ours.jited_bytes, theirs.jited_bytes)
    table.add(label, *sizes, own, other, nothing, ratio, f"{low:.2f} to {high:.2f}")


def _compile(path: Path, cpu: str) -> bytes:
    """The one program of a file, compiled for a version."""
    (program,) = programs_of(run_file(str(path), path.read_bytes()))
    return object_for((program.request,), Target(cpu, KERNEL)).data


class _Loaded:
    """The one program of an object, in the kernel."""

    def __init__(self, stack: ExitStack, data: bytes) -> None:
        (function,) = read_object(data, "the object").programs.values()
        loaded = stack.enter_context(osmia.load(data))
        self.slots = len(function.instructions) // 8
        self._program: PacketProgram[Any, Any] = loaded[function.name]
        self.jited_bytes: int = bpf.obj_get_info(self._program.fd, attributes.PROG_INFO)["jited_prog_len"]

    def run(self) -> float:
        """How long a run takes, in ns."""
        return self._program.test_run(PACKET, repeat=REPEAT).duration
