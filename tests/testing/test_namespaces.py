"""Namespaces of a test's own: a pair of interfaces, made without a command, and nothing left of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from osmia.testing import Namespace
from osmia.testing.packets import ethernet, ipv4, udp

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
ETH_P_ALL = 3


def here() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


def test_one_is_entered_and_left() -> None:
    home = here()
    made = Namespace()
    made.make()
    with made.entered():
        inside = here()
        assert inside != home
        # Processes that are started there are there.
        child = (sys.executable, "-c", "import os; print(os.readlink('/proc/self/ns/net'))")
        assert subprocess.run(child, capture_output=True, text=True, check=True).stdout.strip() == inside
        assert [name for _, name in socket.if_nameindex()] == ["lo", made.far, made.near]
    assert here() == home
    with pytest.raises(ZeroDivisionError), made.entered():
        raise ZeroDivisionError
    assert here() == home
    made.remove()
    made.remove()


def test_packets_come_in_as_they_were_sent() -> None:
    made = Namespace()
    made.make()
    packets = [ethernet() / ipv4(id=number) / udp(dst=53) / bytes(100) for number in range(500)]
    with made.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as far:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        far.bind((made.far, ETH_P_ALL))
        far.settimeout(5)
        made.deliver(*packets)
        assert [far.recv(2000) for _ in packets] == packets
        far.settimeout(0.05)
        with pytest.raises(TimeoutError):
            far.recv(2000)
    made.remove()


def test_nothing_is_left() -> None:
    named = {path.name for path in Path("/run/netns").iterdir()} if Path("/run/netns").exists() else set()
    interfaces = socket.if_nameindex()
    made = Namespace()
    made.make()
    assert socket.if_nameindex() == interfaces
    with made.entered():
        index = socket.if_nametoindex(made.far)
    made.remove()
    assert index
    after = {path.name for path in Path("/run/netns").iterdir()} if Path("/run/netns").exists() else set()
    assert after <= named


def test_without_the_capability() -> None:
    code = "from osmia.testing import Namespace; Namespace().make()"
    words = ("setpriv", "--inh-caps=-all", "--bounding-set=-all", sys.executable, "-c", code)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "PermissionError: [Errno 1] cannot make a network namespace: Operation not permitted"
    )
