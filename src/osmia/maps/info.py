"""What the kernel says of a live map."""

from __future__ import annotations

from osmia.maps.table import kind_of_type
from osmia.record import frozen_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


@frozen_record
class MapInfo:
    """A map as the kernel describes it (struct bpf_map_info, and the fdinfo of its file descriptor)."""

    id: int
    """The number that the kernel knows it by: bpftool map show id N."""
    type: str
    """Its type, as enum bpf_map_type calls it, without the prefix."""
    name: str
    """At most 15 characters."""
    key_size: int
    """In bytes."""
    value_size: int
    """In bytes; of one CPU's value where it is per CPU."""
    max_entries: int
    flags: int
    """BPF_F_*."""
    memlock: int
    """The memory that the kernel holds for it, in bytes; kernels before 6.4 give an estimate."""
    btf_id: int
    """The number of the type information of its key and value; 0 where it has none."""
    frozen: bool
    """Whether user code can no longer write to it."""

    @classmethod
    def of(cls, info: dict[str, Any], charged: dict[str, int]) -> Self:
        """The record of what the kernel gave."""
        kind = kind_of_type(info["type"])
        return cls(
            info["id"],
            kind.kernel_name if kind else str(info["type"]),
            info["name"].rstrip(b"\0").decode("ascii", "replace"),
            info["key_size"],
            info["value_size"],
            info["max_entries"],
            info["map_flags"],
            charged["memlock"],
            info["btf_id"],
            bool(charged["frozen"]),
        )
