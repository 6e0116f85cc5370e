"""User ring buffers: what user code writes reaches a program, in its order and whole, whatever else happens."""

from __future__ import annotations

import errno
import gc
import os
import random
import signal
import struct as layout
import sys
import threading
import time
from collections import deque
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bpf_file_system
import osmia
from live_maps import live, machine
from osmia import (
    Array,
    FixedArray,
    Global,
    HashMap,
    KernelError,
    NotLoadedError,
    ObjectError,
    OsmiaError,
    Queue,
    TracepointContext,
    UserRingBuf,
    XdpAction,
    XdpContext,
    array,
    func,
    i64,
    numpy_dtype,
    struct,
    tracepoint,
    u8,
    u32,
    u64,
    xdp,
)
from osmia.compiler import Target
from osmia.compiler.build import checked_unit, generate
from osmia.kernel.features import kernel_version
from osmia.maps import producing
from osmia.maps.live import owner_of
from refusal import refusal
from this_kernel import require_kernel, require_numpy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia import Machine

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root"), pytest.mark.usefixtures("engine")]

PACKET = bytes(64)
CPUS = pytest.mark.parametrize("cpu", ["v1", "v3", "v4"])


@pytest.fixture(autouse=True)
def _kernel() -> None:
    require_kernel((6, 1), "user ring buffers")


@struct
class Command:
    kind: u32
    amount: u64 = 7


@struct
class Odd:
    """12 bytes, of which a ring makes 24."""

    number: u32 = 0
    more: FixedArray[u32] = array(u32, 2)


@struct
class Large:
    number: u64 = 0
    data: FixedArray[u8] = array(u8, 3000)


@struct
class TooLarge:
    data: FixedArray[u8] = array(u8, 5000)


@struct(frozen=True)
class Fixed:
    number: u64


commands = UserRingBuf(Command, size=4096)
odd = UserRingBuf(Odd, size=4096)
numbers = UserRingBuf(u64, size=4096)
large = UserRingBuf(Large, size=1 << 16)
taken = Queue(u64, max_entries=1 << 16)
out = Array(i64, max_entries=4)
stop_at = Global(u64)
flags = Global(u32)


@xdp(on_error=XdpAction.TX)
def take(_ctx: XdpContext) -> XdpAction:
    """Put amounts into the queue, up to one of kind 9; say how many there were and their sum."""
    total = 0

    def one(command: Command) -> bool:
        nonlocal total
        total += command.amount
        taken.push(command.amount)
        return command.kind == 9

    out[0] = commands.drain(one)
    out[1] = total
    return XdpAction.PASS


@xdp(on_error=XdpAction.TX)
def take_odd(_ctx: XdpContext) -> XdpAction:
    left = stop_at.value

    def one(record: Odd) -> bool:
        nonlocal left
        taken.push(record.number + record.more[0] + record.more[1])
        left -= 1
        return left == 0

    out[0] = odd.drain(one, flags.value)
    return XdpAction.PASS


@xdp(on_error=XdpAction.TX)
def take_numbers(_ctx: XdpContext) -> XdpAction:
    out[0] = numbers.drain(lambda number: pushed(number))
    return XdpAction.PASS


def pushed(number: int) -> None:
    taken.push(number)


@xdp(on_error=XdpAction.TX)
def take_large(_ctx: XdpContext) -> XdpAction:
    def one(record: Large) -> None:
        record.data[0] += 1  # in the ring's own memory
        taken.push(record.number + record.data[0] + record.data[2999])

    out[0] = large.drain(one)
    return XdpAction.PASS


@contextmanager
def running(program: Any, cpu: str = "") -> Iterator[Any]:
    target = Target(cpu or ("v4" if kernel_version() >= (6, 6) else "v3"), min((6, 18), kernel_version()))
    if target.cpu == "v4" and kernel_version() < (6, 6):
        pytest.skip("this kernel has not the instructions of v4")
    with osmia.load(program, target=target, engine=machine()) as loaded:
        yield loaded


