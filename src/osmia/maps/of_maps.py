"""Maps whose values are maps: kernel code looks one up and works on it, user code puts maps in."""

from __future__ import annotations

from osmia.abi.generated import BPF_F_INNER_MAP
from osmia.errors import KernelError, NotLoadedError, shortened, shown, with_article
from osmia.generic import Generic, Mapping, TypeVar, overload
from osmia.maps.codec import Bytes
from osmia.maps.declaration import Map, check_place, check_update_flags
from osmia.maps.mapping import Indexed, UserMap
from osmia.maps.table import MAP_KINDS
from osmia.types import u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable, Iterator, ValuesView
    from typing import Any

    import numpy as np

K = TypeVar("K")
M = TypeVar("M", bound="Map[Any, Any]")
D = TypeVar("D")

_RAISE: Any = object()
# What the kernel takes no maps of (bpf_map_meta_alloc in kernel/bpf/map_in_map.c).
NOT_INSIDE = ("ProgramArray", "CgroupStorage", "PerCpuCgroupStorage", "StructOps", "ArrayOfMaps", "HashOfMaps")


class OfMaps(UserMap[K, M], Mapping[K, M], Generic[K, M]):
    """What maps of maps have in common."""

    inner: M

    def _take_inner(self, inner: M) -> None:
        """Take the declaration that all maps in it are like."""
        if not isinstance(inner, Map):
            raise TypeError(f"{self.subject}: inner is a map's declaration, not {shown(inner)}")
        if inner.kind.class_name in NOT_INSIDE:
            raise TypeError(f"{self.subject}: the kernel puts no {inner.kind.class_name} into another map")
        if inner.aggregates:
            raise TypeError(
                f"{self.subject}: {with_article(type(inner).__name__)} does not go into another map: take one by key, "
                "with a @struct of both keys"
            )
        self.inner = inner

    def lookup(self, key: K) -> M | None:
        """In kernel code: the map of a key, on which the operations of its type work; None if there is none."""
        self._kernel_only("lookup", key)

    def __getitem__(self, key: K) -> M:
        """A handle on the map of a key, to be closed like every other. KeyError if there is none.

        The kernel opens maps by their ids only for who has CAP_SYS_ADMIN.
        """
        found = self._lookup(self._encode_key(key))
        held = None if found is None else self._opened(found, key)
        if held is None:
            raise self._missing(key)
        return held

    def __setitem__(self, key: K, inner: M) -> None:
        """Put a map in: one that is live, of the type, sizes and flags of the declaration."""
        self._put(key, inner, 0)

    def __delitem__(self, key: K) -> None:
        """Take the map of a key away. KeyError if there is none."""
        if not self.backend.delete(self._encode_key(key)):
            raise self._missing(key)

    def __iter__(self) -> Iterator[K]:
        return map(self._keys.decode, self._filled())

    def __len__(self) -> int:
        """How many maps it holds: all keys are walked."""
        return sum(1 for _ in self._filled())

    def items(self) -> ItemsView[K, M]:
        """Keys with handles on their maps. A key that goes away while they are walked is left out."""
        from osmia.maps.views import Items

        return Items(self)

    def values(self) -> ValuesView[M]:
        """Handles on the maps. One whose key goes away while they are walked is left out."""
        from osmia.maps.views import Values

        return Values(self)

    @overload
    def pop(self, key: K, /) -> M: ...
    @overload
    def pop(self, key: K, default: D, /) -> M | D: ...
    def pop(self, key: Any, default: Any = _RAISE, /) -> Any:
        """Take a handle on the map of a key, then take the map away; `default`, or a KeyError, if there is none."""
        packed = self._encode_key(key)
        found = self._lookup(packed)
        held = None if found is None else self._opened(found, key)
        if held is not None and self.backend.delete(packed):
            return held
        if default is _RAISE:
            raise self._missing(key)
        return default

    @overload
    def update(self, key: K, inner: M, flags: int = 0, /) -> int: ...
    @overload
    def update(self, items: Mapping[K, M] | Iterable[tuple[K, M]], /) -> int: ...
    def update(self, *arguments: Any) -> int:
        """In user code: put a map in (`flags`: 0 always, 1 if the key is new, 2 if it exists), or all of a mapping.

        Of a mapping or of pairs nothing is put in if a key or a map among them is not taken. Returns 0.
        """
        if len(arguments) == 1:
            pairs = list(self._pairs(arguments[0]))
            self.update_many([key for key, _ in pairs], [inner for _, inner in pairs])
            return 0
        if len(arguments) not in {2, 3}:
            raise self._no_update()
        flags = arguments[2] if len(arguments) == 3 else 0
        self._check_flags(flags)
        self._put(arguments[0], arguments[1], flags)
        return 0

    def update_many(self, keys: Iterable[K] | np.ndarray[Any, Any], values: Iterable[M], flags: int = 0) -> int:
        """Put in many maps, each key's at the same place in `values`; how many there were.

        `flags` as for `update`; other than 0 they take a system call a map. Nothing is put in if a key or a map is not
        taken. Where the kernel refuses one, the KernelError names its key, and those before it are in then. Of a key
        that comes twice the last map stays. Since Linux 5.19 this is a system call for thousands: one at a time, the
        kernel waits for each until no program works on what was there before.
        """
        from osmia.maps import bulk

        self._check_flags(flags)
        packed = bulk.packed_keys(self, keys)
        inners = bulk.sequence(self, values, "maps", "update_many")
        for each in inners:
            self._check(each)
        count = len(packed) // self.key_size
        if count != len(inners):
            raise ValueError(f"{self.subject}: update_many() takes a map for each key, not {count} and {len(inners)}")
        self._write_all(packed, b"".join([each.backend.entry.to_bytes(4, "little") for each in inners]), flags)
        return count

    def delete_many(self, keys: Iterable[K] | np.ndarray[Any, Any]) -> int:
        """Take the maps of keys away, of a sequence or a NumPy array; how many there were.

        Of a hash since Linux 5.19 this is a system call for thousands.
        """
        from osmia.maps import bulk

        return bulk.delete(self, bulk.packed_keys(self, keys, "delete_many"))

    def clear(self) -> None:
        """Take all maps away."""
        from osmia.maps import bulk

        bulk.delete(self, b"".join(self._filled()))

    def _check_flags(self, flags: int) -> None:
        check_update_flags(self.subject, flags)

    def _filled(self) -> Iterator[bytes]:
        """The keys that have a map."""
        return self._walk()

    def _entries(self) -> Iterator[tuple[K, M]]:
        for packed in self._filled():
            key, found = self._keys.decode(packed), self._lookup(packed)
            held = None if found is None else self._opened(found, key)
            if held is not None:
                yield key, held

    def _opened(self, found: bytes, key: object) -> M | None:
        """A handle on a map by what a look-up gives: its id."""
        backend = self.backend.opened(int.from_bytes(found, "little"))
        if backend is None:
            return None
        held = self.inner.handle(backend, f"{self.name}[{key!r}]")
        held.max_entries = backend.max_entries  # with BPF_F_INNER_MAP arrays of all lengths go in
        return held

    def _put(self, key: Any, inner: Any, flags: int) -> None:
        backend, packed = self.backend, self._encode_key(key)
        self._check(inner)
        try:
            backend.update(packed, inner.backend.entry.to_bytes(4, "little"), flags)
        except KernelError as error:
            raise self._named(error, packed) from None

    def _check(self, inner: Any) -> None:
        """Refuse what is no map, or none like the declaration: the kernel would only say EINVAL."""
        if not isinstance(inner, Map):
            raise TypeError(f"{self.subject}: a map is expected, not {shown(inner)}")
        if not inner.live:
            raise NotLoadedError(
                f"{self.subject}: {inner.subject} is not live: create() it, or load() a program that uses it, and it "
                "can go in"
            )
        check_place(self.backend, self.subject, inner.subject, inner.backend.place)
        for what, wanted, there in zip(("type", *LABELS), self._shape(self.inner), self._shape(inner), strict=True):
            if wanted != there:
                raise TypeError(f"{self.subject}: the {what} of {inner.subject} is {there}, expected {wanted}")

    def _shape(self, of: Map[Any, Any]) -> tuple[object, ...]:
        """What the maps in it have in common."""
        plain = any(isinstance(each, Bytes) for m in (self.inner, of) for each in (m.key, m.value))
        sized = self.inner.kind.fixed_keys and not self.inner.flags & BPF_F_INNER_MAP
        return (
            of.kind.class_name,
            of.key_size,
            of.value_size,
            of.max_entries if sized else 0,
            of.flags,
            None if plain else type_name(of.key),
            None if plain else type_name(of.value),
        )

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        inner = self.inner.kind.class_name
        name = self.name or "without a name"
        return f"<{type(self).__name__}({inner}, max_entries={self.max_entries}) {name}, {state}>"


