"""Tracepoints: what the context of each has in common.

    @struct
    class SchedProcessExec(TracepointContext):
        pid: i32
        old_pid: i32

A class that derives from TracepointContext names the fields that a program wants of its tracepoint, in any order. Where
they lie is what the kernel's tracefs says.
"""

from __future__ import annotations

from osmia.contexts import helpers_later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts.fields import ContextField
    from osmia.contexts.generated.helpers import TracepointHelpers
else:
    TracepointHelpers = helpers_later("TracepointHelpers")


FIELDS: dict[str, ContextField] = {}


class TracepointContext(TracepointHelpers):
    """A pass of a tracepoint. It exists in kernel code only.

    By itself it has the helpers; a @struct class that derives from it has the tracepoint's fields too.
    """

    __osmia_context__ = True
