"""From what kernel code wrote to a record of Python's `logging`."""

from __future__ import annotations

import logging
import time
from struct import Struct

from osmia.forms import form_of
from osmia.logs.formats import formatted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.logs.note import LogFormat, Shown

TRACE = 5
logging.addLevelName(TRACE, "TRACE")
_HEADER = Struct("=QII")
HEADER_SIZE = _HEADER.size
_CPU, _PROCESS = Struct("=H"), Struct("=II")


def header_of(data: bytes) -> tuple[int, int, int]:
    """When it was written (ns of the monotonic clock), by which object, and which of its logs it is."""
    return _HEADER.unpack_from(data)


class LogSite:
    """One log of the source: makes what it wrote a record."""

    def __init__(self, of: LogFormat, path: str) -> None:
        """`path` is where its file lies."""
        self.format = of
        self.path = path
        self.logger = f"osmia.{of.program}"
        self._parts = [part if isinstance(part, str) else _reader(part) for part in of.parts]

    def message(self, data: bytes) -> str:
        """The text."""
        return "".join([part if isinstance(part, str) else part(data) for part in self._parts])

    def record(self, data: bytes, started: float) -> logging.LogRecord:
        """The record; `started` is when the monotonic clock began, in seconds of the epoch."""
        of = self.format
        record = logging.LogRecord(
            self.logger, of.level, self.path, of.line, self.message(data), (), None, of.function.rpartition(".")[2]
        )
        when = _HEADER.unpack_from(data)[0]
        record.created = started + when / 1e9
        record.msecs = float(int(record.created * 1000) % 1000)
        record.relativeCreated = (record.created - _LOADED) * 1000
        thread, process = _PROCESS.unpack_from(data, of.process) if of.process else (None, None)
        record.process, record.thread = process, thread
        record.processName, record.threadName, record.taskName = of.program, of.program, None
        record.program, record.cpu, record.ktime_ns = of.program, _CPU.unpack_from(data, of.cpu)[0], when
        return record


_LOADED = time.time()


def _reader(of: Shown) -> Any:
    """What makes the text of a value that lies in a record."""
    form, offset, size, name = form_of(of.layout), of.offset, of.layout.size, of.layout.name
    conversion, spec = of.conversion, of.spec

    def text(data: bytes) -> str:
        value = form.unpack(data[offset : offset + size], name, frozen=True)
        return formatted(value, conversion, spec)

    return text


def clock_start() -> float:
    """When the monotonic clock began, in seconds of the epoch, as the clocks are now."""
    return (time.time_ns() - time.monotonic_ns()) / 1e9
