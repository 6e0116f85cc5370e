"""What user code waits on: a file descriptor that is readable while there is something to read."""

from __future__ import annotations

import os
from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Flag:
    """A flag that an event loop can wait on. It takes a file descriptor once somebody asks for it."""

    def __init__(self) -> None:
        self.lock = RLock()
        """Held while what it tells of changes, too."""
        self.up = False
        self._number = -1

    def fileno(self) -> int:
        """What is readable while the flag is up."""
        with self.lock:
            if self._number < 0:
                self._number = os.eventfd(int(self.up), os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            return self._number

    def change(self, up: bool) -> None:
        """Put it up, or down."""
        if self.up == up:
            return
        with self.lock:
            if self.up == up:
                return
            self.up = up
            if self._number < 0:
                return
            if up:
                os.eventfd_write(self._number, 1)
            else:
                os.eventfd_read(self._number)

    def close(self) -> None:
        """Nobody waits any more."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    def __del__(self) -> None:
        self.close()


class Written:
    """How many bytes were written, `[0]`: who looks at it and has read all of them puts the flag down.

    What a reader writes is plain memory, as the kernel's is: nothing comes between its store and what it does next.
    """

    __slots__ = ("_looked_at", "value")

    def __init__(self, looked_at: Callable[[], None]) -> None:
        self.value = 0
        self._looked_at = looked_at

    def __getitem__(self, _index: int) -> int:
        self._looked_at()
        return self.value


def number() -> memoryview:
    """A number of 64 bits in memory, `[0]`."""
    return memoryview(bytearray(8)).cast("Q")
