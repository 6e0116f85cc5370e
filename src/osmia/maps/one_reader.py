"""A ring has one reader: in the process that began to read it, and no other."""

from __future__ import annotations

import os
from _thread import RLock
from _weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Reader(Protocol):
        """What reads a ring out of memory."""

        memory: Any
        lock: Any
        subject: str
        ahead: list[Any]


def keep_here(reader: Reader) -> None:
    """In a forked child the reader says that its parent reads the ring."""
    _READERS.add(ref(reader, _READERS.discard))


def another_reader(subject: str, size: int) -> RuntimeError:
    """What a reader says that finds `size` bytes of events taken by somebody else."""
    return RuntimeError(
        f"{subject}: another reader took {size} bytes of records: a ring has one reader at a time, in one process "
        "(reading again goes on behind them)"
    )


def looked_at(subject: str) -> RuntimeError:
    """What a reader says while somebody looks at the memory of the next events."""
    return RuntimeError(f"{subject}: its memory is looked at: read on when that `with` block has ended")


class _Forked:
    """In place of the memory in a forked child, which shares it with the process that reads the ring."""

    def __init__(self, subject: str) -> None:
        self.subject = subject

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(
            f"{self.subject}: the process that this one was forked from reads the ring: read it there, or fork before "
            "the ring is read"
        )


_READERS: set[ref[Reader]] = set()


def _after_fork_in_child() -> None:
    for each in list(_READERS):
        reader = each()
        if reader is not None:
            reader.memory, reader.lock = _Forked(reader.subject), RLock()
            reader.ahead.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
