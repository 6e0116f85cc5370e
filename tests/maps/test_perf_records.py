"""The records in the buffers of perf events, as user code takes them out: in memory that the test writes."""

from __future__ import annotations

import random
import struct as packing
from _thread import RLock
from typing import TYPE_CHECKING, Any

import pytest

from fake_backend import FakeBackend
from osmia import ObjectError, PerfEventArray, PerfSample, struct, u32
from refusal import refusal
from this_kernel import require_numpy

if TYPE_CHECKING:
    from collections.abc import Callable

require_numpy()
LOST, EXIT, SAMPLE = 2, 4, 9
SIZE = 4096


@struct
class Event:
    cpu: u32
    number: u32


class Buffer:
    """A buffer of one CPU that the test is the kernel of."""

    def __init__(self, cpu: int, start: int = 0) -> None:
        self.cpu = cpu
        self.head = [start]
        self.tail = [start]
        self.data = memoryview(bytearray(random.Random(start).randbytes(SIZE)))
        self.headers = self.data.cast("Q")

    def lost(self) -> None:
        """Records say it."""

    def room_for(self, size: int) -> bool:
        return self.head[0] - self.tail[0] + size < SIZE

    def put(self, kind: int, rest: bytes, size: int | None = None) -> None:
        """A record, the flags in whose header are others from time to time."""
        flags = 1 + (self.head[0] >> 9 & 1)
        whole = packing.pack("=IHH", kind, flags, len(rest) + 8 if size is None else size) + rest
        assert len(whole) % 8 == 0
        for at, byte in enumerate(whole, self.head[0]):
            self.data[at % SIZE] = byte
        self.head[0] += len(whole)

    def put_event(self, time: int, number: int, more: bytes = b"") -> None:
        data = packing.pack("=II", self.cpu, number) + more
        padding = b"?" * (-(20 + len(data)) % 8)
        self.put(SAMPLE, packing.pack("=QI", time, len(data + padding)) + data + padding)


class Buffers:
    """Those of all CPUs."""

    begun = False

    def __init__(self, of: list[Buffer]) -> None:
        self.of = of
        self.lock = RLock()
        self.later: list[Callable[[], object]] = []
        """What the kernel does meanwhile, when a reader waits for running programs."""

    def wait_for_running(self) -> None:
        if self.later:
            self.later.pop(0)()


class Backend(FakeBackend):
    """A map with these buffers."""

    def __init__(self, buffers: Any) -> None:
        self.buffers = buffers

    def perf_buffers(self, pages: int, wakeup_events: int, /) -> Any:
        return self.buffers


