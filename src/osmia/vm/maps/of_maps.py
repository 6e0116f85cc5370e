"""Maps of maps: their values are maps of the same machine."""

from __future__ import annotations

import errno

from osmia.abi.generated import BPF_F_INNER_MAP
from osmia.vm.maps import VmMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields


class HashOfMaps(VmMap):
    """BPF_MAP_TYPE_HASH_OF_MAPS. User code writes the number of a map, and reads it; programs get the map."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self.held: dict[bytes, VmMap] = {}

    def address_of(self, key: bytes, cpu: int) -> int:  # noqa: ARG002 - one for all
        """The map of a key, as code names maps; 0 where there is none."""
        found = self.held.get(key)
        return 0 if found is None else found.handle

    def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:
        """The number of the map of a key."""
        self.check_readable("read", key)
        self.check_key(key)
        if flags:
            raise self.error(errno.EINVAL, "read", key)
        found = self.held.get(key)
        return None if found is None else found.number.to_bytes(4, "little")

    def write_value(self, key: bytes, value: bytes, flags: int) -> int:
        """Put the map of a number in."""
        inner = self.machine.maps.get(int.from_bytes(value, "little"))
        if inner is None:
            return -errno.EBADF
        number = self.refused(key, flags)
        if number or not self._fits(inner):
            return number or -errno.EINVAL
        inner.holders.take()
        self._drop(self.held.get(key))
        self.held[key] = inner
        return 0

    def refused(self, key: bytes, flags: int) -> int:
        """Why a key may not be written with these flags: a negative error number, or 0."""
        return self.entry_refused(self.held, key, flags)

    def delete_element(self, key: bytes) -> int:
        """Take a map away."""
        return 0 if self._drop(self.held.pop(key, None)) else -errno.ENOENT

    def all_keys(self) -> Iterable[bytes]:
        """The keys that have a map."""
        return self.held

    def free(self) -> None:
        """Nobody holds it: it holds no maps any more."""
        for inner in self.held.values():
            inner.holders.drop()
        super().free()

    def _drop(self, inner: VmMap | None) -> bool:
        """Hold a map no longer, if there is one."""
        if inner is None:
            return False
        inner.holders.drop()
        return True

    def _fits(self, inner: VmMap) -> bool:
        """Whether a map is like the one that this map was made for."""
        like = self.spec.inner
        if like is None:
            return False
        sized = inner.kind.fixed_keys and not like.flags & BPF_F_INNER_MAP
        same = (like.type, like.key_size, like.value_size, like.flags)
        there = (inner.spec.type, inner.key_size, inner.value_size, inner.flags)
        return same == there and (not sized or like.max_entries == inner.max_entries)


class ArrayOfMaps(HashOfMaps):
    """BPF_MAP_TYPE_ARRAY_OF_MAPS."""

    def refused(self, key: bytes, flags: int) -> int:
        """Why an index may not be written: a negative error number, or 0."""
        if flags:
            return -errno.EINVAL
        return -errno.E2BIG if int.from_bytes(key, "little") >= self.max_entries else 0

    def delete_element(self, key: bytes) -> int:
        """Take a map away."""
        if int.from_bytes(key, "little") >= self.max_entries:
            return -errno.E2BIG
        return super().delete_element(key)

    def all_keys(self) -> Iterable[bytes]:
        """All indices."""
        return self.all_indices()
