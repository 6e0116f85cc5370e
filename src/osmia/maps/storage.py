"""Storage: values that hang on an object of the kernel's, and go with it: a process, an inode, a cgroup, a socket."""

from __future__ import annotations

import errno
import os

from osmia.errors import KernelError, shown
from osmia.generic import Generic, TypeVar, overload
from osmia.maps.declaration import Map, check_update_flags
from osmia.maps.descriptors import fileno_of
from osmia.maps.table import MAP_KINDS
from osmia.types import i32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from typing import Any, NoReturn, Protocol, Self

    from osmia.contexts.cgroup_sock import CgroupSockContext
    from osmia.contexts.kernel_structs import cgroup, inode, sock_common, task_struct
    from osmia.maps.backend import MapBackend
    from osmia.types import Ref

    class HasFileno(Protocol):
        """An open file, or what holds one."""

        def fileno(self) -> int:
            """Its file descriptor."""

    class OfMachine(Protocol):
        """An object that a machine of the user-space runtime made up: `machine.object("task_struct", pid=1)`."""

        @property
        def address(self) -> int:
            """Where it lies in the machine."""

        struct: str

    Process = int | HasFileno | OfMachine
    File = str | PathLike[str] | int | HasFileno | OfMachine
    Socket = int | HasFileno | OfMachine
    KernelSocket = sock_common | CgroupSockContext

K = TypeVar("K")
V = TypeVar("V")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to
D = TypeVar("D")
T = TypeVar("T")

_RAISE: Any = object()
_O_PATH = getattr(os, "O_PATH", 0)


