"""The packet that a program is given, and the memory around it."""

from __future__ import annotations

from osmia.vm.memory import OUTSIDE, READ_ONLY, READY, STALE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.memory import Memory

HEADROOM = 256
"""XDP_PACKET_HEADROOM: so much may be put before a packet."""
TAILROOM = 4096


class Packet:
    """A packet in memory: what programs see of it moves, what was seen before is stale then."""

    def __init__(self, memory: Memory, data: bytes, *, writable: bool, headroom: int = HEADROOM) -> None:
        self._memory = memory
        self.block = memory.allocate(headroom + len(data) + TAILROOM, "packet", state=OUTSIDE)
        self.block.describe = self._describe
        self.block.origin = "the packet that the program is given"
        self.hard_start = self.block.address
        self.hard_end = self.block.address + self.block.size
        self.start = self.meta = self.hard_start + headroom
        """Where it begins, and the metadata before it: the same where there is none."""
        self.end = self.start + len(data)
        self.lowest, self.highest = self.start, self.end
        """What was part of it at some time lies between these."""
        self._state = READY if writable else READ_ONLY
        memory.data[self.start : self.end] = data
        memory.paint(self.start, len(data), self._state)

    @property
    def data(self) -> bytes:
        """The packet as it is now."""
        return self._memory.read(self.start, self.end - self.start)

    def resize(self, start: int, end: int, meta: int | None = None) -> None:
        """Move its bounds, which must lie within its memory; what is not within any more is stale."""
        meta = start if meta is None else meta
        self._memory.paint(min(self.meta, meta), max(self.end, end) - min(self.meta, meta), STALE)
        self.start, self.end, self.meta = start, end, meta
        self.lowest, self.highest = min(self.lowest, meta), max(self.highest, end)
        self._memory.paint(meta, start - meta, READY)
        self._memory.paint(start, end - start, self._state)

    def replace(self, data: memoryview) -> None:
        """Be another packet, at the place where the first one was: as if this memory had been asked for it.

        ValueError where it does not fit.
        """
        memory, start, end = self._memory, self.hard_start + HEADROOM, self.hard_start + HEADROOM + len(data)
        if end + TAILROOM > self.hard_end:
            raise ValueError(f"a packet of {len(data)} bytes, where {self.hard_end - start - TAILROOM} have room")
        memory.paint(self.lowest, self.highest - self.lowest, OUTSIDE)
        memory.data[start:end] = data
        memory.paint(start, len(data), self._state)
        self.start = self.meta = self.lowest = start
        self.end = self.highest = end

    def free(self) -> None:
        """Give its memory back."""
        self._memory.free(self.block)

    def _describe(self, _offset: int) -> tuple[str, int, int]:
        return "packet", self.start - self.hard_start, self.end - self.start
