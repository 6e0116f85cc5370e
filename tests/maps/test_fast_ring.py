"""FastRing: what programs write into memory reaches its reader, in order for each CPU, once, or is counted as lost."""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import threading
import time
from collections import deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import osmia
from alarms import alarms, ring_in
from children import outcome
from live_maps import machine
from osmia import (
    FastRing,
    Global,
    NotLoadedError,
    NotSupportedError,
    ObjectError,
    PerCpuArray,
    TcAction,
    TcContext,
    XdpAction,
    XdpContext,
    numpy_dtype,
    struct,
    tc,
    u8,
    u32,
    u64,
    xdp,
)
from osmia.kernel.cpus import online_cpus, possible_cpus
from osmia.maps import doorbell
from osmia.unchecked import call_helper
from refusal import refusal
from this_kernel import require_kernel, require_numpy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from namespaces import Namespace

PACKET = bytes(64)
ENTRIES = 8
SECRET = 0x9E3779B97F4A7C15
CPUS = online_cpus()[:2]


@struct
class Event:
    number: u64
    check: u64
    cpu: u32
    kind: u8 = 7


events = FastRing(Event, ENTRIES)
large = FastRing(Event, 1 << 14)
numbers = PerCpuArray(u64, max_entries=1)
rounds = Global(u64)
other_interface = Global(u32)


@xdp
def writes(ctx: XdpContext) -> XdpAction:
    with events.reserve() as event:
        if event is None:
            return XdpAction.DROP
        event.number = rounds.value
        event.cpu = ctx.get_smp_processor_id()
    return XdpAction.PASS


@xdp
def leaves_out(ctx: XdpContext) -> XdpAction:
    with events.reserve() as event:
        if event is not None:
            event.number = 1 << 60
            events.discard(event)
    return XdpAction.PASS


@xdp
def writes_many(ctx: XdpContext) -> XdpAction:
    number = numbers.lookup(0)
    if number is None:
        return XdpAction.ABORTED
    for _ in range(500):
        number.value += 1
        with large.reserve() as event:
            if event is not None:
                event.number = number.value
                event.check = number.value ^ SECRET
                event.cpu = ctx.get_smp_processor_id()
    return XdpAction.PASS


@tc("egress")
def outputs_too(ctx: TcContext) -> TcAction:
    status = events.output(Event(number=99, check=0, cpu=0))
    rounds.value = u64(-status)
    return TcAction.OK


@tc("ingress")
def sends_a_copy_in_the_middle(ctx: TcContext) -> TcAction:
    with events.reserve() as event:
        if event is None:
            return TcAction.SHOT
        event.number = 1
        call_helper(13, ctx, other_interface.value, 0)  # clone_redirect, which the compiler would refuse here
        event.check = 2
    return TcAction.OK


@contextmanager
def on(cpu: int) -> Iterator[None]:
    """Be on a CPU with this thread; a machine runs its programs there."""
    here = machine()
    if here is not None:
        here.cpu = cpu
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def live(*programs: Any) -> Iterator[None]:
    """The programs, loaded, and closed after it, and what they reach."""
    try:
        for each in programs:
            each.load()
        yield
    finally:
        for each in programs:
            each.close()
        for held in (events, large, numbers, rounds, other_interface):
            held.close()


def test_a_ring_is_declared() -> None:
    ring = FastRing(Event, 16, name="R")
    assert (ring.name, ring.value, ring.entries, ring.value_size, ring.live) == (
        "R",
        Event,
        16,
        128 + 16 * 24 + 0,
        False,
    )
    assert (ring.bell.name, ring.bell.kind.class_name, ring.kind.class_name) == ("R_bell", "RingBuf", "FastRing")
    assert repr(ring) == "<FastRing(Event, entries=16) R, not live>"
    assert ring.describe() != FastRing(Event, 32, name="R").describe()
    assert FastRing(u8, 2).value_size == 192  # whole cache lines
    assert FastRing(Event).entries == 4096


