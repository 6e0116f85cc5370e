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

    Looked = tuple[np.ndarray[Any, Any], tuple[int, ...] | None]
    """Memory of the next events as an array, and where that is; None where there are none."""


def check_drain(held: Map[Any, Any], most: object) -> None:
    """Refuse a `drain(most)` of events that no array holds, and what is no number of events. TypeError."""
    check_most(held.subject, most)
    check_events(held)


def check_most(subject: str, most: object) -> None:
    """Refuse what is no number of events. TypeError."""
    if most is not None and (type(most) is not int or most < 0):
        raise TypeError(f"{subject}: how many events is an int of 0 or more, or None for all, not {shown(most)}")


def check_events(held: Map[Any, Any]) -> None:
    """Refuse events that no array holds. TypeError."""
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

    __slots__ = ("_look", "_most", "_reader", "_take_out", "_where")

    def __init__(
        self, reader: Any, look: Callable[[int | None], Looked], take_out: Callable[..., object], most: int | None
    ) -> None:
        self._reader = reader
        self._look = look
        self._take_out = take_out
        """Called with where the events are that `look` has found."""
        self._most = most
        self._where: tuple[int, ...] | None = None

    def __enter__(self) -> np.ndarray[Any, Any]:
        reader = self._reader
        reader.lock.acquire()
        try:
            while True:
                before = reader.at
                array, where = self._look(self._most)
                if where is None:
                    return array
                reader.viewed = True
                if reader.at == before:
                    self._where = where
                    return array
                # Discarded records were passed over; or a signal handler has read, before it was kept from it.
                reader.viewed = False
        finally:
            if self._where is None:
                reader.lock.release()

    def __exit__(self, *exception: object) -> None:
        where, self._where = self._where, None
        if where is not None:
            self._reader.viewed = False
            try:
                self._take_out(*where)
            finally:
                self._reader.lock.release()
