"""An uncaught error of osmia's, as `python` shows it: the user's lines, and none of osmia's own."""

from __future__ import annotations

import sys

from osmia.errors import OsmiaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_PACKAGE = __file__.removesuffix("programs/uncaught.py")


def hide_own_frames() -> None:
    """From now on leave osmia's frames out where Python shows an uncaught error of osmia's.

    A hook that somebody has set already stays as it is.
    """
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if isinstance(error, OsmiaError):
        traceback = without_own_frames(traceback)
        error.__traceback__ = traceback
    sys.__excepthook__(kind, error, traceback)


def without_own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback up to the last frame that is not osmia's; whole where there is no other."""
    last, each = None, traceback
    while each is not None:
        if not each.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            last = each
        each = each.tb_next
    if last is not None:
        last.tb_next = None
    return traceback
