"""Queues and stacks: values without keys, put in by one side and taken out by the other."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar
from osmia.maps.declaration import Map, check_update_flags
from osmia.maps.table import MAP_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

V = TypeVar("V")

NO_KEY = b""


class Passed(Map[None, V], Generic[V]):
    """What queues and stacks have in common."""

    def push(self, value: V, flags: int = 0, /) -> int:
        """Put a value in. `flags`: 0, or BPF_EXIST (2): where it is full, the oldest value goes.

        In kernel code: 0, or a negative error number, -E2BIG where it is full. In user code: 0, or a KernelError.
        """
        check_update_flags(self.subject, flags)
        self.backend.update(NO_KEY, self._values.encode(value), flags)
        return 0

    def pop(self) -> V | None:
        """Take the next value out; None if there is none."""
        return self._decoded(self.backend.lookup_and_delete(NO_KEY))

    def peek(self) -> V | None:
        """The next value, which stays; None if there is none."""
        return self._decoded(self.backend.lookup(NO_KEY))

    if not TYPE_CHECKING:  # for type checkers there is no such thing

        def __getitem__(self, *_asked: object) -> NoReturn:
            raise self._no_keys()

        __setitem__ = __delitem__ = __iter__ = __contains__ = __getitem__

    def _no_keys(self) -> TypeError:
        name = self.kind.class_name
        return TypeError(f"{self.subject}: a {name} has no keys, and is not walked: pop() takes its values out")

    def _decoded(self, found: bytes | None) -> V | None:
        return None if found is None else self._values.decode(found)


class Queue(Passed[V], Generic[V]):
    """A queue (BPF_MAP_TYPE_QUEUE, since Linux 4.20): the value that was put in first comes out first."""

    kind = MAP_KINDS["Queue"]

    def __init__(self, value: type[V], *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare a queue of up to `max_entries` values, whose name is the variable's unless `name` says."""
        super().__init__(None, value, max_entries=max_entries, name=name, flags=flags)


class Stack(Passed[V], Generic[V]):
    """A stack (BPF_MAP_TYPE_STACK, since Linux 4.20): the value that was put in last comes out first."""

    kind = MAP_KINDS["Stack"]

    def __init__(self, value: type[V], *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare a stack of up to `max_entries` values, whose name is the variable's unless `name` says."""
        super().__init__(None, value, max_entries=max_entries, name=name, flags=flags)
