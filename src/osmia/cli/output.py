"""Where a command writes: data to stdout or the file of `-o`, notes to stderr, everything at once and unbuffered."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

STDOUT, STDERR = 1, 2


class Output:
    """Data goes to stdout (None or `-`), or to the file that `-o` names, which is emptied at the first write."""

    def __init__(self, path: str | None) -> None:
        """Open the file. OSError where it cannot be written to."""
        self.broken = False
        """Whether a write failed or was interrupted: there is no use in another one."""
        self._name = "stdout" if path in {None, "-"} else path
        self._fd = STDOUT
        self._empty = False
        if path is not None and path != "-":
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._empty = stat.S_ISREG(os.fstat(self._fd).st_mode)

    def write(self, data: str | bytes) -> None:
        """Write all of it. BrokenPipeError if nobody reads any more, else an OSError that names the file."""
        self.broken = True
        try:
            if self._empty:
                os.ftruncate(self._fd, 0)
                self._empty = False
            write_all(self._fd, data.encode(errors="backslashreplace") if isinstance(data, str) else data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._name) from None
        self.broken = False

    def close(self) -> None:
        """Close the file."""
        if self._fd != STDOUT:
            os.close(self._fd)
            self._fd = STDOUT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def note(text: str) -> None:
    """Write a line to stderr."""
    write_all(STDERR, f"{text}\n".encode(errors="backslashreplace"))


def write_all(fd: int, data: bytes) -> None:
    """Write, however many calls it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def hold_standard_files() -> None:
    """Open stdin, stdout and stderr where they are closed, so that no map or file takes their numbers.

    What stands in for stdout cannot be written to: data is not lost unseen.
    """
    for fd, mode in ((0, os.O_RDONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest free number, which is this one
