"""Which CPUs this machine may have, and which of them run."""

from __future__ import annotations

from osmia.errors import KernelError
from osmia.kernel import read_line

_DIRECTORY = "/sys/devices/system/cpu"


_possible: tuple[int, ...] = ()


def possible_cpus() -> tuple[int, ...]:
    """The numbers of all CPUs that can ever run here. A per-CPU map has one value for each, in this order."""
    global _possible  # noqa: PLW0603 - it is read once; the kernel does not change it
    if not _possible:
        _possible = _read("possible")
    return _possible


def online_cpus() -> tuple[int, ...]:
    """The numbers of the CPUs that run now."""
    return _read("online")


def _read(name: str) -> tuple[int, ...]:
    path = f"{_DIRECTORY}/{name}"
    try:
        return parse_cpu_list(read_line(path))
    except OSError as error:
        raise KernelError(
            error.errno or 0,
            f"cannot read which CPUs are {name} from {path} ({error.strerror}): is /sys mounted? Per-CPU maps need it",
        ) from None
    except ValueError as error:
        raise KernelError(0, f"{path} does not hold a list of CPUs: {error}") from None


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """The numbers in a list as the kernel writes it: `0-3,8`."""
    cpus: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cpus.extend(range(int(first), int(last or first) + 1))
    return tuple(cpus)
