"""Names of maps, programs and links in a BPF file system."""

from __future__ import annotations

import os

from osmia.kernel import attributes, bpf


def pin(fd: int, what: str, path: str) -> None:
    """Give what is open a name (kernels from 4.4). KernelError where that is refused."""
    try:
        bpf.obj_pin(fd, _encoded(path))
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


def get(path: str, flags: int = 0) -> int:
    """A new file descriptor of what is pinned there. KernelError where there is nothing.

    `flags`: BPF_F_RDONLY or BPF_F_WRONLY, to do no more by it.
    """
    try:
        return bpf.obj_get(_encoded(path), flags)
    except OSError as error:
        number = error.errno or 0
    from osmia.kernel.pin_refusal import not_opened

    raise not_opened(number, path)


def _encoded(path: str) -> bytes:
    """The path as the kernel takes it, which would read it up to a null character."""
    if "\0" in path:
        raise ValueError(f"a path has no null character, and {path!r} has one")
    return os.fsencode(path)


def _number(fd: int) -> tuple[int, int]:
    """What tells one map from all others."""
    info = bpf.obj_get_info(fd, attributes.MAP_INFO)
    return info["type"], info["id"]
