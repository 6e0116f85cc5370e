"""Helpers that tell of the thread that a program runs in, and of its cgroups: what `machine.task` holds."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.vm.objects import standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

HIGHEST_SIGNAL = 64


def get_current_pid_tgid(run: Execution, *_: int) -> int:
    """The process in the upper half, the thread in the lower one."""
    return run.machine.task.pair("pid", "tid")


def get_ns_current_pid_tgid(run: Execution, _device: int, _inode: int, data: int, size: int, *_: int) -> int:
    """The same as the process's namespace has it: there is one alone, whatever it is called."""
    both = run.machine.task.pair("pid", "tid").to_bytes(8, "little")
    if size != 8:
        run.write(data, bytes(size), "get_ns_current_pid_tgid's nsdata: write")
        return -errno.EINVAL
    run.write(data, both, "get_ns_current_pid_tgid's nsdata: write")
    return 0


def get_current_uid_gid(run: Execution, *_: int) -> int:
    """The group in the upper half, the user in the lower one."""
    return run.machine.task.pair("gid", "uid")


def get_current_comm(run: Execution, into: int, size: int, *_: int) -> int:
    """The thread's name, cut where the memory ends, with zeros behind it."""
    name = run.machine.task.name[: size - 1]
    run.write(into, name.ljust(size, b"\0"), "get_current_comm's into: write")
    return 0


def get_current_task(run: Execution, *_: int) -> int:
    """The address of a struct task_struct, of which nothing can be read but zeros."""
    return standing(run.machine, "the current task", "task_struct").address


def get_current_cgroup_id(run: Execution, *_: int) -> int:
    """The id of its own cgroup."""
    return run.machine.task.cgroup_id


def get_current_ancestor_cgroup_id(run: Execution, level: int, *_: int) -> int:
    """The id of the cgroup above it at a level."""
    level &= 0xFFFF_FFFF
    return run.machine.task.ancestor(level - (1 << 32) if level >> 31 else level)


def get_cgroup_classid(run: Execution, *_: int) -> int:
    """The class of version 1."""
    return run.machine.task.cgroup_classid


def _send(run: Execution, to: str, number: int) -> int:
    number &= 0xFFFF_FFFF
    if number > HIGHEST_SIGNAL:
        return -errno.EINVAL
    run.machine.signals.append((to, number))
    return 0


def send_signal(run: Execution, number: int, *_: int) -> int:
    """Recorded in `machine.signals`."""
    return _send(run, "process", number)


def send_signal_thread(run: Execution, number: int, *_: int) -> int:
    """Recorded in `machine.signals`."""
    return _send(run, "thread", number)


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_get_current_pid_tgid: get_current_pid_tgid,
    ids.BPF_FUNC_get_ns_current_pid_tgid: get_ns_current_pid_tgid,
    ids.BPF_FUNC_get_current_uid_gid: get_current_uid_gid,
    ids.BPF_FUNC_get_current_comm: get_current_comm,
    ids.BPF_FUNC_get_current_task: get_current_task,
    ids.BPF_FUNC_get_current_task_btf: get_current_task,
    ids.BPF_FUNC_get_current_cgroup_id: get_current_cgroup_id,
    ids.BPF_FUNC_get_current_ancestor_cgroup_id: get_current_ancestor_cgroup_id,
    ids.BPF_FUNC_get_cgroup_classid: get_cgroup_classid,
    ids.BPF_FUNC_send_signal: send_signal,
    ids.BPF_FUNC_send_signal_thread: send_signal_thread,
}
