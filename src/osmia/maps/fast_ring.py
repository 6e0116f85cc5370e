"""Rings in memory, one for each CPU, whose events cost a program hardly more than their stores."""

from __future__ import annotations

import os

from osmia.abi.generated import BPF_F_MMAPABLE, BPF_MAP_TYPE_ARRAY
from osmia.errors import shown
from osmia.generic import Generic, TypeVar, overload
from osmia.layout import ArrayLayout, BytesLayout, Declaration, IntegerLayout, StructLayout, layout_of, place
from osmia.maps.codec import Bytes
from osmia.maps.doorbell import Bell, Doorbell
from osmia.maps.events import check_event, decoder, describe_event, size_of_event
from osmia.maps.fast_reader import EVENTS, LOST, NESTED, FastReader
from osmia.maps.losses import Counting
from osmia.maps.reading import Readable
from osmia.maps.table import MapKind
from osmia.types import u32, u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from os import PathLike
    from typing import Any, Literal, NoReturn, Self

    import numpy as np

    from osmia.layout import Layout
    from osmia.maps.backend import MapBackend
    from osmia.maps.ring import Reservation
    from osmia.types import Ref

E = TypeVar("E")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to

LARGEST = 1 << 22
"""What all kernels take as the value of an array, in bytes."""
LINE = 64
"""A cache line, in bytes: what the kernel writes and what user code writes never share one."""

_U64: Any = u64
_WORD = IntegerLayout(_U64)


