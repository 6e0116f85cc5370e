"""Where a capture is read from: a file, a compressed one, stdin, or a file object."""

from __future__ import annotations

import os
import stat
import zlib
from gzip import BadGzipFile, GzipFile
from typing import BinaryIO, cast

from osmia.errors import CaptureError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

GZIP = b"\x1f\x8b"
PIECE = 1 << 18
"""How many bytes are asked for at a time."""


class Source:
    """Bytes in their order, whatever they come from; compressed ones are read as what they hold."""

    def __init__(self, of: str | os.PathLike[str] | BinaryIO) -> None:
        """Open a file by its path, stdin for `-`, or read on in a binary file object. OSError where it cannot."""
        self.name, self._file, self._closes = _opened(of)
        try:
            self._first = self._file.read(len(GZIP))
            while 0 < len(self._first) < len(GZIP) and (more := self._file.read(len(GZIP) - len(self._first))):
                self._first += more
        except BaseException:
            self.close()
            raise
        self.compressed = self._first == GZIP
        """Whether it is a gzip file."""
        self._unpacked = (
            GzipFile(fileobj=cast("BinaryIO", _Ahead(self._first, self._file))) if self.compressed else None
        )
        # What a pipe holds already is not to wait for the rest of a piece.
        self._more = getattr(self._file, "read1", self._file.read)
        self._given = 0

    def read(self) -> bytes:
        """The next bytes, up to PIECE; none at the end. CaptureError where what is compressed is damaged."""
        if self._unpacked is None:
            first, self._first = self._first, b""
            return first or self._more(PIECE)
        try:
            data = self._unpacked.read1(PIECE)
        except (BadGzipFile, EOFError, zlib.error) as error:
            problem = "it is cut short" if isinstance(error, EOFError) else str(error)
            raise CaptureError(
                self.name, self._given, f"the gzip file cannot be unpacked beyond this byte of what it holds: {problem}"
            ) from None
        self._given += len(data)
        return data

    def regular_file(self) -> int | None:
        """The file descriptor of a file that was opened by its path and can be mapped; None for all others."""
        if not self._closes or self.compressed:
            return None
        number = self._file.fileno()
        return number if stat.S_ISREG(os.fstat(number).st_mode) else None

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._closes:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Ahead:
    """A file of which the first bytes were read already."""

    def __init__(self, first: bytes, file: BinaryIO) -> None:
        self._first, self._file = first, file

    def read(self, size: int) -> bytes:
        first, self._first = self._first[:size], self._first[size:]
        return first or self._file.read(size)


def _opened(of: str | os.PathLike[str] | BinaryIO) -> tuple[str, BinaryIO, bool]:
    """The name for messages, the file, and whether it is ours to close."""
    if of == "-":
        return "stdin", cast("BinaryIO", open(0, "rb", buffering=0, closefd=False)), False
    if isinstance(of, (str, os.PathLike)):
        return os.fspath(of), cast("BinaryIO", open(of, "rb", buffering=0)), True  # noqa: PTH123 - closed by close()
    name = getattr(of, "name", None)
    return name if isinstance(name, str) else "capture", of, False
