"""What is counted of each ring: events that kernel code could not write, as nobody had read the ones before them.

And of each aggregation by key: values for keys that it had no room for.
"""

from __future__ import annotations

import os

from osmia.generic import Generic, TypeVar
from osmia.layout import ArrayLayout, IntegerLayout, StructLayout, place
from osmia.maps.declaration import Map
from osmia.maps.globals import Variable
from osmia.types import u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from typing import Any

    from osmia.btf.read import Btf
    from osmia.layout import Layout
    from osmia.maps.backend import MapBackend

K = TypeVar("K")
V = TypeVar("V")

PREFIX = "osmia_lost_"
"""What begins the names of these variables in objects; the name of the ring follows."""

_U64: Any = u64
COUNT = IntegerLayout(_U64)
"""How the count lies in memory, at the start of the variable."""


class Losses(Variable):
    """The count of a ring's losses: a variable that kernel code adds to where the ring is full.

    Programs that write to one ring share it, as they share the ring. Its type says too what the ring's events are,
    which the kernel keeps no type of: `struct osmia_ring { u64 lost; Event event[0]; }`.
    """

    of = u64
    made_live_by = "programs of osmia's that write to it count them, once they are loaded"
    contents = bytes(COUNT.size)
    offset = 0
    _cell: Any

    def __init__(self, ring: Map[Any, Any]) -> None:
        """Those of a ring."""
        self._ring = ring
        self.declared_at = ring.declared_at
        self._start()

    @property
    def name(self) -> str:
        """After the ring; empty as long as that has no name."""
        return PREFIX + self._ring.name if self._ring.name else ""

    @property
    def subject(self) -> str:
        """What error texts call it."""
        return f"{self._ring.subject}: the count of its losses"

    @property
    def layout(self) -> Layout:  # type: ignore[override]
        """How it lies in memory."""
        from osmia.maps.events import layout_of_event

        event = layout_of_event(self._ring.value)
        assert event is not None
        fields, size, alignment = place(
            [("lost", COUNT, None, 0), ("event", ArrayLayout(event, 0), None, None)], union=False, packed=False
        )
        return StructLayout(
            Losses, "osmia_ring", size, alignment, fields, union=False, packed=False, frozen=True,
            declared_at=self.declared_at,
        )  # fmt: skip

    @property
    def value(self) -> int:
        """How many events were lost. NotLoadedError if nothing counts them."""
        cell = self._cell
        if cell is None:
            cell = self._cell = self.backend.memory()[self.offset : self.offset + COUNT.size].cast("Q")
        return cell[0]  # type: ignore[no-any-return]

    def difference(self, btf: Btf, number: int) -> str:
        """Where the events that this type of an object's, or of the kernel's, tells of are others than the ring's.

        Empty where they are the same.
        """
        from osmia.btf import kinds
        from osmia.maps.compared import difference
        from osmia.maps.events import layout_of_event

        found = btf.resolve(number)
        if found.kind == kinds.DATASEC:
            found = btf.resolve(btf.type(btf.variables(found)[0][0]).size_or_type)
        event = next((member for member in btf.members(found) if member.name == "event"), None)
        declared = layout_of_event(self._ring.value)
        if event is None or declared is None:
            return ""
        of = btf.array(btf.resolve(event.type))[0]
        where = f"an event of {self._ring.subject}"
        if btf.size(of) != declared.size:
            return f"{where} has {btf.size(of)} bytes there, expected {declared.size} ({declared.name})"
        return difference(btf, of, declared, where)

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on: the ring says it."""
        return "losses", self.name

    def _use(self, backend: MapBackend) -> None:
        self._backend = backend
        self._cell = None


class Counting(Map[K, V], Generic[K, V]):
    """A map whose losses are counted: what counts them has a name beside the map's where that is pinned."""

    losses: Losses

    def pin(self, path: str | PathLike[str], /) -> None:
        """Give it a name in a BPF file system, and what counts its losses that name and `_lost`."""
        super().pin(path)
        if self.losses.live:
            self.losses.backend.pin(lost_path(path))

    def unpin(self, path: str | PathLike[str], /) -> None:
        """Take those names away; the map stays as long as something uses it.

        ValueError where something else is pinned there, KernelError where nothing is.
        """
        super().unpin(path)
        if self.losses.live and os.access(lost_path(path), os.F_OK):
            self.losses.backend.unpin(lost_path(path))

    def _start(self) -> None:
        super()._start()
        self.losses = self._counter()

    def _counter(self) -> Losses:
        """What counts them."""
        return Losses(self)


def lost_path(path: str | PathLike[str]) -> str:
    """Where what counts the losses of a map is pinned beside it."""
    return f"{os.fspath(path)}_lost"