class FastRing(Readable[None, E], Generic[E]):
    """A ring for each CPU, in memory that kernel code writes and user code reads (since Linux 5.5, on x86-64).

    An event costs a program a tenth of what it costs in a RingBuf. There is one producer a CPU: only XDP and tc
    programs write to it, which do not interrupt each other. The order is kept for each CPU. Kernel code writes events:
    `with ring.reserve() as event:`, `ring.output(event)`. User code reads them: `for event in ring:`, and many at once
    with `ring.drain()`.
    """

    kind = MapKind(
        BPF_MAP_TYPE_ARRAY, "ARRAY", "FastRing", "fast_ring", (5, 5), {"reserve": "", "discard": "", "output": ""},
        keys="index", values="event", entries="CPUs", flags=BPF_F_MMAPABLE, required_flags=BPF_F_MMAPABLE,
    )  # fmt: skip
    losses: None = None  # type: ignore[assignment]  # they lie in the rings
    bell: Bell
    entries: int
    """How many events a CPU's ring holds."""

    def __init__(self, event: type[E], entries: int = 4096, *, name: str = "") -> None:
        """Declare rings of `entries` events of type `event`, a power of 2, whose name is the variable's unless it says.

        Each CPU that can ever run has a ring, which takes `entries` times the event's size, and 128 bytes.
        """
        self.entries = entries
        super().__init__(u32, event, max_entries=0, name=name, flags=0)

    @classmethod
    def found(cls, event: Any, entries: int, *, name: str, backend: MapBackend) -> Self:
        """Live rings that were declared elsewhere, in an object file."""
        held = cls.__new__(cls)
        held.declared_at, held._name, held.entries = (name, 0), name, entries  # noqa: SLF001 - of the class itself
        held._declare(u32, event, max_entries=0, flags=BPF_F_MMAPABLE)  # noqa: SLF001
        held.bind(backend)
        return held

    @overload
    def reserve(self: FastRing[I], event: type[I] | None = None, /) -> Reservation[Ref[I]]: ...
    @overload
    def reserve(self, event: type[E] | None = None, /) -> Reservation[E]: ...
    def reserve(self, event: Any = None, /) -> Any:  # noqa: ARG002 - the type is what matters
        """In kernel code: room for an event, as in `with ring.reserve() as event:`; None where the ring is full.

        The type of the event may be said again, as in `reserve(Event)`.
        """
        self._in_kernel_code("reserve")

    def discard(self, event: E | Ref[Any]) -> None:  # noqa: ARG002 - the type is what matters
        """In kernel code: give up the event that was reserved. The rest of the `with` must not touch it."""
        self._in_kernel_code("discard")

    def output(self, event: E | bytes, /) -> int:  # noqa: ARG002 - the type is what matters
        """In kernel code: write a copy of an event; 0, or -28 (ENOSPC) where it was lost."""
        self._in_kernel_code("output")

    @property
    def lost(self) -> int:
        """How many events kernel code could not write: there was no room for them, or they were nested.

        NotLoadedError if it is not live.
        """
        reader = self._opened()
        return reader.count(LOST) + reader.count(NESTED)

    @property
    def nested(self) -> int:
        """How many of them came while a program on the same CPU was in the middle of one.

        NotLoadedError if it is not live.
        """
        return self._opened().count(NESTED)

    def fileno(self) -> int:
        """A file descriptor that an event loop can wait on: it is readable while there is something to read.

        It may be readable, too, where there is nothing: what then reads gets nothing. Kernel code rings a bell, the map
        that has the ring's name and `_bell`; NotLoadedError where that is not live.
        """
        reader = self._opened()
        with reader.lock:
            if reader.doorbell is None:
                reader.doorbell = Doorbell(reader, self.bell.backend.ring())
            return reader.doorbell.fileno()

    @overload
    def drain(self, most: int | None = None, /, *, copy: Literal[True] = True) -> np.ndarray[Any, Any]: ...
    @overload
    def drain(
        self, most: int | None = None, /, *, copy: Literal[False]
    ) -> AbstractContextManager[np.ndarray[Any, Any]]: ...
    def drain(self, most: int | None = None, /, *, copy: bool = True) -> Any:
        """All events that are there now, or `most` of them, as a NumPy array of `numpy_dtype(Event)`.

        Those of a CPU stand together, in their order. It does not wait: the array may be empty. Without `copy` it is a
        context manager, whose array is the memory of one CPU's ring, which kernel code writes to again when the `with`
        block has ended; it may then hold fewer events than there are, and is read-only.
        """
        from osmia.maps import fast_arrays

        return fast_arrays.drain(self, most) if copy else fast_arrays.view(self, most)

    @property
    def stored_value(self) -> Any:
        """A CPU's ring, as it lies in the kernel."""
        return self._stored

    @property
    def value_size(self) -> int:
        """Of a CPU's ring, in bytes."""
        return self._stored.layout.size

    @property
    def key_size(self) -> int:
        """Of a CPU's number, in bytes."""
        return 4

    def describe(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return type(self).__name__, self.name, describe_event(self.value), self.entries

    def _declare(self, key: Any, value: Any, *, max_entries: int, flags: int) -> None:
        self.key, self.value, self.max_entries, self.flags = key, value, max_entries, flags
        check_event(self.subject, value)
        entries: object = self.entries
        if type(entries) is not int:
            raise TypeError(f"{self.subject}: entries is an int, not {shown(entries)}")
        if entries < 2 or entries & (entries - 1):
            raise ValueError(f"{self.subject}: entries is a power of 2, of 2 at least, not {entries}")
        size, most = size_of_event(value) * entries, LARGEST - EVENTS
        if size > most:
            raise ValueError(
                f"{self.subject}: a CPU's ring has {most} bytes at most, and {entries} events of {self.value.__name__} "
                f"have {size}"
            )
        self._stored = _Stored(_layout_of_ring(self))
        self._update_flags = 0
        self.bell = Bell(self)
        self._start()

    def _start(self) -> None:
        super(Counting, self)._start()  # what counts its losses is no variable

    def _open_source(self) -> FastReader:
        backend = self.backend
        shape = backend.max_entries, self.value_size, self.entries, size_of_event(self.value)
        data = backend.memory()[: backend.max_entries * self.value_size]
        return FastReader(data, self.subject, shape, decoder(self, 0, shape[3]) or _bytes_of(shape[3]))

    if TYPE_CHECKING:

        def _opened(self) -> FastReader:
            """What its events are taken from."""

    def pin(self, path: str | PathLike[str], /) -> None:
        """Give it a name in a BPF file system, and its bell that name and `_bell`."""
        super(Counting, self).pin(path)
        if self.bell.live:
            self.bell.backend.pin(f"{path}_bell")

    def unpin(self, path: str | PathLike[str], /) -> None:
        """Take those names away; the map stays as long as something uses it.

        ValueError where something else is pinned there, KernelError where nothing is.
        """
        super(Counting, self).unpin(path)
        if self.bell.live and os.access(f"{path}_bell", os.F_OK):
            self.bell.backend.unpin(f"{path}_bell")

    def _in_kernel_code(self, operation: str) -> NoReturn:
        raise TypeError(f"{self.subject}: {operation}() is for kernel code: user code does not write to a FastRing")

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        return f"<FastRing({self.value.__name__}, entries={self.entries}) {self.name or 'without a name'}, {state}>"


class _Stored(Declaration):
    """What the kernel holds for a CPU."""

    __slots__ = ()
    layout: StructLayout

    def __init__(self, layout: StructLayout) -> None:
        self.layout = layout


def _bytes_of(size: int) -> Callable[[memoryview], list[Any]]:
    """What makes events of rings that only an object declares."""
    return lambda data: [bytes(data[at : at + size]) for at in range(0, len(data), size)]


def _layout_of_ring(ring: FastRing[Any]) -> StructLayout:
    """A CPU's ring: a line of numbers that the kernel writes, one that user code writes, and the events."""
    event = BytesLayout(ring.value.size) if isinstance(ring.value, Bytes) else layout_of(ring.value)
    assert event is not None
    names: list[tuple[str, Layout]] = [
        *((name, _WORD) for name in ("produced", "busy", "lost", "nested")),
        ("kernel_line", ArrayLayout(_WORD, 4)),
        *((name, _WORD) for name in ("consumed", "waiting")),
        ("reader_line", ArrayLayout(_WORD, 6)),
        ("events", ArrayLayout(event, ring.entries)),
    ]
    fields, size, alignment = place([(name, of, None, None) for name, of in names], union=False, packed=False)
    return StructLayout(
        FastRing, "osmia_fast_ring", (size + LINE - 1) // LINE * LINE, alignment, fields, union=False, packed=False,
        frozen=True, declared_at=ring.declared_at,
    )  # fmt: skip
