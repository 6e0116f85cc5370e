"""What the maps of a program hold, before and after: for the text of a failed test, and to compare two engines."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from osmia.maps.globals import Variable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.maps.declaration import Shared

MOST_ENTRIES = 256
"""Maps with more entries are left out of the text of a failed test: reading them would slow each run down."""
ABSENT = "nothing"


class Snapshot:
    """The contents of maps and globals at one moment, as texts, by the names of the maps and the keys."""

    def __init__(self, held: Iterable[Shared], most: int = MOST_ENTRIES) -> None:
        self._held = tuple(held)
        self._most = most
        self.contents = {each.subject: found for each in self._held if (found := _contents(each, most)) is not None}
        """Of what can be read; a global is a map with one key, which is empty."""

    def changes(self) -> list[str]:
        """What is different now: `counts[0]: 0 -> 1`."""
        return differences(self.contents, Snapshot(self._held, self._most).contents, "->")


def differences(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]], between: str) -> list[str]:
    """Each entry that is not the same in both, with both values."""
    found = []
    for name, old in before.items():
        new = after.get(name, {})
        for key in {**old, **new}:
            one, other = old.get(key, ABSENT), new.get(key, ABSENT)
            if one != other:
                found.append(f"{name}{key}: {one} {between} {other}")
    return found


def _contents(held: Shared, most: int) -> dict[str, str] | None:
    if not held.live:
        return None
    if isinstance(held, Variable):
        return {"": repr(getattr(held, "value", None))}
    items: Any = getattr(held, "items", None)
    if items is None:
        return None
    entries = list(islice(items(), most + 1))
    if len(entries) > most:
        return None
    return {f"[{key!r}]": repr(value) for key, value in entries}
