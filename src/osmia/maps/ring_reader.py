"""The reading end of a ring buffer: records in their order, out of memory that the kernel writes."""

from __future__ import annotations

from _thread import RLock

from osmia.errors import ObjectError
from osmia.maps.events import NOTHING
from osmia.maps.one_reader import another_reader, keep_here, looked_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from osmia.maps.backend import RingMemory

# A record is a header of 8 bytes, the first four of which are its length and these two bits, and what was written,
# filled up to 8 bytes (kernel/bpf/ringbuf.c, linux/bpf.h).
BUSY = 1 << 31
"""Reserved, and not submitted yet."""
DISCARD = 1 << 30
LENGTH = DISCARD - 1
HEADER = 8
AHEAD = 64
"""So many records are looked at together."""


def step_of(length: int) -> int:
    """How many bytes a record takes in the ring."""
    return (length + HEADER + 7) & ~7


class RingReader:
    """What has been read of a ring, and what comes next.

    A record is taken out with one write of the consumer's position, after all of it was read. So an error, or a signal
    handler that reads too, leaves the ring whole: each record is given once.
    """

    __slots__ = (
        "__weakref__",
        "ahead",
        "at",
        "decode",
        "lock",
        "mask",
        "memory",
        "size",
        "step",
        "subject",
        "viewed",
    )

    def __init__(
        self, memory: RingMemory, subject: str, size: int, decode: Callable[[memoryview], list[Any]] | None
    ) -> None:
        self.memory = memory
        self.subject = subject
        """What error texts call it."""
        self.size = size
        """How long a record is, in bytes; 0 where each is as long as it says."""
        self.step = step_of(size)
        self.decode = decode
        """What makes events of records that lie one behind the other; None where they are bytes."""
        self.mask = len(memory.data) // 2 - 1
        self.lock = RLock()
        self.at = -1
        """How many bytes were read by this process, and by those before it; -1 before it begins."""
        self.ahead: list[Any] = []
        """What the next records hold, the last one first. They are in the ring until they are given out."""
        self.viewed = False
        """Whether somebody looks at the memory of the next records: nothing can be read then."""
        keep_here(self)

    @property
    def pending(self) -> int:
        """How many bytes are taken in the ring, by records that were not read yet."""
        memory = self.memory
        return int(memory.produced[0] - memory.consumed[0])

    @property
    def restless(self) -> bool:
        """Whether something is reserved and not submitted yet, where nothing can be read now."""
        return self.pending > 0

    @property
    def ready(self) -> bool:
        """Whether the next record is there and submitted."""
        memory, at = self.memory, self.memory.consumed[0]
        return at < memory.produced[0] and not memory.words[(at & self.mask) >> 2] & BUSY

    def take(self) -> Any:
        """The next event; NOTHING where there is none, or it is not submitted yet."""
        consumed, at, ahead = self.memory.consumed, self.at, self.ahead
        # Other threads and signal handlers come in where something is called: from here on to `pop` this is one step.
        if ahead and consumed[0] == at:
            self.at = consumed[0] = at + self.step
            return ahead.pop()
        with self.lock:
            return self._take_first()

    def events(self, goes_on: Callable[[], bool]) -> Iterator[Any]:
        """The events that are there, one by one, until nothing is; `goes_on` says from time to time if it shall."""
        consumed, ahead, step = self.memory.consumed, self.ahead, self.step
        while goes_on():
            event = self.take()
            if event is NOTHING:
                return
            yield event
            while True:
                # As in `take`. No condition of the loop's: others come in where one jumps back, after it is found true.
                if not ahead or consumed[0] != self.at:
                    break
                self.at = consumed[0] = self.at + step
                yield ahead.pop()

    def advance(self, at: int, by: int) -> bool:
        """So many bytes were read, from a position on. False where a signal handler has read them meanwhile."""
        if self.at != at:
            return False
        self.at = self.memory.consumed[0] = at + by
        return True

    def equal(self, place: int, most: int) -> int:
        """How many of the next records, from a place on, are events that were submitted: their header is a length."""
        words, size = self.step >> 2, self.size
        headers = self.memory.words[place >> 2 : (place >> 2) + most * words : words].tolist()
        return most if headers.count(size) == most else next(n for n, each in enumerate(headers) if each != size)

    def _take_first(self) -> Any:
        """The same, where nothing was decoded ahead."""
        memory = self.memory
        consumed = memory.consumed
        while True:
            at = self.begin()
            place, there = at & self.mask, memory.produced[0] - at
            if there <= 0:
                return NOTHING
            count = self.equal(place, min(there // self.step, AHEAD)) if self.decode is not None else 0
            if count and self.decode is not None:
                ahead = self.decode(memory.data[place : place + count * self.step])
                ahead.reverse()
                if self.at != at:  # a signal handler has read meanwhile
                    continue
                self.at = consumed[0] = at + self.step
                self.ahead[:] = ahead
                return self.ahead.pop()
            header = memory.words[place >> 2]
            if header & BUSY:
                return NOTHING
            if header == self.size and self.decode is not None:  # it was submitted since it was looked at
                continue
            length = header & LENGTH
            data = bytes(memory.data[place + HEADER : place + HEADER + length])
            step = step_of(length)
            if self.at != at:
                continue
            self.at = consumed[0] = at + step
            if header & DISCARD:
                continue
            if self.size and length != self.size:
                raise self.wrong_length(length)
            return data

    def begin(self) -> int:
        """Where the next record is. RuntimeError where somebody else has read meanwhile."""
        if self.viewed:
            raise looked_at(self.subject)
        consumed = self.memory.consumed
        self.ahead.clear()
        at = self.at
        while at != consumed[0]:
            if at != self.at:  # a signal handler read, between the two lines
                at = self.at
                continue
            self.at = consumed[0]
            if at != -1:
                raise another_reader(self.subject, self.at - at)
            at = self.at
        return at

    def wrong_length(self, length: int) -> ObjectError:
        """What a record says that is no event of the ring's; it is taken out by then."""
        return ObjectError(
            f"{self.subject}: a record of {length} bytes, and its events have {self.size}: what writes to it was made "
            "for other events"
        )