def test_rings_that_are_refused() -> None:
    wrong: Any = FastRing
    assert refusal(ValueError, lambda: wrong(Event, 12, name="R")) == (
        "R: entries is a power of 2, of 2 at least, not 12"
    )
    assert refusal(ValueError, lambda: wrong(Event, 1, name="R")) == "R: entries is a power of 2, of 2 at least, not 1"
    assert refusal(TypeError, lambda: wrong(Event, "8", name="R")) == "R: entries is an int, not str '8'"
    assert refusal(ValueError, lambda: wrong(Event, 1 << 20, name="R")) == (
        "R: a CPU's ring has 4194176 bytes at most, and 1048576 events of Event have 25165824"
    )
    assert refusal(TypeError, lambda: wrong(int, name="R")) == (
        "R: the type of an event is one that has a place in memory, not int: say how wide it is, as in u32 or u64"
    )


def test_a_ring_is_written_by_kernel_code() -> None:
    ring: Any = events
    text = "() is for kernel code: user code does not write to a FastRing"
    assert refusal(TypeError, ring.reserve) == f"events: reserve{text}"
    assert refusal(TypeError, lambda: ring.discard(None)) == f"events: discard{text}"
    assert refusal(TypeError, lambda: ring.output(None)) == f"events: output{text}"
    assert refusal(NotLoadedError, lambda: events.lost).startswith("events is not loaded: load() or attach() a program")


def test_other_machines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    here = os.uname()
    preempts = "a kernel with PREEMPT_RT preempts the programs that write to them"
    for changed, why in (
        ((*here[:4], "aarch64"), "they take a CPU that keeps the order of its stores (x86_64), and this is aarch64"),
        ((*here[:3], "#1 SMP PREEMPT_RT 1", here[4]), preempts),
    ):
        monkeypatch.setattr(os, "uname", lambda changed=changed: os.uname_result(changed))
        ring = FastRing(Event, 8, name="R")
        assert refusal(NotSupportedError, ring.create) == (
            f"create map 'R': no FastRing on this machine: {why}. Declare a RingBuf"
        )


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.sampled_from(CPUS), st.integers(1, 5)),
            st.tuples(st.just("leave out"), st.sampled_from(CPUS), st.just(0)),
            st.tuples(st.sampled_from(("read", "drain", "view", "poll", "drain all")), st.just(0), st.integers(0, 11)),
        ),
        max_size=40,
    )
)
@settings(max_examples=60, deadline=None)
@pytest.mark.usefixtures("engine")
def test_beside_a_model(actions: list[tuple[str, int, int]]) -> None:
    """Whatever is written, left out and read: events of a CPU come in order, once; what had no room is counted."""
    require_numpy()
    model: dict[int, deque[int]] = {cpu: deque() for cpu in CPUS}
    lost = number = 0

    def took(cpu: int, value: int) -> None:
        assert model[cpu].popleft() == value

    with live(writes, leaves_out):
        for what, cpu, count in actions:
            if what == "write":
                with on(cpu):
                    for _ in range(count):
                        number += 1
                        rounds.value = number
                        room = len(model[cpu]) < ENTRIES
                        assert writes.test_run(PACKET).action == (XdpAction.PASS if room else XdpAction.DROP)
                        if room:
                            model[cpu].append(number)
                        lost += not room
            elif what == "leave out":
                with on(cpu):
                    lost += len(model[cpu]) == ENTRIES
                    leaves_out.test_run(PACKET)
            elif what == "read":
                for _ in range(count):
                    event = events.read(0)
                    if event is None:
                        assert not any(model.values())
                        break
                    assert (event.kind, event.check) == (7, 0)
                    took(event.cpu, event.number)
            elif what == "poll":
                found = events.poll(lambda event: took(event.cpu, event.number), 0)
                assert not any(model.values())
                assert found >= 0
            elif what == "view":
                with events.drain(count, copy=False) as array:
                    assert len(array) <= count
                    assert bool(len(array)) == bool(count and any(model.values()))
                    assert not (len(array) and array.flags.writeable)
                    for row in array:
                        took(int(row["cpu"]), int(row["number"]))
            else:
                array = events.drain(count if what == "drain" else None)
                there = sum(map(len, model.values()))
                assert array.dtype == numpy_dtype(Event)
                assert len(array) == (min(there, count) if what == "drain" else there)
                for row in array:
                    took(int(row["cpu"]), int(row["number"]))
            assert events.pending == 24 * sum(map(len, model.values()))
            assert (events.lost, events.nested) == (lost, 0)


