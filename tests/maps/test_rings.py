"""Ring buffers, read by user code: every event once, in order, whole; and what had no room is counted."""

from __future__ import annotations

import asyncio
import copy
import enum
import os
import pickle
import signal
import sys
import threading
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from alarms import alarms, ring_in
from children import outcome
from compiled import c_object
from osmia import (
    Chars,
    FixedArray,
    NotLoadedError,
    ObjectError,
    RingBuf,
    XdpAction,
    XdpContext,
    array,
    chars,
    setting,
    struct,
    u8,
    u16,
    u32,
    u64,
    xdp,
)
from osmia.flags import BPF_RB_AVAIL_DATA, BPF_RB_NO_WAKEUP, BPF_RB_RING_SIZE
from osmia.structs import bits, replace, sizeof, to_bytes
from refusal import refusal
from this_kernel import require_numpy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from osmia import Machine

pytestmark = pytest.mark.usefixtures("engine")

PACKET = bytes(64)


class Sort(enum.IntEnum):
    ODD = 1
    EVEN = 2


@struct
class Inner:
    low: u16 = 0
    high: u16 = 0


@struct
class Event:
    number: u64
    length: u32 = 7
    sort: Sort = Sort.ODD
    version: u8 = bits(4)
    rest: u8 = bits(4)
    name: Chars = chars(6)
    inner: Inner = Inner()
    bytes: FixedArray[u8] = array(u8, 4)

    @property
    def even(self) -> bool:
        """Properties stay."""
        return self.number % 2 == 0


FIRST = setting(u32, 0)
COUNT = setting(u32, 1)


@struct
class Sample:
    number: u64
    name: Chars = chars(6, "osmia")
    inner: Inner = Inner(high=3)


events = RingBuf(Event, size=4096)
samples = RingBuf(Sample, size=4096)
numbers = RingBuf(u32, size=4096)
FREE = 16 * 255  # what numbers can take: a record of 16 bytes each, and the ring is never filled to its last byte


@xdp
def sends(ctx: XdpContext) -> XdpAction:
    with events.reserve() as event:
        if event is None:
            return XdpAction.DROP
        event.number = len(ctx.packet)
        event.sort = Sort.EVEN if len(ctx.packet) % 2 == 0 else Sort.ODD
        event.version = 4
        event.rest = 9
        event.name = chars(6, "osmia")
        event.inner.high = 3
        event.bytes[3] = 255
        if len(ctx.packet) == 66:
            events.discard(event)
    return XdpAction.PASS


@xdp
def counts(ctx: XdpContext) -> XdpAction:
    for number in range(len(ctx.packet) - 60):
        numbers.output(number)
    return XdpAction.PASS


@xdp
def samples_some(ctx: XdpContext) -> XdpAction:
    with samples.reserve() as sample:
        if sample is not None:
            sample.number = len(ctx.packet)
            if len(ctx.packet) == 66:
                samples.discard(sample)
    return XdpAction.PASS


def send(*lengths: int) -> None:
    for length in lengths:
        sends.test_run(bytes(length))


def count(many: int) -> None:
    """Write 0, 1, ... into `numbers`."""
    counts.test_run(bytes(60 + many))


@pytest.fixture(autouse=True)
def closed(engine: Machine | None) -> Iterator[None]:
    sends.load()
    counts.load()
    yield
    for each in (sends, counts, events, numbers):
        each.close()


def test_events_come_in_order_as_objects_of_their_class() -> None:
    send(60, 61)
    first, second = events.read(), events.read(timeout=0)
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert [first.number, second.number, first.length, first.sort, second.sort] == [60, 61, 7, Sort.EVEN, Sort.ODD]
    assert (first.version, first.rest, str(first.name), first.even, second.even) == (4, 9, "osmia", True, False)
    assert (first.inner.low, first.inner.high, list(first.bytes)) == (0, 3, [0, 0, 0, 255])
    assert events.read(timeout=0) is None
    assert (events.lost, events.pending) == (0, 0)


