"""Hash maps."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar, overload
from osmia.maps.mapping import ValueMap
from osmia.maps.table import MAP_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.types import Ref

K = TypeVar("K")
V = TypeVar("V")
KF = TypeVar("KF")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to
D = TypeVar("D")

_RAISE: Any = object()


class HashMap(ValueMap[K, V], Generic[K, V]):
    """A hash map (BPF_MAP_TYPE_HASH, since Linux 3.19)."""

    kind = MAP_KINDS["HashMap"]

    def __init__(self, key: type[K], value: type[V], *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare a hash map of up to `max_entries` keys, whose name is the variable's unless `name` says."""
        super().__init__(key, value, max_entries=max_entries, name=name, flags=flags)

    @overload
    def lookup(self: HashMap[KF, I], key: KF) -> Ref[I] | None: ...
    @overload
    def lookup(self, key: K) -> V | None: ...
    def lookup(self, key: Any) -> Any:
        """In kernel code: the value where it lies, or None if there is none."""
        self._kernel_only("lookup", key)

    def delete(self, key: K) -> int:
        """In kernel code: delete a key; 0, or a negative error number."""
        self._kernel_only("delete", key)

    def __delitem__(self, key: K) -> None:
        """Delete a key. KeyError if it is not there."""
        if not self._backend.delete(self._encode_key(key)):
            raise self._missing(key)

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: K, default: D, /) -> V | D: ...
    def pop(self, key: Any, default: Any = _RAISE, /) -> Any:
        """Read a value, then delete its key; `default`, or a KeyError, if it is not there.

        What kernel code writes between the two is lost.
        """
        packed = self._encode_key(key)
        found = self._lookup(packed)
        if found is not None and self._backend.delete(packed):
            return self._values.decode(found)
        if default is _RAISE:
            raise self._missing(key)
        return default

    def clear(self) -> None:
        """Delete the keys that it holds now."""
        for key in self._walk():
            self._backend.delete(key)
