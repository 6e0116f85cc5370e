"""@tracepoint: which processes this one starts, by the fields of a tracepoint."""

import os
import subprocess

from osmia import HashMap, TracepointContext, i32, setting, struct, tracepoint, u32, u64

started = HashMap(i32, u64, max_entries=64)  # when, in ns since the machine started, by the process
watched = setting(u32, 0)


@struct
class SchedProcessFork(TracepointContext):
    parent_pid: i32
    child_pid: i32


@tracepoint("sched", "sched_process_fork")
def fork(ctx: SchedProcessFork) -> None:
    if ctx.parent_pid == watched:
        started.update(ctx.child_pid, ctx.ktime_get_ns())


if __name__ == "__main__":
    fork.load(settings={"watched": os.getpid()})
    with fork.attach(), subprocess.Popen(["true"]) as first, subprocess.Popen(["true"]) as second:
        pass
    print("both seen:", {first.pid, second.pid} == set(started))
    print("in order:", started[first.pid] < started[second.pid])
