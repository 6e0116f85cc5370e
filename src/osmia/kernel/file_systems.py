"""The kernel's own file systems, opened without mounting them: systems mount them in different places, or not."""

from __future__ import annotations

import os

from osmia.kernel.libc import addressof, c_char, c_void_p, function, get_errno

# These numbers are the same on every architecture but alpha.
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = 1
_CMD_CREATE = 6
_LARGEST = 1 << 16

_syscall = function("syscall")


def open_root(kind: str) -> int:
    """A directory of a file system, `tracefs`. OSError where the kernel has none, or does not allow it.

    Since Linux 5.2.
    """
    name = bytearray(kind.encode() + b"\0")
    context = _checked(_syscall(_FSOPEN, c_void_p(addressof(c_char.from_buffer(name))), _FSOPEN_CLOEXEC))
    try:
        _checked(_syscall(_FSCONFIG, context, _CMD_CREATE, c_void_p(0), c_void_p(0), 0))
        return _checked(_syscall(_FSMOUNT, context, _FSMOUNT_CLOEXEC, 0))
    finally:
        os.close(context)


def read(kind: str, path: str) -> str:
    """What a file of a file system says, up to 64 KiB. OSError."""
    root = open_root(kind)
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=root)
    finally:
        os.close(root)
    try:
        return os.read(file, _LARGEST).decode()
    finally:
        os.close(file)


def _checked(result: int) -> int:
    if result >= 0:
        return result
    number = get_errno()
    raise OSError(number, os.strerror(number))
