"""Names as the kernel keeps them."""

from __future__ import annotations

from osmia.abi.flags import BPF_OBJ_NAME_LEN

_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")


def kernel_name(name: str) -> bytes:
    """The first 15 characters of a map's or program's name, `_` for those that the kernel does not take."""
    kept = name[: BPF_OBJ_NAME_LEN - 1]
    return "".join(letter if letter in _CHARACTERS else "_" for letter in kept).encode("ascii")
