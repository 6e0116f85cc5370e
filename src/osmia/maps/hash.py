"""Hash maps."""

from __future__ import annotations

from osmia.errors import KernelError
from osmia.generic import Generic, TypeVar, overload
from osmia.maps.mapping import ForEach, PerCpuMap, UserMap
from osmia.maps.table import MAP_KINDS
from osmia.maps.value_map import ValueMap
from osmia.types import is_integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    import numpy as np
    import pyarrow as pa

    from osmia.maps import PerCpuValues
    from osmia.maps.addressed import AddressedPerCpu, AddressedValues
    from osmia.maps.backend import Buffer
    from osmia.maps.numpy_arrays import Arrays
    from osmia.types import Ref

K = TypeVar("K")
V = TypeVar("V")
KF = TypeVar("KF")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to
D = TypeVar("D")

_RAISE: Any = object()


class Keyed(UserMap[K, V], Generic[K, V]):
    """What maps have in common whose keys come and go."""

    def delete(self, key: K) -> int:
        """In kernel code: delete a key; 0, or a negative error number."""
        self._kernel_only("delete", key)

    def __delitem__(self, key: K) -> None:
        """Delete a key. KeyError if it is not there."""
        packed = self._encode_key(key)
        try:
            there = self.backend.delete(packed)
        except KernelError as error:
            raise self._named(error, packed) from None
        if not there:
            raise self._missing(key)

    def delete_many(self, keys: Iterable[K] | np.ndarray[Any, Any]) -> int:
        """Delete keys, of a sequence or a NumPy array; how many of them were there."""
        from osmia.maps import bulk

        return self._delete_all(bulk.packed_keys(self, keys, "delete_many"))

    def clear(self) -> None:
        """Delete the keys that it holds now."""
        self._delete_all(b"".join(self._walk()))

    def to_numpy(self, *, delete: bool = False) -> Arrays:
        """All entries as two NumPy arrays, `keys` and `values`; of a per-CPU map values[n, cpu].

        Their dtypes are `numpy_dtype()` of the key's and the value's type: a struct is a structured array. They are
        the caller's own. With `delete`, the entries are taken out of the map: since Linux 5.6 each is read and deleted
        at once, so that no write to it is lost. It is a system call for thousands of entries.
        """
        return self._to_numpy(delete=delete)

    def to_arrow(self, *, delete: bool = False) -> pa.Table:
        """All entries as a PyArrow table; with `delete`, they are taken out of the map, as by `to_numpy()`.

        Its columns are `key` and `value`; of a struct one for each field, `key_src`; of a per-CPU map each value is a
        list of those of all possible CPUs. Numbers are in the machine's order of bytes. ValueError if two fields would
        have one name.
        """
        return self._to_arrow(delete=delete)

    def _pop(self, key: Any, decode: Callable[[bytes], Any], default: Any) -> Any:
        packed = self._encode_key(key)
        try:
            found = self.backend.pop(packed, self._update_flags)
        except KernelError as error:
            raise self._named(error, packed) from None
        if found is not None:
            return decode(found)
        if default is _RAISE:
            raise self._missing(key)
        return default

    def _delete_all(self, keys: Buffer) -> int:
        from osmia.maps import bulk

        try:
            return bulk.delete(self, keys)
        except KernelError as error:
            raise self._renamed(error) from None


class KeyedValues(Keyed[K, V], ValueMap[K, V], Generic[K, V]):
    """Of those, the maps with one value a key."""

    def _not_there(self, key: Any) -> KeyError:
        missing = self._missing(key)
        if not is_integer(self.value):
            return missing
        return KeyError(f"{missing.args[0]}; get(key, 0) gives 0 in its place")

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: K, default: D, /) -> V | D: ...
    def pop(self, key: Any, default: Any = _RAISE, /) -> Any:
        """Delete a key and give its value; `default`, or a KeyError, if it is not there.

        Before Linux 5.14 it is read first and then deleted: what kernel code writes between the two is lost.
        """
        return self._pop(key, self._values.decode, default)

    def to_dict(self, *, delete: bool = False) -> dict[K, V]:
        """All entries as a dict; with `delete`, they are taken out of the map, as by `to_numpy()`."""
        return self._to_dict(delete=delete)


class KeyedPerCpu(Keyed[K, V], PerCpuMap[K, V], Generic[K, V]):
    """Of those, the maps with one value per possible CPU and key."""

    @overload
    def pop(self, key: K, /) -> PerCpuValues[V]: ...
    @overload
    def pop(self, key: K, default: D, /) -> PerCpuValues[V] | D: ...
    def pop(self, key: Any, default: Any = _RAISE, /) -> Any:
        """Delete a key and give its values; `default`, or a KeyError, if it is not there.

        Before Linux 5.14, and in an LruPerCpuHashMap, they are read first and then deleted: what kernel code writes
        between the two is lost.
        """
        return self._pop(key, self._decode, default)

    def to_dict(self, *, delete: bool = False) -> dict[K, PerCpuValues[V]]:
        """All entries as a dict; with `delete`, they are taken out of the map, as by `to_numpy()`."""
        return self._to_dict(delete=delete)


if not TYPE_CHECKING:  # type checkers see what these take in place of numbers
    AddressedValues, AddressedPerCpu = KeyedValues, KeyedPerCpu


