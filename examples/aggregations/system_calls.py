"""How long the system calls of a process take, by the number of the call."""

import os

from osmia import HashMap, HistogramMap, RawTracepointContext, StatsMap, raw_tracepoint, setting, u32, u64
from osmia.helpers import get_current_pid_tgid, ktime_get_ns

GETPPID = 110 if os.uname().machine == "x86_64" else 173
PROCESS = setting(u32, 0)

began = HashMap(u64, u64, max_entries=10240)
numbers = HashMap(u64, u64, max_entries=10240)
times = HistogramMap(u64, max_entries=512)
stats = StatsMap(u64, max_entries=512)


@raw_tracepoint("sys_enter")
def enter(ctx: RawTracepointContext) -> None:
    """Remember which call a thread makes, and since when."""
    thread = get_current_pid_tgid()
    if thread >> 32 == PROCESS:
        numbers.update(thread, ctx.arg(1))
        began.update(thread, ktime_get_ns())


@raw_tracepoint("sys_exit")
def leave(ctx: RawTracepointContext) -> None:
    """Add what it took."""
    thread = get_current_pid_tgid()
    start, number = began.lookup(thread), numbers.lookup(thread)
    if start is not None and number is not None:
        took = ktime_get_ns() - start.value
        times.add(number.value, took)
        stats.add(number.value, took)
        began.delete(thread)


if __name__ == "__main__":
    PROCESS_HERE = {"PROCESS": os.getpid()}
    enter.load(settings=PROCESS_HERE)
    with leave.attach(), enter.attach():
        for _ in range(1000):
            os.getppid()
    measured = stats[GETPPID]
    print("getppid:", measured.count, "calls")
    print("none took a second:", measured.max is not None and measured.max < 1_000_000_000)
    print("all are in the histogram:", times[GETPPID].count == measured.count)
    print("the most frequent call:", stats.top(1)[0][0] == GETPPID)
