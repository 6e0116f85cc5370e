"""Arenas: pages that both sides share. An address in one is the same on both sides."""

from __future__ import annotations

from osmia.maps.arena import PAGE
from osmia.vm.maps import VmMap
from osmia.vm.memory import READY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields


class Arena(VmMap):
    """BPF_MAP_TYPE_ARENA, of which all pages are taken at once."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        size = self.max_entries * PAGE
        self.block = self.own(machine.memory.allocate(size, f"arena '{self.name}'", state=READY, align=PAGE))
        if spec.contents is not None:
            machine.memory.data[self.block.address : self.block.address + len(spec.contents)] = spec.contents

    def values_address(self) -> int:
        """Where its first page lies."""
        return self.block.address

    def memory(self) -> memoryview:
        """All of it."""
        self.check_open()
        return self.mapped(self.block)
