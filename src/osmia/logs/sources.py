"""The objects that are loaded and log: which of them a record is from, and which of its logs it is."""

from __future__ import annotations

from osmia.logs.note import HEADER, format_of
from osmia.logs.records import LogSite, clock_start, header_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from weakref import ref


class Source:
    """An object that is loaded and logs."""

    def __init__(self, number: int, name: str, notes: list[str], path_of: Callable[[str], str]) -> None:
        self.number = number
        """What its records say."""
        self.holders: dict[int, ref[object]] = {}
        """The programs and links by which it may log, by their identity."""
        self._name, self._notes, self._path_of = name, notes, path_of
        self._sites: dict[int, LogSite] = {}

    def site(self, number: int) -> LogSite | None:
        """One of its logs; None where it has no such."""
        if number >= len(self._notes):
            return None
        if number not in self._sites:
            of = format_of(self._notes[number], self._name)
            self._sites[number] = LogSite(of, self._path_of(of.file))
        return self._sites[number]


class Sources:
    """All of them, by number."""

    def __init__(self) -> None:
        self.all: dict[int, Source] = {}
        self.unknown = 0
        """How many records were of none of them: of programs that nothing in this process holds any more, as a rule."""
        self._last_number = 0
        self._clock, self._clock_at = 0.0, float("-inf")

    def add(self, name: str, notes: list[str], path_of: Callable[[str], str]) -> Source:
        """A new one, with a number that no other one ever has in this process."""
        self._last_number += 1
        source = self.all[self._last_number] = Source(self._last_number, name, notes, path_of)
        return source

    @property
    def held(self) -> bool:
        """Whether there is something that may log."""
        return any(each.holders for each in self.all.values())

    def site_of(self, data: bytes) -> LogSite | None:
        """The log that a record is of; None where it is of none."""
        if len(data) < HEADER:
            self.unknown += 1
            return None
        _, number, site = header_of(data)
        source = self.all.get(number)
        found = None if source is None else source.site(site)
        if found is None or len(data) != found.format.size:
            self.unknown += 1
            return None
        return found

    def record(self, site: LogSite, data: bytes, now: float) -> logging.LogRecord:
        """The record; `now` is what time.monotonic() gives."""
        if now - self._clock_at > 1:  # the wall clock may be set meanwhile
            self._clock, self._clock_at = clock_start(), now
        return site.record(data, self._clock)
