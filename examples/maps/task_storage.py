"""TaskStorage: count how many processes each process starts, where user code asked for it."""

import os
import subprocess

from osmia import TaskStorage, TpBtfContext, tp_btf, u64
from osmia.contexts.kernel_structs import task_struct

children = TaskStorage(u64)


@tp_btf("task_newtask")
def count(ctx: TpBtfContext, task: task_struct, clone_flags: u64) -> None:
    parent = children.get(ctx.get_current_task_btf())
    if parent is None:
        return  # nobody asked for this one
    parent.value += 1
    children.get(task, 0)  # and for what it starts itself


if __name__ == "__main__":
    with count.attach():
        children[os.getpid()] = 0
        for _ in range(3):
            subprocess.run(["true"], check=True)
        with subprocess.Popen(["sleep", "10"]) as child:
            print("started by us:", children[os.getpid()], "by the child:", children[child.pid])
            child.kill()
        print("the child's went with it:", child.pid not in children)
