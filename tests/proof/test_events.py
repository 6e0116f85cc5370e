"""Events, end to end: numbered ones from two CPUs at once; what was received and what was lost is what was sent."""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import osmia
from osmia import FastRing, PerCpuArray, PerfEventArray, RingBuf, XdpAction, XdpContext, struct, u32, u64, xdp

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia import XdpProgram

np = pytest.importorskip("numpy", reason="NumPy is not installed")
SOURCE = str(Path(osmia.__file__).resolve().parents[1])
SALT = 0x9E37_79B9_7F4A_7C15
A_RUN = 1000


@struct
class Numbered:
    number: u64
    check: u64
    cpu: u32 = 0


class Stream(NamedTuple):
    """A map that events are read from, what writes them, and how many each CPU was told to write."""

    held: Any
    program: XdpProgram
    sent: PerCpuArray[u64]


def stream_of(held: Any) -> Stream:
    """What writes to a map that events are read from: numbers, and what tells a whole event by them."""
    sent = PerCpuArray(u64, max_entries=1, name="sent")

    @xdp
    def writes(ctx: XdpContext) -> XdpAction:
        count = sent.lookup(0)
        if count is None:
            return XdpAction.ABORTED
        for _ in range(A_RUN):
            count.value += 1
            number = count.value
            held.output(Numbered(number=number, check=number ^ SALT, cpu=ctx.get_smp_processor_id()))
        return XdpAction.PASS

    return Stream(held, writes, sent)


MADE: dict[str, Callable[[], Any]] = {
    "RingBuf": lambda: RingBuf(Numbered, size=1 << 20, name="ring"),
    "PerfEventArray": lambda: PerfEventArray(Numbered, name="samples", pages=256),
    "FastRing": lambda: FastRing(Numbered, 1 << 15, name="ring"),
}


class Result(NamedTuple):
    """What a reader says in the end."""

    sent: int
    received: int
    lost: int
    problem: str


class Reader:
    """Looks at every event: that it is whole, and comes after those of its CPU before it."""

    def __init__(self, held: Any, stalls: bool) -> None:
        self.held, self.stalls = held, stalls
        self.before: dict[int, int] = {}
        self.received = 0
        self.problem = ""
        self.random = Random(7)

    def take(self) -> bool:
        """Read what is there; False where nothing is."""
        taken = self.held.drain()
        if not len(taken):
            return False
        self.received += len(taken)
        if not (taken["check"] == taken["number"] ^ np.uint64(SALT)).all():
            self.problem = "an event's contents are others than those written"
        for cpu in np.unique(taken["cpu"]).tolist():
            numbers = taken["number"][taken["cpu"] == cpu]
            if numbers[0] <= self.before.get(cpu, 0) or (np.diff(numbers.astype(np.int64)) <= 0).any():
                self.problem = f"the events of CPU {cpu} are out of order"
            self.before[cpu] = int(numbers[-1])
        if self.stalls and self.random.random() < 0.05:
            time.sleep(self.random.random() * 0.05)
        return True


def writer(stream: Stream, cpu: int, runs: int) -> subprocess.Popen[bytes]:
    """A process that writes on one CPU."""
    text = (
        f"import os, sys; os.sched_setaffinity(0, {{{cpu}}}); sys.path.insert(0, {SOURCE!r})\n"
        "from osmia.kernel.program import KernelProgram\nfrom osmia.kinds import KINDS\n"
        f"program = KernelProgram({stream.program.fd}, 'writes', KINDS['xdp'])\n"
        f"for _ in range({runs}): program.test_run(bytes(64), 1)"
    )
    return subprocess.Popen([sys.executable, "-c", text], pass_fds=[stream.program.fd])


def send_and_receive(name: str, stalls: bool, events: int, loading: int) -> Result:
    """Write that many events on two CPUs, and read meanwhile; `loading` is closed before."""
    stream = stream_of(MADE[name]())
    stream.program.load()
    os.close(loading)
    reader = Reader(stream.held, stalls)
    writers = [writer(stream, cpu, events // 2 // A_RUN) for cpu in sorted(os.sched_getaffinity(0))[:2]]
    while any(each.poll() is None for each in writers):
        if not reader.take():
            time.sleep(0.0002)
    while reader.take():
        pass
    if [each.returncode for each in writers] != [0, 0]:
        reader.problem = "a writer failed"
    result = Result(stream.sent[0].sum(), reader.received, stream.held.lost, reader.problem)
    for each in stream:
        each.close()
    return result


def check(name: str, reading: str, events: int) -> None:
    """Let a process of its own do it, which is stopped for a while again and again where that is asked for."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one CPU, and two are to write")
    read_end, write_end = os.pipe()
    loaded, loading = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            result = send_and_receive(name, reading == "stalls", events, loading)
        except BaseException as error:  # noqa: BLE001 - the test says it
            result = Result(0, 0, 0, repr(error))
        os.write(write_end, pickle.dumps(result))
        os._exit(0)
    os.close(write_end)
    os.close(loading)
    random = Random(11)
    try:
        # Verifying takes longer than it is let run below, and starts again whenever it is stopped.
        os.read(loaded, 1)
        while reading == "stopped" and not select.select([read_end], [], [], random.random() * 0.1)[0]:
            os.kill(child, signal.SIGSTOP)
            time.sleep(random.random() * 0.1)
            os.kill(child, signal.SIGCONT)
        said = os.read(read_end, 1 << 16)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read_end)
        os.close(loaded)
    result = pickle.loads(said)
    print(f"{name}, {reading}: {result}")
    assert result.problem == ""
    assert result.sent == events
    assert result.received + result.lost == events
    assert result.received > 0


@pytest.mark.parametrize("reading", ["steady", "stalls", "stopped"])
@pytest.mark.parametrize("name", MADE)
def test_received_and_lost_is_sent(name: str, reading: str) -> None:
    check(name, reading, 400_000)


@pytest.mark.full
@pytest.mark.parametrize("reading", ["steady", "stalls", "stopped"])
@pytest.mark.parametrize("name", MADE)
def test_ten_million(name: str, reading: str) -> None:
    check(name, reading, 10_000_000)
