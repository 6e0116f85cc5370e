"""Network namespaces that tests make for themselves, with a pair of connected interfaces each."""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import system_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CLONE_NEWNET = 0x40000000
_BURST = 64
_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace: `near` and `far` are the two ends of a veth pair, both up, besides `lo`."""

    near = "near0"
    far = "far0"

    def __init__(self) -> None:
        self.name = f"osmia-{os.getpid()}-{next(_numbers)}"
        self._path = Path("/run/netns") / self.name
        self._ip = system_packages.tool("ip")

    def make(self) -> None:
        """Make the namespace and what is in it."""
        self._ip.run("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", self.near, "type", "veth", "peer", "name", self.far)
        for interface in (self.near, self.far):
            # Without IPv6 the kernel sends nothing of its own, so that packets can be counted exactly.
            with self.entered():
                Path(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6").write_text("1")
            self.ip("link", "set", interface, "up")
        # The kernel notices a little later that they are connected, and drops what is sent before without a word.
        _wait(lambda: all(self._carries(interface) for interface in (self.near, self.far)))

    def _carries(self, interface: str) -> bool:
        shown = self.ip("-oneline", "link", "show", "dev", interface)
        return " state UP " in shown and " qdisc noop " not in shown

    def remove(self) -> None:
        """Remove the namespace, and its interfaces with it; nothing happens if it was not made."""
        if self._path.exists():
            self._ip.run("netns", "delete", self.name)

    def ip(self, *arguments: str) -> str:
        """Run the ip command in the namespace; what it prints."""
        return self._ip.run("-netns", self.name, *arguments).stdout

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be in the namespace, with this thread."""
        with Path("/proc/thread-self/ns/net").open() as home, self._path.open() as there:
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    def send(self, packets: int, size: int = 64) -> None:
        """Send packets from `near`, and wait until all have come in at `far`, whatever the machine is busy with.

        They go in small bursts: a veth's receive ring holds 256.
        """
        frame = b"\xff" * 6 + b"\x02" * 6 + b"\x88\xb5" + bytes(size - 14)
        with self.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind((self.near, 0))
            for start in range(0, packets, _BURST):
                burst = min(_BURST, packets - start)
                expected = _received(self.far) + burst
                for _ in range(burst):
                    _send(raw, frame)
                _wait(lambda expected=expected: _received(self.far) >= expected and not _backlog())  # type: ignore[misc]

    def xdp(self, interface: str) -> str:
        """What ip(8) says of XDP on an interface; empty if there is none."""
        line = self.ip("-oneline", "link", "show", "dev", interface)
        return line[line.index("xdp") :].split()[0] if "prog/xdp" in line or " xdp" in line else ""


def _send(raw: socket.socket, frame: bytes) -> None:
    """Send one packet; again where the kernel says that it dropped it, since the far end's queue was full."""
    for _ in range(1000):
        try:
            raw.send(frame)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            time.sleep(0.01)
        else:
            return
    raise TimeoutError("the far end takes no packets")


def settled(read: Callable[[], int], expected: int) -> int:
    """What a counter comes to: a busy machine processes packets some time after they were sent.

    It is read until it is as expected, for five seconds at most, and once more a little later: packets that are
    counted twice must show.
    """
    _wait(lambda: read() >= expected)
    time.sleep(0.01)
    return read()


def _received(interface: str) -> int:
    """How many packets an interface of this thread's namespace has received."""
    for line in Path("/proc/thread-self/net/dev").read_text(encoding="ascii").splitlines():
        name, _, counts = line.partition(":")
        if name.strip() == interface:
            return int(counts.split()[1])
    return 1 << 62  # it is gone, and there is nothing to wait for


def _backlog() -> int:
    """How many packets the kernel has taken in but not processed yet; 0 before Linux 5.13, which does not say."""
    lines = Path("/proc/net/softnet_stat").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[11], 16) for line in lines if len(line.split()) > 12)


def _wait(condition: Callable[[], bool]) -> None:
    """Wait for a condition, five seconds at most: what depends on it fails by itself then."""
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)


def _setns(fd: int) -> None:
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A namespace for as long as the block lasts."""
    made = Namespace()
    try:
        made.make()
        yield made
    finally:
        made.remove()
