"""Ending with sudo: a program that was started by it must not outlive it."""

from __future__ import annotations

import os

from osmia.kernel import read_line

_PR_SET_PDEATHSIG = 1
_PR_GET_PDEATHSIG = 2
_SIGTERM = 15


def end_with_sudo() -> None:
    """If sudo is this process's parent, ask for SIGTERM when it ends, by SIGKILL too; else do nothing.

    sudo passes on the signals that it gets, but not SIGKILL: without this, the process would run on unseen.
    A signal that the process has asked for itself stays.
    """
    parent = os.getppid()
    if _name(parent) != "sudo":
        return
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    present = ctypes.c_int()
    prctl(_PR_GET_PDEATHSIG, ctypes.byref(present), ctypes.c_long(0), ctypes.c_long(0), ctypes.c_long(0))
    if present.value:
        return
    prctl(_PR_SET_PDEATHSIG, ctypes.c_long(_SIGTERM), ctypes.c_long(0), ctypes.c_long(0), ctypes.c_long(0))
    if os.getppid() != parent:  # it ended before the kernel knew
        os.kill(os.getpid(), _SIGTERM)


def _name(process: int) -> str | None:
    """The name of a process's program; None if /proc does not say, or if the process is gone."""
    try:
        return read_line(f"/proc/{process}/comm")
    except OSError:
        return None
