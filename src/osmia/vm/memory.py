"""The runtime's memory: one arena, and a shadow byte for each byte that says what may be done with it.

An address is a distance from the arena's start, so it fits in 32 bits, as the pointers in contexts do.
"""

from __future__ import annotations

import mmap
import sys
from bisect import bisect_right

from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 1 << 32
LEAST = 1 << 24
FIRST = 0x10000
"""Nothing lies below: what is added to a null pointer is still none."""
_NORESERVE = 0x4000  # MAP_NORESERVE: pages count when they are written to
_SKEW = 2112
"""A byte and its shadow lie at other places of their pages: a processor takes stores at the same place for one."""
_REDZONE = 32
_QUARANTINE = 1 << 20
_LARGE = 1 << 16
"""From so many bytes on, pages that are free are given back to the system."""

# What a shadow byte says. The lowest bits allow: a byte may be read, or written.
MAY_READ, MAY_WRITE = 0x01, 0x02
UNMAPPED = 0x00
READ_ONLY = 0x01
UNINITIALISED = 0x02
READY = 0x03
REDZONE, FREED, STALE, OUTSIDE, HIDDEN, GUARDED = 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18
WRITE_ONLY = 0x1E

REASONS = {
    UNMAPPED: "nothing lies there",
    READ_ONLY: "it may only be read",
    UNINITIALISED: "it was never written",
    REDZONE: "it lies outside",
    FREED: "it was freed",
    STALE: "the packet was moved or resized since",
    OUTSIDE: "it lies outside of the packet",
    HIDDEN: "programs do not see it",
    GUARDED: "it is a lock or a timer, which helpers alone touch",
    WRITE_ONLY: "it may only be written",
}

ONES = {size: int.from_bytes(b"\x01" * size, "little") for size in (1, 2, 4, 8)}
_LACKING = {access: bytes(not state & access for state in range(256)) for access in (MAY_READ, MAY_WRITE)}
"""By what is asked for: 1 for each state that does not allow it."""
_READY = {size: bytes([READY]) * size for size in (1, 2, 4, 8)}


@record
class Block:
    """A piece of memory that was asked for."""

    address: int
    size: int
    name: str
    """What it is, as an error names it: `the stack of count`."""
    origin: str = ""
    """Where it comes from, as an error says it."""
    describe: Callable[[int], tuple[str, int, int]] | None = None
    """Of a block of several things: from an offset to the name of the one there, its start and its size."""
    align: int = 8
    of_map: bool = False
    """Whether it belongs to a map."""
    origin_at: Callable[[int], str] | None = None
    """The same for `origin`: from an offset to where what is there comes from."""


