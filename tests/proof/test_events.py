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
from osmia import PerCpuArray, RingBuf, XdpAction, XdpContext, struct, u32, u64, xdp

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


def ring_buffer() -> Stream:
    ring = RingBuf(Numbered, size=1 << 20, name="ring")
    sent = PerCpuArray(u64, max_entries=1, name="sent")

    @xdp
    def writes(ctx: XdpContext) -> XdpAction:
        count = sent.lookup(0)
        if count is None:
            return XdpAction.ABORTED
        for _ in range(A_RUN):
            count.value += 1
            number = count.value
            ring.output(Numbered(number=number, check=number ^ SALT, cpu=ctx.get_smp_processor_id()))
        return XdpAction.PASS

    return Stream(ring, writes, sent)


STREAMS: dict[str, Callable[[], Stream]] = {"RingBuf": ring_buffer}


class Received(NamedTuple):
    """What a reader says in the end."""

    events: int
    problem: str


def receive(held: Any, done: int, stalls: bool) -> Received:
    """Read until `done` is readable and nothing is left; look at every event."""
    before: dict[int, int] = {}
    events, random = 0, Random(7)
    while True:
        over = bool(select.select([done], [], [], 0)[0])
        taken = held.drain()
        if not len(taken):
            if over:
                return Received(events, "")
            first = held.read(timeout=0.05)
            if first is None:
                continue
            taken = np.array([(first.number, first.check, first.cpu)], dtype=taken.dtype)
        events += len(taken)
        if not (taken["check"] == taken["number"] ^ np.uint64(SALT)).all():
            return Received(events, "an event's contents are others than those written")
        for cpu in np.unique(taken["cpu"]).tolist():
            numbers = taken["number"][taken["cpu"] == cpu]
            if numbers[0] <= before.get(cpu, 0) or (np.diff(numbers.astype(np.int64)) <= 0).any():
                return Received(events, f"the events of CPU {cpu} are out of order")
            before[cpu] = int(numbers[-1])
        if stalls and random.random() < 0.05:
            time.sleep(random.random() * 0.05)


def reader(held: Any, stalls: bool) -> tuple[int, int, int]:
    """A process that reads: its number, what tells it that all is sent, and where it says what it received."""
    done, told = os.pipe()
    result, said = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(told)
            found = receive(held, done, stalls)
        except BaseException as error:  # noqa: BLE001 - the test says it
            found = Received(0, repr(error))
        os.write(said, pickle.dumps(found))
        os._exit(0)
    os.close(done)
    os.close(said)
    return child, told, result


def writer(stream: Stream, cpu: int, runs: int) -> subprocess.Popen[bytes]:
    """A process that writes on one CPU."""
    text = (
        f"import os, sys; os.sched_setaffinity(0, {{{cpu}}}); sys.path.insert(0, {SOURCE!r})\n"
        "from osmia.kernel.program import KernelProgram\nfrom osmia.kinds import KINDS\n"
        f"program = KernelProgram({stream.program.fd}, 'writes', KINDS['xdp'])\n"
        f"for _ in range({runs}): program.test_run(bytes(64), 1)"
    )
    return subprocess.Popen([sys.executable, "-c", text], pass_fds=[stream.program.fd])


def stop_and_go(child: int, ended: Callable[[], bool]) -> None:
    """Stop a process for a while, again and again."""
    random = Random(11)
    while not ended():
        os.kill(child, signal.SIGSTOP)
        time.sleep(random.random() * 0.1)
        os.kill(child, signal.SIGCONT)
        time.sleep(random.random() * 0.1)


def check(name: str, reading: str, events: int) -> None:
    """Send that many events from two CPUs, and hold what the reader says against it."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one CPU, and two are to write")
    stream = STREAMS[name]()
    try:
        stream.program.load()
        child, told, result = reader(stream.held, reading == "stalls")
        try:
            writers = [writer(stream, cpu, events // 2 // A_RUN) for cpu in sorted(os.sched_getaffinity(0))[:2]]
            if reading == "stopped":
                stop_and_go(child, lambda: all(each.poll() is not None for each in writers))
            assert [each.wait() for each in writers] == [0, 0]
            os.write(told, b"!")
            received = pickle.loads(os.read(result, 1 << 16))
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(told)
            os.close(result)
        assert received.problem == ""
        sent = stream.sent[0].sum()
        assert sent == events
        assert received.events + stream.held.lost == sent
        assert received.events > 0
        print(f"{name}, {reading}: {sent} sent, {received.events} received, {stream.held.lost} lost")
    finally:
        for each in stream:
            each.close()


@pytest.mark.parametrize("reading", ["steady", "stalls", "stopped"])
@pytest.mark.parametrize("name", STREAMS)
def test_received_and_lost_is_sent(name: str, reading: str) -> None:
    check(name, reading, 400_000)


@pytest.mark.full
@pytest.mark.parametrize("reading", ["steady", "stalls", "stopped"])
@pytest.mark.parametrize("name", STREAMS)
def test_ten_million(name: str, reading: str) -> None:
    check(name, reading, 10_000_000)
