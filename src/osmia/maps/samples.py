"""Events of an array of perf events with what the kernel says of each: its CPU, its time, the packet behind it."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar
from osmia.maps.events import NOTHING
from osmia.maps.reading import Reading
from osmia.record import frozen_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    import numpy as np

    from osmia.maps.perf import PerfEventArray
    from osmia.maps.reading import _Wake

E = TypeVar("E")


@frozen_record
class PerfSample(Generic[E]):
    """An event, and what the kernel says of it."""

    event: E
    cpu: int
    """On which CPU the program ran that wrote it."""
    time: int
    """When, in ns: as `ktime_get_ns()` in kernel code and `time.monotonic_ns()` here."""
    packet: bytes
    """What lies behind the event: as much of the packet as the flags of `output` asked for, then up to 7 bytes that
    mean nothing. A record is rounded up to 8 bytes, and does not say how many of the last ones were written."""


class PerfSamples(Reading[PerfSample[E]], Generic[E]):
    """The same events as the array itself gives, as `PerfSample`: each of them is given once, here or there."""

    def __init__(self, of: PerfEventArray[E]) -> None:
        """Those of an array."""
        self._of = of

    @property
    def subject(self) -> str:
        """What error texts call it."""
        return self._of.subject

    def fileno(self) -> int:
        """A file descriptor that an event loop can wait on, the array's."""
        return self._of.fileno()

    def drain(self, most: int | None = None, /) -> np.ndarray[Any, Any]:
        """As the array's `drain()`, with the fields `event`, `cpu` (u32) and `time` (u64)."""
        from osmia.maps import perf_arrays

        return perf_arrays.drain_samples(self._of, most)

    @property
    def _stops(self) -> int:  # type: ignore[override]
        return self._of._stops  # noqa: SLF001 - the two are one

    def _waking(self) -> _Wake:
        return self._of._waking()  # noqa: SLF001

    def _opened(self) -> _Whole:
        return _Whole(self._of._opened())  # noqa: SLF001


class _Whole:
    """What samples are taken from: the array's source."""

    def __init__(self, of: Any) -> None:
        self.of = of
        self.take = of.take_sample
        self.ahead: list[Any] = []
        """None is made before it is asked for."""

    def events(self, goes_on: Callable[[], bool]) -> Iterator[Any]:
        """The events that are there, one by one, until nothing is; `goes_on` says before each if it shall."""
        while goes_on():
            event = self.take()
            if event is NOTHING:
                return
            yield event

    @property
    def ready(self) -> bool:
        """Whether there is an event now."""
        ready: bool = self.of.ready
        return ready

    @property
    def at(self) -> int:
        """How many bytes were read."""
        at: int = self.of.at
        return at

    @property
    def pending(self) -> int:
        """How much there is to be read, in bytes."""
        pending: int = self.of.pending
        return pending

    @property
    def restless(self) -> bool:
        """Whether records are there that cannot be read yet."""
        return self.pending > 0
