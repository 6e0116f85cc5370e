"""Events of a ring as NumPy arrays: headers are compared many at a time, and events never become Python objects."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from osmia.dtypes import import_numpy, numpy_dtype
from osmia.maps.draining import check_drain
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

    at: int
    """The position of the first."""
    events: int


def drain(ring: RingBuf[Any], most: int | None) -> np.ndarray[Any, Any]:
    """What `drain()` gives."""
    reader, dtype = reader_of(ring, most)
    found: list[np.ndarray[Any, Any]] = []
    with reader.lock:
        left = most
        while left != 0:
            run = _next_run(reader, left, refuse=not found)
            if run is None:
                break
            copied = _copied(reader, run, dtype)
            if reader.advance(run.at, run.events * reader.step):
                found.append(copied)
                left = None if left is None else left - run.events
    if len(found) == 1:
        return found[0]
    numpy = import_numpy()
    return numpy.concatenate(found) if found else numpy.empty(0, dtype)  # type: ignore[no-any-return]


@contextmanager
def view(ring: RingBuf[Any], most: int | None) -> Iterator[np.ndarray[Any, Any]]:
    """What `drain(copy=False)` gives."""
    reader, dtype = reader_of(ring, most)
    numpy = import_numpy()
    with reader.lock:
        run = _next_run(reader, most, refuse=True) if most != 0 else None
        if run is None:
            yield numpy.empty(0, dtype)
            return
        reader.viewed = True
        try:
            place = (run.at & reader.mask) + HEADER
            yield numpy.ndarray((run.events,), dtype, reader.memory.data, place, (reader.step,))
        finally:
            reader.viewed = False
            reader.advance(run.at, run.events * reader.step)


def reader_of(ring: Any, most: object) -> tuple[Any, np.dtype[Any]]:
    """What reads a ring, and the dtype of its events. TypeError for what no array can be made of."""
    check_drain(ring, most)
    reader = ring._opened()
    if reader.dtype is None:
        reader.dtype = numpy_dtype(ring.value)
    return reader, reader.dtype


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
    size, words = reader.size, reader.step >> 2
    numpy = import_numpy()
    other = numpy.ndarray((count,), numpy.uint32, reader.memory.data, place, (words * 4,)) != size
    at = int(other.argmax())
    return at if other[at] else count


def _copied(reader: RingReader, run: Run, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The events of a run. They are copied with their headers, as one piece, which takes half the time."""
    step, place = reader.step, run.at & reader.mask
    whole = bytearray(reader.memory.data[place : place + run.events * step])
    return import_numpy().ndarray((run.events,), dtype, whole, HEADER, (step,))  # type: ignore[no-any-return]
