"""TaskStorage and CgrpStorage: values that programs and user code hang on processes and cgroups."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from compiled import c_object
from osmia import (
    CgrpStorage,
    InodeStorage,
    KernelError,
    NotLoadedError,
    SpinLock,
    TaskStorage,
    TpBtfContext,
    setting,
    spin_lock,
    struct,
    tp_btf,
    u32,
    u64,
)
from osmia.contexts.kernel_structs import cgroup, task_struct
from refusal import refusal
from this_kernel import require_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@struct
class Info:
    seen: u64 = 0
    flags: u64 = 0


@struct
class Guarded:
    lock: SpinLock = spin_lock()
    count: u64 = 0


children = TaskStorage(u64)
infos = TaskStorage(Info)
guarded = TaskStorage(Guarded)
groups = CgrpStorage(u32)
watched = setting(u32, 0)


@tp_btf("task_newtask")
def newtask(ctx: TpBtfContext, task: task_struct, clone_flags: u64) -> None:
    parent = children.get(ctx.get_current_task_btf())
    if parent is None:
        return
    parent.value += 1
    child = children.get(task, 10)
    if child is not None:
        child.value += 1
    info = infos.get(task, Info(seen=7))
    if info is not None:
        info.flags = clone_flags
    held = guarded.get(task, Guarded(count=1), 1)
    if held is not None:
        with held.lock:
            held.count += 4


@tp_btf("task_newtask")
def forget(ctx: TpBtfContext, task: task_struct) -> None:
    if children.delete(ctx.get_current_task_btf()) == 0:
        children.get(task, 1)


@tp_btf("cgroup_mkdir")
def made(ctx: TpBtfContext, cgrp: cgroup) -> None:
    if ctx.get_current_pid_tgid() >> 32 == watched:
        groups.get(cgrp, 5)


@tp_btf("cgroup_attach_task")
def moved(ctx: TpBtfContext, dst_cgrp: cgroup, path: u64, task: task_struct, threadgroup: bool) -> None:
    count = groups.get(dst_cgrp)
    if count is not None and threadgroup:
        count.value += 1


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    for program in (newtask, forget, made, moved):
        program.close()
    for held in (children, infos, guarded, groups):
        held.close()


@pytest.fixture
def cgroup2() -> Iterator[Path]:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    where = next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)
    if where is None:
        pytest.skip("no cgroup2 is mounted")
    path = where / f"osmia-test-{os.getpid()}"
    yield path
    if path.exists():
        (path.parent / "cgroup.procs").write_text(str(os.getpid()))
        path.rmdir()


def test_values_hang_on_tasks_and_both_sides_write_them() -> None:
    require_kernel((5, 11), "TASK_STORAGE")
    with newtask.attach():
        children[os.getpid()] = 100
        with subprocess.Popen(["sleep", "60"]) as child:
            assert children[os.getpid()] == 101
            assert (children[child.pid], child.pid in children) == (11, True)
            assert infos[child.pid].seen == 7
            assert infos[child.pid].flags & 0x4000  # CLONE_VFORK
            assert guarded[child.pid].count == 5
            guarded[child.pid] = Guarded(count=9)
            infos[child.pid] = Info(seen=1)
            assert (guarded.get(child.pid), infos[child.pid]) == (Guarded(count=9), Info(seen=1))
            child.kill()
        # The values went with the process.
        assert (child.pid in children, children.get(child.pid), children.get(child.pid, 3)) == (False, None, 3)
        assert children.pop(child.pid, None) is None
        assert refusal(KeyError, lambda: children[child.pid]) == f"children: no key {child.pid}"
        assert refusal(KernelError, lambda: children.update(child.pid, 1)) == (
            f"cannot write to map 'children': there is no task {child.pid} (ESRCH)"
        )
        assert children.pop(os.getpid()) == 101
        assert refusal(KeyError, lambda: children.pop(os.getpid())) == f"children: no key {os.getpid()}"
        with pytest.raises(KeyError):
            del children[os.getpid()]
    assert newtask.errors() == []


def test_a_pidfd_is_a_key() -> None:
    require_kernel((5, 11), "TASK_STORAGE")
    newtask.load()
    with os.fdopen(os.pidfd_open(os.getpid()), "rb") as pidfd:
        children[pidfd] = 4
        assert (children[pidfd], children[os.getpid()]) == (4, 4)
        del children[pidfd]
        assert pidfd not in children


def test_kernel_code_deletes() -> None:
    require_kernel((5, 11), "TASK_STORAGE")
    with forget.attach():
        children[os.getpid()] = 1
        with subprocess.Popen(["sleep", "60"]) as child:
            assert (os.getpid() in children, children[child.pid]) == (False, 1)
            child.kill()


def test_flags_of_update() -> None:
    require_kernel((5, 11), "TASK_STORAGE")
    newtask.load()
    me = os.getpid()
    assert refusal(KernelError, lambda: children.update(me, 1, 2)) == (
        f"cannot write task {me} of map 'children': the key is not there, and the flags say that it must be (ENOENT)"
    )
    children.update(me, 1, 1)
    assert refusal(KernelError, lambda: children.update(me, 1, 1)) == (
        f"cannot write task {me} of map 'children': "
        "the key is there already, and the flags say that it must not be (EEXIST)"
    )
    children.update(me, 2, 2)
    assert children[me] == 2


def test_values_hang_on_cgroups(cgroup2: Path) -> None:
    require_kernel((6, 2), "CGRP_STORAGE")
    loaded = osmia.load(made, settings={"watched": os.getpid()})
    with loaded, loaded[made].attach():
        cgroup2.mkdir()
        live_groups = loaded[groups]
        assert live_groups[cgroup2] == 5
        live_groups[str(cgroup2)] = 6
        descriptor = os.open(cgroup2, os.O_RDONLY)
        try:
            assert (live_groups[descriptor], live_groups.pop(cgroup2)) == (6, 6)
        finally:
            os.close(descriptor)
        assert cgroup2 not in live_groups
        text = f"cannot find the cgroup of map 'groups': {cgroup2}/none: No such file or directory"
        assert refusal(KernelError, lambda: live_groups[cgroup2 / "none"]) == text


def test_a_process_that_moves_is_counted_in_its_new_cgroup(cgroup2: Path) -> None:
    require_kernel((6, 2), "CGRP_STORAGE")
    with moved.attach(), subprocess.Popen(["sleep", "60"]) as child:
        cgroup2.mkdir()
        groups[cgroup2] = 0
        (cgroup2 / "cgroup.procs").write_text(str(child.pid))
        assert groups[cgroup2] == 1
        child.kill()


def test_what_is_declared() -> None:
    assert repr(children) == "<TaskStorage(u64) children, not live>"
    assert (children.key_size, children.value_size, children.max_entries, children.flags) == (4, 8, 0, 1)
    assert children.describe() != TaskStorage(u32, name="children").describe()
    assert children.describe() != InodeStorage(u64, name="children").describe()
    assert refusal(NotLoadedError, lambda: TaskStorage(u64, name="T")[1]).startswith(
        "T is not loaded: load() or attach() a program"
    )


def test_wrong_declarations_and_uses_are_refused() -> None:
    wrong: Any = TaskStorage
    assert refusal(ValueError, lambda: wrong(u64, name="T", flags=2)) == (
        "T: the flag BPF_F_NO_COMMON_LRU is for LruHashMap, LruPerCpuHashMap; a TaskStorage takes BPF_F_NO_PREALLOC"
    )
    with pytest.raises(TypeError, match="max_entries"):
        wrong(u64, max_entries=5)
    held: Any = children
    taken = "the id of a process, or an object whose fileno() is a pidfd"
    assert refusal(TypeError, lambda: iter(held)) == (
        "children: the kernel does not walk the values of a task storage: name a key"
    )
    assert refusal(TypeError, lambda: held.get(task_struct())) == (
        "children: get() with a task_struct, or flags, is for kernel code; in user code write m.get(key, default) "
        f"with {taken}"
    )
    assert refusal(TypeError, lambda: held.delete(5)) == (
        "children: delete() is for kernel code; in user code write del m[5]"
    )


def test_wrong_keys_and_values_are_refused() -> None:
    require_kernel((5, 11), "TASK_STORAGE")
    newtask.load()
    held: Any = children
    taken = "the id of a process, or an object whose fileno() is a pidfd"
    assert refusal(TypeError, lambda: held["1"]) == f"children: a key is {taken}, not str '1'"
    assert refusal(TypeError, lambda: held[True]) == f"children: a key is {taken}, not bool True"
    assert refusal(TypeError, lambda: held[socket.socket]) == (
        f"children: a key is {taken}, not type <class 'socket.socket'>"
    )
    assert refusal(ValueError, lambda: held[0]) == "children: the id of a process is above 0, not 0"
    assert refusal(OverflowError, lambda: held.update(os.getpid(), -1)) == (
        "children: a value is a u64, 0 to 18446744073709551615, not -1"
    )
    assert refusal(TypeError, lambda: held.update(os.getpid(), 1, "1")) == "children: flags is an int, not str '1'"
    assert refusal(ValueError, lambda: held.update(os.getpid(), 1, -1)) == (
        "children: flags is 0 to 18446744073709551615, not -1"
    )
    with Path("/dev/null").open() as file, pytest.raises(KernelError) as caught:
        held[file]
    assert caught.value.errno == 9  # no pidfd


C = r"""
struct { __uint(type, 29); __uint(map_flags, 1); __type(key, int); __type(value, u64); } tasks SEC(".maps");
static void *(*bpf_task_storage_get)(void *, void *, void *, u64) = (void *)156;
SEC("tp_btf/task_newtask") int count(u64 *ctx) {
    u64 *held = bpf_task_storage_get(&tasks, (void *)ctx[0], 0, 1);
    if (held) *held += 3;
    return 0;
}
"""


def test_what_clang_made_is_loaded_and_used() -> None:
    require_kernel((5, 11), "TASK_STORAGE")
    with osmia.load(c_object(C)) as loaded:
        tasks = loaded["tasks"]
        assert type(tasks) is TaskStorage
        with loaded.programs["count"].attach(), subprocess.Popen(["sleep", "60"]) as child:  # type: ignore[attr-defined]
            assert tasks[child.pid] == 3
            child.kill()
