"""RLIMIT_MEMLOCK, which kernels before 5.11 charge maps and programs to."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

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


def raise_limit() -> bool:
    """Raise the limit as far as this process may; False if it cannot be raised at all."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    infinity = resource.RLIM_INFINITY
    for limits in ((infinity, infinity), (hard, hard)):
        if soft == limits[0]:
            return False
        try:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, limits)
        except (OSError, ValueError):  # without CAP_SYS_RESOURCE only the soft limit moves, and only up to the hard one
            continue
        return True
    return False


def with_memlock(create: Callable[[], T]) -> T:
    """What `create` returns. Where an old kernel refuses it for the limit, raise that and try once more."""
    try:
        return create()
    except PermissionError:
        if not charged() or not raise_limit():
            raise
    return create()
