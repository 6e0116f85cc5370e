"""The time of day, as `-T` shows it."""

from __future__ import annotations

from time import gmtime, localtime, strftime


def for_people(time: float) -> str:
    """`14:03:59`, in the time zone of the process."""
    return strftime("%H:%M:%S", localtime(time))


def for_programs(time: float) -> str:
    """`2026-11-22T13:03:59.250Z`: RFC 3339, UTC."""
    milliseconds = round(time * 1000)
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(milliseconds // 1000))}.{milliseconds % 1000:03}Z"
