"""The helpers of the runtime: a function for each, by the number that call instructions hold.

A helper is given the execution and the five registers, unsigned; what it gives is taken as 64 bits. What it is called
with is checked before, by the table of helpers (`arguments`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate

    from osmia.vm.execution import Execution

    Helper = Callable[Concatenate[Execution, ...], int]

MODULES = (
    *("map_elements", "queues", "rings", "perf_events", "storage", "locks", "tail_calls"),
    *("machine_state", "task_state", "text", "kernel_memory", "control", "timers", "dynptrs", "stacks"),
    *("kernel_objects", "counters"),
    *("packet_bytes", "packet_shape", "checksums", "skb", "sk_msg", "tunnels", "redirects", "routing"),
    *("sockets", "socket_options", "socket_maps", "syncookies"),
)
"""The modules of this package, each with a table HELPERS of its own."""

_ALL: dict[int, Helper] = {}


def all_helpers() -> dict[int, Helper]:
    """Every helper that the runtime has, by its number."""
    if not _ALL:
        from osmia.vm.helpers.arguments import checked

        for name in MODULES:
            helpers = __import__(f"osmia.vm.helpers.{name}", fromlist=["HELPERS"]).HELPERS
            _ALL.update({number: checked(number, helper) for number, helper in helpers.items()})
    return dict(_ALL)
