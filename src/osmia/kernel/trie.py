"""Whether a trie holds a prefix: what the kernel looks up may be a shorter one that holds it."""

from __future__ import annotations

import sys

from osmia.kernel.features import kernel_version

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
        return _network(key) in map(_network, _keys(of))
    first = of.next_key(None)
    while True:
        following = of.next_key(key)
        before, first = first, of.next_key(None)
        if before == first:
            return first is not None and following != first


def _network(key: bytes) -> tuple[int, int]:
    """What tells a prefix apart: its length, and as many bits. A program may have written others behind them."""
    length = int.from_bytes(key[:4], sys.byteorder)
    return length, int.from_bytes(key[4:], "big") >> max(8 * (len(key) - 4) - length, 0)


def _keys(of: KernelMap) -> Iterator[bytes]:
    seen: set[bytes] = set()
    key = of.next_key(None)
    while key is not None and key not in seen:
        seen.add(key)
        yield key
        key = of.next_key(key)
