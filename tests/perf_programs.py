"""Programs that write numbered events into arrays of perf events, on two CPUs at once, and what is true of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from osmia import PerCpuArray, PerfEventArray, XdpAction, XdpContext, struct, u32, u64, xdp

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKET = bytes(range(64))
MASK = 0x5555_AAAA_5555_AAAA
FEW_PAGES, MANY_PAGES = 8, 128


@struct
class Numbered:
    cpu: u32
    number: u64
    check: u64


NUMBERS = PerCpuArray(u64, max_entries=1)
SEEN = PerfEventArray(Numbered, pages=FEW_PAGES)
SORTED = PerfEventArray(Numbered, pages=MANY_PAGES, order="time")


@xdp
def send(ctx: XdpContext) -> XdpAction:
    last = NUMBERS.lookup(0)
    if last is None:
        return XdpAction.ABORTED
    last.value += 1
    number = last.value
    status = SEEN.output(Numbered(cpu=ctx.get_smp_processor_id(), number=number, check=number ^ MASK))
    return XdpAction.DROP if status else XdpAction.PASS


@xdp
def send_sorted(ctx: XdpContext) -> XdpAction:
    last = NUMBERS.lookup(0)
    if last is None:
        return XdpAction.ABORTED
    last.value += 1
    number = last.value
    status = SORTED.output(Numbered(cpu=ctx.get_smp_processor_id(), number=number, check=number ^ MASK))
    return XdpAction.DROP if status else XdpAction.PASS


def two_cpus() -> list[int]:
    """The first two that this process may run on."""
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        pytest.skip("this machine has one CPU: nothing can happen at the same time")
    return cpus


def start_senders(program: Any, times: int) -> list[int]:
    """Run a loaded program that often on each of two CPUs, in two processes: their numbers."""
    children = []
    read_end, write_end = os.pipe()  # they begin together, when it is closed
    for cpu in two_cpus():
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(write_end)
                os.sched_setaffinity(0, {cpu})
                os.read(read_end, 1)
                program.test_run(PACKET, repeat=times)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    os.close(read_end)
    os.close(write_end)
    return children


def ended(children: list[int]) -> bool:
    """Whether all of them have ended, well."""
    for child in list(children):
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            assert os.waitstatus_to_exitcode(status) == 0
            children.remove(child)
    return not children


def check(received: Iterable[tuple[int, int, int]], lost: int, sent: int) -> int:
    """Each event once, in the order of its CPU, whole; how many they are."""
    last: dict[int, int] = {}
    count = 0
    for cpu, number, mirrored in received:
        assert number ^ MASK == mirrored
        assert number > last.get(cpu, 0)
        last[cpu] = number
        count += 1
    assert count + lost == sent
    return count
