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


def descriptor_of(value: Any, expected: str) -> int:
    """The file descriptor of an object with `fileno()`, or of a number that is one.

    `expected` begins the TypeError for anything else, and for what is closed: `M: a value is a socket`.
    """
    if type(value) is int:
        number = value
    else:
        fileno = getattr(value, "fileno", None)
        number = fileno() if callable(fileno) else -1
    if number < 0:
        closed = " (closed)" if hasattr(value, "fileno") else ""
        raise TypeError(f"{expected}, open, or its file descriptor, not {shown(value)}{closed}")
    return number
