"""The rows of the table of helpers by their numbers, which calls hold."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from osmia.abi.helpers import helpers

if TYPE_CHECKING:
    from osmia.abi.helper_row import HelperRow


@lru_cache(1)
def rows() -> dict[int, HelperRow]:
    """Every helper by its number."""
    return {row.number: row for row in helpers().values()}


def row_of(number: int) -> HelperRow | None:
    """The helper of a number; None where there is none."""
    return rows().get(number)


@lru_cache(1)
def kinds_asked() -> frozenset[str]:
    """The kinds of programs that the table knows."""
    return frozenset(kind for row in rows().values() for kind in row.kinds)
