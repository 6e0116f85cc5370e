"""The user-space runtime: a parser by each of its engines, beside the kernel and ubpf, and a million packets."""

from __future__ import annotations

import os
import tempfile
import time
from array import array
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import osmia
from bench import packets, parser, tools
from bench.report import Table, middle, quartiles
from osmia import pcap
from osmia.errors import VmError
from osmia.vm.engine import ENGINES
from osmia.vm.many import Batch
from osmia.vm.program import VmProgram

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Timed = Callable[[], float]
    """Gives the nanoseconds of a packet."""

ROUNDS = 12
# As in programs.py for the kernel; native code gets as many, what is slower less.
REPEAT = 100_000
FEW = 300
MILLION = 1_000_000
PACKET = packets.TAGGED_SYN
COUNTER = Path(__file__).resolve().parents[1] / "src" / "osmia" / "tools" / "counter.o"
UBPF = "OSMIA_UBPF"
"""The variable of the environment that says where a checkout of github.com/iovisor/ubpf is."""


def measure(rounds: int = ROUNDS, million: int = MILLION) -> list[Table]:
    """The tables: a parser by each engine, and the replay of many packets."""
    return [_parsers(rounds), _replay(max(rounds // 4, 1), million)]


def _parsers(rounds: int) -> Table:
    columns = ["a parser", "ns a packet", "by the kernel's", "quartiles", "ns an instruction"]
    table = Table("Runtime: a parser by each engine, beside the kernel", columns)
    with ExitStack() as stack:
        in_kernel = stack.enter_context(osmia.load(parser))[parser.parse]
        timed: dict[str, Timed] = {"kernel": lambda: float(in_kernel.test_run(PACKET, repeat=REPEAT).duration)}
        for name in ENGINES:
            try:
                machine = stack.enter_context(osmia.Machine(engine=name))
            except (ImportError, ValueError) as problem:
                table.missing.append(f"{name}: {problem}")
                continue
            program = stack.enter_context(osmia.load(parser, engine=machine))[parser.parse]
            timed[name] = _by_machine(machine, program, REPEAT if name == "jit" else FEW)
        ran, slots, instructions = _size()
        _add_ubpf(table, timed, instructions, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        times: dict[str, list[float]] = {name: [] for name in timed}
        for _ in range(rounds):
            for name, each in timed.items():
                times[name].append(each())
    for name, found in times.items():
        low, ratio, high = quartiles([a / b for a, b in zip(found, times["kernel"], strict=True)])
        table.add(name, middle(found), ratio, f"{low:.2f} to {high:.2f}", middle(found) / ran)
    table.notes.append(
        f"{slots} instructions, of which the packet takes {ran}. kernel: by BPF_PROG_TEST_RUN's own clock. The "
        f"engines: CPU time of run_many(), {REPEAT} packets by jit and {FEW} by the others; each packet is put into "
        "memory, and every access is checked. ubpf: CPU time of a loop in C that copies each packet, nothing checked. "
        f"By the kernel's: median and quartiles of the ratios of {rounds} rounds, all in turn."
    )
    return table


def _by_machine(machine: osmia.Machine, program: Any, count: int) -> Timed:
    batch = Batch(memoryview(PACKET), array("Q", [0]) * count, array("I", [len(PACKET)]) * count)
    machine.run_many(program, batch)

    def timed() -> float:
        start = time.process_time_ns()
        machine.run_many(program, batch)
        return (time.process_time_ns() - start) / count

    return timed


def _size() -> tuple[int, int, bytes]:
    """How many instructions the packet takes, how many there are, and their bytes."""
    with osmia.Machine() as machine, osmia.load(parser, engine=machine) as held:
        loaded = held[parser.parse].backend
        assert isinstance(loaded, VmProgram), "it is loaded into a machine"
        for machine.fuel in range(1, 10_000):
            try:
                held[parser.parse].test_run(PACKET)
            except VmError:
                continue
            break
    return machine.fuel, len(loaded.code.slots), loaded.code.instructions


def _add_ubpf(table: Table, timed: dict[str, Timed], instructions: bytes, directory: Path) -> None:
    """Put ubpf beside it, where there is a checkout of it."""
    try:
        program = _ubpf(directory)
    except tools.MissingError as problem:
        table.missing.append(f"ubpf: {problem}")
        return
    (directory / "code").write_bytes(instructions)
    (directory / "packet").write_bytes(PACKET)
    command = (str(program), str(directory / "code"), str(directory / "packet"), str(REPEAT))
    found: list[str] = []

    def native() -> float:
        found[:] = tools.run("ubpf", *command).split()
        return float(found[1])

    timed["ubpf, native"] = native
    timed["ubpf, interpreter"] = lambda: float(found[3])


def _ubpf(directory: Path) -> Path:
    """A program with ubpf in it."""
    checkout = os.environ.get(UBPF, "")
    if not checkout:
        raise tools.MissingError(f"{UBPF} is not set: the directory of a checkout of github.com/iovisor/ubpf")
    (directory / "ubpf_config.h").write_text("#define UBPF_HAS_ELF_H\n")
    sources = sorted(str(path) for path in Path(checkout, "vm").glob("ubpf_*.c"))
    made = directory / "ubpf"
    options = ("-O2", "-w", f"-I{directory}", f"-I{checkout}/vm", f"-I{checkout}/vm/inc")
    own = str(tools.PEERS / "ubpf.c")
    tools.run("cc", tools.find("cc"), *options, *sources, own, "-lm", "-o", str(made))
    return made


def _replay(rounds: int, million: int) -> Table:
    columns = ["a capture through the counter", "packets", "read, s", "run, s", "in all, s", "CPU, s"]
    table = Table("Runtime: a capture through the counter", columns)
    reading, running, used = [], [], []
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        capture = directory / "million.pcap"
        pcap.write(capture, (pcap.Packet(bytes(60 + number % 64), number) for number in range(million)))
        try:
            machine = stack.enter_context(osmia.Machine(engine="jit"))
        except ImportError as problem:
            table.missing.append(f"jit: {problem}")
            return table
        loaded = stack.enter_context(osmia.load(COUNTER, engine=machine))
        for _ in range(rounds):
            start, before = time.perf_counter(), time.process_time()
            frames = pcap.frames(capture)
            read = time.perf_counter()
            done = machine.run_many(loaded["xdp_map_counter"], frames)
            reading.append(read - start)
            running.append(time.perf_counter() - read)
            used.append(time.process_time() - before)
            assert done.counts == {osmia.XdpAction.PASS: million}, "the counter passes packets on"
        assert loaded["PKT_CNT_ARRAY"][0].sum() == rounds * million, "and counts them"
    whole = middle([a + b for a, b in zip(reading, running, strict=True)])
    table.add("jit", million, middle(reading), middle(running), whole, middle(used))
    table.notes.append(
        "Packets of 60 to 123 bytes in a pcap file that is in memory; wall time of pcap.frames() and of run_many(), "
        f"and CPU time of both, the middle half of {rounds} rounds. The issue asks for a million in at most 1.5 s on "
        "two CPUs."
    )
    return table
