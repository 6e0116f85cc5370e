"""The reading end of an array of perf events: the records of each CPU in their order."""

from __future__ import annotations

from _struct import Struct

from osmia.errors import ObjectError
from osmia.maps.events import NOTHING
from osmia.maps.samples import PerfSample

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
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
TIME = 8
DATA = 20
COUNT = 16
NUMBER = Struct("=Q")


def size_in_buffer(size: int) -> int:
    """How many bytes an event of that size takes in the buffer."""
    return (size + DATA + 7) & ~7


class PerfReader:
    """What has been read of the buffers, and what comes next: one CPU's records, up to those of now, then the next's.

    A record is taken out with one write of the buffer's position, after all of it was read. So an error, or a signal
    handler that reads too, leaves the buffer whole: each record is given once.
    """

    def __init__(self, buffers: PerfBuffers, subject: str, size: int, decode: Callable[[Any, int, int], Any]) -> None:
        self.buffers = buffers
        self.subject = subject
        """What error texts call it."""
        self.size = size
        """How long an event is, in bytes; 0 where each is as long as its record says."""
        self.decode = decode
        """From memory, an event's place there and its length to what user code gets."""
        self.at = 0
        """How many bytes were read."""
        self.told_lost = 0
        """How many records had no room, as records say."""
        self._turn = -1, 0
        """Whose turn it is, counted from 0, and up to which position."""

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

    def take(self) -> Any:
        """The next event; NOTHING where there is none."""
        with self.buffers.lock:
            return self._next(self._event)

    def take_sample(self) -> Any:
        """The same, with what the kernel says of it."""
        with self.buffers.lock:
            return self._next(self._sample)

    def _event(self, _cpu: int, data: Any, place: int, size: int) -> Any:
        return self.decode(data, place + DATA, size - DATA)

    def _sample(self, cpu: int, data: Any, place: int, size: int) -> Any:
        (time,) = NUMBER.unpack_from(data, place + TIME)
        event = self.decode(data, place + DATA, size - DATA)
        return PerfSample(event, cpu, time, bytes(data[place + DATA + self.size : place + size]) if self.size else b"")

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
            data, place = piece(buffer, at, size)
            event = make(buffer.cpu, data, place, size) if self.is_event(kind, size) else NOTHING
            if buffer.tail[0] != at:  # a signal handler took this one
                continue
            buffer.tail[0] = at + size
            self.at += size
            if event is not NOTHING:
                return event
            self.pass_over(buffer.cpu, kind, data, place, size)

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
