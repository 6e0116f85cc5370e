"""Attach a program to the interface that is named and say so; then do as told: `wait`, or `fork` and wait in both."""

from __future__ import annotations

import os
import sys
import time

import raw_programs as raw
from osmia.links.xdp import attach_xdp
from osmia.loader.load import load_object

interface, action = sys.argv[1:]
loaded = load_object(raw.passes())
link = attach_xdp(loaded.programs["passes"], interface)
child = os.fork() if action == "fork" else 0
if action == "fork" and child == 0:
    time.sleep(60)
print(os.getpid(), child, flush=True)
time.sleep(60)
