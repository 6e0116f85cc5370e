"""Helpers about objects of the kernel's that a test made up: paths, programs that are executed, registers."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.vm.helpers.arguments import object_at
from osmia.vm.objects import standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

SECURE_EXEC = 1
"""BPF_F_BPRM_SECUREEXEC."""


def d_path(run: Execution, path: int, into: int, size: int, *_: int) -> int:
    """The path of `machine.object("path", name="/etc/hosts")`: how many bytes it has with its ending zero."""
    name = object_at(run, "d_path's path", path).get("name")
    text = (name if isinstance(name, str) else "").encode() + b"\0"
    if not size:
        return 0
    if len(text) > size:
        return -errno.ENAMETOOLONG
    run.write(into, text, "d_path's buf: write")
    return len(text)


def bprm_opts_set(run: Execution, program: int, flags: int, *_: int) -> int:
    """Recorded: `get("secureexec")` of the object has it."""
    if flags & ~SECURE_EXEC:
        return -errno.EINVAL
    object_at(run, "bprm_opts_set's bprm", program).set(secureexec=bool(flags))
    return 0


def task_pt_regs(run: Execution, *_: int) -> int:
    """The registers that the thread left user space with, of which nothing can be read but zeros."""
    return standing(run.machine, "registers", "pt_regs").address


def find_vma(_run: Execution, _task: int, _address: int, _callback: int, _context: int, flags: int) -> int:
    """The area of an address: the thread has no memory of its own."""
    return -errno.EINVAL if flags else -errno.ENOENT


def get_branch_snapshot(_run: Execution, _entries: int, _size: int, flags: int, *_: int) -> int:
    """The last branches that were taken: no CPU records them here."""
    return -errno.EINVAL if flags else -errno.ENOENT


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_d_path: d_path,
    ids.BPF_FUNC_bprm_opts_set: bprm_opts_set,
    ids.BPF_FUNC_task_pt_regs: task_pt_regs,
    ids.BPF_FUNC_find_vma: find_vma,
    ids.BPF_FUNC_get_branch_snapshot: get_branch_snapshot,
}
