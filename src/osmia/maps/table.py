"""The table of map types: one row says everything that depends on the type."""

from __future__ import annotations

from osmia.abi import generated as bpf
from osmia.record import record


@record
class MapKind:
    """A type of map."""

    type: int
    """BPF_MAP_TYPE_*."""
    kernel_name: str
    """Its name in enum bpf_map_type, without the prefix."""
    class_name: str
    per_cpu: bool
    """Whether user code sees one value per possible CPU."""
    fixed_keys: bool
    """Whether its keys are the indices 0 to max_entries - 1, always present (an array)."""
    kernel_operations: tuple[str, ...]
    """What kernel code may call on it."""
    since: tuple[int, int]
    """The first kernel that has it."""
    spin_locks: bool = False
    """Whether its values may hold a spin lock."""


_KEYED = ("lookup", "lookup_or_init", "update", "delete", "for_each")
_INDEXED = ("lookup", "lookup_or_init", "update", "for_each")
_WRITTEN = ("reserve", "discard", "output")

MAP_KINDS: dict[str, MapKind] = {
    row.class_name: row
    for row in (
        MapKind(bpf.BPF_MAP_TYPE_HASH, "HASH", "HashMap", False, False, _KEYED, (3, 19), spin_locks=True),
        MapKind(bpf.BPF_MAP_TYPE_ARRAY, "ARRAY", "Array", False, True, _INDEXED, (3, 19), spin_locks=True),
        MapKind(bpf.BPF_MAP_TYPE_PROG_ARRAY, "PROG_ARRAY", "ProgramArray", False, False, ("tail_call",), (4, 2)),
        MapKind(bpf.BPF_MAP_TYPE_PERCPU_HASH, "PERCPU_HASH", "PerCpuHashMap", True, False, _KEYED, (4, 6)),
        MapKind(bpf.BPF_MAP_TYPE_PERCPU_ARRAY, "PERCPU_ARRAY", "PerCpuArray", True, True, _INDEXED, (4, 6)),
        MapKind(bpf.BPF_MAP_TYPE_LRU_HASH, "LRU_HASH", "LruHashMap", False, False, _KEYED, (4, 10)),
        MapKind(bpf.BPF_MAP_TYPE_RINGBUF, "RINGBUF", "RingBuf", False, False, _WRITTEN, (5, 8)),
    )
}
BY_TYPE: dict[int, MapKind] = {row.type: row for row in MAP_KINDS.values()}
