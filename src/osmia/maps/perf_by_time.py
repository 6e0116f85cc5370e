"""Reading an array of perf events in the order of time, whatever CPU an event is of."""

from __future__ import annotations

import time
from _operator import itemgetter, setitem
from collections import deque
from itertools import repeat

from osmia.maps.events import NOTHING
from osmia.maps.perf_reader import DATA, NUMBER, SAMPLE, TIME, PerfReader, header, piece

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.maps.backend import PerfBuffer, PerfBuffers
    from osmia.maps.perf_reader import Make

    Stamped = tuple[int, int, int, bytes]
    """A record that was taken out of its buffer: its time (0 where it has none), its CPU, its type and its bytes."""

SLACK = 1000
"""By so many ns two CPUs may differ about the time."""


class Turn:
    """What there is once all is there that is older than some time."""

    __slots__ = ("before", "ends", "known", "now", "records", "starts")

    def __init__(self, now: int, before: deque[Stamped], starts: list[int], ends: list[int]) -> None:
        self.now = now
        """That time, in ns."""
        self.before = before
        """What records were taken out into before,"""
        self.records = [*before]
        """and what they were then,"""
        self.known = deque(self.records)
        """as what can be compared with it in one step."""
        self.starts = starts
        """Where the records of each buffer begin,"""
        self.ends = ends
        """and where they end."""


class TimeReader(PerfReader):
    """What has been read of the buffers, and what comes next: the oldest record of all CPUs.

    A record is stamped first and appears in its buffer later; so it is given only when all programs have ended that ran
    at its time: what appears after that is younger.
    """

    def __init__(
        self, buffers: PerfBuffers, subject: str, size: int, decode: Callable[[memoryview], list[Any]] | None
    ) -> None:
        super().__init__(buffers, subject, size, decode)
        self.taken: deque[Stamped] = deque()
        """Records that were taken out, from the oldest."""
        self.complete = 0
        """Up to this time nothing is missing there, in ns."""

    @property
    def pending(self) -> int:
        """How many bytes are taken by records that were not read yet."""
        return super().pending + sum(len(each[3]) for each in list(self.taken))

    @property
    def ready(self) -> bool:
        """Whether there is a record now."""
        return bool(self.taken) or super().ready

    def _next(self, make: Make) -> Any:
        while True:
            taken = self.taken
            if not (taken and taken[0][0] <= self.complete):
                if not self.collect():
                    return NOTHING
                continue
            first = taken[0]
            _, cpu, kind, data = first
            size = len(data)
            event = make(cpu, data, 0, size) if self.is_event(kind, size) else NOTHING
            if taken is not self.taken or not taken or taken[0] is not first:  # a signal handler took this one
                continue
            taken.popleft()
            self.at += size
            if event is not NOTHING:
                return event
            self.pass_over(cpu, kind, data, 0, size)

    def collect(self) -> bool:
        """Take out what is there, and find up to which time nothing is missing. False where there is nothing."""
        if not self.pending:
            return False
        turn = self.wait()
        found = [*turn.records]
        for buffer, start, end in zip(self.buffers.of, turn.starts, turn.ends, strict=True):
            found += _records(buffer, start, end)
        found.sort(key=itemgetter(0))
        self.take_out(turn, deque(found))
        return True

    def wait(self) -> Turn:
        """Wait until nothing is missing up to now; what is there then."""
        now = time.monotonic_ns() - SLACK
        self.buffers.wait_for_running()
        before = self.taken
        starts = [each.tail[0] for each in self.buffers.of]
        return Turn(now, before, starts, [each.head[0] for each in self.buffers.of])

    def take_out(self, turn: Turn, taken: deque[Stamped]) -> bool:
        """Empty the buffers, of which `taken` is kept. False, and nothing is done, where a signal handler took some."""
        tails = [each.tail for each in self.buffers.of]
        positions, take_out = map(itemgetter(0), tails), map(setitem, tails, repeat(0), turn.ends)
        # Signal handlers come in where something is called: from here on to `any` this is one step, so that records are
        # neither lost nor given twice.
        if self.taken is not turn.before or turn.before != turn.known or [*positions] != turn.starts:
            return False
        self.taken = taken
        any(take_out)
        self.complete = turn.now
        return True


def _records(buffer: PerfBuffer, at: int, end: int) -> list[Stamped]:
    """What is in a buffer."""
    found: list[Stamped] = []
    while at < end:
        kind, size = header(buffer, at, end)
        data, place = piece(buffer, at, size)
        stamp = NUMBER.unpack_from(data, place + TIME)[0] if kind == SAMPLE and size >= DATA else 0
        found.append((stamp, buffer.cpu, kind, bytes(data[place : place + size])))
        at += size
    return found
