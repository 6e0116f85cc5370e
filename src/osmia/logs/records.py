"""From what kernel code wrote to a record of Python's `logging`."""

from __future__ import annotations

import logging
import time
from struct import Struct

from osmia.forms import form_of
from osmia.logs.formats import formatted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.logs.note import LogFormat, Shown

TRACE = 5
logging.addLevelName(TRACE, "TRACE")
_HEADER = Struct("=QII")
_CPU, _PROCESS = Struct("=H"), Struct("=II")
_BEGAN = time.time()


def header_of(data: bytes) -> tuple[int, int, int]:
    """When it was written (ns of the monotonic clock), by which object, and which of its logs it is."""
    return _HEADER.unpack_from(data)


def clock_start() -> float:
    """When the monotonic clock began, in seconds of the epoch, as both clocks are now."""
    return (time.time_ns() - time.monotonic_ns()) / 1e9


class LogSite:
    """One log of the source: makes records of what it wrote."""

    def __init__(self, of: LogFormat, path: str) -> None:
        """`path` is where its file lies."""
        self.format = of
        self.logger = logging.getLogger(f"osmia.{of.program}")
        self._path = path
        self._parts = [part if isinstance(part, str) else _reader(part) for part in of.parts]

    def message(self, data: bytes) -> str:
        """The text."""
        return "".join([part if isinstance(part, str) else part(data) for part in self._parts])

    def record(self, data: bytes, clock: float) -> logging.LogRecord:
        """The record; `clock` is when the monotonic clock began, in seconds of the epoch."""
        of = self.format
        function = of.function.rpartition(".")[2]
        record = logging.LogRecord(
            self.logger.name, of.level, self._path, of.line, self.message(data), (), None, function
        )
        when = _HEADER.unpack_from(data)[0]
        set_time(record, clock + when / 1e9)
        thread, process = _PROCESS.unpack_from(data, of.process) if of.process else (None, None)
        vars(record).update(
            process=process, thread=thread, processName=of.program, threadName=of.program, taskName=None,
            program=of.program, cpu=_CPU.unpack_from(data, of.cpu)[0], ktime_ns=when,
        )  # fmt: skip
        return record


def losses(count: int, why: str) -> logging.LogRecord:
    """The record that says how many records were lost."""
    text = f"{count} log record{'s were' if count != 1 else ' was'} lost: {why}"
    return logging.LogRecord("osmia", logging.WARNING, __file__, 0, text, (), None, "losses")


def set_time(record: logging.LogRecord, when: float) -> None:
    """Give a record a time, in seconds of the epoch."""
    record.created = when
    record.msecs = float(int(when * 1000) % 1000)
    record.relativeCreated = (when - _BEGAN) * 1000


def _reader(of: Shown) -> Callable[[bytes], str]:
    """What makes the text of a value that lies in a record."""
    form, offset, size, name = form_of(of.layout), of.offset, of.layout.size, of.layout.name
    conversion, spec = of.conversion, of.spec

    def text(data: bytes) -> str:
        return formatted(form.unpack(data[offset : offset + size], name, frozen=True), conversion, spec)

    return text
