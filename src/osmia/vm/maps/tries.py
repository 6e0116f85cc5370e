"""Tries: a look-up finds the value of the longest prefix that a key begins with."""

from __future__ import annotations

import errno

from osmia.vm.maps.hashes import HashMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields

LENGTH = 4
"""The bytes of a key that say how many bits of the others count."""


class LpmTrie(HashMap):
    """BPF_MAP_TYPE_LPM_TRIE."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self.longest = (spec.key_size - LENGTH) * 8
        self._stored: dict[tuple[int, int], bytes] = {}
        """By length and bits: the key as it was written, whose other bits stay."""

    def address_of(self, key: bytes, cpu: int) -> int:  # noqa: ARG002 - one value for all
        """Where the value of the longest prefix lies; 0 where there is none."""
        length, bits = self._parts(key)
        if length > self.longest:
            return 0
        while length >= 0:
            found = self._stored.get((length, bits))
            if found is not None:
                return self.places[found]
            bits >>= 1
            length -= 1
        return 0

    def update_element(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:  # noqa: ARG002
        """Write the value of a prefix, at a new place."""
        parts = self._parts(key)
        if parts[0] > self.longest:
            return -errno.EINVAL
        there = self._stored.get(parts, key)
        number = self.refused(there, flags)
        if number:
            return number
        place = self.take()
        self.put(place, value)
        if there in self.places:
            self.let_go(self.places.pop(there))
        if key != there or parts not in self._stored:
            self.changes[0] += 1
        self.places[key], self._stored[parts] = place, key
        return 0

    def delete_element(self, key: bytes) -> int:
        """Delete a prefix, and no longer or shorter one."""
        parts = self._parts(key)
        if parts[0] > self.longest:
            return -errno.EINVAL
        stored = self._stored.pop(parts, None)
        return -errno.ENOENT if stored is None else super().delete_element(stored)

    def has_key(self, key: bytes, /) -> bool:
        """Whether exactly this prefix is there."""
        self.check_key(key)
        return self._parts(key) in self._stored

    def all_keys(self) -> Iterable[bytes]:
        """The prefixes, as the kernel gives them: those that lie in one come before it."""
        return [self._stored[parts] for parts in sorted(self._stored, key=_place)]

    def key_after(self, key: bytes | None) -> bytes | None:
        """The prefix after another one, the first one for None or one that is not there; None at the end."""
        return super().key_after(key if key is None else self._stored.get(self._parts(key), key))

    def no_room(self) -> int:
        """Why there is no room for another prefix: a negative error number, or 0."""
        return -errno.ENOSPC if len(self.places) >= self.max_entries else 0

    def _parts(self, key: bytes) -> tuple[int, int]:
        """The length of a prefix, and its bits as a number."""
        length = int.from_bytes(key[:LENGTH], "little")
        return length, int.from_bytes(key[LENGTH:], "big") >> max(self.longest - length, 0)


def _place(parts: tuple[int, int]) -> str:
    """What prefixes are sorted by: a 2 stands behind both bits."""
    length, bits = parts
    return f"{bits:0{length}b}2" if length else "2"
