"""Helpers that tell of the machine: its clock, its CPU, its random numbers. All of them are what a test sets."""

from __future__ import annotations

from osmia.abi.generated import helper_ids as ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper


def ktime_get_ns(run: Execution, *_: int) -> int:
    """The virtual clock, in nanoseconds."""
    return run.machine.clock


def get_smp_processor_id(run: Execution, *_: int) -> int:
    """The CPU that the machine runs programs on."""
    return run.machine.cpu


def get_prandom_u32(run: Execution, *_: int) -> int:
    """The next number of the seed."""
    return run.machine.random.getrandbits(32)


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_ktime_get_ns: ktime_get_ns,
    ids.BPF_FUNC_get_smp_processor_id: get_smp_processor_id,
    ids.BPF_FUNC_get_prandom_u32: get_prandom_u32,
}
