"""Ctrl-C and SIGTERM as something to wait for: the first one asks a command to end, the second one ends it."""

from __future__ import annotations

import os
import select
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """While its block runs, the first SIGINT or SIGTERM is noted and the second raises KeyboardInterrupt.

    So no output is cut in the middle, and a command that hangs in a write can be ended all the same.
    """

    def __init__(self) -> None:
        self.asked = False
        """Whether a signal has come."""
        self._read = self._write = -1
        self._handlers: list[Any] = []

    def wait(self, seconds: float, also: Sequence[int] = ()) -> bool:
        """Wait, at most that long, for a signal, or until another descriptor can be read; whether a signal has come."""
        if not self.asked:
            select.select([self._read, *also], [], [], max(0.0, seconds))
        return self.asked

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        self._handlers = [signal.signal(number, self._note) for number in SIGNALS]
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in zip(SIGNALS, self._handlers, strict=True):
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def _note(self, _number: int, _frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        os.write(self._write, b"\0")
