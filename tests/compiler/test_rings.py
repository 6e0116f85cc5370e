"""Ring buffers in kernel code: what reaches the reader of a ring, on every way out of a reservation; and tail calls."""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING, Any

import pytest

from memory_programs import CPUS, results, run, running
from osmia import XdpAction

if TYPE_CHECKING:
    from pathlib import Path

EVENT = """
@struct
class Inner:
    small: u16 = 3
    text: Chars = chars(6)
@struct
class Event:
    count: u64 = 7
    port: u32 = 0
    inner: Inner = Inner()

ring = RingBuf(Event, size=4096)
"""
FORM = struct.Struct("<QIH6s4x")
BUSY, DISCARDED = 1 << 31, 1 << 30


def read(ring: Any) -> list[bytes]:
    """Take all events out of a ring, as the kernel says it is read (kernel/bpf/ringbuf.c)."""
    page = mmap.PAGESIZE
    fd = ring.backend.fd
    with (
        mmap.mmap(fd, page) as consumer,
        mmap.mmap(fd, page + 2 * ring.size, prot=mmap.PROT_READ, offset=page) as producer,
    ):
        at = int.from_bytes(consumer[:8], "little")
        found = []
        while at < int.from_bytes(producer[:8], "little"):
            start = page + at % ring.size
            header = int.from_bytes(producer[start : start + 4], "little")
            assert not header & BUSY
            size = header & ~DISCARDED
            if not header & DISCARDED:
                found.append(producer[start + 8 : start + 8 + size])
            at += (size + 8 + 7) // 8 * 8
        consumer[:8] = at.to_bytes(8, "little")
    return found


def events(loaded: Any) -> list[tuple[Any, ...]]:
    return [FORM.unpack(each) for each in read(loaded["ring"])]


RESERVE = "with ring.reserve() as event:\n    if event is None:\n        return XdpAction.DROP\n"


@pytest.mark.parametrize("cpu", CPUS)
def test_an_event_starts_with_its_defaults_and_is_submitted_at_the_end(tmp_path: Path, cpu: str) -> None:
    body = RESERVE + "    event.port = x\n    event.inner.text = 'ab'\n"
    with running(tmp_path, EVENT, body, cpu) as loaded:
        results(loaded, 5, 6)
        assert events(loaded) == [(7, 5, 3, b"ab" + bytes(4)), (7, 6, 3, b"ab" + bytes(4))]
        assert events(loaded) == []


@pytest.mark.parametrize("cpu", CPUS)
def test_every_way_out(tmp_path: Path, cpu: str) -> None:
    """A return submits, the error edge discards, and `discard` gives up the event alone."""
    body = RESERVE + (
        "    event.port = x\n"
        "    if x == 1:\n        return XdpAction.TX\n"
        "    if x == 2:\n        ring.discard(event)\n        return XdpAction.PASS\n"
        "    if x == 3:\n        ring.discard(event)\n"
        "    else:\n        event.count = 100 // x\n"
        "    out.value = 1\n"
        "out.value += 2"
    )
    with running(tmp_path, EVENT, body, cpu) as loaded:
        assert run(loaded, 1) == (XdpAction.TX, 0)
        assert run(loaded, 2) == (XdpAction.PASS, 0)
        assert run(loaded, 3) == (XdpAction.PASS, 3)
        assert run(loaded, 0) == (XdpAction.TX, 0)
        assert run(loaded, 4) == (XdpAction.PASS, 3)
        assert [each[:2] for each in events(loaded)] == [(7, 1), (25, 4)]


@pytest.mark.parametrize("cpu", CPUS)
def test_a_full_ring_gives_none(tmp_path: Path, cpu: str) -> None:
    body = "with ring.reserve() as event:\n    if event is not None:\n        event.port = x\n        out.value = 1\n"
    with running(tmp_path, EVENT, body, cpu) as loaded:
        assert results(loaded, *range(200)) == [1] * 127 + [0] * 73  # 4096 // (24 + 8), less one
        assert [each[1] for each in events(loaded)] == list(range(127))
        assert results(loaded, 0) == [1]


