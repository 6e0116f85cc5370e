"""The reading end of a ring buffer against a model of the kernel's writing end, in memory of the test's own."""

from __future__ import annotations

import dis
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from osmia import ObjectError, RingBuf, struct, u16, u32, u64
from osmia.maps.events import NOTHING
from osmia.maps.fast_reader import FastReader
from osmia.maps.perf_reader import PerfReader
from osmia.maps.ring_reader import BUSY, DISCARD, RingReader
from refusal import refusal
from this_kernel import require_numpy

if TYPE_CHECKING:
    from collections.abc import Callable

require_numpy()

from osmia.maps.ring_arrays import Arrays  # noqa: E402 - it takes NumPy

SIZE = 4096


@struct
class Event:
    number: u64
    low: u32 = 0
    high: u16 = 0


class Writer:
    """What the kernel does with a ring: records one behind the other, each busy until it is submitted."""

    fd = -1
    wants_a_look = False

    def __init__(self) -> None:
        self.consumed = memoryview(bytearray(8)).cast("Q")
        self.produced = memoryview(bytearray(8)).cast("Q")
        self.bytes = bytearray(2 * SIZE)
        self.data = memoryview(self.bytes).toreadonly()
        self.words = self.data.cast("I")

    def put(self, position: int, data: bytes) -> None:
        """Bytes at a position of the ring, which is in memory twice."""
        for index, each in enumerate(data):
            place = (position + index) % SIZE
            self.bytes[place] = self.bytes[place + SIZE] = each

    def reserve(self, length: int) -> int | None:
        """The position of a new record, None where there is no room."""
        at = self.produced[0]
        end = at + (length + 15) // 8 * 8
        if end - self.consumed[0] > SIZE - 1:
            return None
        self.put(at, (length | BUSY).to_bytes(4, "little") + b"\xaa\xaa\xaa\xaa")
        self.produced[0] = end
        return at

    def submit(self, at: int, data: bytes, flags: int = 0) -> None:
        self.put(at + 8, data)
        self.put(at, (len(data) | flags).to_bytes(4, "little"))


class Backend:
    """A backend whose ring is that memory."""

    fd = -1

    def __init__(self) -> None:
        self.memory = Writer()

    def lookup(self, _key: bytes, _flags: int = 0) -> bytes | None:
        return None

    def ring(self) -> Writer:
        return self.memory

    def close(self) -> None:
        pass


def ring_over(backend: Any) -> RingBuf[Event]:
    ring = RingBuf(Event, size=SIZE, name="ring")
    ring.bind(backend)
    return ring


def packed(number: int) -> bytes:
    from osmia.structs import to_bytes

    return to_bytes(Event(number=number, low=number % 1000, high=number % 7))


class Rings(RuleBasedStateMachine):
    """Random writes, submitted and discarded in any order, and random ways of reading."""

    def __init__(self) -> None:
        super().__init__()
        backend = Backend()
        self.writer = backend.memory
        # Near the end of 64 bits' worth of rounds it is the same as at the start, but for the place.
        self.writer.consumed[0] = self.writer.produced[0] = SIZE * 5 - 72
        self.ring = ring_over(backend)
        self.records: deque[list[Any]] = deque()
        """Position, number, and how it stands: busy, submitted or discarded."""
        self.count = 0

    @rule(many=st.integers(1, 100))
    def writes(self, many: int) -> None:
        for _ in range(many):
            at = self.writer.reserve(16)
            if at is None:
                return
            self.writer.submit(at, packed(self.count))
            self.records.append([at, self.count, "submitted"])
            self.count += 1

    @rule()
    def reserves(self) -> None:
        at = self.writer.reserve(16)
        if at is not None:
            self.records.append([at, self.count, "busy"])
            self.count += 1

    @precondition(lambda self: any(each[2] == "busy" for each in self.records))
    @rule(data=st.data(), discards=st.booleans())
    def ends(self, data: st.DataObject, discards: bool) -> None:
        record = data.draw(st.sampled_from([each for each in self.records if each[2] == "busy"]))
        self.writer.submit(record[0], packed(record[1]), DISCARD if discards else 0)
        record[2] = "discarded" if discards else "submitted"

    def expected(self, most: int | None = None) -> list[int]:
        """What a reader gets, which is gone from the model then."""
        found: list[int] = []
        while self.records and self.records[0][2] != "busy" and (most is None or len(found) < most):
            record = self.records.popleft()
            if record[2] == "submitted":
                found.append(record[1])
        return found

    @rule(many=st.integers(1, 70))
    def reads(self, many: int) -> None:
        found = []
        for _ in range(many):
            event = self.ring.read(timeout=0)
            if event is None:
                break
            assert (event.low, event.high) == (event.number % 1000, event.number % 7)
            found.append(event.number)
        assert found == self.expected(many)

    @rule(many=st.integers(1, 70))
    def iterates(self, many: int) -> None:
        found: list[int] = []
        for event in self.ring._opened().events(lambda: True):  # the rest of iterating waits
            found.append(event.number)
            if len(found) == many:
                break
        assert found == self.expected(many)

    @rule()
    def polls(self) -> None:
        found: list[int] = []
        self.ring.poll(lambda event: found.append(event.number), timeout=0)
        assert found == self.expected()

    @rule(most=st.none() | st.integers(0, 200))
    def drains(self, most: int | None) -> None:
        found = self.ring.drain(most)
        assert found["number"].tolist() == self.expected(most)
        assert (found["low"] == found["number"] % 1000).all()

    @rule(most=st.none() | st.integers(1, 200))
    def views(self, most: int | None) -> None:
        with self.ring.drain(most, copy=False) as found:
            numbers = found["number"].tolist()
        assert numbers == self.expected(max(len(numbers), 1))  # it may hold fewer than there are, but not none

    @invariant()
    def positions_agree(self) -> None:
        assert self.writer.consumed[0] <= self.writer.produced[0]
        assert self.writer.consumed[0] % 8 == 0


