"""The user's side of maps with one value a key."""

from __future__ import annotations

from osmia.errors import KernelError
from osmia.generic import ItemsView, Mapping, TypeVar, ValuesView, overload
from osmia.maps.codec import StructError
from osmia.maps.declaration import Absent
from osmia.maps.mapping import UserMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from osmia.maps.backend import MapBackend

K = TypeVar("K")
V = TypeVar("V")


class ValueMap(UserMap[K, V], Mapping[K, V]):
    """A map with one value a key: a subscript means the same on both sides."""

    def _reader(self, backend: MapBackend) -> Callable[[Any], Any]:
        if isinstance(backend, Absent):
            return backend.lookup
        convert = self._values.convert
        if convert is not None:
            return self._reading(backend, self._values.unpack, lambda stored: convert(stored[0]))
        from _operator import itemgetter  # without the Python half of `operator`, which costs start-up time

        return self._reading(backend, self._values.unpack, itemgetter(0))

    def __getitem__(self, key: K) -> V:
        """The value of `key`, as it was when it was read. KeyError if there is none."""
        try:
            found = self._read(key)
        except StructError:
            raise self._bad_key(key) from None
        except KernelError as error:
            raise self._named(error, self._encode_key(key)) from None
        if found is None:
            raise self._not_there(key)
        return found  # type: ignore[no-any-return]

    def _not_there(self, key: Any) -> KeyError:
        """The error of a subscript, which is what `m[key] += 1` ends in, too."""
        return self._missing(key)

    def __setitem__(self, key: K, value: V) -> None:
        """Write a value, whether the key is there or not."""
        update, packed = self.backend.update, self._encode_key(key)
        try:
            update(packed, self._values.encode(value), self._update_flags)
        except KernelError as error:
            raise self._named(error, packed) from None

    def items(self) -> ItemsView[K, V]:
        """Keys with their values. A key that goes away while they are walked is left out."""
        from osmia.maps.views import Items

        return Items(self)

    def values(self) -> ValuesView[V]:
        """The values. One whose key goes away while they are walked is left out."""
        from osmia.maps.views import Values

        return Values(self)

    def to_dict(self) -> dict[K, V]:
        """All entries as a dict. Since Linux 5.6 this is a system call for thousands of them."""
        return self._to_dict()

    def _entries(self) -> Iterator[tuple[K, V]]:
        for key in self._walk():
            found = self._lookup(key)
            if found is not None:
                yield self._keys.decode(key), self._values.decode(found)

    @overload
    def update(self, key: K, value: V, flags: int = 0, /) -> int: ...
    @overload
    def update(self, items: Mapping[K, V] | Iterable[tuple[K, V]], /) -> int: ...
    def update(self, *arguments: Any) -> int:
        """Write a value (`flags`: 0 always, 1 if the key is new, 2 if it exists), or all of a mapping or of pairs.

        Of a mapping or of pairs nothing is written if a key or a value among them is not taken. Returns 0.
        """
        return self._update(self._values.encode, arguments)
