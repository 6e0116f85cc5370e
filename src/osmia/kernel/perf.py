"""perf_event_open(2), which tracepoints are attached by."""

from __future__ import annotations

import os

from osmia.kernel import attributes
from osmia.kernel.bpf import address
from osmia.kernel.libc import c_void_p, function, get_errno

# __NR_perf_event_open; the architectures that share the generic table have 241.
_NUMBERS = {"x86_64": 298, "ppc64le": 319, "ppc64": 319, "s390x": 331}
_NUMBER = _NUMBERS.get(os.uname().machine, 241)

_PERF_TYPE_TRACEPOINT = 2
_PERF_FLAG_FD_CLOEXEC = 8
_SET_BPF = 0x4004_2408  # PERF_EVENT_IOC_SET_BPF

_syscall = function("syscall")
_ioctl = function("ioctl")


def tracepoint_event(number: int) -> int:
    """The file descriptor of a perf event of a tracepoint, by its number, of all processes. OSError."""
    attribute = bytearray(
        attributes.PERF_EVENT.pack(
            type=_PERF_TYPE_TRACEPOINT, size=attributes.PERF_EVENT.size, config=number, sample_period=1, wakeup_events=1
        )
    )
    # A program runs for its tracepoint on every CPU, whichever the event is of.
    return _checked(_syscall(_NUMBER, c_void_p(address(attribute)), -1, 0, -1, c_void_p(_PERF_FLAG_FD_CLOEXEC)))


def set_bpf(event: int, program: int) -> None:
    """Attach a program to a perf event, while the event is open: kernels before 5.15 have no link for that. OSError."""
    _checked(_ioctl(event, c_void_p(_SET_BPF), program))


def _checked(result: int) -> int:
    if result >= 0:
        return result
    number = get_errno()
    raise OSError(number, os.strerror(number))