def test_an_event_is_like_every_snapshot() -> None:
    send(60)
    event: Any = events.read()
    same = Event(
        number=60,
        sort=Sort.EVEN,
        version=4,
        rest=9,
        name=chars(6, "osmia"),
        inner=Inner(high=3),
        bytes=array(u8, 4, [0, 0, 0, 255]),
    )
    assert event == same
    assert same == event
    assert event != replace(same, number=61)
    assert event != 60
    assert repr(event) == repr(same)
    assert hash(event) == hash(copy.copy(event))
    assert type(copy.deepcopy(event)) is type(pickle.loads(pickle.dumps(event))) is Event
    assert pickle.loads(pickle.dumps(event)) == event
    assert to_bytes(event) == to_bytes(same)
    assert replace(event, number=1).number == 1
    assert refusal(AttributeError, lambda: event.nothing) == refusal(AttributeError, lambda: same.nothing)  # type: ignore[attr-defined]
    text = "Event.number cannot be set, this Event is a copy: write m[key] = osmia.replace(value, number=...)"
    assert refusal(AttributeError, lambda: setattr(event, "number", 1)) == text
    assert refusal(AttributeError, lambda: setattr(event.inner, "low", 1)).startswith("Inner.low cannot be set")


def test_plain_numbers() -> None:
    count(200)
    assert list(islice(numbers, 150)) == [*range(150)]
    assert numbers.pending == 50 * 16
    assert [numbers.read() for _ in range(50)] == [*range(150, 200)]


def test_discarded_events_are_passed_over() -> None:
    send(60, 66, 66, 61, 66)
    assert [each.number for each in islice(events, 2)] == [60, 61]
    assert events.read(timeout=0) is None
    assert events.pending == 0


def test_what_has_no_room_is_counted() -> None:
    count(300)
    assert (numbers.lost, numbers.pending) == (300 - 255, FREE)
    assert numbers.poll(lambda _: None) == 255
    count(300)
    assert numbers.lost == 90
    send(*[60] * 200)
    room = 4096 // (8 + sizeof(Event))
    assert events.lost == 200 - room
    assert events.poll(lambda _: None) == room


def test_a_callback_gets_all_that_is_there() -> None:
    assert numbers.poll(print, timeout=0) == 0
    count(200)
    found: list[int] = []
    assert numbers.poll(found.append) == 200
    assert found == [*range(200)]


def test_a_callback_that_raises() -> None:
    count(10)
    found: list[int] = []

    def callback(number: int) -> None:
        if number == 4:
            raise KeyError("four")
        found.append(number)

    with pytest.raises(KeyError, match="four"):
        numbers.poll(callback)
    assert numbers.poll(callback) == 5
    assert found == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_a_callback_may_read_and_write_too() -> None:
    count(10)
    found: list[int | None] = []

    def callback(number: int) -> None:
        found.append(number)
        if number == 3:
            found.append(numbers.read())
            count(100)  # these come later: poll gives what was there

    assert numbers.poll(callback) == 9
    assert found == [*range(10)]
    assert numbers.pending == 100 * 16


def test_reading_waits() -> None:
    before = time.monotonic()
    assert numbers.read(timeout=0.2) is None
    assert 0.2 <= time.monotonic() - before < 5
    later = threading.Timer(0.1, count, [3])
    later.start()
    assert numbers.read(timeout=20) == 0
    assert numbers.poll(lambda _: None, timeout=20) == 2
    later.join()


def test_times_that_are_none() -> None:
    wrong: Any = numbers
    text = "numbers: a timeout is a number of seconds, or None, not "
    assert refusal(TypeError, lambda: wrong.read(timeout="1")) == f"{text}str '1'"
    assert refusal(TypeError, lambda: wrong.poll(print, timeout=float("nan"))) == f"{text}float nan"
    assert numbers.read(timeout=-1) is None


def test_several_rings_at_once() -> None:
    assert osmia.wait(events, numbers, timeout=0) == []
    assert osmia.wait(events, numbers, timeout=0.05) == []
    count(1)
    assert osmia.wait(events, numbers) == [numbers]
    send(60)
    assert osmia.wait(events, numbers) == [events, numbers]
    numbers.read()
    events.read()
    later = threading.Timer(0.1, send, [60])
    later.start()
    assert osmia.wait(events, numbers, timeout=20) == [events]
    later.join()
    wrong: Any = osmia.wait
    text = "wait() takes maps that events are read from, such as a RingBuf: wait(first, second)"
    assert refusal(TypeError, wrong) == refusal(TypeError, lambda: wrong(5)) == text
    assert refusal(TypeError, lambda: wrong(numbers, timeout="1")) == (
        "wait(): a timeout is a number of seconds, or None, not str '1'"
    )


