"""Takes the records of kernel code out of their ring and gives them to `logging`, in a thread of its own.

It begins when a program that logs is loaded. It ends, and the ring with it, when none is loaded or attached any more.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from _weakref import ref

from osmia.errors import NotLoadedError
from osmia.logs import log
from osmia.logs.handing import hand_over, wanted
from osmia.logs.records import losses
from osmia.logs.ring import LOG_RING
from osmia.logs.sources import Sources
from osmia.maps.events import NOTHING
from osmia.maps.reading import Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from osmia.logs.reader import LogReader
    from osmia.logs.sources import Source

IN_A_ROW = 64
"""So many records are delivered before the lock is free for others."""
BETWEEN_WARNINGS = 1.0
"""Seconds from one warning that records were lost to the next."""
LONGEST_FLUSH = 5.0
"""Seconds that the end of a program, or of the process, waits at most for what was logged before."""


class Delivery:
    """Who may log, and who reads what is logged."""

    def __init__(self) -> None:
        self.sources = Sources()
        self.lock = threading.RLock()
        """Held while records are taken out and given to handlers, so that they keep their order."""
        self._changes = threading.RLock()
        self._reader: ref[LogReader] | None = None
        self._thread: threading.Thread | None = None
        self._giver = 0
        """The thread that gives records to handlers just now."""
        self._later: list[int] = []
        """What handlers have let go of: what that has logged besides is delivered before it ends."""
        self._lost_before = self._lost_told = 0
        self._warned_at = float("-inf")

    # Who may log. Nobody waits for `_changes` while handlers run: they may load and close programs themselves.

    def add(self, name: str, notes: list[str], path_of: Callable[[str], str]) -> Source:
        """An object that is about to be loaded. The ring is live from now on, as long as there is a source."""
        with self._changes:
            # As one step: a ring that another thread makes is live before the count of its losses is.
            if not LOG_RING.live:
                LOG_RING.max_entries = log.size
                LOG_RING.create()
            LOG_RING.end()  # before threads could open it twice
            return self.sources.add(name, notes, path_of)

    def hold(self, source: Source, holder: object) -> None:
        """Deliver what a source logs until `holder`, a program or a link, is let go of."""
        with self._changes:
            self._add_holder(source, holder)
            reader = self.reader
            if reader is None:
                self._start()
            else:
                reader.began = True

    def drop(self, source: Source) -> None:
        """Forget an object that could not be loaded."""
        with self._changes:
            self.sources.all.pop(source.number, None)
        self._end_unless_held()

    def release(self, holder: object) -> None:
        """What held sources is closed: deliver what they have logged, and end with the last of them."""
        self._release(id(holder))

    def link_made(self, link: object, program: str) -> None:
        """A program was attached: by the link it may log when its handle is closed."""
        with self._changes:
            for each in list(self.sources.all.values()):
                if program in [getattr(holder(), "name", None) for holder in list(each.holders.values())]:
                    self._add_holder(each, link)

    def _add_holder(self, source: Source, holder: object) -> None:
        """What holds a source may go without a word: the source must not keep it."""
        key = id(holder)
        source.holders[key] = ref(holder, lambda _: self._release(key))

    def _release(self, key: int) -> None:
        if not any(key in each.holders for each in list(self.sources.all.values())):
            return
        if self._giver == threading.get_ident():
            self._later.append(key)
            return
        self.flush()
        with self._changes:
            for each in list(self.sources.all.values()):
                if each.holders.pop(key, None) is not None and not each.holders:
                    self.sources.all.pop(each.number, None)
        self._end_unless_held()

    def _release_later(self) -> None:
        while self._later:
            self._release(self._later.pop())

    def _end_unless_held(self) -> None:
        """Let go of the ring where nothing that may log is left."""
        if self.sources.all or not LOG_RING.live:
            return
        self._stop()
        free = self.lock.acquire(timeout=LONGEST_FLUSH)
        try:
            with self._changes:
                if self.sources.all or not LOG_RING.live:  # somebody else was faster, or has loaded something
                    again, left = bool(self.sources.all) and self.reader is None, 0
                else:
                    again, left = False, self._lose_rest()
                    self._lost_before, self._lost_told = self._lost_before + LOG_RING.lost, 0
                    self._warned_at = float("-inf")
                    LOG_RING.close()
                if again:
                    self._start()
            if left:
                self._give(losses(left, f"they were not delivered within {LONGEST_FLUSH:.0f} seconds"))
        finally:
            if free:
                self.lock.release()

    def _lose_rest(self) -> int:
        """What handlers had no time for is lost, and counted so."""
        take, count = LOG_RING.end().take, 0
        while take() is not NOTHING:
            count += 1
        self._lost_before += count
        return count

    # Who reads

    @property
    def reader(self) -> LogReader | None:
        """Who reads in place of the thread."""
        return None if self._reader is None else self._reader()

    def take_over(self, reader: LogReader) -> None:
        """Let somebody read in place of the thread. RuntimeError where somebody does already."""
        with self._changes:
            if self.reader is not None:
                raise RuntimeError("log.records() is read already: there is one reader of logs at a time")
            self._reader = ref(reader)
        self._stop()

    def give_back(self) -> None:
        """Let the thread read again."""
        with self._changes:
            self._reader = None
            if self.sources.held and LOG_RING.live:
                self._start()

    @property
    def lost(self) -> int:
        """How many records nobody got, since the process began."""
        return self._lost_before + self.sources.unknown + (LOG_RING.lost if LOG_RING.live else 0)

    def next_record(self) -> logging.LogRecord | None:
        """Take the next record, or one that says how many were lost; None where there is none."""
        take = LOG_RING.end().take
        while (data := take()) is not NOTHING:
            site = self.sources.site_of(data)
            if site is not None:
                return self.sources.record(site, data, time.monotonic())
        return self._losses()

    def flush(self) -> None:
        """Deliver what has been logged by now, as far as there is time. A handler that asks for it has to wait."""
        me = threading.get_ident()
        if not LOG_RING.live or self._giver == me or not self.lock.acquire(timeout=LONGEST_FLUSH):
            return
        try:
            source, wait = LOG_RING.end(), Wait([LOG_RING], LONGEST_FLUSH)
            end = source.begin() + source.pending
            until = time.monotonic() + LONGEST_FLUSH
            while source.begin() < end and time.monotonic() < until:
                if not self._deliver() and not wait():
                    break
            self._warned_at = float("-inf")
            self._tell_losses()
        finally:
            self.lock.release()
        self._release_later()

    def _deliver(self) -> int:
        """Give some records to whom they are for. How many there were."""
        take, reader, count, now = LOG_RING.end().take, self.reader, 0, time.monotonic()
        while count < IN_A_ROW and (data := take()) is not NOTHING:
            count += 1
            site = self.sources.site_of(data)
            if site is not None and (reader is not None or wanted(site.logger, site.format.level)):
                self._give(self.sources.record(site, data, now))
        return count

    def _give(self, record: logging.LogRecord) -> None:
        """Give a record to whom it is for. What a handler closes meanwhile is let go of later."""
        reader = self.reader
        if reader is not None:
            reader.left.append(record)
            return
        before, self._giver = self._giver, threading.get_ident()
        try:
            hand_over(record)
        finally:
            self._giver = before

    def _losses(self) -> logging.LogRecord | None:
        """What says how many records were lost since the last that did; once in a while."""
        lost = LOG_RING.lost
        if lost == self._lost_told or time.monotonic() - self._warned_at < BETWEEN_WARNINGS:
            return None
        record = losses(lost - self._lost_told, f"the ring of {LOG_RING.size} bytes was full (log.size)")
        self._lost_told, self._warned_at = lost, time.monotonic()
        return record

    def _tell_losses(self) -> bool:
        """Warn of records that were lost. Whether there are some of which that is to be said later."""
        record = self._losses()
        if record is not None:
            self._give(record)
        return LOG_RING.lost != self._lost_told

    # The thread

    def _start(self) -> None:
        if self._thread is None:
            atexit.unregister(self._at_exit)
            atexit.register(self._at_exit)  # behind logging's own, which is then done after it
            self._thread = threading.Thread(target=self._run, name="osmia logs", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        """Deliver until the thread is stopped."""
        try:
            wait = Wait([LOG_RING], None)
            while self._thread is threading.current_thread() and wait.goes_on:
                with self.lock:
                    if not LOG_RING.live:
                        return
                    count, later = self._deliver(), self._tell_losses()
                if not count:
                    self._release_later()
                    (Wait([LOG_RING], BETWEEN_WARNINGS) if later and LOG_RING.live else wait)()
        except NotLoadedError:  # closed, by who did not wait for a handler any longer
            return
        except Exception:  # noqa: BLE001 - nobody could catch it
            import traceback

            if sys.stderr is not None:
                traceback.print_exc()

    def _stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            LOG_RING.stop()
            if thread is not threading.current_thread():
                thread.join(LONGEST_FLUSH)

    def _at_exit(self) -> None:
        self.flush()
        self._thread = None
        if LOG_RING.live and self.lock.acquire(timeout=0):
            left = self._lose_rest()
            if left:
                self._give(losses(left, f"they were not delivered within {LONGEST_FLUSH:.0f} seconds"))
            self.lock.release()

    def forget(self) -> None:
        """In a forked child: the ring and what writes to it are the parent's, which delivers it."""
        atexit.unregister(self._at_exit)
        LOG_RING.forget()


DELIVERY = Delivery()


def _after_fork_in_child() -> None:
    global DELIVERY
    before, DELIVERY = DELIVERY, Delivery()
    before.forget()


os.register_at_fork(after_in_child=_after_fork_in_child)
