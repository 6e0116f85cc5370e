"""Attaching programs of whatever kind to cgroups."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.links.cgroup import CgroupLink
    from osmia.loader.backend import ProgramBackend
    from osmia.maps.cgroup_directory import Cgroup


def attach_to_cgroup(program: ProgramBackend, hook: str, cgroup: Cgroup) -> CgroupLink:
    """Attach a loaded program of a kind that is attached to cgroups."""
    from osmia.links.cgroup import attach_cgroup

    return attach_cgroup(program, cgroup, program.kind.attach_type(hook))
