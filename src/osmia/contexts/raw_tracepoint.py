"""Raw tracepoints: the context."""

from __future__ import annotations

from osmia.contexts import helpers_later, kernel_only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts.fields import ContextField
    from osmia.contexts.generated.helpers import RawTracepointHelpers
else:
    RawTracepointHelpers = helpers_later("RawTracepointHelpers")


FIELDS: dict[str, ContextField] = {}


class RawTracepointContext(RawTracepointHelpers):
    """A pass of a tracepoint, with its arguments as the kernel has them. It exists in kernel code only."""

    def arg(self, index: int, /) -> int:  # noqa: ARG002 - kernel code's
        """An argument of the tracepoint, 0 to 11, as u64; `index` is known when the program is compiled.

        What points somewhere is an address: `probe_read_kernel` reads there.
        """
        raise kernel_only("RawTracepointContext.arg")
