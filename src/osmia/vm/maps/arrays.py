"""Arrays: all their values are there from the start."""

from __future__ import annotations

import errno
import mmap

from osmia.abi.generated import BPF_F_MMAPABLE
from osmia.vm.maps import BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST, VmMap
from osmia.vm.memory import READ_ONLY, READY, REDZONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine

GAP = 16
"""Between two values that programs reach by look-ups alone, so that what runs over one is seen."""


class ArrayMap(VmMap):
    """BPF_MAP_TYPE_ARRAY, which global data is too."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind) -> None:
        super().__init__(machine, number, spec, kind)
        mapped = bool(spec.data or spec.flags & BPF_F_MMAPABLE)
        self.stride = self.room if mapped else self.room + GAP
        size = self.stride * self.max_entries
        self._whole = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE if mapped else 0
        state = READ_ONLY if spec.read_only else READY
        self.block = machine.memory.allocate(
            self._whole or size,
            f"section {self.name}" if spec.data else f"values of '{self.name}'",
            state=REDZONE,
            align=mmap.PAGESIZE if mapped else 8,
            describe=None if spec.data else self._describe,
        )
        paint = machine.memory.paint
        if self.stride == self.value_size:
            paint(self.block.address, size, state)
        else:
            for index in range(self.max_entries):
                paint(self.block.address + index * self.stride, self.value_size, state)
        if spec.contents is not None:
            machine.memory.data[self.block.address : self.block.address + len(spec.contents)] = spec.contents
        if spec.read_only:
            self.freeze()

    def address_of(self, key: bytes, cpu: int) -> int:  # noqa: ARG002 - one value for all
        """Where the value of an index lies; 0 outside."""
        index = int.from_bytes(key, "little")
        return self.block.address + index * self.stride if index < self.max_entries else 0

    def update_element(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        """Write a value: 0, or a negative error number."""
        if flags & ~BPF_F_LOCK > BPF_EXIST:
            return -errno.EINVAL
        address = self.address_of(key, cpu)
        if not address:
            return -errno.E2BIG
        if flags & BPF_NOEXIST:
            return -errno.EEXIST
        self.machine.memory.data[address : address + self.value_size] = value
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
        if not self._whole:
            return super().memory()
        return self.machine.memory.data[self.block.address : self.block.address + self._whole]

    def all_keys(self) -> Iterable[bytes]:
        """All indices."""
        return (index.to_bytes(4, "little") for index in range(self.max_entries))

    def next_key(self, key: bytes | None, /) -> bytes | None:
        """The next index, the first one behind what is none."""
        self.check_open()
        index = self.max_entries if key is None else int.from_bytes(key, "little")
        if index >= self.max_entries:
            return bytes(4)
        return (index + 1).to_bytes(4, "little") if index + 1 < self.max_entries else None

    def _describe(self, offset: int) -> tuple[str, int, int]:
        index = offset // self.stride
        return f"value {index} of '{self.name}'", index * self.stride, self.value_size


class PerCpuArrayMap(ArrayMap):
    """BPF_MAP_TYPE_PERCPU_ARRAY: the values of one CPU stand together."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind) -> None:
        super().__init__(machine, number, spec, kind)
        self.blocks = [self.block]
        for _ in range(1, machine.cpus):
            super().__init__(machine, number, spec, kind)
            self.blocks.append(self.block)

    def address_of(self, key: bytes, cpu: int) -> int:
        """Where the value of an index lies for a CPU; 0 outside."""
        index = int.from_bytes(key, "little")
        return self.blocks[cpu].address + index * self.stride if index < self.max_entries else 0
