"""A ring buffer's records: where the next one goes, when it is there, and whom that wakes, as kernel/bpf/ringbuf.c."""

from __future__ import annotations

import errno

from osmia.abi.generated.flags import BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP
from osmia.maps.ring_reader import BUSY, DISCARD, HEADER, LENGTH, step_of
from osmia.vm.maps.waking import Flag, Written, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LARGEST_RECORD = (1 << 32) // 4 - 1
"""RINGBUF_MAX_RECORD_SZ is UINT_MAX / 4."""


class Mirrored:
    """The memory of a ring twice, one behind the other: what is written over the end is at the start, too."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.whole = memoryview(bytearray(2 * size))

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, place: slice) -> memoryview:
        return self.whole[place]

    def __setitem__(self, place: slice, data: bytes) -> None:
        start, size = place.start, self.size
        before = min(len(data), size - start)
        for at, piece in ((start, data[:before]), (0, data[before:])):
            self.whole[at : at + len(piece)] = piece
            self.whole[at + size : at + size + len(piece)] = piece


class Ring:
    """A ring in memory (a `maps.backend.RingMemory`), and the end of it that is not user code's."""

    wants_a_look = True

    def __init__(self, size: int, *, written: bool) -> None:
        """A ring of so many bytes; `written` by user code, or read by it."""
        self.size = size
        self.flag = Flag()
        self._mirrored = Mirrored(size)
        # User code writes by slices, and reads memory.
        self._headers = self._mirrored.whole.cast("I")
        self.data: Any = self._mirrored if written else self._mirrored.whole.toreadonly()
        self.words = self._headers if written else self._headers.toreadonly()
        self.consumed: Any = number()
        self.produced: Any = number() if written else Written(self._look)
        self._pending = 0
        """Where the first record is that may still be busy."""

    @property
    def fd(self) -> int:
        """What can be waited on."""
        if self.produced[0] != self.consumed[0]:
            self.flag.change(up=True)
        return self.flag.fileno()

    # Records of programs

    def reserve(self, length: int) -> int:
        """Make room for a record: its position, -1 where there is none."""
        step = step_of(length)
        if length > LARGEST_RECORD or step > self.size:
            return -1
        position: int = self.produced.value
        after = position + step
        while self._pending < position:
            header = self._headers[self._place(self._pending) >> 2]
            if header & BUSY:
                break
            self._pending += step_of(header & LENGTH)
        if after - self.consumed[0] >= self.size or after - self._pending >= self.size:
            return -1
        self._put_header(position, length | BUSY)
        self.produced.value = after
        return position

    def commit(self, position: int, data: bytes | None, length: int, flags: int) -> None:
        """Submit a record of that length, or discard it: None."""
        if data is not None:
            at = self._place(position + HEADER)
            self._mirrored[at : at + length] = data
        self._put_header(position, length if data is not None else length | DISCARD)
        caught_up = self._place(self.consumed[0]) == self._place(position)
        if flags & BPF_RB_FORCE_WAKEUP or (caught_up and not flags & BPF_RB_NO_WAKEUP):
            self.flag.change(up=True)

    def query(self, which: int) -> int:
        """A figure: what was not read yet, the size, the reader's position, the writer's (BPF_RB_*)."""
        consumed: int = self.consumed[0]
        produced: int = self.produced.value
        return {0: produced - consumed, 1: self.size, 2: consumed, 3: produced}.get(which, 0)

    # Records of user code

    def peek(self) -> tuple[int, bytes]:
        """The next record that user code has written: a negative error number, or 0; and its data."""
        produced, at = self.produced[0], self.consumed[0]
        if produced % 8:
            return -errno.EINVAL, b""
        if at >= produced:
            return -errno.ENODATA, b""
        start = self._place(at)
        header = self._headers[start >> 2]
        length = header & LENGTH
        if step_of(length) > produced - at:
            return -errno.EINVAL, b""
        if step_of(length) > self.size:
            return -errno.E2BIG, b""
        if header & DISCARD:
            self.release(length)
            return -errno.EAGAIN, b""
        if header & BUSY:
            return -errno.ENODATA, b""
        return 0, bytes(self._mirrored.whole[start + HEADER : start + HEADER + length])

    def release(self, length: int) -> None:
        """A record was read."""
        self.consumed[0] += step_of(length)

    def tell_writer(self) -> None:
        """Wake who waits for room: what polls for writing sees each time that the flag goes down."""
        self.flag.change(up=True)
        self.flag.change(up=False)

    def _look(self) -> None:
        """Somebody looks whether there is something to read."""
        if self.flag.up:
            with self.flag.lock:
                if self.produced.value == self.consumed[0]:
                    self.flag.change(up=False)

    def _place(self, position: int) -> int:
        return position & (self.size - 1)

    def _put_header(self, position: int, word: int) -> None:
        at = self._place(position)
        self._mirrored[at : at + HEADER] = word.to_bytes(HEADER, "little")