@pytest.mark.usefixtures("engine")
def test_the_word_that_ends_a_full_turn_is_the_first_again() -> None:
    require_numpy()
    with live(writes), on(CPUS[0]):
        for number in range(5 * ENTRIES + 3):
            rounds.value = number
            writes.test_run(PACKET)
            rounds.value = number + 1000
            writes.test_run(PACKET)
            assert [each.number for each in (events.read(0), events.read(0)) if each] == [number, number + 1000]
        assert events.drain().size == events.lost == 0


def test_a_program_in_the_middle_of_an_event(netns: Namespace) -> None:
    """What comes in between on the same CPU loses its own event, which is counted, and harms no other one."""
    require_kernel((6, 6), "TCX links")
    with live(sends_a_copy_in_the_middle, outputs_too), netns.entered():
        other_interface.value = int(netns.ip("-oneline", "link", "show", "dev", netns.near).split(":")[0])
        with outputs_too.attach(netns.near):
            assert sends_a_copy_in_the_middle.test_run(PACKET).action is TcAction.OK
        assert rounds.value == 28  # ENOSPC
        assert (events.lost, events.nested) == (1, 1)
        found = list(iter(lambda: events.read(0), None))
        assert [(each.number, each.check) for each in found] == [(1, 2)]
        assert outputs_too.test_run(PACKET).action is TcAction.OK
        event = events.read(0)
        assert event is not None
        assert (event.number, rounds.value, events.lost) == (99, 0, 1)


