"""Network namespaces of osmia's own tests: those of `osmia.testing`, with a name and with ip(8)."""

from __future__ import annotations

import itertools
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import system_packages
from osmia.testing import namespaces
from this_kernel import require_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_numbers = itertools.count()


class Namespace(namespaces.Namespace):
    """One that has a name, by which commands find it."""

    def __init__(self) -> None:
        super().__init__()
        self.name = f"osmia-{os.getpid()}-{next(_numbers)}"
        self._path = Path("/run/netns") / self.name
        self._ip = system_packages.tool("ip")

    def remove(self) -> None:
        """Remove the namespace, and its interfaces with it; nothing happens if it was not made."""
        super().remove()
        if self._path.exists():
            self._ip.run("netns", "delete", self.name)

    def ip(self, *arguments: str) -> str:
        """Run the ip command in the namespace; what it prints."""
        return self._ip.run("-netns", self.name, *arguments).stdout

    def send(self, packets: int, size: int = 64) -> None:
        """Send packets from `near`, and wait until all have come in at `far`."""
        self.deliver(*[b"\xff" * 6 + b"\x02" * 6 + b"\x88\xb5" + bytes(size - 14)] * packets)

    def xdp(self, interface: str) -> str:
        """What ip(8) says of XDP on an interface; empty if there is none."""
        line = self.ip("-oneline", "link", "show", "dev", interface)
        return line[line.index("xdp") :].split()[0] if "prog/xdp" in line or " xdp" in line else ""

    def _new(self) -> int:
        self._ip.run("netns", "add", self.name)
        return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)


def settled(read: Callable[[], int], expected: int) -> int:
    """What a counter comes to: a busy machine processes packets some time after they were sent.

    It is read until it is as expected, for five seconds at most, and once more a little later: packets that are
    counted twice must show.
    """
    namespaces.wait_for(lambda: read() >= expected)
    time.sleep(0.01)
    return read()


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A namespace for as long as the block lasts."""
    require_root("makes a network namespace")
    made = Namespace()
    try:
        made.make()
        yield made
    finally:
        made.remove()
