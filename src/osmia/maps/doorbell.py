"""How programs wake who waits for events that lie in memory, of which the kernel knows nothing."""

from __future__ import annotations

import os
import select
from time import monotonic

from osmia.maps.ring import Ring
from osmia.maps.table import MAP_KINDS
from osmia.types import u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from osmia.maps.backend import RingMemory
    from osmia.maps.declaration import Map

    class Rung(Protocol):
        """What has such a bell."""

        @property
        def pending(self) -> int:
            """How many bytes of events were not read yet."""

        def arm(self) -> None:
            """Ask programs to ring at their next event."""


SIZE = 4096
"""Of the ring buffer, in bytes."""
SETTLED = 0.000_05
"""By when a store of any CPU is seen by all others, in seconds: they leave its store buffer within a few hundredths."""


class Bell(Ring[int]):
    """The bell of a ring in memory: a ring buffer that programs write to where a reader sleeps, since that wakes it."""

    kind = MAP_KINDS["RingBuf"]

    def __init__(self, ring: Map[Any, Any]) -> None:
        """That of a ring."""
        of: Any = u64
        self._ring = ring
        self.declared_at = ring.declared_at
        self._name = ""
        self._declare(None, of, max_entries=SIZE, flags=0)

    @property
    def name(self) -> str:
        """After the ring; empty as long as that has no name."""
        return f"{self._ring.name}_bell" if self._ring.name else ""


class Doorbell:
    """The reading end of a bell: a descriptor that is readable while there is something to read, or there may be.

    Before a reader sleeps it asks programs to ring, and looks again. A program that has not seen that by then has
    written its event, which the reader may not see yet: each has stored what the other one loads, and no barrier stands
    in between, as it would cost programs more than all the rest. So the descriptor stays readable until the reader has
    looked once more, when everything that was stored by then is seen by all.
    """

    def __init__(self, of: Rung, bell: RingMemory) -> None:
        self._of = of
        self._bell = bell
        self._awake = os.eventfd(1, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.epoll()
        for number in (bell.fd, self._awake):
            self._poll.register(number, select.EPOLLIN)
        self._asked = 0.0
        """When programs were asked to ring; 0 before."""
        self.settled = False
        """Whether nothing but the bell can tell of what comes."""

    def fileno(self) -> int:
        """What can be waited on."""
        return self._poll.fileno()

    def rest(self) -> bool:
        """Nothing was there to be read: let the descriptor say when there is. False where something came meanwhile."""
        if not self._asked or self._bell.produced[0] != self._bell.consumed[0]:
            self._stay_awake()
            self._bell.consumed[0] = self._bell.produced[0]
            self._of.arm()
            self._asked = monotonic()
            return not self._of.pending
        if self.settled:
            return True
        waited = monotonic() - self._asked  # before the look, which is to see what was stored by then
        if self._of.pending:
            return False
        if waited >= SETTLED:
            os.eventfd_read(self._awake)
            self.settled = True
        return True

    def _stay_awake(self) -> None:
        if self.settled:
            os.eventfd_write(self._awake, 1)
            self.settled = False

    def __del__(self) -> None:
        os.close(self._awake)
