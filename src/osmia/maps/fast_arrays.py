"""Events of rings in memory as NumPy arrays."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from osmia.maps.draining import View, reader_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import numpy as np

    from osmia.maps.fast_reader import FastReader
    from osmia.maps.fast_ring import FastRing


class Run(NamedTuple):
    """Events of a CPU, in their order."""

    cpu: int
    at: int
    """The position of the first."""
    events: int


def drain(ring: FastRing[Any], most: int | None) -> np.ndarray[Any, Any]:
    """What `drain()` gives."""
    reader = reader_of(ring, most)
    with reader.lock:
        while True:
            runs = _runs(reader, most)
            # One copy of all of them: the array takes its bytes over.
            whole = bytearray().join(piece for run in runs for piece in _pieces(reader, run))
            if not _taken(reader, runs):  # a signal handler has read meanwhile
                continue
            if runs or most == 0 or reader.rest():
                return reader.numpy.ndarray((len(whole) // reader.size,), reader.dtype, whole)  # type: ignore[no-any-return]


def view(ring: FastRing[Any], most: int | None) -> View:
    """What `drain(copy=False)` gives."""
    reader = reader_of(ring, most)
    return View(reader, partial(_look, reader), partial(_take_out, reader), most)


def _look(reader: FastReader, most: int | None) -> tuple[np.ndarray[Any, Any], Run | None]:
    run = _next_piece(reader, most)
    if run is None:
        return reader.numpy.empty(0, reader.dtype), None
    array = reader.numpy.ndarray((run.events,), reader.dtype, reader.memory.data, reader.place(run.cpu, run.at))
    array.flags.writeable = False
    return array, run


def _take_out(reader: FastReader, cpu: int, at: int, events: int) -> None:
    reader.turn = cpu
    reader.advance(cpu, at, events)


def _runs(reader: FastReader, most: int | None) -> list[Run]:
    """What there is to read. A limited drain goes on with the next CPU each time."""
    found, left = [], most
    first = 0 if most is None else reader.turn + 1
    for number in range(reader.cpus):
        cpu = (first + number) % reader.cpus
        at, count = reader.run(cpu, left)
        if count > 0:
            found.append(Run(cpu, at, count))
            left = None if left is None else left - count
    return found


def _taken(reader: FastReader, runs: list[Run]) -> bool:
    """Take runs out of the rings; none of them where a signal handler has read from one meanwhile."""
    at = [reader.begin(run.cpu) for run in runs]
    if at != [run.at for run in runs]:
        return False
    for run in runs:
        reader.advance(run.cpu, run.at, run.events)
        reader.turn = run.cpu
    return True


def _pieces(reader: FastReader, run: Run) -> Iterator[memoryview]:
    """The bytes of a run: in two pieces where it goes on at the start of the ring."""
    first = reader.piece(run.at, run.events)
    for start, count in ((run.at, first), (run.at + first, run.events - first)):
        if count:
            place = reader.place(run.cpu, start)
            yield reader.memory.data[place : place + count * reader.size]


def _next_piece(reader: FastReader, most: int | None) -> Run | None:
    """The next events that lie one behind the other, of the next CPU that has some; None where none has."""
    while most != 0:
        for number in range(1, reader.cpus + 1):
            cpu = (reader.turn + number) % reader.cpus
            at, count = reader.run(cpu, most)
            if count > 0:
                return Run(cpu, at, reader.piece(at, count))
        if reader.rest():
            break
    return None
