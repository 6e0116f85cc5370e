"""The packet counter, end to end: every packet counted once, on every CPU, in every mode, and nothing left behind."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import osmia
import system_packages
from namespaces import settled
from one_cpu import on_cpu
from osmia import XdpAction, XdpMode
from osmia.compiler import Target, cache
from osmia.object_file import read_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from namespaces import Namespace

EXAMPLE = Path(__file__).parents[2] / "examples" / "xdp_map_counter.py"
PACKETS = 1000


@pytest.fixture
def counter() -> ModuleType:
    """The example, as a module of its own: its declarations are not loaded yet."""
    found = importlib.util.spec_from_file_location("xdp_map_counter", EXAMPLE)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def closed(counter: ModuleType) -> Iterator[None]:
    yield
    counter.xdp_map_counter.close()
    counter.packet_counter.close()


def send_from(netns: Namespace, cpu: int, packets: int) -> None:
    """Send from one CPU: a veth hands packets to its peer on the CPU that sends."""
    with on_cpu(cpu):
        netns.send(packets)


@pytest.mark.parametrize(
    ("mode", "name"), [(XdpMode.SKB, "generic"), (XdpMode.NATIVE, "native"), (XdpMode.AUTO, "native")]
)
def test_every_packet_is_counted_once(netns: Namespace, counter: ModuleType, mode: XdpMode, name: str) -> None:
    with netns.entered(), counter.xdp_map_counter.attach(netns.far, mode=mode) as link:
        assert link.mode_name == name
        assert counter.packet_counter[0].sum() == 0
        netns.send(PACKETS)
        assert settled(lambda: counter.packet_counter[0].sum(), PACKETS) == PACKETS
        netns.send(1)
        assert settled(lambda: counter.packet_counter[0].sum(), PACKETS + 1) == PACKETS + 1
    netns.send(10)
    assert settled(lambda: counter.packet_counter[0].sum(), PACKETS + 1) == PACKETS + 1


@pytest.mark.parametrize("mode", [XdpMode.SKB, XdpMode.NATIVE])
def test_packets_from_two_cpus_are_counted_on_both(netns: Namespace, counter: ModuleType, mode: XdpMode) -> None:
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        pytest.skip("this machine lets us use one CPU only")
    with netns.entered(), counter.xdp_map_counter.attach(netns.far, mode=mode):
        for cpu in cpus:
            before = counter.packet_counter[0]
            send_from(netns, cpu, PACKETS)
            total = before.sum() + PACKETS
            assert settled(lambda: counter.packet_counter[0].sum(), total) == total
            after = counter.packet_counter[0]
            assert after[cpu] - before[cpu] == PACKETS
        threads = [threading.Thread(target=send_from, args=(netns, cpu, PACKETS)) for cpu in cpus]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        netns.send(1)  # it comes in behind all others
        assert settled(lambda: counter.packet_counter[0].sum(), 4 * PACKETS + 1) == 4 * PACKETS + 1


def test_ping_on_lo_is_counted_both_ways(netns: Namespace, counter: ModuleType) -> None:
    ping = system_packages.tool("ping")
    with netns.entered(), counter.xdp_map_counter.attach("lo"):
        ping.run("-c", "5", "-i", "0.2", "-q", "127.0.0.1")
        assert settled(lambda: counter.packet_counter[0].sum(), 10) == 10


def map_id(fd: int) -> str:
    lines = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii").splitlines()
    return next(line.split()[1] for line in lines if line.startswith("map_id:"))


def test_bpftool_reads_the_same_numbers_while_traffic_flows(netns: Namespace, counter: ModuleType) -> None:
    bpftool = system_packages.tool("bpftool")
    with netns.entered(), counter.xdp_map_counter.attach(netns.far):
        dump = ("-j", "map", "dump", "id", map_id(counter.packet_counter.fd))
        stop = threading.Event()

        def traffic() -> None:
            while not stop.is_set():
                netns.send(50)

        thread = threading.Thread(target=traffic)
        thread.start()
        try:
            for _ in range(10):
                before = counter.packet_counter[0]
                shown = bpftool.run(*dump).stdout
                after = counter.packet_counter[0]
                (entry,) = json.loads(shown)
                values = [
                    int.from_bytes(bytes(int(b, 16) for b in each["value"]), "little") for each in entry["values"]
                ]
                assert len(values) == len(after)
                assert all(low <= value <= high for low, value, high in zip(before, values, after, strict=True))
        finally:
            stop.set()
            thread.join()
        (entry,) = json.loads(bpftool.run(*dump).stdout)
        values = [int.from_bytes(bytes(int(b, 16) for b in each["value"]), "little") for each in entry["values"]]
        assert values == list(counter.packet_counter[0])
        assert sum(values) > 0


SCRIPT = """
import importlib.util, sys, os, time
found = importlib.util.spec_from_file_location("counter", sys.argv[1])
module = importlib.util.module_from_spec(found)
found.loader.exec_module(module)
link = module.xdp_map_counter.attach(sys.argv[2])
if sys.argv[3] == "fork":
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(60)
        os._exit(0)
    time.sleep(60)
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", ["alone", "fork"])
def test_kill_leaves_no_program_on_the_interface(netns: Namespace, how: str) -> None:
    """Killed with SIGKILL, even while a child that it forked lives on."""
    with netns.entered():
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(EXAMPLE), netns.far, how], stdout=subprocess.PIPE, text=True
        )
    with process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert netns.xdp(netns.far)
        process.kill()
        process.wait()
        gone = _within_two_seconds(lambda: not netns.xdp(netns.far))
        if how == "fork":
            assert Path(f"/proc/{pid}").exists(), "the child was to live on"
            os.kill(pid, 9)
    assert gone, "the program is still on the interface"


