"""Tests that stay on one CPU for a while: what depends on where something ran is then the same each time."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def on_cpu(cpu: int | None = None) -> Iterator[int]:
    """Run on one CPU, by default the first that this process may have; then where it ran before."""
    before = os.sched_getaffinity(0)
    chosen = min(before) if cpu is None else cpu
    os.sched_setaffinity(0, {chosen})
    try:
        yield chosen
    finally:
        os.sched_setaffinity(0, before)
