"""Gives records to the loggers of `logging`, and shows them where nobody has set up any."""

from __future__ import annotations

import logging
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def wanted(logger: logging.Logger, level: int) -> bool:
    """Whether a record of that level goes anywhere."""
    if logger.hasHandlers():
        return logger.isEnabledFor(level)
    # Nobody set anything up, and WARNING is the root's own level: what was not pruned shall be seen, as print() is. A
    # level that was set for osmia's loggers holds.
    return not logger.disabled and level > logger.manager.disable and level >= _own_level(logger)


def _own_level(logger: logging.Logger) -> int:
    of: logging.Logger | None = logger
    while of is not None and of.parent is not None:
        if of.level:
            return of.level
        of = of.parent
    return 0


def hand_over(record: logging.LogRecord) -> None:
    """Give a record to its logger, if it is wanted. What a handler raises is shown, and goes no further."""
    logger = logging.getLogger(record.name)
    if not wanted(logger, record.levelno):
        return
    try:
        if logger.hasHandlers():
            logger.handle(record)
        elif logger.filter(record):
            _TO_STDERR.handle(record)
    except Exception:  # noqa: BLE001 - as logging does with what handlers raise
        _TO_STDERR.handleError(record)


class _ToStderr(logging.StreamHandler["TextIO"]):
    """Shows records in one line, on what sys.stderr is at the time."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(_OneLine("%(asctime)s %(levelname)-5s %(program)s:%(lineno)d  %(message)s"))

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """What is written to."""
        return sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        """Write it; nothing where the process has no stderr."""
        if sys.stderr is not None:
            super().emit(record)


class _OneLine(logging.Formatter):
    """With microseconds, which records of kernel code have."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's
        """The time of day."""
        import time

        return time.strftime("%H:%M:%S", time.localtime(record.created)) + f".{int(record.created * 1e6) % 1000000:06}"

    def usesTime(self) -> bool:  # noqa: N802 - logging's
        """It does."""
        return True


_TO_STDERR = _ToStderr()
