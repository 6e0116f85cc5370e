"""Hash maps: values come and go, each at a place of its own for as long as it is there."""

from __future__ import annotations

import errno
from array import array

from osmia.vm.maps import BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST, VmMap
from osmia.vm.maps.arrays import GAP
from osmia.vm.maps.order import Order
from osmia.vm.memory import FREED, REDZONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine, Writer
    from osmia.vm.maps.fields import Fields

_SLAB = 64
"""So many values are asked for at a time."""


class HashMap(VmMap):
    """BPF_MAP_TYPE_HASH. Keys are given in the order in which they came, which means nothing."""

    copies = 1
    """How many values a key has: one for each CPU where the map is per CPU."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self.stride = (self.room + GAP) * self.copies
        self.places: dict[bytes, int] = {}
        self.changes = array("Q", [0, 0])
        """How many keys have come, and how many values have gone: native code sees it, which remembers look-ups."""
        self._order = Order((), 0)
        self._free: list[int] = []
        self._shadow = self.shadow_of_value()
        self._written: dict[int, Writer] = {}
        """By place: who has put a value there."""

    def address_of(self, key: bytes, cpu: int) -> int:  # noqa: ARG002 - one value for all
        """Where the value of a key lies; 0 where it is not there."""
        return self.places.get(key, 0)

    def update_element(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:  # noqa: ARG002
        """Write a value, at a new place: who looked the old one up keeps that until its program ends."""
        number = self.refused(key, flags)
        if number:
            return number
        old = self.places.get(key, 0)
        if old and flags & BPF_F_LOCK:
            self.put(old, value)
            self._written[old] = self.machine.writer()
            return 0
        place = self.take()
        self.put(place, value)
        self._written[place] = self.machine.writer()
        self.replace(key, place)
        return 0

    def replace(self, key: bytes, place: int) -> None:
        """Let a key have its value at a place."""
        old = self.places.get(key, 0)
        self.places[key] = place
        if old:
            self.let_go(old)
        else:
            self.changes[0] += 1

    def delete_element(self, key: bytes) -> int:
        """Delete a key."""
        place = self.places.pop(key, 0)
        if not place:
            return -errno.ENOENT
        self.let_go(place)
        return 0

    def all_keys(self) -> Iterable[bytes]:
        """The keys that are there."""
        return self.places

    def key_after(self, key: bytes | None) -> bytes | None:
        """The key after another one, the first one for None or one that is not there; None at the end."""
        if self._order.arrived != self.changes[0]:
            self._order = Order(self.all_keys(), self.changes[0])
        return self._order.after(key, self.places)

    def refused(self, key: bytes, flags: int) -> int:
        """Why a key may not be written with these flags: a negative error number, or 0."""
        if self.check_flags(flags):
            return -errno.EINVAL
        there = key in self.places
        if there and flags & BPF_NOEXIST:
            return -errno.EEXIST
        if not there and flags & BPF_EXIST:
            return -errno.ENOENT
        return 0 if there else self.no_room()

    def no_room(self) -> int:
        """Why there is no room for another key: a negative error number, or 0."""
        return -errno.E2BIG if len(self.places) >= self.max_entries else 0

    def take(self) -> int:
        """A place for the value of a key, of zeros."""
        memory = self.machine.memory
        if not self._free:
            size = self.stride * _SLAB
            block = self.allocate(size, state=REDZONE, describe=self._describe)
            block.origin_at = lambda offset: self._origin(block.address + offset)
            self._free.extend(range(block.address, block.address + size, self.stride))
        place = self._free.pop(0)
        memory.data[place : place + self.stride] = bytes(self.stride)
        for start in range(place, place + self.stride, self.room + GAP):
            memory.shadow[start : start + self.value_size] = self._shadow
        return place

    def let_go(self, place: int) -> None:
        """Free a place when no program runs any more that may have looked it up."""
        self.changes[1] += 1

        def free() -> None:
            for start in range(place, place + self.stride, self.room + GAP):
                self.machine.memory.paint(start, self.value_size, FREED)
            self._free.append(place)

        self.machine.when_idle(free)

    def _describe(self, offset: int) -> tuple[str, int, int]:
        at = offset // (self.room + GAP) * (self.room + GAP)
        return f"value of '{self.name}'", at, self.value_size

    def _origin(self, address: int) -> str:
        """Who has put a value there."""
        place = max((each for each in self._written if each <= address), default=0)
        if place not in self._written:
            return ""
        from osmia.vm.faults import place_of

        return f"it was put there by {place_of(self._written[place])}"


class PerCpuHashMap(HashMap):
    """BPF_MAP_TYPE_PERCPU_HASH: a value for each CPU, of which programs write their own."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        self.copies = machine.cpus
        super().__init__(machine, number, spec, kind, fields)

    def address_of(self, key: bytes, cpu: int) -> int:
        """Where the value of a key lies for a CPU; 0 where it is not there."""
        place = self.places.get(key, 0)
        return place and place + cpu * (self.room + GAP)

    def update_element(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        """Write the value of a CPU, where it lies; those of the others are 0 where the key is new."""
        number = self.refused(key, flags)
        if number:
            return number
        if key not in self.places:
            self.places[key] = self.take()
            self.changes[0] += 1
            self._written[self.places[key]] = self.machine.writer()
        self.put(self.places[key] + cpu * (self.room + GAP), value)
        return 0
