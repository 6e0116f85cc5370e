"""Network namespaces of a test's own, with a pair of connected interfaces each."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from osmia.testing import rtnetlink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import SupportsBytes

_CLONE_NEWNET = 0x40000000
_BURST = 64
_PATIENCE = 5.0
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace: `near` and `far` are the two ends of a veth pair, both up, besides `lo`.

    Neither has an address, and IPv6 is off on both, so that the kernel sends nothing of its own. It goes when it is
    removed, with all that is in it.
    """

    near = "near0"
    far = "far0"

    def __init__(self) -> None:
        self._fd = -1

    def make(self) -> None:
        """Make the namespace and what is in it. OSError where the kernel refuses."""
        self._fd = self._new()
        with self.entered():
            rtnetlink.bring_up("lo")
            rtnetlink.make_pair(self.near, self.far)
            for interface in (self.near, self.far):
                with suppress(FileNotFoundError):  # a kernel without IPv6
                    Path(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6").write_text("1")
                rtnetlink.bring_up(interface)
            # The kernel notices a little later that they are connected, and drops what is sent before without a word.
            wait_for(lambda: all(map(rtnetlink.is_connected, (self.near, self.far))))

    def remove(self) -> None:
        """Let the namespace go, and its interfaces with it; nothing happens if it was not made."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be in the namespace, with this thread and with processes that it starts."""
        with Path("/proc/thread-self/ns/net").open() as home:
            _setns(self._fd)
            try:
                yield
            finally:
                _setns(home.fileno())

    def deliver(self, *packets: bytes | SupportsBytes) -> None:
        """Send packets from `near`, and wait until all have come in at `far`, whatever the machine is busy with.

        They go in small bursts: a veth's receive ring holds 256.
        """
        with self.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind((self.near, 0))
            for start in range(0, len(packets), _BURST):
                burst = packets[start : start + _BURST]
                expected = _received(self.far) + len(burst)
                for packet in burst:
                    _send(raw, bytes(packet))
                wait_for(lambda expected=expected: _received(self.far) >= expected and not _backlog())  # type: ignore[misc]

    def _new(self) -> int:
        """A file descriptor of a new namespace, which lives as long as that is open."""
        found: list[int] = []
        problem: list[int] = []

        def leave() -> None:
            if _libc.unshare(_CLONE_NEWNET) == 0:
                found.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
            else:
                problem.append(ctypes.get_errno())

        thread = threading.Thread(target=leave)
        thread.start()
        thread.join()
        if problem:
            raise OSError(problem[0], f"cannot make a network namespace: {os.strerror(problem[0])}")
        return found[0]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for a condition, five seconds at most: what depends on it fails by itself then."""
    deadline = time.monotonic() + _PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)


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


def _setns(fd: int) -> None:
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