def test_stop_ends_what_reads_now() -> None:
    found: list[Any] = []

    def iterates() -> None:
        found.append([*numbers])

    def waits() -> None:
        found.append(numbers.read())

    for function in (iterates, waits):
        thread = threading.Thread(target=function)
        thread.start()
        time.sleep(0.1)
        numbers.stop()
        thread.join(20)
        assert not thread.is_alive()
    assert found == [[], None]
    count(1)  # it goes on
    assert numbers.read() == 0


def test_stop_and_close_in_the_middle_of_an_iteration() -> None:
    count(100)
    seen = []
    for number in numbers:
        seen.append(number)
        if number == 4:
            numbers.stop()
    assert seen == [0, 1, 2, 3, 4]
    for number in numbers:
        seen.append(number)
        if number == 9:
            numbers.close()
    assert seen == [*range(10)]
    closed = "numbers is closed, but counts still uses it: close() counts too, and load() it again"
    assert refusal(NotLoadedError, numbers.read) == closed
    assert refusal(NotLoadedError, lambda: next(iter(numbers))) == closed


def test_close_by_another_thread() -> None:
    ended = threading.Event()

    def iterates() -> None:
        for _ in numbers:
            pass
        ended.set()

    thread = threading.Thread(target=iterates)
    thread.start()
    time.sleep(0.1)
    numbers.close()
    assert ended.wait(20)
    thread.join()


def test_threads_share_the_events() -> None:
    found: list[list[int]] = [[], []]

    def reads(into: list[int]) -> None:
        into.extend(numbers)

    threads = [threading.Thread(target=reads, args=[into]) for into in found]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for _ in range(60):
            count(200)
            while numbers.pending >= numbers.max_entries - 200 * 16:  # the next ones need so much room
                time.sleep(0.001)
        while numbers.pending:
            time.sleep(0.001)
    finally:
        numbers.stop()
        for thread in threads:
            thread.join(20)
        sys.setswitchinterval(before)
    assert numbers.lost == 0
    assert sorted(found[0] + found[1]) == sorted([*range(200)] * 60)


def test_a_signal_handler_reads_too() -> None:
    found: list[int] = []
    rounds = 300

    def handler(*_: object) -> None:
        number = numbers.read(timeout=0)
        if number is not None:
            found.append(number)
        ring_in(0.0005)  # not before: where all is slow, handlers would pile up

    with alarms(handler, 0.0005):
        for _ in range(rounds):
            count(200)
            while (number := numbers.read(timeout=0)) is not None:
                found.append(number)
    assert numbers.lost == 0
    assert sorted(found) == sorted([*range(200)] * rounds)


def test_control_c_while_it_waits() -> None:
    def interrupts(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), alarms(interrupts, 0.1):
        numbers.read()
    count(1)
    assert numbers.read() == 0


def test_asyncio_with_two_rings() -> None:
    found: list[tuple[str, int]] = []
    ticks = 0

    async def numbered() -> None:
        async for number in numbers:
            found.append(("number", number))  # noqa: PERF401 - it never ends by itself

    async def named() -> None:
        async for event in events:
            found.append(("event", event.number))  # noqa: PERF401

    async def others() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    async def main() -> None:
        tasks = [asyncio.create_task(each()) for each in (numbered, named, others)]
        await asyncio.sleep(0.05)
        count(200)
        send(60, 61)
        while len(found) < 202:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        numbers.stop()
        events.stop()
        await asyncio.wait_for(asyncio.gather(*tasks[:2]), 20)
        tasks[2].cancel()

    asyncio.run(main())
    assert [number for kind, number in found if kind == "number"] == [*range(200)]
    assert [number for kind, number in found if kind == "event"] == [60, 61]
    assert ticks > 5


def test_asyncio_gives_others_their_turn() -> None:
    async def main() -> int:
        turns = seen = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.create_task(other())
        async for _ in numbers:
            seen += 1
            if seen == 255:
                break
        task.cancel()
        return turns

    count(255)
    assert asyncio.run(main()) >= 2


def test_two_tasks_wait_for_one_ring() -> None:
    async def first(of: AsyncIterator[int]) -> int:
        async for each in of:
            return each
        return -1

    async def main() -> list[int]:
        tasks = [asyncio.create_task(first(aiter(numbers))) for _ in range(2)]
        await asyncio.sleep(0.05)
        count(2)
        return await asyncio.wait_for(asyncio.gather(*tasks), 20)

    assert sorted(asyncio.run(main())) == [0, 1]


