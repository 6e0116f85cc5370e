"""Hooks of the Linux security modules: the context."""

from __future__ import annotations

from osmia.contexts import helpers_later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts.fields import ContextField
    from osmia.contexts.generated.helpers import LsmHelpers
else:
    LsmHelpers = helpers_later("LsmHelpers")


FIELDS: dict[str, ContextField] = {}


class LsmContext(LsmHelpers):
    """A decision to be made; what the hook is given are the program's parameters. It exists in kernel code only."""
