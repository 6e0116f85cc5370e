"""Ring buffers: programs' records lie in memory of their own until they are submitted, so that each is guarded."""

from __future__ import annotations

import errno

from osmia.record import record
from osmia.vm.maps import VmMap
from osmia.vm.maps.ring_memory import Ring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields
    from osmia.vm.memory import Block


@record
class Record:
    """A record that a program has reserved."""

    of: RingBuf
    position: int
    """Where it is in the ring, counted from the ring's beginning."""
    block: Block
    """Where it lies until it is submitted."""


class RingBuf(VmMap):
    """BPF_MAP_TYPE_RINGBUF."""

    written = False
    """Whether user code writes it."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self.records = Ring(self.max_entries, written=self.written)

    def ring(self, written: bool = False, /) -> Ring:
        """Its memory."""
        self.check_open()
        if written != self.written:
            raise self.error(errno.EPERM, "write" if written else "read", None)
        return self.records

    def release(self) -> None:
        """Nobody waits for it any more."""
        self.records.flag.close()


class UserRingBuf(RingBuf):
    """BPF_MAP_TYPE_USER_RINGBUF."""

    written = True

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self.drained_by: list[object] = []
        """The run that drains it now: one at a time."""