def drained(loaded: Any) -> tuple[int, list[int]]:
    """Run the program once: what its drain gave, and what it has taken."""
    (name,) = loaded.programs
    assert loaded[name].test_run(PACKET).action == XdpAction.PASS
    found: list[int] = []
    while (number := loaded[taken].pop()) is not None:
        found.append(number)
    return loaded[out][0], found


@CPUS
def test_a_thousand_commands_reach_a_program(cpu: str) -> None:
    with running(take, cpu) as loaded:
        ring, sent, seen = loaded[commands], [], []
        for number in range(1000):
            ring.output(Command(kind=number % 5, amount=number * 3))
            sent.append(number * 3)
            if number % 100 == 99:
                count, found = drained(loaded)
                assert (count, loaded[out][1]) == (100, sum(found))
                seen += found
        assert seen == sent
        assert drained(loaded) == (0, [])


@tracepoint("syscalls", "sys_enter_getppid")
def on_getppid(_ctx: TracepointContext) -> None:
    def one(command: Command) -> None:
        taken.push(command.amount)

    out[0] = commands.drain(one)


@pytest.mark.kernel_only("it attaches a program")
def test_a_thousand_commands_reach_a_program_that_an_event_starts() -> None:
    with running(on_getppid) as loaded, loaded["on_getppid"].attach():
        seen = []
        for start in range(0, 1000, 125):
            many = [Command(kind=1, amount=number) for number in range(start, start + 125)]
            loaded[commands].output_many(many)
            os.getppid()
            assert loaded[out][0] == 125
            seen += [loaded[taken].pop() for _ in range(125)]
        assert seen == list(range(1000))
        assert loaded[taken].pop() is None
    assert refusal(NotLoadedError, lambda: commands.output(Command(kind=1))) == (
        "commands is not loaded: load() or attach() a program that uses it, take the handle that load() gives, "
        "create() it, or open() the path where it is pinned"
    )


def test_true_stops_and_the_rest_stays() -> None:
    with running(take) as loaded:
        ring = loaded[commands]
        ring.output_many([Command(kind=kind, amount=kind) for kind in (1, 2, 9, 4, 9, 6)])
        assert drained(loaded) == (3, [1, 2, 9])
        assert drained(loaded) == (2, [4, 9])
        assert drained(loaded) == (1, [6])


def test_numbers_and_records_larger_than_the_stack() -> None:
    with running(take_numbers) as loaded:
        ring = loaded[numbers]
        ring.output((1 << 64) - 1)
        with ring.reserve() as number:
            assert number.value == 0
            number.value = 5
            number.value += 1
        ring.output_many(range(3))
        assert drained(loaded) == (5, [(1 << 64) - 1, 6, 0, 1, 2])
    with running(take_large) as loaded:
        record = Large(number=1000)
        record.data[0], record.data[2999] = 10, 100
        loaded[large].output(record)
        with loaded[large].reserve() as view:
            view.number = 7
            view.data[2999] = 1
        assert drained(loaded) == (2, [1111, 9])


def test_records_that_are_filled_in_where_they_lie() -> None:
    with running(take) as loaded:
        ring = loaded[commands]
        with ring.reserve() as command:
            assert (command.kind, command.amount) == (0, 7)
            command.amount = 1
            ring.output(Command(kind=1, amount=2))
            # The kernel takes nothing past a record that is not finished.
            assert drained(loaded) == (0, [])
        assert drained(loaded) == (2, [1, 2])
        with ring.reserve() as command, ring.reserve() as other:
            command.amount, other.amount = 3, 4
            ring.discard(command)
            text = "commands: this record was discarded: reserve another one"
            assert refusal(RuntimeError, lambda: setattr(command, "amount", 5)) == text
            assert refusal(RuntimeError, lambda: ring.discard(command)) == text
        assert drained(loaded) == (1, [4])
        assert refusal(RuntimeError, lambda: other.amount) == (
            "commands: this record was submitted when its block ended: reserve another one"
        )
        with pytest.raises(ZeroDivisionError), ring.reserve() as command:
            command.amount = 1 // (command.amount - 7)
        with ring.reserve() as command:
            assert command.amount == 7
        assert drained(loaded) == (1, [7])
        reservation = ring.reserve()
        with reservation:
            pass
        assert refusal(RuntimeError, reservation.__enter__) == (
            "commands: a reservation is taken once: call reserve() again"
        )


