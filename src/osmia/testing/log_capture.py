"""What programs log while a test runs, kept for it."""

from __future__ import annotations

import logging

from osmia.logs import log

_LOGGER = "osmia"


class LogCapture(logging.Handler):
    """Keeps the records of osmia's loggers from `begin()` to `end()`, of all levels that programs log."""

    def __init__(self) -> None:
        super().__init__(level=1)
        self.records: list[logging.LogRecord] = []
        self._level_before = logging.NOTSET

    def begin(self) -> None:
        """Keep what is logged from now on."""
        logger = logging.getLogger(_LOGGER)
        self._level_before = logger.level
        logger.setLevel(1)
        logger.addHandler(self)

    def end(self) -> None:
        """Keep no more."""
        logger = logging.getLogger(_LOGGER)
        logger.removeHandler(self)
        logger.setLevel(self._level_before)

    def all(self) -> list[logging.LogRecord]:
        """What was logged by now: what is still on its way is waited for."""
        log.flush()
        return self.records

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)
