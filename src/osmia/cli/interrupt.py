"""Ctrl-C before a command is ready for it: it ends the process at once, without a traceback out of an import."""

from __future__ import annotations

# What `signal` is made of, without the enumerations, which take longer than a start may.
import _signal  # type: ignore[import-not-found]


def end_at_once() -> None:
    """From now on Ctrl-C ends the process, as it ends a program that knows nothing of signals."""
    # Whoever started us may have had it ignored, as a shell does for what runs in the background: then it stays so.
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def raise_from_now_on() -> None:
    """From now on Ctrl-C is a KeyboardInterrupt, as Python programs expect."""
    if _signal.getsignal(_signal.SIGINT) == _signal.SIG_DFL:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
