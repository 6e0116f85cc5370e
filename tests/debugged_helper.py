"""A function in a file of its own, which a program calls."""

from __future__ import annotations

LOWEST = 10


def clamped(size: int) -> int:
    """Between 10 and 70."""
    low = LOWEST
    if size < low:
        return low  # clamped: low
    if size > 70:
        return 70  # clamped: high
    return size  # clamped: size
