"""Live maps: what their calls give, and that one handle serves threads and signal handlers at once."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest

from alarms import alarms
from osmia.errors import KernelError, NotLoadedError
from osmia.kernel import bpf
from osmia.kernel.cpus import possible_cpus
from osmia.kernel.map import KernelMap
from this_kernel import needs_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CPUS = len(possible_cpus())
U32 = struct.Struct("=I")
U64 = struct.Struct("=Q")

HASH, ARRAY, PERCPU_ARRAY = 1, 2, 6
BPF_NOEXIST, BPF_EXIST = 1, 2


def make(map_type: int, entries: int = 4, key_size: int = 4, value_size: int = 8) -> KernelMap:
    fd = bpf.map_create(
        map_type=map_type, key_size=key_size, value_size=value_size, max_entries=entries, name=b"test_map"
    )
    return KernelMap(fd, key_size, value_size, map_type == PERCPU_ARRAY, entries, "test_map")


@pytest.fixture
def table() -> Iterator[KernelMap]:
    made = make(HASH)
    yield made
    made.close()


@pytest.fixture
def array() -> Iterator[KernelMap]:
    made = make(ARRAY)
    yield made
    made.close()


@needs_root("creates maps in the kernel")
def test_hash(table: KernelMap) -> None:
    key = U32.pack(7)
    assert table.lookup(key) is None
    assert table.next_key(None) is None
    assert not table.delete(key)
    table.update(key, U64.pack(1 << 63), 0)
    assert table.lookup(key) == U64.pack(1 << 63)
    assert table.next_key(None) == key
    assert table.next_key(key) is None
    assert table.delete(key)
    assert table.lookup(key) is None


@needs_root("creates maps in the kernel")
def test_walk_reaches_every_key(table: KernelMap) -> None:
    keys = {U32.pack(number) for number in range(4)}
    for key in keys:
        table.update(key, bytes(8), 0)
    walked: list[bytes] = []
    while (found := table.next_key(walked[-1] if walked else None)) is not None:
        walked.append(found)
    assert len(walked) == 4
    assert set(walked) == keys


@needs_root("creates maps in the kernel")
def test_per_cpu_layout() -> None:
    """One value for each possible CPU, each padded to 8 bytes."""
    counters = make(PERCPU_ARRAY, value_size=5)
    value = b"".join(bytes([cpu + 1] * 5) + bytes(3) for cpu in range(CPUS))
    counters.update(U32.pack(1), value, 0)
    assert counters.lookup(U32.pack(1)) == value
    assert counters.lookup(U32.pack(0)) == bytes(8 * CPUS)
    counters.close()


@needs_root("creates maps in the kernel")
def test_a_key_that_is_longer_than_the_value() -> None:
    wide = make(HASH, key_size=32, value_size=1)
    key = bytes(range(32))
    wide.update(key, b"x", 0)
    assert wide.lookup(key) == b"x"
    assert wide.next_key(None) == key
    wide.close()


def refused(call: Callable[[], object]) -> KernelError:
    with pytest.raises(KernelError) as caught:
        call()
    return caught.value


@needs_root("creates maps in the kernel")
def test_errors(table: KernelMap, array: KernelMap) -> None:
    """What the kernel refuses is said with the map's name and the key."""
    key, value = U32.pack(4), bytes(8)
    table.update(key, value, 0)
    at = "key 04 00 00 00 of map 'test_map'"
    for call, number, text in (
        (
            lambda: table.update(key, value, BPF_NOEXIST),
            errno.EEXIST,
            f"cannot write {at}: the key is there already, and the flags say that it must not be (EEXIST)",
        ),
        (
            lambda: array.update(key, value, 0),
            errno.E2BIG,
            f"cannot write {at}: the map holds 4 entries and no more (E2BIG)",
        ),
        (lambda: table.update(key, value, 64), errno.EINVAL, f"cannot write {at}: Invalid argument (EINVAL)"),
    ):
        error = refused(call)
        assert (error.errno, str(error)) == (number, text)
    error = refused(lambda: table.update(U32.pack(5), value, BPF_EXIST))
    assert str(error) == (
        "cannot write key 05 00 00 00 of map 'test_map': "
        "the key is not there, and the flags say that it must be (ENOENT)"
    )
    error = refused(lambda: array.delete(U32.pack(0)))
    assert str(error) == (
        "cannot delete key 00 00 00 00 of map 'test_map': keys of maps of this type cannot be deleted: the entries of "
        "an array are always there (EINVAL)"
    )
    # A failed update's flags do not stick to the buffers.
    table.update(key, value, 0)