def _mapped(size: int) -> tuple[mmap.mmap, mmap.mmap] | None:
    """Address space for bytes and for their shadow; None where there is not so much."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
    try:
        return mmap.mmap(-1, size, flags=flags), mmap.mmap(-1, size + mmap.PAGESIZE, flags=flags)
    except OSError:
        return None


class Memory:
    """All that programs of a machine can reach."""

    def __init__(self, size: int = SIZE) -> None:
        """Take so much address space, at most 4 GiB, or a part of it where the process may have no more (`ulimit -v`).

        Pages take memory when they are used. MemoryError where there is not even LEAST.
        """
        while (mapped := _mapped(size)) is None:
            size //= 4
            if size < LEAST:
                raise MemoryError(
                    f"the runtime takes at least {LEAST >> 20} MiB of address space, twice, which this process may not "
                    "have: raise `ulimit -v`"
                )
        self.size = size
        self._arena, self._shadow = mapped
        self.data = memoryview(self._arena)
        self.shadow = memoryview(self._shadow)[_SKEW : _SKEW + size]
        self.blocks: dict[int, Block] = {}
        self._starts: list[int] = []
        self._next = FIRST
        self._free: dict[tuple[int, int], list[int]] = {}
        """Blocks of zeros that are free, by size and alignment."""
        self._quarantine: list[Block] = []
        self._quarantined = 0

    def close(self) -> None:
        """Give the memory back, as soon as nobody holds a view of it."""
        self.data, self.shadow = memoryview(b""), memoryview(b"")
        self.blocks.clear()

    # Allocation

    def allocate(
        self,
        size: int,
        name: str,
        *,
        state: int = READY,
        origin: str = "",
        align: int = 8,
        describe: Callable[[int], tuple[str, int, int]] | None = None,
    ) -> Block:
        """A block of zeros, with a redzone around it. MemoryError where the arena is full."""
        room = (size + 7) & ~7
        waiting = self._free.get((room, align))
        if waiting:
            address = waiting.pop()
        else:
            address = (self._next + _REDZONE + align - 1) & -align
            if address + room + _REDZONE > self.size:
                raise MemoryError(
                    f"the runtime's {self.size >> 20} MiB of memory are taken: there is no room for {name}"
                )
            self._next = address + room
            self._starts.append(address)
        self.paint(address - _REDZONE, _REDZONE, REDZONE)
        self.paint(address, size, state)
        self.paint(address + size, room - size + _REDZONE, REDZONE)
        block = self.blocks[address] = Block(address, size, name, origin, describe, align)
        return block

    def free(self, block: Block) -> None:
        """Give a block back. Its address is not used again before a megabyte of others was freed too."""
        self.paint(block.address, block.size, FREED)
        self._quarantine.append(block)
        self._quarantined += block.size
        while self._quarantined > _QUARANTINE:
            old = self._quarantine.pop(0)
            self._quarantined -= old.size
            room = (old.size + 7) & ~7
            self._clear(old.address, room)
            self._free.setdefault((room, old.align), []).append(old.address)

    def _clear(self, address: int, size: int) -> None:
        """Make it zeros."""
        if size < _LARGE or sys.platform != "linux":
            self.data[address : address + size] = bytes(size)
            return
        start, end = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE, (address + size) // mmap.PAGESIZE * mmap.PAGESIZE
        self._arena.madvise(mmap.MADV_DONTNEED, start, end - start)
        self.data[address:start] = bytes(start - address)
        self.data[end : address + size] = bytes(address + size - end)

    def paint(self, address: int, size: int, state: int) -> None:
        """Say what may be done with bytes."""
        self.shadow[address : address + size] = bytes([state]) * size

    def block_at(self, address: int) -> Block | None:
        """The block that an address lies in or behind; None before the first."""
        index = bisect_right(self._starts, address) - 1
        return self.blocks[self._starts[index]] if index >= 0 else None

    # Access of programs

    def readable(self, address: int, size: int) -> bool:
        """Whether a program may read bytes."""
        if size in ONES:
            ones = ONES[size]
            return int.from_bytes(self.shadow[address : address + size], "little") & ones == ones
        return 0 <= address <= self.size - size and self.first_bad(address, size, MAY_READ) < 0

    def writable(self, address: int, size: int) -> bool:
        """Whether a program may write bytes."""
        if size in ONES:
            ones = ONES[size] * MAY_WRITE
            return int.from_bytes(self.shadow[address : address + size], "little") & ones == ones
        return 0 <= address <= self.size - size and self.first_bad(address, size, MAY_WRITE) < 0

    def first_bad(self, address: int, size: int, access: int) -> int:
        """Which of the bytes is the first that may not be accessed so, -1 for none."""
        return bytes(self.shadow[address : address + size]).translate(_LACKING[access]).find(1)

    # Access of the runtime itself

    def read(self, address: int, size: int) -> bytes:
        """Bytes as they are, whatever a program may do with them."""
        return bytes(self.data[address : address + size])

    def write(self, address: int, data: bytes) -> None:
        """Put bytes there, which are initialised then; what may only be read stays so."""
        size = len(data)
        self.data[address : address + size] = data
        states = self.shadow[address : address + size]
        if UNINITIALISED in states.tolist():
            states[:] = bytes(READY if each == UNINITIALISED else each for each in states)

    def number(self, address: int, size: int) -> int:
        """An unsigned number as it lies there."""
        return int.from_bytes(self.data[address : address + size], "little")

    def put(self, address: int, size: int, value: int) -> None:
        """Write an unsigned number that fits."""
        self.data[address : address + size] = value.to_bytes(size, "little")

    def load(self, address: int, size: int) -> int | None:
        """What a program loads: an unsigned number, None where it may not."""
        ones = ONES[size]
        if int.from_bytes(self.shadow[address : address + size], "little") & ones != ones:
            return None
        return int.from_bytes(self.data[address : address + size], "little")

    def store(self, address: int, size: int, value: int) -> bool:
        """What a program stores: whether it may."""
        ones = ONES[size] << 1
        if int.from_bytes(self.shadow[address : address + size], "little") & ones != ones:
            return False
        self.shadow[address : address + size] = _READY[size]
        self.data[address : address + size] = value.to_bytes(size, "little")
        return True
