"""Attaching programs to network namespaces, by BPF link."""

from __future__ import annotations

import errno
import os

from osmia.errors import KernelError, shown
from osmia.kernel import attributes, bpf
from osmia.kernel.parent import end_with_sudo
from osmia.links import Link, attaching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from osmia.links import Attachable

    class Open(Protocol):
        """An open file, such as one that `open("/run/netns/NAME")` gives."""

        def fileno(self) -> int:
            """Its file descriptor."""

    Netns = str | os.PathLike[str] | int | Open

OWN = "/proc/thread-self/ns/net"


class NetnsLink(Link):
    """A program attached to a network namespace. When that is gone, the program has ended with it."""

    @property
    def gone(self) -> bool:
        """Whether the network namespace does not exist any more; the program has ended with it."""
        return bool(self._info(attributes.NETNS_LINK_INFO)["netns_ino"] == 0)


def attach_to_netns(program: Attachable, netns: Netns | None, attach_type: int, feature: str) -> NetnsLink:
    """Attach a program to a network namespace: a path, a file descriptor or an open file; None is this thread's own.

    Where sudo started this process, it is from now on ended (SIGTERM) when sudo is. Raises KernelError: no such
    namespace (ENOENT), a file that is no network namespace (EINVAL), too many programs there (E2BIG);
    NotSupportedError, PermissionDeniedError.
    """
    target = "this network namespace" if netns is None else f"network namespace '{_shown(netns)}'"
    fd, own = _open(program.name, OWN if netns is None else netns)
    end_with_sudo()
    try:
        with attaching:
            try:
                link = bpf.link_create(prog_fd=program.fd, target=fd, attach_type=attach_type)
            except OSError as error:
                number = error.errno or 0
            else:
                return NetnsLink(link, program.name, target)
    finally:
        if own:
            os.close(fd)
    from osmia.kernel.errors import kernel_error

    raise kernel_error(
        number,
        f"attach program '{program.name}' to {target}",
        needed=("CAP_NET_ADMIN", "CAP_BPF"),
        feature=feature,
        hints={
            errno.EINVAL: "this is no network namespace (EINVAL): give one of /run/netns, or /proc/PID/ns/net",
            errno.EBADF: "its file descriptor is not open (EBADF)",
            errno.E2BIG: "the namespace has as many programs of this kind as it takes, 64 (E2BIG)",
            errno.EEXIST: "the namespace has a program of this kind already, and it takes one (EEXIST)",
        },
    )


def _open(program: str, netns: Any) -> tuple[int, bool]:
    """The file descriptor of a namespace, and whether it is to be closed."""
    if isinstance(netns, int) and not isinstance(netns, bool):
        return netns, False
    if hasattr(netns, "fileno") and not isinstance(netns, type):
        number: int = netns.fileno()
        return number, False
    if not isinstance(netns, str) and not hasattr(netns, "__fspath__"):
        raise TypeError(f"{program}: a network namespace is a path or a file descriptor, not {shown(netns)}")
    path = os.fspath(netns)
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC), True
    except OSError as error:
        number = error.errno or 0
    from osmia.kernel.errors import plain

    raise KernelError(
        number, f"cannot attach program '{program}': there is no network namespace '{path}': {plain(number)}"
    )


def _shown(netns: Any) -> str:
    if isinstance(netns, int):
        return f"fd {netns}"
    return f"fd {netns.fileno()}" if hasattr(netns, "fileno") else os.fspath(netns)
