"""Maps for tests of declarations: created as the loader creates them, without a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from osmia.kernel import bpf
from osmia.kernel.map import KernelMap
from osmia.maps.declaration import Map
from osmia.programs.program import MACHINES
from this_kernel import require_root

if TYPE_CHECKING:
    from osmia import Machine

M = TypeVar("M", bound=Map[Any, Any])


def machine() -> Machine | None:
    """The machine whose block this is in; None for the kernel."""
    return MACHINES[-1] if MACHINES else None


def kernel_map(declaration: Map[Any, Any], inner_map_fd: int = 0) -> KernelMap:
    """A map in the kernel that fits a declaration; one of maps is given what they are like."""
    require_root("creates a map in the kernel")
    fd = bpf.map_create(
        map_type=declaration.kind.type,
        key_size=declaration.key_size,
        value_size=declaration.value_size,
        max_entries=declaration.max_entries,
        flags=declaration.flags,
        name=declaration.name[:15].encode(),
        map_extra=declaration.map_extra,
        inner_map_fd=inner_map_fd,
    )
    per_cpu = declaration.kind.per_cpu
    sizes = declaration.key_size, declaration.value_size
    return KernelMap(fd, *sizes, per_cpu, declaration.max_entries, declaration.name)


def live(declaration: M, inner_map_fd: int = 0) -> M:
    """The declaration, live: in the kernel, or in the machine whose block this is in."""
    if MACHINES:
        declaration.create()
    else:
        declaration.bind(kernel_map(declaration, inner_map_fd))
    return declaration
