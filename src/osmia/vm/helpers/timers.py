"""Helpers of timers, which `machine.advance()` fires; and pointers that are kept in maps."""

from __future__ import annotations

from osmia.abi.generated import helper_ids as ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper


def timer_init(run: Execution, timer: int, map_address: int, flags: int, *_: int) -> int:
    """Make a timer of what lies in a map's value."""
    return run.machine.timers.make(run, timer, run.machine.map_at(map_address), flags)


def timer_set_callback(run: Execution, timer: int, callback: int, *_: int) -> int:
    """Say what it calls."""
    return run.machine.timers.set_callback(run, timer, callback)


def timer_start(run: Execution, timer: int, nanoseconds: int, flags: int, *_: int) -> int:
    """Let it fire so much later, or at a time."""
    return run.machine.timers.start(timer, nanoseconds, flags)


def timer_cancel(run: Execution, timer: int, *_: int) -> int:
    """Stop it: 1 if it was started."""
    return run.machine.timers.cancel(timer)


def kptr_xchg(run: Execution, place: int, pointer: int, *_: int) -> int:
    """Put a pointer into a map's value, and take out what was there: the program owns that now."""
    memory = run.machine.memory
    if not memory.writable(place, 8):
        raise run.access_fault(place, 8, writes=True, what="kptr_xchg's dst: write")
    before = memory.number(place, 8)
    run.references.pop(pointer, None)
    memory.put(place, 8, pointer)
    return before


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_timer_init: timer_init,
    ids.BPF_FUNC_timer_set_callback: timer_set_callback,
    ids.BPF_FUNC_timer_start: timer_start,
    ids.BPF_FUNC_timer_cancel: timer_cancel,
    ids.BPF_FUNC_kptr_xchg: kptr_xchg,
}
