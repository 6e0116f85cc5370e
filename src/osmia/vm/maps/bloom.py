"""Bloom filters: bits that values set, of which several stand for each."""

from __future__ import annotations

import errno
from hashlib import blake2b

from osmia.maps.bloom import HASHES
from osmia.vm.maps import VmMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields


class BloomFilter(VmMap):
    """BPF_MAP_TYPE_BLOOM_FILTER. As many bits as the kernel takes, which another hash sets."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self._hashes = spec.map_extra or HASHES
        # So many bits for each value and hash that half of them are set once the filter is full: 7/5 is about 1 / ln 2.
        bits = self.max_entries * self._hashes // 5 * 7
        self._mask = (1 << (max(bits, 64) - 1).bit_length()) - 1
        self._set: set[int] = set()

    def push(self, value: bytes, flags: int) -> int:
        """Put a value in."""
        if flags:
            return -errno.EINVAL
        self._set.update(self._bits(value))
        return 0

    def contains(self, value: bytes) -> bool:
        """Whether a value may have been put in."""
        return all(bit in self._set for bit in self._bits(value))

    def write_value(self, key: bytes, value: bytes, flags: int) -> int:  # noqa: ARG002 - it has none
        """Put a value in."""
        return self.push(value, flags)

    def holds(self, value: bytes, /) -> bool:
        """Whether a value may have been put in."""
        self.check_readable("read", None)
        return self.contains(value)

    def _bits(self, value: bytes) -> Iterator[int]:
        for index in range(self._hashes):
            found = blake2b(value, digest_size=8, salt=index.to_bytes(4, "little")).digest()
            yield int.from_bytes(found, "little") & self._mask
