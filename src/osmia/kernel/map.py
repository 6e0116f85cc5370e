"""A map in the kernel, over its file descriptor."""

from __future__ import annotations

import errno
from _struct import Struct

from osmia.abi import generated as abi
from osmia.errors import ENOTSUPP, KernelError, NotLoadedError
from osmia.kernel import THE_KERNEL, Descriptor, attributes, bpf
from osmia.kernel.bpf import NUMBER, syscall
from osmia.kernel.cpus import possible_cpus
from osmia.kernel.libc import addressof, byref, c_char, get_errno, quick_function, quiet_function, set_errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from osmia.kernel.perf_buffer import PerfBuffers
    from osmia.kernel.ring import RingMemory
    from osmia.maps.backend import Buffer

    T = TypeVar("T")

    # What reads take: the arguments of the call, a view of the value, and of a key of 4 bytes one as an index.
    Reading = tuple[tuple[Any, ...], Any, Any]
    # That, the attribute's bytes, the key and the value that it points to.
    Buffers = tuple[Reading, bytearray, Any, Any]

_quick_syscall = quick_function("syscall")
_quiet_syscall = quiet_function("syscall")
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
        self._pops = True
        self._perf: PerfBuffers | None = None
        self._own_events = False

    def __repr__(self) -> str:
        state = "closed" if self._descriptor is None else f"fd {self._descriptor.number}"
        return f"<KernelMap {self.name!r}, {state}>"

    @property
    def fd(self) -> int:
        """The map's file descriptor."""
        return self._open().number

    @property
    def entry(self) -> int:
        """What stands for it in the entries of maps: its file descriptor."""
        return self.fd

    @property
    def place(self) -> object:
        """Where it is."""
        return THE_KERNEL

    @property
    def cpus(self) -> int:
        """How many values a per-CPU map has for a key."""
        return len(possible_cpus())

    @property
    def cpu_numbers(self) -> tuple[int, ...]:
        """The numbers of the CPUs that can ever run here, from the lowest."""
        return possible_cpus()

    @property
    def own_objects(self) -> bool:
        """Values hang on the kernel's objects, which keys are file descriptors of."""
        return False

    def object_key(self, given: Any, /) -> None:
        """None: there are no objects but the kernel's."""

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
        (arguments, _, _), attribute, key_buffer, value_buffer = buffers
        key_buffer.raw = key
        if flags:
            _U64.pack_into(attribute, _FLAGS_OFFSET, flags)
        before = get_errno()
        result = _quick_syscall(*arguments)
        if flags:
            _U64.pack_into(attribute, _FLAGS_OFFSET, 0)
        if result >= 0:
            value: bytes = value_buffer.raw
            descriptor.pool.append(buffers)
            return value
        number = get_errno()
        set_errno(before)
        descriptor.pool.append(buffers)
        if number == errno.ENOENT:
            return None
        descriptor = None  # an error's traceback must not keep the map open
        raise self._error(number, "read", key)

    def reader(
        self,
        pack: Callable[[Any], bytes],
        unpack: Callable[[bytes], tuple[Any, ...]],
        make: Callable[[Any], T],
        indices: bool = False,
        /,
    ) -> Callable[[Any], T | None]:
        """What `lookup` does, with less around the call: a function from a key to `make(unpack(value))`, or None.

        `pack` gives bytes of exactly the key's size, or raises. `indices` says that keys are integers of 4 bytes, and
        that only who errs asks for one that is not there: it may take twice as long to find.
        """
        if indices:
            return self._index_reader(pack, unpack, make)
        lookup, enoent = self.lookup, errno.ENOENT

        def read(key: Any) -> T | None:
            packed = pack(key)
            descriptor = self._descriptor
            try:
                buffers = descriptor.pool.pop()  # type: ignore[union-attr]
            except (AttributeError, IndexError):  # closed, or all are in use: that function says so, or makes others
                found = lookup(packed)
                return None if found is None else make(unpack(found))
            arguments, value, _ = buffers[0]
            buffers[2].raw = packed
            before = get_errno()
            if _quick_syscall(*arguments) >= 0:
                stored = unpack(value)
                descriptor.pool.append(buffers)  # type: ignore[union-attr]
                return make(stored)
            number = get_errno()
            set_errno(before)
            descriptor.pool.append(buffers)  # type: ignore[union-attr]
            if number == enoent:
                return None
            descriptor = None
            raise self._error(number, "read", packed)

        return read

    def _index_reader(
        self, pack: Callable[[Any], bytes], unpack: Callable[[bytes], tuple[Any, ...]], make: Callable[[Any], T]
    ) -> Callable[[Any], T | None]:
        """A reader of arrays, which put the key in by one call and keep no errno: `lookup` says what is wrong."""
        lookup = self.lookup
        pool: list[Reading] = []

        def read(key: Any) -> T | None:
            descriptor = self._descriptor
            if descriptor is not None:
                try:
                    buffers = pool.pop()
                    arguments, value, index = buffers
                    index[0] = key
                except (IndexError, TypeError, ValueError):  # all are in use, or it is no such index
                    pool.append(self._new_buffers(descriptor)[0])
                else:
                    result = _quiet_syscall(*arguments)
                    stored = unpack(value)
                    pool.append(buffers)
                    if result >= 0:
                        return make(stored)
                descriptor = None  # an error's traceback must not keep the map open
            found = lookup(pack(key))
            return None if found is None else make(unpack(found))

        return read

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
        result = syscall(NUMBER, abi.BPF_MAP_UPDATE_ELEM, buffers[0][0][2], _ATTRIBUTE_SIZE)
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
        if syscall(NUMBER, abi.BPF_MAP_DELETE_ELEM, buffers[0][0][2], _DELETE_SIZE) >= 0:
            descriptor.pool.append(buffers)
            return True
        number = get_errno()
        set_errno(before)
        descriptor.pool.append(buffers)
        if number == errno.ENOENT:
            return False
        descriptor = None
        raise self._error(number, "delete", key)

    def lookup_and_delete(self, key: bytes, /) -> bytes | None:
        """Take the value of `key` out, or the next one of a queue or stack; None if there is none."""
        taken = bytearray(self._bytes)
        descriptor = self._open()
        try:
            bpf.map_lookup_and_delete(descriptor.number, bytearray(key), taken)
        except OSError as error:
            number = error.errno or 0
        else:
            return bytes(taken)
        finally:
            del descriptor
        if number == errno.ENOENT:
            return None
        raise self._error(number, "read", key)

    def holds(self, value: bytes, /) -> bool:
        """Whether a Bloom filter may have been given `value`."""
        descriptor = self._open()
        try:
            bpf.map_lookup(descriptor.number, bytearray(value))
        except OSError as error:
            number = error.errno or 0
        else:
            return True
        finally:
            del descriptor
        if number == errno.ENOENT:
            return False
        raise self._error(number, "read", None)

    def has_key(self, key: bytes, /) -> bool:
        """Whether a trie holds exactly this prefix."""
        from osmia.kernel.trie import has_prefix

        return has_prefix(self, key)

    def opened(self, number: int, /) -> KernelMap | None:
        """Another map, by its id; None if it is gone."""
        from osmia.kernel.map_by_id import open_id

        return open_id(number)

    def pop(self, key: bytes, flags: int = 0, /) -> bytes | None:
        """Delete `key` and give its value, None if it was not there; `flags` as for `lookup`.

        One call of the kernel's for hash maps since 5.14 (BPF_MAP_LOOKUP_AND_DELETE_ELEM); else a look-up and a
        deletion, and what others write to the value between the two is lost.
        """
        descriptor = self._descriptor
        if descriptor is None or len(key) != self.key_size:
            raise self._refusal(key)
        if not self._pops:
            return self._pop_in_two(key, flags)
        value = bytearray(self._bytes)
        try:
            bpf.map_lookup_and_delete(descriptor.number, bytearray(key), value, flags)
        except OSError as error:
            number = error.errno or 0
        else:
            return bytes(value)
        finally:
            del descriptor
        if number == errno.ENOENT:
            return None
        # Before 5.14 the kernel says ENOTSUPP, or EINVAL where there are flags.
        if number not in {ENOTSUPP, errno.EOPNOTSUPP} and not (number == errno.EINVAL and flags):
            raise self._error(number, "delete", key)
        self._pops = False
        return self._pop_in_two(key, flags)

    def _pop_in_two(self, key: bytes, flags: int) -> bytes | None:
        value = self.lookup(key, flags)
        return value if value is not None and self.delete(key) else None

    def read_all(self, delete: bool = False, flags: int = 0, /) -> tuple[memoryview, memoryview] | None:
        """All keys and all values, one behind the other; with `delete`, they are taken out of the map.

        None where the kernel has no batches for maps of this type. `flags` as for `lookup`.
        """
        from osmia.kernel import map_batch

        descriptor = self._open()
        sizes = self.key_size, self._bytes
        try:
            return map_batch.read(descriptor, sizes, expected=self.max_entries, delete=delete, flags=flags)
        except map_batch.Unsupported:
            return None
        except map_batch.BatchError as refused:
            number = refused.number
        finally:
            del descriptor
        raise self._error(number, "read", None)

    def update_all(self, keys: Buffer, values: Buffer, flags: int = 0, /) -> bool:
        """Write many entries, as they lie one behind the other; `flags` as for `update`.

        False where the kernel has no batches for maps of this type, and nothing is written. A KernelError names the
        key that was refused: those before it are written then.
        """
        from osmia.kernel import map_batch

        descriptor = self._open()
        try:
            map_batch.update(descriptor, keys, values, sizes=(self.key_size, self._bytes), flags=flags)
        except map_batch.Unsupported:
            return False
        except map_batch.BatchError as refused:
            number, done = refused.number, refused.done
        else:
            return True
        finally:
            del descriptor
        raise self._error_at(number, "write", keys, done)

    def delete_all(self, keys: Buffer, /) -> int | None:
        """Delete keys: how many of them were there. None where the kernel has no batches for maps of this type."""
        from osmia.kernel import map_batch

        descriptor = self._open()
        try:
            return map_batch.delete(descriptor, keys, key_size=self.key_size)
        except map_batch.Unsupported:
            return None
        except map_batch.BatchError as refused:
            number, done = refused.number, refused.done
        finally:
            del descriptor
        raise self._error_at(number, "delete", keys, done)

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
        from osmia.kernel.map_errors import not_frozen

        raise not_frozen(number, self.name)

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
        from osmia.kernel.map_errors import not_mapped

        raise not_mapped(number, self.name)

    def ring(self, written: bool = False, /) -> RingMemory:
        """The memory of a ring buffer (kernels from 5.8); `written` where user code writes it (kernels from 6.1)."""
        from osmia.kernel import ring

        descriptor = self._open()
        try:
            return ring.RingMemory(descriptor, self.max_entries, written=written)
        except OSError as error:
            number = error.errno or 0
        finally:
            del descriptor
        from osmia.kernel.errors import kernel_error

        raise kernel_error(number, f"take ring buffer '{self.name}' into memory", hints=ring.HINTS)

    def perf_buffers(self, pages: int, wakeup_events: int) -> PerfBuffers | None:
        """The buffers of an array of perf events, which are opened once; None where its events are user code's own.

        Others are opened in their place where they are to be other ones, and nobody reads them yet (kernels from 4.4).
        """
        self._open()
        held = self._perf
        if self._own_events or (held is not None and (held.shape == (pages, wakeup_events) or held.taken)):
            return held
        from osmia.kernel.perf_buffer import open_buffers

        self._perf = open_buffers(self, pages, wakeup_events)
        return self._perf

    def own_perf_events(self) -> bool:
        """Let go of those buffers: from now on user code sets perf events. False where they are being read."""
        held = self._perf
        if held is not None and held.begun:
            return False
        self._perf, self._own_events = None, True
        for each in held.of if held is not None else ():
            self.delete(each.cpu.to_bytes(4, "little"))
        return True

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

    def pin(self, path: str, /) -> None:
        """Give the map a name in a BPF file system (kernels from 4.4)."""
        from osmia.kernel import pins

        descriptor = self._open()
        try:
            pins.pin(descriptor.number, f"map '{self.name}'", path)
        finally:
            del descriptor

    def unpin(self, path: str, /) -> None:
        """Take the name away. ValueError where it is not this map's."""
        from osmia.kernel import pins

        descriptor = self._open()
        try:
            pins.unpin(descriptor.number, f"map '{self.name}'", path)
        finally:
            del descriptor

    def charged(self) -> dict[str, int]:
        """What /proc says of the map: `memlock`, the bytes that the kernel holds for it, and `frozen`, 0 or 1."""
        descriptor = self._open()
        path = f"/proc/self/fdinfo/{descriptor.number}"
        try:
            with open(path, encoding="ascii") as file:
                found = dict(line.split(":", 1) for line in file)
        except OSError as error:
            raise KernelError(error.errno or 0, f"cannot read {path} ({error.strerror}): is /proc mounted?") from None
        finally:
            del descriptor
        return {name: int(found.get(name, "0")) for name in ("memlock", "frozen")}

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
        self._descriptor = self._arena = self._perf = None

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
        index = memoryview(key).cast("B").cast("I") if self.key_size == 4 else None
        # As one tuple, which a call takes as it is.
        arguments = NUMBER, _LOOKUP, byref(c_char.from_buffer(attribute)), _ATTRIBUTE_SIZE
        return (arguments, memoryview(value).cast("B"), index), attribute, key, value

    def _refusal(self, key: bytes | None, value: bytes | None = None) -> Exception:
        if self._descriptor is None:
            return NotLoadedError(f"map '{self.name}' is closed: load the program that uses it again")
        if key is not None and len(key) != self.key_size:
            return ValueError(f"map '{self.name}' has keys of {self.key_size} bytes, and this one has {len(key)}")
        assert value is not None
        return ValueError(f"map '{self.name}' takes values of {self._bytes} bytes, and this one has {len(value)}")

    def _error(self, number: int, doing: str, key: bytes | None) -> KernelError:
        from osmia.kernel.map_errors import map_error

        return map_error(number, self.name, self.max_entries, doing, key)

    def _error_at(self, number: int, doing: str, keys: Buffer, index: int) -> KernelError:
        """The error about one key of many."""
        key = bytes(keys[index * self.key_size : (index + 1) * self.key_size])
        error = self._error(number, doing, key)
        error.key = key
        return error
