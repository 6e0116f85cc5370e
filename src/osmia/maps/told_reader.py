"""The reading end of a ring whose memory wants to be looked at when a record was taken out, to say if more is there."""

from __future__ import annotations

from osmia.maps.events import NOTHING
from osmia.maps.ring_reader import RingReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


class ToldReader(RingReader):
    """The same reader, which looks behind each record."""

    __slots__ = ()

    def take(self) -> Any:
        """The next event; NOTHING where there is none, or it is not submitted yet."""
        event = super().take()
        self.memory.produced[0]  # to be looked at is what it waits for
        return event

    def events(self, goes_on: Callable[[], bool]) -> Iterator[Any]:
        """The events that are there now, one by one, while `goes_on`."""
        while goes_on() and (event := self.take()) is not NOTHING:
            yield event
