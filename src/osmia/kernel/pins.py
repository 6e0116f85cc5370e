"""Names of maps, programs and links in a BPF file system."""

from __future__ import annotations

import os

from osmia.kernel import attributes, bpf


def pin(fd: int, what: str, path: str) -> None:
    """Give what is open a name (kernels from 4.4). KernelError where that is refused."""
    try:
        bpf.obj_pin(fd, os.fsencode(path))
    except OSError as error:
        number = error.errno or 0
    else:
        return
    from osmia.kernel.pin_refusal import not_pinned

    raise not_pinned(number, what, path)


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
    from osmia.kernel.pin_refusal import not_opened

    raise not_opened(number, path)


def _number(fd: int) -> tuple[int, int]:
    """What tells one map from all others."""
    info = bpf.obj_get_info(fd, attributes.MAP_INFO)
    return info["type"], info["id"]