def test_a_record_that_nobody_can_end_any_more_is_discarded() -> None:
    """As where an interrupt comes between the reservation and the block."""
    with running(take) as loaded:
        ring = loaded[commands]
        ring.reserve().__enter__()
        gc.collect()
        ring.output(Command(kind=1, amount=2))
        assert drained(loaded) == (1, [2])


def test_a_full_ring() -> None:
    with running(take) as loaded:
        ring = loaded[commands]
        for number in range(170):  # 4096 // 24
            ring.output(Command(kind=1, amount=number))
        text = (
            "commands: there is no room for 24 bytes{}: kernel code has not drained the ring, which has 4096 (ENOSPC); "
            "timeout= says how long to wait for that"
        )
        command = Command(kind=1)
        with pytest.raises(KernelError) as caught:
            ring.output(command)
        assert (caught.value.errno, str(caught.value)) == (errno.ENOSPC, text.format(""))
        assert refusal(KernelError, lambda: ring.reserve().__enter__()) == text.format("")
        before = time.monotonic()
        assert refusal(KernelError, lambda: ring.output(command, timeout=0.25)) == text.format(" for 0.25 seconds")
        assert 0.2 < time.monotonic() - before < 5
        assert refusal(KernelError, lambda: ring.output_many([command] * 5)) == text.replace("24", "120").format("")
        assert drained(loaded) == (170, list(range(170)))
        # All of many or none of them: what could never fit is wrong in another way.
        ring.output_many([command] * 169)
        assert refusal(KernelError, lambda: ring.output_many([command] * 2)) == text.replace("24", "48").format("")
        assert drained(loaded)[0] == 169
        assert refusal(ValueError, lambda: ring.output_many([command] * 171)) == (
            "commands: the ring has 4096 bytes, and this takes 4104 of them at once"
        )
        ring.output_many([])
        assert drained(loaded) == (0, [])


def test_a_ring_that_is_full_to_the_last_byte() -> None:
    with running(take_numbers) as loaded:
        ring = loaded[numbers]
        for start in (0, 256, 512):
            ring.output_many(range(start, start + 256))
            assert refusal(KernelError, lambda: ring.output(1)).startswith("numbers: there is no room for 16 bytes")
            assert drained(loaded) == (256, list(range(start, start + 256)))


@pytest.mark.parametrize("wakeup", [0, 1, 2])
def test_waiting_for_room(wakeup: int) -> None:
    """A drain wakes who waits; where it says that it wakes nobody, one who waits looks by himself.

    A slow drain takes the record that it has made room for, too: it has not ended when that one is written.
    """
    with running(take_odd) as loaded:
        ring = loaded[odd]
        loaded[flags].value = wakeup
        ring.output_many([Odd(number=1)] * 170)
        timer = threading.Timer(0.2, lambda: loaded["take_odd"].test_run(PACKET))
        before = time.monotonic()
        timer.start()
        ring.output(Odd(number=2), timeout=None)
        assert 0.15 < time.monotonic() - before < 5
        timer.join()
        first = loaded[out][0]
        count, found = drained(loaded)
        assert (first + count, found) == (171, [1] * 170 + [2])