class Storage(Map[K, V], Generic[K, V]):
    """What maps have in common whose values hang on objects: the kernel's key is a file descriptor of the object."""

    what: str
    """What its values hang on, in error texts."""
    structs: tuple[str, ...]
    """The kernel's structs that kernel code gives."""
    taken: str
    """What user code gives."""

    @classmethod
    def opened(cls, key: Any, value: Any, *, max_entries: int, flags: int, name: str, backend: MapBackend) -> Self:  # noqa: ARG003
        """A live map that was declared elsewhere, in an object file."""
        return super().opened(i32, value, max_entries=max_entries, flags=flags, name=name, backend=backend)

    def __getitem__(self, key: K) -> V:
        """The value of an object, as it was when it was read. KeyError if it has none."""
        found = self._found(key)
        if found is None:
            raise self._missing(key)
        return self._values.decode(found)  # type: ignore[no-any-return]

    def __contains__(self, key: object) -> bool:
        return self._found(key) is not None

    def __setitem__(self, key: K, value: V) -> None:
        """Give an object a value, whether it has one or not."""
        self._write(key, value, 0)

    def update(self, key: K, value: V, flags: int = 0, /) -> None:
        """Give an object a value. `flags`: 0, BPF_NOEXIST (1) if it must have none, BPF_EXIST (2) if it must have one.

        KernelError says that it is not so.
        """
        check_update_flags(self.subject, flags)
        self._write(key, value, flags)

    def __delitem__(self, key: K) -> None:
        """Delete the value of an object. KeyError if it has none."""
        if not self._with(key, self.backend.delete):
            raise self._missing(key)

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: K, default: D, /) -> V | D: ...
    def pop(self, key: Any, default: Any = _RAISE, /) -> Any:
        """Read the value of an object, then delete it; `default`, or a KeyError, if it has none.

        What kernel code writes between the two is lost.
        """

        def read_and_delete(packed: bytes) -> bytes | None:
            found = self._lookup(packed)
            return found if found is not None and self.backend.delete(packed) else None

        found = self._with(key, read_and_delete)
        if found is not None:
            return self._values.decode(found)
        if default is _RAISE:
            raise self._missing(key)
        return default

    if not TYPE_CHECKING:  # for type checkers it has no such thing

        def __iter__(self) -> NoReturn:
            raise TypeError(f"{self.subject}: the kernel does not walk the values of a {self.what} storage: name a key")

    def _get(self, key: Any, default: Any, flags: int) -> Any:
        if flags or type(key).__module__ == "osmia.contexts.kernel_structs":
            raise TypeError(
                f"{self.subject}: get() with a {self.structs[0]}, or flags, is for kernel code; in user code write "
                f"m.get(key, default) with {self.taken}"
            )
        found = self._found(key)
        return default if found is None else self._values.decode(found)

    def _found(self, key: Any) -> bytes | None:
        return self._with(key, self._lookup)

    def _write(self, key: Any, value: Any, flags: int) -> None:
        update, encoded = self.backend.update, self._values.encode(value)

        def write(packed: bytes) -> bool:
            update(packed, encoded, flags | self._update_flags)
            return True

        if not self._with(key, write):
            raise KernelError(
                errno.ESRCH, f"cannot write to map '{self.subject}': there is no {self.what} {key} (ESRCH)"
            )

    def _with(self, key: Any, use: Callable[[bytes], T]) -> T | None:
        """What `use` makes of the kernel's key of an object; None where there is no such object any more."""
        backend = self.backend  # what is not live says so first
        if backend.own_objects:
            packed = self._object_key(backend, key)
            return None if packed is None else self._named(key, packed, use)
        number = self._own_descriptor(key)
        if number is None:
            return None
        own = number >= 0
        if not own:
            number = self._given_descriptor(key)
        try:
            return self._named(key, self._keys.encode(number), use)
        finally:
            if own:
                os.close(number)

    def _object_key(self, backend: MapBackend, key: Any) -> bytes | None:
        """The key of an object of the backend's own; None where there is no such object."""
        try:
            return backend.object_key(key)
        except OSError as error:
            number, problem = error.errno or 0, error.strerror
        except TypeError:
            raise TypeError(
                f"{self.subject}: a key is {self.taken}, or an object of the machine, not {shown(key)}"
            ) from None
        raise KernelError(number, f"cannot find the {self.what} of map '{self.subject}': {key!r}: {problem}")

    def _named(self, key: Any, packed: bytes, use: Callable[[bytes], T]) -> T:
        """What `use` makes of a key. A KernelError names the object."""
        try:
            return use(packed)
        except KernelError as error:
            text = error.text.replace(f"key {packed.hex(' ')} of", f"{self.what} {key!r} of", 1)
            named = type(error)(error.errno or 0, text)
            named.__dict__.update(error.__dict__, text=text)
            raise named from None

    def _own_descriptor(self, key: Any) -> int | None:
        """A descriptor that is opened for this; -1 where the key is one, None where there is no such object."""
        raise NotImplementedError

    def _given_descriptor(self, key: Any) -> int:
        given = fileno_of(key)
        number = key if given is None else given
        if type(number) is not int:
            raise TypeError(f"{self.subject}: a key is {self.taken}, not {shown(key)}")
        if number < 0:
            raise ValueError(f"{self.subject}: a key is {self.taken}, not {number}")
        return number

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        return f"<{type(self).__name__}({self.value.__name__}) {self.name or 'without a name'}, {state}>"


class FileStorage(Storage[K, V], Generic[K, V]):
    """Of those, the ones whose objects have a path."""

    def _own_descriptor(self, key: Any) -> int | None:
        if not isinstance(key, str) and not hasattr(key, "__fspath__"):
            return -1
        path = os.fspath(key)
        try:
            return os.open(path, _O_PATH | os.O_CLOEXEC)
        except OSError as error:
            raise KernelError(
                error.errno or 0, f"cannot find the {self.what} of map '{self.subject}': {path}: {error.strerror}"
            ) from None


