"""The sizes of maps that the kernel makes: a machine refuses others too, though it could have them.

As Linux 6.18 has them on x86-64: `htab_map_alloc_check` and `htab_map_alloc` (kernel/bpf/hashtab.c),
`array_map_alloc_check`, `queue_stack_map_alloc_check`, `trie_alloc`, `dev_map_init_map`, `cgroup_storage_map_alloc`,
`bpf_local_storage_map_alloc_check` (kernel/bpf), `sock_hash_alloc` (net/core/sock_map.c).
"""

from __future__ import annotations

import errno

from osmia.maps.declaration import LARGEST_PER_CPU

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec

ALLOCATION = 4 << 20
"""The bytes that the kernel gives in one piece (KMALLOC_MAX_SIZE)."""
ELEMENT = 48
"""The bytes before key and value (`struct htab_elem`)."""
TRIE_NODE = 256 + 24
"""The bytes of the longest prefix (LPM_DATA_SIZE_MAX) and before it (`struct lpm_trie_node`)."""
STORAGE = 65535 - 128
"""The bytes of a value of a storage (BPF_LOCAL_STORAGE_MAX_VALUE_SIZE)."""
SOCKET_KEY = 512
"""The bytes of a SOCKHASH's key (MAX_BPF_STACK)."""
BUCKETS = 1 << 27
"""As many buckets of 16 bytes, a power of two of them, are counted in 32 bits."""
DEVICES = 1 << 31
"""The power of two that 32 bits can count."""

_HASHES = {"HASH", "PERCPU_HASH", "LRU_HASH", "LRU_PERCPU_HASH", "HASH_OF_MAPS"}
_STORAGES = {"CGROUP_STORAGE", "SK_STORAGE", "INODE_STORAGE", "TASK_STORAGE", "CGRP_STORAGE"}
_KEYLESS = {"QUEUE", "STACK", "BLOOM_FILTER"}
_DESCRIPTOR, _OR_ITS_ANSWER = (4,), (4, 8)
_VALUES = {
    **dict.fromkeys(("PROG_ARRAY", "PERF_EVENT_ARRAY", "CGROUP_ARRAY", "XSKMAP"), _DESCRIPTOR),
    **dict.fromkeys(("ARRAY_OF_MAPS", "HASH_OF_MAPS"), _DESCRIPTOR),
    **dict.fromkeys(("DEVMAP", "DEVMAP_HASH", "CPUMAP", "SOCKMAP", "SOCKHASH", "REUSEPORT_SOCKARRAY"), _OR_ITS_ANSWER),
    "STACK_TRACE": range(8, 127 * 8 + 1, 8),
}
"""The sizes of values that are not the program's own: a descriptor, or what is read in its place; addresses of code."""


def odd_value(spec: MapSpec, kind: MapKind) -> bool:
    """Whether values are of a size that the kernel has no use for."""
    return spec.value_size not in _VALUES.get(kind.kernel_name, (spec.value_size,))


def too_large(spec: MapSpec, kind: MapKind) -> int:
    """The number of the error that the kernel has for a map that is too large; 0 for others."""
    name, entries, value = kind.kernel_name, spec.max_entries, spec.value_size
    if kind.per_cpu and value > LARGEST_PER_CPU:
        return errno.E2BIG
    if name in _HASHES:
        return errno.E2BIG if entries > BUCKETS or spec.key_size + value >= ALLOCATION - ELEMENT else 0
    if name in _STORAGES:
        return errno.E2BIG if value > STORAGE else 0
    if name in _KEYLESS:
        return errno.E2BIG if value > ALLOCATION else 0
    if name == "SOCKHASH" and spec.key_size > SOCKET_KEY:
        return errno.E2BIG
    most = {"SOCKHASH": entries > BUCKETS, "DEVMAP_HASH": entries > DEVICES, "LPM_TRIE": value > ALLOCATION - TRIE_NODE}
    return errno.EINVAL if most.get(name, False) else 0
