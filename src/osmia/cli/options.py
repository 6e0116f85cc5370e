"""Options that commands share, and what their values may be."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError

from osmia.contexts.xdp import XdpMode

MODES = {mode.name.lower(): mode for mode in XdpMode}
SHORTEST_INTERVAL = 0.001
LONGEST_INTERVAL = 86_400.0
DIGITS = 18


def interval(text: str) -> float:
    """Seconds, as a command line gives them."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if "_" in text or not SHORTEST_INTERVAL <= seconds <= LONGEST_INTERVAL:
        raise ArgumentTypeError(
            f"{text!r} is no number of seconds ({SHORTEST_INTERVAL} to {LONGEST_INTERVAL:.0f}, such as 1 or 0.5)"
        )
    return seconds


def setting(text: str) -> tuple[str, str]:
    """The name and the value of a setting, as a command line gives them."""
    name, equals, value = text.partition("=")
    if not (equals and name.isidentifier()):
        raise ArgumentTypeError(f"{text!r} is no setting: it is written NAME=VALUE, such as PORT=443")
    return name, value


def log_level(text: str) -> int:
    """The number of a level of logs, as a command line gives it or its name."""
    from osmia.logs import level_number

    try:
        return level_number("LEVEL", int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS else text)
    except ValueError as problem:
        raise ArgumentTypeError(str(problem)) from None


def count(text: str) -> int:
    """How many reports, as a command line gives it."""
    return _number(text, "reports")


def packets(text: str) -> int:
    """How many packets, as a command line gives it."""
    return _number(text, "packets")


def _number(text: str, of: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS else 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is no number of {of} (at least 1)")
    return number
