"""Bloom filters: sets that may say yes to what was never put in, and never no to what was."""

from __future__ import annotations

from osmia.errors import shortened, shown
from osmia.generic import Generic, TypeVar
from osmia.maps.declaration import Map
from osmia.maps.queue import NO_KEY
from osmia.maps.table import MAP_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

V = TypeVar("V")

HASHES = 5
"""What the kernel takes where map_extra is 0 (bloom_map_alloc in kernel/bpf/bloom_filter.c)."""


class BloomFilter(Map[None, V], Generic[V]):
    """A Bloom filter (BPF_MAP_TYPE_BLOOM_FILTER, since Linux 5.16): what was added is in it for good.

    `value in m` is False for what was never added, and now and then True for it all the same.
    """

    kind = MAP_KINDS["BloomFilter"]

    def __init__(
        self, value: type[V], *, max_entries: int, hashes: int = HASHES, name: str = "", flags: int = 0
    ) -> None:
        """Declare a filter that is made for `max_entries` values, and takes more at the price of more false answers.

        `hashes` is how many bits stand for a value, 1 to 15: with 5, up to 4 of 100 answers are wrong once it is full.
        Its name is the variable's unless `name` says.
        """
        super().__init__(None, value, max_entries=max_entries, name=name, flags=flags)
        if type(hashes) is not int:
            raise TypeError(f"{self.subject}: hashes is an int, not {shown(hashes)}")
        if not 1 <= hashes <= self.kind.extra:
            raise ValueError(f"{self.subject}: hashes is 1 to {self.kind.extra}, not {hashes}")
        self.map_extra = hashes

    @property
    def hashes(self) -> int:
        """How many bits stand for a value."""
        return self.map_extra or HASHES

    def add(self, value: V) -> None:
        """In user code: put a value in."""
        self.backend.update(NO_KEY, self._values.encode(value), 0)

    def update(self, values: Iterable[V]) -> None:
        """In user code: put all of some values in; none if one among them is not taken."""
        from osmia.maps import bulk

        packed = [self._values.encode(value) for value in bulk.sequence(self, values, "values", "update")]
        update = self.backend.update
        for each in packed:
            update(NO_KEY, each, 0)

    def push(self, value: V, flags: int = 0) -> int:  # noqa: ARG002 - kernel code's
        """In kernel code: put a value in; 0, or a negative error number."""
        raise TypeError(f"{self.subject}: push() is for kernel code; in user code write m.add({shortened(value)})")

    def contains(self, value: V) -> bool:
        """In kernel code: whether a value may have been put in. `value in m` is the same, on both sides."""
        raise TypeError(f"{self.subject}: contains() is for kernel code; in user code write {shortened(value)} in m")

    if not TYPE_CHECKING:  # for type checkers there is no such thing

        def __getitem__(self, *_asked: object) -> NoReturn:
            raise TypeError(f"{self.subject}: a BloomFilter does not give values back: ask `value in m`")

        __setitem__ = __delitem__ = __iter__ = __getitem__

    def __contains__(self, value: object) -> bool:
        """Whether a value may have been put in: False is certain."""
        return self.backend.holds(self._values.encode(value))
