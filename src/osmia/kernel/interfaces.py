"""The network interfaces of this namespace."""

from __future__ import annotations

import errno
import os

from osmia.errors import KernelError
from osmia.kernel.libc import function

_LARGEST_INDEX = 0x7FFF_FFFF

_if_nametoindex = function("if_nametoindex")


def interface_names() -> dict[int, str]:
    """The name of every interface of this network namespace, by its index."""
    import _socket

    return dict(_socket.if_nameindex())


def interface_index(interface: str | int) -> int:
    """The index of an interface that exists. Raises KernelError (ENODEV) that names those there are."""
    if isinstance(interface, bool) or not isinstance(interface, (str, int)):
        raise TypeError(f"an interface is a name or an index, not {type(interface).__name__}: {interface!r}")
    if isinstance(interface, int):
        return _checked_index(interface)
    try:
        name = os.fsencode(interface)
    except UnicodeEncodeError:
        raise _no_such_interface(interface) from None
    # C would read the name up to a NUL.
    index = 0 if b"\0" in name else _if_nametoindex(name)
    if not index:
        raise _no_such_interface(interface)
    return index


def interface_name(index: int) -> str | None:
    """The name of an interface, None if it is gone."""
    import _socket

    try:
        return _socket.if_indextoname(index)
    except OSError:
        return None


def _checked_index(index: int) -> int:
    if not 1 <= index <= _LARGEST_INDEX:
        raise KernelError(
            errno.ENODEV, f"no interface has index {index}: indices are 1 to {_LARGEST_INDEX}. {_those_there_are()}"
        )
    if interface_name(index) is None:
        raise KernelError(errno.ENODEV, f"there is no interface with index {index}. {_those_there_are()}")
    return index


def _no_such_interface(name: str) -> KernelError:
    text = f"there is no interface {name!r}"
    if name.isdigit() and interface_name(int(name)) is not None:
        return KernelError(errno.ENODEV, f"{text}; for the interface with index {name} give the integer")
    import difflib

    close = difflib.get_close_matches(name, interface_names().values(), n=1)
    guess = f"; did you mean {close[0]!r}?" if close else "."
    return KernelError(errno.ENODEV, f"{text}{guess} {_those_there_are()}")


def _those_there_are() -> str:
    names = ", ".join(f"{name} ({index})" for index, name in interface_names().items())
    return f"Interfaces here: {names or 'none'}"