Rings.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[*HealthCheck]
)
TestRings = Rings.TestCase


def test_what_is_reserved_holds_up_what_comes_behind_it() -> None:
    backend = Backend()
    ring, writer = ring_over(backend), backend.memory
    first, second = writer.reserve(16), writer.reserve(16)
    assert first is not None
    assert second is not None
    writer.submit(second, packed(2))
    source = ring._opened()
    assert (source.take(), source.ready, source.pending) == (NOTHING, False, 48)
    assert len(ring.drain()) == 0
    writer.submit(first, packed(1))
    assert source.ready
    assert [each["number"] for each in ring.drain()] == [1, 2]


@pytest.mark.parametrize("length", [0, 1, 15, 17, 500])
def test_a_length_that_is_no_event_s(length: int) -> None:
    backend = Backend()
    ring, writer = ring_over(backend), backend.memory
    for size in (16, length, 16):
        at = writer.reserve(size)
        assert at is not None
        writer.submit(at, packed(7) if size == 16 else bytes(size))
    assert ring._opened().take().number == 7
    assert refusal(ObjectError, lambda: ring.read(timeout=0)).startswith(f"ring: a record of {length} bytes, and its")
    assert ring._opened().take().number == 7
    assert ring._opened().take() is NOTHING


@pytest.mark.parametrize("how", ["taken", "drained", "viewed"])
def test_what_is_submitted_between_two_looks(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that was busy at the first look and is submitted at the second is an event like others."""
    backend = Backend()
    ring, writer = ring_over(backend), backend.memory
    at = writer.reserve(16)
    assert at is not None
    looks: Any = RingReader if how == "taken" else Arrays
    name = "equal" if how == "taken" else "_equal"
    equal = getattr(looks, name)

    def submitted_since(reader: Any, place: int, most: int) -> int:
        found: int = equal(reader, place, most)
        monkeypatch.undo()
        writer.submit(at, packed(7))
        return found

    monkeypatch.setattr(looks, name, submitted_since)
    if how == "taken":
        assert ring._opened().take().number == 7
    elif how == "drained":
        assert ring.drain()["number"].tolist() == [7]
    else:
        with ring.drain(copy=False) as found:
            assert found["number"].tolist() == [7]
    assert ring.pending == 0


def with_events(*numbers: int) -> RingBuf[Event]:
    """A ring that has them."""
    backend = Backend()
    for number in numbers:
        at = backend.memory.reserve(16)
        assert at is not None
        backend.memory.submit(at, packed(number))
    return ring_over(backend)


def afterwards(monkeypatch: pytest.MonkeyPatch, name: str, does: Callable[[], object]) -> None:
    """Do something as a signal handler may, after a function of Arrays has done its work, once."""
    function: Any = getattr(Arrays, name)
    once = iter([does])

    def both(*arguments: Any) -> Any:
        result = function(*arguments)
        next(once, lambda: None)()
        return result

    monkeypatch.setattr(Arrays, name, both)


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["_pieces", "_next", "_equal"])
def test_a_drain_that_is_interrupted_loses_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = with_events(1, 2, 3)
    afterwards(monkeypatch, name, interrupt)
    with pytest.raises(KeyboardInterrupt):
        ring.drain()
    assert ring.drain()["number"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("name", ["_look", "_next", "_equal"])
def test_a_look_that_is_interrupted_loses_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = with_events(1, 2, 3)
    afterwards(monkeypatch, name, interrupt)
    with pytest.raises(KeyboardInterrupt), ring.drain(copy=False):
        pass
    with ring.drain(copy=False) as found:  # neither the lock nor a mark is left
        assert found["number"].tolist() == [1, 2, 3]
    thread = threading.Thread(target=lambda: ring.read(timeout=0))
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize("name", ["_pieces", "_next", "_equal"])
def test_a_signal_handler_that_reads_in_a_drain(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = with_events(1, 2, 3)
    read: list[Any] = []
    afterwards(monkeypatch, name, lambda: read.append(ring.read(timeout=0)))
    assert ring.drain()["number"].tolist() == [2, 3]
    assert [event.number for event in read] == [1]


@pytest.mark.parametrize("name", ["_look", "_next", "_equal"])
def test_a_signal_handler_that_reads_before_a_look(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = with_events(1, 2, 3)
    read: list[Any] = []
    afterwards(monkeypatch, name, lambda: read.append(ring.read(timeout=0)))
    with ring.drain(2, copy=False) as found:
        assert found["number"].tolist() == [2, 3]
    assert [event.number for event in read] == [1]
    assert ring.read(timeout=0) is None


def test_nothing_behind_what_is_busy_comes_among_discarded_ones() -> None:
    backend = Backend()
    ring, writer = ring_over(backend), backend.memory
    places = [writer.reserve(16) for _ in range(7)]
    for number, at in enumerate(places):
        assert at is not None
        if number != 4:
            writer.submit(at, packed(number), DISCARD if number in {1, 3, 5} else 0)
    assert ring.drain()["number"].tolist() == [0, 2]
    writer.submit(places[4] or 0, packed(4))
    assert ring.drain()["number"].tolist() == [4, 6]


def test_a_look_in_a_look() -> None:
    ring = with_events(1, 2, 3)
    with ring.drain(1, copy=False) as found:
        for _ in range(2):
            assert refusal(RuntimeError, ring.drain(copy=False).__enter__) == (
                "ring: its memory is looked at: read on when that `with` block has ended"
            )
        assert found["number"].tolist() == [1]
    assert ring.drain()["number"].tolist() == [2, 3]


def test_what_is_not_submitted_costs_a_waiting_reader_little() -> None:
    backend = Backend()
    ring, writer = ring_over(backend), backend.memory
    assert writer.reserve(16) is not None
    writer.fd = os.eventfd(1)  # readable all the time, as a ring's is then
    try:
        before = time.process_time()
        assert ring.read(timeout=0.5) is None
        assert time.process_time() - before < 0.2
    finally:
        ring.stop()
        os.close(writer.fd)


def test_another_thread_waits_while_the_memory_is_looked_at() -> None:
    backend = Backend()
    ring, writer = ring_over(backend), backend.memory
    for number in range(3):
        at = writer.reserve(16)
        assert at is not None
        writer.submit(at, packed(number))
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(ring.read(timeout=0)))
    with ring.drain(2, copy=False) as events:
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        assert events["number"].tolist() == [0, 1]
    thread.join(20)
    assert [event.number for event in found] == [2]


@pytest.mark.parametrize(
    "of",
    [RingReader.take, RingReader.events, FastReader.take, FastReader.events, PerfReader.take],
    ids=lambda of: of.__qualname__,
)
def test_nobody_comes_in_between_the_look_and_the_event(of: Callable[..., object]) -> None:
    """Threads and signal handlers run where something was called or resumed, and where one jumps back.

    So wherever the code before `pop` is entered, the position is compared behind that.
    """
    code = [*dis.get_instructions(of)]
    pop = max(n for n, each in enumerate(code) if each.argval == "pop")
    places = {each.offset: n for n, each in enumerate(code)}
    back = [places[each.argval] for n, each in enumerate(code) if "JUMP" in each.opname and places[each.argval] <= n]
    behind = [n + 1 for n, each in enumerate(code[:pop]) if each.opname.startswith(("CALL", "RESUME"))]
    for start in (each for each in (*back, *behind) if each <= pop):
        assert any(each.opname == "COMPARE_OP" for each in code[start:pop]), code[start]
