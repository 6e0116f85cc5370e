"""Helpers about the program itself: loops, its arguments, its cookie, what the kernel goes on with after it."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

MOST_ROUNDS = 1 << 23
"""BPF_MAX_LOOPS."""
_U64 = (1 << 64) - 1


def loop(run: Execution, count: int, callback: int, context: int, flags: int, *_: int) -> int:
    """Call a function for 0, 1, ... until it gives other than 0: how often."""
    count &= 0xFFFF_FFFF
    if flags:
        return -errno.EINVAL
    if count > MOST_ROUNDS:
        return -errno.E2BIG
    for index in range(count):
        if run.call_function(callback, index, context):
            return index + 1
    return count


def get_attach_cookie(run: Execution, *_: int) -> int:
    """What a program was attached with."""
    return run.machine.attach_cookie


def _argument_count(run: Execution) -> int:
    return len(run.program.arguments)


def get_func_arg(run: Execution, context: int, index: int, value: int, *_: int) -> int:
    """An argument of the function that the program is attached to, by its number."""
    index &= 0xFFFF_FFFF
    if index >= _argument_count(run):
        return -errno.EINVAL
    run.machine.memory.write(value, run.machine.memory.read(context + 8 * index, 8))
    return 0


def get_func_ret(run: Execution, _context: int, value: int, *_: int) -> int:
    """What that function has returned so far: 0, as no other program ran before this one."""
    run.machine.memory.write(value, bytes(8))
    return 0


def get_func_arg_cnt(run: Execution, *_: int) -> int:
    """How many arguments that function has, as far as the program names them."""
    return _argument_count(run)


def get_retval(run: Execution, *_: int) -> int:
    """What the system call returns as things are: what a program before this one, or this one itself, has set."""
    return run.retval & _U64


def set_retval(run: Execution, value: int, *_: int) -> int:
    """Set what the system call returns; the context has it after the run."""
    value &= 0xFFFF_FFFF
    run.retval = run.context.extra["retval"] = value - (1 << 32) if value >> 31 else value
    return 0


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_loop: loop,
    ids.BPF_FUNC_get_attach_cookie: get_attach_cookie,
    ids.BPF_FUNC_get_func_arg: get_func_arg,
    ids.BPF_FUNC_get_func_ret: get_func_ret,
    ids.BPF_FUNC_get_func_arg_cnt: get_func_arg_cnt,
    ids.BPF_FUNC_get_retval: get_retval,
    ids.BPF_FUNC_set_retval: set_retval,
}
