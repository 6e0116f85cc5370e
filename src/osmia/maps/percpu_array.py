"""Arrays with one value per possible CPU."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar, overload
from osmia.maps.mapping import ForEach, Indexed, PerCpuMap
from osmia.maps.table import MAP_KINDS
from osmia.types import u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.types import Ref

V = TypeVar("V")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to


class PerCpuArray(Indexed[V], ForEach[int, V], PerCpuMap[int, V], Generic[V]):
    """An array with one value per possible CPU (BPF_MAP_TYPE_PERCPU_ARRAY, since Linux 4.6).

    Values start as zero, and no key can be deleted.
    """

    kind = MAP_KINDS["PerCpuArray"]

    def __init__(self, value: type[V], *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare an array of `max_entries` values per CPU, whose name is the variable's unless `name` says."""
        super().__init__(u32, value, max_entries=max_entries, name=name, flags=flags)

    @overload
    def lookup(self: PerCpuArray[I], key: int) -> Ref[I] | None: ...
    @overload
    def lookup(self, key: int) -> V | None: ...
    def lookup(self, key: Any) -> Any:
        """In kernel code: this CPU's value where it lies, or None if `key` is outside the array."""
        self._kernel_only("lookup", key)

    @overload
    def lookup_percpu(self: PerCpuArray[I], key: int, cpu: int) -> Ref[I] | None: ...
    @overload
    def lookup_percpu(self, key: int, cpu: int) -> V | None: ...
    def lookup_percpu(self, key: Any, cpu: Any) -> Any:
        """In kernel code: the value of another CPU where it lies, or None if `key` is outside the array.

        Since Linux 5.19.
        """
        self._kernel_only("lookup_percpu", key, cpu)

    @overload
    def lookup_or_init(self: PerCpuArray[I], key: int, value: I) -> Ref[I] | None: ...
    @overload
    def lookup_or_init(self, key: int, value: V) -> V | None: ...
    def lookup_or_init(self, key: Any, value: Any) -> Any:  # noqa: ARG002 - kernel code's
        """In kernel code: the value where it lies, which an array always has, or None if `key` is outside the array."""
        self._kernel_only("lookup_or_init", key)
