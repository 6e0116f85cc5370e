"""The reading end of an array of perf events: the records of each CPU in their order."""

from __future__ import annotations

from _struct import Struct

from osmia.errors import ObjectError
from osmia.maps.events import NOTHING
from osmia.maps.samples import PerfSample

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from osmia.maps.backend import PerfBuffer, PerfBuffers

    Make = Callable[[int, Any, int, int], Any]
    """From a CPU, memory, a record's place there and its size to what user code gets."""

# A record begins with its type (32 bits), 16 bits of flags and its size (16 bits): one number of 64 bits, which lies in
# one piece, as sizes are multiples of 8. In a sample a time and a length follow, then what the program wrote, filled up
# to 8 bytes; in a loss the event's id and a count (linux/perf_event.h).
LOST, SAMPLE = 2, 9
KIND = 0xFFFF_FFFF
NO_RECORD = -1
SIZE_SHIFT = 48
WITHOUT_FLAGS = KIND | 0xFFFF << SIZE_SHIFT
TIME = 8
DATA = 20
COUNT = 16
NUMBER = Struct("=Q")
AHEAD = 64
"""So many records are looked at together."""


def size_in_buffer(size: int) -> int:
    """How many bytes an event of that size takes in the buffer."""
    return (size + DATA + 7) & ~7