def _within_two_seconds(condition: Callable[[], bool]) -> bool:
    for _ in range(40):
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(("cpu", "slots"), [("v1", 14), ("v2", 14), ("v3", 14), ("v4", 13)])
def test_the_counter_is_as_short_as_the_tutorials(counter: ModuleType, cpu: str, slots: int) -> None:
    """The tutorial's listing has 14 slots of 8 bytes (one instruction takes two), as has ours below v4."""
    tutorial = """
         0: r6 = 0
         1: *(u32 *)(r10 - 4) = r6
         2: r2 = r10
         3: r2 += -4
         4: r1 = 0 ll
         6: call 1
         7: if r0 == 0 goto +4
         8: r1 = *(u32 *)(r0 + 0)
         9: r1 += 1
        10: *(u32 *)(r0 + 0) = r1
        11: r6 = 2
        12: r0 = r6
        13: exit
    """
    last = int(tutorial.strip().splitlines()[-1].split(":")[0])
    assert last + 1 == 14
    data = cache.object_for((counter.xdp_map_counter.request,), Target(cpu, (6, 18))).data
    assert len(read_object(data, "counter").programs["xdp_map_counter"].instructions) // 8 == slots <= last + 1


@pytest.mark.parametrize("cpu", ["v1", "v2", "v3", "v4"])
def test_each_version_counts(counter: ModuleType, cpu: str) -> None:
    data = cache.object_for((counter.xdp_map_counter.request,), Target(cpu, (5, 10))).data
    with osmia.load(data) as loaded:
        for _ in range(7):
            assert loaded["xdp_map_counter"].test_run(bytes(64)).action is XdpAction.PASS
        assert loaded["PKT_CNT_ARRAY"][0].sum() == 7


def test_bpftool_and_libbpf_load_the_object_with_its_source(counter: ModuleType, tmp_path: Path, pins: Path) -> None:
    bpftool = system_packages.tool("bpftool")
    path = tmp_path / "counter.o"
    path.write_bytes(cache.object_for((counter.xdp_map_counter.request,), Target("v3", (5, 10))).data)
    pinned = pins / "counter"
    bpftool.run("prog", "load", str(path), str(pinned))
    listing = bpftool.run("prog", "dump", "xlated", "pinned", str(pinned), "linum").stdout
    source = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for text in ("counter = packet_counter.lookup(0)", "if counter is None:", "counter.value += 1"):
        line = next(number for number, each in enumerate(source, 1) if each.strip() == text)
        assert f"; {text} [file:./xdp_map_counter.py line_num:{line} " in listing
