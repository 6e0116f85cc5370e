"""Numbers as tests write them: Python's, or those of NumPy; and the refusal of what is none."""

from __future__ import annotations

from osmia.errors import shown
from osmia.maps.codec import integer_of


def number_in(given: object, largest: int, what: str) -> int:
    """A number from 0 to `largest`; `what` names it in the error."""
    found = as_number(given)
    if found is None:
        raise TypeError(f"{what} is a number, 0 to {largest}, not {shown(given)}")
    if not 0 <= found <= largest:
        raise ValueError(f"{what} is 0 to {largest}, not {found}")
    return found


def as_number(given: object) -> int | None:
    """None for what is no number. True and False are none."""
    return None if isinstance(given, bool) else integer_of(given)
