"""The examples do what they say: each is loaded for v1, v3 and v4 and given packets, and each is run as a user runs it.

They are the twelve programs that the language was drawn up with, as far as there are hooks and maps for them, and more.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import array, from_bytes, u8
from osmia.compiler import Target
from osmia.headers import Ethernet
from packets import ethernet, ipv4, tcp, udp
from this_kernel import needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from namespaces import Namespace

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CPUS = ("v1", "v3", "v4")

# Each of the twelve: its example, and what of it has to wait for which name of osmia.
TWELVE: dict[str, tuple[str | None, dict[str, str]]] = {
    "count packets per CPU": ("xdp_map_counter", {}),
    "watch processes start": ("watch_exec", {}),
    "firewall": ("firewall", {}),
    "functions and tail calls": ("drop_dns", {}),
    "globals and settings": ("dns_settings", {}),
    "histograms": ("packet_sizes", {}),
    "port knocking": ("port_knocking", {}),
    "calls of kernel functions": (None, {"kprobe": "programs on kernel functions"}),
    "load balancing": ("load_balancer", {}),
    "options in packets": ("tcp_options", {}),
    "flows": ("flows", {}),
    "rate limit": ("rate_limit", {}),
}
# Examples that have tests of their own.
OTHERS = {"events_and_logs", "watch_exec"}
# How each is run: the arguments after the interface, and the first line that it prints.
RUNS: dict[str, tuple[tuple[str, ...], str]] = {
    "dns_settings": (("53", "drop"), "0 of 0 packets go to port 53"),
    "drop_dns": ((), "DNS is dropped"),
    "fast_ring": ((), "0 packets, 0 bytes, 0 lost"),
    "firewall": (("10.0.0.0/8",), "{'10.0.0.0/8': 0}"),
    "flows": ((), "0 flows"),
    "load_balancer": (("02:00:00:00:00:09",), "02:00:00:00:00:09 0"),
    "packet_sizes": ((), "--"),
    "port_knocking": ((), "{}"),
    "rate_limit": (("1000",), "{}"),
    "tcp_options": ((), "{}"),
}
A, B = 0x0A000001, 0x0A000002


def test_what_has_to_wait_is_not_there() -> None:
    """A name that is there now: the example is to use it."""
    waiting = {name for _, names in TWELVE.values() for name in names}
    assert waiting & {*vars(osmia)["__all__"]} == set()


def test_every_example_is_known() -> None:
    files = {path.stem for path in EXAMPLES.glob("*.py")}
    assert files == {*RUNS, *OTHERS, "xdp_map_counter"}
    assert files >= {name for name, _ in TWELVE.values() if name}


def imported(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Example:
    """An example, loaded."""

    def __init__(self, name: str, cpu: str, settings: dict[str, int] | None = None) -> None:
        self.module = imported(name)
        self.loaded: Any = osmia.load(self.module, target=Target(cpu, (5, 10)), settings=settings or {})

    def run(self, program: str, packet: bytes) -> str:
        return str(self.loaded[program].test_run(packet).action.name)


@pytest.fixture(params=CPUS)
def load(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = []

    def loading(name: str, **settings: int) -> Example:
        made.append(Example(name, request.param, settings))
        return made[-1]

    yield loading
    for example in made:
        example.loaded.close()


def test_firewall(load: Any) -> None:
    example = load("firewall")
    example.loaded["blocked"]["10.0.0.1/32"] = 0
    with osmia.log.records() as reader:
        actions = [example.run("firewall", ethernet(0x0800, ipv4(17, udp(1, 2), src=src))) for src in (A, B, A)]
        assert actions == ["DROP", "PASS", "DROP"]
        logged = [record.getMessage() for record in iter(lambda: reader.read(0), None)]
    assert logged == ["dropped 10.0.0.1 -> 10.0.0.2, 42 bytes from 02:00:00:00:00:01"] * 2
    assert dict(example.loaded["blocked"]) == {ip_network("10.0.0.1/32"): 2}
    assert example.run("firewall", ethernet(0x0806, bytes(28))) == "PASS"
    assert example.run("firewall", ethernet(0x0800, bytes(10))) == "DROP"


def test_drop_dns(load: Any) -> None:
    example = load("drop_dns")
    question, answer = (ethernet(0x0800, ipv4(17, udp(*ports))) for ports in ((4000, 53), (53, 4000)))
    for packet, action in ((question, "DROP"), (answer, "DROP"), (ethernet(0x0800, ipv4(17, udp(1, 2))), "PASS")):
        assert example.run("drop_dns", packet) == action
    assert example.run("drop_dns", ethernet(0x0800, ipv4(17, udp(4000, 53), options=bytes(8)))) == "DROP"
    assert example.run("drop_dns", ethernet(0x0800, ipv4(6, tcp(4000, 53)))) == "PASS"
    assert example.run("entry", question) == "PASS"
    example.loaded["programs"][0] = example.loaded["drop_dns"]
    assert example.run("entry", question) == "DROP"
    assert example.run("drop_sent_dns", question) == "SHOT"
    assert example.run("drop_sent_dns", ethernet(0x0800, ipv4(17, udp(1, 2)))) == "OK"


def test_dns_settings(load: Any) -> None:
    example = load("dns_settings", PORT=5353, DROP=True)
    ports = [example.run("filter_port", ethernet(0x0800, ipv4(17, udp(1, port)))) for port in (53, 5353)]
    assert ports == ["PASS", "DROP"]
    assert example.run("filter_port", ethernet(0x86DD, bytes(60))) == "PASS"
    totals = example.loaded.globals["totals"].value
    assert (totals.seen, totals.matched) == (3, 1)
    assert load("dns_settings").run("filter_port", ethernet(0x0800, ipv4(17, udp(1, 53)))) == "PASS"


def test_packet_sizes(load: Any) -> None:
    example = load("packet_sizes")
    for size in (64, 100, 127, 128, 1500):
        assert example.run("measure", bytes(size)) == "PASS"
    ((_, histogram),) = example.loaded["sizes"].items()
    assert {low: packets for low, _, packets in histogram if packets} == {64: 3, 128: 1, 1024: 1}
    assert (histogram.count, histogram.sum) == (5, 64 + 100 + 127 + 128 + 1500)


@pytest.mark.parametrize(
    ("knocks", "state", "through"),
    [
        ((7000, 8000, 9000), "OPEN", "PASS"),
        ((7000, 8000, 9000, 7000), "OPEN", "PASS"),
        ((7000, 9000), "CLOSED", "DROP"),
        ((7000, 8000), "SECOND", "DROP"),
        ((), "CLOSED", "DROP"),
    ],
)
def test_port_knocking(load: Any, knocks: tuple[int, ...], state: str, through: str) -> None:
    example = load("port_knocking")
    for port in knocks:
        assert example.run("knock", ethernet(0x0800, ipv4(6, tcp(1, port), src=A))) == "DROP"
    assert example.run("knock", ethernet(0x0800, ipv4(6, tcp(1, 80), src=A))) == "PASS"
    assert example.run("knock", ethernet(0x0800, ipv4(6, tcp(1, 22), src=A))) == through
    assert example.run("knock", ethernet(0x0800, ipv4(6, tcp(1, 22), src=B))) == "DROP"
    assert example.loaded["states"][A].name == state


def test_load_balancer(load: Any) -> None:
    example = load("load_balancer")
    macs = [b"\2\0\0\0\1\0", b"\2\0\0\0\1\1"]
    packet = ethernet(0x0800, ipv4(17, udp(1, 2), src=A, dst=B))
    assert example.run("balance", packet) == "PASS"  # there is no machine yet: a division by zero
    assert [each.problem for each in example.loaded["balance"].errors()] == ["integer division or modulo by zero"]
    for slot, mac in enumerate(macs):
        example.loaded["machines"][slot] = example.module.Machine(mac=array(u8, 6, mac))
    example.loaded.globals["count"].value = 2
    result = example.loaded["balance"].test_run(packet)
    assert result.action.name == "TX"
    chosen = (A ^ B) % 2
    eth = from_bytes(Ethernet, result.data[:14])
    assert (bytes(eth.dst), bytes(eth.src)) == (macs[chosen], packet[:6])
    assert result.data[14:] == ipv4(17, udp(1, 2), src=A, dst=B, ttl=63)
    assert example.loaded["machines"][chosen].packets == 1
    assert example.run("balance", ethernet(0x0800, ipv4(17, udp(1, 2), ttl=1))) == "PASS"
    for slot, mac in enumerate(macs):
        example.loaded["machines"][slot] = example.module.Machine(mac=array(u8, 6, mac), elsewhere=True)
    assert example.run("balance", packet) == "DROP"  # there is no interface yet
    example.loaded["ports"][chosen] = "lo"
    assert example.run("balance", packet) == "REDIRECT"


def test_tcp_options(load: Any) -> None:
    example = load("tcp_options")
    options = b"\2\4\5\xb4" + b"\1" + b"\3\3\7" + b"\4\2" + b"\1\1"  # MSS, window scale, SACK permitted, and padding
    assert example.run("options", ethernet(0x0800, ipv4(6, tcp(1, 2, options=options)))) == "PASS"
    assert dict(example.loaded["seen"]) == {1: 3, 2: 1, 3: 1, 4: 1}
    assert example.run("options", ethernet(0x0800, ipv4(6, tcp(1, 2)))) == "PASS"
    for malformed in (b"\2\0\0\0", b"\2\x09\0\0"):
        assert example.run("options", ethernet(0x0800, ipv4(6, tcp(1, 2, options=malformed)))) == "DROP"


def test_flows(load: Any, capsys: pytest.CaptureFixture[str]) -> None:
    example = load("flows")
    pair = example.module.Pair(src=A, dst=B)
    packets = [ethernet(0x0800, ipv4(17, udp(1, 2, bytes(size)), src=A, dst=B)) for size in (0, 100)]
    assert [example.run("count", packet) for packet in (*packets, ethernet(0x0806, bytes(28)))] == ["PASS"] * 3
    ((found, flow),) = example.loaded["flows"].items()
    assert (found, flow.packets, flow.bytes) == (pair, 2, sum(map(len, packets)))
    assert flow.last > 0
    example.module.flows = example.loaded["flows"]
    example.module.show(10)
    assert capsys.readouterr().out == f"10.0.0.1 -> 10.0.0.2: 2 packets, {flow.bytes} bytes\n1 flows\n"


def test_fast_ring(load: Any) -> None:
    example = load("fast_ring")
    assert [example.run("record", bytes(size)) for size in (60, 1400)] == ["PASS", "PASS"]
    seen = example.loaded["packets"].drain()
    seen.sort(order="when")  # they may come from two CPUs
    assert seen["length"].tolist() == [60, 1400]
    assert example.loaded["packets"].lost == 0


def test_rate_limit(load: Any) -> None:
    example = load("rate_limit", RATE=1500)
    packet = ethernet(0x0800, ipv4(17, udp(1, 2, bytes(1400)), src=A))
    assert example.run("limit", packet) == "PASS"  # makes the bucket, full
    assert example.run("limit", packet) == "PASS"
    assert example.run("limit", packet) == "DROP"
    bucket = example.loaded["buckets"][A]
    assert bucket.dropped == 1
    # A second later the bucket is full again: move what it remembers into the past.
    example.loaded["buckets"][A] = osmia.replace(bucket, last=max(0, bucket.last - 2_000_000_000))
    assert example.run("limit", packet) == "PASS"
    other = ethernet(0x0800, ipv4(17, udp(1, 2, bytes(1400)), src=B))
    assert example.run("limit", other) == "PASS"
    # What goes out comes from the same buckets.
    assert [example.run("limit_sent", other) for _ in range(2)] == ["OK", "SHOT"]


@pytest.mark.parametrize("name", RUNS)
def test_runs_as_a_user_runs_it(netns: Namespace, name: str) -> None:
    arguments, first = RUNS[name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with netns.entered():
        running = subprocess.Popen(
            [sys.executable, EXAMPLES / f"{name}.py", netns.far, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
    assert running.stdout is not None
    line = running.stdout.readline()
    attached = netns.xdp(netns.far)
    running.send_signal(signal.SIGINT)
    _, problems = running.communicate(timeout=20)
    assert (line.strip(), attached, running.returncode, problems) == (first, "xdp", 0, "")
    assert netns.xdp(netns.far) == ""


WANT_AN_INTERFACE = sorted({path.stem for path in EXAMPLES.glob("*.py")} - {"watch_exec", "xdp_map_counter"})


@pytest.mark.parametrize("name", WANT_AN_INTERFACE)
def test_without_arguments(name: str) -> None:
    """An example says then what it is, and how to call it."""
    path = EXAMPLES / f"{name}.py"
    said = subprocess.run(
        [sys.executable, path],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    text = ast.get_docstring(ast.parse(path.read_text()), clean=False)
    assert (said.returncode, said.stdout, said.stderr) == (1, "", f"{text}\n")
    assert f"`python {name}.py eth0" in said.stderr


@needs_root("loads programs")
def test_watch_exec() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(EXAMPLES / "watch_exec.py")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "watching\n"
        path = shutil.which("true")
        with subprocess.Popen([str(path)]) as started:
            started.wait()
        seen: list[str] = []
        while not seen or seen[-1].split()[2] != str(started.pid):
            seen.append(running.stdout.readline())
            assert seen[-1] != ""
        running.send_signal(signal.SIGINT)
        _, problems = running.communicate(timeout=20)
    when, uid, _, name = seen[-1].split()
    assert (uid, name, problems, running.returncode) == (str(os.getuid()), path, "", 0)
    assert 0 < float(when) <= time.clock_gettime(time.CLOCK_MONOTONIC)
