"""Events: what it takes to read a ring buffer, beside libbpf's C reader and BCC, in the same run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import tools
from bench.report import Table, middle, quartiles
from osmia import FastRing, FixedArray, RingBuf, XdpAction, XdpContext, array, setting, struct, u8, u32, u64, xdp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osmia import XdpProgram

ROUNDS = 7
SIZE = 1 << 20
DRAINS = 15
"""So many drains are measured in a round: one takes less than a millisecond."""
SECONDS = 2.0
SOURCE = str(Path(__file__).resolve().parents[1] / "src")


@struct
class Short:
    """An event of 16 bytes."""

    number: u64
    cpu: u32 = 0
    length: u32 = 0


@struct
class Long:
    """One of 64 bytes."""

    number: u64
    rest: FixedArray[u8] = array(u8, 56)


RECORDS = setting(u32, 1000)
short = RingBuf(Short, size=SIZE)
long = RingBuf(Long, size=SIZE)
in_memory = FastRing(Short, SIZE // 16)


def writer_of(ring: Any) -> XdpProgram:
    """A program that writes RECORDS events to a ring."""

    @xdp
    def write(ctx: XdpContext) -> XdpAction:
        for number in range(RECORDS):
            with ring.reserve() as event:
                if event is not None:
                    event.number = number
        return XdpAction.PASS

    return write


write_short, write_long, write_in_memory = writer_of(short), writer_of(long), writer_of(in_memory)


DRAIN = ["1 MiB of events", "bytes", "ns a record", "libbpf's ns", "by libbpf's", "quartiles"]
EACH = ["one by one, decoded, a field read", "ns a record", "BCC's ns", "BCC's by osmia's", "quartiles"]
SUSTAINED = ["two CPUs, 16 bytes", "million a second", "CPU ns a record", "by libbpf's rate"]
IDLE = ["a reader that waits", "seconds", "CPU ms", "of the time"]


def measure(rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Table]:
    """The tables: draining, one by one, sustained, and waiting."""
    drain, each = Table("Events: draining a ring buffer", DRAIN), Table("Events: one by one", EACH)
    sustained, idle = Table("Events: sustained", SUSTAINED), Table("Events: waiting", IDLE)
    tables = [drain, each, sustained, idle]
    try:
        import numpy as np  # noqa: PLC0415, F401 - named where it is missing
    except ImportError:
        drain.missing.append("NumPy is not installed: pip install 'osmia[numpy]'")
        return [drain]
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        for held in (short, long, in_memory, write_short, write_long, write_in_memory):
            stack.callback(held.close)
        write_short.load()
        write_long.load()
        write_in_memory.load(settings={"RECORDS": 20_000})  # so many take as long as the call that writes them
        try:
            peer = build(Path(directory))
        except tools.MissingError as problem:
            drain.missing.append(str(problem))
            return [drain]
        _drain(drain, peer, rounds * DRAINS)
        _each(each, Path(directory), rounds)
        _sustained(sustained, peer, seconds)
        _idle(idle, seconds)
    return tables


def build(directory: Path) -> Path:
    """The C program."""
    program = directory / "ring"
    command = (tools.find("cc"), "-O2", "-Wall", "-Werror", str(tools.PEERS / "ring.c"), "-lbpf", "-o", str(program))
    tools.run(f"cc (with {tools.PACKAGES['libbpf']})", *command)
    return program


def sustained_by_c(peer: Path, ring: Any, seconds: float) -> tuple[float, float]:
    """What the C program says that reads as events come: records a second, and ns of CPU a record."""
    command = [str(peer), "sustain", str(ring.fd), str(seconds)]
    done = subprocess.run(command, pass_fds=[ring.fd], capture_output=True, text=True, check=True)
    _, rate, cpu = done.stdout.split()
    return float(rate), float(cpu)


@contextmanager
def drained_by_c(peer: Path, ring: Any) -> Iterator[Callable[[int, str], float]]:
    """A process that drains a ring of so many records, and does what a letter says with each: ns of CPU a record."""
    command = [str(peer), "drain", str(ring.fd)]
    reader = subprocess.Popen(command, pass_fds=[ring.fd], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def drain(count: int, what: str) -> float:
        if reader.stdin is None or reader.stdout is None:
            raise RuntimeError("the C program has no pipes")
        reader.stdin.write(what)
        reader.stdin.flush()
        taken, cpu = reader.stdout.readline().split()
        if int(taken) != count:
            raise RuntimeError(f"libbpf took {taken} records, expected {count}")
        _forget(ring)
        return float(cpu)

    try:
        yield drain
    finally:
        reader.communicate()


@contextmanager
def on_one_cpu() -> Iterator[None]:
    """Let this process, and those that it starts, run on the first CPU alone."""
    here = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(here)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, here)


def fill(program: Any, ring: Any, step: int) -> int:
    """Fill a ring nearly: how many events there are then."""
    wanted = SIZE // step // 1000
    for _ in range(wanted):
        program.test_run(bytes(64))
    if ring.pending != wanted * 1000 * step:
        raise RuntimeError(f"{ring.pending} bytes of events, expected {wanted * 1000 * step}")
    return wanted * 1000


def _timed(run: Callable[[], object], count: int) -> float:
    start = time.thread_time()
    run()
    return (time.thread_time() - start) * 1e9 / count


def _copy(ring: Any) -> None:
    ring.drain()["number"].sum()


def _keep(ring: Any) -> None:
    ring.drain()


def _look(ring: Any) -> None:
    with ring.drain(copy=False):
        pass


def _view(ring: Any) -> None:
    with ring.drain(copy=False) as events:
        events["number"].sum()


def _drain(table: Table, peer: Path, rounds: int) -> None:
    ways: dict[str, tuple[Callable[[Any], object], str]] = {
        "drain(copy=False), a field summed": (_view, "s"),
        "drain(copy=False), nothing read": (_look, "n"),
        "drain(), a field summed": (_copy, "s"),
        "drain(), nothing read": (_keep, "n"),
    }
    for ring, program, size in ((short, write_short, 16), (long, write_long, 64)):
        times: dict[str, list[float]] = {name: [] for name in ways}
        theirs: dict[str, list[float]] = {name: [] for name in ways}
        with on_one_cpu(), drained_by_c(peer, ring) as drain:
            for run, what in ways.values():  # what is done the first time only is not what is asked for
                fill(program, ring, size + 8)
                run(ring)
                drain(fill(program, ring, size + 8), what)
            for _ in range(rounds):
                for name, (run, what) in ways.items():
                    count = fill(program, ring, size + 8)
                    times[name].append(_timed(partial(run, ring), count))
                    theirs[name].append(drain(fill(program, ring, size + 8), what))
        for name in ways:
            low, ratio, high = quartiles([a / b for a, b in zip(times[name], theirs[name], strict=True)])
            table.add(name, size, middle(times[name]), middle(theirs[name]), ratio, f"{low:.2f} to {high:.2f}")
    table.notes.append(
        f"CPU ns a record of about a mebibyte of events, {rounds} times in turn, on one CPU. libbpf: "
        "bench/peers/ring.c, ring_buffer__consume() with a callback that does the same with each record, on the "
        "same ring, in a process that lives as long."
    )


def _forget(ring: Any) -> None:
    """Take note that another process has read the ring, which would be an error else."""
    try:
        ring.read(timeout=0)
    except RuntimeError:
        ring.read(timeout=0)


def _each(table: Table, directory: Path, rounds: int) -> None:
    try:
        python = tools.bcc_python(sys.executable)
        environment, headers = tools.kernel_headers(directory)
    except tools.MissingError as problem:
        table.missing.append(str(problem))
        return

    def bcc() -> float:
        command = [python, str(tools.PEERS / "ring_bcc.py"), SOURCE]
        done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
        return float(done.stdout)

    ways: dict[str, Callable[[int], None]] = {"for event in ring": _iterate, "ring.poll(callback)": _call}
    times: dict[str, list[float]] = {name: [] for name in ways}
    theirs: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            count = fill(write_short, short, 24)
            times[name].append(_timed(partial(run, count), count))
            theirs[name].append(bcc())
    for name in ways:
        low, ratio, high = quartiles([b / a for a, b in zip(times[name], theirs[name], strict=True)])
        table.add(name, middle(times[name]), middle(theirs[name]), ratio, f"{low:.2f} to {high:.2f}")
    table.notes.append(f"CPU ns a record, in turn. BCC: bench/peers/ring_bcc.py, with {headers}.")


def _iterate(count: int) -> None:
    for event in islice(short, count):
        event.number  # noqa: B018 - a field is read, as BCC's callback does


def _call(_count: int) -> None:
    short.poll(lambda event: event.number, timeout=0)


@contextmanager
def _writing(program: Any) -> Iterator[None]:
    """A process that writes events on the second CPU meanwhile, as fast as it can."""
    text = (
        f"import os, sys; os.sched_setaffinity(0, {{1}}); sys.path.insert(0, {SOURCE!r})\n"
        "from osmia.kernel.program import KernelProgram\nfrom osmia.kinds import KINDS\n"
        f"program = KernelProgram({program.fd}, {program.name!r}, KINDS['xdp'])\nprint('writes', flush=True)\n"
        "while True: program.test_run(bytes(64), 1)"
    )
    writer = subprocess.Popen([sys.executable, "-c", text], pass_fds=[program.fd], stdout=subprocess.PIPE, text=True)
    try:
        if writer.stdout is None or writer.stdout.readline() != "writes\n":
            raise RuntimeError("the writer did not start")
        yield
    finally:
        writer.kill()
        writer.communicate()


def _read_for(ring: Any, seconds: float) -> tuple[float, float]:
    """Events a second, and ns of CPU an event, of draining views as they come."""
    taken, start, cpu = 0, time.monotonic(), time.thread_time()
    end = start + seconds
    while time.monotonic() < end:
        with ring.drain(copy=False) as events:
            if len(events):
                events["number"].sum()
                taken += len(events)
                continue
        ring.read(timeout=0.1)
    took, used = time.monotonic() - start, time.thread_time() - cpu
    return taken / took, used * 1e9 / max(taken, 1)


def _sustained(table: Table, peer: Path, seconds: float) -> None:
    if (os.cpu_count() or 1) < 2:
        table.missing.append("there is one CPU: a reader and a writer take two")
        return
    with on_one_cpu():
        with _writing(write_short):
            _forget(short)
            ours = _read_for(short, seconds)
            theirs = sustained_by_c(peer, short, seconds)
            _forget(short)
        with _writing(write_in_memory):
            in_place = _read_for(in_memory, seconds)
    for name, (rate, cpu) in (
        ("drain(copy=False), a field summed", ours),
        ("the same of a FastRing", in_place),
        ("libbpf, a field summed", theirs),
    ):
        # A writer that has no CPU for itself may write nothing.
        table.add(name, rate / 1e6, cpu, rate / theirs[0] if theirs[0] else None)
    table.notes.append(
        f"What arrives in {seconds:g} seconds from a writer on another CPU that fills the ring all the time."
    )


def _idle(table: Table, seconds: float) -> None:
    while short.read(timeout=0) is not None:
        pass
    start = time.process_time()
    short.read(timeout=seconds)
    used = time.process_time() - start
    table.add("read(timeout=...)", seconds, used * 1000, f"{used / seconds:.4%}")
