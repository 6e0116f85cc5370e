"""Arrays of perf events: events that kernel code hands to user code, each CPU by a buffer of its own."""

from __future__ import annotations

from _struct import Struct

from osmia.errors import KernelError, shortened, shown
from osmia.generic import Generic, TypeVar
from osmia.maps.codec import Bytes
from osmia.maps.declaration import check_update_flags
from osmia.maps.descriptors import descriptor_of
from osmia.maps.events import check_event, decoder, describe_event, size_of_event
from osmia.maps.perf_reader import DATA, PerfReader, size_in_buffer
from osmia.maps.reading import Readable
from osmia.maps.samples import PerfSamples
from osmia.maps.table import MAP_KINDS
from osmia.types import u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, Self

    import numpy as np

    from osmia.maps.backend import MapBackend
    from osmia.maps.descriptors import HasFileno

E = TypeVar("E")

_FD = Struct("=I")
PAGES = 64
"""So many pages a buffer has unless the declaration says."""
SMALLEST_PAGE = 4096


class PerfEventArray(Readable[int, E], Generic[E]):
    """An array of perf events, one for a CPU (BPF_MAP_TYPE_PERF_EVENT_ARRAY, since Linux 4.3).

    Kernel code writes events into the buffer of the CPU that it runs on: `samples.output(event)`. User code reads them:
    `for event in samples:`, and many at once with `samples.drain()`. The buffers are opened when the array is made: by
    the program that is loaded, or `create()`; so what comes before the first reading is there. In an array that others
    made, and `open()` found, they take the place of those who read it before, so they are opened by the first reading.

    User code may also set perf events that it has opened itself, and read those: `samples[cpu] = event`.
    """

    kind = MAP_KINDS["PerfEventArray"]
    pages: int
    """How many pages the buffer of each CPU has."""
    order: str
    """In which order user code gets events: `cpu` or `time`."""
    wakeup_events: int
    """After how many events a reader that waits is woken."""

    def __init__(
        self,
        event: type[E],
        *,
        max_entries: int | None = None,
        pages: int = PAGES,
        order: Literal["cpu", "time"] = "cpu",
        wakeup_events: int = 1,
        name: str = "",
        flags: int = 0,
    ) -> None:
        """Declare an array for events of type `event`, whose name is the variable's unless `name` says.

        It has room for `max_entries` CPUs: for all possible ones where it does not say. The buffer of each CPU has
        `pages` pages, a power of 2; an event takes 20 bytes more than its size, in whole 8 bytes.

        With `order="cpu"` the events of each CPU come in their order, and those of several CPUs in any; with `"time"`
        all come in the order of their times, for which a reading waits some ms until no program runs any more that
        could still write an older one. A reader that waits is woken by every event, or by each `wakeup_events`-th of a
        CPU, which takes less of kernel code's time.
        """
        super().__init__(u32, event, max_entries=1 if max_entries is None else max_entries, name=name, flags=flags)
        if max_entries is None:
            self.max_entries = 0
        self.pages, self.order, self.wakeup_events = pages, order, wakeup_events
        self._check_reading()

    def _check_reading(self) -> None:
        pages, wakeup_events, subject = self.pages, self.wakeup_events, self.subject
        if type(pages) is not int or pages < 1 or pages & (pages - 1):
            raise ValueError(f"{subject}: pages is a power of 2, not {shown(pages)}")
        if self.order not in ("cpu", "time"):
            raise ValueError(f"{subject}: order is 'cpu' or 'time', not {shown(self.order)}")
        if type(wakeup_events) is not int or not 1 <= wakeup_events < 1 << 32:
            raise ValueError(f"{subject}: wakeup_events is 1 to 4294967295, not {shown(wakeup_events)}")
        taken = size_in_buffer(size_of_event(self.value))
        if taken > 0xFFFF or taken >= pages * SMALLEST_PAGE:
            most = min(0xFFFF, pages * SMALLEST_PAGE - 1)
            raise ValueError(
                f"{subject}: an event takes {taken} bytes in a buffer, and there is room for {most}: the buffer has "
                f"{pages} pages, and a record 65535 bytes at most"
            )

    @classmethod
    def opened(cls, key: Any, value: Any, *, max_entries: int, flags: int, name: str, backend: MapBackend) -> Self:  # noqa: ARG003
        """A live array that was declared elsewhere, in an object file: that does not say what its events are."""
        return super().opened(key, Bytes(0), max_entries=max_entries, flags=flags, name=name, backend=backend)

    def _declare(self, key: Any, value: Any, *, max_entries: int, flags: int) -> None:
        super()._declare(key, u32, max_entries=max_entries, flags=flags)
        self.value = value
        self.pages, self.order, self.wakeup_events = PAGES, "cpu", 1
        check_event(self.subject, value)

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

    @property
    def lost(self) -> int:
        """How many events were not written: no room, or no perf event on that CPU.

        Programs of osmia's count them, all that write to this array. Of other programs the kernel counts, since the
        buffers are open, what had no room.
        """
        if not self.losses.live:
            return self._opened().lost
        counted = self.losses.value
        return counted if self._source is None else max(counted, self._opened().lost)

    @property
    def samples(self) -> PerfSamples[E]:
        """The events with their CPU, their time, and the packet behind them: `for sample in array.samples:`."""
        return PerfSamples(self)

    def drain(self, most: int | None = None, /) -> np.ndarray[Any, Any]:
        """All events that are there now, or `most` of them, as a NumPy array of `numpy_dtype(Event)`.

        It does not wait for events: the array may be empty. Those of one CPU come before those of the next, unless the
        declaration says `order="time"`.
        """
        from osmia.maps import perf_arrays

        return perf_arrays.drain(self, most)

    def fileno(self) -> int:
        """A file descriptor that an event loop can wait on: it is readable once when something has come to be read."""
        return self._opened().fileno()

    def __setitem__(self, index: int, event: HasFileno | int) -> None:
        """Set a perf event of user code's own at an index: an object with `fileno()`, or a file descriptor.

        From then on the array's events are all user code's own, and osmia reads none. RuntimeError where it has begun
        to. The event is taken away again when this process lets go of the map, unless that has the flag
        BPF_F_PRESERVE_ELEMS.
        """
        self.update(index, event)

    def update(self, index: int, event: HasFileno | int, flags: int = 0, /) -> int:
        """Set the perf event at an index, an object with `fileno()` or a file descriptor. `flags` is 0."""
        fd = descriptor_of(event, f"{self.subject}: a value is a perf event")
        check_update_flags(self.subject, flags)
        key = self._key(index)
        self._take_over()
        self.backend.update(key, _FD.pack(fd), flags)
        return 0

    def __delitem__(self, index: int) -> None:
        """Take the perf event at an index away. KeyError if there is none, RuntimeError where osmia reads it."""
        key = self._key(index)
        self._take_over()
        if not self.backend.delete(key):
            raise KeyError(f"{self.subject}: no perf event at {index}")

    def clear(self) -> None:
        """Take all perf events away. RuntimeError where osmia reads them."""
        self._take_over()
        key = self.backend.next_key(None)
        while key is not None:
            self.backend.delete(key)
            key = self.backend.next_key(key)

    def made(self) -> None:
        """Open the buffers, so that what is written before the first reading is there."""
        try:
            self.backend.perf_buffers(self.pages, self.wakeup_events)
        except KernelError:  # reading says so, where anybody reads
            return

    def _take_over(self) -> None:
        """From now on perf events are user code's own."""
        if not self.backend.own_perf_events():
            raise RuntimeError(
                f"{self.subject}: osmia reads the perf events that it has opened itself. Set your own before anything "
                "reads the array, or close() it first"
            )

    def _open_source(self) -> PerfReader:
        buffers = self.backend.perf_buffers(self.pages, self.wakeup_events)
        if buffers is None:
            raise RuntimeError(
                f"{self.subject}: its perf events are your own, set by `{self.name or 'array'}[cpu] = event`: read "
                "those. osmia reads what it opens itself, in an array where none is set"
            )
        buffers.begun = True
        size = size_of_event(self.value)
        arguments = buffers, self.subject, size, decoder(self, DATA, size_in_buffer(size))
        if self.order == "cpu":
            return PerfReader(*arguments)
        from osmia.maps.perf_by_time import TimeReader

        return TimeReader(*arguments)

    if TYPE_CHECKING:

        def _opened(self) -> PerfReader:
            """What its events are taken from."""

    def _key(self, index: int) -> bytes:
        packed = self._encode_key(index)
        if self.max_entries and index >= self.max_entries:
            raise KeyError(f"{self.subject}: no index {shortened(index)}, it has 0 to {self.max_entries - 1}")
        return packed

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        entries = f", max_entries={self.max_entries}" if self.max_entries else ""
        return f"<PerfEventArray({self.value.__name__}{entries}) {self.name or 'without a name'}, {state}>"
