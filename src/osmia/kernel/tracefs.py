"""Tracepoints as tracefs has them: their numbers, and where their fields lie.

The kernel's tracing file system is opened without mounting it anywhere: systems mount it in different places, or not.
"""

from __future__ import annotations

import errno
import os

from osmia.kernel.libc import addressof, c_char, c_void_p, function, get_errno
from osmia.record import record

# These numbers are the same on every architecture but alpha.
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = 1
_CMD_CREATE = 6
_FORMAT_SIZE = 1 << 16
# What is declared so lies behind the fields: a field says where, in its lower half, and how long it is.
_ELSEWHERE = ("__data_loc ", "__rel_loc ")

_syscall = function("syscall")


@record
class FormatField:
    """A field of a tracepoint."""

    name: str
    declared: str
    """As the kernel declares it: `pid_t pid`."""
    offset: int
    """In bytes."""
    size: int
    """In bytes."""
    signed: bool

    @property
    def wanted(self) -> str:
        """The type that kernel code gives it: `i32`; empty where it is no number, such as an array."""
        if "[" in self.declared or self.size not in {1, 2, 4, 8}:
            return "u32" if self.declared.startswith(_ELSEWHERE) else ""
        return f"{'i' if self.signed else 'u'}{8 * self.size}"


def _checked(result: int) -> int:
    if result >= 0:
        return result
    number = get_errno()
    raise OSError(number, os.strerror(number))


def _open_root() -> int:
    """A directory of tracefs that is mounted nowhere. OSError where the kernel has none, or does not allow it."""
    name = bytearray(b"tracefs\0")
    context = _checked(_syscall(_FSOPEN, c_void_p(addressof(c_char.from_buffer(name))), _FSOPEN_CLOEXEC))
    try:
        _checked(_syscall(_FSCONFIG, context, _CMD_CREATE, c_void_p(0), c_void_p(0), 0))
        return _checked(_syscall(_FSMOUNT, context, _FSMOUNT_CLOEXEC, 0))
    finally:
        os.close(context)


def _read(path: str) -> str:
    root = _open_root()
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=root)
    finally:
        os.close(root)
    try:
        return os.read(file, _FORMAT_SIZE).decode()
    finally:
        os.close(file)


def check_name(tracepoint: str) -> None:
    """Refuse what is no name of a tracepoint, which is a path below tracefs's `events`. FileNotFoundError."""
    category, _, name = tracepoint.partition("/")
    if not category or not name or "/" in name or ".." in (category, name):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), tracepoint)


def tracepoint_id(tracepoint: str) -> int:
    """The number of a tracepoint, `sched/sched_switch`, which perf_event_open(2) takes. OSError as for files."""
    check_name(tracepoint)
    return int(_read(f"events/{tracepoint}/id"))


def format_text(tracepoint: str) -> str:
    """What the kernel says of a tracepoint's fields, as in its file `format`, without how they are printed."""
    check_name(tracepoint)
    text = _read(f"events/{tracepoint}/format")
    return "".join(line for line in text.splitlines(keepends=True) if line.startswith("\tfield:"))


def read_format(text: str) -> dict[str, FormatField]:
    """The fields by name."""
    fields = {}
    for line in text.splitlines():
        parts = dict(part.strip().partition(":")[::2] for part in line.split(";") if part.strip())
        declared = parts["field"]
        where = declared if declared.startswith(_ELSEWHERE) else declared.partition("[")[0]
        name = where.split()[-1]
        fields[name] = FormatField(
            name, declared, int(parts["offset"]), int(parts["size"]), parts.get("signed", "0") == "1"
        )
    return fields


def tracepoints() -> list[str]:
    """Every tracepoint of the kernel, `category/name`. OSError where tracefs cannot be read."""
    root = _open_root()
    try:
        events = os.open("events", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
        try:
            return [f"{category}/{name}" for category in os.listdir(events) for name in _names(events, category)]
        finally:
            os.close(events)
    finally:
        os.close(root)


def _names(events: int, category: str) -> list[str]:
    try:
        directory = os.open(category, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=events)
    except NotADirectoryError:
        return []
    try:
        return [name for name in os.listdir(directory) if name not in {"enable", "filter"}]
    finally:
        os.close(directory)