LABELS = ("key size", "value size", "max_entries", "flags", "key", "value")


class ArrayOfMaps(Indexed[M], OfMaps[int, M], Generic[M]):
    """An array of maps (BPF_MAP_TYPE_ARRAY_OF_MAPS, since Linux 4.12). Its keys are the indices that have a map."""

    kind = MAP_KINDS["ArrayOfMaps"]
    inner: M

    def __init__(self, inner: M, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare an array of up to `max_entries` maps like `inner`.

        Its name is the variable's unless `name` says.
        """
        super().__init__(u32, u32, max_entries=max_entries, name=name, flags=flags)
        self._take_inner(inner)

    __iter__ = OfMaps.__iter__
    __len__ = OfMaps.__len__
    __delitem__ = OfMaps.__delitem__

    def _missing(self, key: Any) -> KeyError:
        return KeyError(f"{self.subject}: no map at {shortened(key)}")

    def _check_flags(self, flags: int) -> None:
        super()._check_flags(flags)
        if flags:
            raise ValueError(f"{self.subject}: an array of maps takes no flags, and these are {flags}")

    def _filled(self) -> Iterator[bytes]:
        """The keys that have a map."""
        return (key for key in self._walk() if self._lookup(key) is not None)


class HashOfMaps(OfMaps[K, M], Generic[K, M]):
    """A hash map of maps (BPF_MAP_TYPE_HASH_OF_MAPS, since Linux 4.12)."""

    kind = MAP_KINDS["HashOfMaps"]
    inner: M

    def __init__(self, key: type[K], inner: M, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare a hash map of up to `max_entries` maps like `inner`.

        Its name is the variable's unless `name` says.
        """
        super().__init__(key, u32, max_entries=max_entries, name=name, flags=flags)
        self._take_inner(inner)


def type_name(of: object) -> str:
    """What a type is called in error texts."""
    return getattr(of, "__name__", None) or str(of)
