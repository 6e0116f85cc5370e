"""Arrays of perf events: a buffer for each CPU, with records as kernel/events/ring_buffer.c writes them."""

from __future__ import annotations

import errno
from _struct import Struct
from _thread import RLock

from osmia.errors import KernelError
from osmia.maps.perf_reader import DATA, LOST, SAMPLE, SIZE_SHIFT
from osmia.vm.maps import VmMap
from osmia.vm.maps.waking import Flag, Written, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields

PAGE = 4096
_SAMPLE = Struct("=QQI")
_LOST = Struct("=QQQ")
_LARGEST = 0xFFFF
"""The size of a record has 16 bits."""


class Buffer:
    """The buffer of one CPU's perf event (a `maps.backend.PerfBuffer`)."""

    def __init__(self, cpu: int, pages: int, wakeup_events: int, looked_at: Callable[[], None]) -> None:
        self.cpu = cpu
        self.head = Written(looked_at)
        self.tail: Any = number()
        self.data: Any = memoryview(bytearray(pages * PAGE))
        self.headers: Any = self.data.cast("Q")
        self._wakeup_events = max(wakeup_events, 1)
        self._written = self._lost = self._lost_untold = 0

    def lost(self) -> int | None:
        """How many records had no room."""
        return self._lost

    def write(self, sample: bytes, time: int) -> tuple[int, bool]:
        """Write a record: 0, or a negative error number; and whether that wakes who waits."""
        size = (DATA + len(sample) + 7) & ~7
        lost = _LOST.size if self._lost_untold else 0
        # What is full and what is empty have to differ.
        if size + lost > len(self.data) - 1 - (self.head.value - self.tail[0]):
            self._lost += 1
            self._lost_untold += 1
            return -errno.ENOSPC, False
        if lost:
            self._put(_LOST.pack(LOST | lost << SIZE_SHIFT, self.cpu, self._lost_untold))
            self._lost_untold = 0
        header = SAMPLE | (size & _LARGEST) << SIZE_SHIFT
        self._put(_SAMPLE.pack(header, time, size - DATA) + sample.ljust(size - DATA, b"\0"))
        self._written += 1
        return 0, self._written % self._wakeup_events == 0

    def _put(self, record: bytes) -> None:
        start = self.head.value & (len(self.data) - 1)
        before = min(len(record), len(self.data) - start)
        self.data[start : start + before] = record[:before]
        self.data[: len(record) - before] = record[before:]
        self.head.value += len(record)


class Buffers:
    """The buffers of an array (a `maps.backend.PerfBuffers`)."""

    def __init__(self, cpus: int, pages: int, wakeup_events: int) -> None:
        self.lock = RLock()
        self.begun = False
        self.shape = pages, wakeup_events
        self.flag = Flag()
        self.of = [Buffer(cpu, pages, wakeup_events, self._look) for cpu in range(cpus)]

    @property
    def waiting(self) -> Buffers:
        """What can be waited on."""
        return self

    def fileno(self) -> int:
        """What is readable once when something has come, and when there is something as it is asked for."""
        if any(each.head.value != each.tail[0] for each in self.of):
            self.flag.change(up=True)
        return self.flag.fileno()

    @property
    def taken(self) -> bool:
        """Whether somebody reads, or there is something to be read."""
        return self.begun or any(each.head.value for each in self.of)

    def wait_for_running(self) -> None:
        """Return when each program has ended that runs now: who writes here has ended when it is read."""

    def _look(self) -> None:
        """Somebody looks whether there is something to read, and knows it then."""
        self.flag.change(up=False)


class PerfEventArray(VmMap):
    """BPF_MAP_TYPE_PERF_EVENT_ARRAY."""

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self._open: list[Buffers] = []

    def perf_buffers(self, pages: int, wakeup_events: int, /) -> Buffers:
        """The buffers of the machine's CPUs, as far as the array has room."""
        self.check_open()
        held = self._open[0] if self._open else None
        if held is not None and (held.shape == (pages, wakeup_events) or held.taken):
            return held
        self._open[:] = [Buffers(min(self.machine.cpus, self.max_entries), pages, wakeup_events)]
        return self._open[0]

    def output(self, index: int, cpu: int, sample: bytes) -> int:
        """Write a record to the event at an index, from a CPU: 0, or a negative error number."""
        if index >= self.max_entries:
            return -errno.E2BIG
        buffers = self._open[0] if self._open else None
        if buffers is None or index >= len(buffers.of):
            return -errno.ENOENT
        if index != cpu:
            return -errno.EOPNOTSUPP
        number, wakes = buffers.of[index].write(sample, self.machine.clock)
        if wakes:
            buffers.flag.change(up=True)
        return number

    def own_perf_events(self) -> bool:
        """User code sets no perf events here, which are the kernel's: KernelError."""
        self.check_open()
        raise KernelError(
            errno.EOPNOTSUPP,
            f"map '{self.name}' takes no perf events of user code's own: it is one of the user-space runtime, and they "
            "are the kernel's. Read what programs write: osmia has the buffers",
        )

    def write_value(self, key: bytes, value: bytes, flags: int) -> int:  # noqa: ARG002 - none is taken
        """User code sets none."""
        return -errno.EBADF

    def all_keys(self) -> Iterable[bytes]:
        """All indices."""
        return self.all_indices()

    def release(self) -> None:
        """Nobody waits for it any more."""
        for each in self._open:
            each.flag.close()
