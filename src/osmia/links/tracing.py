"""Attaching programs that watch the kernel: tracepoints, raw and typed ones, and hooks of the security modules.

Their links end when their last file descriptor is closed; the kernel has no other way to end them.
"""

from __future__ import annotations

import errno
import os

from osmia.errors import KernelError
from osmia.kernel import bpf
from osmia.kernel.file_systems import read
from osmia.kernel.parent import end_with_sudo
from osmia.links import Link, attaching, end_logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.links import Attachable

_NEEDED = ("CAP_BPF", "CAP_PERFMON")


class TracingLink(Link):
    """A program attached to a function or a tracepoint of the kernel."""

    def detach(self) -> None:
        """Detach the program now; nothing happens if it is detached already.

        A pinned one stays attached until the file is removed: the kernel has no other way to detach such programs.
        """
        self._close()
        end_logs(self)

    def update(self, program: Attachable) -> None:
        """Links of this sort take no other program: a KernelError says so."""
        raise KernelError(
            errno.EINVAL,
            f"cannot replace {self._what} by '{program.name}': the kernel does not do that with tracing programs "
            "(EINVAL): attach the new one, then detach this one",
        )


def attach_tracing(program: Attachable, target: str) -> TracingLink:
    """Attach a program to what it was loaded for; `target` is that, for messages: `tp_btf task_newtask`.

    Where sudo started this process, it is from now on ended (SIGTERM) when sudo is. Raises KernelError and its kinds.
    """
    return _opened(program, target, b"", {errno.EBUSY: f"the kernel takes no more programs on {target} (EBUSY)"})


def attach_raw_tracepoint(program: Attachable, tracepoint: str) -> TracingLink:
    """Attach a raw tracepoint's program to it, by name.

    Where sudo started this process, it is from now on ended (SIGTERM) when sudo is. Raises KernelError: no such
    tracepoint (ENOENT), one with fewer arguments than the program reads (EINVAL); PermissionDeniedError.
    """
    hints = {
        errno.ENOENT: f"this kernel has no tracepoint {tracepoint} (ENOENT)",
        errno.EINVAL: f"the program reads more arguments than {tracepoint} has (EINVAL)",
    }
    return _opened(program, f"raw_tracepoint {tracepoint}", os.fsencode(tracepoint), hints)


def attach_lsm(program: Attachable, hook: str) -> TracingLink:
    """Attach a program to the hook of the security modules that it was loaded for.

    Raises KernelError where the kernel was started without BPF among its security modules: it would attach the program
    then and never ask it.
    """
    try:
        active = read("securityfs", "lsm").strip().split(",")
    except OSError as error:
        raise KernelError(
            error.errno or 0,
            f"cannot attach program '{program.name}' to lsm {hook}: whether this kernel asks BPF programs cannot be "
            f"read in securityfs: {error.strerror}",
        ) from None
    if "bpf" not in active:
        raise KernelError(
            errno.EOPNOTSUPP,
            f"cannot attach program '{program.name}' to lsm {hook}: this kernel would never ask it: it was started "
            f"with the security modules {', '.join(active)}: start it with `lsm={','.join(active)},bpf`",
        )
    return attach_tracing(program, f"lsm {hook}")


def _opened(program: Attachable, target: str, name: bytes, hints: dict[int, str]) -> TracingLink:
    end_with_sudo()
    with attaching:
        try:
            fd = bpf.raw_tracepoint_open(program.fd, name)
        except OSError as error:
            number = error.errno or 0
        else:
            return TracingLink(fd, program.name, target)
    from osmia.kernel.errors import kernel_error

    raise kernel_error(number, f"attach program '{program.name}' to {target}", needed=_NEEDED, hints=hints)
