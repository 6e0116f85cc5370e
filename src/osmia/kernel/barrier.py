"""Waiting until all kernel code has ended that runs now."""

from __future__ import annotations

import os

from osmia.kernel.libc import function

# __NR_membarrier; the architectures that share the generic table have 283.
_NUMBER = {"x86_64": 324, "ppc64le": 365, "ppc64": 365, "s390x": 356}.get(os.uname().machine, 283)
_GLOBAL = 1  # MEMBARRIER_CMD_GLOBAL
_LONG = 0.02

_syscall = function("syscall")


def wait_for_running() -> None:
    """Return when each program has ended that runs now on any CPU: it takes some ms, and no CPU.

    The kernel waits for an RCU grace period for this. Where it does not (with nohz_full), a time passes that is long
    for programs.
    """
    if _syscall(_NUMBER, _GLOBAL, 0, 0) < 0:
        import time

        time.sleep(_LONG)