class Held:
    """Buffers of two CPUs and their array."""

    def __init__(self, order: Any = "cpu", start: int = 0) -> None:
        self.buffers = [Buffer(0, start), Buffer(3, start + 64)]
        self.all = Buffers(self.buffers)
        self.array = PerfEventArray(Event, pages=1, order=order, name="held")
        backend: Any = Backend(self.all)
        self.array.bind(backend)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time, in ns, which only the test moves on."""
    now = [10_000]
    monkeypatch.setattr("time.monotonic_ns", lambda: now[0])
    return now


def drained(array: Any, most: int | None = None) -> list[tuple[int, int]]:
    return [(int(each["cpu"]), int(each["number"])) for each in array.drain(most)]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("order", ["cpu", "time"])
def test_whatever_lies_between_and_wherever_it_ends(order: str, seed: int, clock: list[int]) -> None:
    chosen = random.Random(seed)
    held = Held(order, start=8 * chosen.randrange(1 << 40))
    sent: list[tuple[int, int, int]] = []
    got: list[tuple[int, int]] = []
    lost = 0
    for _ in range(60):
        for _ in range(chosen.randrange(60)):
            buffer = chosen.choice(held.buffers)
            clock[0] += chosen.randrange(3)
            more = bytes(chosen.choice([0, 0, 0, 0, 3, 40, 200]))
            if not buffer.room_for(260):
                continue
            what = chosen.random()
            if what < 0.05:
                buffer.put(LOST, packing.pack("=QQ", 5, 7))
                lost += 7
            elif what < 0.1:
                buffer.put(EXIT, bytes(8 * chosen.randrange(9)))
            else:
                number = len(sent)
                sent.append((clock[0], buffer.cpu, number))
                buffer.put_event(clock[0], number, more)
        clock[0] += 5000
        how = chosen.random()
        if how < 0.4:
            got += drained(held.array, chosen.choice([None, 1, 5, 100]))
        else:
            for _ in range(chosen.randrange(80)):
                event = held.array.read(0)
                if event is not None:
                    got.append((event.cpu, event.number))
    while held.array.pending:
        clock[0] += 5000
        got += drained(held.array)
    assert sorted(got) == sorted((cpu, number) for _, cpu, number in sent)
    for cpu in (0, 3):
        numbers = [number for each, number in got if each == cpu]
        assert numbers == sorted(numbers)
    if order == "time":
        times = {number: time for time, _, number in sent}
        assert [times[number] for _, number in got] == sorted(times.values())
    assert held.array.lost == lost


def test_what_was_stamped_before_and_appears_later_keeps_its_place(clock: list[int]) -> None:
    held = Held("time")
    one, two = held.buffers
    one.put_event(5000, 1)
    one.put_event(7000, 2)
    held.all.later += [lambda: two.put_event(6000, 3)]
    assert [each.number for each in iter(lambda: held.array.read(0), None)] == [1, 3, 2]

    clock[0] = 20_000

    def meanwhile() -> None:
        two.put_event(21_000, 5)  # stamped after the waiting began: an older one may still come
        clock[0] = 30_000

    one.put_event(18_000, 4)
    held.all.later += [meanwhile, lambda: one.put_event(20_500, 6)]
    assert held.array.read(0) == Event(cpu=0, number=4)
    assert held.array.pending == 32
    assert drained(held.array) == [(0, 6), (3, 5)]
    assert (held.array.pending, held.array.read(0)) == (0, None)


def test_records_of_one_cpu_that_were_stamped_the_other_way_round(clock: list[int]) -> None:
    for take in (drained, lambda array: [(each.cpu, each.number) for each in iter(lambda: array.read(0), None)]):
        held = Held("time")
        held.buffers[0].put_event(5000, 1)
        held.buffers[0].put_event(4000, 2)  # an interrupt's program wrote between the other's two steps
        assert take(held.array) == [(0, 2), (0, 1)]


def test_a_sample_has_what_follows() -> None:
    held = Held()
    held.buffers[1].put_event(77, 1, b"abc")
    held.buffers[1].put_event(78, 2)
    assert held.array.samples.read(0) == PerfSample(Event(cpu=3, number=1), 3, 77, b"abc?")
    assert repr(held.array.samples.read(0)) == (
        "PerfSample(event=Event(cpu=3, number=2), cpu=3, time=78, packet=b'????')"
    )


@pytest.mark.parametrize("order", ["cpu", "time"])
def test_what_is_no_event_is_said_and_passed_over(order: str, clock: list[int]) -> None:
    clock[0] = 100_000
    short = "held: a record of 4 bytes, and its events have 8: what writes to it was made for other events"
    none = (
        "held: 48 bytes in the buffer of CPU 3 are no records, and are passed over. One record has 65535 bytes at most"
        ": append less of the packet to an event"
    )
    takes: list[Callable[[Any], Any]] = [lambda array: array.read(0), lambda array: array.drain()]
    for take in takes:
        held = Held(order)
        held.buffers[0].put(SAMPLE, packing.pack("=QII", 5, 4, 1))
        held.buffers[1].put_event(6, 1)
        assert refusal(ObjectError, lambda take=take, held=held: take(held.array)) == short
        assert drained(held.array) == [(3, 1)]
        for size in (0, 4, 20, 2048):
            held.buffers[1].put(SAMPLE, bytes(8), size)
            held.buffers[1].put_event(7, 2)
            assert refusal(ObjectError, lambda take=take, held=held: take(held.array)) == none
            assert (held.array.pending, held.array.read(0)) == (0, None)
        held.buffers[1].put_event(8, 3)
        assert take(held.array) is not None


def test_an_array_of_many_is_cut_where_something_else_lies() -> None:
    held = Held()
    buffer = held.buffers[0]
    for number in range(100):
        if number == 90:
            buffer.put(LOST, packing.pack("=QQ", 5, 7))
        buffer.put_event(number, number)
    whole = held.array.samples.drain()
    assert whole["event"]["number"].tolist() == list(range(100))
    assert whole["time"].tolist() == list(range(100))
    assert set(whole["cpu"].tolist()) == {0}
    assert held.array.lost == 7
    assert len(held.array.drain()) == 0


def test_how_many() -> None:
    held = Held()
    wrong: Any = held.array
    for most in (-1, 1.0, "all", True):
        text = refusal(TypeError, lambda most=most: wrong.drain(most))
        assert text.startswith("held: how many events is an int of 0 or more, or None for all, not ")
    held.buffers[0].put_event(1, 1)
    assert len(held.array.drain(0)) == 0
    assert len(held.array.samples.drain(1)) == 1


@pytest.mark.parametrize("order", ["cpu", "time"])
def test_all_ways_of_reading_take_out_of_the_same(order: str, clock: list[int]) -> None:
    held = Held(order)
    other = PerfEventArray(Event, pages=1, name="other")
    other.bind(held.array.backend)
    for number in range(8):
        held.buffers[0].put_event(clock[0] - 5000, number)
    found = [held.array.read(0)]
    sample = held.array.samples.read(0)
    assert sample is not None
    found += [sample.event, held.array.read(0)]
    assert drained(held.array, 1) == [(0, 3)]
    found.append(held.array.read(0))
    if order == "cpu":  # in the order of time, one handle has taken all out
        assert other.read(0) == Event(cpu=0, number=5)
    assert [each.number for each in found if each is not None] == [0, 1, 2, 4]
    rest = held.array.samples.drain()["event"]["number"].tolist()
    assert rest == ([6, 7] if order == "cpu" else [5, 6, 7])
    assert (held.array.read(0), held.array.pending) == (None, 0)