def test_a_map_with_fewer_entries_than_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made by somebody else it may have no ring for a CPU: the first ring counts what is lost."""
    require_numpy()
    if len(CPUS) < 2:
        pytest.skip("this machine has one CPU")
    monkeypatch.setattr("osmia.loader.maps.possible_cpus", lambda: (0,))
    try:
        events.create()
        with live(writes):
            with on(CPUS[1]):
                assert [writes.test_run(PACKET).action for _ in range(3)] == [XdpAction.DROP] * 3
            with on(0):
                assert writes.test_run(PACKET).action is XdpAction.PASS
            assert (events.lost, events.nested, len(events.drain())) == (3, 0, 1)
    finally:
        events.close()


def produce(turns: int, cpu: int) -> None:
    """Write events on a CPU, 500 a turn."""
    os.sched_setaffinity(0, {cpu})
    for _ in range(turns):
        writes_many.test_run(PACKET)


def started(what: Callable[[], object]) -> int:
    """A child that does it, by its process id."""
    child = os.fork()
    if child == 0:
        try:
            what()
        finally:
            os._exit(0)
    return child


def checked(array: Any, last: dict[int, int]) -> int:
    """How many events there are, whose contents and order are as they were written."""
    assert ((array["number"] ^ SECRET) == array["check"]).all()
    assert (array["kind"] == 7).all()
    for cpu in set(array["cpu"].tolist()):
        mine = array["number"][array["cpu"] == cpu]
        assert (mine[1:] > mine[:-1]).all()
        assert mine[0] > last.get(cpu, 0)
        last[cpu] = int(mine[-1])
    return len(array)


@pytest.mark.parametrize("how", ["drains", "stalls", "views", "is stopped"])
def test_what_is_received_and_what_is_lost_is_what_was_sent(how: str, request: pytest.FixtureRequest) -> None:
    """Two CPUs write; nothing is lost that is not counted, with readers that are slow, stopped, or look in place."""
    require_numpy()
    turns = 10_000 if request.config.getoption("--full") else 300
    with live(writes_many):
        going = {started(partial(produce, turns, cpu)) for cpu in CPUS}
        last: dict[int, int] = {}
        received = 0
        while True:
            for child in [*going]:
                if os.waitpid(child, os.WNOHANG)[0]:
                    going.discard(child)
            over = not going
            if how == "is stopped" and going:
                child = random.choice([*going])
                os.kill(child, signal.SIGSTOP)
                received += checked(large.drain(), last)
                os.kill(child, signal.SIGCONT)
            if how == "views":
                with large.drain(copy=False) as array:
                    found = checked(array, last)
                    time.sleep(0.001)
                    assert ((array["number"] ^ SECRET) == array["check"]).all()
                received += found
                over = over and not found
            else:
                received += checked(large.drain(), last)
            if over:
                break
            if how == "stalls":
                time.sleep(0.05)
        sent = sum(int(each) for each in numbers[0])
        assert sent == turns * 500 * len(CPUS)
        assert received + large.lost == sent
        assert large.nested == 0
        assert len(last) == len(CPUS)


def test_a_reader_that_is_stopped_and_one_that_follows_a_killed_one() -> None:
    """Positions lie in the map: a reader goes on where the one before it was ended."""
    require_numpy()
    with live(writes_many):
        ends = os.pipe()

        def reads() -> None:
            last: dict[int, int] = {}
            count = 0
            while True:
                taken = checked(large.drain(1000), last)
                count += taken
                os.write(ends[1], count.to_bytes(8, "little") if taken else b"")

        for cpu in CPUS:
            with on(cpu):
                writes_many.test_run(PACKET)
        reader = started(reads)
        try:
            counted = int.from_bytes(os.read(ends[0], 8), "little")
            os.kill(reader, signal.SIGSTOP)
            with on(CPUS[0]):
                for _ in range(40):
                    writes_many.test_run(PACKET)
            os.kill(reader, signal.SIGCONT)
            sent = sum(int(each) for each in numbers[0])
            while counted + large.lost < sent:
                counted = int.from_bytes(os.read(ends[0], 8), "little")
            assert (counted + large.lost, large.lost > 0) == (sent, True)
        finally:
            os.kill(reader, signal.SIGKILL)
            os.waitpid(reader, 0)
            for each in ends:
                os.close(each)
        lost = large.lost
        with on(CPUS[0]):
            writes_many.test_run(PACKET)
        assert (len(large.drain()), large.lost) == (500, lost)


def writer(turns: int, pause: Callable[[], None]) -> None:
    """Write an event, and wait until it was read, again and again."""
    os.sched_setaffinity(0, {CPUS[-1]})
    reader = events.handle(events.backend)
    for _ in range(turns):
        pause()
        writes.test_run(PACKET)
        end = time.monotonic() + 20
        while reader.pending and time.monotonic() < end:
            os.sched_yield()


def test_no_waking_is_missed() -> None:
    """Events come at all moments of a reader's falling asleep."""
    turns = 2000
    with live(writes):
        events.fileno()

        def pause() -> None:
            end = time.perf_counter() + random.random() * 0.000_4
            while time.perf_counter() < end:
                pass

        child = started(partial(writer, turns, pause))
        try:
            for turn in range(turns):
                event = events.read(10)
                assert event is not None, f"no event in round {turn}: the reader was not woken"
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        assert events.read(0) is None


