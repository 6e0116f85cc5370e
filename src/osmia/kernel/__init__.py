"""The only caller of bpf(2). Here: what its handles hold, a file descriptor that closes with its last reference."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

THE_KERNEL = "the kernel"
"""Where its maps and programs are, as error texts say it."""
_close = os.close


def read_line(path: str) -> str:
    """The first line of a small file of /proc or /sys, in a fifth of the time that `open` takes. OSError as there."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 4096).decode("utf-8", "replace").partition("\n")[0]
    finally:
        os.close(file)


class Descriptor:
    """An open file descriptor.

    A handle drops its reference to close; a call in progress holds one of its own. So the number is not free,
    and cannot come to mean another file, before the last call that uses it has ended, in whatever thread or
    signal handler.
    """

    __slots__ = ("number", "pool")

    def __init__(self, number: int) -> None:
        self.number = number
        self.pool: list[Any] = []
        """Buffers of calls that have ended, for the next ones."""

    def close_now(self) -> None:
        """Close it although there may be references, where no other thread can use it: in a forked child, for one."""
        number, self.number = self.number, -1
        if number >= 0:
            _close(number)

    __del__ = close_now
