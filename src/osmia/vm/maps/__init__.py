"""The maps of a machine. Here: what all of them are, on the program's side and on user code's."""

from __future__ import annotations

import errno
import mmap

from osmia.abi.generated import (
    BPF_F_RDONLY,
    BPF_F_RDONLY_PROG,
    BPF_F_WRONLY,
    BPF_F_WRONLY_PROG,
    BPF_MAP_TYPE_PERF_EVENT_ARRAY,
)
from osmia.errors import ENOTSUPP, KernelError, NotLoadedError, ObjectError, VmError
from osmia.kernel.bpf import kernel_name
from osmia.kernel.map_errors import map_error, not_frozen, not_mapped
from osmia.loader.maps import REFUSED_SIZES, flags_of
from osmia.maps.table import kind_of_type
from osmia.vm.holding import Holders
from osmia.vm.maps.accuracy import ACCURACY, REFUSED
from osmia.vm.maps.fields import SIZES
from osmia.vm.maps.limits import odd_value, too_large
from osmia.vm.memory import GUARDED, HIDDEN, READ_ONLY, READY, WRITE_ONLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import Any, TypeVar
    from weakref import finalize

    from osmia.btf.read import Btf
    from osmia.maps.backend import Buffer, PerfBuffers, RingMemory
    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields
    from osmia.vm.memory import Block
    from osmia.vm.program import VmProgram

    T = TypeVar("T")
    Describe = Callable[[int], tuple[str, int, int]]

BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK = 0, 1, 2, 4
_CLASSES = {
    "HASH": ("hashes", "HashMap"),
    "ARRAY": ("arrays", "ArrayMap"),
    "PROG_ARRAY": ("programs", "ProgramArray"),
    "PERF_EVENT_ARRAY": ("perf", "PerfEventArray"),
    "PERCPU_HASH": ("hashes", "PerCpuHashMap"),
    "PERCPU_ARRAY": ("arrays", "PerCpuArrayMap"),
    "STACK_TRACE": ("stacks", "StackTraceMap"),
    "CGROUP_ARRAY": ("cgroups", "CgroupArray"),
    "LRU_HASH": ("lru", "LruHashMap"),
    "LRU_PERCPU_HASH": ("lru", "LruPerCpuHashMap"),
    "LPM_TRIE": ("tries", "LpmTrie"),
    "ARRAY_OF_MAPS": ("of_maps", "ArrayOfMaps"),
    "HASH_OF_MAPS": ("of_maps", "HashOfMaps"),
    "DEVMAP": ("recorded", "IndexedEntries"),
    "SOCKMAP": ("sockets", "IndexedSockets"),
    "CPUMAP": ("recorded", "IndexedEntries"),
    "XSKMAP": ("recorded", "XskMap"),
    "SOCKHASH": ("sockets", "SocketHash"),
    "CGROUP_STORAGE": ("cgroups", "CgroupStorage"),
    "REUSEPORT_SOCKARRAY": ("sockets", "IndexedSockets"),
    "PERCPU_CGROUP_STORAGE": ("cgroups", "PerCpuCgroupStorage"),
    "QUEUE": ("queues", "Queue"),
    "STACK": ("queues", "Stack"),
    "SK_STORAGE": ("storage", "Storage"),
    "DEVMAP_HASH": ("recorded", "Entries"),
    "RINGBUF": ("rings", "RingBuf"),
    "INODE_STORAGE": ("storage", "Storage"),
    "TASK_STORAGE": ("storage", "Storage"),
    "BLOOM_FILTER": ("bloom", "BloomFilter"),
    "USER_RINGBUF": ("rings", "UserRingBuf"),
    "CGRP_STORAGE": ("storage", "Storage"),
    "ARENA": ("arena", "Arena"),
}
"""By the kernel's name of the type: the module and the class."""


