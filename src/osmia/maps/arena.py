"""Arenas: memory of many pages that kernel code and user code share, with structures of their own making."""

from __future__ import annotations

from osmia.errors import shown, shown_type
from osmia.generic import TypeVar, overload
from osmia.layout import layout_of
from osmia.maps.declaration import Map
from osmia.maps.live import Memory, Place, reference
from osmia.maps.table import MAP_KINDS
from osmia.types import u8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.types import Ref

T = TypeVar("T")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to

PAGE = 4096
"""What max_entries counts, in bytes: osmia takes arenas where pages have this size."""
MOST_PAGES = (1 << 32) // PAGE


class Arena(Map[None, int]):
    """Pages of memory that both sides share (BPF_MAP_TYPE_ARENA, since Linux 6.9).

    What lies where is the program's own affair: `arena.at(Node, offset)` is a Node in place, on both sides, and an
    offset kept in a field is a pointer that both sides follow. All pages are taken when the arena is made. A program
    reaches one arena at most.
    """

    kind = MAP_KINDS["Arena"]

    def __init__(self, *, pages: int, name: str = "", flags: int = 0) -> None:
        """Declare an arena of `pages` pages of 4096 bytes, whose name is the variable's unless `name` says."""
        super().__init__(None, u8, max_entries=pages, name=name, flags=flags | self.kind.required_flags)
        if pages > MOST_PAGES:
            raise ValueError(f"{self.subject}: an arena has 1 to {MOST_PAGES} pages, not {pages}")

    def _declare(self, key: Any, value: Any, *, max_entries: int, flags: int) -> None:
        self.key, self.value, self.max_entries, self.flags = key, value, max_entries, flags
        self._update_flags = 0
        self._memory: Memory | None = None
        self._start()

    @property
    def key_size(self) -> int:
        """It has no keys."""
        return 0

    @property
    def value_size(self) -> int:
        """It has no values."""
        return 0

    @property
    def size(self) -> int:
        """In bytes."""
        return self.max_entries * PAGE

    def describe(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return type(self).__name__, self.name, self.max_entries, self.flags

    @overload
    def at(self, of: type[I], offset: int, /) -> Ref[I] | None: ...
    @overload
    def at(self, of: type[T], offset: int, /) -> T | None: ...
    def at(self, of: Any, offset: int, /) -> Any:
        """What lies at `offset` bytes from the start, in place, so that a store changes it on both sides.

        `of` is a struct, a number's type (`u64`) or an IntEnum. None where it would reach out of the arena, or where
        the offset is no multiple of its alignment. In user code each number is read and written where it lies, at once;
        a single number is a reference with `.value`. NotLoadedError if the arena is not live.
        """
        layout = layout_of(of) if isinstance(of, type) else None
        if layout is None:
            raise TypeError(f"{self.subject}: at() takes the type of what lies there, not {shown_type(of)}")
        if type(offset) is not int:
            raise TypeError(f"{self.subject}: an offset is an int, not {shown(offset)}")
        memory = self._held()
        if not 0 <= offset <= self.size - layout.size or offset % layout.alignment:
            return None
        return reference(Place(self.subject, memory), layout, offset)

    def memory(self) -> memoryview:
        """All of it, as memory that both sides share. NotLoadedError if the arena is not live."""
        return self.backend.memory()

    def _held(self) -> Memory:
        if self._memory is None:
            self._memory = Memory(self.backend.memory())
        return self._memory

    def _use(self, backend: Any) -> None:
        self._memory = None
        self._backend = backend

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        return f"<Arena(pages={self.max_entries}) {self.name or 'without a name'}, {state}>"
