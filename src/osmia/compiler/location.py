"""A place in the user's source, as every IR node carries it."""

from __future__ import annotations

from osmia.record import frozen_record


@frozen_record
class Location:
    """A stretch of source. Lines and columns count from 1, columns in characters; the end column is exclusive."""

    file: str
    """The path as Python knows it (`co_filename`)."""
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"
