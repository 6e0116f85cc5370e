"""Arrays: maps whose keys are the indices 0 to max_entries - 1, all of them always there."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar, overload
from osmia.maps.mapping import ForEach, Indexed
from osmia.maps.table import MAP_KINDS
from osmia.maps.value_map import ValueMap
from osmia.types import u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.maps.numpy_arrays import Arrays
    from osmia.types import Ref

V = TypeVar("V")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to


class Array(Indexed[V], ForEach[int, V], ValueMap[int, V], Generic[V]):
    """An array (BPF_MAP_TYPE_ARRAY, since Linux 3.19): values start as zero, and no key can be deleted."""

    kind = MAP_KINDS["Array"]

    def __init__(self, value: type[V], *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare an array of `max_entries` values, whose name is the variable's unless `name` says."""
        super().__init__(u32, value, max_entries=max_entries, name=name, flags=flags)

    @overload
    def lookup(self: Array[I], key: int) -> Ref[I] | None: ...
    @overload
    def lookup(self, key: int) -> V | None: ...
    def lookup(self, key: Any) -> Any:
        """In kernel code: the value where it lies, or None if `key` is outside the array."""
        self._kernel_only("lookup", key)

    @overload
    def lookup_or_init(self: Array[I], key: int, value: I) -> Ref[I] | None: ...
    @overload
    def lookup_or_init(self, key: int, value: V) -> V | None: ...
    def lookup_or_init(self, key: Any, value: Any) -> Any:  # noqa: ARG002 - kernel code's
        """In kernel code: the value where it lies, which an array always has, or None if `key` is outside the array."""
        self._kernel_only("lookup_or_init", key)

    def memory(self) -> memoryview:
        """The values as memory that kernel code and user code share, without a system call (since Linux 5.5).

        For arrays that are declared with the flag BPF_F_MMAPABLE; KernelError for others. Value n lies at n times the
        value's size, rounded up to 8 bytes; there are whole pages. It outlives `close()` as long as it is held.
        """
        return self.backend.memory()

    def to_numpy(self, *, copy: bool = True) -> Arrays:
        """All values as a NumPy array, in `values`, with the indices in `keys`.

        Without `copy`, of an array that is declared with the flag BPF_F_MMAPABLE, they are the map's own memory: they
        show what kernel code writes, and what is written to them kernel code sees, both at once.
        """
        return self._to_numpy(copy=copy)
