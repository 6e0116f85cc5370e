"""Storage of values that hang on objects of a machine: sockets, tasks, inodes, cgroups."""

from __future__ import annotations

from osmia.abi.generated.flags import BPF_LOCAL_STORAGE_GET_F_CREATE
from osmia.errors import ENOTSUPP
from osmia.vm.maps.hashes import HashMap
from osmia.vm.naming import named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAMED = {"SK_STORAGE": "socket", "TASK_STORAGE": "task", "INODE_STORAGE": "file", "CGRP_STORAGE": "cgroup"}


class Storage(HashMap):
    """BPF_MAP_TYPE_SK_STORAGE and its like. A key is the address of the object."""

    def object_key(self, given: Any, /) -> bytes | None:
        """The key of an object that user code names; None where there is none."""
        self.check_open()
        found = named(self.machine, _NAMED[self.kind.kernel_name], given)
        return None if found is None else found.address.to_bytes(4, "little")

    def of_object(self, address: int, initial: bytes | None, flags: int) -> int:
        """Where the value of an object lies, which is made where flags ask for it; 0 where there is none."""
        if not address or flags not in (0, BPF_LOCAL_STORAGE_GET_F_CREATE):
            return 0
        key = self._key(address)
        if key not in self.places and flags:
            self.update_element(key, initial or bytes(self.value_size), 0, 0)
            if address not in self.machine.objects:  # a context that is a socket itself, which goes with its run
                self.machine.when_idle(lambda: self._forget(key))
        return self.places.get(key, 0)

    def delete_of_object(self, address: int) -> int:
        """Delete the value of an object: 0, or a negative error number."""
        return self.delete_element(self._key(address))

    def no_room(self) -> int:
        """There is room for as many objects as there are."""
        return 0

    def next_key(self, key: bytes | None, /) -> bytes | None:
        """It is not walked: KernelError."""
        raise self.error(ENOTSUPP, "walk", key)

    def _forget(self, key: bytes) -> None:
        self.delete_element(key)

    def _key(self, address: int) -> bytes:
        found = self.machine.objects.get(address)
        return (address if found is None else found.address).to_bytes(4, "little")
