"""Hash maps that make room for a new key: the one goes that was used least recently."""

from __future__ import annotations

from osmia.vm.maps.hashes import HashMap, PerCpuHashMap


class LruHashMap(HashMap):
    """BPF_MAP_TYPE_LRU_HASH: its keys are in the order in which they were used."""

    def address_of(self, key: bytes, cpu: int) -> int:
        """Where the value of a key lies, which is used by that; 0 where it is not there."""
        use(self.places, key)
        return super().address_of(key, cpu)

    def address_for_user(self, key: bytes, cpu: int) -> int:
        """The same for user code, whose look does not count."""
        return HashMap.address_of(self, key, cpu)

    def no_room(self) -> int:
        """There always is some."""
        make_room(self)
        return 0

    def replace(self, key: bytes, place: int) -> None:
        """Let a key have its value at a place: it was used last."""
        super().replace(key, place)
        use(self.places, key)


class LruPerCpuHashMap(PerCpuHashMap):
    """BPF_MAP_TYPE_LRU_PERCPU_HASH."""

    def address_of(self, key: bytes, cpu: int) -> int:
        """Where the value of a key lies for a CPU, which is used by that; 0 where it is not there."""
        use(self.places, key)
        return super().address_of(key, cpu)

    def address_for_user(self, key: bytes, cpu: int) -> int:
        """The same for user code, whose look does not count."""
        return PerCpuHashMap.address_of(self, key, cpu)

    def update_element(self, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        """Write the value of a CPU."""
        use(self.places, key)
        return super().update_element(key, value, flags, cpu)

    def no_room(self) -> int:
        """There always is some."""
        make_room(self)
        return 0


def use(places: dict[bytes, int], key: bytes) -> None:
    """A key was used: it is the last one to go."""
    if key in places:
        places[key] = places.pop(key)


def make_room(of: HashMap) -> None:
    """Let keys go until there is room for another one."""
    while len(of.places) >= of.max_entries:
        of.delete_element(next(iter(of.places)))
