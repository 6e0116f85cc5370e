"""Helpers that read memory by an address that nobody has checked: what is not there is -EFAULT, and zeros."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.vm.helpers.text import probe
from osmia.vm.memory import FIRST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper


def probe_read(run: Execution, into: int, size: int, address: int, *_: int) -> int:
    """Copy memory; zeros and -EFAULT where not all of it may be read."""
    found = probe(run, address, size)
    run.machine.memory.write(into, bytes(size) if found is None else found)
    return 0 if found is not None else -errno.EFAULT


def probe_read_kernel(run: Execution, into: int, size: int, address: int, *_: int) -> int:
    """The same; -ERANGE for a null pointer, which is no address of the kernel's."""
    problem = probe_read(run, into, size, address)
    return -errno.ERANGE if problem and address < FIRST else problem


def probe_read_kernel_str(run: Execution, into: int, size: int, address: int, *_: int) -> int:
    """As probe_read_str; -ERANGE for a null pointer."""
    found = probe_read_str(run, into, size, address)
    return -errno.ERANGE if found < 0 and address < FIRST else found


def probe_read_str(run: Execution, into: int, size: int, address: int, *_: int) -> int:
    """Copy a text, cut where its memory ends: its bytes with the ending zero. Zeros and -EFAULT where it is not there.

    What lies behind the text is zeros then, too, only where the text could not be read.
    """
    if not size:
        return 0
    text = b""
    while len(text) < size:
        byte = probe(run, address + len(text), 1)
        if byte is None:
            run.machine.memory.write(into, bytes(size))
            return -errno.EFAULT
        text += byte
        if byte == b"\0":
            break
    text = text if text.endswith(b"\0") else text[:-1] + b"\0"
    # What the text does not reach to stays as it was: what was never written stays so.
    run.machine.memory.write(into, text)
    return len(text)


def copy_from_user_task(run: Execution, into: int, size: int, address: int, _task: int, flags: int) -> int:
    """As probe_read, of another process: there is one memory alone."""
    if flags:
        return -errno.EINVAL
    return probe_read(run, into, size, address)


def probe_write_user(run: Execution, address: int, source: int, size: int, *_: int) -> int:
    """Write where a program of user space could; -EPERM where it may not."""
    memory = run.machine.memory
    if not memory.writable(address, size):
        return -errno.EPERM
    memory.write(address, memory.read(source, size))
    return 0


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_probe_read: probe_read,
    ids.BPF_FUNC_probe_read_kernel: probe_read_kernel,
    ids.BPF_FUNC_probe_read_user: probe_read,
    ids.BPF_FUNC_copy_from_user: probe_read,
    ids.BPF_FUNC_copy_from_user_task: copy_from_user_task,
    ids.BPF_FUNC_probe_read_str: probe_read_str,
    ids.BPF_FUNC_probe_read_kernel_str: probe_read_kernel_str,
    ids.BPF_FUNC_probe_read_user_str: probe_read_str,
    ids.BPF_FUNC_probe_write_user: probe_write_user,
}