class PerfReader:
    """What has been read of the buffers, and what comes next: one CPU's records, up to those of now, then the next's.

    A record is taken out with one write of the buffer's position, after all of it was read. So an error, or a signal
    handler that reads too, leaves the buffer whole: each record is given once.
    """

    def __init__(
        self, buffers: PerfBuffers, subject: str, size: int, decode: Callable[[memoryview], list[Any]] | None
    ) -> None:
        self.buffers = buffers
        self.subject = subject
        """What error texts call it."""
        self.size = size
        """How long an event is, in bytes; 0 where each is as long as its record says."""
        self.step = size_in_buffer(size)
        self.decode = decode
        """What makes events of records that lie one behind the other; None where they are bytes."""
        self.at = 0
        """How many bytes were read."""
        self.told_lost = 0
        """How many records had no room, as records say."""
        self.ahead: list[Any] = []
        """What the next records of a buffer hold, the last one first. They are in it until they are given out."""
        self.dtype: Any = None
        """NumPy's of an event, once it was asked for."""
        self._turn = -1, 0
        """Whose turn it is, counted from 0, and up to which position."""
        self._ahead_of: Any = None
        """The buffer that `ahead` is of,"""
        self._ahead_at = 0
        """and the position that it has as long as nobody else reads."""

    @property
    def pending(self) -> int:
        """How many bytes are taken by records that were not read yet."""
        return sum(each.head[0] - each.tail[0] for each in self.buffers.of)

    @property
    def lost(self) -> int:
        """How many records had no room, as the kernel counts since the buffers are open.

        Kernels before 6.0 say it in the records that follow.
        """
        counts = [each.lost() for each in self.buffers.of]
        told = [count for count in counts if count is not None]
        return sum(told) if len(told) == len(counts) else self.told_lost

    def fileno(self) -> int:
        """What becomes readable when something was written."""
        return self.buffers.waiting.fileno()

    @property
    def restless(self) -> bool:
        """Whether records are there that cannot be read yet."""
        return self.pending > 0

    @property
    def ready(self) -> bool:
        """Whether there is a record now."""
        return any(each.head[0] > each.tail[0] for each in self.buffers.of)

    def take(self) -> Any:
        """The next event; NOTHING where there is none."""
        ahead = self.ahead
        # Other threads and signal handlers come in where something is called: from here on to `pop` this is one step.
        if ahead and self._ahead_of.tail[0] == self._ahead_at:
            self._ahead_at = self._ahead_of.tail[0] = self._ahead_at + self.step
            self.at += self.step
            return ahead.pop()
        with self.buffers.lock:
            return self._next(self._event)

    def events(self, goes_on: Callable[[], bool]) -> Iterator[Any]:
        """The events that are there, one by one, until nothing is; `goes_on` says before each if it shall."""
        take = self.take
        while goes_on():
            event = take()
            if event is NOTHING:
                return
            yield event

    def take_sample(self) -> Any:
        """The same, with what the kernel says of it."""
        with self.buffers.lock:
            return self._next(self._sample)

    def _event(self, _cpu: int, data: Any, place: int, size: int) -> Any:
        if self.decode is None:
            return bytes(data[place + DATA : place + size])
        return self.decode(data[place : place + self.step])[0]

    def _sample(self, cpu: int, data: Any, place: int, size: int) -> Any:
        (time,) = NUMBER.unpack_from(data, place + TIME)
        packet = bytes(data[place + DATA + self.size : place + size]) if self.size else b""
        return PerfSample(self._event(cpu, data, place, size), cpu, time, packet)

    def _next(self, make: Make) -> Any:
        while True:
            number, end = self._turn
            buffer = self.buffers.of[number] if number >= 0 else None
            at = buffer.tail[0] if buffer is not None else end
            if buffer is None or at >= end:
                if not self._next_turn(number):
                    return NOTHING
                continue
            kind, size = header(buffer, at, end)
            ahead = self._decoded(buffer, at, end) if make == self._event else []
            data, place = piece(buffer, at, size)
            event = NOTHING
            if ahead:
                event = ahead.pop()
            elif self.is_event(kind, size):
                event = make(buffer.cpu, data, place, size)
            if buffer.tail[0] != at:  # a signal handler took this one
                continue
            self.ahead, self._ahead_of = ahead, buffer
            self._ahead_at = buffer.tail[0] = at + size
            self.at += size
            if event is not NOTHING:
                return event
            self.pass_over(buffer.cpu, kind, data, place, size)

    def _decoded(self, buffer: PerfBuffer, at: int, end: int) -> list[Any]:
        """The next events that lie one behind the other and have equal headers, the last one first."""
        step, place = self.step, at & (len(buffer.data) - 1)
        count = min(end - at, len(buffer.data) - place, AHEAD * step) // step
        headers = buffer.headers[place >> 3 : (place + count * step) >> 3 : step >> 3].tolist()
        if self.decode is None or not headers or headers[0] & WITHOUT_FLAGS != SAMPLE | step << SIZE_SHIFT:
            return []
        if headers.count(headers[0]) < count:
            count = next(n for n, each in enumerate(headers) if each != headers[0])
        events = self.decode(buffer.data[place : place + count * step])
        events.reverse()
        return events

    def _next_turn(self, last: int) -> bool:
        """Go on with the next buffer that holds something; False where none does."""
        buffers = self.buffers.of
        for step in range(1, len(buffers) + 1):
            number = (last + step) % len(buffers)
            head = buffers[number].head[0]
            if head > buffers[number].tail[0]:
                self._turn = number, head
                return True
        return False

    def is_event(self, kind: int, size: int) -> bool:
        """Whether a record is an event, and all of one."""
        return kind == SAMPLE and size - DATA >= self.size

    def pass_over(self, cpu: int, kind: int, data: Any, place: int, size: int) -> None:
        """Take down what a record says that is no event, once it is taken out. ObjectError for what should be one."""
        if kind == LOST:
            self.told_lost += NUMBER.unpack_from(data, place + COUNT)[0]
        if kind == SAMPLE:
            raise ObjectError(
                f"{self.subject}: a record of {size - DATA} bytes, and its events have {self.size}: what writes to it "
                "was made for other events"
            )
        if kind == NO_RECORD:
            raise ObjectError(
                f"{self.subject}: {size} bytes in the buffer of CPU {cpu} are no records, and are passed over. One "
                "record has 65535 bytes at most: append less of the packet to an event"
            )


def header(buffer: PerfBuffer, at: int, end: int) -> tuple[int, int]:
    """The type of a record and its size; NO_RECORD, and all that is there up to `end`, for what is none."""
    word = buffer.headers[(at & (len(buffer.data) - 1)) >> 3]
    size = word >> SIZE_SHIFT
    if size < TIME or size % 8 or size > end - at:
        return NO_RECORD, end - at
    return word & KIND, size


def piece(buffer: PerfBuffer, at: int, size: int) -> tuple[Any, int]:
    """A record in one piece: memory, and its place there."""
    length = len(buffer.data)
    place = at & (length - 1)
    if place + size <= length:
        return buffer.data, place
    return bytes(buffer.data[place:]) + bytes(buffer.data[: place + size - length]), 0