def test_a_ring_that_is_closed_meanwhile() -> None:
    with running(take) as loaded:
        ring = loaded[commands]
        ring.output_many([Command(kind=1)] * 170)
        errors: list[OsmiaError] = []

        def wait() -> None:
            try:
                ring.output(Command(kind=1), timeout=None)
            except OsmiaError as error:
                errors.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.1)
        ring.close()
        waiting.join(5)
        assert not waiting.is_alive()
        assert [type(error) for error in errors] == [NotLoadedError]
        assert str(errors[0]) == "commands is closed: load() a program that uses it"
        assert (
            refusal(NotLoadedError, lambda: ring.reserve().__enter__())
            == "commands is closed: load() a program that uses it"
        )
        assert (
            refusal(NotLoadedError, lambda: ring.output_many([Command(kind=1)]))
            == "commands is closed: load() a program that uses it"
        )


def test_threads_write_at_the_same_time() -> None:
    """Each one's records come in its order, whole, and all of them."""
    each, writers = 1000, 4
    with (
        running(take_odd) as loaded,
        closing(loaded[odd].handle(loaded[odd].backend.opened(loaded[odd].info().id))) as twin,
    ):
        loaded[stop_at].value = 0

        def write(writer: int) -> None:
            ring = twin if writer % 2 else loaded[odd]  # two handles of one ring take turns too
            for number in range(each):
                if number % 7 == 0:
                    with ring.reserve(timeout=None) as record:
                        record.number = writer << 20 | number
                    continue
                ring.output(Odd(number=writer << 20 | number), timeout=None)

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for thread in threads:
                thread.start()
            seen: list[int] = []
            end = time.monotonic() + 240
            while (
                any(thread.is_alive() for thread in threads) or len(seen) < each * writers
            ) and time.monotonic() < end:
                count, found = drained(loaded)
                assert count == len(found)
                seen += found
        finally:
            sys.setswitchinterval(before)
        for writer in range(writers):
            assert [x & 0xFFFFF for x in seen if x >> 20 == writer] == list(range(each))
        assert len(seen) == each * writers


def test_numpy_arrays_are_records() -> None:
    require_numpy()
    import numpy as np

    with running(take_numbers) as loaded:
        loaded[numbers].output_many(np.arange(3, dtype=np.uint32))
        assert drained(loaded) == (3, [0, 1, 2])
    with running(take) as loaded:
        ring = loaded[commands]
        records = np.zeros(100, numpy_dtype(Command))
        records["amount"] = np.arange(100)
        ring.output_many(records)
        ring.output_many(records[::2])
        assert drained(loaded) == (150, [*range(100), *range(0, 100, 2)])
        ring.output_many(records[:0])
        assert drained(loaded) == (0, [])
        assert refusal(TypeError, lambda: ring.output_many(np.zeros(3, np.uint64))) == (
            "commands: the array of records is of a struct of kind, amount, not dtype uint64"
        )
        assert refusal(ValueError, lambda: ring.output_many(np.zeros((3, 3), numpy_dtype(Command)))) == (
            "commands: the array of records has one dimension, not 2"
        )


