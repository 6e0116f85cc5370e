"""What `items()` and `values()` of a live map give."""

from __future__ import annotations

from osmia.generic import Generic, ItemsView, TypeVar, ValuesView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

K = TypeVar("K")
V = TypeVar("V")


class Items(ItemsView[K, V], Generic[K, V]):
    """Keys with their values, as the map holds them while they are walked."""

    _mapping: Any

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._mapping._entries()  # type: ignore[no-any-return]  # noqa: SLF001 - a view is part of its map


class Values(ValuesView[V], Generic[V]):
    """The values, as the map holds them while they are walked."""

    _mapping: Any

    def __iter__(self) -> Iterator[V]:
        return (value for _, value in self._mapping.items())
