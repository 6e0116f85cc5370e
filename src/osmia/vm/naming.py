"""Which object of a machine user code means, by what it names the kernel's objects with."""

from __future__ import annotations

import os

from osmia.vm.objects import KernelObject, standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.vm.machine import Machine

CURRENT_TASK = "the current task"
_SO_COOKIE = 57


def named(machine: Machine, what: str, given: Any) -> KernelObject | None:
    """The object that something names; None where there is none.

    `what` is `task`, by the id of its process; `file`, by its path or a descriptor; `cgroup`, by that of its
    directory; `socket`, by a socket or its descriptor; and all of them are named by the object itself. Files, cgroups
    and sockets are made when they are first named: they need not be there. TypeError or OSError for what names none.
    """
    if isinstance(given, KernelObject):
        return given
    if what == "task":
        return _task(machine, given)
    if what == "socket":
        cookie = socket_cookie(_descriptor(given))
        return standing(machine, f"socket {cookie}", "bpf_sock", cookie=cookie)
    struct = "inode" if what == "file" else what
    return standing(machine, f"{struct} {_file(given)}", struct)


def socket_cookie(number: int) -> int:
    """The cookie of a socket, by its file descriptor. OSError where it is of none."""
    import socket

    with socket.socket(fileno=os.dup(number)) as held:
        return int.from_bytes(held.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8), "little")


def _task(machine: Machine, given: Any) -> KernelObject | None:
    if type(given) is not int:
        raise TypeError(f"a task of a machine is named by the id of its process, or by its object, not by {given!r}")
    if given in (machine.task.pid, machine.task.tid):
        return standing(machine, CURRENT_TASK, "task_struct")
    tasks = (each for each in machine.objects.values() if each.struct == "task_struct")
    return next((each for each in tasks if each.get("pid") == given), None)


def _file(given: Any) -> str:
    """What is the same for all names of one file: its inode where there is one, else its path."""
    path = None if isinstance(given, int) or hasattr(given, "fileno") else os.fspath(given)
    try:
        found = os.fstat(_descriptor(given)) if path is None else os.stat(path)  # noqa: PTH116 - pathlib is slow
    except FileNotFoundError:
        return f"at {path}"
    return f"{found.st_ino} of {found.st_dev}"


def _descriptor(given: Any) -> int:
    if type(given) is int:
        return given
    if not hasattr(given, "fileno"):
        raise TypeError(f"an object of a machine, an open file or socket, or its descriptor is expected, not {given!r}")
    number: int = given.fileno()
    return number
