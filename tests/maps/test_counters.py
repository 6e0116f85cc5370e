"""Counters: counted in the kernel on several CPUs, read without a system call, and refused where they do not fit."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import Counter, NotLoadedError, PerCpuCounter, XdpAction, XdpContext, func, u64, xdp
from osmia.compiler import Target
from osmia.compiler.cache import object_for
from osmia.kernel.cpus import possible_cpus
from osmia.maps.counters import SLOT_SIZE, SLOTS
from osmia.programs.loaded import requests_of
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia import Machine

pytestmark = pytest.mark.usefixtures("engine")

TARGETS = {"v1": Target("v1", (5, 10)), "v3": Target("v3", (5, 10)), "v4": Target("v4", (6, 12))}
PACKET = bytes(64)
BIG = (1 << 64) - 1

packets = PerCpuCounter()
octets = PerCpuCounter(name="BYTES")
total = Counter()
largest = Counter()
unused = PerCpuCounter()


@func
def also(amount: u64) -> None:
    octets.add(amount)


@xdp
def count(ctx: XdpContext) -> XdpAction:
    packets.add()
    also(u64(len(ctx.packet)))
    for number in range(3):
        total.add(number)
    largest.add(BIG)
    largest.add(0)
    return XdpAction.PASS


@xdp
def count_too(ctx: XdpContext) -> XdpAction:
    packets.add(10)
    return XdpAction.PASS


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    for each in (count, count_too, packets, octets, total, largest):
        each.close()


@pytest.mark.parametrize("cpu", TARGETS)
def test_the_kernel_adds_and_user_code_reads(engine: Machine | None, cpu: str) -> None:
    with osmia.load(count, target=TARGETS[cpu], engine=engine) as loaded:
        assert (loaded[packets].value, loaded[octets].value, loaded[total].value) == (0, 0, 0)
        for _ in range(5):
            loaded[count].test_run(PACKET)
        assert (loaded[packets].value, int(loaded[octets]), int(loaded[total])) == (5, 320, 15)
        assert loaded[largest].value == BIG - 4  # it wraps
        assert sum(loaded[packets].per_cpu().values()) == 5
        assert list(loaded[packets].per_cpu()) == list(possible_cpus())
        assert loaded["BYTES"].value == 320
        assert not packets.live


@pytest.mark.kernel_only("which CPU a program runs on is what a machine is told")
def test_each_cpu_has_its_own_part_in_a_cache_line_of_its_own(engine: Machine | None) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    with osmia.load(count, engine=engine) as loaded:
        for times, cpu in enumerate(cpus, start=1):
            os.sched_setaffinity(0, {cpu})
            try:
                for _ in range(times):
                    loaded[count].test_run(PACKET)
            finally:
                os.sched_setaffinity(0, cpus)
        found = loaded[packets].per_cpu()
        assert [found[cpu] for cpu in cpus] == list(range(1, len(cpus) + 1))
        assert loaded[packets].value == sum(found.values())
        whole = loaded[packets].backend.memory().cast("Q")
        assert [whole[cpu * SLOT_SIZE // 8] for cpu in cpus] == [found[cpu] for cpu in cpus]
        assert (SLOTS, SLOT_SIZE) == (512, 64)


def test_programs_that_are_loaded_apart_share_a_counter() -> None:
    count.test_run(PACKET)
    count_too.test_run(PACKET)
    assert (packets.value, packets.live) == (11, True)
    count.close()
    assert packets.value == 11


def test_a_counter_is_exact_where_threads_count_at_once() -> None:
    runs = 300
    count.load()

    def run() -> None:
        for _ in range(runs):
            count.test_run(PACKET)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (packets.value, total.value) == (4 * runs, 3 * 4 * runs)


def test_an_object_file_has_them_too(engine: Machine | None) -> None:
    data = object_for(requests_of("count", [count]), TARGETS["v3"]).data
    with osmia.load(data, engine=engine) as loaded:
        loaded["count"].test_run(PACKET)
        assert (loaded[packets].value, loaded[total].value) == (1, 3)
        assert sum(row[0] for row in loaded["packets"].value) == 1


class ManyCpus:
    """A backend of a machine with more CPUs than a counter has parts."""

    fd, cpus = -1, 600
    cpu_numbers = tuple(range(600))

    def __init__(self) -> None:
        self.bytes = bytearray(SLOTS * SLOT_SIZE)
        for slot in range(SLOTS):
            self.bytes[slot * SLOT_SIZE] = 1

    def memory(self) -> memoryview:
        return memoryview(self.bytes)

    def close(self) -> None: ...


def test_a_machine_with_more_cpus_than_parts() -> None:
    held: Any = PerCpuCounter(name="many")
    held.bind(ManyCpus())
    assert held.value == SLOTS
    assert list(held.per_cpu()) == list(range(SLOTS))


def test_refused_in_user_code() -> None:
    assert refusal(NotLoadedError, lambda: unused.value) == (
        "unused is not loaded: load() or attach() a program that uses it, or take the handle that load() gives"
    )
    assert refusal(NotLoadedError, unused.per_cpu) == refusal(NotLoadedError, lambda: int(unused))
    assert refusal(TypeError, packets.add) == (
        "packets: add() is for kernel code: user code reads what programs count, `.value`"
    )
    assert refusal(TypeError, lambda: total.add(2)) == (
        "total: add() is for kernel code: user code reads what programs count, `.value`"
    )
    count.test_run(PACKET)
    assert packets.value == 1
    packets.close()
    assert refusal(NotLoadedError, lambda: packets.value) == (
        "packets is closed, but count still uses it: close() count too, and load() it again"
    )
    count.close()
    assert refusal(NotLoadedError, lambda: packets.value) == "packets is closed: load() a program that uses it"
    assert refusal(TypeError, lambda: PerCpuCounter(name="a b")) == (
        "PerCpuCounter: a counter's name is an ASCII identifier, not str 'a b'"
    )
    assert repr(unused) == "<PerCpuCounter unused, not live>"
    with pytest.raises(AttributeError):
        packets.value = 5  # type: ignore[misc]


def test_two_kinds_of_counter_are_two_programs(engine: Machine | None, tmp_path: Any) -> None:
    """The cache tells them apart: what was compiled for one is not used for the other."""
    from program_files import module_from

    program = "\n@xdp\ndef program(ctx: XdpContext) -> XdpAction:\n    hits.add()\n    return XdpAction.PASS\n"
    sizes = []
    for kind in ("PerCpuCounter", "Counter"):
        names = {"XdpAction": XdpAction, "XdpContext": XdpContext, "xdp": xdp, kind: getattr(osmia, kind)}
        module = module_from(tmp_path, f"hits = {kind}()\n{program}", name="same", names=names)
        with osmia.load(module, engine=engine) as loaded:
            loaded["program"].test_run(PACKET)
            sizes.append((loaded["hits"].layout.size, loaded["hits"].value))
    assert sizes == [(SLOTS * SLOT_SIZE, 1), (8, 1)]
