"""Tracepoints as the kernel's tracefs has them: their numbers, and where their fields lie."""

from __future__ import annotations

import errno
import os

from osmia.kernel.file_systems import open_root, read
from osmia.record import record

# What is declared so lies behind the fields: a field says where, in its lower half, and how long it is.
_ELSEWHERE = ("__data_loc ", "__rel_loc ")


USUAL_TEXT = 64
"""The bytes that are proposed for a text whose length differs from event to event."""


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
    def text_elsewhere(self) -> bool:
        """Whether it says where a text lies in the record, and how long it is."""
        return self.declared.startswith("__data_loc char[]")

    @property
    def text(self) -> bool:
        """Whether it is a text of fixed length: `char comm[16]`."""
        return self.declared.startswith("char ") and "[" in self.declared and self.size > 0

    @property
    def length(self) -> int:
        """How many elements an array of numbers has, where the kernel says it; 0 for all others."""
        count = self.declared.rpartition("[")[2].removesuffix("]")
        if self.text or self.declared.startswith(_ELSEWHERE) or not count.isdecimal() or not int(count):
            return 0
        return int(count) if self.size in {int(count) * width for width in (1, 2, 4, 8)} else 0

    @property
    def wanted(self) -> str:
        """The type that kernel code gives it: `i32`; empty where it can read none."""
        if self.text or self.text_elsewhere:
            return f"chars({self.size if self.text else USUAL_TEXT})"
        if self.length:
            return f"array({'i' if self.signed else 'u'}{8 * self.size // self.length}, {self.length})"
        if self.declared.startswith(_ELSEWHERE):
            return "u32"
        if "[" in self.declared or self.size not in {1, 2, 4, 8}:
            return ""
        return f"{'i' if self.signed else 'u'}{8 * self.size}"

    @property
    def annotated(self) -> str:
        """How a class declares it: `comm: Chars = chars(16)`."""
        of = self.wanted
        if of.startswith("chars"):
            return f"{self.name}: Chars = {of}"
        return f"{self.name}: FixedArray[{of[6:].partition(',')[0]}] = {of}" if self.length else f"{self.name}: {of}"


def check_name(tracepoint: str) -> None:
    """Refuse what is no name of a tracepoint, which is a path below tracefs's `events`. FileNotFoundError."""
    category, _, name = tracepoint.partition("/")
    if not category or not name or "/" in name or ".." in (category, name):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), tracepoint)


def tracepoint_id(tracepoint: str) -> int:
    """The number of a tracepoint, `sched/sched_switch`, which perf_event_open(2) takes. OSError as for files."""
    check_name(tracepoint)
    return int(read("tracefs", f"events/{tracepoint}/id"))


def format_text(tracepoint: str) -> str:
    """What the kernel says of a tracepoint's fields, as in its file `format`, without how they are printed."""
    check_name(tracepoint)
    text = read("tracefs", f"events/{tracepoint}/format")
    return "".join(line for line in text.splitlines(keepends=True) if line.startswith("\tfield:"))


def read_format(text: str) -> dict[str, FormatField]:
    """The fields by name."""
    fields = {}
    for line in text.splitlines():
        parts = dict(part.strip().partition(":")[::2] for part in line.split(";") if part.strip())
        declared = parts["field"]
        where = declared if declared.startswith(_ELSEWHERE) else declared.partition("[")[0]
        name = where.split()[-1]
        # Of what lies elsewhere, older kernels say whether its elements have a sign, not whether its place has. Letters
        # had one before Linux 6.2.
        letters = declared.startswith("char ") and "[" in declared
        signed = parts.get("signed") == "1" and not letters and not declared.startswith(_ELSEWHERE)
        fields[name] = FormatField(name, declared, int(parts["offset"]), int(parts["size"]), signed)
    return fields


def tracepoints() -> list[str]:
    """Every tracepoint of the kernel, `category/name`. OSError where tracefs cannot be read."""
    root = open_root("tracefs")
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
