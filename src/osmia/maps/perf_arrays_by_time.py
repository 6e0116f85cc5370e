"""Events of an array of perf events as NumPy arrays in the order of time: times are sorted, not objects."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from osmia.dtypes import import_numpy
from osmia.maps.perf_arrays import Piece, copied, run
from osmia.maps.perf_reader import DATA, LOST, NUMBER, SAMPLE, TIME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy as np

    from osmia.maps.perf_by_time import Stamped, TimeReader, Turn


def of_taken(reader: TimeReader, most: int | None, dtype: np.dtype[Any]) -> list[Piece]:
    """Events that were taken out of the buffers before, those whose turn it is."""
    found: list[Stamped] = []
    try:
        while most is None or len(found) < most:
            taken = reader.taken
            if not taken or taken[0][0] > reader.complete:
                break
            first = taken[0]
            _, cpu, kind, data = first
            event = reader.is_event(kind, len(data))
            if not event and found and kind != LOST:  # an error, which the next call gives
                break
            if taken is not reader.taken or not taken or taken[0] is not first:  # a signal handler took this one
                continue
            taken.popleft()
            reader.at += len(data)
            if event:
                found.append(first)
            else:
                reader.pass_over(cpu, kind, data, 0, len(data))
        pieces = [_piece(found, reader.size, dtype)] if found else []
    except BaseException:
        reader.taken.extendleft(reversed(found))
        raise
    return pieces


def of_buffers(reader: TimeReader, most: int | None, dtype: np.dtype[Any]) -> list[Piece]:
    """Events out of the buffers. None of them where each is too young yet, or there is more than events."""
    turn = reader.wait()
    groups = _groups(reader, turn)
    if groups is None:
        reader.collect()
        return []
    numpy = import_numpy()
    pieces = [_piece(turn.records, reader.size, dtype)] if turn.records else []
    for cpu, size, records in groups:
        count = len(records) // size
        array = numpy.ndarray((count,), dtype, records, 0, (size,))
        pieces.append(Piece(numpy.full(count, cpu, numpy.uint32), array))
    if not pieces:
        return []
    whole = numpy.concatenate([each.records for each in pieces])
    cpus = numpy.concatenate([each.cpus for each in pieces])
    sorted_ = numpy.argsort(whole["time"], kind="stable")
    times = whole["time"][sorted_]
    end = int(numpy.searchsorted(times, turn.now, side="right"))
    end = end if most is None else min(end, most)
    kept = [_record(turn, groups, index) for index in sorted_[end:].tolist()]
    taken_before = sum(len(each[3]) for each in turn.records)
    if not reader.take_out(turn, deque(kept)):  # a signal handler reads too
        return []
    now = sorted_[:end]
    reader.at += sum(turn.ends) - sum(turn.starts) + taken_before - sum(len(each[3]) for each in kept)
    return [Piece(cpus[now], whole[now])] if end else []


Group = tuple[int, int, bytearray]
"""Events of one CPU and of one size that lie one behind the other: the CPU, the size, and all records."""


def _groups(reader: TimeReader, turn: Turn) -> list[Group] | None:
    """All that is in the buffers; None where there is more than events."""
    if not all(reader.is_event(kind, len(data)) for _, _, kind, data in turn.records):
        return None
    found = []
    for buffer, start, end in zip(reader.buffers.of, turn.starts, turn.ends, strict=True):
        at = start
        while at < end:
            size, count = run(reader, buffer, at, end, None)
            if not count:
                return None
            found.append((buffer.cpu, size, copied(buffer, at, size, count)))
            at += size * count
    return found


def _record(turn: Turn, groups: list[Group], index: int) -> Stamped:
    """The record of that index, counted through those that were taken out before and all groups."""
    if index < len(turn.records):
        return turn.records[index]
    index -= len(turn.records)
    for cpu, size, records in groups:
        count = len(records) // size
        if index < count:
            data = bytes(records[index * size : (index + 1) * size])
            return NUMBER.unpack_from(data, TIME)[0], cpu, SAMPLE, data
        index -= count
    raise AssertionError("there is no such record")


def _piece(found: Sequence[Stamped], size: int, dtype: np.dtype[Any]) -> Piece:
    """Records that were taken out, as one piece."""
    numpy = import_numpy()
    records = numpy.empty(len(found), dtype)
    records["time"] = [each[0] for each in found]
    events = bytearray().join([each[3][DATA : DATA + size] for each in found])
    records["event"] = numpy.frombuffer(events, dtype["event"])
    return Piece(numpy.array([each[1] for each in found], numpy.uint32), records)
