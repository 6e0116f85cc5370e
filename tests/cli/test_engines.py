"""`osmia run` where the kernel lets nobody have BPF: the embedded runtime counts, says so, and counts the same."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import captures
import children
import command_line
import system_packages
from captures import FRAME
from command_line import called, ended, line, run, running
from namespaces import settled
from ordinary import NOBODY_WITH_NET_RAW, readable_python
from osmia import XdpMode, load, pcap
from osmia.cli import embedded
from osmia.cli.counter import OBJECT
from osmia.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from namespaces import Namespace

COUNTER = ("run", "counter", "-i", "lo", "0.01", "1")
BY_AF_PACKET = "the embedded runtime (engine vm) is given the packets of lo by AF_PACKET\n"
LACKS = "not in the kernel, for this process lacks CAP_BPF and CAP_NET_ADMIN: "
OFFERS = "  replay a capture in place of an interface: --pcap FILE, or --demo for one that the command makes\n"
NOT_OF_THE_HOST = (
    "this process has CAP_BPF in its user namespace only, and BPF asks for capabilities in the initial one"
)
# Counts the packets of lo, and sends some once it does.
SENDS_FIVE = """
import signal, socket, subprocess, sys
from osmia.testing import rtnetlink

rtnetlink.bring_up("lo")
words = [sys.executable, "-P", "-m", "osmia", *sys.argv[1:]]
both = socket.socket(type=socket.SOCK_DGRAM)
with both, subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as counter:
    counter.stdout.readline()
    both.bind(("127.0.0.1", 0))
    for _ in range(5):
        both.sendto(b"hello", both.getsockname())
        both.recv(5)
    counter.send_signal(signal.SIGINT)
    sys.stdout.write(counter.stdout.read())
raise SystemExit(counter.returncode)
"""
WATCHES = """
from osmia import HashMap, PerCpuArray, TcAction, TcContext, XdpAction, XdpContext, setting, tc, u32, u64, xdp

sizes = HashMap(u32, u64, max_entries=64)
counts = PerCpuArray(u64, max_entries=1)
STEP = setting(u64, 1)

@xdp
def by_size(ctx: XdpContext) -> XdpAction:
    found = sizes.lookup_or_init(u32(len(ctx.packet)), 0)
    if found is not None:
        found.value += STEP
    count = counts.lookup(0)
    if count is not None:
        count.value += 1
    return XdpAction.PASS
"""
DROPS = """
from osmia import HashMap, TcAction, TcContext, XdpAction, XdpContext, cgroup_skb, tc, u32, u64, xdp

seen = HashMap(u32, u64, max_entries=64)

@xdp
def dropping(ctx: XdpContext) -> XdpAction:
    found = seen.lookup_or_init(u32(len(ctx.packet)), 0)
    if found is not None:
        found.value += 1
    return XdpAction.DROP

@tc("egress")
def out(ctx: TcContext) -> TcAction:
    return TcAction.OK
"""


def require_user_namespaces() -> None:
    """Skip the test where nobody may make a user namespace, and one for networks in it."""
    tried = run("true", program=["unshare", "--map-root-user", "--net"])
    if tried.code != 0:
        pytest.skip(f"this system lets nobody make user namespaces: {tried.err.strip()}")


@pytest.fixture(autouse=True, scope="module")
def imported() -> None:
    """Import what the command imports while this process may read it: an ordinary user may not read root's Python."""
    main(["run", "counter", "--demo", "-q", "-o", os.devnull])


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (children.drop("CAP_BPF"), "not in the kernel, for this process lacks CAP_BPF: "),
        (children.drop("CAP_NET_ADMIN"), "not in the kernel, for this process lacks CAP_NET_ADMIN: "),
        (children.become_nobody_with("CAP_NET_RAW"), LACKS),
        (
            children.without_bpf(errno.ENOSYS),
            (
                f"not in the kernel, for there is no bpf(2) here: the kernel ({os.uname().release}) was built without "
                "CONFIG_BPF_SYSCALL, or a seccomp filter hides it: "
            ),
        ),
        (
            children.without_bpf(errno.EPERM),
            (
                "not in the kernel, for the kernel refuses although this process has CAP_BPF: kernel lockdown, a "
                "security module or a seccomp filter forbids it: "
            ),
        ),
    ],
    ids=["container", "no-net-admin", "net-raw-alone", "no-bpf", "seccomp"],
)
def test_the_embedded_runtime_stands_in_and_says_why(netns: Namespace, before: Callable[[], None], said: str) -> None:
    code, out, err = called(*COUNTER, "-f", "json", before=before, netns=netns)
    assert (code, err) == (0, said + BY_AF_PACKET)
    report = json.loads(out.splitlines()[-1])
    assert list(report) == [
        *("interface", "mode", "engine", "cpus", "per_cpu", "total", "seconds", "pps", "lost", "final"),
    ]
    assert (report["interface"], report["mode"], report["engine"], report["lost"]) == ("lo", "af_packet", "vm", 0)


