"""A command as in a terminal: what it prints is awaited line by line, and Ctrl-C is sent to it."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Nothing that is awaited takes longer, in seconds, also on a busy machine.
LONGEST = 60


class Command:
    """A command of the shell that runs, with what it has printed, errors too, and nobody has awaited yet."""

    def __init__(self, command: str, directory: Path, environment: Mapping[str, str]) -> None:
        self.command = command
        self._unread = ""
        self._process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def expect(self, output: str) -> None:
        """Wait until it has printed what the pattern says (see `pattern`), which is gone then."""
        wanted = re.compile(pattern(output))
        deadline = time.monotonic() + LONGEST
        while (found := wanted.match(self._unread)) is None:
            assert self._read(deadline), self._differs(output)
        self._unread = self._unread[found.end() :]

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.killpg(self._process.pid, signal.SIGINT)

    def ends(self, output: str) -> int:
        """Wait until it has ended; its output to the end is as the pattern says. The exit status."""
        deadline = time.monotonic() + LONGEST
        while self._read(deadline):
            pass
        assert re.fullmatch(pattern(output), self._unread), self._differs(output)
        return self._process.wait(LONGEST)

    def close(self) -> None:
        """End it, if it still runs."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(LONGEST)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self, deadline: float) -> bool:
        """Take what it prints next; false at the end, or if it prints nothing by then."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        if not select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        more = os.read(pipe, 1 << 16).decode()
        self._unread += more
        return bool(more) and time.monotonic() < deadline

    def _differs(self, output: str) -> str:
        return f"$ {self.command}\n--- printed:\n{self._unread}--- expected:\n{output}"


def pattern(output: str) -> str:
    """A regular expression of an output: a line `...` is any lines, `...` in a line is anything."""
    lines = (
        r"(?:.*\n)*?" if line == "...\n" else ".*".join(map(re.escape, line.split("...")))
        for line in output.splitlines(keepends=True)
    )
    return "".join(lines)
