"""Whether a trie holds a prefix: what the kernel looks up may be a shorter one that holds it."""

from __future__ import annotations

import sys

from osmia.kernel.features import kernel_version
from osmia.maps.lpm import network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.kernel.map import KernelMap

EXACT_SINCE = (6, 13)
"""Before, the key after one that is not there may be the one after another of its length."""


def has_prefix(of: KernelMap, key: bytes) -> bool:
    """Whether exactly this prefix is there.

    The key after one that is not there is the first key, which comes after no other.
    """
    if kernel_version() < EXACT_SINCE:
        return _prefix(key) in map(_prefix, _keys(of))
    first = of.next_key(None)
    while True:
        following = of.next_key(key)
        before, first = first, of.next_key(None)
        if before == first:
            return first is not None and following != first


def _prefix(key: bytes) -> tuple[int, bytes]:
    """What tells a prefix apart."""
    length = int.from_bytes(key[:4], sys.byteorder)
    return length, network(key[4:], length)


def _keys(of: KernelMap) -> Iterator[bytes]:
    seen: set[bytes] = set()
    key = of.next_key(None)
    while key is not None and key not in seen:
        seen.add(key)
        yield key
        key = of.next_key(key)
