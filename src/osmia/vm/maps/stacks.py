"""Stack traces by number. A machine has no stack but the ones that it is given: `machine.stacks`."""

from __future__ import annotations

import errno
from hashlib import blake2b

from osmia.abi.generated import BPF_F_STACK_BUILD_ID
from osmia.abi.generated.flags import BPF_F_FAST_STACK_CMP, BPF_F_REUSE_STACKID, BPF_F_SKIP_FIELD_MASK, BPF_F_USER_STACK
from osmia.vm.maps import VmMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields

_KNOWN = BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID
_ADDRESS_ALONE = 2
"""BPF_STACK_BUILD_ID_IP: no file is known."""


class StackTraceMap(VmMap):
    """BPF_MAP_TYPE_STACK_TRACE."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self._frame = 32 if self.flags & BPF_F_STACK_BUILD_ID else 8
        self._buckets = 1 << (self.max_entries - 1).bit_length()
        self._held: dict[int, tuple[int, bytes]] = {}
        """By number: the hash, and the frames."""

    def keep(self, flags: int) -> int:
        """Keep the stack that the machine is given, or the process's: its number, or a negative error number."""
        if flags & ~_KNOWN:
            return -errno.EINVAL
        of_user = bool(flags & BPF_F_USER_STACK)
        frames = self.machine.user_stack if of_user else self.machine.kernel_stack
        frames = frames[flags & BPF_F_SKIP_FIELD_MASK :][: self.value_size // self._frame]
        if not frames:
            return -errno.EFAULT
        data = self._packed(frames)
        stack_hash = int.from_bytes(blake2b(data, digest_size=4).digest(), "little")
        number = stack_hash & (self._buckets - 1)
        there = self._held.get(number)
        if there is not None and there[0] == stack_hash and (flags & BPF_F_FAST_STACK_CMP or there[1] == data):
            return number
        if there is not None and not flags & BPF_F_REUSE_STACKID:
            return -errno.EEXIST
        self._held[number] = stack_hash, data
        return number

    def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:
        """The frames of a stack, filled up with zeros."""
        self.check_readable("read", key)
        self.check_key(key)
        if flags:
            raise self.error(errno.EINVAL, "read", key)
        found = self._held.get(int.from_bytes(key, "little"))
        return None if found is None else found[1].ljust(self.value_size, b"\0")

    def delete_element(self, key: bytes) -> int:
        """Delete a stack."""
        number = int.from_bytes(key, "little")
        if number >= self._buckets:
            return -errno.E2BIG
        return 0 if self._held.pop(number, None) is not None else -errno.ENOENT

    def all_keys(self) -> Iterable[bytes]:
        """The numbers of the stacks, ascending."""
        return [number.to_bytes(4, "little") for number in sorted(self._held)]

    def _packed(self, frames: Sequence[int]) -> bytes:
        if self._frame == 8:
            return b"".join(each.to_bytes(8, "little") for each in frames)
        status = _ADDRESS_ALONE.to_bytes(4, "little") + bytes(20)
        return b"".join(status + each.to_bytes(8, "little") for each in frames)
