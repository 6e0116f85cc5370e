"""The counter of the design, run as a user runs it: `python xdp_map_counter.py`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import system_packages

if TYPE_CHECKING:
    from namespaces import Namespace

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "xdp_map_counter.py"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_counts_on_lo_and_detaches(netns: Namespace, end: signal.Signals) -> None:
    ping = system_packages.tool("ping")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
    with netns.entered():
        counter = subprocess.Popen([sys.executable, EXAMPLE], stdout=subprocess.PIPE, text=True, env=environment)
    assert counter.stdout is not None
    with counter, counter.stdout as lines:
        try:
            first = lines.readline()
            assert netns.xdp("lo") == "xdpgeneric"
            with netns.entered():
                ping.run("-c", "5", "-i", "0.01", "-q", "127.0.0.1")
            # Five requests and five replies; some seconds may have begun before the pings ended.
            second = next(line for line in islice(lines, 60) if line.split()[-1] == "10")
        finally:
            counter.send_signal(end)
    *counts, label, _ = second.split()
    assert (first.split()[-1], label) == ("0", "total:")
    assert sum(map(int, counts)) == 10
    assert counter.returncode == (0 if end is signal.SIGINT else -signal.SIGKILL)
    assert netns.xdp("lo") == ""
