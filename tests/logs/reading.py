"""What programs logged, read in place of `logging`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import LogRecord

    from osmia.logs.reader import LogReader


def records(reader: LogReader) -> list[LogRecord]:
    """What was logged since this was asked last: programs that are run by test_run have done so."""
    return list(iter(lambda: reader.read(0), None))


def messages(reader: LogReader) -> list[str]:
    """The texts of it."""
    return [record.getMessage() for record in records(reader)]
