"""Reading arrays of perf events: each event once, in the order that was asked for, and the others counted."""

from __future__ import annotations

import asyncio
import os
import pickle
import resource
import select
import signal
import threading
import time
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from alarms import alarms, ring_in
from children import drop, outcome
from compiled import c_object
from osmia import KernelError, NotLoadedError, PerfEventArray, PerfSample, XdpAction, XdpContext, struct, u32, u64, xdp
from osmia.abi.generated import BPF_F_PRESERVE_ELEMS
from osmia.kernel.cpus import online_cpus
from osmia.kernel.perf_buffer import PerfBuffer
from perf_programs import MASK, NUMBERS, PACKET, SEEN, SORTED, Numbered, check, ended, send, send_sorted, start_senders
from refusal import refusal
from this_kernel import needs_root, require_numpy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

require_numpy()
import numpy as np  # noqa: E402 - where it can be had

TIMES = 30_000


@struct
class Small:
    number: u64
    length: u32 = 0


small = PerfEventArray(Small, pages=1)
FOUR = PerfEventArray(Small, pages=1, wakeup_events=4)
ONE_CPU = PerfEventArray(Small, max_entries=1, pages=1)
KEPT = PerfEventArray(Small, pages=1, flags=BPF_F_PRESERVE_ELEMS)
HUGE = PerfEventArray(Small, pages=1 << 24)


@xdp
def one(ctx: XdpContext) -> XdpAction:
    if small.output(Small(number=7, length=len(ctx.packet))) != 0:
        return XdpAction.DROP
    return XdpAction.PASS


@xdp
def one_with_packet(ctx: XdpContext) -> XdpAction:
    if small.output(Small(number=8, length=16), (16 << 32) | 0xFFFF_FFFF) != 0:
        return XdpAction.DROP
    return XdpAction.PASS


