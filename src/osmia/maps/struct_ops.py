"""Tables of functions that the kernel calls: its congestion control, say."""

from __future__ import annotations

from osmia.errors import shown
from osmia.maps.declaration import Map
from osmia.maps.table import MAP_KINDS
from osmia.types import u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class StructOps(Map[int, None]):
    """A table of functions (BPF_MAP_TYPE_STRUCT_OPS, since Linux 5.6): one of the kernel's own structs of pointers.

    It can be declared and created, empty; programs that fill it, and registering it, are not there yet. Kernel code has
    no operation on it.
    """

    kind = MAP_KINDS["StructOps"]
    of: str
    """The kernel's struct."""

    def __init__(self, of: str, *, name: str = "", flags: int = 0) -> None:
        """Declare a table of the kernel's struct `of`, `tcp_congestion_ops` say; its name is the variable's."""
        super().__init__(None, None, max_entries=1, name=name, flags=flags)
        if type(of) is not str or not of.isidentifier():
            raise TypeError(f"{self.subject}: a table is of a struct of the kernel's, by name, not {shown(of)}")
        self.of = of

    def _declare(self, key: Any, value: Any, *, max_entries: int, flags: int) -> None:
        self.key, self.value, self.max_entries, self.flags = key, value, max_entries, flags
        self._update_flags = 0
        self._start()

    @property
    def key_size(self) -> int:
        """That of a u32, which is 0: there is one table."""
        return u32.bits // 8  # type: ignore[attr-defined, no-any-return]

    @property
    def value_size(self) -> int:
        """What this kernel's struct has, known once the map is live; 0 before."""
        return getattr(self._backend, "value_size", 0)

    def describe(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return type(self).__name__, self.name, self.of, self.flags

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        return f"<StructOps({self.of!r}) {self.name or 'without a name'}, {state}>"
