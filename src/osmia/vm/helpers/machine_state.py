"""Helpers that tell of the machine: its clock, its CPU, its random numbers. All of them are what a test sets."""

from __future__ import annotations

from osmia.abi.generated import helper_ids as ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

LEAP_SECONDS = 37_000_000_000
"""What International Atomic Time is ahead of the time of day."""
JIFFY = 1_000_000_000 // 250
"""A tick of a kernel with CONFIG_HZ=250."""
FIRST_JIFFIES = (1 << 32) - 300 * 250
"""INITIAL_JIFFIES: the kernel counts from five minutes before 32 bits run over."""


def ktime_get_ns(run: Execution, *_: int) -> int:
    """The virtual clock, in nanoseconds: with the time that a machine was suspended, too, as it never is."""
    return run.machine.clock


def ktime_get_coarse_ns(run: Execution, *_: int) -> int:
    """The clock as it was at the last tick."""
    return run.machine.clock // JIFFY * JIFFY


def ktime_get_tai_ns(run: Execution, *_: int) -> int:
    """International Atomic Time."""
    return run.machine.epoch + run.machine.clock + LEAP_SECONDS


def jiffies64(run: Execution, *_: int) -> int:
    """The ticks."""
    return FIRST_JIFFIES + run.machine.clock // JIFFY


def get_smp_processor_id(run: Execution, *_: int) -> int:
    """The CPU that the machine runs programs on."""
    return run.machine.cpu


def get_numa_node_id(run: Execution, *_: int) -> int:
    """Its NUMA node."""
    return run.machine.numa_node


def get_prandom_u32(run: Execution, *_: int) -> int:
    """The next number of the seed."""
    return run.machine.random.getrandbits(32)


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_ktime_get_ns: ktime_get_ns,
    ids.BPF_FUNC_ktime_get_boot_ns: ktime_get_ns,
    ids.BPF_FUNC_ktime_get_coarse_ns: ktime_get_coarse_ns,
    ids.BPF_FUNC_ktime_get_tai_ns: ktime_get_tai_ns,
    ids.BPF_FUNC_jiffies64: jiffies64,
    ids.BPF_FUNC_get_smp_processor_id: get_smp_processor_id,
    ids.BPF_FUNC_get_numa_node_id: get_numa_node_id,
    ids.BPF_FUNC_get_prandom_u32: get_prandom_u32,
}
