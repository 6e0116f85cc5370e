"""Arrays of perf events: events that kernel code hands to user code, each CPU by a buffer of its own."""

from __future__ import annotations

from _struct import Struct

from osmia.errors import shortened
from osmia.generic import Generic, TypeVar
from osmia.maps.declaration import Map, check_update_flags
from osmia.maps.descriptors import descriptor_of
from osmia.maps.events import check_event, describe_event
from osmia.maps.losses import Losses
from osmia.maps.table import MAP_KINDS
from osmia.types import u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from osmia.maps.descriptors import HasFileno

E = TypeVar("E")

_FD = Struct("=I")


class PerfEventArray(Map[int, E], Generic[E]):
    """An array of perf events, one for a CPU (BPF_MAP_TYPE_PERF_EVENT_ARRAY, since Linux 4.3).

    Kernel code writes events into the buffer of the CPU that it runs on: `samples.output(event)`. User code cannot read
    them yet; it sets perf events that it has opened by other means: `samples[cpu] = event`.
    """

    kind = MAP_KINDS["PerfEventArray"]

    def __init__(self, event: type[E], *, max_entries: int | None = None, name: str = "", flags: int = 0) -> None:
        """Declare an array for events of type `event`, whose name is the variable's unless `name` says.

        It has room for `max_entries` CPUs: for all possible ones where it does not say.
        """
        super().__init__(u32, event, max_entries=1 if max_entries is None else max_entries, name=name, flags=flags)
        if max_entries is None:
            self.max_entries = 0

    def _declare(self, key: Any, value: Any, *, max_entries: int, flags: int) -> None:
        super()._declare(key, u32, max_entries=max_entries, flags=flags)
        self.value = value
        check_event(self.subject, value)
        self.losses = Losses(self)

    def describe(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return type(self).__name__, self.name, describe_event(self.value), self.max_entries, self.flags

    def output(self, event: E | bytes, flags: int = 0xFFFF_FFFF, /) -> int:  # noqa: ARG002 - the types are what matters
        """In kernel code: write a copy of an event; 0, or a negative error number (since Linux 4.4).

        The lowest 32 bits of `flags` are the index, BPF_F_CURRENT_CPU (all ones) for the CPU that the program runs on.
        -2 (ENOENT) where no perf event is set there, -28 (ENOSPC) where its buffer is full. In programs that are given
        packets, bits 32 to 51 say how many bytes of the packet follow the event.
        """
        raise TypeError(f"{self.subject}: output() is for kernel code: user code does not write to perf events")

    def __setitem__(self, index: int, event: HasFileno | int) -> None:
        """Set the perf event at an index: an object with `fileno()`, or a file descriptor.

        It is taken away again when this process lets go of the map, unless that has the flag BPF_F_PRESERVE_ELEMS.
        """
        self.update(index, event)

    def update(self, index: int, event: HasFileno | int, flags: int = 0, /) -> int:
        """Set the perf event at an index, an object with `fileno()` or a file descriptor. `flags` is 0."""
        fd = descriptor_of(event, f"{self.subject}: a value is a perf event")
        check_update_flags(self.subject, flags)
        self.backend.update(self._key(index), _FD.pack(fd), flags)
        return 0

    def __delitem__(self, index: int) -> None:
        """Take the perf event at an index away. KeyError if there is none."""
        if not self.backend.delete(self._key(index)):
            raise KeyError(f"{self.subject}: no perf event at {index}")

    def clear(self) -> None:
        """Take all perf events away."""
        key = self.backend.next_key(None)
        while key is not None:
            self.backend.delete(key)
            key = self.backend.next_key(key)

    if not TYPE_CHECKING:  # for type checkers it has no such thing

        def __iter__(self) -> NoReturn:
            raise TypeError(
                f"{self.subject}: user code cannot read perf events yet; count what you need in a Global or a map"
            )

    def _key(self, index: int) -> bytes:
        packed = self._encode_key(index)
        if self.max_entries and index >= self.max_entries:
            raise KeyError(f"{self.subject}: no index {shortened(index)}, it has 0 to {self.max_entries - 1}")
        return packed

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        entries = f", max_entries={self.max_entries}" if self.max_entries else ""
        return f"<PerfEventArray({self.value.__name__}{entries}) {self.name or 'without a name'}, {state}>"
