"""The user's side of maps: what those of keys and values have in common, and what per-CPU ones have besides."""

from __future__ import annotations

from _struct import Struct

from osmia.errors import KernelError, shortened, shown, with_article
from osmia.generic import Generic, ItemsView, Mapping, TypeVar, ValuesView, overload
from osmia.maps import PerCpuValues
from osmia.maps.codec import StructError, integer_of
from osmia.maps.declaration import Absent, Map, check_update_flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    import numpy as np
    import pyarrow as pa

    from osmia.maps.backend import Buffer, MapBackend
    from osmia.maps.numpy_arrays import Arrays

K = TypeVar("K")
V = TypeVar("V")


class ForEach(Map[K, V], Generic[K, V]):
    """What the maps have in common that kernel code can walk."""

    def for_each(self, callback: Callable[[K, V], bool | None]) -> int:
        """In kernel code: call a function with each key and value, until it returns True (since Linux 5.13).

        A struct is the map's own, so that a change of it stays; a number is given as it is. How many elements it was
        called for; of a map that changes meanwhile, some may be left out or come twice.
        """
        self._kernel_only("for_each", callback)


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
            raise self._outside(key)
        return packed

    def _bad_key(self, key: Any) -> Exception:
        return self._keys.refusal(key) if integer_of(key) is None else self._outside(key)

    def _missing(self, key: Any) -> KeyError:
        return self._outside(key)

    def _outside(self, key: Any) -> KeyError:
        return KeyError(f"{self.subject}: no key {shortened(key)}, its keys are 0 to {self.max_entries - 1}")

    if not TYPE_CHECKING:  # for type checkers an array has no `del` at all

        def __delitem__(self, key: Any) -> None:
            raise TypeError(f"{self.subject}: an array cannot delete a key; to clear its value write 0")


class Walked(Map[K, V], Generic[K, V]):
    """What user code does with every map that it can walk."""

    def __contains__(self, key: object) -> bool:
        return self._lookup(self._encode_key(key)) is not None

    def __iter__(self) -> Iterator[K]:
        return map(self._keys.decode, self._walk())

    def __len__(self) -> int:
        """How many keys it holds, which the kernel does not say: all are read.

        Of a hash map by batches, since Linux 5.6, where all that it may hold takes 64 MiB at most. Else they are
        walked, a second or more for 100,000 of them.
        """
        from osmia.maps import bulk

        return bulk.count(self)

    def _walk(self) -> Iterator[bytes]:
        """The keys, each once.

        The kernel starts again from the first key when the one that it is asked to go on from is gone. Keys that came
        before are passed over then, and a map that changes faster than it can be walked is an error: this neither
        gives a key twice nor goes on for ever. The next key is asked for before one is given: who is given it may
        delete it, and that takes no walk from the start.
        """
        seen: set[bytes] = set()
        next_key = self.backend.next_key
        steps = 8 * self.max_entries + 1024
        key = next_key(None)
        while key is not None:
            following = next_key(key)
            if key not in seen:
                # The key after one that is gone is the first one, which comes after no other; an empty map has none.
                suspicious = following is None or following in seen
                if not suspicious or following != next_key(None):
                    seen.add(key)
                    yield key
            steps -= 1
            if steps < 0:
                raise RuntimeError(f"{self.subject}: its keys change faster than they can be walked")
            key = following


