"""The order in which a hash map gives its keys, kept for a whole walk."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable


class Order:
    """Keys in their order, good until another one comes. Those that have gone since are passed over."""

    def __init__(self, keys: Iterable[bytes], arrived: int) -> None:
        """`arrived` is how many keys the map had been given in all."""
        self.arrived = arrived
        self._keys = [*keys]
        self._places = {key: place for place, key in enumerate(self._keys)}
        self._first = 0

    def after(self, key: bytes | None, there: Container[bytes]) -> bytes | None:
        """The key after another one, the first one for None or one that is not `there`; None at the end."""
        if key is None or key not in there:
            place = self._first = self._next(self._first, there)
        else:
            place = self._next(self._places[key] + 1, there)
        return self._keys[place] if place < len(self._keys) else None

    def _next(self, place: int, there: Container[bytes]) -> int:
        while place < len(self._keys) and self._keys[place] not in there:
            place += 1
        return place
