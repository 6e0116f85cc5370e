"""A cgroup as user code names it: the path of its directory, or what has a file descriptor of it."""

from __future__ import annotations

import errno
import os

from osmia.errors import KernelError, errno_name, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Protocol, Self, TypeAlias

    class HasFileno(Protocol):
        """An open directory."""

        def fileno(self) -> int:
            """Its file descriptor."""

    Cgroup: TypeAlias = str | os.PathLike[str] | int | HasFileno


class OpenCgroup:
    """A cgroup's directory, open for as long as a `with` statement lasts."""

    def __init__(self, cgroup: Cgroup, asked: str) -> None:
        """Open it. `asked` is what an error says: `attach program 'counts' to cgroup`."""
        given: Any = cgroup
        self._own = False
        if isinstance(given, int) and not isinstance(given, bool):
            self.number, self.name = given, f"fd {given}"
        elif hasattr(given, "fileno"):
            self.number = given.fileno()
            self.name = f"fd {self.number}"
        elif isinstance(given, (str, os.PathLike)):
            self.name = os.fspath(given)
            self.number = _opened(self.name, asked)
            self._own = True
        else:
            raise TypeError(f"a cgroup is the path of its directory, or a file descriptor of it, not {shown(given)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._own:
            os.close(self.number)

    def why_none(self) -> str:
        """Why the kernel says that it is no cgroup (EBADF)."""
        if self.name.startswith("fd "):
            return f"that is no open directory of a cgroup of version 2{_those_there_are()} (EBADF)"
        kind = _file_system(self.number)
        what = "a cgroup of version 1" if kind == "cgroup" else f"a directory of a file system of type {kind}"
        return f"it is {what}, and BPF knows those of version 2 only{_those_there_are()} (EBADF)"


def _opened(path: str, asked: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        number = error.errno or 0
    except ValueError:  # a NUL in the path
        number = errno.ENOENT
    if number == errno.ENOENT:
        raise KernelError(number, f"cannot {asked} {path!r}: there is no such directory{_those_there_are()} (ENOENT)")
    what = "it is no directory" if number == errno.ENOTDIR else os.strerror(number)
    raise KernelError(number, f"cannot {asked} {path!r}: {what} ({errno_name(number)})")


def _those_there_are() -> str:
    """Where the cgroups of version 2 are, as a hint."""
    root = cgroup_root()
    return f": cgroups are below {root}" if root else ", and no cgroup2 file system is mounted"


def cgroup_root() -> str:
    """Where the cgroups of version 2 are mounted; empty where they are not."""
    return next((mount for _, mount, kind in _mounts() if kind == "cgroup2"), "")


def _file_system(fd: int) -> str:
    """The type of the file system that a directory is in."""
    device = os.fstat(fd).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    return next((kind for at, _, kind in _mounts() if at == number), "unknown")


def _mounts() -> list[tuple[str, str, str]]:
    """(device, where it is mounted, type) of every mount."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            mount, _, source = line.partition(" - ")
            _, _, device, _, where, *_ = mount.split(" ")
            found.append((device, where, source.split(" ")[0]))
    return found
