"""examples/events_and_logs.py: two rings and a stream of logs in one event loop, and a clean end by Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packets import ethernet, ipv4, udp

if TYPE_CHECKING:
    from namespaces import Namespace

ROOT = Path(__file__).parents[2]


def test_two_rings_and_a_stream_of_logs(netns: Namespace) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with netns.entered():
        running = subprocess.Popen(
            [sys.executable, ROOT / "examples" / "events_and_logs.py", netns.far],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert running.stdout is not None
        assert running.stdout.readline() == f"watching {netns.far}\n"
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind((netns.near, 0))
            for _ in range(20):
                raw.send(ethernet(0x0800, ipv4(17, udp(1000, 53))))
                raw.send(ethernet(0x88B5, bytes(50)))
    lines = [running.stdout.readline() for _ in range(80)]
    running.send_signal(signal.SIGINT)
    rest, problems = running.communicate(timeout=20)
    assert (rest, problems, running.returncode) == ("", "", 0)
    assert lines.count("UDP from 0x0a000001 to port 53\n") == 20
    assert lines.count("INFO 64 bytes that are no IPv4\n") == 20
    sums = [line for line in lines if line.endswith(" bytes\n")]
    assert len(sums) == 40
    assert sums[-1] == f"{20 * (42 + 64)} bytes\n"
    assert netns.xdp(netns.far) == ""
