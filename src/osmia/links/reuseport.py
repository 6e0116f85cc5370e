"""Attaching programs that choose among sockets which share a port: to one of the sockets, by setsockopt(2)."""

from __future__ import annotations

import errno

from osmia.errors import ENOTSUPP
from osmia.kernel import sockets
from osmia.kernel.parent import end_with_sudo
from osmia.links import end_logs, hold_logs
from osmia.maps.descriptors import socket_fileno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from osmia.errors import KernelError
    from osmia.links import Attachable
    from osmia.maps.sockets import Socket


class ReuseportAttachment:
    """A program that chooses among the sockets which share a port.

    The kernel has no BPF link for it: the sockets hold the program. In a `with` statement it ends with the block;
    without, with `detach()` or with the last of the sockets, which processes other than this one may have too.
    Attaching another program to the same sockets puts it in this one's place.
    """

    def __init__(self, socket: Socket, program: str) -> None:
        """`program` is its name, for messages."""
        self._socket: Socket | None = socket
        self._what = f"program '{program}' on sockets that share a port"
        hold_logs(self, program)

    def __repr__(self) -> str:
        state = "detached" if self._socket is None else "attached"
        return f"<{type(self).__name__} of {self._what}, {state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.detach()

    def detach(self) -> None:
        """Let the kernel choose again, by a hash; since Linux 5.3.

        Nothing happens if it is detached already. If the socket that it was attached to is closed, it stays with
        those that are left.
        """
        socket, self._socket = self._socket, None
        try:
            self._detach(socket)
        finally:
            end_logs(self)

    def _detach(self, socket: Socket | None) -> None:
        if socket is None or (number := socket.fileno()) < 0:
            return
        try:
            sockets.detach_reuseport(number)
        except OSError as error:
            if error.errno == errno.ENOENT:  # another one was attached in its place, and detached
                return
            number = error.errno or 0
        else:
            return
        raise _refusal(number, f"detach {self._what}", "detaching of sk_reuseport programs")


def attach_reuseport(program: Attachable, socket: Socket) -> ReuseportAttachment:
    """Have a program choose among all sockets that share the port of this one.

    The socket is of TCP or UDP, has SO_REUSEPORT set, and needs not be bound yet. Where sudo started this process, it
    is from now on ended (SIGTERM) when sudo is. Raises KernelError: EINVAL without SO_REUSEPORT;
    PermissionDeniedError.
    """
    number = socket_fileno(program.name, socket, "it is attached to a socket, or what has its fileno(), not to")
    end_with_sudo()
    try:
        sockets.attach_reuseport(number, program.fd)
    except OSError as error:
        failed = error.errno or 0
    else:
        return ReuseportAttachment(socket, program.name)
    raise _refusal(failed, f"attach program '{program.name}' to sockets that share a port", "sk_reuseport programs")


def _refusal(number: int, asked: str, feature: str) -> KernelError:
    from osmia.kernel.errors import kernel_error

    return kernel_error(
        number,
        asked,
        feature=feature,
        hints={
            errno.EINVAL: "the socket shares no port: set SO_REUSEPORT before it is bound (EINVAL)",
            errno.ENOTSOCK: "its file descriptor is of no socket (ENOTSOCK)",
            errno.EBADF: "its file descriptor is not open (EBADF)",
            errno.EPERM: "the socket's filter is locked, by SO_LOCK_FILTER (EPERM)",
            ENOTSUPP: "only TCP and UDP sockets of IPv4 and IPv6 share ports (ENOTSUPP)",
        },
    )