@pytest.mark.usefixtures("engine")
def test_a_descriptor_for_any_event_loop() -> None:
    """It is readable while something is there, and not for long where nothing is."""
    require_numpy()
    with live(writes), select.epoll() as loop:
        loop.register(events.fileno(), select.EPOLLIN)
        for turn in range(50):
            resting(loop)
            for _ in range(turn % 3 + 1):
                writes.test_run(PACKET)
            for _ in range(turn % 3 + 1):
                assert loop.poll(5), "it is not readable, and something is there"
                assert events.read(0) is not None
        writes.test_run(PACKET)
        assert loop.poll(5)
        assert len(events.drain()) == 1
        resting(loop)


def resting(loop: select.epoll) -> None:
    """Read until the descriptor says that nothing is there."""
    end = time.monotonic() + 5
    while loop.poll(0):
        assert events.drain().size == 0
        assert time.monotonic() < end, "it is readable, and nothing is there"


def test_before_it_rests_a_reader_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that did not see that it was to ring has written before the second look."""
    with live(writes):
        reader = events._opened()
        events.fileno()
        quiet, arm = reader.arm, type(reader).arm
        assert quiet == reader.arm

        def arms_unseen(of: Any) -> None:
            arm(of)
            for place in range(9, of.cpus * of.words, of.words):
                of.memory.numbers[place] = 0  # as if programs had not seen it yet
            monkeypatch.undo()
            writes.test_run(PACKET)

        monkeypatch.setattr(type(reader), "arm", arms_unseen)
        assert events.read(0) is not None
        assert reader.doorbell is not None
        assert not reader.doorbell.settled
        time.sleep(2 * doorbell.SETTLED)
        for place in range(9, reader.cpus * reader.words, reader.words):
            reader.memory.numbers[place] = 0
        writes.test_run(PACKET)
        assert events.read(0) is not None
        assert not reader.doorbell.settled


def test_it_rests_when_what_was_stored_is_seen_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(doorbell, "monotonic", lambda: now)
    with live(writes), select.epoll() as loop:
        loop.register(events.fileno(), select.EPOLLIN)
        for later, readable in ((0.0, True), (doorbell.SETTLED * 0.9, True), (doorbell.SETTLED * 1.1, False)):
            now = 100 + later
            assert events.read(0) is None
            assert bool(loop.poll(0)) is readable


@pytest.mark.usefixtures("engine")
def test_a_program_rings_once() -> None:
    """An event that comes before the reader has looked costs no bell."""
    require_numpy()
    with live(writes), on(CPUS[0]):
        bell = events.bell.backend.ring()
        for rung in (0, 1, 1):  # nobody has asked for it; asked; not asked again
            writes.test_run(PACKET)
            assert bell.produced[0] == rung * 16
            if not rung:
                events.fileno()
                assert len(events.drain()) == 1
                assert events.read(0) is None


def test_a_reader_that_waits_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks a few times, however long it waits, and takes no CPU then."""
    looks = 0
    rest = doorbell.Doorbell.rest

    def counted(of: Any) -> bool:
        nonlocal looks
        looks += 1
        return rest(of)

    with live(writes):
        assert events.read(0.05) is None
        monkeypatch.setattr(doorbell.Doorbell, "rest", counted)
        before = time.thread_time()
        assert events.read(2) is None
        assert looks <= 3
        assert time.thread_time() - before < 0.02  # 1 %, on a machine that is busy; at rest it is a tenth of that


@pytest.mark.usefixtures("engine")
def test_iterating_in_another_thread_and_stopping() -> None:
    with live(writes):
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.extend(event.number for event in events))
        thread.start()
        for number in range(100):
            rounds.value = number
            with on(CPUS[number % len(CPUS)]):
                while writes.test_run(PACKET).action is XdpAction.DROP:
                    time.sleep(0.001)
        while events.pending:
            time.sleep(0.001)
        events.stop()
        thread.join(10)
        assert not thread.is_alive()
        assert sorted(set(found)) == list(range(100))