def test_a_file_descriptor_for_any_event_loop() -> None:
    import select

    poll = select.poll()
    poll.register(numbers.fileno(), select.POLLIN)
    assert poll.poll(0) == []
    count(1)
    assert poll.poll(0) == [(numbers.fileno(), select.POLLIN)]
    numbers.read()
    assert poll.poll(0) == []


def test_arrays() -> None:
    require_numpy()
    import numpy as np

    assert len(numbers.drain()) == 0
    for many in (1, 64, 65, 255):
        count(many)
        found = numbers.drain()
        assert found.dtype == np.uint32
        assert found.tolist() == [*range(many)]
    count(100)
    assert numbers.drain(0).tolist() == []
    assert numbers.drain(70).tolist() == [*range(70)]
    assert numbers.read() == 70  # one by one goes on there
    assert numbers.drain().tolist() == [*range(71, 100)]
    for length in (60, 66, 61, 66):
        samples_some.test_run(bytes(length))
    found = samples.drain()
    assert found["number"].tolist() == [60, 61]
    assert found["name"].tolist() == [b"osmia"] * 2
    assert found["inner"]["high"].tolist() == [3, 3]
    assert samples.pending == 0
    found["number"] = 5  # it is the caller's own
    samples_some.close()
    samples.close()
    assert refusal(TypeError, events.drain) == (
        "Event.version is a bit field, which NumPy cannot describe: make one integer of the bits, or read the entries "
        "one by one"
    )


def test_arrays_after_some_were_decoded() -> None:
    require_numpy()
    count(100)
    iteration = iter(numbers)
    assert next(iteration) == 0
    assert numbers.drain(10).tolist() == [*range(1, 11)]
    assert next(iteration) == 11
    assert numbers.drain().tolist() == [*range(12, 100)]


large = RingBuf(u64, size=1 << 20)
DISCARDED = setting(u32, 0)
WRITTEN = 20_000


@xdp
def writes_many(ctx: XdpContext) -> XdpAction:
    """Write 0, 1, ...; of every DISCARDED of them one is given up, and none of them where that is 0."""
    for number in range(WRITTEN):
        with large.reserve() as event:
            if event is not None:
                event.value = number
                if DISCARDED > 0 and number % DISCARDED == DISCARDED - 1:
                    large.discard(event)
    return XdpAction.PASS


@pytest.mark.kernel_only("a machine takes long to write so many, and arrays are made of memory alike")
@pytest.mark.parametrize("discarded", [0, 2, 7, 19_000])
def test_arrays_of_many(discarded: int) -> None:
    """They are looked at some thousands at a time."""
    require_numpy()
    submitted = [each for each in range(WRITTEN) if not discarded or each % discarded != discarded - 1]
    writes_many.load(settings={"DISCARDED": discarded})
    for most in (None, 50, 5000):
        for copy_ in (True, False):
            writes_many.test_run(PACKET)
            found: list[int] = []
            while large.pending:
                if copy_:
                    array_ = large.drain(most)
                    found += array_.tolist()
                    assert len(array_) == most or not large.pending
                    continue
                with large.drain(most, copy=False) as array_:
                    assert len(array_) <= (most or WRITTEN)
                    found += array_.tolist()
            assert found == submitted
    writes_many.close()
    large.close()


def test_memory_of_the_ring_itself() -> None:
    require_numpy()
    count(200)
    with numbers.drain(150, copy=False) as found:
        assert found.tolist() == [*range(150)]
        assert numbers.pending == 200 * 16  # they are the reader's as long as it looks
        assert not found.flags.writeable
        for use in (numbers.read, numbers.drain):
            assert refusal(RuntimeError, use) == (
                "numbers: its memory is looked at: read on when that `with` block has ended"
            )
    assert numbers.pending == 50 * 16
    with pytest.raises(ZeroDivisionError), numbers.drain(copy=False) as found:
        len(found) // (len(found) - 50)
    assert numbers.pending == 0
    with numbers.drain(copy=False) as found:
        assert len(found) == 0


def test_arrays_over_the_ring_s_end() -> None:
    require_numpy()
    for _ in range(40):
        count(200)
        with numbers.drain(copy=False) as found:
            assert found.tolist() == [*range(200)]


def test_drains_that_are_refused() -> None:
    require_numpy()
    wrong: Any = numbers
    text = "numbers: how many events is an int of 0 or more, or None for all, not "
    assert refusal(TypeError, lambda: wrong.drain(-1)) == f"{text}int -1"
    assert refusal(TypeError, lambda: wrong.drain("1")) == f"{text}str '1'"


