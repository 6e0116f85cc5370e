"""The writing side of a user ring buffer: its memory, and where the next record goes.

A record is a header of 8 bytes, whose lowest 32 bits are its length and two flags, and its data, filled up to a
multiple of 8 bytes. Positions count all bytes since the ring was made. The kernel reads up to the producer's position:
records are there once that has been stored, in one access, and none is before that, whatever interrupts the writer.
"""

from __future__ import annotations

import os
from _thread import RLock, allocate_lock

from osmia.errors import KernelError, shown
from osmia.layout import layout_of
from osmia.maps.bulk import is_array, sequence
from osmia.maps.codec import Bytes
from osmia.maps.live import Memory, owner_of, reference, start_of
from osmia.maps.ring_reader import BUSY, DISCARD, HEADER, step_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from osmia.maps.backend import Buffer, MapBackend
    from osmia.maps.codec import Codec
    from osmia.maps.user_ring import UserRingBuf

NO_ROOM = 28  # ENOSPC
LONGEST_WAIT = 0.1
"""In seconds: a drain may say that it wakes nobody, and then this is how often one looks."""
ORDERED = frozenset(("x86_64", "s390x"))
"""Machines that show stores to other CPUs in the order in which they were made."""


class Turn:
    """Whose turn it is to write to a ring."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.taken = False


# By the id of a map: a ring may have several handles in a process, and one thread at a time writes to it.
_TURNS: dict[int, Turn] = {}


def framed_all(ring: UserRingBuf[Any], codec: Codec, records: Any) -> Buffer:
    """Many records as they lie in a ring. TypeError, ValueError or OverflowError for a wrong one."""
    if not is_array(records):
        return b"".join(map(ring._opened().framed, sequence(ring, records, "records", "output_many")))
    from osmia.dtypes import import_numpy
    from osmia.maps import numpy_arrays

    numpy, size = import_numpy(), codec.size
    packed = numpy_arrays.packed(ring, codec, records)
    rows: NDArray[Any] = numpy.zeros((len(records), step_of(size)), numpy.uint8)
    rows[:, :HEADER] = numpy.frombuffer(size.to_bytes(HEADER, "little"), numpy.uint8)
    if len(records):
        rows[:, HEADER : HEADER + size] = numpy.frombuffer(packed, numpy.uint8).reshape(len(records), size)
    return rows.tobytes()


class Producer:
    """A live ring, in the memory of this process."""

    def __init__(self, subject: str, backend: MapBackend, records: Codec) -> None:
        self.subject = subject
        self.size = backend.max_entries
        self._ring = backend.ring(True)
        self._turn = _TURNS.setdefault(backend.info()["id"], Turn())
        self._process = os.getpid()
        self._fence = None if os.uname().machine in ORDERED else allocate_lock()
        if self._fence is not None:
            self._fence.acquire()

        # What stands around the data of a record.
        self._records = records
        self._head, self._tail = records.size.to_bytes(HEADER, "little"), bytes(-records.size % 8)

    def framed(self, record: Any) -> bytes:
        """A record as it lies in the ring. TypeError, ValueError or OverflowError for a wrong one."""
        records = self._records
        if not isinstance(records.of, Bytes):
            return self._head + records.encode(record) + self._tail
        if not isinstance(record, (bytes, bytearray)):
            raise TypeError(f"{self.subject}: a record is bytes, not {shown(record)}")
        return len(record).to_bytes(HEADER, "little") + record + bytes(-len(record) % 8)

    def put(self, records: Buffer) -> bool:
        """Write records as they lie in the ring, all of them at once; False where there is no room, and nothing is."""
        return self._take(records, None)

    def reserve(self, size: int, start: bytes, into: Reserved) -> bool:
        """Make room for a record of `size` bytes that begins with `start`; False where there is none.

        `into` is told where before the kernel is, so that no interrupt leaves a record that nobody ends.
        """
        header = (size | BUSY).to_bytes(HEADER, "little")
        return self._take(header + start.ljust(step_of(size) - HEADER, b"\0"), into)

    def _take(self, records: Buffer, into: Reserved | None) -> bool:
        if os.getpid() != self._process:
            raise RuntimeError(
                f"{self.subject}: one process writes to a ring, and this one was forked from it: write to it there"
            )
        ring, turn, length = self._ring, self._turn, len(records)
        with turn.lock:
            if turn.taken:
                raise RuntimeError(
                    f"{self.subject}: this interrupts what writes to the ring, and cannot write to it itself: have a "
                    "signal handler leave a note, and write the record later"
                )
            turn.taken = True
            try:
                at = ring.produced[0]
                if self.size - (at - ring.consumed[0]) < length:
                    return False
                start = at % self.size
                ring.data[start : start + length] = records
                if into is not None:
                    into.take(self, start)
                self._order()
                ring.produced[0] = at + length
            finally:
                turn.taken = False
        return True

    def end(self, start: int, size: int, flags: int) -> None:
        """Give a reserved record to the kernel. In a process that was forked meanwhile it is not its own to give."""
        if os.getpid() != self._process:
            return
        self._order()
        self._ring.words[start // 4] = size | flags

    def memory(self, start: int, size: int) -> Memory:
        """The data of the record whose header is at `start`."""
        return Memory(self._ring.data[start + HEADER : start + step_of(size)])

    def waited_on(self) -> int:
        """The descriptor that one can wait on, and which stays open as long as this is held."""
        return self._ring.fd

    def _order(self) -> None:
        """What was stored before is there for other CPUs before what is stored from now on.

        Letting go of a lock and taking one, in this order, has that effect on the machines that need it.
        """
        if self._fence is not None:
            self._fence.release()
            self._fence.acquire()


class Reserved:
    """Where a reserved record lies, until it is submitted or discarded."""

    def __init__(self, subject: str, size: int) -> None:
        self.subject = subject
        self.producer: Producer | None = None
        self._start = 0
        self._size = size
        self._ended = ""

    def take(self, producer: Producer, start: int) -> None:
        """It lies in this ring, with its header at `start`."""
        self.producer, self._start = producer, start

    def memory(self) -> Memory:
        """What a view of the record reads and writes. RuntimeError once it is no longer user code's."""
        assert self.producer is not None
        if self._ended:
            raise RuntimeError(f"{self.subject}: this record was {self._ended}: reserve another one")
        return self.producer.memory(self._start, self._size)

    def end(self, *, discard: bool) -> None:
        """Hand it over, or give it up; once it has been, this does nothing."""
        if self.producer is not None and not self._ended:
            self._ended = "discarded" if discard else "submitted when its block ended"
            self.producer.end(self._start, self._size, DISCARD if discard else 0)

    def __del__(self) -> None:
        """A record that nobody can end any more would keep the kernel from all that are behind it."""
        self.end(discard=True)


