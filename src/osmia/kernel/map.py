"""A map in the kernel, over its file descriptor."""

from __future__ import annotations

import errno
from _struct import Struct

from osmia.abi import generated as abi
from osmia.errors import KernelError, NotLoadedError
from osmia.kernel import Descriptor, attributes, bpf
from osmia.kernel.bpf import NUMBER, syscall
from osmia.kernel.cpus import possible_cpus
from osmia.kernel.libc import addressof, c_char, c_void_p, get_errno, set_errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # The address of the attribute as the call takes it, then what it points to.
    Buffers = tuple[c_void_p, Any, Any, Any, Any]

_LOOKUP = abi.BPF_MAP_LOOKUP_ELEM
_ATTRIBUTE_SIZE = attributes.MAP_ELEM.size
_U64 = Struct("@Q")
_DELETE_SIZE = attributes.MAP_ELEM.offset("value")
"""BPF_MAP_DELETE_ELEM refuses an attribute that has anything behind the key."""
_FLAGS_OFFSET = attributes.MAP_ELEM.offset("flags")


class KernelMap:
    """A live map. Keys and values are bytes of exactly its sizes (a `maps.backend.MapBackend`).

    One handle serves any number of threads and signal handlers at once: every call takes buffers of its own out
    of a pool (`list.pop` and `list.append` are atomic), and a handler that interrupts a call takes others.
    """

    def __init__(self, fd: int, key_size: int, value_size: int, per_cpu: bool, max_entries: int, name: str) -> None:
        """Take over `fd`. The sizes must be the map's: the kernel reads and writes that many bytes."""
        self._descriptor: Descriptor | None = Descriptor(fd)
        self.name = name
        self.key_size = key_size
        self.value_size = value_size
        """In bytes; of one CPU's value where the map is per CPU."""
        self.per_cpu = per_cpu
        self.max_entries = max_entries
        self._arena: memoryview | None = None
        self._bytes = (value_size + 7) // 8 * 8 * len(possible_cpus()) if per_cpu else value_size

    def __repr__(self) -> str:
        state = "closed" if self._descriptor is None else f"fd {self._descriptor.number}"
        return f"<KernelMap {self.name!r}, {state}>"

    @property
    def fd(self) -> int:
        """The map's file descriptor."""
        return self._open().number

    @property
    def cpus(self) -> int:
        """How many values a per-CPU map has for a key."""
        return len(possible_cpus())

    def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:
        """The value of `key` (of a per-CPU map: one for each possible CPU, each padded to 8 bytes), or None.

        `flags`: 0, or BPF_F_LOCK to read the value under its spin lock.
        """
        descriptor = self._descriptor
        if descriptor is None or len(key) != self.key_size:
            raise self._refusal(key)
        try:
            buffers = descriptor.pool.pop()
        except IndexError:
            buffers = self._new_buffers(descriptor)
        buffers[2].raw = key
        if flags:
            _U64.pack_into(buffers[1], _FLAGS_OFFSET, flags)
        before = get_errno()
        result = syscall(NUMBER, _LOOKUP, buffers[0], _ATTRIBUTE_SIZE)
        if flags:
            _U64.pack_into(buffers[1], _FLAGS_OFFSET, 0)
        if result >= 0:
            value: bytes = buffers[3].raw
            descriptor.pool.append(buffers)
            return value
        number = get_errno()
        set_errno(before)
        descriptor.pool.append(buffers)
        if number == errno.ENOENT:
            return None
        descriptor = None  # an error's traceback must not keep the map open
        raise self._error(number, "read", key)

    def update(self, key: bytes, value: bytes, flags: int = 0, /) -> None:
        """Write `value` (of a per-CPU map: one for each possible CPU, each padded to 8 bytes).

        `flags` as BPF_MAP_UPDATE_ELEM takes them: 0, BPF_NOEXIST (1), BPF_EXIST (2).
        """
        descriptor = self._descriptor
        if descriptor is None or len(key) != self.key_size or len(value) != self._bytes:
            raise self._refusal(key, value)
        try:
            buffers = descriptor.pool.pop()
        except IndexError:
            buffers = self._new_buffers(descriptor)
        buffers[2].raw = key
        buffers[3].raw = value
        _U64.pack_into(buffers[1], _FLAGS_OFFSET, flags)
        before = get_errno()
        result = syscall(NUMBER, abi.BPF_MAP_UPDATE_ELEM, buffers[0], _ATTRIBUTE_SIZE)
        if result < 0:
            number = get_errno()
            set_errno(before)
        else:
            number = 0
        _U64.pack_into(buffers[1], _FLAGS_OFFSET, 0)
        descriptor.pool.append(buffers)
        descriptor = None
        if number:
            raise self._error(number, "write", key)

    def delete(self, key: bytes, /) -> bool:
        """Delete `key`; False if it was not there."""
        descriptor = self._descriptor
        if descriptor is None or len(key) != self.key_size:
            raise self._refusal(key)
        try:
            buffers = descriptor.pool.pop()
        except IndexError:
            buffers = self._new_buffers(descriptor)
        buffers[2].raw = key
        before = get_errno()
        if syscall(NUMBER, abi.BPF_MAP_DELETE_ELEM, buffers[0], _DELETE_SIZE) >= 0:
            descriptor.pool.append(buffers)
            return True
        number = get_errno()
        set_errno(before)
        descriptor.pool.append(buffers)
        if number == errno.ENOENT:
            return False
        descriptor = None
        raise self._error(number, "delete", key)

    def next_key(self, key: bytes | None, /) -> bytes | None:
        """The key after `key`, the first one for None; None at the end."""
        descriptor = self._descriptor
        if descriptor is None or (key is not None and len(key) != self.key_size):
            raise self._refusal(key)
        key_in, key_out = bytearray(key or b""), bytearray(self.key_size)
        attribute = attributes.MAP_ELEM.pack(
            map_fd=descriptor.number, key=bpf.address(key_in), value=bpf.address(key_out)
        )
        try:
            bpf.call(abi.BPF_MAP_GET_NEXT_KEY, attribute)
        except OSError as error:
            number = error.errno or 0
        else:
            return bytes(key_out)
        finally:
            del descriptor
        if number == errno.ENOENT:
            return None
        raise self._error(number, "walk", key)

    def freeze(self) -> None:
        """From now on user code cannot write to the map (kernels from 5.2)."""
        descriptor = self._open()
        try:
            bpf.map_freeze(descriptor.number)
        except OSError as error:
            number = error.errno or 0
        else:
            return
        finally:
            del descriptor
        from osmia.kernel.errors import kernel_error

        raise kernel_error(number, f"freeze map '{self.name}'", feature="frozen maps")

    def memory(self) -> memoryview:
        """The values of an array that was made with BPF_F_MMAPABLE, as memory (kernels from 5.5).

        It is as long as whole pages. It outlives `close()` for as long as it is held.
        """
        import mmap

        if self._arena is not None:
            self._open()
            return self._arena
        size = (self.value_size + 7) // 8 * 8 * self.max_entries
        whole = (size + mmap.PAGESIZE - 1) // mmap.PAGESIZE * mmap.PAGESIZE
        descriptor = self._open()
        try:
            return memoryview(mmap.mmap(descriptor.number, whole))
        except OSError as error:
            number = error.errno or 0
        finally:
            del descriptor
        from osmia.kernel.errors import kernel_error

        raise kernel_error(
            number,
            f"take map '{self.name}' into memory",
            feature="maps in memory",
            hints={errno.EPERM: _NOT_ALLOWED, _ENOTSUPP: _NOT_MAPPABLE, errno.EINVAL: _NOT_MAPPABLE},
        )

    def take_arena(self) -> None:
        """Take an arena into memory, all of its pages: the kernel wants that before it loads a program that reaches it.

        The address that it gets then is the arena's for good, so it is taken once.
        """
        import mmap

        descriptor = self._open()
        size = mmap.PAGESIZE * self.max_entries
        try:
            self._arena = memoryview(mmap.mmap(descriptor.number, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE))
        except OSError as error:
            number = error.errno or 0
        else:
            return
        finally:
            del descriptor
        from osmia.kernel.errors import kernel_error

        raise kernel_error(
            number,
            f"take arena '{self.name}' into memory",
            hints={
                errno.EBUSY: "another process has it in memory, at an address of its own (EBUSY)",
                errno.ENOMEM: f"there is no memory for its {size} bytes (ENOMEM)",
            },
        )

    def info(self) -> dict[str, Any]:
        """What the kernel says of the map: type, id, sizes, flags, name (struct bpf_map_info)."""
        descriptor = self._open()
        try:
            return bpf.obj_get_info(descriptor.number, attributes.MAP_INFO)
        except OSError as error:
            number = error.errno or 0
        finally:
            del descriptor
        from osmia.kernel.errors import kernel_error

        raise kernel_error(number, f"ask the kernel about map '{self.name}'")

    def close(self) -> None:
        """Let go of the map. A call that another thread is in the middle of ends first."""
        self._descriptor = self._arena = None

    def _open(self) -> Descriptor:
        descriptor = self._descriptor
        if descriptor is None:
            raise self._refusal(None)
        return descriptor

    def _new_buffers(self, descriptor: Descriptor) -> Buffers:
        key = (c_char * max(self.key_size, 1))()
        value = (c_char * self._bytes)()
        attribute = bytearray(
            attributes.MAP_ELEM.pack(
                map_fd=descriptor.number, key=addressof(key) if self.key_size else 0, value=addressof(value)
            )
        )
        at = c_char.from_buffer(attribute)
        return c_void_p(addressof(at)), attribute, key, value, at

    def _refusal(self, key: bytes | None, value: bytes | None = None) -> Exception:
        if self._descriptor is None:
            return NotLoadedError(f"map '{self.name}' is closed: load the program that uses it again")
        if key is not None and len(key) != self.key_size:
            return ValueError(f"map '{self.name}' has keys of {self.key_size} bytes, and this one has {len(key)}")
        assert value is not None
        return ValueError(f"map '{self.name}' takes values of {self._bytes} bytes, and this one has {len(value)}")

    def _error(self, number: int, doing: str, key: bytes | None) -> KernelError:
        from osmia.kernel.errors import kernel_error

        what = f"{doing} map '{self.name}'" if key is None else f"{doing} key {key.hex(' ')} of map '{self.name}'"
        return kernel_error(number, what, hints=_HINTS[doing] | {errno.E2BIG: self._full()})

    def _full(self) -> str:
        return f"the map holds {self.max_entries} entries and no more (E2BIG)"


_ENOTSUPP = 524  # the kernel's own: it has no name outside
_NOT_MAPPABLE = "it was not made for that: arrays are, with the flag BPF_F_MMAPABLE"
_NOT_ALLOWED = "the map does not let user code do that: it is frozen, or was made read-only or write-only (EPERM)"
_HINTS: dict[str, dict[int, str]] = {
    "read": {errno.EPERM: _NOT_ALLOWED, errno.EOPNOTSUPP: "maps of this type cannot be read (EOPNOTSUPP)"},
    "write": {
        errno.EPERM: _NOT_ALLOWED,
        errno.EEXIST: "the key is there already, and the flags say that it must not be (EEXIST)",
        errno.ENOENT: "the key is not there, and the flags say that it must be (ENOENT)",
        errno.ENOMEM: "the kernel has no memory for another entry (ENOMEM)",
    },
    "delete": {
        errno.EPERM: _NOT_ALLOWED,
        errno.EINVAL: "keys of maps of this type cannot be deleted: the entries of an array are always there (EINVAL)",
    },
    "walk": {
        errno.EPERM: _NOT_ALLOWED,
        errno.EOPNOTSUPP: "maps of this type have no keys to walk over (EOPNOTSUPP)",
    },
}
