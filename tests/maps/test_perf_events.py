"""Arrays of perf events: what kernel code writes arrives in the buffer of the CPU that it ran on."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import socket
import struct as packing
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from live_maps import live
from osmia import (
    FixedArray,
    KernelError,
    PerfEventArray,
    UserRingBuf,
    XdpAction,
    XdpContext,
    array,
    struct,
    u32,
    u64,
    xdp,
)
from osmia.arrays import SpinLock  # noqa: TC001 - @struct looks it up
from osmia.structs import spin_lock
from refusal import refusal
from this_kernel import needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKET = bytes(range(64))


@struct
class Sample:
    number: u32
    length: u64 = 0


SAMPLES = PerfEventArray(Sample)
TWO = PerfEventArray(Sample, max_entries=2)


@xdp
def samples(ctx: XdpContext) -> XdpAction:
    if SAMPLES.output(Sample(number=7, length=len(ctx.packet))) != 0:
        return XdpAction.DROP
    return XdpAction.PASS


@xdp
def with_packet(ctx: XdpContext) -> XdpAction:
    status = TWO.output(Sample(number=8), (16 << 32) | 0xFFFF_FFFF)
    return XdpAction.DROP if status else XdpAction.PASS


PERF_TYPE_SOFTWARE, PERF_COUNT_SW_BPF_OUTPUT, PERF_SAMPLE_RAW = 1, 10, 1 << 10
PERF_RECORD_SAMPLE = 9
PAGES = 8
DATA_HEAD = 1024


class Event:
    """A perf event for a CPU, opened by hand: it takes what programs write."""

    def __init__(self, cpu: int) -> None:
        attribute = packing.pack(
            "=IIQQQQQII", PERF_TYPE_SOFTWARE, 112, PERF_COUNT_SW_BPF_OUTPUT, 1, PERF_SAMPLE_RAW, 0, 0, 1, 0
        )
        number = {"x86_64": 298}.get(platform.machine(), 241)
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.syscall(number, attribute.ljust(112, b"\0"), -1, cpu, -1, 8)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self.memory = mmap.mmap(self.fd, (1 + PAGES) * mmap.PAGESIZE)

    def fileno(self) -> int:
        return int(self.fd)

    def records(self) -> list[bytes]:
        """What was written, each as the bytes that the program gave and what the kernel put behind them."""
        found, at = [], 0
        (end,) = packing.unpack_from("=Q", self.memory, DATA_HEAD)
        while at < end:
            kind, _, size = packing.unpack_from("=IHH", self.memory, mmap.PAGESIZE + at)
            assert kind == PERF_RECORD_SAMPLE
            (length,) = packing.unpack_from("=I", self.memory, mmap.PAGESIZE + at + 8)
            start = mmap.PAGESIZE + at + 12
            found.append(self.memory[start : start + length])
            at += size
        return found

    def close(self) -> None:
        self.memory.close()
        os.close(self.fd)


@contextmanager
def events() -> Iterator[list[Event]]:
    """One for each CPU."""
    opened = [Event(cpu) for cpu in range(os.cpu_count() or 1)]
    try:
        yield opened
    finally:
        for each in opened:
            each.close()


@needs_root("opens perf events")
def test_what_kernel_code_writes_arrives() -> None:
    with events() as opened:
        samples.load()
        SAMPLES.clear()
        assert samples.test_run(PACKET).action is XdpAction.DROP  # no event is set
        for cpu, event in enumerate(opened):
            SAMPLES[cpu] = event
        assert [samples.test_run(PACKET).action for _ in range(3)] == [XdpAction.PASS] * 3
        found = [record for event in opened for record in event.records()]
        assert [record[:16] for record in found] == [packing.pack("=I4xQ", 7, 64)] * 3
        del SAMPLES[0]
        assert refusal(KeyError, lambda: SAMPLES.__delitem__(0)) == "SAMPLES: no perf event at 0"
        SAMPLES.clear()
        assert samples.test_run(PACKET).action is XdpAction.DROP
    samples.close()
    SAMPLES.close()


@needs_root("opens perf events")
def test_a_part_of_the_packet_follows() -> None:
    with events() as opened:
        with_packet.load()
        for cpu, event in enumerate(opened[:2]):
            TWO.update(cpu, event.fileno())
        assert with_packet.test_run(PACKET).action is XdpAction.PASS
        (found,) = [record for event in opened for record in event.records()]
        assert found[:32] == packing.pack("=I4xQ", 8, 0) + PACKET[:16]
    with_packet.close()
    TWO.close()


def test_there_is_room_for_each_cpu_unless_it_says() -> None:
    with osmia.load(samples) as loaded:
        held: Any = loaded[SAMPLES].backend
        assert held.max_entries == os.sysconf("SC_NPROCESSORS_CONF")
    assert (SAMPLES.max_entries, SAMPLES.key_size, SAMPLES.value_size) == (0, 4, 4)
    assert repr(SAMPLES) == "<PerfEventArray(Sample) SAMPLES, not live>"
    assert repr(TWO) == "<PerfEventArray(Sample, max_entries=2) TWO, not live>"
    assert SAMPLES.describe() != PerfEventArray(u64, name="SAMPLES").describe()


def test_what_is_no_perf_event() -> None:
    wrong: Any = PerfEventArray
    text = "P: the type of an event is one that has a place in memory, not "
    assert refusal(TypeError, lambda: wrong(int, name="P")) == f"{text}int: say how wide it is, as in u32 or u64"

    @struct
    class Locked:
        lock: SpinLock = spin_lock()

    assert refusal(TypeError, lambda: wrong(Locked, name="P")) == "P: an event cannot hold a spin lock"
    held: Any = live(PerfEventArray(Sample, max_entries=2, name="P"))
    assert refusal(TypeError, lambda: held.__setitem__(0, "cpu")) == (
        "P: a value is a perf event, open, or its file descriptor, not str 'cpu'"
    )
    assert refusal(TypeError, lambda: held.__setitem__(0, socket.socket)) == (
        "P: a value is a perf event, open, or its file descriptor, not type <class 'socket.socket'>"
    )
    assert refusal(KeyError, lambda: held.__setitem__(2, 0)) == "P: no index 2, it has 0 to 1"
    assert refusal(ValueError, lambda: held.update(0, 0, -1)) == "P: flags is 0 to 18446744073709551615, not -1"
    assert refusal(TypeError, lambda: held.update(0, 0, None)) == "P: flags is an int, not NoneType None"
    with open(os.devnull, "rb") as file:  # noqa: PTH123 - any file
        assert refusal(KernelError, lambda: held.__setitem__(0, file)).startswith("cannot write key 00 00 00 00")
    assert refusal(TypeError, lambda: held.output(b"1")) == (
        "P: output() is for kernel code: user code does not write to perf events"
    )
    held.close()


WAKEUPS = "wakeup_events is 1 to 4294967295"


@struct
class Large:
    content: FixedArray[u64] = array(u64, 511)


@pytest.mark.parametrize(
    ("of", "more", "text"),
    [
        *(
            (Sample, {"pages": pages}, f"pages is a power of 2, not {type(pages).__name__} {pages!r}")
            for pages in (0, 3, -1, 1.0, True, "8", None)
        ),
        *(
            (Sample, {"order": order}, f"order is 'cpu' or 'time', not {type(order).__name__} {order!r}")
            for order in ("Time", None, 1)
        ),
        *(
            (
                Sample,
                {"wakeup_events": events},
                f"{WAKEUPS}, not {type(events).__name__} {events!r}",
            )
            for events in (0, -1, 1 << 32, None, True)
        ),
        (
            Large,
            {"pages": 1},
            "an event takes 4112 bytes in a buffer, and there is room for 4095: the buffer has 1 pages, and a record "
            "65535 bytes at most",
        ),
    ],
)
def test_how_it_is_to_be_read(of: Any, more: dict[str, Any], text: str) -> None:
    assert refusal(ValueError, lambda: PerfEventArray(of, name="P", **more)) == f"P: {text}"


def test_a_large_event_takes_more_pages() -> None:
    made = PerfEventArray(Large, name="P", pages=2, order="time", wakeup_events=5)
    assert (made.pages, made.order, made.wakeup_events) == (2, "time", 5)


def test_a_user_ring_is_declared_and_made() -> None:
    ring = live(UserRingBuf(Sample, size=4096, name="U"))
    assert (ring.size, ring.key_size, ring.value_size, ring.kind.kernel_name) == (4096, 0, 0, "USER_RINGBUF")
    assert repr(ring) == "<UserRingBuf(Sample, size=4096) U, live>"
    ring.close()
    wrong: Any = UserRingBuf
    assert refusal(ValueError, lambda: wrong(Sample, size=100, name="U")) == (
        "U: the size is a power of 2, in bytes, of 4096 at least, not 100"
    )
