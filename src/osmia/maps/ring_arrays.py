"""Events of a ring as NumPy arrays: headers are compared many at a time, and events never become Python objects.

What Python does around the events of a drain, it does once, and out of cold caches: a call costs as much there as
hundreds of events. So there are few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.dtypes import import_numpy, numpy_dtype
from osmia.maps.draining import View, check_events, check_most
from osmia.maps.ring_reader import BUSY, DISCARD, HEADER, LENGTH, step_of

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from osmia.maps.ring import RingBuf
    from osmia.maps.ring_reader import RingReader

    Array = np.ndarray[Any, Any]

AT_ONCE = 1 << 14
"""So many headers are compared together: what is copied of them stays in a core's own cache."""
OTHER = -1
"""In place of how many events there are: what comes next is a record that is no event."""


class Arrays:
    """A ring's memory, as NumPy reads it."""

    __slots__ = ("_dtype", "_numpy", "_submitted", "_words", "reader")

    def __init__(self, ring: RingBuf[Any], reader: RingReader) -> None:
        """TypeError for events that no array holds; MissingExtraError without NumPy."""
        check_events(ring)
        self._numpy, self._dtype, self.reader = import_numpy(), numpy_dtype(ring.value), reader
        self._words = self._numpy.frombuffer(reader.memory.data, self._numpy.uint32)
        self._submitted = reader.size.to_bytes(4, "little") * min(AT_ONCE, (reader.mask + 1) // reader.step)
        """The headers of many events that were submitted."""

    def drain(self, most: int | None) -> Array:
        """What `drain()` gives.

        Events are copied with their headers, as one piece, which is sooner done. They are taken out in one step, after
        that: what interrupts it loses none.
        """
        reader = self.reader
        step = reader.step
        check_most(reader.subject, most)
        with reader.lock:
            while True:
                begin = reader.begin()
                at, pieces, other = self._pieces(begin, reader.memory.produced[0], most)
                whole = bytearray().join(pieces)
                if other and not whole:
                    self._refuse(begin, at)
                elif reader.advance(begin, at - begin):
                    break
        count = len(whole) // step
        if not count:
            return self._nothing()
        return self._numpy.ndarray((count,), self._dtype, whole, HEADER, (step,))  # type: ignore[no-any-return]

    def view(self, most: int | None) -> View:
        """What `drain(copy=False)` gives."""
        reader = self.reader
        check_most(reader.subject, most)
        return View(reader, self._look, reader.advance, most)

    def _look(self, most: int | None) -> tuple[Array, tuple[int, int] | None]:
        """The memory of the next events, and where they are and how many bytes they take."""
        reader = self.reader
        step = reader.step
        while True:
            begin = reader.begin()
            at, count = self._next(begin, reader.memory.produced[0], most)
            if count == OTHER:
                self._refuse(begin, at)
            elif at == begin or reader.advance(begin, at - begin):
                break
        if not count:
            return self._nothing(), None
        place = (at & reader.mask) + HEADER
        return self._numpy.ndarray((count,), self._dtype, reader.memory.data, place, (step,)), (at, count * step)

    def _nothing(self) -> Array:
        return self._numpy.empty(0, self._dtype)  # type: ignore[no-any-return]

    def _pieces(self, at: int, end: int, most: int | None) -> tuple[int, list[memoryview | bytes], bool]:
        """The records from `at` on that are events, where they end, and whether that is at a record that is none."""
        reader = self.reader
        pieces: list[memoryview | bytes] = []
        step, data = reader.step, reader.memory.data
        while True:
            at, count = self._next(at, end, most)
            if count <= 0:
                return at, pieces, count == OTHER
            place = at & reader.mask
            pieces.append(data[place : place + count * step])
            at += count * step
            if most is not None:
                most -= count
            if at < end and most != 0:
                piece, count = self._among_discarded(at, _room(end - at, step, most))
                pieces.append(piece)
                at += count * step
                if most is not None:
                    most -= len(piece) // step

    def _next(self, at: int, end: int, most: int | None) -> tuple[int, int]:
        """Where the next events are, and how many lie one behind the other, of what lies from `at` to `end`.

        There may be none, as what comes next is not submitted yet, or OTHER. Discarded records are passed over.
        """
        reader = self.reader
        while at < end and most != 0:
            place, room = at & reader.mask, _room(end - at, reader.step, most)
            count = self._equal(place, room)
            if count:
                return at, count
            header = reader.memory.words[place >> 2]
            if header & BUSY:
                break
            if header & DISCARD:
                at += step_of(header & LENGTH)
            elif header != reader.size or not room:  # or else it was submitted since it was looked at
                return at, OTHER
        return at, 0

    def _headers(self, place: int, count: int) -> Array:
        """Of records that lie a step apart."""
        words = self.reader.step >> 2
        place >>= 2
        return self._words[place : place + count * words : words]  # type: ignore[no-any-return]

    def _equal(self, place: int, count: int) -> int:
        """How many records from a place on are events that were submitted: their header is the length alone."""
        step = self.reader.step
        for found in range(0, count, AT_ONCE):
            headers = self._headers(place + found * step, min(count - found, AT_ONCE)).tobytes()
            if not self._submitted.startswith(headers):
                other = self._numpy.frombuffer(headers, self._numpy.uint32) != self.reader.size
                return found + int(other.argmax())
        return count

    def _among_discarded(self, at: int, count: int) -> tuple[bytes, int]:
        """The events among the next records, where others are discarded ones of their length; how many both are."""
        reader = self.reader
        place, step, size = at & reader.mask, reader.step, reader.size
        headers = self._headers(place, count).copy()
        events = headers == size
        both = events | (headers == size | DISCARD)
        if not both.all():
            count = int(both.argmin())
        records = self._numpy.ndarray((count,), f"V{step}", reader.memory.data, place, (step,))
        return records[events[:count]].tobytes(), count

    def _refuse(self, begin: int, at: int) -> None:
        """Take a record out that is no event, and say so. Nothing, where a signal handler has read meanwhile."""
        reader = self.reader
        length = reader.memory.words[(at & reader.mask) >> 2] & LENGTH
        if reader.advance(begin, at + step_of(length) - begin):
            raise reader.wrong_length(length)


def _room(size: int, step: int, most: int | None) -> int:
    """How many events so many bytes may have, `most` at most."""
    count = size // step
    return count if most is None or count < most else most
