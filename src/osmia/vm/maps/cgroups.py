"""Maps of cgroups: an array of them, and storage that each of them has."""

from __future__ import annotations

import errno
import os

from osmia.vm.maps import BPF_NOEXIST, VmMap
from osmia.vm.maps.hashes import HashMap, PerCpuHashMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.execution import Execution
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields

_KEY_SIZE = 16
"""Of struct bpf_cgroup_storage_key: the cgroup's id, and what it is attached by."""


class CgroupArray(VmMap):
    """BPF_MAP_TYPE_CGROUP_ARRAY. Any directory stands for the cgroup whose id is its inode number."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self._ids: dict[int, int] = {}

    def under(self, index: int, ids: Iterable[int]) -> int:
        """Whether the cgroup at an index is among some: 1 or 0, or a negative error number."""
        if index >= self.max_entries:
            return -errno.E2BIG
        return int(self._ids[index] in ids) if index in self._ids else -errno.EAGAIN

    def write_value(self, key: bytes, value: bytes, flags: int) -> int:
        """Set the cgroup of an open directory."""
        index = int.from_bytes(key, "little")
        if flags:
            return -errno.EINVAL
        if index >= self.max_entries:
            return -errno.E2BIG
        try:
            self._ids[index] = os.fstat(int.from_bytes(value, "little")).st_ino
        except OSError:
            return -errno.EBADF
        return 0

    def delete_element(self, key: bytes) -> int:
        """Take a cgroup away."""
        index = int.from_bytes(key, "little")
        if index >= self.max_entries:
            return -errno.E2BIG
        return 0 if self._ids.pop(index, None) is not None else -errno.ENOENT


class CgroupStorage(HashMap):
    """BPF_MAP_TYPE_CGROUP_STORAGE: a program's first look makes the value of its cgroup."""

    def local(self, run: Execution) -> int:
        """Where the value of the cgroup lies that a program runs for."""
        return self.address_of(made(self, run), run.machine.cpu)

    def refused(self, key: bytes, flags: int) -> int:
        """Why a key may not be written: user code makes none."""
        return refused(self, key, flags)

    def delete_element(self, key: bytes) -> int:  # noqa: ARG002 - the kernel's own are deleted by it
        """None is deleted by user code."""
        return -errno.EINVAL


class PerCpuCgroupStorage(PerCpuHashMap):
    """BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE."""

    def local(self, run: Execution) -> int:
        """Where the value of the cgroup lies that a program runs for, and of its CPU."""
        return self.address_of(made(self, run), run.machine.cpu)

    def refused(self, key: bytes, flags: int) -> int:
        """Why a key may not be written: user code makes none."""
        return refused(self, key, flags)

    def delete_element(self, key: bytes) -> int:  # noqa: ARG002 - the kernel's own are deleted by it
        """None is deleted by user code."""
        return -errno.EINVAL


def made(of: HashMap, run: Execution) -> bytes:
    """The key of the cgroup that a program runs for, which has a value from then on."""
    kind = run.program.kind
    key = run.machine.task.cgroup_id.to_bytes(8, "little")
    if of.key_size == _KEY_SIZE:
        key += kind.attach_types.get(kind.hook(run.program.section) or "", 0).to_bytes(8, "little")
    if key not in of.places:
        of.places[key] = of.take()
        of.changes[0] += 1
    return key


def refused(of: HashMap, key: bytes, flags: int) -> int:
    """Why a key may not be written: user code makes none."""
    if of.check_flags(flags) or flags & BPF_NOEXIST:
        return -errno.EINVAL
    return 0 if key in of.places else -errno.ENOENT