def test_what_a_program_asks_of_the_ring() -> None:
    figures = RingBuf(u64, size=8192, name="figures")

    @xdp
    def asks(ctx: XdpContext) -> XdpAction:
        with figures.reserve(u64, BPF_RB_NO_WAKEUP) as event:
            if event is not None:
                event.value = figures.query(BPF_RB_RING_SIZE)
        with figures.reserve(None, BPF_RB_NO_WAKEUP) as event:
            if event is not None:
                event.value = figures.query(BPF_RB_AVAIL_DATA)
        figures.output(1, BPF_RB_NO_WAKEUP)
        return XdpAction.PASS

    asks.test_run(PACKET)
    assert [*islice(figures, 3)] == [8192, 16 + 16, 1]
    asks.close()
    figures.close()


def test_independent_handles(engine: Machine | None) -> None:
    with osmia.load(counts, engine=engine) as loaded:
        twin = loaded[numbers]
        loaded["counts"].test_run(bytes(360))
        assert (twin.lost, len([*islice(twin, 255)])) == (45, 255)
        assert loaded.globals == {}  # what counts the losses is the ring's
        assert numbers.lost == 0


def test_programs_that_share_a_ring_share_its_losses() -> None:
    @xdp
    def other(ctx: XdpContext) -> XdpAction:
        return XdpAction.PASS if numbers.output(1) == 0 else XdpAction.DROP

    count(250)
    results = [other.test_run(PACKET).action for _ in range(10)]
    assert results == [XdpAction.PASS] * 5 + [XdpAction.DROP] * 5
    assert numbers.lost == 5
    count(1)
    assert numbers.lost == 6
    other.close()


def test_a_ring_of_an_object(engine: Machine | None) -> None:
    data = osmia_object(counts)
    with osmia.load(data, engine=engine) as loaded:
        held = loaded.maps["numbers"]
        loaded["counts"].test_run(bytes(360))
        assert held.lost == 45
        assert held.read() == (0).to_bytes(4, "little")  # its type is not Python's to know
        typed = loaded[numbers]
        assert typed.read() == 1
        assert typed.lost == 45
        others = RingBuf(u16, size=4096, name="numbers")
        assert refusal(TypeError, lambda: loaded[others]) == (
            "the object: an event of numbers has 4 bytes there, expected 2 (u16)"
        )


def osmia_object(program: Any) -> bytes:
    from osmia.compiler import PORTABLE
    from osmia.compiler.cache import object_for

    return object_for((program.request,), PORTABLE).data


FOREIGN = """
struct { __uint(type, 27); __uint(max_entries, 4096); } records SEC(".maps");
static long (*bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
SEC("xdp") int write(struct xdp_md *ctx) {
    u64 event[3] = {1, 2, 3};
    bpf_ringbuf_output(&records, event, 8, 0);
    bpf_ringbuf_output(&records, event, 24, 0);
    bpf_ringbuf_output(&records, event, 8, 0);
    bpf_ringbuf_output(&records, event, 0, 0);
    return 2;
}
"""
records = RingBuf(u64, size=4096)


def test_records_of_another_length(engine: Machine | None) -> None:
    with osmia.load(c_object(FOREIGN), engine=engine) as loaded:
        loaded["write"].test_run(PACKET)
        held = loaded[records]
        assert held.read() == 1
        text = "records: a record of {} bytes, and its events have 8: what writes to it was made for other events"
        assert refusal(ObjectError, held.read) == text.format(24)
        assert held.read() == 1  # it is taken out
        assert refusal(ObjectError, held.read) == text.format(0)
        assert refusal(NotLoadedError, lambda: held.lost) == (
            "records: the count of its losses is not loaded: programs of osmia's that write to it count them, once "
            "they are loaded"
        )


def test_records_of_another_length_among_many(engine: Machine | None) -> None:
    require_numpy()
    with osmia.load(c_object(FOREIGN), engine=engine) as loaded:
        loaded["write"].test_run(PACKET)
        held = loaded[records]
        text = "records: a record of {} bytes, and its events have 8: what writes to it was made for other events"
        assert held.drain(1).tolist() == [1]
        assert refusal(ObjectError, held.drain) == text.format(24)
        assert held.drain().tolist() == [1]  # what comes before is not lost by it
        assert refusal(ObjectError, held.drain) == text.format(0)


