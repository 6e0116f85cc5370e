"""The logs of a machine: a ring of its own, whose records are delivered as soon as a program has ended."""

from __future__ import annotations

from osmia.logs import RING, log
from osmia.logs.handing import hand_over
from osmia.logs.records import losses
from osmia.logs.ring import LOG_RING
from osmia.logs.sources import Sources
from osmia.maps.events import NOTHING
from osmia.maps.ring_reader import RingReader
from osmia.programs.logs import LoadingLogs, variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from osmia.logs.sources import Source
    from osmia.maps.backend import MapBackend
    from osmia.programs.machine import Machine
    from osmia.spec import ObjectSpec
    from osmia.vm.maps import VmMap

_SECOND = 1e9


class MachineLogs:
    """What programs of a machine have logged."""

    def __init__(self, machine: Machine) -> None:
        self.sources = Sources()
        self.records: list[logging.LogRecord] = []
        """All of it, in the order in which it was written."""
        self._machine = machine
        self._ring: VmMap | None = None
        self._losses: VmMap | None = None
        self._told_lost = 0

    def maps(self, spec: ObjectSpec) -> dict[str, MapBackend]:
        """The maps that an object logs to, by their names in it."""
        section = variable(spec, LOG_RING.losses.name).section
        if self._ring is None or self._losses is None:
            spec.maps[RING].max_entries = log.size
            self._ring = self._machine.create_map(spec.maps[RING])
            self._losses = self._machine.create_map(spec.maps[section])
            self._take = RingReader(self._ring.ring(), "the logs of a machine", 0, None).take
            self._machine.after_run.append(self.deliver)
        spec.maps[RING].max_entries = self._ring.max_entries
        return {RING: self._ring, section: self._losses}

    def deliver(self) -> None:
        """Give what is in the ring to `logging`, and keep it."""
        while (data := self._take()) is not NOTHING:
            site = self.sources.site_of(data)
            if site is not None:
                self._give(site.record(data, self._machine.epoch / _SECOND))
        lost = self._lost
        if lost != self._told_lost:
            assert self._ring is not None, "it is there when something is lost"
            why = f"the ring of {self._ring.max_entries} bytes was full (log.size)"
            self._give(losses(lost - self._told_lost, why))
            self._told_lost = lost

    @property
    def _lost(self) -> int:
        """How many records had no room."""
        assert self._losses is not None, "it is made with the ring"
        return self._machine.memory.number(self._losses.values_address(), 8)

    def _give(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        hand_over(record)


class LoadingIntoMachine(LoadingLogs):
    """What an object that logs is loaded into a machine with."""

    def __init__(
        self, spec: ObjectSpec, level: int | str | None, path_of: Callable[[str], str], machine: Machine
    ) -> None:
        self._logs = machine.own_logs
        super().__init__(spec, level, path_of)

    def begin(self, spec: ObjectSpec, path_of: Callable[[str], str]) -> Source:
        """Take the object in."""
        return self._logs.sources.add(spec.name, spec.logs or [], path_of)

    def maps_of(self, spec: ObjectSpec) -> dict[str, MapBackend]:
        """The maps that its logs are written to."""
        return self._logs.maps(spec)

    def hold(self, holder: object) -> None:
        """What it logs is delivered as long as there is the machine."""

    def release(self, holder: object) -> None:
        """What was logged is delivered already."""

    def give_up(self) -> None:
        """The object could not be loaded."""
        if self.source is not None:
            self._logs.sources.all.pop(self.source.number, None)
