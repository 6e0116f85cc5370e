"""Why the kernel does not pin a link to a path."""

from __future__ import annotations

import errno
import os

from osmia.kernel.errors import plain


def why_not_pinned(number: int, path: str) -> str:
    """What an error number of BPF_OBJ_PIN means for a path."""
    directory = os.path.dirname(os.path.abspath(path))
    if number == errno.EEXIST:
        return "there is a file of that name already (EEXIST)"
    if number == errno.ENOENT:
        return f"there is no directory '{directory}' (ENOENT)"
    if number == errno.ENOTDIR:
        return f"'{directory}' is no directory (ENOTDIR)"
    if number == errno.EPERM and (kind := _file_system(directory)) != "bpf":
        return (
            f"'{directory}' is in a file system of type {kind}, and pins exist in a BPF file system only: take a path "
            "below /sys/fs/bpf (`mount -t bpf bpf /sys/fs/bpf` if there is none) (EPERM)"
        )
    if number == errno.EPERM and "." in os.path.basename(path):
        return "names in a BPF file system have no dot (EPERM)"
    return plain(number)


def _file_system(directory: str) -> str:
    """The type of the file system that a directory is in."""
    device = os.stat(directory).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            mount, _, source = line.partition(" - ")
            if mount.split(" ")[2] == number:
                return source.split(" ")[0]
    return "unknown"
