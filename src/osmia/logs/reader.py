"""Reading logs in place of the thread that gives them to `logging`: one by one, or in asyncio."""

from __future__ import annotations

from collections import deque

from osmia.errors import NotLoadedError
from osmia.logs import delivery
from osmia.logs.ring import LOG_RING
from osmia.maps.reading import IN_A_ROW, Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import AsyncIterator
    from typing import Self


class LogReader:
    """What `log.records()` gives: records as they come, until nothing that logs is loaded or attached any more."""

    def __init__(self) -> None:
        self.left: deque[logging.LogRecord] = deque()
        """What was taken out of the ring for it, as that was closed."""
        self.began = LOG_RING.live
        """Whether there is, or was, something that logs."""
        self._open = False
        delivery.DELIVERY.take_over(self)
        self._open = True

    def read(self, timeout: float | None = None) -> logging.LogRecord | None:
        """The next record; None where none came within `timeout` seconds, or where nothing logs any more.

        Without a timeout it waits for ever; 0 does not wait. NotLoadedError where nothing that logs was loaded.
        """
        wait: Wait | None = None
        self._check_begun()
        while True:
            record = self._next()
            if record is not None or not self._goes_on() or (timeout is not None and timeout <= 0):
                return record
            wait = wait or Wait([LOG_RING], timeout)
            if not wait():
                timeout = 0.0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> logging.LogRecord:
        record = self.read()
        if record is None:
            raise StopIteration
        return record

    async def __aiter__(self) -> AsyncIterator[logging.LogRecord]:
        """The same in asyncio, whose other tasks run meanwhile."""
        from osmia.maps.reading_async import others, readable

        self._check_begun()
        count = 0
        with readable(Wait([LOG_RING], None)) as more:
            while True:
                record = self._next()
                if record is None:
                    if not self._goes_on():
                        return
                    await more()
                    continue
                yield record
                count += 1
                if count % IN_A_ROW == 0:
                    await others()

    def close(self) -> None:
        """Leave the records that come to `logging` again."""
        if self._open:
            self._open = False
            delivery.DELIVERY.give_back()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _goes_on(self) -> bool:
        return self._open and LOG_RING.live

    def _check_begun(self) -> None:
        if not self.began:
            raise NotLoadedError("nothing that logs is loaded: attach a program that logs before its records are read")

    def _next(self) -> logging.LogRecord | None:
        """The next record, if there is one now."""
        with delivery.DELIVERY.lock:
            if self.left:
                return self.left.popleft()
            return delivery.DELIVERY.next_record() if self._goes_on() else None
