"""Who holds a map or a program of a machine, counted as the kernel counts: what nobody holds is let go of."""

from __future__ import annotations

from _thread import RLock

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
        self._counting = RLock()

    def when_free(self, do: Callable[[], None]) -> None:
        """Say what is to be done when nobody holds it any more."""
        self._free.append(do)

    def take(self) -> None:
        """A program holds it, an entry of a map, or who has its memory mapped."""
        self._count(others=1)

    def drop(self) -> None:
        """One of them does not any more."""
        self.later(self.dropped)

    def take_handle(self) -> None:
        """User code has another handle of it."""
        self._count(users=1)

    def close_handle(self) -> None:
        """User code has closed a handle."""
        self.later(self.handle_closed)

    def dropped(self) -> None:
        """The same as `drop()`, where no program runs."""
        self._count(others=-1)

    def handle_closed(self) -> None:
        """The same as `close_handle()`, where no program runs."""
        self._count(users=-1)

    def _count(self, users: int = 0, others: int = 0) -> None:
        """Count, in whatever thread, and do what is due then."""
        with self._counting:
            self._users += users
            self._others += others
            unused = users < 0 and not self._users
            free = self._free if not self._users and not self._others else []
            if free:
                self._free = []
        if unused:
            self._without_user()
        for each in free:
            each()
