"""The maps of a machine. Here: what all of them are, on the program's side and on user code's."""

from __future__ import annotations

import errno

from osmia.errors import KernelError, NotLoadedError, ObjectError
from osmia.kernel.map_errors import map_error, not_mapped
from osmia.maps.table import kind_of_type
from osmia.vm.memory import HIDDEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    from osmia.btf.read import Btf
    from osmia.maps.backend import Buffer, PerfBuffers, RingMemory
    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.program import VmProgram

    T = TypeVar("T")

BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK = 0, 1, 2, 4
_CLASSES = {
    "HASH": ("hashes", "HashMap"),
    "PERCPU_HASH": ("hashes", "PerCpuHashMap"),
    "ARRAY": ("arrays", "ArrayMap"),
    "PERCPU_ARRAY": ("arrays", "PerCpuArrayMap"),
    "PROG_ARRAY": ("programs", "ProgramArray"),
}
"""By the kernel's name of the type: the module and the class."""


class VmMap:
    """A map of a machine: a `maps.backend.MapBackend` for user code, and what helpers call for programs.

    What programs are given of it are addresses in the machine's memory.
    """

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind) -> None:
        """Make it empty; `spec` has the sizes that the kernel would take."""
        self.machine = machine
        self.kind = kind
        self.spec = spec
        self.name = spec.name
        self.key_size = spec.key_size
        self.value_size = spec.value_size
        """In bytes; of one CPU's value where the map is per CPU."""
        self.max_entries = spec.max_entries
        self.flags = spec.flags
        self.number = number
        self.room = (spec.value_size + 7) & ~7
        """What a value takes, rounded as the kernel does."""
        self.btf: Btf | None = None
        """What its types are found in; None where the object says nothing of them."""
        self.frozen = False
        self._closed = False
        # What stands for the map in code: an address that nothing can be read from.
        self.handle = machine.memory.allocate(8, f"map '{self.name}'", state=HIDDEN).address

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} of a machine, {'closed' if self._closed else 'live'}>"

    # What programs call

    def address_of(self, key: bytes, cpu: int) -> int:  # noqa: ARG002 - of maps that have values
        """Where the value of a key lies for a CPU; 0 where it is not there."""
        return 0

    def update_element(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:  # noqa: ARG002
        """Write a value, of that CPU where the map is per CPU: 0, or a negative error number."""
        return -errno.EINVAL

    def delete_element(self, key: bytes) -> int:  # noqa: ARG002 - of maps whose keys go
        """Delete a key: 0, or a negative error number."""
        return -errno.EINVAL

    def values_address(self) -> int:
        """Where the values of a map begin that code reads directly: global data. ObjectError for all others."""
        raise ObjectError(f"map '{self.name}' ({self.kind.kernel_name}) has no values whose address code could hold")

    def program_at(self, index: int) -> VmProgram | None:  # noqa: ARG002 - of arrays of programs
        """The program that a tail call goes to; None where there is none."""
        return None

    # What the backend of a map has (`maps.backend.MapBackend`)

    @property
    def fd(self) -> int:
        """Its number in the machine, which entries of maps of maps hold; no file descriptor."""
        self.check_open()
        return self.number

    @property
    def cpus(self) -> int:
        """How many values a per-CPU map has for a key."""
        return self.machine.cpus

    @property
    def cpu_numbers(self) -> tuple[int, ...]:
        """The numbers of the machine's CPUs."""
        return tuple(range(self.machine.cpus))

    @property
    def bytes_of_value(self) -> int:
        """The bytes of what user code reads for a key: one value for each CPU where it is per CPU."""
        return self.room * self.machine.cpus if self.kind.per_cpu else self.value_size

    def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:  # noqa: ARG002 - no other thread is inside
        """The value of `key` (of a per-CPU map: one for each CPU, each padded to 8 bytes), or None."""
        self.check_key(key)
        if not self.kind.per_cpu:
            return self._value_at(self.address_of(key, 0), self.value_size)
        found = [self._value_at(self.address_of(key, cpu), self.room) for cpu in range(self.machine.cpus)]
        return b"".join(each for each in found if each is not None) if found[0] is not None else None

    def reader(
        self,
        pack: Callable[[Any], bytes],
        unpack: Callable[[bytes], tuple[Any, ...]],
        make: Callable[[Any], T],
        indices: bool = False,  # noqa: ARG002 - makes no difference here
        /,
    ) -> Callable[[Any], T | None]:
        """A function from a key to `make(unpack(value))`, or None."""

        def read(key: Any) -> T | None:
            found = self.lookup(pack(key))
            return None if found is None else make(unpack(found))

        return read

    def update(self, key: bytes, value: bytes, flags: int = 0, /) -> None:
        """Write a value; `flags` as BPF_MAP_UPDATE_ELEM takes them."""
        self.check_writable("write", key)
        self.check_key(key)
        if len(value) != self.bytes_of_value:
            size = self.bytes_of_value
            raise ValueError(f"map '{self.name}' takes values of {size} bytes, and this one has {len(value)}")
        with self.machine.lock:
            number = self.write_value(key, value, flags)
        if number:
            raise self.error(-number, "write", key)

    def write_value(self, key: bytes, value: bytes, flags: int) -> int:
        """Write what user code gives: 0, or a negative error number."""
        if not self.kind.per_cpu:
            return self.update_element(key, value, flags, 0)
        for cpu in range(self.machine.cpus):
            of_cpu = value[cpu * self.room :][: self.value_size]
            number = self.update_element(key, of_cpu, flags if cpu == 0 else 0, cpu)
            if number:
                return number
        return 0

    def lookup_and_delete(self, key: bytes, /) -> bytes | None:
        """Take the value of a key out; None if there is none."""
        return self.pop(key)

    def holds(self, value: bytes, /) -> bool:  # noqa: ARG002 - a Bloom filter's
        """Whether a Bloom filter may have been given a value."""
        raise self.error(errno.EOPNOTSUPP, "read", None)

    def has_key(self, key: bytes, /) -> bool:
        """Whether a key is there."""
        return self.lookup(key) is not None

    def opened(self, number: int, /) -> VmMap | None:
        """Another map, by its number; None if it is gone."""
        return self.machine.maps.get(number)

    def delete(self, key: bytes, /) -> bool:
        """Delete a key; False if it was not there."""
        self.check_writable("delete", key)
        self.check_key(key)
        with self.machine.lock:
            number = self.delete_element(key)
        if number == -errno.ENOENT:
            return False
        if number:
            raise self.error(-number, "delete", key)
        return True

    def pop(self, key: bytes, flags: int = 0, /) -> bytes | None:
        """Delete a key and give its value, None if it was not there."""
        with self.machine.lock:
            value = self.lookup(key, flags)
            return value if value is not None and self.delete(key) else None

    def read_all(self, delete: bool = False, flags: int = 0, /) -> tuple[Buffer, Buffer] | None:
        """All keys and all values, which with `delete` are taken out. None where the type has no batches for that."""
        if ("lookup_and_delete" if delete else "lookup") not in self.kind.batch:
            return None
        with self.machine.lock:
            keys = [*self.all_keys()]
            values = [(self.pop if delete else self.lookup)(key, flags) or b"" for key in keys]
        return memoryview(b"".join(keys)), memoryview(b"".join(values))

    def update_all(self, keys: Buffer, values: Buffer, flags: int, /) -> bool:
        """Write many entries. False where the type has no batches for that, and nothing was written."""
        if "update" not in self.kind.batch:
            return False
        with self.machine.lock:
            entries = zip(self._split(keys, self.key_size), self._split(values, self.bytes_of_value), strict=True)
            for key, value in entries:
                try:
                    self.update(key, value, flags)
                except KernelError as error:
                    error.key = key
                    raise
        return True

    def delete_all(self, keys: Buffer, /) -> int | None:
        """Delete keys: how many were there. None where the type has no batches for that, and nothing was deleted."""
        if "delete" not in self.kind.batch:
            return None
        with self.machine.lock:
            return sum(self.delete(key) for key in self._split(keys, self.key_size))

    def next_key(self, key: bytes | None, /) -> bytes | None:
        """The key after `key`, the first one for None or one that is not there; None at the end."""
        if key is not None:
            self.check_key(key)
        with self.machine.lock:
            keys = [*self.all_keys()]
        if key not in keys:
            return keys[0] if keys else None
        place = keys.index(key) + 1
        return keys[place] if place < len(keys) else None

    def all_keys(self) -> Iterable[bytes]:
        """The keys that are there, in their order. KernelError for maps that cannot be walked over."""
        raise self.error(errno.EOPNOTSUPP, "walk", None)

    def memory(self) -> memoryview:
        """The values of an array that was made with BPF_F_MMAPABLE, as memory."""
        self.check_open()
        raise not_mapped(errno.EINVAL, self.name)

    def ring(self, written: bool = False, /) -> RingMemory:  # noqa: ARG002 - a ring buffer's
        """The memory of a ring buffer."""
        raise self.error(errno.EOPNOTSUPP, "read", None)

    def perf_buffers(self, pages: int, wakeup_events: int, /) -> PerfBuffers | None:  # noqa: ARG002
        """The buffers of an array of perf events."""
        raise self.error(errno.EOPNOTSUPP, "read", None)

    def own_perf_events(self) -> bool:
        """User code sets no perf events here."""
        return True

    def freeze(self) -> None:
        """From now on user code cannot write to it."""
        self.frozen = True

    def pin(self, path: str, /) -> None:
        """There is no BPF file system here: KernelError."""
        raise self._not_in_kernel(f"cannot be pinned at {path}")

    def unpin(self, path: str, /) -> None:
        """There is no BPF file system here: KernelError."""
        raise self._not_in_kernel(f"is not pinned at {path}")

    def info(self) -> dict[str, Any]:
        """What the kernel would say of it."""
        self.check_open()
        return {
            "type": self.kind.type,
            "id": self.number,
            "key_size": self.key_size,
            "value_size": self.value_size,
            "max_entries": self.max_entries,
            "map_flags": self.flags | self.kind.kernel_flags,
            "name": self.name.encode()[:15],
            "ifindex": 0,
            "btf_vmlinux_value_type_id": 0,
            "netns_dev": 0,
            "netns_ino": 0,
            "btf_id": 0,
            "btf_key_type_id": 0,
            "btf_value_type_id": 0,
            "map_extra": self.spec.map_extra,
        }

    def charged(self) -> dict[str, int]:
        """What it takes of memory: what the kernel would count is not known here."""
        return {}

    def close(self) -> None:
        """User code lets go of it; programs that use it keep it."""
        self._closed = True

    # For the classes of types

    def check_open(self) -> None:
        """NotLoadedError if it is closed."""
        if self._closed:
            raise NotLoadedError(f"map '{self.name}' is closed: load the program that uses it again")

    def check_key(self, key: bytes) -> None:
        """Refuse a key of another size, and any where the map is closed."""
        self.check_open()
        if len(key) != self.key_size:
            raise ValueError(f"map '{self.name}' has keys of {self.key_size} bytes, and this one has {len(key)}")

    def check_writable(self, doing: str, key: bytes | None) -> None:
        """Refuse to write to a map that is frozen."""
        self.check_open()
        if self.frozen:
            raise self.error(errno.EPERM, doing, key)

    def error(self, number: int, doing: str, key: bytes | None) -> KernelError:
        """The error that the kernel would give."""
        return map_error(number, self.name, self.max_entries, doing, key)

    def _value_at(self, address: int, size: int) -> bytes | None:
        return self.machine.memory.read(address, size) if address else None

    @staticmethod
    def _split(data: Buffer, size: int) -> list[bytes]:
        return [bytes(data[at : at + size]) for at in range(0, len(data), size)]

    def _not_in_kernel(self, what: str) -> KernelError:
        self.check_open()
        return KernelError(errno.EOPNOTSUPP, f"map '{self.name}' {what}: it is one of the user-space runtime")


def create_map(machine: Machine, number: int, spec: MapSpec) -> VmMap:
    """Make a map and fill it. ObjectError for a type that the runtime does not have."""
    kind = kind_of_type(spec.type)
    if kind is None:
        raise ObjectError(f"map '{spec.name}' is of type {spec.type} (BPF_MAP_TYPE_*), which osmia does not know")
    found = _CLASSES.get(kind.kernel_name)
    if found is None:
        raise ObjectError(f"map '{spec.name}' is of type {kind.kernel_name}: the user-space runtime has no such maps")
    module, name = found
    of: type[VmMap] = getattr(__import__(f"osmia.vm.maps.{module}", fromlist=[name]), name)
    return of(machine, number, spec, kind)
