"""The kernel's trace pipe, for tests that read what programs write there."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from osmia.kernel.file_systems import open_root

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pipe:
    """The trace pipe, which gives each line once."""

    def __init__(self, file: int) -> None:
        self.file = file

    def line_with(self, mark: str) -> str:
        """What stands behind the mark in the first line that has it."""
        return self.lines_with(mark, 1)[0]

    def lines_with(self, mark: str, count: int) -> list[str]:
        """What stands behind the mark in the first lines that have it."""
        text, until = "", time.monotonic() + 5
        while time.monotonic() < until:
            try:
                text += os.read(self.file, 1 << 16).decode(errors="replace")
            except BlockingIOError:
                time.sleep(0.01)
            found = [line for line in text.splitlines(keepends=True) if mark in line and line.endswith("\n")]
            if len(found) >= count:
                return [line.partition(mark)[2].rstrip("\n") for line in found[:count]]
        pytest.fail(f"no {count} lines with {mark}")


@contextmanager
def trace_pipe() -> Iterator[Pipe]:
    """The trace pipe of this kernel, for one test at a time: a line is read once, whoever reads it."""
    root = open_root("tracefs")
    file = os.open("trace_pipe", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=root)
    os.close(root)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield Pipe(file)
    finally:
        os.close(file)
