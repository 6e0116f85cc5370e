"""@tp_btf: tell the threads that this process starts from the processes."""

import os
import subprocess
import threading
import time

from osmia import Global, TaskStorage, TpBtfContext, setting, tp_btf, u32, u64
from osmia.contexts.kernel_structs import task_struct

CLONE_THREAD = 0x10000
born = TaskStorage(u64)
threads, processes = Global(u64), Global(u64)
watched = setting(u32, 0)


@tp_btf("task_newtask")
def count(ctx: TpBtfContext, task: task_struct, clone_flags: u64) -> None:
    if ctx.get_current_pid_tgid() >> 32 != watched:
        return
    born.get(task, ctx.ktime_get_ns())  # kept with the new task, for as long as it lives
    if clone_flags & CLONE_THREAD:
        threads.value += 1
    else:
        processes.value += 1


if __name__ == "__main__":
    count.load(settings={"watched": os.getpid()})
    with count.attach():
        for _ in range(2):
            threading.Thread(target=time.sleep, args=(0,)).start()
        with subprocess.Popen(["sleep", "10"]) as child:
            print("the child's is kept:", child.pid in born)
            child.kill()
    print("threads:", threads.value, "processes:", processes.value)
