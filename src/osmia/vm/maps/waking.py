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


class Position:
    """A number of 64 bits, `[0]`, that one side writes and the other one looks at when it has changed."""

    __slots__ = ("_changed", "_value")

    def __init__(self, changed: Callable[[], None]) -> None:
        self._value = 0
        self._changed = changed

    def __getitem__(self, _index: int) -> int:
        return self._value

    def __setitem__(self, _index: int, value: int) -> None:
        self._value = value
        self._changed()