def reserve(ring: UserRingBuf[Any], timeout: float | None) -> tuple[Any, Reserved]:
    """A new record where it lies in the ring, with the defaults of its fields and zeros; and its place."""
    layout = layout_of(ring.value)
    assert layout is not None
    place, start = Reserved(ring.subject, layout.size), start_of(layout)
    _within(ring, timeout, step_of(layout.size), lambda: ring._opened().reserve(layout.size, start, place))
    return reference(place, layout, 0), place


def reserved_in(producer: Producer | None, record: Any) -> Reserved | None:
    """The place of a record that was reserved in a ring; None for anything else."""
    place = owner_of(record)
    return place if isinstance(place, Reserved) and place.producer is producer else None


def put(ring: UserRingBuf[Any], records: Buffer, timeout: float | None) -> None:
    """Write records as they lie in the ring, all of them at once. KernelError (ENOSPC) where there is no room."""
    _within(ring, timeout, len(records), lambda: ring._opened().put(records))


def _within(ring: UserRingBuf[Any], timeout: float | None, needed: int, attempt: Callable[[], bool]) -> None:
    """Try it until there is room, or the time has passed."""
    if timeout is not None and not isinstance(timeout, (int, float)):
        raise TypeError(f"{ring.subject}: timeout is a number of seconds, or None to wait, not {shown(timeout)}")
    if timeout is not None and not timeout >= 0:
        raise ValueError(f"{ring.subject}: timeout is 0 or more seconds, not {timeout}")
    if needed > ring.size:
        raise ValueError(f"{ring.subject}: the ring has {ring.size} bytes, and this takes {needed} of them at once")
    if attempt() or (timeout != 0 and _wait(ring, timeout, attempt)):
        return
    waited = f" for {timeout} seconds" if timeout else ""
    raise KernelError(
        NO_ROOM,
        f"{ring.subject}: there is no room for {needed} bytes{waited}: kernel code has not drained the ring, which has "
        f"{ring.size} (ENOSPC); timeout= says how long to wait for that",
    )


def _wait(ring: UserRingBuf[Any], timeout: float | None, attempt: Callable[[], bool]) -> bool:
    """Try it again whenever kernel code has drained the ring: that wakes who waits for the map's descriptor."""
    from select import EPOLLET, EPOLLOUT, epoll
    from time import monotonic

    end = None if timeout is None else monotonic() + timeout
    held = ring._opened()
    with epoll() as poller:
        poller.register(held.waited_on(), EPOLLOUT | EPOLLET)
        while True:
            left = LONGEST_WAIT if end is None else min(LONGEST_WAIT, end - monotonic())
            poller.poll(max(0.0, left))
            if attempt():
                return True
            if left <= 0:
                return False