class UserMap(Walked[K, V], Generic[K, V]):
    """What user code does with every map of keys and values that it may write."""

    def _update(self, encode: Callable[[Any], bytes], arguments: tuple[Any, ...]) -> int:
        """What `update` does in user code."""
        update = self.backend.update
        if len(arguments) == 1:
            pairs = [(self._encode_key(key), encode(value)) for key, value in self._pairs(arguments[0])]
            if pairs:
                keys, values = zip(*pairs, strict=True)
                self._write_all(b"".join(keys), b"".join(values), self._update_flags)
            return 0
        if len(arguments) not in {2, 3}:
            raise self._no_update()
        flags = arguments[2] if len(arguments) == 3 else 0
        check_update_flags(self.subject, flags)
        try:
            key = self._encode_key(arguments[0])
        except TypeError:
            if len(arguments) == 3 or not _are_entries(arguments[0]):
                raise
            raise self._flags_of_many() from None
        self._write(update, key, encode(arguments[1]), flags | self._update_flags)
        return 0

    def _write(self, update: Callable[[bytes, bytes, int], None], key: bytes, value: bytes, flags: int) -> None:
        try:
            update(key, value, flags)
        except KernelError as error:
            raise self._named(error, key) from None

    def _write_all(self, keys: Buffer, values: Buffer, flags: int) -> None:
        """Write many entries. A KernelError names the key that was refused: those before it are written then."""
        from osmia.maps import bulk

        try:
            bulk.write(self, keys, values, flags)
        except KernelError as error:
            raise self._renamed(error) from None

    def update_many(
        self, keys: Iterable[K] | np.ndarray[Any, Any], values: Iterable[Any] | np.ndarray[Any, Any], flags: int = 0
    ) -> int:
        """Write many entries, each key's value at the same place in `values`; how many there were.

        Both are sequences, or NumPy arrays of `numpy_dtype()` of the key's and the value's type (integers of another
        dtype are taken where they fit); the values of a per-CPU map are one row a key, with a column a possible CPU.
        `flags` as for `update`; other than 0 they take a system call an entry. Nothing is written if a key or a value
        is not taken. Where the kernel refuses one, the KernelError names its key, and those before it are written.
        Since Linux 5.6 this is a system call for thousands; arrays per CPU since 5.13. Of a key that comes twice the
        last value stays.
        """
        if self.kind.values not in ("any", "instruction"):
            raise TypeError(
                f"{self.subject}: update_many() takes keys and values that are numbers or structs, and a value of "
                f"{with_article(self.kind.class_name)} is {with_article(self.kind.values)}: put it in by m[key] = ... "
                "or update({...})"
            )
        from osmia.maps import bulk

        return bulk.update_many(self, keys, values, flags)

    def to_numpy(self) -> Arrays:
        """All entries as two NumPy arrays, `keys` and `values`; of a per-CPU map values[n, cpu].

        Their dtypes are `numpy_dtype()` of the key's and the value's type: a struct is a structured array. They are
        the caller's own. Since Linux 5.6 this is a system call for thousands of entries; arrays per CPU since 5.13.
        """
        return self._to_numpy()

    def to_arrow(self) -> pa.Table:
        """All entries as a PyArrow table.

        Its columns are `key` and `value`; of a struct one for each field, `key_src`; of a per-CPU map each value is a
        list of those of all possible CPUs. Numbers are in the machine's order of bytes. ValueError if two fields would
        have one name.
        """
        return self._to_arrow()

    def _to_numpy(self, *, delete: bool = False, copy: bool = True) -> Arrays:
        from osmia.maps import numpy_arrays

        return numpy_arrays.read(self, delete=delete, copy=copy)

    def _to_arrow(self, *, delete: bool = False) -> pa.Table:
        from osmia.maps import arrow_table

        return arrow_table.table(self, delete=delete)

    def _to_dict(self, *, delete: bool = False) -> dict[Any, Any]:
        from osmia.maps import bulk

        return bulk.to_dict(self, delete=delete)

    def _named(self, error: KernelError, key: bytes) -> KernelError:
        """An error about a key, with the key as user code writes it in place of its bytes."""
        text = error.text.replace(f"key {key.hex(' ')} of", f"key {shortened(self._keys.decode(key))} of", 1)
        named = type(error)(error.errno or 0, text)
        named.__dict__.update(error.__dict__, text=text)
        return named

    def _renamed(self, error: KernelError) -> KernelError:
        """The same of an error that says itself which key it is about, if it is about one."""
        return error if error.key is None else self._named(error, error.key)

    def _pairs(self, source: Any) -> Iterator[tuple[Any, Any]]:
        if not hasattr(source, "__iter__"):
            raise self._no_update()
        for pair in source.items() if hasattr(source, "items") else source:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise self._no_update()
            yield pair[0], pair[1]

    def _flags_of_many(self) -> TypeError:
        many = "; update_many(keys, values, flags) takes them" if "update_many" in self.kind.user_operations else ""
        return TypeError(
            f"{self.subject}: flags go with one key and one value, not with a mapping or with pairs: "
            f"update(key, value, flags){many}"
        )

    def _no_update(self) -> TypeError:
        return TypeError(f"{self.subject}: update() takes key, value[, flags], or a mapping, or pairs of key and value")


