"""Events of a ring as NumPy arrays: headers are compared many at a time, and events never become Python objects."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from osmia.dtypes import import_numpy, numpy_dtype
from osmia.errors import shown
from osmia.maps.codec import Bytes
from osmia.maps.ring_reader import BUSY, DISCARD, HEADER, LENGTH, step_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import numpy as np

    from osmia.maps.ring import RingBuf
    from osmia.maps.ring_reader import RingReader

FEW = 64
"""So many headers are compared sooner without NumPy."""


class Run(NamedTuple):
    """Events that lie one behind the other, nothing between them."""

    place: int
    """Of the first header, in bytes."""
    events: int


def drain(ring: RingBuf[Any], most: int | None) -> np.ndarray[Any, Any]:
    """What `drain()` gives."""
    reader, dtype = _reader(ring, most)
    found = []
    with reader.lock:
        left = most
        while left != 0:
            run = _next_run(reader, left)
            if run is None:
                break
            found.append(_copied(reader, run, dtype))
            _advance(reader, run.events * step_of(reader.size))
            left = None if left is None else left - run.events
    if len(found) == 1:
        return found[0]
    numpy = import_numpy()
    return numpy.concatenate(found) if found else numpy.empty(0, dtype)  # type: ignore[no-any-return]


@contextmanager
def view(ring: RingBuf[Any], most: int | None) -> Iterator[np.ndarray[Any, Any]]:
    """What `drain(copy=False)` gives."""
    reader, dtype = _reader(ring, most)
    numpy = import_numpy()
    with reader.lock:
        run = _next_run(reader, most) if most != 0 else None
        if run is None:
            yield numpy.empty(0, dtype)
            return
        step = step_of(reader.size)
        array = numpy.ndarray((run.events,), dtype, reader.memory.data, run.place + HEADER, (step,))
        try:
            yield array
        finally:
            _advance(reader, run.events * step)


def _reader(ring: RingBuf[Any], most: object) -> tuple[RingReader, np.dtype[Any]]:
    if most is not None and (type(most) is not int or most < 0):
        raise TypeError(f"{ring.subject}: how many events is an int of 0 or more, or None for all, not {shown(most)}")
    if isinstance(ring.value, Bytes):
        raise TypeError(
            f"{ring.subject}: its events are bytes of any length, which no array holds: read them one by one"
        )
    return ring._opened(), numpy_dtype(ring.value)


def _next_run(reader: RingReader, most: int | None) -> Run | None:
    """The next events that lie one behind the other; None where there is none. Discarded records are passed over."""
    memory, step = reader.memory, step_of(reader.size)
    while True:
        at = reader.begin()
        available = memory.produced[0] - at
        if available <= 0:
            return None
        place, count = at & reader.mask, available // step
        count = _equal(reader, place, count if most is None else min(count, most))
        if count:
            return Run(place, count)
        header = memory.words[place >> 2]
        if header & BUSY:
            return None
        length = header & LENGTH
        _advance(reader, step_of(length))
        if not header & DISCARD:
            raise reader.wrong_length(length)


def _equal(reader: RingReader, place: int, count: int) -> int:
    """How many records from a place on are events that were submitted: their header is the length alone."""
    size, words = reader.size, step_of(reader.size) // 4
    first = place >> 2
    if count <= FEW:
        headers = reader.memory.words[first : first + count * words : words].tolist()
        return count if headers.count(size) == count else next(n for n, each in enumerate(headers) if each != size)
    numpy = import_numpy()
    other = numpy.ndarray((count,), numpy.uint32, reader.memory.data, place, (words * 4,)) != size
    at = int(other.argmax())
    return at if other[at] else count


def _copied(reader: RingReader, run: Run, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The events of a run. They are copied with their headers, as one piece, which takes half the time."""
    step = step_of(reader.size)
    whole = bytearray(reader.memory.data[run.place : run.place + run.events * step])
    return import_numpy().ndarray((run.events,), dtype, whole, HEADER, (step,))  # type: ignore[no-any-return]


def _advance(reader: RingReader, by: int) -> None:
    reader.at = reader.memory.consumed[0] = reader.at + by