def test_what_is_no_record() -> None:
    ring: Any = live(UserRingBuf(Command, size=4096, name="c"))
    fixed: Any = live(UserRingBuf(Fixed, size=4096, name="f"))
    with closing(ring), closing(fixed):
        assert refusal(TypeError, lambda: ring.output(5)) == "c: a record is a Command, not int 5"
        assert refusal(TypeError, lambda: ring.output_many(5)) == (
            "c: output_many() takes a sequence or an array of records, not int 5"
        )
        assert refusal(TypeError, lambda: ring.output_many([Command(kind=1), Odd()])).startswith(
            "c: a record is a Command, not "
        )
        text = "c: timeout is a number of seconds, or None to wait, not str '1'"
        assert refusal(TypeError, lambda: ring.output(Command(kind=1), timeout="1")) == text
        assert refusal(TypeError, lambda: ring.reserve(timeout="1").__enter__()) == text
        assert refusal(ValueError, lambda: ring.output(Command(kind=1), timeout=-1)) == (
            "c: timeout is 0 or more seconds, not -1"
        )
        assert refusal(ValueError, lambda: ring.output(Command(kind=1), timeout=float("nan"))) == (
            "c: timeout is 0 or more seconds, not nan"
        )
        assert refusal(TypeError, lambda: ring.discard(Command(kind=1))).startswith(
            "c: discard() takes a record that its reserve() gave, not "
        )
        with live(UserRingBuf(Command, size=4096, name="d")).reserve() as other:
            assert refusal(TypeError, lambda: ring.discard(other)).startswith("c: discard() takes a record that its")
        assert refusal(TypeError, lambda: fixed.reserve()) == (
            "f: Fixed is frozen: write it whole, as in output(Fixed(...))"
        )
        fixed.output(Fixed(number=3))
        assert refusal(TypeError, lambda: ring.drain(print)) == (
            "c: drain() is for kernel code: user code writes to this ring"
        )
        assert refusal(TypeError, lambda: iter(ring)) == (
            "c: user code writes to this ring; kernel code reads it: drain(callback)"
        )
        assert refusal(AttributeError, lambda: ring.push(5)) == (
            "c: UserRingBuf has no operation 'push' in user code; it has reserve, discard, output, output_many"
        )
    assert refusal(TypeError, lambda: UserRingBuf(bytes, size=4096, name="b")) == (
        "b: the type of an event is one that has a place in memory, not bytes"
    )
    tiny: Any = live(UserRingBuf(TooLarge, size=4096, name="t"))
    with closing(tiny):
        text = "t: the ring has 4096 bytes, and this takes 5008 of them at once"
        assert refusal(ValueError, lambda: tiny.output(TooLarge())) == text
        assert refusal(ValueError, lambda: tiny.reserve(timeout=None).__enter__()) == text


@xdp(on_error=XdpAction.TX)
def take_wrong(_ctx: XdpContext) -> XdpAction:
    def one(command: Command) -> None:
        taken.push(command.amount)

    out[0] = commands.drain(one)
    return XdpAction.PASS


def test_records_of_another_size_are_counted_and_never_garbage() -> None:
    with running(take_wrong) as loaded:
        ring = loaded[commands]
        for data in (bytes(8), bytes(17), b"", bytes(16), bytes(24)):
            assert ring._opened().put(len(data).to_bytes(8, "little") + data.ljust((len(data) + 7) // 8 * 8, b"\0"))
        ring.output(Command(kind=1, amount=5))
        assert drained(loaded) == (6, [0, 5])
        (error,) = loaded["take_wrong"].errors()
        assert (error.problem, error.count) == ("a record of another size than Command", 4)
        assert "drain(one)" in Path(__file__).read_text().splitlines()[error.line - 1]


def test_a_ring_that_something_else_has_filled_wrong() -> None:
    with running(take) as loaded:
        producer = loaded[commands]._opened()
        producer._ring.words[0] = 4000
        producer._ring.produced[0] = 8
        assert drained(loaded) == (-errno.EINVAL, [])


@xdp(on_error=XdpAction.TX)
def nested(_ctx: XdpContext) -> XdpAction:
    def inner(number: int) -> None:
        out[1] = number

    def one(number: int) -> None:
        out[2] = numbers.drain(inner)
        assert number != 3
        taken.push(number)

    out[0] = numbers.drain(one)
    return XdpAction.PASS


def test_a_drain_in_a_drain_and_an_error_in_one() -> None:
    with running(nested) as loaded:
        ring = loaded[numbers]
        ring.output_many([1, 2])
        assert drained(loaded) == (2, [1, 2])
        assert loaded[out][2] == -errno.EBUSY
        ring.output_many([1, 3, 5])
        assert loaded["nested"].test_run(PACKET).action == XdpAction.TX
        # What was given to the function is taken out, and what is behind it is not.
        assert drained(loaded) == (1, [1, 5])


totals = HashMap(u32, u64, max_entries=8)


@func(inline=False)
def sum_up(limit: u32) -> u64:
    total: u64 = 0

    def one(number: int) -> bool:
        nonlocal total
        for _ in range(3):
            total += number
        return total > limit

    numbers.drain(one)
    return total


@xdp(on_error=XdpAction.TX)
def in_loops(_ctx: XdpContext) -> XdpAction:
    def each(key: u32, total: u64) -> bool:
        def one(number: int) -> bool:
            taken.push(number + 100)
            return True

        return numbers.drain(one) == 0

    for _ in range(2):
        out[1] = sum_up(20)
    out[0] = totals.for_each(each)
    return XdpAction.PASS


@CPUS
def test_drains_in_functions_and_loops(cpu: str) -> None:
    with running(in_loops, cpu) as loaded:
        ring = loaded[numbers]
        loaded[totals].update({1: 1, 2: 2, 3: 3})
        ring.output_many([5, 1, 2, 6, 1, 7, 8])
        assert drained(loaded) == (3, [107, 108])
        assert loaded[out][1] == 21


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("output"), st.integers(0, 1 << 30)),
        st.tuples(st.just("many"), st.lists(st.integers(0, 1 << 30), max_size=60)),
        st.tuples(st.just("reserve"), st.integers(0, 1 << 30)),
        st.tuples(st.just("discard"), st.integers(0, 1 << 30)),
        st.tuples(st.just("drain"), st.integers(0, 100)),
    ),
    max_size=40,
)


