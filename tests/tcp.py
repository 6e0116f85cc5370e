"""TCP connections and cgroups that tests make for themselves. Nothing waits for more than five seconds."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cgroups

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 5.0


def listener(port: int = 0, *, shared: bool = False) -> socket.socket:
    """A listening socket on the loopback; `shared` lets others share its port."""
    made = socket.socket()
    made.settimeout(PATIENCE)
    if shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    made.listen()
    return made


@contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection over the loopback: who connected, and who accepted."""
    with ExitStack() as held:
        waiting = held.enter_context(listener())
        near = held.enter_context(socket.create_connection(waiting.getsockname(), PATIENCE))
        far = held.enter_context(waiting.accept()[0])
        far.settimeout(PATIENCE)
        yield near, far


def received(end: socket.socket, size: int) -> bytes:
    """The next bytes that come in, so many of them."""
    data = b""
    while len(data) < size:
        more = end.recv(size - len(data))
        if not more:
            break
        data += more
    return data


@contextmanager
def inside_cgroup() -> Iterator[Path]:
    """Be in a cgroup of the test's own."""
    with cgroups.cgroup() as made:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        own = next(line.removeprefix("0::/") for line in lines if line.startswith("0::"))
        try:
            made.enter()
            yield made.path
        finally:
            (made.path.parent / own / "cgroup.procs").write_text(str(os.getpid()))