class TaskStorage(Storage["Process", V], Generic[V]):
    """A value for each thread that is given one, which goes with it (BPF_MAP_TYPE_TASK_STORAGE, since Linux 5.11).

    Kernel code names a thread by its task_struct. User code names one by the id of its process, `tasks[os.getpid()]`,
    or by an object whose fileno() is a pidfd: that is the main thread of the process.
    """

    kind = MAP_KINDS["TaskStorage"]
    what, structs = "task", ("task_struct",)
    taken = "the id of a process, or an object whose fileno() is a pidfd"

    def __init__(self, value: type[V], *, name: str = "", flags: int = 0) -> None:
        """Declare a value of that type for each task. Its name is the variable's unless `name` says."""
        super().__init__(i32, value, max_entries=0, name=name, flags=flags | self.kind.required_flags)

    @overload
    def get(self: TaskStorage[I], task: task_struct | None, initial: I = ..., flags: int = 0, /) -> Ref[I] | None: ...
    @overload
    def get(self, task: task_struct | None, initial: V = ..., flags: int = 0, /) -> V | None: ...
    @overload
    def get(self, task: Process, /) -> V | None: ...
    @overload
    def get(self, task: Process, default: D, /) -> V | D: ...
    def get(self, task: Any, default: Any = None, flags: int = 0, /) -> Any:
        """The value of a task, which is a thread.

        In kernel code: where it lies, or None if there is none. With a value as `initial` it is made with that where
        there is none yet, and None says that this failed; `flags` is BPF_LOCAL_STORAGE_GET_F_CREATE (1) then, as it
        is unless it says. In user code: a copy, or `default` if there is none.
        """
        return self._get(task, default, flags)

    def delete(self, task: task_struct | None, /) -> int:
        """In kernel code: delete the value of a task; 0, or a negative error number."""
        self._kernel_only("delete", task)

    def _own_descriptor(self, key: Any) -> int | None:
        if type(key) is not int:
            return -1
        if key <= 0:
            raise ValueError(f"{self.subject}: the id of a process is above 0, not {key}")
        try:
            return os.pidfd_open(key)
        except ProcessLookupError:
            return None  # its value went with it
        except OSError as error:
            text = (
                "it is no process but a thread of one"
                if error.errno in {errno.EINVAL, errno.ENOENT}
                else error.strerror
            )
            raise KernelError(error.errno or 0, f"cannot name task {key} of map '{self.subject}': {text}") from None


class InodeStorage(FileStorage["File", V], Generic[V]):
    """A value for each inode that is given one, which goes with it (BPF_MAP_TYPE_INODE_STORAGE, since Linux 5.10).

    Kernel code names an inode by its struct; only programs of kind lsm can. User code names it by a path, a file
    descriptor or an open file. The value goes when the kernel drops the inode from its memory.
    """

    kind = MAP_KINDS["InodeStorage"]
    what, structs = "file", ("inode",)
    taken = "a path, a file descriptor, or an open file"

    def __init__(self, value: type[V], *, name: str = "", flags: int = 0) -> None:
        """Declare a value of that type for each file. Its name is the variable's unless `name` says."""
        super().__init__(i32, value, max_entries=0, name=name, flags=flags | self.kind.required_flags)

    @overload
    def get(self: InodeStorage[I], inode: inode | None, initial: I = ..., flags: int = 0, /) -> Ref[I] | None: ...
    @overload
    def get(self, inode: inode | None, initial: V = ..., flags: int = 0, /) -> V | None: ...
    @overload
    def get(self, inode: File, /) -> V | None: ...
    @overload
    def get(self, inode: File, default: D, /) -> V | D: ...
    def get(self, inode: Any, default: Any = None, flags: int = 0, /) -> Any:
        """The value of a file.

        In kernel code: where it lies, or None if there is none. With a value as `initial` it is made with that where
        there is none yet, and None says that this failed; `flags` is BPF_LOCAL_STORAGE_GET_F_CREATE (1) then, as it
        is unless it says. In user code: a copy, or `default` if there is none.
        """
        return self._get(inode, default, flags)

    def delete(self, inode: inode | None, /) -> int:
        """In kernel code: delete the value of a file; 0, or a negative error number."""
        self._kernel_only("delete", inode)


