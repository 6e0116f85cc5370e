"""Global variables: shared by kernel code and user code, which reads and writes them where they lie."""

from __future__ import annotations

import sys

from osmia.generic import Generic, TypeVar
from osmia.layout import WIDE, SpinLockLayout, StructLayout, layout_of
from osmia.maps.codec import Codec, shown
from osmia.maps.declaration import Shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, Self

    from osmia.layout import Layout
    from osmia.maps.backend import MapBackend

T = TypeVar("T")

UNSIGNED: dict[int, Literal["B", "H", "I", "Q"]] = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""By size in bytes: how `memoryview` names the unsigned integer of it."""
ZERO: Any = object()


class Global(Shared, Generic[T]):
    """A variable that both sides share: `.value` is the same number in kernel code and, while it is live, here.

    Each has a map of its own (the section `.data.NAME` of the object), so programs that are loaded apart share it all
    the same. User code reads and writes it in memory that is shared with the kernel; since Linux 5.5. A scalar is read
    and written whole; `x.value += 1` is a read and a write, between which the kernel may write too.
    """

    def __init__(self, of: type[T], value: T = ZERO, *, name: str = "") -> None:
        """Declare a variable of type `of` that starts with `value`, zero unless it says.

        Its name is the variable's unless `name` says. Nothing is live until a program that uses it is loaded.
        """
        self._declare_here("a global", name, sys._getframe(1))  # noqa: SLF001
        self._describe(of)
        self.contents = bytes(self.layout.size) if value is ZERO else self._codec.encode(value)
        self._start()

    of: Any
    """Its type, as declared."""
    layout: Layout
    """How it lies in memory."""
    offset: int
    """Where it lies in the value of its map, in bytes."""
    contents: bytes
    """What it starts with, as it lies in memory."""

    def _describe(self, of: Any) -> None:
        layout = layout_of(of)
        if layout is None:
            found = WIDE if of is int else of.__name__ if isinstance(of, type) else shown(of)
            raise TypeError(f"{self.subject}: the type of a global is one that lies in memory, not {found}")
        if _holds_lock(layout):
            raise TypeError(f"{self.subject}: a global cannot hold a spin lock: put it into the value of a map")
        self.of, self.layout = of, layout
        self._codec = Codec(of, self, "value")

    @property
    def value(self) -> T:
        """What it holds now. NotLoadedError if it is not live."""
        cell = self._cell or self._open()
        return self._codec.decode(cell[0].to_bytes(self.layout.size, sys.byteorder))  # type: ignore[no-any-return]

    @value.setter
    def value(self, value: T) -> None:
        packed = self._codec.encode(value)
        cell = self._cell or self._open()
        cell[0] = int.from_bytes(packed, sys.byteorder)

    def bind(self, backend: MapBackend, offset: int = 0) -> None:
        """Make it live: from now on user code reads and writes what `backend` holds at `offset` of its value."""
        self.offset = offset
        self._use(backend)

    def handle(self, backend: MapBackend, offset: int = 0) -> Self:
        """An independent live variable of the same declaration."""
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        twin.reached_by = []
        twin.bind(backend, offset)
        return twin

    @classmethod
    def opened(cls, of: Any, *, name: str, backend: MapBackend, offset: int) -> Self:
        """A live variable that was declared elsewhere, in an object file."""
        held = cls.__new__(cls)
        held.declared_at = (name, 0)
        held._name = name  # noqa: SLF001 - of the class itself
        held._describe(of)  # noqa: SLF001
        held.contents = bytes(held.layout.size)
        held.reached_by = []
        held.bind(backend, offset)
        return held

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return "global", repr(self.layout), self.contents, self.name

    def _use(self, backend: MapBackend) -> None:
        self._backend = backend
        self._cell: memoryview | None = None

    def _open(self) -> memoryview:
        """Take the memory that it lies in, when it is first asked for."""
        size = self.layout.size
        self._cell = self.backend.memory()[self.offset : self.offset + size].cast(UNSIGNED[size])
        return self._cell

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        return f"<Global({self.layout.name}) {self.name or 'without a name'}, {state}>"


def _holds_lock(layout: Layout) -> bool:
    if isinstance(layout, StructLayout):
        return any(_holds_lock(field.layout) for field in layout.fields)
    return isinstance(layout, SpinLockLayout)
