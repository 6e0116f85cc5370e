"""Helpers that copy stacks: what a test says of them (`machine.kernel_stack`, `machine.user_stack`)."""

from __future__ import annotations

import errno

from osmia.abi.generated import flags as of
from osmia.abi.generated import helper_ids as ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

_FLAGS = of.BPF_F_SKIP_FIELD_MASK | of.BPF_F_USER_STACK | of.BPF_F_USER_BUILD_ID
_U64 = (1 << 64) - 1


def _copy(run: Execution, into: int, size: int, flags: int, what: str) -> int:
    """Copy addresses, and zeros behind them: how many bytes they are."""
    if flags & ~_FLAGS or size % 8 or flags & of.BPF_F_USER_BUILD_ID:
        run.write(into, bytes(size), f"{what}'s buf: write")
        return -errno.EINVAL
    stack = run.machine.user_stack if flags & of.BPF_F_USER_STACK else run.machine.kernel_stack
    data = b"".join((each & _U64).to_bytes(8, "little") for each in stack[flags & of.BPF_F_SKIP_FIELD_MASK :])[:size]
    run.write(into, data.ljust(size, b"\0"), f"{what}'s buf: write")
    return len(data) or -errno.EFAULT


def get_stack(run: Execution, _context: int, into: int, size: int, flags: int, *_: int) -> int:
    """The stack of the thread that the program runs in."""
    return _copy(run, into, size, flags, "get_stack")


def get_task_stack(run: Execution, _task: int, into: int, size: int, flags: int, *_: int) -> int:
    """The stack of a thread: there is one alone."""
    return _copy(run, into, size, flags, "get_task_stack")


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_get_stack: get_stack,
    ids.BPF_FUNC_get_task_stack: get_task_stack,
}
