"""Arrays of programs, for tail calls."""

from __future__ import annotations

import errno

from osmia.vm.maps import BPF_NOEXIST, VmMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields
    from osmia.vm.program import VmProgram


class ProgramArray(VmMap):
    """BPF_MAP_TYPE_PROG_ARRAY."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self._programs: dict[int, VmProgram] = {}

    def program_at(self, index: int) -> VmProgram | None:
        """The program at an index."""
        return self._programs.get(index)

    def write_value(self, key: bytes, value: bytes, flags: int) -> int:
        """Set the program at an index, by its number."""
        index, program = int.from_bytes(key, "little"), self.machine.programs.get(int.from_bytes(value, "little"))
        if index >= self.max_entries:
            return -errno.E2BIG
        if flags & BPF_NOEXIST:
            return -errno.EEXIST
        if program is None:
            return -errno.EBADF
        others = {each.kind.program_type for each in self._programs.values()}
        if others - {program.kind.program_type}:  # all of an array are of one type, as its first one
            return -errno.EINVAL
        program.holders.take()
        self._drop(index)
        self._programs[index] = program
        return 0

    def delete_element(self, key: bytes) -> int:
        """Take a program away."""
        index = int.from_bytes(key, "little")
        if index >= self.max_entries:
            return -errno.E2BIG
        return 0 if self._drop(index) else -errno.ENOENT

    def without_user(self) -> None:
        """It is emptied, as the kernel does: a program in it may hold it."""
        for index in [*self._programs]:
            self._drop(index)
        super().without_user()

    def _drop(self, index: int) -> bool:
        """Hold the program at an index no longer, if there is one."""
        found = self._programs.pop(index, None)
        if found is None:
            return False
        found.holders.drop()
        return True

    def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:
        """The number of the program at an index."""
        del flags
        self.check_key(key)
        program = self._programs.get(int.from_bytes(key, "little"))
        return None if program is None else program.entry.to_bytes(4, "little")

    def all_keys(self) -> Iterable[bytes]:
        """All indices."""
        return self.all_indices()
