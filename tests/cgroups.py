"""Cgroups that tests make for themselves, and processes in them."""

from __future__ import annotations

import itertools
import os
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import children
from osmia.maps.cgroup_directory import cgroup_root
from this_kernel import require_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_numbers = itertools.count()


class Cgroup:
    """A cgroup of version 2."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> int:
        """As the kernel's helpers give it."""
        return self.path.stat().st_ino

    def run(self, function: Callable[[], Any]) -> Any:
        """Call a function in a process in the cgroup; what it returns. It fails where the function raises."""
        done = children.outcome(function, self.enter)
        assert not done.error, f"{done.error}: {done.text}"
        return done.value

    def enter(self) -> None:
        """Move this process into the cgroup."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))


@contextmanager
def cgroup(above: Path | None = None) -> Iterator[Cgroup]:
    """A cgroup for as long as the block lasts."""
    root = above or cgroup_root()
    if not root:
        pytest.skip("no file system of cgroups of version 2 is mounted")
    require_root("makes a cgroup")
    made = Cgroup(Path(root) / f"osmia-test-{os.getpid()}-{next(_numbers)}")
    made.path.mkdir()
    try:
        yield made
    finally:
        _remove(made.path)


def _remove(path: Path) -> None:
    """A process that has ended may still be counted for a moment."""
    deadline = time.monotonic() + 5
    while path.exists():
        try:
            path.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)


def send(count: int, size: int = 10) -> tuple[int, int]:
    """Send so many UDP packets over lo to a socket that takes them: how many came, and the sender's port."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        taker.bind(("127.0.0.1", 0))
        sender.bind(("127.0.0.1", 0))
        sender.connect(taker.getsockname())
        taker.settimeout(0.2)
        for _ in range(count):
            try:
                sender.send(bytes(size))
            except PermissionError:
                continue  # a program said no
        came = 0
        try:
            while came < count:
                taker.recv(size)
                came += 1
        except TimeoutError:
            pass
        return came, sender.getsockname()[1]
