"""The helpers of the runtime: a function for each, by the number that call instructions hold.

A helper is given the execution and the five registers, unsigned; what it gives is taken as 64 bits.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate

    from osmia.vm.execution import Execution

    Helper = Callable[Concatenate[Execution, ...], int]

MODULES = ("map_elements", "machine_state")
"""The modules of this package, each with a table HELPERS of its own."""


def all_helpers() -> dict[int, Helper]:
    """Every helper that the runtime has, by its number."""
    found: dict[int, Helper] = {}
    for name in MODULES:
        found |= __import__(f"osmia.vm.helpers.{name}", fromlist=["HELPERS"]).HELPERS
    return found
