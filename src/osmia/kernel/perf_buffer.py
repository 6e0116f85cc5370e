"""The buffers of perf events that BPF programs write to: one for each CPU, in memory that the kernel shares."""

from __future__ import annotations

import errno
import mmap
import os
from _thread import RLock
from _weakref import ref

from osmia.errors import KernelError
from osmia.kernel import Descriptor, perf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from select import epoll
    from typing import Any, NoReturn

    from osmia.kernel.map import KernelMap

# Where struct perf_event_mmap_page has the two positions (linux/perf_event.h).
_HEAD, _TAIL = 1024, 1032
PAGE = mmap.PAGESIZE
_NO_FILES = {
    errno.EMFILE: "each CPU takes two file descriptors, and this process has no more: raise `ulimit -n` (EMFILE)"
}


class PerfBuffer:
    """A perf event of one CPU in memory: what is here stays valid as long as this object is held."""

    __slots__ = ("__weakref__", "cpu", "data", "event", "head", "headers", "memory", "tail", "tells_lost")

    def __init__(self, cpu: int, event: Descriptor, tells_lost: bool, pages: int) -> None:
        """Map the page of its positions, and `pages` pages of records. OSError where the kernel does not let us."""
        self.cpu = cpu
        self.event = event
        self.tells_lost = tells_lost
        self.memory = mmap.mmap(event.number, (1 + pages) * PAGE)
        whole = memoryview(self.memory)
        self.head: Any = whole[_HEAD : _HEAD + 8].cast("Q")
        """One number, which the kernel writes: how many bytes were written, ever."""
        self.tail: Any = whole[_TAIL : _TAIL + 8].cast("Q")
        """One number, which user code writes: how many bytes were read, ever."""
        self.data: Any = whole[PAGE:]
        """The records. One that reaches the end goes on at the start."""
        self.headers: Any = self.data.cast("Q")
        """The same, as numbers of 64 bits: headers are read as one each."""

    def lost(self) -> int | None:
        """How many records had no room, as the kernel counts them since 6.0; None before."""
        return perf.lost_samples(self.event.number) if self.tells_lost else None


class PerfBuffers:
    """The buffers of an array of perf events."""

    def __init__(self, name: str, buffers: list[PerfBuffer], waiting: epoll, shape: tuple[int, int]) -> None:
        self.name = name
        self.of = buffers
        """One for each CPU that runs, from the lowest."""
        self.shape = shape
        """How many pages each has, and how many events wake a reader."""
        self.lock = RLock()
        """Who reads holds it."""
        self.begun = False
        """Whether somebody reads."""
        self.waiting = waiting
        """What can be waited on."""
        _OPEN.add(ref(self, _OPEN.discard))

    def wait_for_running(self) -> None:
        """Return when each program has ended that runs now."""
        from osmia.kernel.barrier import wait_for_running

        wait_for_running()

    @property
    def taken(self) -> bool:
        """Whether somebody reads, or there is something to be read."""
        return self.begun or any(each.head[0] for each in self.of)


def open_buffers(of: KernelMap, pages: int, wakeup_events: int) -> PerfBuffers:
    """Open a perf event on each CPU that runs, as far as the array has room, and set them in it. KernelError."""
    buffers = [_mapped(of.name, *opened, pages) for opened in _opened(of, wakeup_events)]
    waiting = _waiting(of.name, buffers)
    for each in buffers:
        of.update(each.cpu.to_bytes(4, "little"), each.event.number.to_bytes(4, "little"))
    return PerfBuffers(of.name, buffers, waiting, (pages, wakeup_events))


def _waiting(name: str, buffers: list[PerfBuffer]) -> epoll:
    """What is readable when one of the events is."""
    import select

    try:
        waiting = select.epoll()
        for each in buffers:
            waiting.register(each.event.number, select.EPOLLIN)
    except OSError as error:
        number = error.errno or 0
    else:
        return waiting
    raise _not_opened(name, number)


def _opened(of: KernelMap, wakeup_events: int) -> list[tuple[int, Descriptor, bool]]:
    """The perf events: of which CPU, and whether it tells what it lost."""
    from osmia.kernel.cpus import online_cpus

    found = []
    for cpu in online_cpus():
        if cpu >= of.max_entries:
            break
        try:
            number, tells_lost = perf.output_event(cpu, wakeup_events)
        except OSError as error:
            refused = error.errno or 0
        else:
            found.append((cpu, Descriptor(number), tells_lost))
            continue
        if refused != errno.ENODEV:  # the CPU has stopped meanwhile
            raise _not_opened(of.name, refused)
    return found


def _not_opened(name: str, number: int) -> Exception:
    from osmia.kernel.errors import kernel_error

    asked = f"open a perf event for each CPU to read '{name}'"
    if number == errno.ENOSYS:
        return KernelError(
            number, f"cannot {asked}: the kernel has no perf events, or a seccomp filter hides them (ENOSYS)"
        )
    # What perf_event_open(2) calls EACCES is what bpf(2) calls EPERM.
    return kernel_error(
        errno.EPERM if number == errno.EACCES else number,
        asked,
        needed=("CAP_PERFMON",),
        hints=_NO_FILES,
    )


def _mapped(name: str, cpu: int, event: Descriptor, tells_lost: bool, pages: int) -> PerfBuffer:
    try:
        return PerfBuffer(cpu, event, tells_lost, pages)
    except OSError as error:
        number = error.errno or 0
    from osmia.kernel.errors import kernel_error

    raise kernel_error(
        number,
        f"take the {pages} pages of each CPU's buffer of '{name}' into memory",
        hints=_NO_FILES
        | {
            errno.EPERM: "they are more than this user may lock. Take fewer (pages=), raise "
            "/proc/sys/kernel/perf_event_mlock_kb, or give the process CAP_IPC_LOCK (EPERM)",
            errno.ENOMEM: "there is no memory for them: take fewer, with pages= (ENOMEM)",
        },
    )


class _Forked:
    """In place of the memory in a forked child, which the kernel does not give it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getitem__(self, _index: object) -> NoReturn:
        raise RuntimeError(
            f"{self.name}: its buffers are those of the process that this one was forked from: read it there, or load "
            "it in the forked one"
        )


_OPEN: set[ref[PerfBuffers]] = set()
_NOT_OURS: list[object] = []
"""What a forked child must not unmap: something else may be where it was."""


def _after_fork_in_child() -> None:
    for each in list(_OPEN):
        held = each()
        if held is None:
            continue
        held.lock = RLock()
        for buffer in held.of:
            _NOT_OURS.extend((buffer.memory, buffer.head, buffer.tail, buffer.data, buffer.headers))
            buffer.head = buffer.tail = buffer.data = buffer.headers = _Forked(held.name)


os.register_at_fork(after_in_child=_after_fork_in_child)
