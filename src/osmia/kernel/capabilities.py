"""Which capabilities this process has."""

from __future__ import annotations

# linux/capability.h
_BITS = {
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYS_RESOURCE": 24,
    "CAP_PERFMON": 38,
    "CAP_BPF": 39,
}

# What CAP_SYS_ADMIN stands in for where BPF asks.
_IN_SYS_ADMIN = ("CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN")

_INITIAL_USER_NAMESPACE = "0 0 4294967295"


def effective_capabilities() -> int | None:
    """CapEff of this thread as a bit set; None where /proc does not say."""
    try:
        with open("/proc/thread-self/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith("CapEff:"):
                    return int(line.split()[1], 16)
    except OSError:
        return None
    return None


def missing_capabilities(needed: tuple[str, ...]) -> tuple[str, ...] | None:
    """Those of `needed` that this thread lacks; None where that cannot be known."""
    effective = effective_capabilities()
    if effective is None:
        return None
    has_sys_admin = effective >> _BITS["CAP_SYS_ADMIN"] & 1
    return tuple(
        name for name in needed if not effective >> _BITS[name] & 1 and not (has_sys_admin and name in _IN_SYS_ADMIN)
    )


def in_user_namespace() -> bool:
    """Whether this process is in a user namespace of its own, where capabilities do not reach BPF."""
    try:
        with open("/proc/self/uid_map", encoding="utf-8") as file:
            return " ".join(file.read().split()) != _INITIAL_USER_NAMESPACE
    except OSError:
        return False
