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


MAP_KINDS: dict[str, MapKind] = {
    row.class_name: row
    for row in (
        MapKind(bpf.BPF_MAP_TYPE_HASH, "HASH", "HashMap", False, False, ("lookup", "update", "delete"), (3, 19)),
        MapKind(bpf.BPF_MAP_TYPE_ARRAY, "ARRAY", "Array", False, True, ("lookup", "update"), (3, 19)),
        MapKind(bpf.BPF_MAP_TYPE_PERCPU_ARRAY, "PERCPU_ARRAY", "PerCpuArray", True, True, ("lookup", "update"), (4, 6)),
    )
}
BY_TYPE: dict[int, MapKind] = {row.type: row for row in MAP_KINDS.values()}
