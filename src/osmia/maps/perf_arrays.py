"""Events of an array of perf events as NumPy arrays: headers are compared many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from osmia.dtypes import import_numpy, numpy_dtype
from osmia.maps.draining import check_drain
from osmia.maps.perf_by_time import TimeReader
from osmia.maps.perf_reader import DATA, NO_RECORD, SAMPLE, SIZE_SHIFT, TIME, WITHOUT_FLAGS, header, piece

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from osmia.maps.backend import PerfBuffer
    from osmia.maps.perf import PerfEventArray
    from osmia.maps.perf_reader import PerfReader

FEW = 64
"""So many headers are compared sooner without NumPy."""


class Piece(NamedTuple):
    """Events of one CPU, or of one moment."""

    cpus: Any
    """A number, or an array of them."""
    records: np.ndarray[Any, Any]
    """With the fields `time` and `event`."""


def drain(of: PerfEventArray[Any], most: int | None) -> np.ndarray[Any, Any]:
    """What `drain()` of the array gives."""
    reader, dtype = _reader(of, most)
    found = [each.records["event"] for each in _pieces(reader, most, dtype)]
    if len(found) == 1:
        return found[0]
    numpy = import_numpy()
    return numpy.concatenate(found) if found else numpy.empty(0, dtype)  # type: ignore[no-any-return]


def drain_samples(of: PerfEventArray[Any], most: int | None) -> np.ndarray[Any, Any]:
    """What `drain()` of its samples gives."""
    reader, dtype = _reader(of, most)
    found = _pieces(reader, most, dtype)
    numpy = import_numpy()
    count = sum(len(each.records) for each in found)
    whole: np.ndarray[Any, Any] = numpy.empty(count, [("event", dtype), ("cpu", "u4"), ("time", "u8")])
    at = 0
    for cpus, records in found:
        part = whole[at : at + len(records)]
        part["event"], part["cpu"], part["time"] = records["event"], cpus, records["time"]
        at += len(records)
    return whole


def _reader(of: PerfEventArray[Any], most: object) -> tuple[PerfReader, np.dtype[Any]]:
    check_drain(of, most)
    reader = of._opened()
    if reader.dtype is None:
        reader.dtype = numpy_dtype(of.value)
    return reader, reader.dtype


def _pieces(reader: PerfReader, most: int | None, event: np.dtype[Any]) -> list[Piece]:
    dtype = import_numpy().dtype(
        {"names": ["time", "event"], "formats": ["u8", event], "offsets": [TIME, DATA], "itemsize": DATA + reader.size}
    )
    with reader.buffers.lock:
        if isinstance(reader, TimeReader):
            return _oldest(reader, most, dtype)
        return _of_each_cpu(reader, most, dtype)


def _of_each_cpu(reader: PerfReader, most: int | None, dtype: np.dtype[Any]) -> list[Piece]:
    found: list[Piece] = []
    left = most
    for buffer in reader.buffers.of:
        end = buffer.head[0]
        while buffer.tail[0] < end and left != 0:
            at = buffer.tail[0]
            size, count = run(reader, buffer, at, end, left)
            if count:
                records = import_numpy().ndarray((count,), dtype, copied(buffer, at, size, count), 0, (size,))
                if _take_out(reader, buffer, at, size * count):
                    found.append(Piece(buffer.cpu, records))
                    left = None if left is None else left - count
                continue
            kind, size = header(buffer, at, end)
            if kind in (SAMPLE, NO_RECORD) and found:  # an error, which the next call gives
                return found
            data, place = piece(buffer, at, size)
            data = bytes(data[place : place + size])
            if _take_out(reader, buffer, at, size):
                reader.pass_over(buffer.cpu, kind, data, 0, size)
    return found


def run(reader: PerfReader, buffer: PerfBuffer, at: int, end: int, most: int | None) -> tuple[int, int]:
    """The size of the next record, and how many events of that size lie one behind the other from it on."""
    kind, size = header(buffer, at, end)
    if not reader.is_event(kind, size):
        return size, 0
    place = at & (len(buffer.data) - 1)
    count = min(end - at, len(buffer.data) - place) // size
    count = count if most is None else min(count, most)
    if count == 0:  # it reaches the end, and goes on at the start
        return size, 1
    expected = SAMPLE | size << SIZE_SHIFT
    if count <= FEW:
        first, step = place >> 3, size >> 3
        words = buffer.headers[first : first + count * step : step].tolist()
        return size, next((n for n, word in enumerate(words) if word & WITHOUT_FLAGS != expected), count)
    numpy = import_numpy()
    words = numpy.ndarray((count,), numpy.uint64, buffer.data, place, (size,))
    other = words & numpy.uint64(WITHOUT_FLAGS) != numpy.uint64(expected)
    index = int(other.argmax())
    return size, index if other[index] else count


def copied(buffer: PerfBuffer, at: int, size: int, count: int) -> bytearray:
    """Records in one piece. They are copied with their headers, which takes half the time."""
    data, place = piece(buffer, at, size * count)
    return bytearray(data[place : place + size * count])


def _take_out(reader: PerfReader, buffer: PerfBuffer, at: int, size: int) -> bool:
    """So many bytes were read, from a position on. False where others have read them meanwhile: a signal handler."""
    if buffer.tail[0] != at:
        return False
    reader.at += size
    buffer.tail[0] = at + size
    return True


def _oldest(reader: TimeReader, most: int | None, dtype: np.dtype[Any]) -> list[Piece]:
    """The oldest events, which are taken out."""
    from osmia.maps import perf_arrays_by_time

    while most != 0 and reader.pending:
        if reader.taken and reader.taken[0][0] <= reader.complete:
            return perf_arrays_by_time.of_taken(reader, most, dtype)
        found = perf_arrays_by_time.of_buffers(reader, most, dtype)
        if found:
            return found
    return []
