"""Whether tests may use the kernel, and why not: skipped tests say it."""

from __future__ import annotations

import functools
import os
import sys

from osmia.errors import KernelError
from osmia.maps.array import Array
from osmia.types import u32


@functools.cache
def why_no_kernel() -> str:
    """Why BPF programs cannot be loaded here, with the capability that is missing; empty where they can."""
    if sys.platform != "linux":
        return f"BPF is the Linux kernel's, and this is {sys.platform}"
    probe = Array(u32, max_entries=1, name="osmia_probe")
    try:
        probe.create()
    except KernelError as refused:
        return str(refused).partition(": ")[2]
    probe.close()
    return ""


@functools.cache
def why_no_netns() -> str:
    """Why no network namespace can be made here, with the capability that is missing; empty where it can."""
    if sys.platform != "linux":
        return f"network namespaces are the Linux kernel's, and this is {sys.platform}"
    from osmia.kernel.capabilities import missing_capabilities  # noqa: PLC0415 - of Linux alone

    missing = missing_capabilities(("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_NET_RAW"))
    if missing:
        who = "is root but lacks" if os.geteuid() == 0 else "lacks"
        return f"this process {who} {' and '.join(missing)}"
    return ""