class VmMap:
    """A map of a machine: a `maps.backend.MapBackend` for user code, and what helpers call for programs.

    What programs are given of it are addresses in the machine's memory.
    """

    takes_objects = False
    """Whether programs write an object of the kernel's, by its address."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        """Make it empty; `spec` has the sizes that the kernel would take."""
        self.machine = machine
        self.kind = kind
        self.spec = spec
        self.name = spec.name
        self.key_size = spec.key_size
        self.value_size = spec.value_size
        """In bytes; of one CPU's value where the map is per CPU."""
        self.max_entries = _entries(machine, spec)
        self.flags = flags_of(spec)
        self.fields = fields
        """The locks and timers in a value."""
        self.number = number
        self.room = (spec.value_size + 7) & ~7
        """What a value takes, rounded as the kernel does."""
        self.btf: Btf | None = None
        """What its types are found in; None where the object says nothing of them."""
        self.state = READY
        """What programs may do with values."""
        if self.flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG):
            self.state = READ_ONLY if self.flags & BPF_F_RDONLY_PROG else WRITE_ONLY
        self.marks: set[str] = set()
        """`frozen`, once it is. What changes lies in such objects, which all handles of a map share."""
        self.lent: set[int] = set()
        """Its memory that user code has, each piece by its identity."""
        self.holders = Holders(machine.let_go, self.without_user)
        """Who holds it: all its handles share that."""
        self.holders.when_free(self.free)
        self._closed = False
        self._lost: finalize[[Callable[[], None]], VmMap] | None = None
        """Of a handle that may be lost without being closed: what closes it then."""
        self._blocks: list[Block] = []
        # What stands for the map in code: an address that nothing can be read from.
        self.handle = self.own(machine.memory.allocate(8, f"map '{self.name}'", state=HIDDEN)).address

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} of a machine, {'closed' if self._closed else 'live'}>"

    @property
    def frozen(self) -> bool:
        """Whether user code cannot write to it any more."""
        return "frozen" in self.marks

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

    def percpu_address_of(self, key: bytes, cpu: int) -> int:
        """The same for a CPU by its number; 0 where there is no such CPU."""
        return self.address_of(key, cpu) if self.kind.per_cpu and cpu < self.machine.cpus else 0

    def put_object(self, key: bytes, address: int, flags: int) -> int:  # noqa: ARG002 - of maps that take objects
        """Write an object of the kernel's, by its address: 0, or a negative error number."""
        return -errno.EINVAL

    def push(self, value: bytes, flags: int) -> int:  # noqa: ARG002 - of queues, stacks and filters
        """Put a value in: 0, or a negative error number."""
        return -errno.EINVAL

    def take_out(self) -> bytes | None:
        """Take the next value of a queue or a stack; None where there is none."""
        return None

    def next_value(self) -> bytes | None:
        """The next value of a queue or a stack, which stays; None where there is none."""
        return None

    def values_address(self) -> int:
        """Where the values of a map begin that code reads directly: global data. ObjectError for all others."""
        raise ObjectError(f"map '{self.name}' ({self.kind.kernel_name}) has no values whose address code could hold")

    def program_at(self, index: int) -> VmProgram | None:  # noqa: ARG002 - of arrays of programs
        """The program that a tail call goes to; None where there is none."""
        return None

    # What the backend of a map has (`maps.backend.MapBackend`)

    @property
    def fd(self) -> int:
        """There is no file descriptor: VmError."""
        self.check_open()
        raise VmError(f"map '{self.name}' has no file descriptor: it is one of the user-space runtime")

    @property
    def entry(self) -> int:
        """What stands for it in the entries of maps: its number in the machine."""
        self.check_open()
        return self.number

    @property
    def place(self) -> object:
        """Where it is."""
        return self.machine

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

    def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:
        """The value of `key` (of a per-CPU map: one for each CPU, each padded to 8 bytes), or None."""
        self.check_readable("read", key)
        self.check_key(key)
        if flags & ~BPF_F_LOCK or (flags and not self.fields.locked):
            raise self.error(errno.EINVAL, "read", key)
        if not self.kind.per_cpu:
            return self.value_at(self.address_for_user(key, 0), self.value_size)
        found = [self.value_at(self.address_for_user(key, cpu), self.room) for cpu in range(self.machine.cpus)]
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

    @property
    def own_objects(self) -> bool:
        """Values hang on objects of the machine, where they do."""
        return True

    def object_key(self, given: Any, /) -> bytes | None:  # noqa: ARG002 - of maps whose values hang on objects
        """The key of an object that user code names."""
        return None

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
        """A handle of another map, by its number; None if it is gone."""
        found = self.machine.maps.get(number)
        return None if found is None else found.handle_of()

    def handle_of(self) -> VmMap:
        """Another handle of the same map, which is closed by itself."""
        from weakref import finalize

        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        twin._closed = False
        self.holders.take_handle()
        twin._lost = finalize(twin, self.machine.lost, self.holders.handle_closed)
        twin._lost.atexit = False
        return twin

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
        self.check_readable("delete", key)
        self.check_writable("delete", key)
        with self.machine.lock:
            value = self.lookup(key, flags)
            return value if value is not None and self.delete(key) else None

    def read_all(self, delete: bool = False, flags: int = 0, /) -> tuple[Buffer, Buffer] | None:
        """All keys and all values, which with `delete` are taken out. None where the type has no batches for that."""
        if ("lookup_and_delete" if delete else "lookup") not in self.kind.batch:
            return None
        self.check_readable("read", None)
        if delete:
            self.check_writable("read", None)
        with self.machine.lock:
            take = self.pop if delete else self.lookup
            # An array of maps has indices without a map: the kernel passes over them too.
            found = [(key, value) for key in [*self.all_keys()] if (value := take(key, flags)) is not None]
        return bytearray().join(key for key, _ in found), bytearray().join(value for _, value in found)

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
            return sum(map(self._delete_of_many, self._split(keys, self.key_size)))

    def _delete_of_many(self, key: bytes) -> bool:
        """The same as `delete()`, whose error says which key it is about."""
        try:
            return self.delete(key)
        except KernelError as error:
            error.key = key
            raise

    def next_key(self, key: bytes | None, /) -> bytes | None:
        """The key after `key`, the first one for None or one that is not there; None at the end."""
        self.check_readable("walk", key)
        if key is not None:
            self.check_key(key)
        with self.machine.lock:
            return self.key_after(key)

    def key_after(self, key: bytes | None) -> bytes | None:
        """The same, by the keys as they are now."""
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
        self.check_open()
        number = ENOTSUPP if self.fields.of else 0
        if self.frozen or self.flags & BPF_F_RDONLY:
            number = number or errno.EPERM
        if self.lent:
            number = number or errno.EBUSY
        if number:
            raise not_frozen(number, self.name)
        self.marks.add("frozen")

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
            "map_flags": self.flags & ~(BPF_F_RDONLY | BPF_F_WRONLY) | self.kind.kernel_flags,
            "name": kernel_name(self.name),
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
        """`memlock`, the bytes of its keys and values: what the kernel would count is not known here; and `frozen`."""
        return {"memlock": self.max_entries * (self.key_size + self.bytes_of_value), "frozen": int(self.frozen)}

    def close(self) -> None:
        """User code lets go of it; programs that use it keep it, and maps that it is an entry of."""
        if self._closed:
            self.machine.tidy()  # views of its memory may be gone since
            return
        self._closed = True
        if self._lost is not None:
            self._lost.detach()
        self.holders.close_handle()

    def without_user(self) -> None:
        """User code has no handle of it any more: nobody waits for its timers."""
        self.machine.timers.forget(self)

    def free(self) -> None:
        """Nobody holds it: give its memory back."""
        self.release()
        for block in self._blocks:
            self.machine.value_blocks.pop(block.address, None)
            self.machine.memory.free(block)
        self.machine.forget_map(self)

    def release(self) -> None:
        """Let go of what is not memory of the machine's."""

    # For the classes of types

    def all_indices(self) -> Iterable[bytes]:
        """The keys of an array."""
        return (index.to_bytes(4, "little") for index in range(self.max_entries))

    def entry_refused(self, held: Collection[bytes], key: bytes, flags: int) -> int:
        """Why a key may not be written with these flags, where some are held: a negative error number, or 0."""
        there = key in held
        if not 0 <= flags <= BPF_EXIST:
            return -errno.EINVAL
        if there and flags == BPF_NOEXIST:
            return -errno.EEXIST
        if not there and flags == BPF_EXIST:
            return -errno.ENOENT
        return -errno.E2BIG if not there and len(held) >= self.max_entries else 0

    def check_open(self) -> None:
        """NotLoadedError if it is closed, or its machine."""
        if self._closed or self.machine.ended:
            raise NotLoadedError(f"map '{self.name}' is closed: load the program that uses it again")

    def check_key(self, key: bytes) -> None:
        """Refuse a key of another size, and any where the map is closed."""
        self.check_open()
        if len(key) != self.key_size:
            raise ValueError(f"map '{self.name}' has keys of {self.key_size} bytes, and this one has {len(key)}")

    def check_writable(self, doing: str, key: bytes | None) -> None:
        """Refuse to write to a map that is frozen, or that user code only reads."""
        self.check_open()
        if self.frozen or self.flags & BPF_F_RDONLY:
            raise self.error(errno.EPERM, doing, key)

    def check_readable(self, doing: str, key: bytes | None) -> None:
        """Refuse to read a map that user code only writes."""
        self.check_open()
        if self.flags & BPF_F_WRONLY:
            raise self.error(errno.EPERM, doing, key)

    def check_flags(self, flags: int) -> int:
        """Refuse flags of an update that no map takes: a negative error number, or 0."""
        wrong = flags & ~BPF_F_LOCK > BPF_EXIST or (flags & BPF_F_LOCK and not self.fields.locked)
        return -errno.EINVAL if wrong else 0

    def address_for_user(self, key: bytes, cpu: int) -> int:
        """Where the value lies that user code reads: looking at it changes nothing."""
        return self.address_of(key, cpu)

    def allocate(self, size: int, *, state: int, align: int = 8, describe: Describe | None = None) -> Block:
        """Memory for values, in which a lock or a timer is found by its address."""
        name = f"section {self.name}" if self.spec.data else f"values of '{self.name}'"
        block = self.machine.memory.allocate(size, name, state=state, align=align, describe=describe)
        self.machine.value_blocks[block.address] = self
        return self.own(block)

    def own(self, block: Block) -> Block:
        """Take in a block that goes with it."""
        self._blocks.append(block)
        block.of_map = True
        return block

    def mapped(self, block: Block) -> memoryview:
        """The bytes of a block. Who has a view of them holds the map."""
        import ctypes
        from weakref import finalize

        view = self.machine.memory.data[block.address : block.address + block.size]
        lent = (ctypes.c_ubyte * block.size).from_buffer(view)
        self.holders.take()
        self.lent.add(id(lent))
        finalize(lent, self.lent.discard, id(lent)).atexit = False
        finalize(lent, self.machine.lost, self.holders.dropped).atexit = False
        return memoryview(lent).cast("B")

    def shadow_of_value(self) -> bytes:
        """What may be done with the bytes of a value."""
        states = bytearray([self.state]) * self.value_size
        for offset, name in self.fields.of.items():
            states[offset : offset + SIZES[name]] = bytes([GUARDED]) * SIZES[name]
        return bytes(states)

    def put(self, address: int, value: bytes) -> None:
        """Write a value where it lies; its lock and its timer stay as they are."""
        data = self.machine.memory.data
        for start, end in self.fields.spans(self.value_size):
            data[address + start : address + end] = value[start:end]

    def value_at(self, address: int, size: int) -> bytes | None:
        """A value as user code sees it: what is kept in its lock and its timer is not told."""
        if not address:
            return None
        found = self.machine.memory.read(address, size)
        for offset, name in self.fields.of.items():
            found = found[:offset] + bytes(SIZES[name]) + found[offset + SIZES[name] :]
        return found

    def error(self, number: int, doing: str, key: bytes | None) -> KernelError:
        """The error that the kernel would give."""
        return map_error(number, self.name, self.max_entries, doing, key)

    @staticmethod
    def _split(data: Buffer, size: int) -> list[bytes]:
        return [bytes(data[at : at + size]) for at in range(0, len(data), size)]

    def _not_in_kernel(self, what: str) -> KernelError:
        self.check_open()
        return KernelError(errno.EOPNOTSUPP, f"map '{self.name}' {what}: it is one of the user-space runtime")