@needs_root("creates maps in the kernel")
def test_full(table: KernelMap) -> None:
    for number in range(4):
        table.update(U32.pack(number), bytes(8), 0)
    error = refused(lambda: table.update(U32.pack(4), bytes(8), 0))
    assert str(error) == "cannot write key 04 00 00 00 of map 'test_map': the map holds 4 entries and no more (E2BIG)"


@needs_root("creates maps in the kernel")
def test_frozen(array: KernelMap) -> None:
    array.freeze()
    error = refused(lambda: array.update(U32.pack(0), bytes(8), 0))
    assert str(error) == (
        "cannot write key 00 00 00 00 of map 'test_map': the map does not let user code do that: it is frozen, or was "
        "made read-only or write-only (EPERM)"
    )
    assert type(error) is KernelError  # no capability is missing


@needs_root("creates maps in the kernel")
@pytest.mark.parametrize("key", [b"", b"abc", b"abcde"])
def test_keys_of_the_wrong_size(table: KernelMap, key: bytes) -> None:
    text = rf"^map 'test_map' has keys of 4 bytes, and this one has {len(key)}$"
    for call in (table.lookup, table.delete, table.next_key, lambda key: table.update(key, bytes(8), 0)):
        with pytest.raises(ValueError, match=text):
            call(key)


@needs_root("creates maps in the kernel")
@pytest.mark.parametrize("value", [b"", bytes(7), bytes(9)])
def test_values_of_the_wrong_size(table: KernelMap, value: bytes) -> None:
    with pytest.raises(ValueError, match=rf"^map 'test_map' takes values of 8 bytes, and this one has {len(value)}$"):
        table.update(U32.pack(0), value, 0)


@needs_root("creates maps in the kernel")
def test_closed(table: KernelMap) -> None:
    key = U32.pack(0)
    table.lookup(key)
    fd = table.fd
    table.close()
    table.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    for call in (
        lambda: table.lookup(key),
        lambda: table.update(key, bytes(8), 0),
        lambda: table.delete(key),
        lambda: table.next_key(None),
        lambda: table.fd,
        table.freeze,
        table.info,
    ):
        with pytest.raises(NotLoadedError, match=r"^map 'test_map' is closed: load the program that uses it again$"):
            call()
    assert repr(table) == "<KernelMap 'test_map', closed>"


@needs_root("creates maps in the kernel")
def test_an_error_does_not_keep_a_map_open(table: KernelMap) -> None:
    """The traceback of an error that the user's code keeps refers to our frames."""
    fd = table.fd
    kept = [
        refused(lambda: table.update(U32.pack(0), bytes(8), 64)),
        refused(lambda: table.update(bytes(4), bytes(8), 2)),
    ]
    table.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    assert kept


def by_index(held: KernelMap) -> Callable[[int], int | None]:
    """What reads an array's numbers."""
    return held.reader(U32.pack, U64.unpack, lambda stored: int(stored[0]), True)


@needs_root("creates maps in the kernel")
def test_an_array_is_read_by_index(array: KernelMap) -> None:
    read = by_index(array)
    for key in range(4):
        array.update(U32.pack(key), U64.pack(key + 10), 0)
    assert [read(key) for key in (0, 3, True, *range(4))] == [10, 13, 11, 10, 11, 12, 13]
    ctypes.set_errno(77)
    assert read(4) is None
    assert ctypes.get_errno() == 77
    for wrong in (-1, 1 << 32, 1.0, "1", None):
        with pytest.raises(struct.error):
            read(wrong)  # type: ignore[arg-type]
    assert read(1) == 11
    array.close()
    with pytest.raises(NotLoadedError, match="map 'test_map' is closed"):
        read(1)


@needs_root("creates maps in the kernel")
def test_what_the_kernel_refuses_is_said_of_a_read_by_index() -> None:
    flags = 1 << 4  # BPF_F_WRONLY
    fd = bpf.map_create(map_type=ARRAY, key_size=4, value_size=8, max_entries=4, flags=flags, name=b"test_map")
    held = KernelMap(fd, 4, 8, False, 4, "test_map")
    read = by_index(held)
    for _ in range(2):
        with pytest.raises(KernelError, match=r"cannot read key 01 00 00 00 of map 'test_map': .*write-only"):
            read(1)
    held.close()


