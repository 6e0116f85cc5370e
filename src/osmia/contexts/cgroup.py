"""What programs of cgroups return."""

from __future__ import annotations

from osmia.enumeration import IntEnum


class CgroupAction(IntEnum):
    """Whether a program of a cgroup lets happen what it was asked about."""

    DENY = 0
    """Drop the packet, or refuse the system call (EPERM)."""
    ALLOW = 1
    """Let it through."""