class PerCpuMap(UserMap[K, V], Mapping[K, PerCpuValues[V]]):
    """A map with one value per possible CPU and key. Kernel code sees its own CPU's value."""

    def bind(self, backend: MapBackend) -> None:
        """Make it live: from now on user code reads and writes `backend`."""
        padded = (self._values.size + 7) // 8 * 8
        self._cpus = backend.cpus
        self._unpack = Struct("=" + f"{self._values.letter}{padded - self._values.size}x" * self._cpus).unpack
        self._use(backend)

    def _reader(self, backend: MapBackend) -> Callable[[Any], Any]:
        if isinstance(backend, Absent):
            return backend.lookup
        return self._reading(backend, self._unpack, self._make())

    def _make(self) -> Callable[[Any], PerCpuValues[V]]:
        """From what is stored to what user code sees."""
        convert = self._values.convert
        return PerCpuValues if convert is None else lambda stored: PerCpuValues(map(convert, stored))

    def _decode(self, data: bytes) -> PerCpuValues[V]:
        return self._make()(self._unpack(data))

    def __getitem__(self, key: K) -> PerCpuValues[V]:
        """The values of `key`, one per possible CPU, as they were when they were read. KeyError if there are none."""
        try:
            found = self._read(key)
        except StructError:
            raise self._bad_key(key) from None
        except KernelError as error:
            raise self._named(error, self._encode_key(key)) from None
        if found is None:
            raise self._missing(key)
        return found  # type: ignore[no-any-return]

    def __setitem__(self, key: K, values: Sequence[V]) -> None:
        """Write the values of all possible CPUs."""
        update, packed = self.backend.update, self._encode_key(key)
        try:
            update(packed, self._encode(values), 0)
        except KernelError as error:
            raise self._named(error, packed) from None

    def items(self) -> ItemsView[K, PerCpuValues[V]]:
        """Keys with their values. A key that goes away while they are walked is left out."""
        from osmia.maps.views import Items

        return Items(self)

    def values(self) -> ValuesView[PerCpuValues[V]]:
        """The values. One whose key goes away while they are walked is left out."""
        from osmia.maps.views import Values

        return Values(self)

    def to_dict(self) -> dict[K, PerCpuValues[V]]:
        """All entries as a dict. Since Linux 5.6 this is a system call for thousands of them; of arrays since 5.13."""
        return self._to_dict()

    def _entries(self) -> Iterator[tuple[K, PerCpuValues[V]]]:
        for key in self._walk():
            found = self._lookup(key)
            if found is not None:
                yield self._keys.decode(key), self._decode(found)

    @overload
    def update(self, key: K, value: V | Sequence[V], flags: int = 0, /) -> int: ...
    @overload
    def update(self, items: Mapping[K, Sequence[V]] | Iterable[tuple[K, Sequence[V]]], /) -> int: ...
    def update(self, *arguments: Any) -> int:
        """In kernel code, write this CPU's value; in user code, those of all possible CPUs.

        `flags`: 0 always, 1 if the key is new, 2 if it exists. In user code it also takes a mapping or pairs, of which
        nothing is written if a key or a value among them is not taken. Returns 0.
        """
        return self._update(self._encode, arguments)

    def _encode(self, values: Any) -> bytes:
        expected = f"{self._cpus} values, one per possible CPU"
        # What a mapping gives are its keys, and a set has no order.
        unfit = isinstance(values, (str, bytes, set, frozenset)) or hasattr(values, "keys")
        if unfit or not hasattr(values, "__iter__"):
            raise TypeError(f"{self.subject}: a value is a sequence of {expected}, not {shown(values)}")
        values = tuple(values)
        if len(values) != self._cpus:
            raise ValueError(f"{self.subject}: a value is {expected}, not {len(values)}")
        return b"".join([self._values.encode(value).ljust(8, b"\0") for value in values])


def _are_entries(given: object) -> bool:
    """Whether what stands in the place of a key is a mapping, or pairs."""
    return hasattr(given, "__iter__") and not isinstance(given, (str, bytes, tuple))