def test_where_packets_are_refused_too_captures_are_offered(netns: Namespace) -> None:
    code, out, err = called(*COUNTER, before=children.become_nobody, netns=netns)
    assert (code, out) == (3, "")
    assert err == (
        "osmia run: cannot watch the packets of lo: neither in the kernel, for this process lacks CAP_BPF and "
        "CAP_NET_ADMIN, nor in the embedded runtime, for this process lacks CAP_NET_RAW. Run it as root, or give it "
        f"CAP_NET_RAW, which is all that the embedded runtime takes\n{OFFERS}"
    )
    code, out, err = called(*COUNTER, "--engine", "vm", before=children.become_nobody, netns=netns)
    assert (code, out) == (3, "")
    assert err == (
        "osmia run: cannot receive the packets of lo: this process lacks CAP_NET_RAW. Run it as root, or give it that\n"
        f"{OFFERS}"
    )


def test_root_that_may_nothing(netns: Namespace) -> None:
    code, out, err = called(*COUNTER, before=children.keep_only(), netns=netns)
    assert (code, out) == (3, "")
    assert err == (
        "osmia run: cannot watch the packets of lo: neither in the kernel, for this process lacks CAP_BPF and "
        "CAP_NET_ADMIN, nor in the embedded runtime, for this process lacks CAP_NET_RAW. This process is root, but "
        "what started it, such as a container, took those away: give it CAP_NET_RAW, which is all that the embedded "
        f"runtime takes\n{OFFERS}"
    )


def test_root_of_a_user_namespace_in_the_network_of_others(netns: Namespace) -> None:
    require_user_namespaces()
    code, out, err = called(*COUNTER, before=children.enter_user_namespace, netns=netns)
    assert (code, out) == (3, "")
    assert err == (
        f"osmia run: cannot watch the packets of lo: neither in the kernel, for {NOT_OF_THE_HOST}, nor in the "
        "embedded runtime, for the kernel refuses although this process has CAP_NET_RAW: it has it in another user "
        "namespace than the network's, or a security module or a seccomp filter forbids it. Run it as root outside of "
        f"its user namespace\n{OFFERS}"
    )


def test_root_of_a_user_namespace_in_a_network_of_its_own() -> None:
    """As a container without root has it; nobody has to be root for that."""
    require_user_namespaces()
    words = ("run", "counter", "-i", "lo", "0.05", "-f", "json")
    code, out, err = run(
        *words, program=["unshare", "--map-root-user", "--net", sys.executable, "-P", "-c", SENDS_FIVE]
    )
    assert (code, err) == (0, f"not in the kernel, for {NOT_OF_THE_HOST}: {BY_AF_PACKET}")
    assert json.loads(out.splitlines()[-1])["total"] == 5


def test_no_such_interface(netns: Namespace) -> None:
    words = ("run", "counter", "-i", "far1", "0.01", "1")
    code, out, err = called(*words, before=children.become_nobody_with("CAP_NET_RAW"), netns=netns)
    assert (code, out) == (1, "")
    assert err.startswith("osmia run: there is no interface 'far1'; did you mean 'far0'?")


def test_with_a_mode_the_kernel_is_meant(netns: Namespace) -> None:
    code, out, err = called(*COUNTER, "--mode", "skb", before=children.drop("CAP_BPF"), netns=netns)
    assert (code, out) == (3, "")
    assert err.startswith("osmia run: cannot create map ")


