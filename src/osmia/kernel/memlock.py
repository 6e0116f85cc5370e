"""RLIMIT_MEMLOCK, which kernels before 5.11 charge maps and programs to."""

from __future__ import annotations

_NOT_CHARGED_SINCE = (5, 11)


def charged() -> bool:
    """Whether this kernel charges maps and programs to the limit."""
    from osmia.kernel.features import kernel_version

    return kernel_version() < _NOT_CHARGED_SINCE


def limited() -> bool:
    """Whether this kernel charges maps and programs to the limit, and there is one."""
    if not charged():
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY


def raise_limit() -> None:
    """Raise the limit as far as this process may."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    infinity = resource.RLIM_INFINITY
    for limits in ((infinity, infinity), (hard, hard)):
        if soft == limits[0]:
            return
        try:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, limits)
        except (OSError, ValueError):  # without CAP_SYS_RESOURCE only the soft limit moves, and only up to the hard one
            continue
        return
