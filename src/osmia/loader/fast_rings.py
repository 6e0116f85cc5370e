"""What rings in memory ask of the machine."""

from __future__ import annotations

import os

from osmia.errors import NotSupportedError

ORDERED = "x86_64"
"""The machine whose CPUs let others see stores in their order."""


def check_machine(name: str) -> None:
    """Raise NotSupportedError where a FastRing would be wrong."""
    running = os.uname()
    if running.machine != ORDERED:
        problem = f"they take a CPU that keeps the order of its stores ({ORDERED}), and this is {running.machine}"
    elif "PREEMPT_RT" in running.version:
        problem = "a kernel with PREEMPT_RT preempts the programs that write to them"
    else:
        return
    raise NotSupportedError(0, f"create map '{name}': no FastRing on this machine: {problem}. Declare a RingBuf")
