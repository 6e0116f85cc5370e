"""Helpers that read counters of CPUs and of the kernel (perf events): a machine has none of them."""

from __future__ import annotations

import errno

from osmia.abi.generated import flags as of
from osmia.abi.generated import helper_ids as ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

VALUE = 24
"""The bytes of struct bpf_perf_event_value."""


def _problem(run: Execution, map_address: int, flags: int) -> int:
    """Why there is no counter: a negative error number."""
    found = run.machine.map_at(map_address)
    if flags & ~of.BPF_F_INDEX_MASK:
        return -errno.EINVAL
    index = run.machine.cpu if flags == of.BPF_F_CURRENT_CPU else flags
    return -errno.E2BIG if index >= found.max_entries else -errno.ENOENT


def perf_event_read(run: Execution, map_address: int, flags: int, *_: int) -> int:
    """A counter of an array of perf events."""
    return _problem(run, map_address, flags)


def perf_event_read_value(run: Execution, map_address: int, flags: int, into: int, size: int, *_: int) -> int:
    """The same with the time that it ran: zeros."""
    run.write(into, bytes(size), "perf_event_read_value's buf: write")
    return -errno.EINVAL if size != VALUE else _problem(run, map_address, flags)


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_perf_event_read: perf_event_read,
    ids.BPF_FUNC_perf_event_read_value: perf_event_read_value,
}
