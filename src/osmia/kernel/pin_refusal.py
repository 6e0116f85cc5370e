"""Why the kernel does not pin to a path, or does not open what is there."""

from __future__ import annotations

import errno
import os

from osmia.kernel.errors import kernel_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.errors import KernelError

_NEEDED = ("CAP_BPF",)
_ONLY_THERE = (
    "pins exist in a BPF file system only: take a path below /sys/fs/bpf (`mount -t bpf bpf /sys/fs/bpf` if there is "
    "none)"
)
_NO_DOT = "names in a BPF file system have no dot (EPERM)"


def not_pinned(number: int, what: str, path: str) -> KernelError:
    """The error for BPF_OBJ_PIN of `what` to a path."""
    asked = f"pin {what} to {path}"
    where, name = os.path.split(os.path.abspath(path))
    problem = _why_not_pinned(number, where, name) if path else ""
    return kernel_error(number, asked, hints={number: problem} if problem else None, needed=() if problem else _NEEDED)


def not_opened(number: int, path: str) -> KernelError:
    """The error for BPF_OBJ_GET of a path."""
    asked = f"open what is pinned at {path}"
    problem = _why_not_opened(number, path)
    return kernel_error(number, asked, hints={number: problem} if problem else None, needed=() if problem else _NEEDED)


def _why_not_pinned(number: int, directory: str, name: str) -> str:
    """What an error number of BPF_OBJ_PIN means for a path; empty where the path is not the reason."""
    if number == errno.EEXIST:
        return "there is a file of that name already (EEXIST)"
    if number == errno.ENOENT and not os.path.isdir(directory):
        return f"there is no directory '{directory}' (ENOENT)"
    if number == errno.ENOTDIR:
        return f"'{directory}' is no directory (ENOTDIR)"
    if number == errno.EACCES:
        return f"this process may not write to '{directory}' (EACCES)"
    # The directory of sysfs to mount one on, with nothing there yet, says ENOENT.
    if number in {errno.EPERM, errno.ENOENT} and (kind := _file_system(directory)) != "bpf":
        return f"'{directory}' is in a file system of type {kind}, and {_ONLY_THERE} ({errno.errorcode[number]})"
    if number == errno.EPERM and "." in name:
        return _NO_DOT
    return ""


def _why_not_opened(number: int, path: str) -> str:
    """What an error number of BPF_OBJ_GET means for a path; empty where the path is not the reason."""
    if number == errno.ENOENT:
        return "there is nothing (ENOENT)"
    if number == errno.EPERM and "." in os.path.basename(path):
        return _NO_DOT
    if number not in (errno.EACCES, errno.EINVAL):
        return ""
    name = "EACCES" if number == errno.EACCES else "EINVAL"
    if os.path.isdir(path):
        return f"it is a directory, and nothing that is pinned ({name})"
    if os.path.exists(path) and (kind := _file_system(path)) != "bpf":
        return f"it is a file in a file system of type {kind}, and {_ONLY_THERE} ({name})"
    if number == errno.EACCES:
        return "this process may not read and write what is there (EACCES)"
    return ""


def _file_system(path: str) -> str:
    """The type of the file system that a path is in."""
    device = os.stat(path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            mount, _, source = line.partition(" - ")
            if mount.split(" ")[2] == number:
                return source.split(" ")[0]
    return "unknown"
