"""Ring buffers: events that kernel code hands to user code, in their order."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar, overload
from osmia.maps.declaration import Map
from osmia.maps.events import check_event, decoder, describe_event, size_of_event
from osmia.maps.reading import Readable
from osmia.maps.ring_reader import HEADER, RingReader, step_of
from osmia.maps.table import MAP_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any, Literal, NoReturn

    import numpy as np

    from osmia.contexts.kernel_structs import bpf_dynptr
    from osmia.maps.backend import MapBackend, RingMemory
    from osmia.maps.ring_arrays import Arrays
    from osmia.types import Ref

E = TypeVar("E")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to

SMALLEST = 4096


class Reservation(Generic[E]):
    """Room for an event, in kernel code: a `with` statement fills it in, and submits it on every way out."""

    def __enter__(self) -> E | None:
        """The event, or None where the ring is full."""
        raise TypeError("a reservation exists in kernel code only: reserve() gives one there")

    def __exit__(self, *exception: object) -> None:
        """Submit the event, unless it was discarded."""


class Ring(Map[None, E], Generic[E]):
    """What rings of both directions have in common: a size in bytes, and what is written into them."""

    any_length = False
    """Whether it may be declared for `bytes`: records of any length."""

    @property
    def key_size(self) -> int:
        """It has no keys."""
        return 0

    @property
    def value_size(self) -> int:
        """The kernel knows no size of events."""
        return 0

    @property
    def size(self) -> int:
        """In bytes."""
        return self.max_entries

    def describe(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return type(self).__name__, self.name, describe_event(self.value), self.max_entries, self.flags

    def _declare(self, key: Any, value: Any, *, max_entries: int, flags: int) -> None:
        self.key, self.value, self.max_entries, self.flags = key, value, max_entries, flags
        check_event(self.subject, value, any_length=self.any_length)
        self._update_flags = 0
        self._start()

    def _check_size(self, size: int) -> None:
        if size < SMALLEST or size & (size - 1):
            raise ValueError(f"{self.subject}: the size is a power of 2, in bytes, of {SMALLEST} at least, not {size}")

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        return (
            f"<{type(self).__name__}({self.value.__name__}, size={self.size}) {self.name or 'without a name'}, {state}>"
        )


class RingBuf(Ring[E], Readable[None, E], Generic[E]):
    """A ring buffer (BPF_MAP_TYPE_RINGBUF, since Linux 5.8): one for all CPUs, whose order it keeps.

    Kernel code writes events: `with ring.reserve() as event:`, `ring.output(event)`. User code reads them:
    `for event in ring:`, and many at once with `ring.drain()`.
    """

    kind = MAP_KINDS["RingBuf"]
    any_length = True
    _arrays: Arrays | None
    """What drains it; None before that is asked for."""

    def __init__(self, event: type[E], *, size: int, name: str = "", flags: int = 0) -> None:
        """Declare a ring of `size` bytes, a power of 2 and of whole pages, for events of type `event`.

        An event takes 8 bytes more than its size, in whole 8 bytes. `RingBuf(bytes, size=...)` is for records whose
        lengths differ. The name is the variable's unless `name` says.
        """
        super().__init__(None, event, max_entries=size, name=name, flags=flags)
        self._check_size(size)
        length, most = size_of_event(event), size - 2 * HEADER  # the ring's last byte is never taken
        if length > most:
            raise ValueError(
                f"{self.subject}: an event of {event.__name__} has {length} bytes, and a ring of {size} has room for "
                f"one of {most}"
            )

    @overload
    def reserve(self: RingBuf[I], event: type[I] | None = None, flags: int = 0, /) -> Reservation[Ref[I]]: ...
    @overload
    def reserve(self, event: type[E] | None = None, flags: int = 0, /) -> Reservation[E]: ...
    def reserve(self, event: Any = None, flags: int = 0, /) -> Any:  # noqa: ARG002 - the types are what matters
        """In kernel code: room for an event, as in `with ring.reserve() as event:`; None where the ring is full.

        The type of the event may be said again, as in `reserve(Event)`. `flags` are for its end: BPF_RB_NO_WAKEUP does
        not wake who waits for it, BPF_RB_FORCE_WAKEUP always does; else the kernel wakes a reader that has read all.
        """
        self._in_kernel_code("reserve")

    def reserve_bytes(self: RingBuf[bytes], length: int, flags: int = 0, /) -> Reservation[bpf_dynptr]:  # noqa: ARG002
        """In kernel code: room for a record of `length` bytes, in a ring of `bytes`; None where the ring is full.

        As in `with ring.reserve_bytes(length) as record:`, which submits it on every way out (since Linux 5.19). It
        begins with zeros. `flags` as for `reserve`.
        """
        self._in_kernel_code("reserve_bytes")

    def discard(self, event: E | Ref[Any] | bpf_dynptr) -> None:  # noqa: ARG002 - the type is what matters
        """In kernel code: give up the event that was reserved. The rest of the `with` must not touch it."""
        self._in_kernel_code("discard")

    @overload
    def output(self: RingBuf[bytes], event: object, flags: int = 0, /) -> int: ...
    @overload
    def output(self, event: E | bytes, flags: int = 0, /) -> int: ...
    def output(self, event: object, flags: int = 0, /) -> int:  # noqa: ARG002 - the types are what matters
        """In kernel code: write a copy of an event; 0, or a negative error number where the ring is full.

        A ring of `bytes` takes the bytes of whatever lies in memory, and of arrays also as many elements as are known
        when the program runs: `ring.output(data[:n])`. `flags` as for `reserve`.
        """
        self._in_kernel_code("output")

    def query(self, flags: int, /) -> int:  # noqa: ARG002 - the type is what matters
        """In kernel code: a figure of the ring, which others may change meanwhile.

        `flags` say which: BPF_RB_AVAIL_DATA, bytes that were not read yet; BPF_RB_RING_SIZE; BPF_RB_CONS_POS and
        BPF_RB_PROD_POS, how many bytes were read and made room for, ever.
        """
        raise TypeError(f"{self.subject}: query() is for kernel code; in user code read .size and .pending")

    @overload
    def drain(self, most: int | None = None, /, *, copy: Literal[True] = True) -> np.ndarray[Any, Any]: ...
    @overload
    def drain(
        self, most: int | None = None, /, *, copy: Literal[False]
    ) -> AbstractContextManager[np.ndarray[Any, Any]]: ...
    def drain(self, most: int | None = None, /, *, copy: bool = True) -> Any:
        """All events that are there now, or `most` of them, as a NumPy array of `numpy_dtype(Event)`.

        It does not wait: the array may be empty. Without `copy` it is a context manager, whose array is the ring's own
        memory, which kernel code writes to again when the `with` block has ended; it may then hold fewer events than
        there are, and is read-only.
        """
        reader, arrays = self._opened(), self._arrays
        if arrays is None or arrays.reader is not reader:
            from osmia.maps.ring_arrays import Arrays

            self._arrays = arrays = Arrays(self, reader)
        return arrays.drain(most) if copy else arrays.view(most)

    def _use(self, backend: MapBackend) -> None:
        super()._use(backend)
        self._arrays = None

    def fileno(self) -> int:
        """A file descriptor that an event loop can wait on: it is readable while there is something to read."""
        memory: RingMemory = self._opened().memory
        return memory.fd

    def _open_source(self) -> RingReader:
        size, memory = size_of_event(self.value), self.backend.ring()
        of = RingReader
        if memory.wants_a_look:
            from osmia.maps.told_reader import ToldReader

            of = ToldReader
        return of(memory, self.subject, size, decoder(self, HEADER, step_of(size)))

    if TYPE_CHECKING:

        def _opened(self) -> RingReader:
            """What its events are taken from."""

    def _in_kernel_code(self, operation: str) -> NoReturn:
        raise TypeError(f"{self.subject}: {operation}() is for kernel code: user code does not write to a ring buffer")
