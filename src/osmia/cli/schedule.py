"""Reports at a steady pace: their times do not drift, and what is missed is not made up for."""

from __future__ import annotations

import math
import os
from time import monotonic

from osmia.cli.output import STDERR, note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    class Waits(Protocol):
        """What waits, and may do something meanwhile."""

        def wait(self, seconds: float) -> bool:
            """Wait at most that long; whether the command is to end."""


# How long at most a problem, such as an interface that is gone, stays unseen.
LONGEST_WAIT = 1.0


def ticks(stop: Waits, seconds: float, count: int | None, check: Callable[[], None]) -> Iterator[None]:
    """Each time that a report is due: every `seconds`, `count` times or until `stop` is asked for.

    `check` is called before each, and at least once a second.
    """
    start, due, given = monotonic(), 1, 0
    while given != count:
        left = start + due * seconds - monotonic()
        if stop.wait(min(left, LONGEST_WAIT)):
            if os.isatty(STDERR):
                note("")  # the line of the terminal holds a ^C
            return
        check()
        if left > LONGEST_WAIT:
            continue
        yield
        given += 1
        # After a time asleep the reports go on where the pace is now.
        due = max(due + 1, math.ceil((monotonic() - start) / seconds))
