"""What `-v` says: the kernel, the object, and what of it is in the kernel."""

from __future__ import annotations

import os

from osmia.cli.output import note
from osmia.kernel import attributes, bpf
from osmia.kernel.cpus import online_cpus, possible_cpus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.programs.loaded import Loaded

# What max_entries says of a map, by what it counts.
ROOM = {"count": ", {} entries at most", "bytes": ", {} bytes", "pages": ", {} pages at most", "none": ""}


def describe(source: str, loaded: Loaded) -> None:
    """Note what was loaded from `source`."""
    note(f"kernel {os.uname().release}, {len(possible_cpus())} possible CPUs, {len(online_cpus())} online")
    note(f"loaded {source}, license {loaded.license}")
    for program in loaded.programs.values():
        info = bpf.obj_get_info(program.fd, attributes.PROG_INFO)
        note(
            f"program {program.name}: {program.kind.name}, id {info['id']}, tag {info['tag'].hex()}, "
            f"{info['xlated_prog_len'] // 8} instructions"
        )
    for name, value in loaded.settings.items():
        note(f"setting {name}: {value}")
    for held in loaded.maps.values():
        note(f"map {held.name}: {held.kind.kernel_name}{ROOM[held.kind.entries].format(held.max_entries)}")
