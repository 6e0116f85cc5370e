"""Tracepoints with typed arguments: the context."""

from __future__ import annotations

from osmia.contexts import helpers_later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts.fields import ContextField
    from osmia.contexts.generated.helpers import TpBtfHelpers
else:
    TpBtfHelpers = helpers_later("TpBtfHelpers")


FIELDS: dict[str, ContextField] = {}


class TpBtfContext(TpBtfHelpers):
    """A pass of a tracepoint; its arguments are the program's parameters. It exists in kernel code only."""
