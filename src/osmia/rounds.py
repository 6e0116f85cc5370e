"""`loop`: a function that is called so many times."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def loop(count: int, body: Callable[[int], bool | None], /) -> int:
    """Call `body` with 0, 1, ... up to `count - 1`, until it returns True. How many times it was called.

    In kernel code this is a loop like any other, in whichever form the kernel has for it; nested functions see the
    names around them. User code can call it too.
    """
    for number in range(count):
        if body(number):
            return number + 1
    return max(count, 0)
