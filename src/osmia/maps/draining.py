"""What events can be taken as a NumPy array, many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.dtypes import import_numpy, numpy_dtype
from osmia.errors import shown
from osmia.maps.codec import Bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import numpy as np

    from osmia.maps.declaration import Map

    Viewed = tuple[np.ndarray[Any, Any], Callable[[], object]]
    """Memory of the next events as an array, and what takes them out."""


def check_drain(held: Map[Any, Any], most: object) -> None:
    """Refuse a `drain(most)` of events that no array holds, and what is no number of events. TypeError."""
    if most is not None and (type(most) is not int or most < 0):
        raise TypeError(f"{held.subject}: how many events is an int of 0 or more, or None for all, not {shown(most)}")
    if held.value is bytes or isinstance(held.value, Bytes):
        raise TypeError(
            f"{held.subject}: its events are bytes of any length, which no array holds: read them one by one"
        )


def reader_of(ring: Any, most: object) -> Any:
    """What reads a ring, which knows NumPy from then on. TypeError for what no array can be made of."""
    check_drain(ring, most)
    reader = ring._opened()
    if reader.dtype is None:
        reader.numpy, reader.dtype = import_numpy(), numpy_dtype(ring.value)
    return reader


class View:
    """What `drain(copy=False)` gives: an array of what is in the ring, for as long as a `with` block lasts."""

    __slots__ = ("_find", "_reader", "_take_out")

    def __init__(self, reader: Any, find: Callable[[], Viewed | None]) -> None:
        self._reader = reader
        self._find = find
        self._take_out: Callable[[], object] | None = None

    def __enter__(self) -> np.ndarray[Any, Any]:
        reader = self._reader
        reader.lock.acquire()
        try:
            found = self._find()
            if found is None:
                return reader.numpy.empty(0, reader.dtype)  # type: ignore[no-any-return]
            array, self._take_out = found
            reader.viewed = True
        finally:
            if self._take_out is None:
                reader.lock.release()
        return array

    def __exit__(self, *exception: object) -> None:
        take_out, self._take_out = self._take_out, None
        if take_out is not None:
            self._reader.viewed = False
            take_out()
            self._reader.lock.release()