def test_bytes_of_any_length(engine: Machine | None) -> None:
    with osmia.load(c_object(FOREIGN), engine=engine) as loaded:
        loaded["write"].test_run(PACKET)
        held = loaded.maps["records"]
        assert [len(each) for each in islice(held, 4)] == [8, 24, 8, 0]
        assert refusal(TypeError, held.drain) == (
            "records: its events are bytes of any length, which no array holds: read them one by one"
        )


def pinned(directory: Path) -> list[str]:
    """What is pinned there: the kernel adds two files of its own."""
    return sorted(each.name for each in directory.iterdir() if not each.name.endswith(".debug"))


@pytest.mark.kernel_only("a forked process has a copy of the machine")
def test_a_reader_that_is_killed(pins: Path) -> None:
    path = pins / "numbers"
    numbers.pin(path)
    count(100)
    child = os.fork()
    if child == 0:
        ring = RingBuf(u32, size=4096, name="numbers")
        ring.open(path)
        assert [*islice(ring, 40)] == [*range(40)]
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    count(200)
    after = RingBuf(u32, size=4096, name="numbers")
    after.open(path)
    received = [*islice(after, after.pending // 16)]
    assert received[:60] == [*range(40, 100)]
    assert 40 + len(received) + after.lost == 300
    after.unpin(path)
    after.close()
    assert pinned(pins) == []


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_a_pinned_ring_of_other_events(pins: Path) -> None:
    path = pins / "events"
    events.pin(path)
    assert pinned(pins) == ["events", "events_lost"]

    @struct
    class Other:
        number: u64
        length: u32 = 0
        sort: Sort = Sort.ODD
        version: u8 = bits(4)
        rest: u8 = bits(4)
        name: Chars = chars(6)
        inner: Inner = Inner()
        payload: FixedArray[u8] = array(u8, 4)

    other = RingBuf(Other, size=4096, name="events")
    assert refusal(ObjectError, lambda: other.open(path)) == (
        f"{path} was made for other events: an event of events has no field payload there; it has number, length, "
        "sort, version, rest, name, inner, bytes"
    )
    assert not other.live
    short = RingBuf(u64, size=4096, name="events")
    assert refusal(ObjectError, lambda: short.open(path)) == (
        f"{path} was made for other events: an event of events has 32 bytes there, expected 8 (u64)"
    )
    events.unpin(path)


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_a_ring_that_is_created_and_pinned(pins: Path) -> None:
    path = pins / "ring"
    ring = RingBuf(Event, size=4096, name="ring")
    ring.open(path, create=True)
    assert ring.lost == 0
    again = RingBuf(Event, size=4096, name="ring")
    again.open(path, create=True)
    assert again.lost == 0
    other = RingBuf(u32, size=4096, name="ring")
    assert refusal(ObjectError, lambda: other.open(path)).endswith("has 32 bytes there, expected 4 (u32)")
    again.unpin(path)
    for each in (ring, again):
        each.close()
    assert pinned(pins) == []


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_another_reader_is_noticed(pins: Path) -> None:
    count(20)
    assert numbers.read() == 0
    path = pins / "numbers"
    numbers.pin(path)
    other = RingBuf(u32, size=4096, name="numbers")
    other.open(path)
    assert [other.read(), other.read()] == [1, 2]
    text = (
        "numbers: another reader took 32 bytes of records: a ring has one reader at a time, in one process (reading "
        "again goes on behind them)"
    )
    assert refusal(RuntimeError, numbers.read) == text
    assert numbers.read() == 3
    other.close()
    numbers.unpin(path)


@pytest.mark.kernel_only("a forked process has a copy of the machine")
def test_a_forked_child_cannot_read() -> None:
    require_numpy()
    count(10)
    iteration = iter(numbers)
    assert next(iteration) == 0
    text = (
        "numbers: the process that this one was forked from reads the ring: read it there, or fork before the ring is "
        "read"
    )
    for use in (numbers.read, lambda: next(iteration), numbers.drain):
        child = outcome(use)
        assert (child.error, child.text) == ("RuntimeError", text)
    assert next(iteration) == 1


def test_a_child_that_is_forked_before() -> None:
    numbers.pending  # noqa: B018 - the ring is in memory, and not read yet
    count(10)
    assert outcome(lambda: [*islice(numbers, 3)]).error == "RuntimeError"


def test_user_code_asks_for_kernel_code_s_operations() -> None:
    ring: Any = numbers
    assert refusal(TypeError, lambda: ring.query(0)) == (
        "numbers: query() is for kernel code; in user code read .size and .pending"
    )
