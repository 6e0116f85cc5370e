"""Names of maps and programs in a BPF file system."""

from __future__ import annotations

import errno
import os

from osmia.kernel import attributes, bpf
from osmia.kernel.errors import kernel_error

_DIRECTORY = "is the directory there, and is it in a BPF file system (mount -t bpf bpf /sys/fs/bpf)?"
_HINTS = {
    errno.EEXIST: "there is a file of that name already (EEXIST)",
    errno.ENOENT: f"there is no such path (ENOENT): {_DIRECTORY}",
    errno.EINVAL: f"this is no place for it (EINVAL): {_DIRECTORY}",
    errno.EACCES: "this process may not write there, or may not read what is there (EACCES)",
}


def pin(fd: int, what: str, path: str) -> None:
    """Give what is open a name (kernels from 4.4). KernelError where that is refused."""
    try:
        bpf.obj_pin(fd, os.fsencode(path))
    except OSError as error:
        number = error.errno or 0
    else:
        return
    raise kernel_error(number, f"pin {what} to {path}", needed=("CAP_BPF",), hints=_HINTS)


def unpin(fd: int, what: str, path: str) -> None:
    """Take the name away. ValueError where something else has it, KernelError where nothing has."""
    there = get(path)
    try:
        same = _number(there) == _number(fd)
    finally:
        os.close(there)
    if not same:
        raise ValueError(f"{path} is not a name of {what}: something else is pinned there")
    os.unlink(path)


def get(path: str) -> int:
    """A new file descriptor of what is pinned there. KernelError where there is nothing."""
    try:
        return bpf.obj_get(os.fsencode(path))
    except OSError as error:
        number = error.errno or 0
    raise kernel_error(number, f"open what is pinned at {path}", needed=("CAP_BPF",), hints=_HINTS | _NOTHING)


_NOTHING = {
    errno.ENOENT: "there is nothing (ENOENT)",
    errno.EINVAL: "it is no file of a BPF file system (EINVAL)",
}


def _number(fd: int) -> tuple[int, int]:
    """What tells one map from all others."""
    info = bpf.obj_get_info(fd, attributes.MAP_INFO)
    return info["type"], info["id"]
