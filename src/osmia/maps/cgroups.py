"""Maps of cgroups: an array of them to ask about, and storage that the kernel keeps for those with programs."""

from __future__ import annotations

import errno
from _struct import Struct

from osmia.errors import KernelError, shortened
from osmia.generic import Generic, TypeVar, overload
from osmia.maps.cgroup_directory import OpenCgroup
from osmia.maps.declaration import Map
from osmia.maps.mapping import PerCpuMap, UserMap
from osmia.maps.table import MAP_KINDS
from osmia.maps.value_map import ValueMap
from osmia.structs import struct
from osmia.types import u32, u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

    from osmia.maps.cgroup_directory import Cgroup
    from osmia.types import Ref

K = TypeVar("K")
V = TypeVar("V")
KF = TypeVar("KF")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to

_FD = Struct("=i")


class CgroupArray(Map[int, int]):
    """An array of cgroups of version 2 (BPF_MAP_TYPE_CGROUP_ARRAY, since Linux 4.8).

    Kernel code asks whether a packet's socket or the current thread is in one of them, or in one below it. User code
    sets them: `groups[0] = "/sys/fs/cgroup/x"`, `del groups[0]`. They cannot be read back.
    """

    kind = MAP_KINDS["CgroupArray"]

    def __init__(self, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare an array of `max_entries` cgroups, whose name is the variable's unless `name` says."""
        super().__init__(u32, u32, max_entries=max_entries, name=name, flags=flags)

    def under(self, index: int, /) -> int:  # noqa: ARG002 - the type is what matters
        """In kernel code of kind sched_cls: whether the packet's socket is in the cgroup at an index, or below it.

        1 if it is, 0 if not, a negative error number: -11 (EAGAIN) where there is no cgroup, -22 (EINVAL) where the
        packet has no socket, -7 (E2BIG) outside of the array.
        """
        self._in_kernel_code("under")

    def current_task_under(self, index: int, /) -> int:  # noqa: ARG002 - the type is what matters
        """In kernel code: whether the current thread is in the cgroup at an index, or below it.

        1 if it is, 0 if not, a negative error number: -11 (EAGAIN) where there is no cgroup, -7 (E2BIG) outside of the
        array. Since Linux 4.9.
        """
        self._in_kernel_code("current_task_under")

    def __setitem__(self, index: int, cgroup: Cgroup) -> None:
        """Set the cgroup at an index: the path of its directory, a file descriptor of it, or an object with one.

        KeyError for an index outside of the array. KernelError for a directory that is no cgroup of version 2.
        """
        packed = self._key(index)
        with OpenCgroup(cgroup, f"put into map '{self.subject}' cgroup") as held:
            try:
                self.backend.update(packed, _FD.pack(held.number), 0)
            except KernelError as error:
                if error.errno != errno.EBADF:
                    raise self._named(error, index) from None
            else:
                return
            raise KernelError(
                errno.EBADF, f"cannot put into map '{self.subject}' cgroup '{held.name}': {held.why_none()}"
            )

    def update(self, index: int, cgroup: Cgroup, /) -> int:
        """Set the cgroup at an index, as a subscript does. Returns 0."""
        self[index] = cgroup
        return 0

    def __delitem__(self, index: int) -> None:
        """Take the cgroup at an index away. KeyError if there is none."""
        if not self.backend.delete(self._key(index)):
            raise KeyError(f"{self.subject}: no cgroup at {index}")

    def clear(self) -> None:
        """Take all of them away."""
        for index in range(self.max_entries):
            self.backend.delete(self._keys.encode(index))

    def __len__(self) -> int:
        """How many it has room for."""
        return self.max_entries

    if not TYPE_CHECKING:  # for type checkers it has no such thing

        def __iter__(self) -> NoReturn:
            raise self._unreadable()

        def __contains__(self, index: object) -> NoReturn:
            raise self._unreadable()

        def __getitem__(self, index: int) -> NoReturn:
            raise self._unreadable()

    def _unreadable(self) -> TypeError:
        return TypeError(f"{self.subject}: the kernel does not tell which cgroups it holds: keep their paths")

    def _key(self, index: int) -> bytes:
        packed = self._encode_key(index)
        if index >= self.max_entries:
            raise KeyError(f"{self.subject}: no index {index}, it has 0 to {self.max_entries - 1}")
        return packed

    def _named(self, error: KernelError, index: int) -> KernelError:
        packed = self._keys.encode(index)
        return type(error)(error.errno or 0, error.text.replace(f"key {packed.hex(' ')} of", f"index {index} of", 1))

    def _in_kernel_code(self, operation: str) -> NoReturn:
        raise TypeError(
            f"{self.subject}: {operation}() is for kernel code: only a program there has a packet or a task"
        )

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        return f"<CgroupArray(max_entries={self.max_entries}) {self.name or 'without a name'}, {state}>"


@struct(frozen=True)
class CgroupStorageKey:
    """The key of a storage that each hook of a cgroup has for itself (struct bpf_cgroup_storage_key in linux/bpf.h)."""

    cgroup_inode_id: u64
    """The cgroup's id: `link.cgroup_id`, or the inode number of its directory."""
    attach_type: u32
    """BPF_CGROUP_* of enum bpf_attach_type: 0 for ingress, 1 for egress."""


class _OfCgroups(UserMap[K, V], Generic[K, V]):
    """What the storages have in common: the kernel makes their entries, as programs are attached."""

    def _check_key(self) -> None:
        if self.key is not u64 and self.key is not CgroupStorageKey:
            name = getattr(self.key, "__name__", repr(self.key))
            raise TypeError(f"{self.subject}: its keys are u64 (a cgroup's id) or CgroupStorageKey, not {name}")

    def _walk(self) -> Iterator[bytes]:
        """The keys, each once.

        Kernels give a key that is none behind the last one, and go no further from one that is gone meanwhile. So they
        are walked until nothing new comes.
        """
        seen: set[bytes] = set()
        lookup, next_key = self.backend.lookup, self.backend.next_key
        found = True
        while found:
            found, key = False, next_key(None)
            while key is not None and lookup(key) is not None:
                if key not in seen:
                    seen.add(key)
                    found = True
                    yield key
                key = next_key(key)

    def _named(self, error: KernelError, key: bytes) -> KernelError:
        if error.errno != errno.ENOENT:
            return super()._named(error, key)
        key_text = shortened(self._keys.decode(key))
        return KernelError(
            errno.ENOENT,
            f"cannot write key {key_text} of map '{self.subject}': no program that uses the map is attached to that "
            "cgroup (ENOENT)",
        )

    def _in_kernel_code(self) -> NoReturn:
        raise TypeError(f"{self.subject}: local() is for kernel code; in user code write m[cgroup_id]")

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        return f"<{type(self).__name__}({self.value.__name__}) {self.name or 'without a name'}, {state}>"


class CgroupStorage(_OfCgroups[K, V], ValueMap[K, V], Generic[K, V]):
    """A value for each cgroup that its programs are attached to (BPF_MAP_TYPE_CGROUP_STORAGE, since Linux 4.19).

    The kernel makes the value, of zeros, as a program that uses the map is attached to a cgroup, and drops it with the
    cgroup. User code reads and changes it by the cgroup's id.
    """

    kind = MAP_KINDS["CgroupStorage"]

    @overload
    def __init__(self: CgroupStorage[int, V], value: type[V], *, name: str = ..., flags: int = ...) -> None: ...
    @overload
    def __init__(self, value: type[V], *, key: type[K], name: str = ..., flags: int = ...) -> None: ...
    def __init__(self, value: Any, *, key: Any = u64, name: str = "", flags: int = 0) -> None:
        """Declare a value of that type for each cgroup. Its name is the variable's unless `name` says.

        All hooks of a cgroup share it where `key` is u64, the cgroup's id (since Linux 5.9). Where it is
        CgroupStorageKey each hook has its own.
        """
        super().__init__(key, value, max_entries=0, name=name, flags=flags)
        self._check_key()

    @overload
    def local(self: CgroupStorage[KF, I]) -> Ref[I]: ...
    @overload
    def local(self) -> V: ...
    def local(self) -> Any:
        """In kernel code of a program that is attached to a cgroup: that cgroup's value, where it lies."""
        self._in_kernel_code()


class PerCpuCgroupStorage(_OfCgroups[K, V], PerCpuMap[K, V], Generic[K, V]):
    """The same with a value for each possible CPU (BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, since Linux 4.20)."""

    kind = MAP_KINDS["PerCpuCgroupStorage"]

    @overload
    def __init__(self: PerCpuCgroupStorage[int, V], value: type[V], *, name: str = ..., flags: int = ...) -> None: ...
    @overload
    def __init__(self, value: type[V], *, key: type[K], name: str = ..., flags: int = ...) -> None: ...
    def __init__(self, value: Any, *, key: Any = u64, name: str = "", flags: int = 0) -> None:
        """Declare a value of that type for each cgroup and CPU. Its name is the variable's unless `name` says.

        All hooks of a cgroup share it where `key` is u64, the cgroup's id (since Linux 5.9). Where it is
        CgroupStorageKey each hook has its own.
        """
        super().__init__(key, value, max_entries=0, name=name, flags=flags)
        self._check_key()

    @overload
    def local(self: PerCpuCgroupStorage[KF, I]) -> Ref[I]: ...
    @overload
    def local(self) -> V: ...
    def local(self) -> Any:
        """In kernel code of a program that is attached to a cgroup: that cgroup's value for this CPU, where it lies."""
        self._in_kernel_code()
