"""Queues and stacks: values without keys."""

from __future__ import annotations

import errno
from collections import deque

from osmia.vm.maps import BPF_EXIST, VmMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields


class Queue(VmMap):
    """BPF_MAP_TYPE_QUEUE: what was put in first comes out first."""

    end = 0
    """Where the next value is, among all in the order in which they came."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self._values: deque[bytes] = deque()

    def push(self, value: bytes, flags: int) -> int:
        """Put a value in; with BPF_EXIST the oldest one goes where it is full."""
        if flags not in (0, BPF_EXIST):
            return -errno.EINVAL
        if len(self._values) == self.max_entries:
            if not flags:
                return -errno.E2BIG
            self._values.popleft()
        self._values.append(value)
        return 0

    def take_out(self) -> bytes | None:
        """Take the next value; None where there is none."""
        found = self.next_value()
        if found is not None:
            del self._values[self.end]
        return found

    def next_value(self) -> bytes | None:
        """The next value, which stays; None where there is none."""
        return self._values[self.end] if self._values else None

    def write_value(self, key: bytes, value: bytes, flags: int) -> int:  # noqa: ARG002 - it has none
        """Put a value in."""
        return self.push(value, flags)

    def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:
        """The next value, which stays."""
        self.check_readable("read", key)
        if flags:
            raise self.error(errno.EINVAL, "read", key)
        return self.next_value()

    def lookup_and_delete(self, key: bytes, /) -> bytes | None:
        """Take the next value out."""
        self.check_readable("read", key)
        self.check_writable("read", key)
        with self.machine.lock:
            return self.take_out()

    def next_key(self, key: bytes | None, /) -> bytes | None:
        """It has no keys: KernelError."""
        raise self.error(errno.EINVAL, "walk", key)


class Stack(Queue):
    """BPF_MAP_TYPE_STACK: what was put in last comes out first."""

    end = -1
