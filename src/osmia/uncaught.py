"""An uncaught error that osmia raises, as `python` shows it: the user's lines, and none of osmia's own."""

from __future__ import annotations

import sys
from opcode import opmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_PACKAGE = __file__.removesuffix("uncaught.py")


def show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """What `sys.excepthook` does, without osmia's frames below the user's where osmia refuses what it is given.

    An error that a `raise` of osmia's did not make may be a fault of osmia's, and is shown whole. So is everything in
    Python's development mode (`python -X dev`).
    """
    hide_own_frames(error)
    sys.__excepthook__(kind, error, error.__traceback__ if error.__traceback__ is not None else traceback)


def hide_own_frames(error: BaseException) -> None:
    """Leave osmia's own frames out of what osmia refuses, and of what led to it; not in Python's development mode."""
    each: BaseException | None = None if sys.flags.dev_mode else error
    while each is not None:
        if isinstance(each, _of_machines()):
            each.__traceback__ = users_frames(each.__traceback__)
        elif _is_raised_here(each):
            each.__traceback__ = without_own_frames(each.__traceback__)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _of_machines() -> tuple[type[BaseException], ...]:
    """The errors of programs that ran in a machine, if any can be: they end in the program's line."""
    refusals = sys.modules.get("osmia.refusals")
    return () if refusals is None else (refusals.VmError,)


def users_frames(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without osmia's own frames, wherever they are; whole where there are no others."""
    kept, each = [], traceback
    while each is not None:
        if not _is_own(each):
            kept.append(each)
        each = each.tb_next
    for one, after in zip(kept, [*kept[1:], None], strict=True):
        one.tb_next = after
    return kept[0] if kept else traceback


def without_own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback up to the last frame that is not osmia's; whole where there is no other."""
    last, each = None, traceback
    while each is not None:
        if not _is_own(each):
            last = each
        each = each.tb_next
    if last is not None:
        last.tb_next = None
    return traceback


def _is_own(traceback: TracebackType) -> bool:
    return traceback.tb_frame.f_code.co_filename.startswith(_PACKAGE)


def _is_raised_here(error: BaseException) -> bool:
    """Whether a `raise` statement of osmia's made the error: what an assertion finds is a fault of osmia's."""
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    if innermost is None or isinstance(error, AssertionError) or not _is_own(innermost):
        return False
    return innermost.tb_frame.f_code.co_code[innermost.tb_lasti] == opmap["RAISE_VARARGS"]