def with_net_raw_alone() -> list[str]:
    """The command where packets may be received and nothing else: an ordinary user's, if there is a Python for one."""
    python = readable_python()
    if python:
        return [*NOBODY_WITH_NET_RAW, python, "-P", "-m", "osmia"]
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); import children; "
    program += "children.keep_only('CAP_NET_RAW')(); from osmia.cli.main import entry; entry()"
    return [sys.executable, "-P", "-c", program, str(os.path.dirname(children.__file__))]  # noqa: PTH120


def test_it_counts_what_the_kernel_counts_beside_it(netns: Namespace) -> None:
    """Pings, and packets of several sizes that come in at both ends of a veth pair."""
    words = ("run", "counter", "-i", "far0", "0.05", "-f", "json")
    with netns.entered(), load(OBJECT) as loaded, loaded["xdp_map_counter"].attach("far0", mode=XdpMode.SKB):
        counts = loaded["PKT_CNT_ARRAY"]
        with running(*words, netns=netns, program=with_net_raw_alone()) as process:
            assert line(process.stderr) == LACKS + BY_AF_PACKET.replace(" lo ", " far0 ")
            line(process.stdout)
            before = counts[0].sum()
            netns.send(300)
            netns.send(200, size=1400)
            kernel = settled(lambda: counts[0].sum() - before, 500)
            process.send_signal(signal.SIGINT)
            code, out, err = ended(process)
    report = json.loads(out.splitlines()[-1])
    assert (code, err, kernel) == (0, "", 500)
    assert (report["total"], report["lost"], report["final"]) == (500, 0, True)