@pytest.mark.usefixtures("engine")
def test_closing_while_it_is_read() -> None:
    with live(writes):
        over = threading.Event()

        def reads() -> None:
            assert list(events) == []
            over.set()

        thread = threading.Thread(target=reads)
        thread.start()
        time.sleep(0.05)
        events.close()
        thread.join(10)
        assert over.is_set()


@pytest.mark.usefixtures("engine")
def test_two_rings_in_asyncio() -> None:
    async def main() -> tuple[int, int]:
        async def first() -> int:
            count = 0
            async for event in events:
                assert event.kind == 7
                count += 1
                if count == 5:
                    break
            return count

        async def many() -> int:
            count = 0
            async for _ in large:
                count += 1
                if count == 1000:
                    break
            return count

        async def writing() -> None:
            for _ in range(5):
                writes.test_run(PACKET)
                await asyncio.sleep(0.01)
            writes_many.test_run(PACKET)
            await asyncio.sleep(0.01)
            writes_many.test_run(PACKET)

        one, other, _ = await asyncio.wait_for(asyncio.gather(first(), many(), writing()), 20)
        return one, other

    with live(writes, writes_many):
        assert asyncio.run(main()) == (5, 1000)


def test_two_readers_and_forked_children() -> None:
    with live(writes):
        other = events.handle(events.backend)
        with on(CPUS[0]):
            for _ in range(4):
                writes.test_run(PACKET)
            assert events.read(0) is not None
            assert other.read(0) is not None
            assert refusal(RuntimeError, lambda: events.read(0)) == (
                "events: another reader took 24 bytes of records: a ring has one reader at a time, in one process "
                "(reading again goes on behind them)"
            )
            assert events.read(0) is not None
            assert outcome(lambda: events.read(0)).text == (
                "events: the process that this one was forked from reads the ring: read it there, or fork before the "
                "ring is read"
            )
            assert events.read(0) is not None


def test_reading_while_its_memory_is_looked_at() -> None:
    require_numpy()
    with live(writes), on(CPUS[0]):
        for _ in range(3):
            writes.test_run(PACKET)
        assert events.read(0) is not None
        with events.drain(1, copy=False) as array:
            assert len(array) == 1
            for reads in (lambda: events.read(0), events.drain):
                assert refusal(RuntimeError, reads) == (
                    "events: its memory is looked at: read on when that `with` block has ended"
                )
        assert len(events.drain()) == 1


def test_a_signal_handler_that_reads_before_its_memory_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    require_numpy()
    from osmia.maps import fast_arrays

    look: Any = fast_arrays._look
    read: list[Any] = []

    def read_since(reader: Any, most: int | None) -> Any:
        found = look(reader, most)
        if not read:
            read.append(large.read(0))
        return found

    monkeypatch.setattr(fast_arrays, "_look", read_since)
    with live(writes_many), on(CPUS[0]):
        writes_many.test_run(PACKET)
        with large.drain(50, copy=False) as array:
            numbers = array["number"].tolist()
        assert len(numbers) == 50
        assert numbers[0] == read[0].number + 1
        behind = large.read(0)
        assert behind is not None
        assert behind.number == numbers[-1] + 1


@pytest.mark.usefixtures("engine")
def test_waiting_for_several_rings() -> None:
    require_numpy()
    with live(writes, writes_many):
        assert osmia.wait(events, large, timeout=0) == []
        assert osmia.wait(events, large, timeout=0.01) == []
        writes_many.test_run(PACKET)
        assert osmia.wait(events, large, timeout=10) == [large]
        writes.test_run(PACKET)
        assert osmia.wait(events, large) == [events, large]
        assert len(large.drain()) == 500
        timer = threading.Timer(0.05, lambda: writes_many.test_run(PACKET))
        timer.start()
        assert events.read(0) is not None
        assert osmia.wait(events, large, timeout=10) == [large]
        timer.join()


