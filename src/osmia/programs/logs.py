"""Loading what logs: its logs are switched on by level, and its records are delivered from then on."""

from __future__ import annotations

from osmia.errors import ObjectError
from osmia.loader.load import load_object
from osmia.loader.switches import without_switched_off
from osmia.logs import OBJECT_VARIABLE, RING, chosen_level
from osmia.logs.note import level_of, switch_name
from osmia.programs.program import MACHINES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from osmia.loader.load import LoadedObject
    from osmia.logs.sources import Source
    from osmia.maps.backend import MapBackend
    from osmia.programs.machine import Machine
    from osmia.spec import ObjectSpec
    from osmia.spec_details import VariableSpec


def load_what_logs(
    spec: ObjectSpec,
    level: int | str | None,
    path_of: Callable[[str], str],
    reuse: Mapping[str, MapBackend],
    programs: tuple[str, ...] | None,
    machine: Machine | None,
) -> LoadedObject:
    """Load programs of an object, with what its logs take. Nothing is left of that where they cannot be loaded."""
    load: Callable[..., LoadedObject] = load_object
    if machine is None:
        logs = LoadingLogs(spec, level, path_of)
    else:
        from osmia.programs.machine_logs import LoadingIntoMachine

        logs, load = LoadingIntoMachine(spec, level, path_of, machine), machine.load_object
    try:
        loaded = load(spec, reuse={**reuse, **logs.maps}, programs=programs, path_of=path_of)
    except BaseException:
        logs.give_up()
        raise
    loaded.logs, loaded.given = logs, (*logs.maps,)
    return loaded


class LoadingLogs:
    """What an object that logs is loaded with."""

    def __init__(self, spec: ObjectSpec, level: int | str | None, path_of: Callable[[str], str]) -> None:
        """Switch the object's logs on and off, and make the ring live if any is on.

        `level` is what whoever loads it says, `path_of` tells where a source file lies that it names. TypeError or
        ValueError for what is no level, ObjectError for an object that does not have what its logs take.
        """
        self.source: Source | None = None
        self.maps: dict[str, MapBackend] = {}
        """The maps that its logs are written to, by their names in the object."""
        least = chosen_level(level)
        on = [level_of(note) >= least for note in spec.logs or ()]
        _switch(spec, on)
        if not any(on):
            return
        self.source = self.begin(spec, path_of)
        _write(spec, variable(spec, OBJECT_VARIABLE), self.source.number.to_bytes(4, "little"))
        self.maps = self.maps_of(spec)

    def begin(self, spec: ObjectSpec, path_of: Callable[[str], str]) -> Source:
        """Take the object in: what it logs is delivered from now on."""
        from osmia.logs.delivery import DELIVERY

        # The ring of what is loaded into the kernel is there, also where declarations go into a machine.
        machines, MACHINES[:] = [*MACHINES], []
        try:
            return DELIVERY.add(spec.name, spec.logs or [], path_of)
        finally:
            MACHINES[:] = machines

    def maps_of(self, spec: ObjectSpec) -> dict[str, MapBackend]:
        """The maps that its logs are written to, by their names in it."""
        from osmia.logs.ring import LOG_RING

        spec.maps[RING].max_entries = LOG_RING.max_entries
        return {RING: LOG_RING.backend, variable(spec, LOG_RING.losses.name).section: LOG_RING.losses.backend}

    def hold(self, holder: object) -> None:
        """Deliver what is logged as long as a program is not closed."""
        if self.source is not None:
            from osmia.logs.delivery import DELIVERY

            DELIVERY.hold(self.source, holder)

    def release(self, holder: object) -> None:
        """A program is closed."""
        from osmia.logs.delivery import DELIVERY

        DELIVERY.release(holder)

    def give_up(self) -> None:
        """The object could not be loaded."""
        if self.source is not None:
            from osmia.logs.delivery import DELIVERY

            DELIVERY.drop(self.source)


def _switch(spec: ObjectSpec, on: list[bool]) -> None:
    """Write the switches into the object, and take out what is off."""
    values: dict[tuple[str, int], int] = {}
    for number, each in enumerate(on):
        switch = variable(spec, switch_name(number))
        _write(spec, switch, bytes([each]))
        values[switch.section, switch.offset] = int(each)
    for functions in (spec.programs, spec.functions):
        for name, function in functions.items():
            functions[name] = without_switched_off(function, values)


def variable(spec: ObjectSpec, name: str) -> VariableSpec:
    """A variable that logs take. ObjectError for an object that does not have it."""
    found = (spec.variables or {}).get(name)
    if found is None or RING not in spec.maps:
        raise ObjectError(f"{spec.name}: it notes logs, but has no {name if found is None else RING}")
    return found


def _write(spec: ObjectSpec, of: VariableSpec, data: bytes) -> None:
    held = spec.maps[of.section]
    contents = held.contents or bytes(held.value_size)
    held.contents = contents[: of.offset] + data + contents[of.offset + len(data) :]
