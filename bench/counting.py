"""The program whose counter bench/maps.py reads."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import osmia
from osmia import PerCpuCounter, XdpAction, XdpContext, xdp

if TYPE_CHECKING:
    from collections.abc import Iterator

packets = PerCpuCounter()


@xdp
def count_packets(ctx: XdpContext) -> XdpAction:
    """Count every packet."""
    packets.add(1)
    return XdpAction.PASS


@contextmanager
def hits() -> Iterator[PerCpuCounter]:
    """The live counter, of a program that has run once."""
    with osmia.load(count_packets) as loaded:
        loaded[count_packets].test_run(bytes(64))
        yield loaded[packets]