def test_a_signal_handler_that_reads() -> None:
    """Each event is given once, whoever interrupts whom."""
    with live(writes_many), on(CPUS[0]):
        for _ in range(30):
            writes_many.test_run(PACKET)
        found: list[int] = []

        def handler(*_: object) -> None:
            event = large.read(0)
            if event is not None:
                found.append(event.number)
            ring_in(0.0005)  # not before: where all is slow, handlers would pile up

        with alarms(handler, 0.0005):
            mine = [event.number for event in iter(lambda: large.read(0), None)]
        assert found
        assert sorted(found + mine) == list(range(1, 15001))


@pytest.mark.usefixtures("engine")
def test_a_callback_that_raises() -> None:
    def raises(event: Event) -> None:
        if event.number == 1:
            raise LookupError

    with live(writes), on(CPUS[0]):
        for number in range(3):
            rounds.value = number
            writes.test_run(PACKET)
        refusal(LookupError, lambda: events.poll(raises, 0))
        event = events.read(0)
        assert event is not None
        assert event.number == 2


def test_rings_that_are_pinned(pins: Path) -> None:
    path = pins / "ring"
    with live(writes):
        events.pin(path)
        assert sorted(each.name for each in pins.glob("ring*")) == ["ring", "ring_bell"]
        with on(CPUS[0]):
            for number in range(3):
                rounds.value = number
                writes.test_run(PACKET)
        first = events.read(0)
        assert first is not None
        assert first.number == 0
        again = FastRing(Event, ENTRIES, name="events")
        again.open(path)
        assert [each.number for each in iter(lambda: again.read(0.01), None)] == [1, 2]
        again.close()

        @struct
        class Other:
            number: u64
            check: u64
            cpu: u32
            sort: u8 = 7

        assert refusal(ObjectError, lambda: FastRing(Other, ENTRIES, name="R").open(path)) == (
            f"what is pinned at {path} does not fit R: it has other types: a value.events[] has no field sort there; "
            "it has number, check, cpu, kind"
        )
        assert refusal(ObjectError, lambda: FastRing(Event, 16, name="R").open(path)) == (
            f"what is pinned at {path} does not fit R: it has value size 320 where 512 is declared"
        )
        events.unpin(path)
        assert list(pins.glob("ring*")) == []
    shared = FastRing(Event, ENTRIES, name="events")
    shared.open(path, create=True)
    assert (shared.lost, shared.read(0.001)) == (0, None)
    shared.close()


def test_a_ring_without_its_bell() -> None:
    """Opened by a descriptor, it can be read, and not be waited for."""
    require_numpy()
    with live(writes):
        again = FastRing(Event, ENTRIES, name="again")
        again.open(fd=events.fd)
        writes.test_run(PACKET)
        assert len(again.drain()) == 1
        assert again.read(0) is None
        assert refusal(NotLoadedError, lambda: again.read(1)).startswith("again_bell is not loaded: ")
        again.close()


def test_independent_handles_and_objects(tmp_path: Path) -> None:
    with osmia.load(writes) as loaded:
        mine = loaded[events]
        loaded["writes"].test_run(PACKET)
        assert not events.live
        assert mine.read(1) is not None
        assert mine.read(0.001) is None
    from osmia.compiler import running_kernel
    from osmia.compiler.cache import object_for

    path = tmp_path / "ring.o"
    path.write_bytes(object_for((writes.request,), running_kernel()).data)
    with osmia.load(path) as loaded:
        assert sorted(loaded.maps) == [".data.rounds", "events", "events_bell"]
        loaded["writes"].test_run(PACKET)
        assert repr(loaded["events"]) == "<FastRing(24 bytes, entries=8) events, live>"
        assert loaded["events"].read(0)[20] == 7
        loaded["writes"].test_run(PACKET)
        mine = loaded[events]
        assert mine.backend.max_entries == possible_cpus()[-1] + 1
        assert mine.read(1) is not None
        assert mine.read(0.001) is None
