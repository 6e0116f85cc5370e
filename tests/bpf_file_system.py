"""BPF file systems that tests mount for themselves: what the machine has at /sys/fs/bpf, if anything, is left alone."""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from this_kernel import require_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def mounted(directory: Path) -> Iterator[Path]:
    """A new and empty BPF file system at a directory; what is pinned in it ends with the block."""
    require_root("mounts a BPF file system")
    directory.mkdir()
    try:
        _check(_libc.mount(b"bpf", os.fsencode(directory), b"bpf", ctypes.c_ulong(0), None), directory)
        try:
            yield directory
        finally:
            # Detached, it is gone even while somebody has a file of it open.
            _check(_libc.umount2(os.fsencode(directory), _MNT_DETACH), directory)
    finally:
        directory.rmdir()


def _check(result: int, directory: Path) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(directory))
