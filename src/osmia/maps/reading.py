"""How user code reads events: one by one, as they come, by callback, and in an event loop."""

from __future__ import annotations

import os
from _thread import RLock

from osmia.errors import shown
from osmia.generic import Generic, TypeVar
from osmia.maps.events import NOTHING
from osmia.maps.losses import Counting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from typing import Any, Protocol, Self

    from osmia.maps.backend import MapBackend

    class Source(Protocol):
        """What the events of a live map are taken from."""

        ahead: list[Any]
        """Events that were made already, and are not taken out yet."""

        def events(self, goes_on: Callable[[], bool]) -> Iterator[Any]:
            """The events that are there now, one by one, while `goes_on`."""

        def take(self) -> Any:
            """The next event; NOTHING where there is none now."""

        @property
        def ready(self) -> bool:
            """Whether there is an event now."""

        @property
        def at(self) -> int:
            """How many bytes were read, ever."""

        @property
        def pending(self) -> int:
            """How much there is to be read, in bytes."""

        @property
        def restless(self) -> bool:
            """Whether, where there is nothing to read, something may come of which the descriptor does not tell."""


E = TypeVar("E")
K = TypeVar("K")
R = TypeVar("R", bound="Reading[Any]")

IN_A_ROW = 64
"""So many events an event loop is given before others have their turn."""
_OPENING = RLock()
"""What is held while a source is opened: threads that begin at once are to have one."""
SHORTEST, LONGEST = 0.000_05, 0.001
"""How long to wait for what is reserved and not submitted yet, in seconds: nothing wakes a reader for that."""


class Reading(Generic[E]):
    """Reading events one by one, as they come, by callback, and in asyncio."""

    _stops: int
    """How often reading was stopped: what began before ends then."""

    if TYPE_CHECKING:

        @property
        def subject(self) -> str:
            """What error texts call it."""

    def read(self, timeout: float | None = None) -> E | None:
        """The next event; None where none came within `timeout` seconds, or `stop()` was called meanwhile.

        Without a timeout it waits for ever; 0 does not wait.
        """
        check_timeout(self.subject, timeout)
        take, waiting = self._opened().take, None
        while True:
            event = take()
            if event is not NOTHING:
                return event  # type: ignore[no-any-return]
            if timeout is not None and timeout <= 0:
                return None
            waiting = waiting or Wait([self], timeout)
            if not waiting():
                return None

    def poll(self, callback: Callable[[E], object], /, timeout: float | None = None) -> int:
        """Wait for an event as `read()` does, and give it, and all that are there by then, to a function.

        How many there were. What the function raises comes out here; the event that it was given is taken out then,
        and those behind it are not.
        """
        event = self.read(timeout)
        if event is None:
            return 0
        source, count = self._opened(), 1
        end = source.at + source.pending
        callback(event)
        while source.at < end:
            event = source.take()
            if event is NOTHING:
                break
            callback(event)
            count += 1
        return count

    def __iter__(self) -> Iterator[E]:
        """The events as they come, for ever: until `stop()` or `close()`."""
        source, stops, waiting = self._opened(), self._stops, None
        while self._stops == stops:
            yield from source.events(lambda: self._stops == stops)
            if self._stops == stops:
                waiting = waiting or Wait([self], None)
                waiting()

    async def __aiter__(self) -> AsyncIterator[E]:
        """The same in asyncio, whose other tasks run meanwhile."""
        from osmia.maps.reading_async import others, readable

        take, waiting, count = self._opened().take, Wait([self], None), 0
        with readable(waiting) as more:
            while waiting.goes_on:
                event = take()
                if event is NOTHING:
                    await more()
                    continue
                yield event
                count += 1
                if count % IN_A_ROW == 0:
                    await others()

    def fileno(self) -> int:
        """A file descriptor that an event loop can wait on."""
        raise NotImplementedError

    def _opened(self) -> Source:
        """What the events are taken from. NotLoadedError if there is no live map."""
        raise NotImplementedError

    def _waking(self) -> _Wake:
        """What `stop()` wakes all with who wait now."""
        raise NotImplementedError


