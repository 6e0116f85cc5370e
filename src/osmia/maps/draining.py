"""What events can be taken as a NumPy array, many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.errors import shown
from osmia.maps.codec import Bytes

if TYPE_CHECKING:
    from typing import Any

    from osmia.maps.declaration import Map


def check_drain(held: Map[Any, Any], most: object) -> None:
    """Refuse a `drain(most)` of events that no array holds, and what is no number of events. TypeError."""
    if most is not None and (type(most) is not int or most < 0):
        raise TypeError(f"{held.subject}: how many events is an int of 0 or more, or None for all, not {shown(most)}")
    if isinstance(held.value, Bytes):
        raise TypeError(
            f"{held.subject}: its events are bytes of any length, which no array holds: read them one by one"
        )
