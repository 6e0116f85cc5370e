"""Who holds a map or a program of a machine, counted as the kernel counts: what nobody holds is let go of."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Holders:
    """How often a thing is held, at first by one handle.

    Counts go down when no program runs: what a run may have looked up stays until it ends.
    """

    def __init__(self, let_go: Callable[[Callable[[], None]], None], without_user: Callable[[], None]) -> None:
        """`let_go` does something when no program runs, `without_user` is for when user code has no handle any more."""
        self.later = let_go
        self._without_user = without_user
        self._users = 1
        self._others = 0
        self._free: list[Callable[[], None]] = []

    def when_free(self, do: Callable[[], None]) -> None:
        """Say what is to be done when nobody holds it any more."""
        self._free.append(do)

    def take(self) -> None:
        """A program holds it, an entry of a map, or who has its memory mapped."""
        self._others += 1

    def drop(self) -> None:
        """One of them does not any more."""
        self.later(self.dropped)

    def take_handle(self) -> None:
        """User code has another handle of it."""
        self._users += 1

    def close_handle(self) -> None:
        """User code has closed a handle."""
        self.later(self.handle_closed)

    def dropped(self) -> None:
        """The same as `drop()`, where no program runs."""
        self._others -= 1
        self._look()

    def handle_closed(self) -> None:
        """The same as `close_handle()`, where no program runs."""
        self._users -= 1
        if not self._users:
            self._without_user()
        self._look()

    def _look(self) -> None:
        if not self._users and not self._others:
            free, self._free = self._free, []
            for each in free:
                each()