class Readable(Reading[E], Counting[K, E], Generic[K, E]):
    """What maps have in common whose events user code reads, each of them once.

    There is one reader of a map at a time. Threads of one process may share it; each event goes to one of them.
    """

    _source: Source | None

    @property
    def lost(self) -> int:
        """How many events kernel code could not write, as there was no room for them.

        They are counted by programs of osmia's, all that write to this map. NotLoadedError where none does.
        """
        return self.losses.value

    @property
    def pending(self) -> int:
        """How many bytes are taken by events that were not read yet."""
        return self._opened().pending

    def stop(self) -> None:
        """End what reads it now, in whatever thread: iterations are over, `read()` gives None. The map stays live."""
        self._stops += 1
        if self._source is not None:
            self._source.ahead.clear()
        wake = vars(self).pop("_wake", None)
        if wake is not None:
            wake.set()

    def close(self) -> None:
        """Let go of the live map; what reads it now ends."""
        self.stop()
        super().close()

    def _opened(self) -> Source:
        """What its events are taken from. NotLoadedError if it is not live."""
        source = self._source
        if source is None:
            with _OPENING:
                source = self._source or self._open_source()
                self._source = source
        return source

    def _open_source(self) -> Source:
        raise NotImplementedError

    def handle(self, backend: MapBackend, name: str = "") -> Self:
        """An independent live map of the same declaration, whose losses are not known yet."""
        twin = super().handle(backend, name)
        vars(twin).pop("_wake", None)
        return twin

    def _use(self, backend: Any) -> None:
        super()._use(backend)
        self._source = None
        vars(self).setdefault("_stops", 0)

    def _waking(self) -> _Wake:
        """What `stop()` wakes all with who wait now."""
        found = vars(self).get("_wake")
        return found or vars(self).setdefault("_wake", _Wake())  # type: ignore[no-any-return] # in one step: threads


def wait(*maps: R, timeout: float | None = None) -> list[R]:
    """Wait until one of several rings has an event, or `timeout` seconds have passed: those that have one.

    None of them where the time is over, or `stop()` or `close()` of one was called. Without a timeout it waits for
    ever; 0 does not wait. An event that kernel code has given up counts until it is passed over: `read(timeout=0)` may
    give None all the same.
    """
    if not maps or not all(isinstance(each, Reading) for each in maps):
        raise TypeError("wait() takes maps that events are read from, such as a RingBuf: wait(first, second)")
    check_timeout("wait()", timeout)
    waiting: Wait | None = None
    while True:
        found = [each for each in maps if each._opened().ready]  # noqa: SLF001
        if found or (timeout is not None and timeout <= 0):
            return found
        waiting = waiting or Wait(maps, timeout)
        if not waiting():
            return []


def check_timeout(subject: str, timeout: object) -> None:
    """Refuse what is no time in seconds."""
    if timeout is not None and (not isinstance(timeout, (int, float)) or timeout != timeout):  # noqa: PLR0124 - NaN
        raise TypeError(f"{subject}: a timeout is a number of seconds, or None, not {shown(timeout)}")


class _Wake:
    """What wakes those who wait, once."""

    def __init__(self) -> None:
        self.number = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def set(self) -> None:
        """From now on it is readable."""
        os.eventfd_write(self.number, 1)

    def __del__(self) -> None:
        os.close(self.number)


class Wait:
    """Waits until one of several maps has something to read, again and again, up to a time."""

    def __init__(self, of: Iterable[Reading[Any]], timeout: float | None) -> None:
        import select
        import time

        self.of = [*of]
        self._sources = [each._opened() for each in self.of]  # noqa: SLF001
        self._stops = [each._stops for each in self.of]  # noqa: SLF001
        self._wakes = [each._waking() for each in self.of]  # noqa: SLF001
        self._time = time
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._poll = select.poll()
        for number in self.descriptors():
            self._poll.register(number, select.POLLIN)
        self._at: list[int] = []
        self._pause = SHORTEST

    @property
    def goes_on(self) -> bool:
        """Whether none of them was stopped."""
        return all(each._stops == before for each, before in zip(self.of, self._stops, strict=True))  # noqa: SLF001

    def descriptors(self) -> list[int]:
        """What becomes readable when there is something to do."""
        return [*(each.fileno() for each in self.of), *(each.number for each in self._wakes)]

    def __call__(self) -> bool:
        """Wait. False where the time is over, or one of them was stopped."""
        if not self.goes_on:
            return False
        left = None if self._deadline is None else self._deadline - self._time.monotonic()
        if left is not None and left <= 0:
            return False
        pause = self.pause()
        if pause:
            self._time.sleep(pause if left is None else min(pause, left))
        elif not self._poll.poll(None if left is None else left * 1000) and not any(
            each.pending
            for each in self._sources  # a perf event may wake for every tenth record only
        ):
            return False
        return self.goes_on

    def pause(self) -> float:
        """How long to sleep, in seconds, as what comes next cannot be waited for yet; 0 where the kernel will wake us.

        It does not for what is reserved and not submitted: the descriptor is readable all the time then.
        """
        before, self._at = self._at, [each.at for each in self._sources]
        if before != self._at or not any(each.restless for each in self._sources):
            self._pause = SHORTEST
            return 0
        self._pause = min(self._pause * 2, LONGEST)
        return self._pause
