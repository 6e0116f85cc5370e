"""What all aggregations have in common: kernel code adds to them, user code reads snapshots.

Each is a map with one value per CPU. What its value is, the measure says, which stands where other maps have a type.
"""

from __future__ import annotations

from osmia.abi.generated import BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERCPU_HASH
from osmia.errors import shown_type
from osmia.generic import Generic, ItemsView, Mapping, TypeVar, ValuesView
from osmia.maps.codec import Codec
from osmia.maps.declaration import Map
from osmia.maps.losses import COUNT, Counting, Losses
from osmia.maps.mapping import Walked
from osmia.maps.table import MapKind
from osmia.types import i64, u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

    from osmia.btf.read import Btf
    from osmia.maps.measures import Measure

K = TypeVar("K")
S = TypeVar("S")

ZERO = bytes(4)
"""The key of the one value of an aggregation without keys."""


def one(class_name: str, module: str) -> MapKind:
    """The row of an aggregation without keys."""
    return MapKind(
        *(BPF_MAP_TYPE_PERCPU_ARRAY, "PERCPU_ARRAY", class_name, module, (5, 10), {"add": ""}, ("read", "clear")),
        keys="index",
        per_cpu=True,
        batch=("lookup", "update"),
    )


def keyed(class_name: str, module: str) -> MapKind:
    """The row of an aggregation with keys."""
    operations = ("get", "items", "keys", "values", "to_dict", "to_numpy", "top", "clear", "dropped")
    return MapKind(
        *(BPF_MAP_TYPE_PERCPU_HASH, "PERCPU_HASH", class_name, module, (5, 10), {"add": ""}, operations),
        per_cpu=True,
        flags=BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED,
        batch=("lookup", "lookup_and_delete", "update", "delete"),
    )


def is_signed(subject: str, of: object) -> bool:
    """Whether an aggregation takes negative values, as the type of what is added says."""
    if of is u64 or of is i64:
        return of is i64
    raise TypeError(f"{subject}: what is added is u64, or i64 where it may be negative, not {shown_type(of)}")


class Aggregation(Map[K, S], Generic[K, S]):
    """A map that kernel code adds to."""

    value: Measure
    aggregates = True

    def _declare(self, key: Any, value: Any, *, max_entries: int, flags: int) -> None:
        self.key, self.value, self.max_entries, self.flags = key, value, max_entries, flags
        self._keys = Codec(self.stored_key, self, "key")
        self._pack_key = self._keys.pack
        self._update_flags = 0
        self._start()

    @property
    def value_size(self) -> int:
        """In bytes, on one CPU."""
        return self.value.layout.size

    def describe(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        keys, value = self._keys.describe(), self.value.__osmia_describe__()
        return type(self).__name__, self.name, keys, value, self.max_entries, self.flags

    def _snapshot(self, data: bytes) -> S:
        return self.value.snapshot(data)  # type: ignore[no-any-return]

    def _in_kernel_code(self, instead: str) -> NoReturn:
        raise TypeError(f"{self.subject}: add() is for kernel code; user code reads what was added: {instead}")

    def __repr__(self) -> str:
        of = "i64" if self.value.signed else "u64"
        state = "live" if self.live else "not live"
        keys = "" if self.kind.fixed_keys else f"{self.key.__name__}, "
        size = "" if self.kind.fixed_keys else f", max_entries={self.max_entries}"
        return f"<{type(self).__name__}({keys}{of}{size}) {self.name or 'without a name'}, {state}>"


class Dropped(Losses):
    """The count of the values that an aggregation had no room for."""

    layout = COUNT

    def difference(self, btf: Btf, number: int) -> str:
        """A count is a count: what is kept is said by the map itself."""
        del btf, number
        return ""


class Single(Aggregation[int, S], Generic[S]):
    """An aggregation without keys."""

    def read(self) -> S:
        """What it holds now, of all CPUs, in one read. NotLoadedError if it is not live."""
        found = self._lookup(ZERO)
        assert found is not None, "an array has all its keys"
        return self._snapshot(found)

    def clear(self) -> None:
        """Start again from nothing.

        What programs add while it is cleared may be lost, or be left in a part of what it holds.
        """
        size = self.value_size * self.backend.cpus
        self.backend.update(ZERO, bytes(size), 0)

    def __str__(self) -> str:
        return str(self.read()) if self.live else repr(self)


class KeyedAggregation(Aggregation[K, S], Counting[K, S], Walked[K, S], Mapping[K, S], Generic[K, S]):
    """An aggregation by key.

    A program that adds for a key which is new makes room for it; where there is none left, the value is dropped, and
    `dropped` counts it.
    """

    def __getitem__(self, key: K) -> S:
        """What was added for `key`, as it was when it was read. KeyError if nothing was."""
        found = self._lookup(self._encode_key(key))
        if found is None:
            raise self._missing(key)
        return self._snapshot(found)

    def __delitem__(self, key: K) -> None:
        """Forget what was added for a key. KeyError if nothing was."""
        if not self.backend.delete(self._encode_key(key)):
            raise self._missing(key)

    @property
    def dropped(self) -> int:
        """How many values programs dropped because there was no room for their key.

        One whose program interrupted another one that was making room is among them. NotLoadedError where no program of
        osmia's that adds to it is loaded, and it was not created.
        """
        return self.losses.value

    def items(self) -> ItemsView[K, S]:
        """Keys with what was added for them, all read at once."""
        from osmia.maps.views import Items

        return Items(self)

    def values(self) -> ValuesView[S]:
        """What was added for each key, all read at once."""
        from osmia.maps.views import Values

        return Values(self)

    def to_dict(self) -> dict[K, S]:
        """All keys with what was added for them: a system call for thousands of them, since Linux 5.6."""
        return dict(self._entries())

    def clear(self) -> None:
        """Forget all keys that it holds now.

        What programs add for a key while it is forgotten may be lost. Where another key has taken its memory since the
        program found it, it may be counted there.
        """
        from osmia.maps import bulk

        bulk.delete(self, b"".join(self._walk()))

    def _entries(self) -> Iterator[tuple[K, S]]:
        from osmia.maps import bulk

        keys, values = bulk.read(self)
        packed = zip(bulk.pieces(keys, self.key_size), bulk.pieces(values, bulk.size_of_values(self)), strict=True)
        decode, snapshot = self._keys.decode, self.value.snapshot
        return ((decode(key), snapshot(value)) for key, value in packed)

    if not TYPE_CHECKING:  # for type checkers it has no such thing

        def __setitem__(self, key: Any, value: Any) -> NoReturn:
            raise TypeError(f"{self.subject}: user code writes nothing into it: kernel code adds to it, m.add(...)")

    def _counter(self) -> Losses:
        return Dropped(self)

    def _top(self, n: int, by: str, measures: tuple[str, ...]) -> list[tuple[K, S]]:
        from osmia.maps.snapshots import ranked

        return ranked(list(self._entries()), n, by, measures)
