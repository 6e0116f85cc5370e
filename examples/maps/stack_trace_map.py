"""StackTraceMap: see by which way of the kernel a process is started."""

import os
import subprocess

from osmia import Global, HashMap, StackTraceMap, TpBtfContext, i64, setting, tp_btf, u32, u64
from osmia.contexts.kernel_structs import task_struct

stacks = StackTraceMap(max_entries=64, depth=32)
times = HashMap(i64, u64, max_entries=64)
lost = Global(u64)
watched = setting(u32, 0)


@tp_btf("task_newtask")
def trace(ctx: TpBtfContext, task: task_struct, clone_flags: u64) -> None:
    if ctx.get_current_pid_tgid() >> 32 != watched:
        return
    number = stacks.stackid()
    if number < 0:
        lost.value += 1
        return
    seen = times.lookup_or_init(number, 0)
    if seen is not None:
        seen.value += 1


if __name__ == "__main__":
    trace.load(settings={"watched": os.getpid()})
    with trace.attach():
        for _ in range(3):
            subprocess.run(["true"], check=True)
    for number, count in times.items():
        frames = stacks[number]
        in_kernel = all(address >> 63 for address in frames)
        print(f"{count} times one stack of several frames: {len(frames) > 3}, all in the kernel: {in_kernel}")
