"""The packet that a program is given, and the memory around it."""

from __future__ import annotations

from osmia.vm.memory import OUTSIDE, READ_ONLY, READY, STALE, UNINITIALISED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.vm.memory import Block, Memory

HEADROOM = 256
"""XDP_PACKET_HEADROOM: so much may be put before a packet."""
TAILROOM = 4096
FRAME = 4096
"""What a driver gives an XDP program for a packet: a page, headroom and all."""
SHARED_INFO = 320
"""What the kernel keeps for itself at the end of that (struct skb_shared_info)."""
MOST_OF_SKB = 4 * FRAME - SHARED_INFO
"""SKB_MAX_ALLOC: no helper makes a packet above the driver longer."""
_UNWRITTEN = bytes(state == UNINITIALISED for state in range(256))


class Packet:
    """A packet in memory: what programs see of it moves, what was seen before is stale then."""

    start: int
    """Where it begins."""
    end: int
    meta: int
    """Where its metadata begins, which lies before it."""
    lowest: int
    """Where it began at the lowest, with its metadata: below that there was never anything of it."""

    def __init__(
        self,
        memory: Memory,
        data: bytes,
        *,
        writable: bool,
        front: int = 0,
        headroom: int = HEADROOM,
        tailroom: int = TAILROOM,
    ) -> None:
        """Put a packet into memory. Its first `front` bytes are headers that programs do not see."""
        self._memory = memory
        self._state = READY if writable else READ_ONLY
        self._take(headroom, data, tailroom)
        self._bound(self.start + front, self.end)

    @property
    def data(self) -> bytes:
        """What programs see of it, as it is now."""
        return self._memory.read(self.start, self.size)

    @property
    def size(self) -> int:
        """The bytes that programs see."""
        return self.end - self.start

    def resize(self, start: int, end: int, meta: int | None = None) -> None:
        """Move its bounds, which must lie within its memory; what is not within any more is stale."""
        meta, before, unwritten = start if meta is None else meta, self.meta, self.unwritten
        self._memory.paint(min(self.meta, meta), max(self.end, end) - min(self.meta, meta), STALE)
        self._bound(start, end, meta)
        self.leave_unwritten(before - start, unwritten)

    def move(self) -> None:
        """Put it somewhere else, as it is: who kept its old address is found out."""
        old, start, end, meta, unwritten = self.block, self.start, self.end, self.meta, self.unwritten
        lowest = self.lowest
        self._take(0, self._memory.read(old.address, old.size), 0)
        way = self.block.address - old.address
        self._bound(start + way, end + way, meta + way)
        self.lowest = lowest + way
        self.leave_unwritten(self.meta - self.start, unwritten)
        self._leave(old)

    def replace(self, data: bytes, *, front: int = 0) -> None:
        """Put other bytes in its place, somewhere else. Its metadata is gone."""
        old = self.block
        self._take(HEADROOM, data, TAILROOM)
        self._bound(self.start + front, self.end)
        self._leave(old)

    def refill(self, data: memoryview) -> None:
        """Hold other bytes at the same place, if no program has moved it. ValueError where they have no room."""
        start, end = self.start, self.start + len(data)
        room = self.block.address + self.block.size - start
        if len(data) > room:
            raise ValueError(f"a packet of {len(data)} bytes, where {room} have room")
        self._memory.paint(start, self.size, OUTSIDE)
        self._memory.data[start:end] = data
        self._bound(start, end)

    @property
    def unwritten(self) -> bytes:
        """1 for each byte that programs see, from the metadata on, and that nobody has written."""
        return bytes(self._memory.shadow[self.meta : self.end]).translate(_UNWRITTEN)

    def leave_unwritten(self, offset: int, unwritten: bytes) -> None:
        """Say of bytes from an offset on that nobody has written those that have a 1, as far as programs see them."""
        at = unwritten.find(1)
        while at >= 0:
            if self.meta - self.start <= offset + at < self.size:
                self._memory.paint(self.start + offset + at, 1, UNINITIALISED)
            at = unwritten.find(1, at + 1)

    def free(self) -> None:
        """Give its memory back."""
        self._memory.free(self.block)

    def _take(self, headroom: int, data: bytes, tailroom: int) -> None:
        """Take memory, and put bytes there, which nobody sees yet."""
        size = headroom + len(data) + tailroom
        origin = "the packet that the program is given"
        self.block = self._memory.allocate(size, "packet", state=OUTSIDE, origin=origin)
        self.hard_start = self.block.address
        self.hard_end = self.block.address + size
        self.start = self.hard_start + headroom
        self.lowest = self.start
        self.end = self.start + len(data)
        self._memory.data[self.start : self.end] = data

    def _bound(self, start: int, end: int, meta: int | None = None) -> None:
        """Show what lies between two addresses, and the metadata before it."""
        self.start, self.end, self.meta = start, end, start if meta is None else meta
        self.lowest = min(self.lowest, self.meta)
        self._memory.paint(self.meta, start - self.meta, READY)
        self._memory.paint(start, end - start, self._state)
        self.block.describe = _described(start - self.hard_start, end - start)

    def _leave(self, old: Block) -> None:
        self._memory.free(old)
        self._memory.paint(old.address, old.size, STALE)


def _described(start: int, length: int) -> Callable[[int], tuple[str, int, int]]:
    """What an error says of a packet, wherever it lies now."""

    def describe(_offset: int) -> tuple[str, int, int]:
        return "packet", start, length

    return describe
