"""Options of sockets that have to do with programs."""

from __future__ import annotations

import os

from osmia.abi import SO_ATTACH_REUSEPORT_EBPF, SO_DETACH_REUSEPORT_BPF, SOL_SOCKET
from osmia.kernel.bpf import address
from osmia.kernel.libc import c_void_p, function, get_errno, set_errno

_setsockopt = function("setsockopt")


def attach_reuseport(socket_fd: int, prog_fd: int) -> None:
    """SO_ATTACH_REUSEPORT_EBPF: have a program choose among the sockets that share this one's port. OSError."""
    _set(socket_fd, SO_ATTACH_REUSEPORT_EBPF, prog_fd)


def detach_reuseport(socket_fd: int) -> None:
    """SO_DETACH_REUSEPORT_BPF: let the kernel choose again, by a hash. OSError."""
    _set(socket_fd, SO_DETACH_REUSEPORT_BPF, 0)


def _set(socket_fd: int, option: int, value: int) -> None:
    """setsockopt(2) with an int, for whatever has the file descriptor of a socket."""
    buffer = bytearray(value.to_bytes(4, "little"))
    before = get_errno()
    if _setsockopt(socket_fd, SOL_SOCKET, option, c_void_p(address(buffer)), len(buffer)) == 0:
        return
    number = get_errno()
    set_errno(before)
    raise OSError(number, os.strerror(number))