@needs_root("creates maps in the kernel")
@pytest.mark.parametrize("way", ["lookup", "index"])
def test_closing_waits_for_a_call_in_progress(way: str) -> None:
    """While one thread uses a map and another closes it, no call reaches a map that took over its number."""
    for _ in range(200):
        victim = make(ARRAY)
        wrong: list[object] = []

        def use(victim: KernelMap = victim, wrong: list[object] = wrong) -> None:
            read = by_index(victim)
            try:
                while True:
                    value = victim.lookup(bytes(4)) if way == "lookup" else read(0)
                    if value != (bytes(8) if way == "lookup" else 0):
                        wrong.append(value)
                        return
            except NotLoadedError:
                return

        thread = threading.Thread(target=use)
        thread.start()
        victim.close()
        others = [make(ARRAY) for _ in range(3)]
        for other in others:
            other.update(bytes(4), b"intruder", 0)
        thread.join()
        for other in others:
            other.close()
        assert not wrong


@needs_root("creates maps in the kernel")
def test_threads_and_a_signal_handler_on_one_handle() -> None:
    """Every reader sees the value of the key that it asked for, and every miss is a miss, in 200,000 reads.

    The handler's own calls fail now and then: the error numbers of the calls that it interrupts must not suffer.
    """
    table = make(HASH, entries=64)
    expected = {U32.pack(number): U64.pack(number * 0x0101010101010101) for number in range(32)}
    for key, value in expected.items():
        table.update(key, value, 0)
    keys = [*expected, *(U32.pack(number) for number in range(1000, 1008))]
    wrong: list[object] = []
    handled = depth = 0

    def read(rounds: int) -> int:
        for _ in range(rounds):
            for key in keys:
                value = table.lookup(key)
                if value != expected.get(key):
                    wrong.append((key, value))
        return rounds * len(keys)

    def handler(number: int, frame: object) -> None:
        nonlocal handled, depth
        handled += 1
        if depth == 3:  # on a slow machine the timer is faster than the handler, which would interrupt itself for ever
            return
        depth += 1
        read(1)
        try:
            table.update(keys[0], expected[keys[0]], BPF_NOEXIST)  # EEXIST
            wrong.append("an update that must fail did not")
        except KernelError as error:
            if error.errno != errno.EEXIST:
                wrong.append(error)
        depth -= 1

    reads: list[int] = []

    def work() -> None:
        try:
            reads.append(read(2500))
        except KernelError as error:
            wrong.append(error)

    thread = threading.Thread(target=work)
    with alarms(handler, 0.001, 0.001):
        thread.start()
        work()
        thread.join()
    assert not wrong
    assert sum(reads) >= 200_000
    assert handled > 10
    table.close()


@needs_root("creates maps in the kernel")
def test_threads_and_a_signal_handler_read_by_index() -> None:
    """The same of an array, where none of them knows of another's number or error."""
    held = make(ARRAY, entries=32)
    for number in range(32):
        held.update(U32.pack(number), U64.pack(number * 0x0101010101010101), 0)
    read = by_index(held)
    keys = [*range(32), 1000]
    expected = [*(number * 0x0101010101010101 for number in range(32)), None]
    wrong: list[object] = []
    handled = 0

    def work(rounds: int = 2000) -> None:
        for _ in range(rounds):
            found = [read(key) for key in keys]
            if found != expected:
                wrong.append(found)

    def handler(number: int, frame: object) -> None:
        nonlocal handled
        handled += 1
        if handled < 1000:  # a slow machine would do nothing else
            work(1)

    thread = threading.Thread(target=work)
    with alarms(handler, 0.001, 0.001):
        thread.start()
        work()
        thread.join()
    assert not wrong
    assert handled > 10
    held.close()


def read_until(table: KernelMap, deadline: float) -> None:
    while time.monotonic() < deadline:
        assert table.lookup(bytes(4)) == bytes(8)


@needs_root("creates maps in the kernel")
def test_a_handler_that_closes_the_map_it_interrupts() -> None:
    """The interrupted call ends as it would have; the next one says that the map is closed."""
    table = make(ARRAY)

    def handler(number: int, frame: object) -> None:
        table.close()

    with pytest.raises(NotLoadedError), alarms(handler, 0.005):
        read_until(table, time.monotonic() + 10)


@needs_root("creates maps in the kernel")
def test_info(table: KernelMap) -> None:
    info = table.info()
    assert (info["type"], info["key_size"], info["value_size"], info["max_entries"]) == (HASH, 4, 8, 4)
    assert info["name"].rstrip(b"\0") == b"test_map"
    assert info["id"] > 0


@needs_root("creates maps in the kernel")
def test_maps_are_closed_on_exec(table: KernelMap) -> None:
    assert not os.get_inheritable(table.fd)
