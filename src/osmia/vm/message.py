"""A message that a socket sends: its bytes, and the pieces that they lie in, as helpers cut it up and join it."""

from __future__ import annotations

MOST_PIECES = 17
"""MAX_SKB_FRAGS: where there is no room for more pieces, the kernel copies two into one."""


class Message:
    """A message. What programs see of it at first is one piece."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.unwritten = bytearray(len(data))
        """1 for each byte that nobody has written: the kernel leaves there what lay in its memory before."""
        self._pieces = [len(data)]
        """How long they are."""

    @property
    def first(self) -> int:
        """How long the first piece is."""
        return self._pieces[0] if self._pieces else 0

    def see(self, start: int, data: bytes, unwritten: bytes) -> None:
        """Take in what the program has written to the part that it sees."""
        self.data[start : start + len(data)] = data
        self.unwritten[start : start + len(data)] = unwritten

    def pull(self, start: int, end: int) -> None:
        """Join the pieces that hold a part of it."""
        index, offset = self._find(start)
        last, reached = index, offset
        while reached < end:
            reached += self._pieces[last]
            last += 1
        self._pieces[index:last] = [reached - offset]

    def push(self, start: int, count: int) -> None:
        """Put bytes into it, which are a piece of their own where there is room for one."""
        self.data[start:start] = bytes(count)
        self.unwritten[start:start] = b"\1" * count
        index, offset = self._find(start)
        front, space = start - offset, MOST_PIECES - len(self._pieces)
        if index < len(self._pieces) and space < (2 if front else 1):
            self._pieces[index] += count
        elif front:
            self._pieces[index : index + 1] = [front, count, self._pieces[index] - front]
        else:
            self._pieces.insert(index, count)

    def pop(self, start: int, count: int) -> None:
        """Take bytes out of it."""
        del self.data[start : start + count], self.unwritten[start : start + count]
        index, offset = self._find(start)
        front = start - offset
        if front:
            back = self._pieces[index] - front - count
            if back > 0:
                split = len(self._pieces) < MOST_PIECES
                self._pieces[index : index + 1] = [front, back] if split else [front + back]
                return
            count -= self._pieces[index] - front
            self._pieces[index] = front
            index += 1
        while count and count >= self._pieces[index]:
            count -= self._pieces.pop(index)
        if count:
            self._pieces[index] -= count

    def _find(self, place: int) -> tuple[int, int]:
        """Which piece a byte lies in, and where that begins; what is behind the last one for the end."""
        offset = 0
        for index, length in enumerate(self._pieces):
            if place < offset + length:
                return index, offset
            offset += length
        return len(self._pieces), offset
