"""Maps that packets are redirected by: what user code has set is held, and a redirect finds it."""

from __future__ import annotations

import errno

from osmia.vm.maps import BPF_EXIST, BPF_NOEXIST, VmMap
from osmia.vm.memory import READ_ONLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields
    from osmia.vm.memory import Block
    from osmia.vm.program import VmProgram

_NO_PROGRAM = b"\xff\xff\xff\xff"


class Entries(VmMap):
    """BPF_MAP_TYPE_DEVMAP_HASH, and what the others have in common."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self._held: dict[bytes, tuple[bytes, Block]] = {}
        """What user code has set, and where programs see it."""

    def address_of(self, key: bytes, cpu: int) -> int:  # noqa: ARG002 - one for all
        """Where a program reads what is at a key; 0 where there is nothing."""
        found = self._held.get(key)
        return 0 if found is None else found[1].address

    def has_key(self, key: bytes, /) -> bool:
        """Whether there is something at a key, as a redirect asks."""
        return key in self._held

    def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:
        """What is at a key."""
        self.check_readable("read", key)
        self.check_key(key)
        if flags:
            raise self.error(errno.EINVAL, "read", key)
        found = self._held.get(key)
        return None if found is None else found[0]

    def write_value(self, key: bytes, value: bytes, flags: int) -> int:
        """Set what is at a key; an entry with a program has the program's number."""
        number = self.refused(key, flags)
        if number:
            return number
        program = self._program(value[4:])
        if program is None and value[4:] not in (b"", _NO_PROGRAM):
            return -errno.EBADF
        shown = value[:4] + (bytes(4) if value[4:] == _NO_PROGRAM else value[4:])
        block = self.machine.memory.allocate(len(shown), f"value of '{self.name}'", state=READ_ONLY)
        self.machine.memory.data[block.address : block.address + len(shown)] = shown
        if program is not None:
            program.holders.take()
        self.delete_element(key)
        self._held[key] = shown, block
        return 0

    def refused(self, key: bytes, flags: int) -> int:
        """Why a key may not be written with these flags: a negative error number, or 0."""
        return self.entry_refused(self._held, key, flags)

    def delete_element(self, key: bytes) -> int:
        """Take away what is at a key."""
        found = self._held.pop(key, None)
        if found is None:
            return -errno.ENOENT
        shown, block = found
        program = self._program(shown[4:])
        if program is not None:
            program.holders.drop()
        self.machine.when_idle(lambda: self.machine.memory.free(block))
        return 0

    def free(self) -> None:
        """Nobody holds it: it has no entries any more."""
        for key in [*self._held]:
            Entries.delete_element(self, key)
        super().free()

    def all_keys(self) -> Iterable[bytes]:
        """The keys at which there is something."""
        return self._held

    def _program(self, number: bytes) -> VmProgram | None:
        """The program of an entry; None where it has none."""
        return self.machine.programs.get(int.from_bytes(number, "little"))


class IndexedEntries(Entries):
    """BPF_MAP_TYPE_DEVMAP and _CPUMAP."""

    def refused(self, key: bytes, flags: int) -> int:
        """Why an index may not be written with these flags: a negative error number, or 0."""
        if flags > BPF_EXIST:
            return -errno.EINVAL
        if int.from_bytes(key, "little") >= self.max_entries:
            return -errno.E2BIG
        return -errno.EEXIST if flags == BPF_NOEXIST else 0

    def delete_element(self, key: bytes) -> int:
        """Take away what is at an index: nothing is taken away without a word."""
        if int.from_bytes(key, "little") >= self.max_entries:
            return -errno.EINVAL
        super().delete_element(key)
        return 0

    def all_keys(self) -> Iterable[bytes]:
        """All indices."""
        return self.all_indices()


class XskMap(IndexedEntries):
    """BPF_MAP_TYPE_XSKMAP: a program sees of a socket which queue it is bound to, here the index."""

    def refused(self, key: bytes, flags: int) -> int:
        """Why an index may not be written with these flags: a negative error number, or 0."""
        there = key in self._held
        if flags <= BPF_EXIST and int.from_bytes(key, "little") < self.max_entries:
            wrong = {BPF_NOEXIST: -errno.EEXIST if there else 0, BPF_EXIST: 0 if there else -errno.ENOENT}
            return wrong.get(flags, 0)
        return super().refused(key, flags)

    def write_value(self, key: bytes, value: bytes, flags: int) -> int:
        """Set the socket at an index."""
        del value
        return super().write_value(key, key, flags)

    def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:  # noqa: ARG002 - none is read
        """User code does not see them: KernelError."""
        raise self.error(errno.EOPNOTSUPP, "read", key)
