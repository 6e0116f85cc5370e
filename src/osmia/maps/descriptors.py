"""The file descriptors of what user code puts into maps: sockets, cgroups, perf events."""

from __future__ import annotations

from osmia.errors import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class HasFileno(Protocol):
        """An open socket, file or event of any library."""

        def fileno(self) -> int:
            """Its file descriptor, -1 once it is closed."""


def fileno_of(value: Any) -> Any:
    """What an object's `fileno()` gives; None for what has none, such as the class of such objects."""
    fileno = None if isinstance(value, type) else getattr(value, "fileno", None)
    return fileno() if callable(fileno) else None


def descriptor_of(value: Any, expected: str) -> int:
    """The file descriptor of an object with `fileno()`, or of a number that is one.

    `expected` begins the TypeError for anything else, and for what is closed: `M: a value is a socket`.
    """
    given = value if type(value) is int else fileno_of(value)
    if type(given) is int and given >= 0:
        return given
    closed = " (closed)" if type(given) is int and given is not value else ""
    raise TypeError(f"{expected}, open, or its file descriptor, not {shown(value)}{closed}")


def socket_fileno(subject: str, socket: Any, otherwise: str) -> int:
    """The file descriptor of an open socket, where a number is not taken for one.

    TypeError or ValueError for what is none, which begin with `subject`; `otherwise` is what is taken, up to the thing
    that was given: `a value is a socket, not`.
    """
    number = fileno_of(socket)
    if number is None:
        raise TypeError(f"{subject}: {otherwise} {shown(socket)}")
    if type(number) is not int:
        raise TypeError(f"{subject}: a socket's fileno() is an int, not {shown(number)}")
    if number < 0:
        raise ValueError(f"{subject}: the socket is closed")
    return number