@pytest.mark.parametrize("command", ["counter", "file"])
def test_packets_that_are_left_at_the_end_are_lost(
    netns: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """As where there is more than can be run in the time that is left."""

    def wait(*_: object) -> bool:
        netns.send(5)
        return False

    def before() -> None:
        monkeypatch.setattr(embedded, "_LONGEST_DRAIN", 0)
        monkeypatch.setattr(embedded.Live, "wait", wait)

    (tmp_path / "watches.py").write_text(WATCHES)
    what = "counter" if command == "counter" else str(tmp_path / "watches.py")
    words = ("run", what, "-i", "far0", "0.01", "1", "--engine", "vm")
    code, out, err = called(*words, before=before, netns=netns)
    begins = BY_AF_PACKET.replace(" lo ", " far0 ")
    if command == "counter":
        assert out.splitlines()[-1].endswith("), 5 lost: they came faster than they were counted")
        assert (code, err) == (0, begins)
    else:
        assert (code, err) == (0, f"{begins}5 packets were lost: they came faster than the programs ran\n")


def test_on_lo_pings_are_counted_once(netns: Namespace) -> None:
    words = ("run", "counter", "-i", "lo", "0.05", "-f", "json", "--engine", "vm")
    with running(*words, netns=netns) as process:
        assert line(process.stderr) == BY_AF_PACKET
        line(process.stdout)
        with netns.entered():
            system_packages.tool("ping").run("-q", "-c", "5", "-i", "0.01", "127.0.0.1")
        process.send_signal(signal.SIGTERM)
        code, out, err = ended(process)
    report = json.loads(out.splitlines()[-1])
    assert (code, err, report["total"], sum(report["per_cpu"])) == (0, "", 10, 10)


def test_an_interface_that_goes_away(netns: Namespace) -> None:
    with running("run", "counter", "-i", netns.far, "60", "--engine", "vm", netns=netns) as process:
        line(process.stderr)
        netns.send(3)
        time.sleep(0.1)
        netns.ip("link", "delete", netns.near)
        code, out, err = ended(process)
    assert (code, err) == (1, f"osmia run: the interface {netns.far} is gone\n")
    assert out.startswith("3 packets in ")


def test_the_demo_needs_nothing() -> None:
    code, out, err = called("run", "counter", "--demo", before=children.become_nobody)
    assert (code, err) == (0, "replaying a capture made for this in the embedded runtime (engine vm)\n")
    rows = [each.split() for each in out.splitlines()]
    assert [row[0] for row in rows[:5]] == ["total", "18", "46", "84", "132"]
    assert out.splitlines()[-1] == "190 packets in 4.6 s, 41.2 packets/s (cpu0 190)"


def a_capture(path: Path, name: str = "x.pcap", **more: Any) -> str:
    packets = [pcap.Packet(FRAME[: 20 + number], 10**18 + number * 10**8) for number in range(30)]
    pcap.write(path / name, packets, **more)
    return str(path / name)


@pytest.mark.parametrize("name", ["x.pcap", "x.pcapng", "x.pcap.gz"])
def test_captures_are_replayed_in_their_own_time(name: str, tmp_path: Path) -> None:
    file = a_capture(tmp_path, name)
    words = ("run", "counter", "--pcap", file, "-f", "json", "-T")
    code, out, err = run(*words)
    reports = [json.loads(each) for each in out.splitlines()]
    assert (code, err) == (0, f"replaying {file} in the embedded runtime (engine vm)\n")
    assert [(each["total"], each["seconds"], each["final"]) for each in reports] == [
        (10, 1.0, False),
        (20, 1.0, False),
        (30, 2.9, True),
    ]
    assert (reports[0]["interface"], reports[0]["mode"], reports[0]["engine"]) == (file, "pcap", "vm")
    assert reports[0]["timestamp"] == "2001-09-09T01:46:41.000Z"
    assert "lost" not in reports[0]
    ends = [json.loads(each)["total"] for each in run(*words, "0.5", "2").out.splitlines()]
    assert ends == [5, 10, 10]


def test_a_capture_from_stdin(tmp_path: Path) -> None:
    file = a_capture(tmp_path)
    program = ["sh", "-c", f'exec "$@" <{file}', "sh", *command_line.PROGRAM]
    code, out, _ = run("run", "counter", "--pcap", "-", "-q", program=program)
    assert (code, out.splitlines()[-1]) == (0, "30 packets in 2.9 s, 10.3 packets/s (cpu0 30)")


def test_captures_with_something_about_them(tmp_path: Path) -> None:
    file = tmp_path / "x.pcap"
    cut = captures.pcap((1, 0, FRAME[:30], 64), (1, 0, FRAME, 64), (2, 0, FRAME, 64))
    file.write_bytes(cut[:-1])
    code, out, err = run("run", "counter", "--pcap", str(file))
    assert (code, out.splitlines()[-1]) == (1, "2 packets in 0.0 s, 0.0 packets/s (cpu0 2)")
    assert err == (
        f"replaying {file} in the embedded runtime (engine vm)\n"
        "1 of its packets was cut when it was captured: programs see what is left of it\n"
        f"osmia run: {file}: byte 150: the file ends within packet 3: 79 bytes are there, expected 80: it was cut "
        "short, or is damaged here or before\n"
    )
    file.write_bytes(captures.pcap(*[(1, 0, FRAME[:30], 64)] * 2))
    assert run("run", "counter", "--pcap", str(file)).err == (
        f"replaying {file} in the embedded runtime (engine vm)\n"
        "2 of its packets were cut when they were captured: programs see what is left of them\n"
    )
    file.write_bytes(captures.pcap((1, 0, FRAME, 64), link=113))
    assert run("run", "counter", "--pcap", str(file)) == (
        1,
        "",
        (
            f"osmia run: {file}: byte 0: its packets begin with LINUX_SLL (113), and those of an interface that "
            "programs are given with ETHERNET (1): capture at one interface, as by tcpdump -i eth0\n"
        ),
    )
    file.write_bytes(captures.pcap())
    assert run("run", "counter", "--pcap", str(file), "-q").out == "0 packets in 0.0 s, 0.0 packets/s (cpu0 0)\n"
    file.write_bytes(b"")
    assert run("run", "counter", "--pcap", str(file)).err == (
        f"osmia run: {file}: byte 0: no capture: it is empty, expected pcap or pcapng, or either compressed by gzip\n"
    )
    assert run("run", "counter", "--pcap", "nothing").err == "osmia run: nothing: No such file or directory\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("counter", "--pcap", "x", "--demo"), "--pcap and --demo are two captures: give one"),
        (
            ("counter", "--demo", "--engine", "kernel"),
            "--demo is replayed in the embedded runtime, not in the kernel: leave --engine out",
        ),
        (("counter", "--demo", "-i", "lo"), "-i is for interfaces, and --demo is a capture: give one of them"),
        (
            ("counter", "--pcap", "x", "--mode", "skb"),
            "--mode is for interfaces, and --pcap is a capture: give one of them",
        ),
        (
            ("counter", "-i", "lo", "--engine", "vm", "--mode", "skb"),
            "--mode is how the kernel runs xdp programs, and --engine vm is not the kernel",
        ),
        (("counter",), "counter: -i IFACE is missing: the interface to attach to, such as -i lo"),
    ],
)
def test_what_does_not_go_together(words: tuple[str, ...], text: str) -> None:
    assert run("run", *words) == (2, "", f"osmia run: {text}\n  see osmia run --help\n")


