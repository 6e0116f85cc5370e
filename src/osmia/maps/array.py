"""Arrays: maps whose keys are the indices 0 to max_entries - 1, all of them always there."""

from __future__ import annotations

from osmia.errors import shortened
from osmia.generic import Generic, TypeVar, overload
from osmia.maps.declaration import Map
from osmia.maps.mapping import ForEach, PerCpuMap, ValueMap
from osmia.maps.table import MAP_KINDS
from osmia.types import u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from osmia.types import Ref

V = TypeVar("V")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to


class Indexed(Map[int, V], Generic[V]):
    """What the keys of arrays have in common."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.max_entries))

    def __len__(self) -> int:
        return self.max_entries

    def __contains__(self, key: object) -> bool:
        try:
            return self._lookup(self._encode_key(key)) is not None
        except KeyError:
            return False

    def _encode_key(self, key: Any) -> bytes:
        packed = super()._encode_key(key)
        if key.__index__() >= self.max_entries:
            raise self._missing(key)
        return packed

    def _bad_key(self, key: Any) -> Exception:
        return self._missing(key) if hasattr(key, "__index__") else self._keys.refusal(key)

    def _missing(self, key: Any) -> KeyError:
        return KeyError(f"{self.subject}: no key {shortened(key)}, its keys are 0 to {self.max_entries - 1}")

    if not TYPE_CHECKING:  # for type checkers an array has no `del` at all

        def __delitem__(self, key: Any) -> None:
            raise TypeError(f"{self.subject}: an array cannot delete a key; to clear its value write 0")


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