@xdp
def four(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP if FOUR.output(Small(number=4, length=len(ctx.packet))) != 0 else XdpAction.PASS


@xdp
def one_cpu(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP if ONE_CPU.output(Small(number=4, length=len(ctx.packet))) != 0 else XdpAction.PASS


@xdp
def keep(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP if KEPT.output(Small(number=9, length=len(ctx.packet))) != 0 else XdpAction.PASS


@xdp
def huge(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP if HUGE.output(Small(number=4, length=len(ctx.packet))) != 0 else XdpAction.PASS


PROGRAMS = {one: small, one_with_packet: small, four: FOUR, one_cpu: ONE_CPU, keep: KEPT, huge: HUGE}


@contextmanager
def loaded(program: Any, *maps: Any) -> Iterator[None]:
    program.load()
    try:
        yield
    finally:
        program.close()
        for each in maps or (PROGRAMS[program],):
            each.close()


@contextmanager
def on_cpu(cpu: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def numbered(event: Numbered) -> tuple[int, int, int]:
    return event.cpu, event.number, event.check


def by_read(held: PerfEventArray[Numbered]) -> Iterator[tuple[int, int, int]]:
    while (event := held.read(0.01)) is not None:
        yield numbered(event)


def by_read_slowly(held: PerfEventArray[Numbered]) -> Iterator[tuple[int, int, int]]:
    for count, event in enumerate(by_read(held)):
        yield event
        if count % 500 == 0:
            time.sleep(0.002)


def by_drain(held: PerfEventArray[Numbered]) -> Iterator[tuple[int, int, int]]:
    array = held.drain()
    yield from zip(array["cpu"].tolist(), array["number"].tolist(), array["check"].tolist(), strict=True)


def by_drain_of_few(held: PerfEventArray[Numbered]) -> Iterator[tuple[int, int, int]]:
    while len(array := held.drain(7)):
        yield from zip(array["cpu"].tolist(), array["number"].tolist(), array["check"].tolist(), strict=True)


def by_poll(held: PerfEventArray[Numbered]) -> Iterator[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    while held.poll(lambda event: found.append(numbered(event)), 0.01):
        pass
    yield from found


def received_while(
    children: list[int], held: Any, read: Callable[[Any], Iterator[tuple[int, int, int]]]
) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    while not ended(children):
        found += read(held)
    found += read(held)
    while held.pending:
        found += read(held)
    return found


@pytest.mark.parametrize("read", [by_read, by_read_slowly, by_drain, by_drain_of_few, by_poll])
@pytest.mark.parametrize(("program", "held"), [(send, SEEN), (send_sorted, SORTED)])
def test_every_event_of_two_cpus_arrives_or_is_counted(program: Any, held: Any, read: Any) -> None:
    with loaded(program, held, NUMBERS):
        received = received_while(start_senders(program, TIMES), held, read)
        assert {cpu for cpu, _, _ in received} == set(sorted(os.sched_getaffinity(0))[:2])
        check(received, held.lost, 2 * TIMES)
        assert held.pending == 0


def test_samples_of_two_cpus_come_in_the_order_of_time() -> None:
    with loaded(send_sorted, SORTED, NUMBERS):
        children = start_senders(send_sorted, TIMES)
        found: list[PerfSample[Numbered]] = []
        while not ended(children) or SORTED.pending:
            while (sample := SORTED.samples.read(0.01)) is not None:
                found.append(sample)
        times = [sample.time for sample in found]
        assert times == sorted(times)
        assert all(sample.cpu == sample.event.cpu for sample in found)
        check((numbered(sample.event) for sample in found), SORTED.lost, 2 * TIMES)
        changes = sum(first.cpu != second.cpu for first, second in pairwise(found))
        assert changes > 10  # the two ran at the same time


@pytest.mark.parametrize(("program", "held"), [(send, SEEN), (send_sorted, SORTED)])
def test_arrays_of_samples(program: Any, held: Any) -> None:
    with loaded(program, held, NUMBERS):
        children = start_senders(program, TIMES)
        found = [held.samples.drain()]
        while not ended(children) or held.pending:
            found.append(held.samples.drain())
        whole = np.concatenate(found)
        assert (whole["cpu"] == whole["event"]["cpu"]).all()
        assert (whole["event"]["number"] ^ np.uint64(MASK) == whole["event"]["check"]).all()
        for cpu in set(whole["cpu"].tolist()):
            assert (np.diff(whole["event"]["number"][whole["cpu"] == cpu].astype("i8")) > 0).all()
        if held is SORTED:
            assert (np.diff(whole["time"].astype("i8")) >= 0).all()
        assert len(whole) + held.lost == 2 * TIMES


@needs_root("loads programs")
@pytest.mark.parametrize(("program", "held"), [(send, SEEN), (send_sorted, SORTED)])
def test_a_reader_that_is_stopped_for_a_while(program: Any, held: Any) -> None:
    read_end, write_end = os.pipe()
    reader = os.fork()
    if reader == 0:
        try:
            program.load()
            os.write(write_end, b"+")
            received = received_while(start_senders(program, TIMES), held, by_read)
            os.write(write_end, pickle.dumps((check(received, held.lost, 2 * TIMES), held.lost)))
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        assert pipe.read(1) == b"+"
        # Most of the time, whenever the senders come to it: how long they take to start is not known.
        while not select.select([pipe], [], [], 0.02)[0]:
            os.kill(reader, signal.SIGSTOP)
            time.sleep(0.2)
            os.kill(reader, signal.SIGCONT)
        count, lost = pickle.loads(pipe.read())
    os.waitpid(reader, 0)
    assert count + lost == 2 * TIMES
    assert lost > 0


def test_what_comes_before_the_first_reading_is_there() -> None:
    one.test_run(PACKET)
    assert small.lost == 0
    before = time.monotonic_ns()
    one.test_run(PACKET)
    assert small.read() == Small(number=7, length=64)
    sample = small.samples.read(0)
    assert sample is not None
    assert (sample.event, sample.cpu in os.sched_getaffinity(0)) == (Small(number=7, length=64), True)
    assert before <= sample.time <= time.monotonic_ns()
    assert (small.read(0), small.samples.read(0), small.read(0.01), small.pending) == (None, None, None, 0)
    one.close()
    small.close()
    assert refusal(NotLoadedError, small.read) == "small is closed: load() a program that uses it"


@pytest.mark.usefixtures("engine")
def test_a_part_of_the_packet_behind_the_event() -> None:
    with loaded(one_with_packet), loaded(one, small):
        one_with_packet.test_run(PACKET)
        one.test_run(PACKET)
        one_with_packet.test_run(PACKET)
        sample = small.samples.read(0)
        assert sample is not None
        assert (sample.event, sample.packet[:16]) == (Small(number=8, length=16), PACKET[:16])
        assert len(sample.packet) <= 23
        assert small.read(0) == Small(number=7, length=64)
        one.test_run(PACKET)
        assert small.drain()["number"].tolist() == [8, 7]
        one_with_packet.test_run(PACKET)
        one_with_packet.test_run(PACKET)
        one.test_run(PACKET)
        assert small.samples.drain()["event"]["number"].tolist() == [8, 8, 7]


FOREIGN = """
static long (*bpf_perf_event_output)(void *ctx, void *map, u64 flags, void *data, u64 size) = (void *)25;
struct { __uint(type, 4); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 64); } events SEC(".maps");
SEC("xdp") int writes(struct xdp_md *ctx) {
    u64 event[2] = {7, 64};
    bpf_perf_event_output(ctx, &events, 0xffffffff, event, sizeof(event));
    return 2;
}
"""


def test_what_programs_of_others_write(monkeypatch: pytest.MonkeyPatch) -> None:
    events = PerfEventArray(Small, max_entries=64, pages=1, name="events")
    with osmia.load(c_object(FOREIGN)) as other:
        other["writes"].test_run(PACKET)
        found = other["events"].read(0)
        assert found[:16] == (7).to_bytes(8, "little") + (64).to_bytes(8, "little")
        assert repr(other["events"]) == "<PerfEventArray(0 bytes, max_entries=64) events, live>"
        assert other["events"].lost == 0
    for tells_lost in (True, False):
        with osmia.load(c_object(FOREIGN)) as other:
            typed = other[events]
            with on_cpu(0):
                other["writes"].test_run(PACKET, repeat=1000)
                count = len(typed.drain())
                assert count == 102  # as many as a page holds
                if not tells_lost:  # as on kernels before 6.0, where a record says it
                    monkeypatch.setattr(PerfBuffer, "lost", lambda _self: None)
                    assert typed.lost == 0
                    other["writes"].test_run(PACKET)
                    assert typed.read(0) == Small(number=7, length=64)
                assert typed.lost == 1000 - count
    with osmia.load(c_object(FOREIGN)) as other:
        text = "events: its events are bytes of any length, which no array holds: read them one by one"
        assert refusal(TypeError, other["events"].drain) == text


@pytest.mark.usefixtures("engine")
def test_losses_that_the_kernel_tells_are_those_that_programs_count() -> None:
    with loaded(one), on_cpu(0):
        one.test_run(PACKET, repeat=1000)
        kernel = small._opened().lost
        assert (small.losses.value, kernel, small.lost) == (1000 - 102, 1000 - 102, 1000 - 102)
        assert len(small.drain()) == 102
        one.test_run(PACKET)
        assert (small.read(0), small.lost) == (Small(number=7, length=64), 1000 - 102)


def test_cpus_that_the_array_has_no_room_for() -> None:
    with loaded(one_cpu):
        with on_cpu(0):
            assert one_cpu.test_run(PACKET).action is XdpAction.PASS
        with on_cpu(max(os.sched_getaffinity(0))):
            assert one_cpu.test_run(PACKET).action is XdpAction.DROP
        assert (ONE_CPU.read(0), ONE_CPU.read(0), ONE_CPU.lost) == (Small(number=4, length=64), None, 1)


def test_perf_events_of_ones_own_and_reading_do_not_mix() -> None:
    text = (
        "small: its perf events are your own, set by `small[cpu] = event`: read those. osmia reads what it opens "
        "itself, in an array where none is set"
    )
    begun = (
        "small: osmia reads the perf events that it has opened itself. Set your own before anything reads the array, "
        "or close() it first"
    )
    with loaded(one):
        assert one.test_run(PACKET).action is XdpAction.PASS
        small.clear()
        assert one.test_run(PACKET).action is XdpAction.DROP
        for use in (small.read, small.drain, small.fileno, lambda: next(iter(small)), lambda: small.pending):
            assert refusal(RuntimeError, use) == text
        assert small.lost == 1
    with loaded(one):
        assert small.read(0) is None
        for change in (small.clear, lambda: small.update(0, 0), lambda: small.__delitem__(0)):
            assert refusal(RuntimeError, change) == begun


def after(seconds: float, do: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        time.sleep(seconds)
        do()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.usefixtures("engine")
def test_a_reader_that_waits_is_woken() -> None:
    with loaded(one):
        waiting = after(0.1, lambda: one.test_run(PACKET))
        begin = time.monotonic()
        assert small.read(30) == Small(number=7, length=64)
        assert time.monotonic() - begin < 10
        waiting.join()
        begin = time.monotonic()
        assert small.read(0.1) is None
        assert 0.09 < time.monotonic() - begin < 10


@pytest.mark.parametrize(("events", "woken"), [(3, False), (4, True)])
@pytest.mark.usefixtures("engine")
def test_a_reader_that_only_every_fourth_event_wakes(events: int, woken: bool) -> None:
    with loaded(four), on_cpu(0):
        timeout = 60 if woken else 3
        begin = time.monotonic()
        waiting = after(0.1, lambda: [four.test_run(PACKET) for _ in range(events)])
        assert FOUR.read(timeout) == Small(number=4, length=64)  # what did not wake it, it finds at the end
        assert (time.monotonic() - begin < timeout) == woken
        waiting.join()
        assert FOUR.drain().tolist() == [(4, 64)] * (events - 1)


@pytest.mark.usefixtures("engine")
def test_an_event_loop_of_ones_own() -> None:
    with loaded(one):
        poll = select.poll()
        poll.register(small.fileno(), select.POLLIN)
        assert small.samples.fileno() == small.fileno()
        assert poll.poll(10) == []
        one.test_run(PACKET)
        assert poll.poll(1000) == [(small.fileno(), select.POLLIN)]
        assert small.read(0) is not None
        assert poll.poll(10) == []


@pytest.mark.usefixtures("engine")
def test_asyncio() -> None:
    async def first(count: int, events: Any) -> list[Any]:
        found = []
        async for event in events:
            found.append(event)
            if len(found) == count:
                break
        return found

    async def both() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, lambda: [one.test_run(PACKET) for _ in range(3)])
        assert await asyncio.wait_for(first(3, small), 30) == [Small(number=7, length=64)] * 3
        loop.call_later(0.05, lambda: one.test_run(PACKET))
        (sample,) = await asyncio.wait_for(first(1, small.samples), 30)
        assert sample.event == Small(number=7, length=64)
        loop.call_later(0.05, small.stop)
        assert await asyncio.wait_for(first(1, small), 30) == []

    with loaded(one):
        asyncio.run(both())


@pytest.mark.usefixtures("engine")
def test_stop_and_close_end_what_reads() -> None:
    one.load()
    for end in (small.stop, small.close):
        waiting = after(0.05, end)
        assert list(small) == []
        waiting.join()
    one.close()


@pytest.mark.usefixtures("engine")
def test_a_callback_that_raises() -> None:
    with loaded(one):
        for _ in range(3):
            one.test_run(PACKET)

        def fail(event: Small) -> None:
            raise ZeroDivisionError(event.number)

        assert refusal(ZeroDivisionError, lambda: small.poll(fail)) == "7"
        found: list[PerfSample[Small]] = []
        assert small.samples.poll(found.append) == 2
        assert [each.event.number for each in found] == [7, 7]
        assert small.poll(fail, timeout=0) == 0


@pytest.mark.parametrize("other", [by_read, by_drain, by_drain_of_few])
@pytest.mark.parametrize(("program", "held"), [(send, SEEN), (send_sorted, SORTED)])
def test_threads_share_the_events(program: Any, held: Any, other: Any) -> None:
    with loaded(program, held, NUMBERS):
        children = start_senders(program, TIMES // 4)
        done = threading.Event()
        found: list[list[tuple[int, int, int]]] = [[], []]

        def read(into: list[tuple[int, int, int]], how: Any) -> None:
            while not done.is_set() or held.pending:
                into += how(held)

        threads = [
            threading.Thread(target=read, args=arguments) for arguments in zip(found, (by_read, other), strict=True)
        ]
        for each in threads:
            each.start()
        while not ended(children):
            time.sleep(0.01)
        done.set()
        for each in threads:
            each.join()
        check(found[0], held.lost + len(found[1]), TIMES // 2)
        check(found[1], held.lost + len(found[0]), TIMES // 2)
        assert len({*found[0], *found[1]}) == len(found[0]) + len(found[1])


@pytest.mark.parametrize("read", [by_read, by_drain])
@pytest.mark.parametrize(("program", "held"), [(send, SEEN), (send_sorted, SORTED)])
def test_a_signal_handler_reads_too(program: Any, held: Any, read: Any) -> None:
    with loaded(program, held, NUMBERS):
        handled: list[tuple[int, int, int]] = []

        def handle(*_: object) -> None:
            event = held.read(0)
            if event is not None:
                handled.append(numbered(event))
            ring_in(0.001)

        with alarms(handle, 0.001):
            received = received_while(start_senders(program, TIMES // 2), held, read)
        assert handled
        assert len({*received, *handled}) == len(received) + len(handled)
        assert len(received) + len(handled) + held.lost == TIMES


@pytest.mark.usefixtures("engine")
def test_ctrl_c_ends_a_waiting_reader_and_loses_nothing() -> None:
    with loaded(one):
        one.test_run(PACKET)
        events = iter(small)
        assert next(events) == Small(number=7, length=64)
        with pytest.raises(KeyboardInterrupt), alarms(signal.default_int_handler, 0.1):
            next(events)
        one.test_run(PACKET)
        assert small.read(0) == Small(number=7, length=64)


def test_a_forked_process_cannot_read_it() -> None:
    with loaded(one):
        for _ in range(3):
            one.test_run(PACKET)
        assert small.read(0) == Small(number=7, length=64)  # those behind it are made ready, too
        for use in (lambda: small.read(0), small.drain, lambda: small.samples.read(0), lambda: small.pending):
            found = outcome(use)
            assert (found.error, found.text) == (
                "RuntimeError",
                "small: its buffers are those of the process that this one was forked from: read it there, or load it "
                "in the forked one",
            )
        assert outcome(small.close).error == ""
        assert small.read(0) == Small(number=7, length=64)
        assert small.read(0) == Small(number=7, length=64)


def test_a_pinned_array_is_read_by_who_began_last(pins: Path) -> None:
    with loaded(keep):
        path = pins / "kept"
        KEPT.pin(path)
        keep.test_run(PACKET)
        other = PerfEventArray(Small, max_entries=KEPT.backend.max_entries, pages=1, flags=BPF_F_PRESERVE_ELEMS)
        other.open(path)
        keep.test_run(PACKET)  # opening alone takes nothing away from who reads
        assert [KEPT.read(0), KEPT.read(0), KEPT.read(0)] == [Small(number=9, length=64)] * 2 + [None]
        assert other.read(0) is None
        keep.test_run(PACKET)
        assert (other.read(0), KEPT.read(0), other.lost) == (Small(number=9, length=64), None, 0)
        other.close()
        assert keep.test_run(PACKET).action is XdpAction.DROP  # the event stays, without a buffer
        assert KEPT.lost == 1
        again = PerfEventArray(Small, max_entries=KEPT.backend.max_entries, pages=1, flags=BPF_F_PRESERVE_ELEMS)
        again.open(path)
        assert again.read(0) is None
        keep.test_run(PACKET)
        assert (again.read(0), again.lost) == (Small(number=9, length=64), 1)
        again.close()
        KEPT.unpin(path)


def test_the_reader_goes_with_its_process() -> None:
    one.load()

    def read_elsewhere() -> None:
        array = PerfEventArray(Small, max_entries=small.backend.max_entries, pages=1)
        array.open(fd=small.fd)
        array.read(0)

    assert outcome(read_elsewhere).error == ""
    one.test_run(PACKET)
    assert small.lost == 1  # what that process had set went with it
    one.close()
    small.close()


def created_and_read(pages: int) -> Any:
    array = PerfEventArray(u64, max_entries=64, pages=pages, name="array")
    array.create()
    return array.read(0)


def little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (1 << 16, 1 << 16))


def no_more_files() -> None:
    import osmia.kernel.errors  # importing takes a file too
    import osmia.kernel.features  # noqa: F401

    # The lowest free numbers are taken next: the array, its count of losses, and each CPU's event. None is left to map.
    free = [os.dup(0) for _ in range(2 + len(online_cpus()))]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(free) + 1,) * 2)
    for number in free:
        os.close(number)


@needs_root("loads programs")
@pytest.mark.parametrize(
    ("pages", "before", "error", "text"),
    [
        (
            1,
            (drop("CAP_PERFMON"),),
            "PermissionDeniedError",
            "cannot open a perf event for each CPU to read 'array': this process is root but lacks CAP_PERFMON: what "
            "started it, such as a container, took that away",
        ),
        (
            1 << 14,
            (little_memory, drop("CAP_IPC_LOCK", "CAP_SYS_RESOURCE")),
            "KernelError",
            "cannot take the 16384 pages of each CPU's buffer of 'array' into memory: they are more than this user may "
            "lock. Take fewer (pages=), raise /proc/sys/kernel/perf_event_mlock_kb, or give the process CAP_IPC_LOCK "
            "(EPERM)",
        ),
        (
            1 << 24,
            (),
            "KernelError",
            "cannot take the 16777216 pages of each CPU's buffer of 'array' into memory: there is no memory for them: "
            "take fewer, with pages= (ENOMEM)",
        ),
        (
            1,
            (no_more_files,),
            "KernelError",
            "cannot take the 1 pages of each CPU's buffer of 'array' into memory: each CPU takes two file descriptors, "
            "and this process has no more: raise `ulimit -n` (EMFILE)",
        ),
    ],
)
def test_who_may_not_read(pages: int, before: Any, error: str, text: str) -> None:
    found = outcome(lambda: created_and_read(pages), *before)
    assert (found.error, found.text) == (error, text)


def test_an_array_that_cannot_be_read_does_its_programs_no_harm() -> None:
    huge.load()
    try:
        assert huge.test_run(PACKET).action is XdpAction.DROP
        assert HUGE.lost == 1
        assert refusal(KernelError, HUGE.read).endswith("take fewer, with pages= (ENOMEM)")
    finally:
        huge.close()
        HUGE.close()