@pytest.mark.parametrize("cpu", CPUS)
def test_in_loops(tmp_path: Path, cpu: str) -> None:
    body = (
        "for i in range(6):\n"
        "    with ring.reserve() as event:\n"
        "        if event is None:\n            break\n"
        "        event.port = i\n"
        "        if i == x:\n            ring.discard(event)\n            continue\n"
        "        if i == x + 3:\n            break\n"
        "        event.count = i\n"
        "    out.value += 1\n"
    )
    with running(tmp_path, EVENT, body, cpu) as loaded:
        assert results(loaded, 1) == [3]
        assert [each[:2] for each in events(loaded)] == [(0, 0), (2, 2), (3, 3), (7, 4)]


@pytest.mark.parametrize("cpu", CPUS)
def test_two_at_once_and_filled_in_by_functions(tmp_path: Path, cpu: str) -> None:
    module = EVENT + (
        "others = RingBuf(u64, size=4096)\n"
        "def fill(event: Event, n: u32) -> bool:\n"
        "    event.port = n\n"
        "    if n == 9:\n        return False\n"
        "    event.count = 100 // n\n"
        "    return True\n"
        "def report(n: u32) -> u32:\n"
        "    with ring.reserve(Event) as event, others.reserve() as other:\n"
        "        if event is None or other is None:\n            return 1\n"
        "        if not fill(event, n):\n            others.discard(other)\n            return 2\n"
        "        other.value = n\n"
        "    return 3\n"
    )
    with running(tmp_path, module, "out.value = report(x)", cpu) as loaded:
        assert results(loaded, 5, 9) == [3, 2]
        assert run(loaded, 0) == (XdpAction.TX, 0)
        assert [each[:2] for each in events(loaded)] == [(20, 5), (7, 9)]
        assert read(loaded["others"]) == [(5).to_bytes(8, "little")]


@pytest.mark.parametrize("cpu", CPUS)
def test_output_copies_an_event(tmp_path: Path, cpu: str) -> None:
    body = (
        "event = Event(port=x)\n"
        "out.value = ring.output(event)\n"
        "event.port = 1\n"
        "out.value += ring.output(event, 1)\n"
        "out.value += ring.output(b'raw, of 24 bytes as all.')"
    )
    with running(tmp_path, EVENT, body, cpu) as loaded:
        assert results(loaded, 5) == [0]
        first, second, raw = read(loaded["ring"])
        assert [FORM.unpack(each)[1] for each in (first, second)] == [5, 1]
        assert raw == b"raw, of 24 bytes as all."


@pytest.mark.parametrize("cpu", CPUS)
def test_output_to_a_full_ring_is_an_error_number(tmp_path: Path, cpu: str) -> None:
    with running(tmp_path, EVENT, "out.value = ring.output(Event(port=x))", cpu) as loaded:
        assert results(loaded, *range(128)) == [0] * 127 + [-11]


TAILS = """
tails = ProgramArray(XdpContext, max_entries=3)
seen = Array(u32, max_entries=1)

@xdp
def second(ctx: XdpContext) -> XdpAction:
    seen[0] = 2
    return XdpAction.DROP

@xdp
def third(ctx: XdpContext) -> XdpAction:
    seen[0] = 3
    tails.tail_call(ctx, 1)
    return XdpAction.TX
"""


@pytest.mark.parametrize("cpu", CPUS)
def test_tail_calls(tmp_path: Path, cpu: str) -> None:
    with running(tmp_path, TAILS, "seen[0] = 1\ntails.tail_call(ctx, x)\nout.value = 9", cpu) as loaded:
        assert run(loaded, 0) == (XdpAction.PASS, 9)
        loaded["tails"][0] = loaded["third"]
        assert run(loaded, 0) == (XdpAction.TX, 0)
        assert loaded["seen"][0] == 3
        loaded["tails"][1] = loaded["second"]
        assert run(loaded, 0) == (XdpAction.DROP, 0)
        assert loaded["seen"][0] == 2
        del loaded["tails"][0]
        assert run(loaded, 0) == (XdpAction.PASS, 9)
        assert run(loaded, 99) == (XdpAction.PASS, 9)