def test_against_a_queue() -> None:
    """Whatever is written, in whatever order, in a ring that goes round and is full at times."""
    with running(take_odd) as loaded:

        @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(steps=STEPS)
        def run(steps: list[tuple[str, Any]]) -> None:
            _as_a_queue(loaded, steps)

        run()


def _as_a_queue(odd_ring: Any, steps: list[tuple[str, Any]]) -> None:
    ring, room = odd_ring[odd], 4096 // 24
    model: deque[int | None] = deque()  # None for a record that was discarded
    for step, given_ in steps:
        many = given_ if step == "many" else [given_]
        fits = len(model) + len(many) <= room
        try:
            match step:
                case "output":
                    ring.output(Odd(number=given_))
                case "many":
                    ring.output_many([Odd(number=number) for number in many])
                case "reserve" | "discard":
                    with ring.reserve() as record:
                        record.more[1] = given_
                        if step == "discard":
                            ring.discard(record)
                case _:
                    odd_ring[stop_at].value = given_
                    assert drained(odd_ring)[1] == _taken(model, given_)
                    continue
        except KernelError:
            assert not fits
            continue
        assert fits
        model += [None] * len(many) if step == "discard" else many
    odd_ring[stop_at].value = 0
    assert drained(odd_ring)[1] == [each for each in model if each is not None]


def _taken(model: deque[int | None], most: int) -> list[int]:
    found: list[int] = []
    while model and not (most and len(found) == most):
        number = model.popleft()
        if number is not None:
            found.append(number)
    return found


def test_round_and_round() -> None:
    """The ring's end is no end: records lie across it."""
    generator = random.Random(5)
    with running(take_odd) as loaded:
        ring, number, pair = loaded[odd], 0, array(u32, 2)
        pair[0], pair[1] = 1, 2
        for _ in range(300):
            count = generator.randrange(170)
            ring.output_many([Odd(number=number + index, more=pair) for index in range(count)])
            assert drained(loaded) == (count, [number + index + 3 for index in range(count)])
            number += count
        assert ring._opened()._ring.produced[0] == number * 24 > 4096 * 100


def test_a_forked_child_does_not_write(capfd: pytest.CaptureFixture[str]) -> None:
    with running(take) as loaded:
        ring = loaded[commands]
        ring.output(Command(kind=1, amount=1))
        with ring.reserve() as command:
            command.amount = 2
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    try:
                        ring.output(Command(kind=1, amount=3))
                    except RuntimeError as error:
                        print(error, flush=True)
                        status = 0
                    del command
                    gc.collect()
                finally:
                    os._exit(status)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert capfd.readouterr().out == (
            "commands: one process writes to a ring, and this one was forked from it: write to it there\n"
        )
        assert drained(loaded) == (2, [1, 2])