def create_map(machine: Machine, number: int, spec: MapSpec, fields: Fields) -> VmMap:
    """Make a map and fill it.

    ObjectError for a type that the runtime does not have, KernelError for sizes that the kernel would not take.
    """
    kind = kind_of_type(spec.type)
    if kind is None:
        raise ObjectError(f"map '{spec.name}' is of type {spec.type} (BPF_MAP_TYPE_*), which osmia does not know")
    accuracy = ACCURACY[kind.class_name]
    if accuracy.level == REFUSED:
        raise ObjectError(
            f"map '{spec.name}' is of type {kind.kernel_name}, of which the user-space runtime has none: "
            f"{accuracy.text}"
        )
    _check_sizes(spec, kind)
    module, name = _CLASSES[kind.kernel_name]
    of: type[VmMap] = getattr(__import__(f"osmia.vm.maps.{module}", fromlist=[name]), name)
    try:
        return of(machine, number, spec, kind, fields)
    except (MemoryError, OverflowError):
        pass
    raise KernelError(
        errno.ENOMEM,
        f"cannot create map '{spec.name}' ({kind.kernel_name}): the machine has no memory for it: {_sizes(spec)} "
        "(ENOMEM)",
    )


def _check_sizes(spec: MapSpec, kind: MapKind) -> None:
    """Refuse what the kernel would not take either: it says EINVAL or E2BIG and no more."""
    keyless = {"index": 4, "none": 0}
    key = spec.key_size == keyless.get(kind.keys, spec.key_size) and (kind.keys == "none" or spec.key_size > 0)
    value = bool(spec.value_size) != (kind.values in ("event", "none"))
    counted = spec.each_cpu or kind.kernel_name == "PERF_EVENT_ARRAY" or spec.max_entries > 0
    entries = spec.max_entries == 0 if kind.entries == "none" else counted
    if kind.entries == "bytes":
        entries = spec.max_entries >= mmap.PAGESIZE and spec.max_entries.bit_count() == 1
    fits = key and value and entries and (kind.keys != "prefix" or spec.key_size > 4) and not odd_value(spec, kind)
    number = too_large(spec, kind) if fits else errno.EINVAL
    if number == 0:
        return
    raise KernelError(
        number,
        f"cannot create map '{spec.name}' ({kind.kernel_name}): {REFUSED_SIZES[number]}: {_sizes(spec)} "
        f"({errno.errorcode[number]})",
    )


def _sizes(spec: MapSpec) -> str:
    return (
        f"key_size {spec.key_size}, value_size {spec.value_size}, max_entries {spec.max_entries}, flags {spec.flags:#x}"
    )


def _entries(machine: Machine, spec: MapSpec) -> int:
    """How many entries a map is made with: an array for each CPU has as many as the machine."""
    if spec.each_cpu or (spec.max_entries == 0 and spec.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY):
        return machine.cpus
    return spec.max_entries