class HashMap(AddressedValues[K, V], ForEach[K, V], Generic[K, V]):
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

    @overload
    def lookup_or_init(self: HashMap[KF, I], key: KF, value: I) -> Ref[I] | None: ...
    @overload
    def lookup_or_init(self, key: K, value: V) -> V | None: ...
    def lookup_or_init(self, key: Any, value: Any) -> Any:  # noqa: ARG002 - kernel code's
        """In kernel code: the value where it lies, first set to `value` if there is none; None if the map is full."""
        self._kernel_only("lookup_or_init", key)


class LruHashMap(AddressedValues[K, V], ForEach[K, V], Generic[K, V]):
    """A hash map that drops keys not used for long when it is full (BPF_MAP_TYPE_LRU_HASH, since Linux 4.10).

    Some keys may be dropped before there are `max_entries` of them.
    """

    kind = MAP_KINDS["LruHashMap"]

    def __init__(self, key: type[K], value: type[V], *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare a hash map of up to `max_entries` keys, whose name is the variable's unless `name` says."""
        super().__init__(key, value, max_entries=max_entries, name=name, flags=flags)

    @overload
    def lookup(self: LruHashMap[KF, I], key: KF) -> Ref[I] | None: ...
    @overload
    def lookup(self, key: K) -> V | None: ...
    def lookup(self, key: Any) -> Any:
        """In kernel code: the value where it lies, or None if there is none."""
        self._kernel_only("lookup", key)

    @overload
    def lookup_or_init(self: LruHashMap[KF, I], key: KF, value: I) -> Ref[I] | None: ...
    @overload
    def lookup_or_init(self, key: K, value: V) -> V | None: ...
    def lookup_or_init(self, key: Any, value: Any) -> Any:  # noqa: ARG002 - kernel code's
        """In kernel code: the value where it lies, first set to `value` if there is none; None if that failed."""
        self._kernel_only("lookup_or_init", key)


class PerCpuHashMap(AddressedPerCpu[K, V], ForEach[K, V], Generic[K, V]):
    """A hash map with one value per possible CPU and key (BPF_MAP_TYPE_PERCPU_HASH, since Linux 4.6)."""

    kind = MAP_KINDS["PerCpuHashMap"]

    def __init__(self, key: type[K], value: type[V], *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare a hash map of up to `max_entries` keys, whose name is the variable's unless `name` says."""
        super().__init__(key, value, max_entries=max_entries, name=name, flags=flags)

    @overload
    def lookup(self: PerCpuHashMap[KF, I], key: KF) -> Ref[I] | None: ...
    @overload
    def lookup(self, key: K) -> V | None: ...
    def lookup(self, key: Any) -> Any:
        """In kernel code: this CPU's value where it lies, or None if there is none."""
        self._kernel_only("lookup", key)

    @overload
    def lookup_percpu(self: PerCpuHashMap[KF, I], key: KF, cpu: int) -> Ref[I] | None: ...
    @overload
    def lookup_percpu(self, key: K, cpu: int) -> V | None: ...
    def lookup_percpu(self, key: Any, cpu: Any) -> Any:
        """In kernel code: the value of another CPU where it lies, or None if there is none (since Linux 5.19)."""
        self._kernel_only("lookup_percpu", key, cpu)

    @overload
    def lookup_or_init(self: PerCpuHashMap[KF, I], key: KF, value: I) -> Ref[I] | None: ...
    @overload
    def lookup_or_init(self, key: K, value: V) -> V | None: ...
    def lookup_or_init(self, key: Any, value: Any) -> Any:  # noqa: ARG002 - kernel code's
        """In kernel code: this CPU's value where it lies, set to `value` if there is none; None if the map is full."""
        self._kernel_only("lookup_or_init", key)


class LruPerCpuHashMap(AddressedPerCpu[K, V], ForEach[K, V], Generic[K, V]):
    """A hash map with one value per possible CPU and key (BPF_MAP_TYPE_LRU_PERCPU_HASH, since Linux 4.10).

    When it is full it drops keys not used for long; some may be dropped before there are `max_entries` of them.
    """

    kind = MAP_KINDS["LruPerCpuHashMap"]

    def __init__(self, key: type[K], value: type[V], *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare a hash map of up to `max_entries` keys, whose name is the variable's unless `name` says."""
        super().__init__(key, value, max_entries=max_entries, name=name, flags=flags)

    @overload
    def lookup(self: LruPerCpuHashMap[KF, I], key: KF) -> Ref[I] | None: ...
    @overload
    def lookup(self, key: K) -> V | None: ...
    def lookup(self, key: Any) -> Any:
        """In kernel code: this CPU's value where it lies, or None if there is none."""
        self._kernel_only("lookup", key)

    @overload
    def lookup_percpu(self: LruPerCpuHashMap[KF, I], key: KF, cpu: int) -> Ref[I] | None: ...
    @overload
    def lookup_percpu(self, key: K, cpu: int) -> V | None: ...
    def lookup_percpu(self, key: Any, cpu: Any) -> Any:
        """In kernel code: the value of another CPU where it lies, or None if there is none (since Linux 5.19)."""
        self._kernel_only("lookup_percpu", key, cpu)

    @overload
    def lookup_or_init(self: LruPerCpuHashMap[KF, I], key: KF, value: I) -> Ref[I] | None: ...
    @overload
    def lookup_or_init(self, key: K, value: V) -> V | None: ...
    def lookup_or_init(self, key: Any, value: Any) -> Any:  # noqa: ARG002 - kernel code's
        """In kernel code: this CPU's value where it lies, set to `value` if there is none; None if that failed."""
        self._kernel_only("lookup_or_init", key)
