"""Programs that watch the kernel, storage and stacks: what checkers accept, and the mistakes that they find."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

from osmia import (
    CgrpStorage,
    InodeStorage,
    Link,
    LsmContext,
    LsmProgram,
    RawTracepointContext,
    RawTracepointProgram,
    Ref,
    StackFrame,
    StackTraceMap,
    TaskStorage,
    TpBtfContext,
    TpBtfProgram,
    TracepointContext,
    TracepointProgram,
    XdpContext,
    i32,
    lsm,
    raw_tracepoint,
    struct,
    tp_btf,
    tracepoint,
    u32,
    u64,
)

if TYPE_CHECKING:
    from osmia.contexts.kernel_structs import cgroup, dentry, inode, task_struct


@struct
class Info:
    seen: u64 = 0


@struct
class SchedProcessExec(TracepointContext):
    pid: i32
    old_pid: i32


tasks = TaskStorage(u64)
infos = TaskStorage(Info, name="INFOS")
inodes = InodeStorage(u32)
groups = CgrpStorage(Info)
stacks = StackTraceMap(max_entries=64, depth=32)
places = StackTraceMap(max_entries=64, build_id=True)


@tp_btf("task_newtask")
def newtask(ctx: TpBtfContext, task: task_struct, clone_flags: u64) -> None:
    count = tasks.get(task, 1)
    assert_type(count, Ref[int] | None)
    info = infos.get(ctx.get_current_task_btf(), Info(seen=1), 1)
    assert_type(info, Info | None)
    if info is not None:
        info.seen += clone_flags
    assert_type(stacks.stackid(256), int)
    assert_type(tasks.delete(task), int)


@tp_btf("cgroup_mkdir", name="made")
def mkdir(ctx: TpBtfContext, cgrp: cgroup) -> int:
    held = groups.get(cgrp)
    return 0 if held is None else 1


@tracepoint("sched", "sched_process_exec")
def executed(ctx: SchedProcessExec) -> None:
    ctx.ktime_get_ns()
    assert_type(ctx.pid, int)


@raw_tracepoint("sched_switch")
def switched(ctx: RawTracepointContext) -> None:
    assert_type(ctx.arg(1), int)


@lsm("inode_unlink", on_error=-1)
def unlinked(ctx: LsmContext, dir_: inode, dentry_: dentry) -> int:
    return -1 if inodes.get(dir_) is not None else 0


def main() -> None:
    assert_type(newtask, TpBtfProgram)
    assert_type(executed, TracepointProgram[SchedProcessExec])
    assert_type(switched, RawTracepointProgram)
    assert_type(unlinked, LsmProgram)
    with newtask.attach() as link:
        held: Link = link
    held.detach()
    assert_type(tasks[os.getpid()], int)
    assert_type(tasks.get(os.getpid()), int | None)
    assert_type(tasks.get(os.getpid(), "none"), int | str)
    assert_type(infos[1], Info)
    assert_type(infos.pop(1, None), Info | None)
    tasks[1] = 5
    tasks.update(1, 5, 1)
    inodes["/etc/passwd"] = 1
    inodes[Path("/etc/passwd")] = 1
    with Path("/etc/passwd").open() as file:
        assert_type(inodes[file], int)
    assert_type(groups["/sys/fs/cgroup"], Info)
    assert_type(stacks[1], tuple[int, ...])
    assert_type(places[1], tuple[StackFrame, ...])
    assert_type(stacks.get(1), tuple[int, ...] | None)
    assert_type(places.pop(1)[0].build_id, bytes)
    for number, frames in stacks.items():
        assert_type((number, frames), tuple[int, tuple[int, ...]])


@tp_btf("task_newtask")
def mistakes(ctx: TpBtfContext, task: task_struct) -> None:
    tasks.get(task, 1).value += 1  # type: ignore[union-attr]
    infos.get(task, 5)  # type: ignore[call-overload]
    groups.get(task, Info())  # type: ignore[call-overload]
    tasks.delete(5)  # type: ignore[arg-type]
    stacks.stackid("user")  # type: ignore[arg-type]
    ctx.adjust_head(4)  # type: ignore[attr-defined]


@tp_btf("task_newtask")  # type: ignore[arg-type]
def wrong_context(ctx: XdpContext) -> None:
    return


@tp_btf("task_newtask")  # type: ignore[arg-type]
def wrong_result(ctx: TpBtfContext) -> str:
    return ""


@tracepoint("sched", "sched_switch")  # type: ignore[type-var]
def no_tracepoint(ctx: TpBtfContext) -> None:
    return


@lsm("file_open")  # type: ignore[call-arg]
def no_value_on_error(ctx: LsmContext) -> int:
    return 0


def more_mistakes() -> None:
    tracepoint("sched:sched_switch")  # type: ignore[call-arg]
    tasks["self"] = 1  # type: ignore[index]
    tasks[1] = "one"  # type: ignore[assignment]
    stacks[1] = (1, 2)  # type: ignore[index]
    list(tasks)  # type: ignore[call-overload]
    len(tasks)  # type: ignore[arg-type]
    TaskStorage(u64, max_entries=4)  # type: ignore[call-arg]
    StackTraceMap(max_entries=4, depth="8")  # type: ignore[call-overload]
    newtask.attach("lo")  # type: ignore[call-arg]
