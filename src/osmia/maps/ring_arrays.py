"""Events of a ring as NumPy arrays: headers are compared many at a time, and events never become Python objects."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from osmia.maps.draining import View, reader_of
from osmia.maps.ring_reader import BUSY, DISCARD, HEADER, LENGTH, step_of

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from osmia.maps.draining import Viewed
    from osmia.maps.ring import RingBuf
    from osmia.maps.ring_reader import RingReader

FEW = 64
"""So many headers are compared sooner without NumPy."""


class Run(NamedTuple):
    """Events that lie one behind the other, nothing between them."""

    at: int
    """The position of the first."""
    events: int


def drain(ring: RingBuf[Any], most: int | None) -> np.ndarray[Any, Any]:
    """What `drain()` gives.

    Events are copied with their headers, as one piece, which takes half the time.
    """
    reader = reader_of(ring, most)
    numpy, memory, step = reader.numpy, reader.memory, reader.step
    with reader.lock:
        there = memory.produced[0] - reader.begin()
        room = there if most is None else min(there, most * step)
        whole, filled = numpy.empty(room, numpy.uint8), 0
        while room - filled >= HEADER and most != 0:
            run = _next_run(reader, (room - filled) // step, refuse=not filled)
            if run is None:
                break
            place, size = run.at & reader.mask, run.events * step
            whole[filled : filled + size] = memory.data[place : place + size]
            if reader.advance(run.at, size):
                filled += size
    count = filled // step
    array: np.ndarray[Any, Any] = (
        numpy.ndarray((count,), reader.dtype, whole, HEADER, (step,)) if count else numpy.empty(0, reader.dtype)
    )
    return array


def view(ring: RingBuf[Any], most: int | None) -> View:
    """What `drain(copy=False)` gives."""
    reader = reader_of(ring, most)
    return View(reader, partial(_viewed, reader, most))


def _viewed(reader: RingReader, most: int | None) -> Viewed | None:
    run = _next_run(reader, most, refuse=True) if most != 0 else None
    if run is None:
        return None
    place = (run.at & reader.mask) + HEADER
    array = reader.numpy.ndarray((run.events,), reader.dtype, reader.memory.data, place, (reader.step,))
    return array, partial(reader.advance, run.at, run.events * reader.step)


def _next_run(reader: RingReader, most: int | None, *, refuse: bool) -> Run | None:
    """The next events that lie one behind the other; None where there is none. Discarded records are passed over.

    A record that is no event is taken out and refused; or else, it is what ends the events.
    """
    memory, step = reader.memory, reader.step
    while True:
        at = reader.begin()
        available = memory.produced[0] - at
        if available <= 0:
            return None
        place, count = at & reader.mask, available // step
        count = _equal(reader, place, count if most is None else min(count, most))
        if count:
            return Run(at, count)
        header = memory.words[place >> 2]
        if header & BUSY:
            return None
        if header == reader.size:  # it was submitted since it was looked at
            continue
        length, discarded = header & LENGTH, header & DISCARD
        if not discarded and not refuse:
            return None
        if reader.advance(at, step_of(length)) and not discarded:
            raise reader.wrong_length(length)


def _equal(reader: RingReader, place: int, count: int) -> int:
    """How many records from a place on are events that were submitted: their header is the length alone."""
    if count <= FEW:
        return reader.equal(place, count)
    numpy = reader.numpy
    other = numpy.ndarray((count,), numpy.uint32, reader.memory.data, place, (reader.step,)) != reader.size
    at = int(other.argmax())
    return at if other[at] else count
