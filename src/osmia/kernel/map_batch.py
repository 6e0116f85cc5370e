"""Many entries of a map with a system call for thousands of them (BPF_MAP_*_BATCH, since Linux 5.6)."""

from __future__ import annotations

import errno

from osmia.abi import generated as abi
from osmia.errors import ENOTSUPP
from osmia.kernel import bpf
from osmia.kernel.libc import addressof, c_char

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.kernel import Descriptor
    from osmia.maps.backend import Buffer

ENTRIES = 1 << 16
"""As many a call: the kernel works on them for some 20 ms, in which no signal handler runs."""
FIRST_ROOM = 1 << 26
"""So many bytes of addresses are taken at first, where the map may hold as much."""
SMALLEST_MAPPING = 1 << 16
UNSUPPORTED = {errno.EOPNOTSUPP, ENOTSUPP}  # it says the second where a type has no batches
INTERRUPTED_TRIES = 64


class BatchError(Exception):
    """What the kernel answered: the error number, and how many entries came before the one that it refused."""

    def __init__(self, number: int, done: int) -> None:
        super().__init__(number, done)
        self.number = number
        self.done = done


class Unsupported(Exception):  # noqa: N818 - it is no failure: what it asks for is done one by one
    """The kernel has no batches for the type of the map."""


class Room:
    """Memory for a number of entries that is not known before. It costs what is written to it, and no more."""

    def __init__(self, size: int, entries: int) -> None:
        """`size` is an entry's, in bytes."""
        self._size = size
        self._memory = _zeros(entries * size)

    def grow(self, entries: int) -> None:
        """Make room for `entries` in all."""
        if not isinstance(self._memory, bytearray):
            self._memory.resize(entries * self._size)
            return
        before, self._memory = self._memory, _zeros(entries * self._size)
        self._memory[: len(before)] = before

    def address(self, entry: int) -> int:
        """Where the entry of that number lies."""
        return address_of(self._memory, entry * self._size)

    def first(self, entries: int) -> memoryview:
        """The first so many entries, as writable bytes."""
        return memoryview(self._memory)[: entries * self._size]


def _zeros(size: int) -> Any:
    """Writable bytes that take no memory before they are written to, where there are many."""
    if size < SMALLEST_MAPPING:
        return bytearray(size)
    import mmap

    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def address_of(buffer: Any, offset: int = 0) -> int:
    """Where the byte at `offset` of writable memory lies; 0 where there is none. Whoever calls keeps it alive."""
    return addressof(c_char.from_buffer(buffer, offset)) if memoryview(buffer).nbytes > offset else 0


def read(
    descriptor: Descriptor, sizes: tuple[int, int], *, expected: int, delete: bool, flags: int
) -> tuple[memoryview, memoryview]:
    """All keys and all values, as they lie one behind the other; with `delete`, they are taken out of the map.

    `sizes` are those of a key and of a value in bytes, `expected` is how many there may be. Raises Unsupported, or
    BatchError, after which nothing of what was taken out is left: `delete` is for types that the kernel has it for.
    """
    command = abi.BPF_MAP_LOOKUP_AND_DELETE_BATCH if delete else abi.BPF_MAP_LOOKUP_BATCH
    batch = bytearray(max(sizes[0], 4))  # the kernel keeps a key or the number of a bucket there
    # One more than there are, so that the last call finds the end.
    room = min(expected, FIRST_ROOM // (sizes[0] + sizes[1])) + 1
    keys, values = Room(sizes[0], room), Room(sizes[1], room)
    done, tries, first, most, needed = 0, 0, True, ENTRIES, 1
    while True:
        if room - done < needed:
            room = 2 * room + needed
            keys.grow(room)
            values.grow(room)
        asked = min(most, room - done)
        taken, number = bpf.map_batch(
            command,
            descriptor.number,
            batch=batch,
            first=first,
            keys=keys.address(done),
            values=values.address(done),
            count=asked,
            elem_flags=flags,
        )
        done += taken
        first = first and not taken
        if number == errno.ENOENT:
            return keys.first(done), values.first(done)
        if number == errno.ENOSPC:  # what comes next is a bucket of the hash table, which it gives as a whole
            needed = 2 * asked
            most = max(most, needed)
        elif number == errno.EINTR and tries < INTERRUPTED_TRIES:
            tries += 1  # its keys went away while it looked: it goes on from the one before
        elif number in UNSUPPORTED and not done:
            raise Unsupported
        elif number:
            raise BatchError(number, done)


def update(descriptor: Descriptor, keys: Buffer, values: Buffer, *, sizes: tuple[int, int], flags: int) -> None:
    """Write all entries. Raises Unsupported, or BatchError; those before the refused one are written then."""
    key_size, value_size = sizes
    count = memoryview(keys).nbytes // key_size
    keys, values = _writable(keys), _writable(values)
    done = 0
    while done < count:
        taken, number = bpf.map_batch(
            abi.BPF_MAP_UPDATE_BATCH,
            descriptor.number,
            batch=bytearray(),
            first=True,
            keys=address_of(keys, done * key_size),
            values=address_of(values, done * value_size),
            count=min(ENTRIES, count - done),
            elem_flags=flags,
        )
        done += taken
        if number in UNSUPPORTED and not done:
            raise Unsupported
        if number:
            raise BatchError(number, done)


def delete(descriptor: Descriptor, keys: Buffer, *, key_size: int) -> int:
    """Delete keys; how many of them were there. Raises Unsupported, or BatchError."""
    count = memoryview(keys).nbytes // key_size
    keys = _writable(keys)
    done = missing = 0
    while done < count:
        taken, number = bpf.map_batch(
            abi.BPF_MAP_DELETE_BATCH,
            descriptor.number,
            batch=bytearray(),
            first=True,
            keys=address_of(keys, done * key_size),
            values=0,
            count=min(ENTRIES, count - done),
            elem_flags=0,
        )
        done += taken
        if number == errno.ENOENT:  # the key that it stopped at is not there
            done += 1
            missing += 1
        elif number in UNSUPPORTED and not done:
            raise Unsupported
        elif number:
            raise BatchError(number, done)
    return count - missing


def _writable(buffer: Buffer) -> Any:
    """The same bytes where the address can be had: that of read-only memory is not given away."""
    return bytearray(buffer) if memoryview(buffer).readonly else buffer