def test_a_file_that_watches(netns: Namespace, tmp_path: Path) -> None:
    file = tmp_path / "watches.py"
    file.write_text(WATCHES)
    words = ("run", str(file), "-i", "far0", "0.05", "-f", "json", "-s", "STEP=2")
    with running(*words, "--engine", "vm", netns=netns) as process:
        line(process.stderr)
        line(process.stdout)
        netns.send(50)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        code, out, err = ended(process)
    last = json.loads(out.splitlines()[-1])
    assert (code, err, last["engine"]) == (0, "", "vm")
    assert last["maps"]["sizes"] == [{"key": 64, "value": 100}]
    assert last["maps"]["counts"][0]["total"] == 50
    assert last["attached"] == [{"program": "by_size", "section": "xdp", "interface": "far0", "mode": "af_packet"}]
    code, out, err = called(*words, "1", before=children.drop("CAP_BPF"), netns=netns)
    assert (code, json.loads(out)["engine"]) == (0, "vm")
    assert err == f"not in the kernel, for this process lacks CAP_BPF: {BY_AF_PACKET.replace(' lo ', ' far0 ')}"
    code, out, err = run(*words, "1", netns=netns)
    assert (code, json.loads(out)["engine"]) == (0, "kernel")


def test_a_file_and_a_capture(tmp_path: Path) -> None:
    file = tmp_path / "watches.py"
    file.write_text(WATCHES)
    capture = a_capture(tmp_path)
    code, out, err = run("run", str(file), "--pcap", capture, "-f", "json", "2")
    reports = [json.loads(each) for each in out.splitlines()]
    assert (code, err) == (0, f"replaying {capture} in the embedded runtime (engine vm)\n")
    assert [each["maps"]["counts"][0]["total"] for each in reports] == [20, 30]
    assert [each["final"] for each in reports] == [False, True]
    code, out, _ = run("run", str(file), "--pcap", capture, "-f", "json", "1", "2")
    assert [json.loads(each)["final"] for each in out.splitlines()] == [False, True]


def test_a_file_that_does_more(netns: Namespace, tmp_path: Path) -> None:
    file = tmp_path / "drops.py"
    file.write_text(DROPS)
    words = ("run", str(file), "-i", "lo", "0.01", "1")
    code, out, err = called(*words, before=children.drop("CAP_BPF"), netns=netns)
    assert (code, out) == (3, "")
    assert err.startswith("osmia run: cannot create map 'seen' (HASH): this process is root but lacks CAP_BPF: ")
    assert err.endswith(
        "\n  the embedded runtime does not stand in for it: dropping may do more than watch "
        f"({file}:11: it may return DROP (1)). --engine vm runs it on copies of the packets, without an effect on "
        "them\n"
    )
    code, out, err = run(*words, "--engine", "vm", netns=netns)
    assert code == 0
    assert err == (
        "not run, for the embedded runtime runs what is given the packets that an interface receives: xdp and "
        "tc/ingress: out (tc/egress)\n"
        f"dropping may do more than watch, which has no effect here: packets are copies ({file}:11: it may return DROP "
        f"(1))\n{BY_AF_PACKET}"
    )
    code, out, err = run(*words, "--engine", "vm", "--program", "out", netns=netns)
    assert (code, out) == (1, "")
    assert err == (
        f"osmia run: {file}: the embedded runtime runs what is given the packets that an interface receives: xdp and "
        "tc/ingress; its programs are others: out (tc/egress)\n"
    )


def test_main_runs_in_this_process_too(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "counter", "--demo", "-q", "-f", "csv"]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "demo,demo,190,4.610000,41.215,1,190"
