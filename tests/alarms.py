"""Alarms (SIGALRM) that interrupt what a test does.

Python cannot drop a handler safely: a signal that came just before is then "ignored due to race condition", which fails
some test. So one handler stays for good, and asks who is to be told.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_told: list[Callable[[int, FrameType | None], object]] = []
"""Who is told of alarms, the last of them."""


def _ring(number: int, frame: FrameType | None) -> None:
    for handler in _told[-1:]:
        handler(number, frame)


def ring_in(seconds: float, every: float = 0) -> None:
    """Have an alarm ring then, and again after as long; 0 stops it."""
    signal.setitimer(signal.ITIMER_REAL, seconds, every)


@contextmanager
def alarms(handler: Callable[[int, FrameType | None], object], seconds: float = 0, every: float = 0) -> Iterator[None]:
    """In this block `handler` is told of alarms: of one then, and of others that `every` or `ring_in` asks for."""
    signal.signal(signal.SIGALRM, _ring)
    _told.append(handler)
    try:
        ring_in(seconds, every)
        yield
    finally:
        _told.remove(handler)  # first: a handler may set the alarm again
        ring_in(0)
