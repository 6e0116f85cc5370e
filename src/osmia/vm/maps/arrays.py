"""Arrays: all their values are there from the start."""

from __future__ import annotations

import errno
import mmap

from osmia.abi.generated import BPF_F_MMAPABLE, BPF_F_RDONLY, BPF_F_RDONLY_PROG, BPF_F_WRONLY
from osmia.kernel.map_errors import not_mapped
from osmia.vm.maps import BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST, VmMap
from osmia.vm.memory import REDZONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields
    from osmia.vm.memory import Block

_GUARDS = BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_RDONLY_PROG
"""With these the kernel does not let user code map the values to be read and written."""
GAP = 16
"""Between two values that programs reach by look-ups alone, so that what runs over one is seen."""


class ArrayMap(VmMap):
    """BPF_MAP_TYPE_ARRAY, which global data is too."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self.dense = bool(self.flags & BPF_F_MMAPABLE) or spec.data
        self.stride = self.room if self.dense else self.room + GAP
        self.block = self.new_values()
        if spec.contents is not None:
            machine.memory.data[self.block.address : self.block.address + len(spec.contents)] = spec.contents
        if spec.read_only:
            self.freeze()

    def new_values(self) -> Block:
        """Memory for a value of each index."""
        size = self.stride * self.max_entries
        whole = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE if self.dense else size
        block = self.allocate(
            whole,
            state=REDZONE,
            align=mmap.PAGESIZE if self.dense else 8,
            describe=None if self.spec.data else self._describe,
        )
        states = self.shadow_of_value() + bytes([REDZONE]) * (self.stride - self.value_size)
        self.machine.memory.shadow[block.address : block.address + size] = states * self.max_entries
        return block

    def address_of(self, key: bytes, cpu: int) -> int:  # noqa: ARG002 - one value for all
        """Where the value of an index lies; 0 outside."""
        index = int.from_bytes(key, "little")
        return self.block.address + index * self.stride if index < self.max_entries else 0

    def update_element(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        """Write a value, where it lies."""
        address = self.address_of(key, cpu)
        if flags & ~BPF_F_LOCK > BPF_EXIST:
            return -errno.EINVAL
        if not address:
            return -errno.E2BIG
        if flags & BPF_NOEXIST:
            return -errno.EEXIST
        if self.check_flags(flags):
            return -errno.EINVAL
        self.put(address, value)
        return 0

    def delete_element(self, key: bytes) -> int:  # noqa: ARG002 - none can be
        """The entries of an array are always there."""
        return -errno.EINVAL

    def values_address(self) -> int:
        """Where its first value lies."""
        return self.block.address

    def memory(self) -> memoryview:
        """Its values as memory."""
        self.check_open()
        if not self.dense:
            return super().memory()
        if not self.spec.data and self.frozen:
            raise not_mapped(errno.EPERM, self.name)
        if not self.spec.data and self.flags & _GUARDS:
            raise not_mapped(errno.EACCES, self.name)
        return self.mapped(self.block)

    def all_keys(self) -> Iterable[bytes]:
        """All indices."""
        return self.all_indices()

    def next_key(self, key: bytes | None, /) -> bytes | None:
        """The next index, the first one behind what is none."""
        self.check_readable("walk", key)
        index = self.max_entries if key is None else int.from_bytes(key, "little")
        if index >= self.max_entries:
            return bytes(4)
        return (index + 1).to_bytes(4, "little") if index + 1 < self.max_entries else None

    def _describe(self, offset: int) -> tuple[str, int, int]:
        index = offset // self.stride
        return f"value {index} of '{self.name}'", index * self.stride, self.value_size


class PerCpuArrayMap(ArrayMap):
    """BPF_MAP_TYPE_PERCPU_ARRAY: the values of one CPU stand together."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self.blocks = [self.block, *(self.new_values() for _ in range(1, machine.cpus))]

    def address_of(self, key: bytes, cpu: int) -> int:
        """Where the value of an index lies for a CPU; 0 outside."""
        index = int.from_bytes(key, "little")
        return self.blocks[cpu].address + index * self.stride if index < self.max_entries else 0
