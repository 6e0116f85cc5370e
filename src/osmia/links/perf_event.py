"""Attaching tracepoint programs, by a perf event: with a BPF link from 5.15 on, before that while the event is open."""

from __future__ import annotations

import errno
import os

from osmia.abi.generated import BPF_PERF_EVENT
from osmia.errors import KernelError
from osmia.kernel import bpf, perf, tracefs
from osmia.kernel.features import kernel_version
from osmia.kernel.parent import end_with_sudo
from osmia.links import attaching
from osmia.links.tracing import TracingLink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.links import Attachable

_LINK_SINCE = (5, 15)
_NEEDED = ("CAP_BPF", "CAP_PERFMON")


class PerfEventLink(TracingLink):
    """A program attached to a tracepoint by a perf event."""

    def pin(self, path: str) -> None:
        """Give the link a name in a BPF file system, so that it outlives this process; from Linux 5.15 on."""
        if kernel_version() < _LINK_SINCE:
            from osmia.kernel.errors import not_supported

            asked = f"pin {self._what} to '{os.fspath(path)}'"
            raise not_supported(errno.EINVAL, asked, "links of perf events", _LINK_SINCE)
        super().pin(path)


def attach_tracepoint(program: Attachable, tracepoint: str) -> PerfEventLink:
    """Attach a program to a tracepoint, by its name `category/name`.

    Where sudo started this process, it is from now on ended (SIGTERM) when sudo is. Raises KernelError: no such
    tracepoint (ENOENT), a program that reads behind its fields (EACCES); PermissionDeniedError.
    """
    target = f"tracepoint {tracepoint}"
    try:
        number = tracefs.tracepoint_id(tracepoint)
    except FileNotFoundError:
        raise _no_such_tracepoint(program, tracepoint) from None
    except OSError as error:
        raise KernelError(
            error.errno or 0,
            f"cannot attach program '{program.name}' to {target}: tracefs cannot be read: {error.strerror}",
        ) from None
    end_with_sudo()
    with attaching:
        try:
            return PerfEventLink(_attached(program.fd, number), program.name, target)
        except OSError as error:
            failed = error.errno or 0
    from osmia.kernel.errors import kernel_error

    raise kernel_error(
        failed,
        f"attach program '{program.name}' to {target}",
        needed=_NEEDED,
        hints={
            errno.EACCES: "the program reads behind the fields of the tracepoint (EACCES)",
            errno.E2BIG: "the tracepoint has as many programs as it can have (E2BIG)",
        },
    )


def _attached(program: int, number: int) -> int:
    """The file descriptor that keeps a program attached to the tracepoint of that number. OSError."""
    event = perf.tracepoint_event(number)
    try:
        if kernel_version() >= _LINK_SINCE:
            return bpf.link_create(prog_fd=program, target=event, attach_type=BPF_PERF_EVENT)
        perf.set_bpf(event, program)
        kept, event = event, -1
        return kept
    finally:
        if event >= 0:
            os.close(event)


def _no_such_tracepoint(program: Attachable, tracepoint: str) -> KernelError:
    from difflib import get_close_matches

    close = get_close_matches(tracepoint, tracefs.tracepoints(), 3)
    hint = (
        f"; did you mean {' or '.join(close)}?" if close else "; its name is `category/name`, as in sched/sched_switch"
    )
    return KernelError(
        errno.ENOENT, f"cannot attach program '{program.name}': this kernel has no tracepoint {tracepoint}{hint}"
    )