class CgrpStorage(FileStorage["File", V], Generic[V]):
    """A value for each cgroup that is given one, which goes with it (BPF_MAP_TYPE_CGRP_STORAGE, since Linux 6.2).

    Kernel code names a cgroup by its struct. User code names it by its directory: a path, a file descriptor, or an
    object with fileno(). Any program may use it; a CgroupStorage is of programs that are attached to cgroups.
    """

    kind = MAP_KINDS["CgrpStorage"]
    what, structs = "cgroup", ("cgroup",)
    taken = "the path or a file descriptor of its directory"

    def __init__(self, value: type[V], *, name: str = "", flags: int = 0) -> None:
        """Declare a value of that type for each cgroup. Its name is the variable's unless `name` says."""
        super().__init__(i32, value, max_entries=0, name=name, flags=flags | self.kind.required_flags)

    @overload
    def get(self: CgrpStorage[I], cgroup: cgroup | None, initial: I = ..., flags: int = 0, /) -> Ref[I] | None: ...
    @overload
    def get(self, cgroup: cgroup | None, initial: V = ..., flags: int = 0, /) -> V | None: ...
    @overload
    def get(self, cgroup: File, /) -> V | None: ...
    @overload
    def get(self, cgroup: File, default: D, /) -> V | D: ...
    def get(self, cgroup: Any, default: Any = None, flags: int = 0, /) -> Any:
        """The value of a cgroup.

        In kernel code: where it lies, or None if there is none. With a value as `initial` it is made with that where
        there is none yet, and None says that this failed; `flags` is BPF_LOCAL_STORAGE_GET_F_CREATE (1) then, as it
        is unless it says. In user code: a copy, or `default` if there is none.
        """
        return self._get(cgroup, default, flags)

    def delete(self, cgroup: cgroup | None, /) -> int:
        """In kernel code: delete the value of a cgroup; 0, or a negative error number."""
        self._kernel_only("delete", cgroup)


class SkStorage(Storage["Socket", V], Generic[V]):
    """A value for each socket that is given one, which goes with it (BPF_MAP_TYPE_SK_STORAGE, since Linux 5.2).

    Kernel code names a socket by its struct, `ctx.sk` or what a helper gave, and programs of kind cgroup_sock by their
    context. User code names it by the socket object, or by its file descriptor.
    """

    kind = MAP_KINDS["SkStorage"]
    what, structs = "socket", ("bpf_sock", "sock_common", "bpf_tcp_sock", "sock")
    taken = "an open socket or its file descriptor"

    def __init__(self, value: type[V], *, name: str = "", flags: int = 0) -> None:
        """Declare a value of that type for each socket. Its name is the variable's unless `name` says.

        With the flag BPF_F_CLONE (512, since Linux 5.4) a socket that is accepted begins with the listener's value.
        """
        super().__init__(i32, value, max_entries=0, name=name, flags=flags | self.kind.required_flags)

    @overload
    def get(self: SkStorage[I], sk: KernelSocket | None, initial: I = ..., flags: int = 0, /) -> Ref[I] | None: ...
    @overload
    def get(self, sk: KernelSocket | None, initial: V = ..., flags: int = 0, /) -> V | None: ...
    @overload
    def get(self, sk: Socket, /) -> V | None: ...
    @overload
    def get(self, sk: Socket, default: D, /) -> V | D: ...
    def get(self, sk: Any, default: Any = None, flags: int = 0, /) -> Any:
        """The value of a socket.

        In kernel code: where it lies, or None if there is none. With a value as `initial` it is made with that where
        there is none yet, and None says that this failed; `flags` is BPF_LOCAL_STORAGE_GET_F_CREATE (1) then, as it
        is unless it says. In user code: a copy, or `default` if there is none.
        """
        return self._get(sk, default, flags)

    def delete(self, sk: KernelSocket | None, /) -> int:
        """In kernel code: delete the value of a socket; 0, or a negative error number."""
        self._kernel_only("delete", sk)

    def _own_descriptor(self, key: Any) -> int | None:  # noqa: ARG002 - it is one already
        return -1
