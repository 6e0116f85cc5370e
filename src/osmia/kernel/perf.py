"""perf_event_open(2), which tracepoints are attached by, and which programs write to."""

from __future__ import annotations

import os
from _struct import Struct

from osmia.kernel import attributes
from osmia.kernel.bpf import address
from osmia.kernel.libc import c_void_p, function, get_errno

# __NR_perf_event_open; the architectures that share the generic table have 241.
_NUMBERS = {"x86_64": 298, "ppc64le": 319, "ppc64": 319, "s390x": 331}
_NUMBER = _NUMBERS.get(os.uname().machine, 241)

_PERF_TYPE_SOFTWARE, _PERF_TYPE_TRACEPOINT = 1, 2
_BPF_OUTPUT = 10  # PERF_COUNT_SW_BPF_OUTPUT
_SAMPLE_TIME, _SAMPLE_RAW = 1 << 2, 1 << 10
_FORMAT_LOST = 1 << 4
_USE_CLOCKID = 1 << 25
_CLOCK_MONOTONIC = 1
_PERF_FLAG_FD_CLOEXEC = 8
_SET_BPF = 0x4004_2408  # PERF_EVENT_IOC_SET_BPF

_VALUE_AND_LOST = Struct("@QQ")

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
    return _opened(attribute, 0)


def output_event(cpu: int, wakeup_events: int) -> tuple[int, bool]:
    """The file descriptor of a perf event that programs on a CPU write to, and whether it tells what it lost. OSError.

    What they write is stamped with the time of CLOCK_MONOTONIC. After so many events who waits for it is woken.
    """
    from osmia.kernel.features import kernel_version

    tells_lost = kernel_version() >= (6, 0)
    attribute = bytearray(
        attributes.PERF_OUTPUT.pack(
            type=_PERF_TYPE_SOFTWARE,
            size=attributes.PERF_OUTPUT.size,
            config=_BPF_OUTPUT,
            sample_period=1,
            sample_type=_SAMPLE_TIME | _SAMPLE_RAW,
            read_format=_FORMAT_LOST if tells_lost else 0,
            flags=_USE_CLOCKID,
            wakeup_events=wakeup_events,
            clockid=_CLOCK_MONOTONIC,
        )
    )
    return _opened(attribute, cpu), tells_lost


def lost_samples(event: int) -> int:
    """How many samples of an event had no room, as one says that tells it. OSError."""
    _, lost = _VALUE_AND_LOST.unpack(os.read(event, _VALUE_AND_LOST.size))
    return int(lost)


def set_bpf(event: int, program: int) -> None:
    """Attach a program to a perf event, while the event is open: kernels before 5.15 have no link for that. OSError."""
    _checked(_ioctl(event, c_void_p(_SET_BPF), program))


def _opened(attribute: bytearray, cpu: int) -> int:
    return _checked(_syscall(_NUMBER, c_void_p(address(attribute)), -1, cpu, -1, c_void_p(_PERF_FLAG_FD_CLOEXEC)))


def _checked(result: int) -> int:
    if result >= 0:
        return result
    number = get_errno()
    raise OSError(number, os.strerror(number))
