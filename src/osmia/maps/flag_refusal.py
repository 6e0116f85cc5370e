"""Which flags a map cannot be declared with, and who takes them: imported where there is something to look at."""

from __future__ import annotations

from osmia.abi import generated as bpf
from osmia.errors import with_article
from osmia.maps.table import MAP_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.maps.table import MapKind

NAMES = {
    getattr(bpf, name): name
    for name in (
        "BPF_F_NO_PREALLOC",
        "BPF_F_NO_COMMON_LRU",
        "BPF_F_NUMA_NODE",
        "BPF_F_RDONLY",
        "BPF_F_WRONLY",
        "BPF_F_STACK_BUILD_ID",
        "BPF_F_ZERO_SEED",
        "BPF_F_RDONLY_PROG",
        "BPF_F_WRONLY_PROG",
        "BPF_F_CLONE",
        "BPF_F_MMAPABLE",
        "BPF_F_PRESERVE_ELEMS",
        "BPF_F_INNER_MAP",
        "BPF_F_LINK",
        "BPF_F_VTYPE_BTF_OBJ_FD",
        "BPF_F_SEGV_ON_FAULT",
        "BPF_F_NO_USER_CONV",
    )
}
OPPOSITES = ((bpf.BPF_F_RDONLY, bpf.BPF_F_WRONLY), (bpf.BPF_F_RDONLY_PROG, bpf.BPF_F_WRONLY_PROG))


def check_flags(subject: str, kind: MapKind, flags: int) -> None:
    """Raise ValueError for a flag that the type does not take, and for two that contradict each other."""
    for place in range(32):
        flag = 1 << place
        if flags & flag & ~kind.flags:
            takers = [row.class_name for row in MAP_KINDS.values() if row.flags & flag]
            whose = f"is for {', '.join(takers)}" if takers else "is none that osmia's maps take"
            raise ValueError(
                f"{subject}: the flag {_name(flag)} {whose}; {with_article(kind.class_name)} takes {names(kind.flags)}"
            )
    for one, other in OPPOSITES:
        if flags & one and flags & other:
            raise ValueError(
                f"{subject}: the flags {_name(one)} and {_name(other)} contradict each other: give one, or neither"
            )


def names(flags: int) -> str:
    """The names of flags, in words."""
    return ", ".join(_name(1 << place) for place in range(32) if flags >> place & 1) or "none"


def _name(flag: int) -> str:
    return NAMES.get(flag, f"{flag:#x}")
