"""The reading end of a ring buffer: records in their order, out of memory that the kernel writes."""

from __future__ import annotations

import os
from _thread import RLock
from _weakref import ref

from osmia.errors import ObjectError
from osmia.maps.events import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.maps.backend import RingMemory

# A record is a header of 8 bytes, the first four of which are its length and these two bits, and what was written,
# filled up to 8 bytes (kernel/bpf/ringbuf.c, linux/bpf.h).
BUSY = 1 << 31
"""Reserved, and not submitted yet."""
DISCARD = 1 << 30
LENGTH = DISCARD - 1
HEADER = 8


def step_of(length: int) -> int:
    """How many bytes a record takes in the ring."""
    return (length + HEADER + 7) & ~7


class RingReader:
    """What has been read of a ring, and what comes next.

    A record is taken out with one write of the consumer's position, after all of it was read. So an error, or a signal
    handler that reads too, leaves the ring whole: each record is given once.
    """

    __slots__ = ("__weakref__", "at", "decode", "lock", "mask", "memory", "size", "subject")

    def __init__(
        self, memory: RingMemory, subject: str, size: int, decode: Callable[[memoryview, int, int], Any]
    ) -> None:
        self.memory = memory
        self.subject = subject
        """What error texts call it."""
        self.size = size
        """How long a record is, in bytes; 0 where each is as long as it says."""
        self.decode = decode
        """From the memory, a record's place there and its length to what user code gets."""
        self.mask = len(memory.data) // 2 - 1
        self.lock = RLock()
        self.at = -1
        """How many bytes were read by this process, and by those before it; -1 before it begins."""
        _READERS.add(ref(self, _READERS.discard))

    @property
    def pending(self) -> int:
        """How many bytes are taken in the ring, by records that were not read yet."""
        return self.memory.produced[0] - self.memory.consumed[0]

    def take(self) -> Any:
        """The next record; NOTHING where there is none, or it is not submitted yet."""
        consumed, produced = self.memory.consumed, self.memory.produced
        with self.lock:
            while True:
                at = self.begin()
                if at >= produced[0]:
                    return NOTHING
                place = at & self.mask
                header = self.memory.words[place >> 2]
                if header & BUSY:
                    return NOTHING
                length = header & LENGTH
                event = NOTHING
                if not header & DISCARD and (length == self.size or not self.size):
                    event = self.decode(self.memory.data, place + HEADER, length)
                if consumed[0] != at:  # a signal handler took this one
                    continue
                self.at = consumed[0] = at + step_of(length)
                if event is not NOTHING:
                    return event
                if not header & DISCARD:
                    raise self.wrong_length(length)

    def begin(self) -> int:
        """Where the next record is. RuntimeError where somebody else has read meanwhile."""
        consumed = self.memory.consumed
        at = self.at
        while at != consumed[0]:
            if at != self.at:  # a signal handler read, between the two lines
                at = self.at
                continue
            self.at = consumed[0]
            if at != -1:
                raise RuntimeError(
                    f"{self.subject}: another reader took {self.at - at} bytes of records: a ring has one reader at a "
                    "time, in one process (reading again goes on behind them)"
                )
            at = self.at
        return at

    def wrong_length(self, length: int) -> ObjectError:
        """What a record says that is no event of the ring's; it is taken out by then."""
        return ObjectError(
            f"{self.subject}: a record of {length} bytes, and its events have {self.size}: what writes to it was made "
            "for other events"
        )


class _Forked:
    """In place of the memory in a forked child, which shares it with the process that reads the ring."""

    def __init__(self, subject: str) -> None:
        self.subject = subject

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(
            f"{self.subject}: the process that this one was forked from reads the ring: read it there, or fork before "
            "the ring is read"
        )


_READERS: set[ref[RingReader]] = set()


def _after_fork_in_child() -> None:
    for each in list(_READERS):
        reader = each()
        if reader is not None:
            reader.memory, reader.lock = _Forked(reader.subject), RLock()


os.register_at_fork(after_in_child=_after_fork_in_child)