def test_a_child_lets_go_of_a_reservation_without_ending_it() -> None:
    with running(take) as loaded:
        ring = loaded[commands]
        with ring.reserve() as command:
            command.amount = 2
            child = os.fork()
            if child == 0:
                try:
                    owner_of(command).end(discard=True)
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            assert drained(loaded) == (0, [])
        assert drained(loaded) == (1, [2])


def test_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that interrupts a write cannot write, and says so; nothing of what it interrupted is there."""
    with running(take) as loaded:
        ring = loaded[commands]
        ring.output(Command(kind=1, amount=1))
        before = signal.signal(signal.SIGUSR1, lambda *_: ring.output(Command(kind=1, amount=2)))
        order = producing.Producer._order

        def interrupted(self: Any) -> None:
            order(self)
            signal.raise_signal(signal.SIGUSR1)

        try:
            with monkeypatch.context() as patch:
                patch.setattr(producing.Producer, "_order", interrupted)
                assert refusal(RuntimeError, lambda: ring.output(Command(kind=1, amount=3))) == (
                    "commands: this interrupts what writes to the ring, and cannot write to it itself: have a signal "
                    "handler leave a note, and write the record later"
                )
        finally:
            signal.signal(signal.SIGUSR1, before)
        ring.output(Command(kind=1, amount=4))
        assert drained(loaded) == (2, [1, 4])


def test_where_stores_are_not_kept_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such machines have a lock let go and taken between data and position; here only that it is done is seen."""
    monkeypatch.setattr(producing, "ORDERED", frozenset())
    with running(take) as loaded:
        ring = loaded[commands]
        assert ring._opened()._fence.locked()
        ring.output(Command(kind=1, amount=1))
        with ring.reserve() as command:
            command.amount = 2
        assert ring._opened()._fence.locked()
        assert drained(loaded) == (2, [1, 2])


@pytest.mark.kernel_only("it pins a map, or opens one of the kernel's")
def test_a_pinned_ring(tmp_path: Path) -> None:
    with ExitStack() as stack:
        path = stack.enter_context(bpf_file_system.mounted(tmp_path / "bpf")) / "ring"
        loaded = stack.enter_context(running(take))
        loaded[commands].pin(path)
        other: Any = UserRingBuf(Command, size=8192, name="other")
        assert refusal(ObjectError, lambda: other.open(path)) == (
            f"what is pinned at {path} does not fit other: it has max_entries 4096 where 8192 is declared"
        )
        same = UserRingBuf(Command, size=4096, name="same")
        same.open(path)
        with closing(same):
            same.output(Command(kind=1, amount=5))
            loaded[commands].output(Command(kind=1, amount=6))
            assert drained(loaded) == (2, [5, 6])


def test_a_ring_of_an_object_takes_bytes(engine: Machine | None) -> None:
    unit, _ = checked_unit((take.request,))
    with osmia.load(generate(unit, Target("v3", (6, 1))), engine=engine) as loaded:
        ring: Any = loaded.maps["commands"]
        ring.output(layout.pack("<I4xQ", 1, 5))
        assert refusal(TypeError, lambda: ring.reserve()) == (
            "commands: records without a type are written whole: output(data)"
        )
        ring.output_many([layout.pack("<I4xQ", 1, 6), b"short"])
        assert loaded["take"].test_run(PACKET).action == XdpAction.PASS
        queue: Any = loaded.maps["taken"]
        assert [queue.pop() for _ in range(3)] == [5, 6, None]
        assert refusal(TypeError, lambda: ring.output(5)) == "commands: a record is bytes, not int 5"


def test_older_kernels() -> None:
    unit, _ = checked_unit((take.request,))
    with pytest.raises(osmia.CompileError) as caught:
        generate(unit, Target("v3", (5, 10)))
    assert caught.value.msg == "user_ringbuf_drain needs a newer kernel than this is compiled for"
