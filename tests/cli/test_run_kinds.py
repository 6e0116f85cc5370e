"""`osmia run FILE` attaches each program to what its kind says: programs of every kind, fired by real events."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cgroups import Cgroup, cgroup
from command_line import ended, line, run, running
from osmia.cli.attached import BY_HAND, WAYS
from osmia.kinds import KINDS
from this_kernel import require_kernel, why_no_lsm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace

FILE = """
from osmia import *

packets = PerCpuArray(u64, max_entries=1)
comes = Array(u64, max_entries=1)
leaves = Array(u64, max_entries=1)
sent = Array(u64, max_entries=1)
made = Array(u64, max_entries=1)
events = Array(u64, max_entries=1)
looked = Array(u64, max_entries=1)
ran = HashMap(u32, u64, max_entries=8192)
forked = HashMap(u32, u64, max_entries=8192)
entered = HashMap(u32, u64, max_entries=8192)
stored = CgroupStorage(u64)

@xdp
def watch(ctx: XdpContext) -> XdpAction:
    found = packets.lookup(0)
    if found is not None:
        found.value += 1
    return XdpAction.PASS

@tc("ingress")
def coming(ctx: TcContext) -> TcAction:
    comes[0] += 1
    return TcAction.OK

@tc("egress")
def leaving(ctx: TcContext) -> TcAction:
    leaves[0] += 1
    return TcAction.OK

@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def sending(ctx: CgroupSkbContext) -> CgroupAction:
    sent[0] += 1
    stored.local().value += 1
    return CgroupAction.ALLOW

@cgroup_sock("sock_create", on_error=CgroupAction.ALLOW)
def making(ctx: CgroupSockContext) -> CgroupAction:
    made[0] += 1
    return CgroupAction.ALLOW

@sock_ops
def connects(ctx: SockOpsContext) -> int:
    events[0] += 1
    return 0

@sk_lookup
def looking(ctx: SkLookupContext) -> SkAction:
    looked[0] += 1
    return SkAction.PASS

@tracepoint("sched", "sched_process_exec")
def on_exec(ctx: TracepointContext) -> None:
    ran.update(u32(ctx.get_current_pid_tgid() >> 32), 1)

@tp_btf("sched_process_fork")
def on_fork(ctx: TpBtfContext) -> None:
    forked.update(u32(ctx.get_current_pid_tgid() >> 32), 1)

@raw_tracepoint("sched_process_exec")
def on_raw_exec(ctx: RawTracepointContext) -> None:
    entered.update(u32(ctx.get_current_pid_tgid() >> 32), 1)
"""

BY_HAND_ONLY = """
from osmia import *

sockets = SockMap(max_entries=2)

@sk_msg
def verdict(ctx: SkMsgContext) -> SkAction:
    return SkAction.PASS

@sk_skb("stream_verdict")
def receives(ctx: SkSkbContext) -> SkAction:
    return SkAction.PASS

@sk_reuseport("migrate")
def shares(ctx: SkReuseportContext) -> SkAction:
    return SkAction.PASS

@xdp(hook="devmap")
def out(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS

@xdp(hook="cpumap")
def there(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS
"""

HOW = """\
  verdict (sk_msg): `verdict.attach(sockets)`, a SockMap or a SockHash
  receives (sk_skb/stream_verdict): `receives.attach(sockets)`, a SockMap or a SockHash
  shares (sk_reuseport/migrate): `shares.attach(socket)`, a socket that has SO_REUSEPORT set
  out (xdp/devmap): `ports.update(0, interface, program=out)`, an entry of such a map
  there (xdp/cpumap): `cpus.update(1, 192, program=there)`, an entry of such a map
"""

SECURITY = """
from osmia import *

opened = HashMap(u32, u64, max_entries=8192)

@lsm("file_open", on_error=0)
def opens(ctx: LsmContext) -> int:
    opened.update(u32(ctx.get_current_pid_tgid() >> 32), 1)
    return 0
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory of programs."""
    texts = {"kinds.py": FILE, "by_hand.py": BY_HAND_ONLY, "security.py": SECURITY}
    texts["some.py"] = BY_HAND_ONLY + FILE.removeprefix("\nfrom osmia import *\n")
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def own() -> Iterator[Cgroup]:
    """A cgroup of the test's own."""
    with cgroup() as made:
        yield made


def connect() -> None:
    """Make a TCP connection over lo."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 5):
        pass


def child() -> int:
    """Run a program in a process of its own; its pid."""
    process = subprocess.Popen(["true"])
    assert process.wait(30) == 0
    return process.pid


def keys(report: dict[str, Any], name: str) -> set[int]:
    return {entry["key"] for entry in report["maps"][name]}


def value(report: dict[str, Any], name: str) -> int:
    (entry,) = report["maps"][name]
    found: int = entry["value"]
    return found


def left_attached(netns: Namespace, own: Cgroup) -> list[Any]:
    """What bpftool sees on the cgroup, and ip on lo."""
    from system_packages import tool

    there: list[Any] = json.loads(tool("bpftool").run("-j", "cgroup", "list", own.path).stdout.strip() or "[]")
    return [*there, *filter(None, [netns.xdp("lo")])]


@pytest.mark.parametrize("suffix", [".py", ".o"])
def test_every_kind_is_attached_and_fires(netns: Namespace, files: Path, own: Cgroup, suffix: str) -> None:
    require_kernel((6, 6), "tcx")
    if suffix == ".o":
        assert run("build", "-q", "kinds.py", cwd=files) == (0, "", "")
    words = ("run", f"kinds{suffix}", "-i", "lo", "--cgroup", str(own.path), "-f", "json", "60")
    with running(*words, netns=netns, cwd=files) as process:
        assert [line(process.stderr) for _ in range(10)] == [
            "attached watch to lo (generic)\n",
            "attached coming to lo (ingress)\n",
            "attached leaving to lo (egress)\n",
            f"attached sending to cgroup {own.path} (egress)\n",
            f"attached making to cgroup {own.path} (sock_create)\n",
            f"attached connects to cgroup {own.path}\n",
            "attached looking to this network namespace\n",
            "attached on_exec to tracepoint sched/sched_process_exec\n",
            "attached on_fork to tp_btf sched_process_fork\n",
            "attached on_raw_exec to raw_tracepoint sched_process_exec\n",
        ]
        with netns.entered():
            own.run(connect)
        pid = child()
        process.send_signal(signal.SIGINT)
        code, out, err = ended(process)
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report["maps"]["packets"][0]["total"] == value(report, "comes") == value(report, "leaves") > 0
    assert value(report, "sent") == value(report, "stored") > 0
    assert report["maps"]["stored"][0]["key"] == own.id
    assert (value(report, "made"), value(report, "looked")) == (2, 1)
    assert value(report, "events") > 0
    assert pid in keys(report, "ran") & keys(report, "entered")
    assert os.getpid() in keys(report, "forked")
    assert report["attached"] == [
        {"program": "watch", "section": "xdp", "interface": "lo", "mode": "generic"},
        {"program": "coming", "section": "tc/ingress", "interface": "lo"},
        {"program": "leaving", "section": "tc/egress", "interface": "lo"},
        {"program": "sending", "section": "cgroup_skb/egress", "cgroup": str(own.path)},
        {"program": "making", "section": "cgroup/sock_create", "cgroup": str(own.path)},
        {"program": "connects", "section": "sockops", "cgroup": str(own.path)},
        {"program": "looking", "section": "sk_lookup", "netns": None},
        {"program": "on_exec", "section": "tracepoint/sched/sched_process_exec"},
        {"program": "on_fork", "section": "tp_btf/sched_process_fork"},
        {"program": "on_raw_exec", "section": "raw_tracepoint/sched_process_exec"},
    ]
    assert left_attached(netns, own) == []


@pytest.mark.skipif("why_no_lsm()", reason=why_no_lsm())
def test_security_hooks(netns: Namespace, files: Path) -> None:
    with running("run", "security.py", "-f", "json", "60", netns=netns, cwd=files) as process:
        assert line(process.stderr) == "attached opens to lsm file_open\n"
        pid = child()
        process.send_signal(signal.SIGINT)
        assert pid in keys(json.loads(ended(process).out), "opened")


def test_another_network_namespace(netns: Namespace, files: Path) -> None:
    words = ("run", "kinds.py", "--program", "looking", "60")
    for given in (netns.name, f"/run/netns/{netns.name}"):
        with running(*words, "--netns", given, netns=None, cwd=files) as process:
            assert line(process.stderr) == f"attached looking to network namespace /run/netns/{netns.name}\n"
            with netns.entered():
                connect()
            process.send_signal(signal.SIGINT)
            code, out, err = ended(process)
        assert (code, err) == (0, "")
        assert "\nlooked:\n  0: 1\n" in out


def test_all_is_detached_if_one_cannot_be_attached(netns: Namespace, files: Path, own: Cgroup) -> None:
    require_kernel((6, 6), "tcx")
    words = ("--program", "watch", "--program", "making", "--program", "looking")
    done = run(
        "run", "kinds.py", "-i", "lo", "--cgroup", str(own.path), *words, "--netns", "no", netns=netns, cwd=files
    )
    assert done == (
        1,
        "",
        (
            f"attached watch to lo (generic)\nattached making to cgroup {own.path} (sock_create)\n"
            "osmia run: cannot attach program 'looking': there is no network namespace '/run/netns/no': "
            "No such file or directory (ENOENT)\n"
        ),
    )
    assert left_attached(netns, own) == []


def test_the_cgroup_goes_away(netns: Namespace, files: Path, own: Cgroup) -> None:
    words = ("run", "kinds.py", "--cgroup", str(own.path), "--program", "making", "0.05", "-q", "-o", "/dev/null")
    with running(*words, "-T", netns=netns, cwd=files) as process:
        while not left_attached(netns, own):
            assert process.poll() is None
        own.path.rmdir()
        code, _, err = ended(process)
    own.path.mkdir()
    assert (code, err) == (1, f"osmia run: the cgroup {own.path} is gone, and the program with it\n")


def test_somebody_else_detaches(netns: Namespace, files: Path, own: Cgroup) -> None:
    from system_packages import tool

    for program, to in (("making", f"cgroup {own.path}"), ("looking", "its network namespace, or that is gone")):
        words = ("--cgroup", str(own.path)) if program == "making" else ()
        with running("run", "kinds.py", *words, "--program", program, "0.05", netns=netns, cwd=files) as process:
            line(process.stderr)
            assert process.stderr is not None
            fds = Path(f"/proc/{process.pid}/fdinfo").iterdir()
            (link,) = [text for fd in fds if "link_id:" in (text := fd.read_text())]
            number = link.partition("link_id:")[2].split()[0]
            tool("bpftool").run("link", "detach", "id", number)
            code, _, err = ended(process)
        assert (code, err) == (1, f"osmia run: somebody else has detached the program from {to}\n")


def test_what_a_command_cannot_attach_is_said(netns: Namespace, files: Path, own: Cgroup) -> None:
    require_kernel((6, 6), "tcx")
    head = "no command can attach its programs, since only Python code has what they take"
    lines = "".join(f"  {each}\n" for each in HOW.splitlines())
    assert run("run", "by_hand.py", netns=netns, cwd=files) == (1, "", f"osmia run: by_hand.py: {head}:\n{lines}")
    assert run("build", "-q", "by_hand.py", cwd=files) == (0, "", "")
    assert run("run", "by_hand.o", "--program", "verdict", "--program", "out", netns=netns, cwd=files) == (
        1,
        "",
        (
            f"osmia run: by_hand.o: {head} (`loaded = osmia.load('by_hand.o')`):\n"
            '    verdict (sk_msg): `loaded["verdict"].attach(sockets)`, a SockMap or a SockHash\n'
            '    out (xdp/devmap): `ports.update(0, interface, program=loaded["out"])`, an entry of such a map\n'
        ),
    )
    words = ("run", "some.py", "-i", "lo", "--cgroup", str(own.path), "0.01", "1", "-o", "/dev/null")
    code, _, err = run(*words, netns=netns, cwd=files)
    assert code == 0
    assert err.startswith(f"not attached, since only Python code has what they take:\n{HOW}attached watch to lo")
    assert run(*words, "-q", netns=netns, cwd=files) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            "",
            "-i IFACE is missing: an interface to attach watch (xdp), coming (tc/ingress), leaving (tc/egress) to, "
            "such as -i lo",
        ),
        (
            "-i lo",
            "--cgroup PATH is missing: a cgroup to attach sending (cgroup_skb/egress), making (cgroup/sock_create), "
            "connects (sockops) to, such as --cgroup /sys/fs/cgroup/user.slice",
        ),
        ("--program on_fork -i lo", "-i IFACE is for what attaches to an interface, which none does of {on_fork}"),
        (
            "--program on_fork --cgroup x",
            "--cgroup PATH is for what attaches to a cgroup, which none does of {on_fork}",
        ),
        (
            "--program on_fork --netns x",
            "--netns NETNS is for what attaches to a network namespace, which none does of {on_fork}",
        ),
        (
            "--program on_fork --mode skb",
            "--mode is for xdp programs, and there is none among {on_fork}",
        ),
        (
            "--program coming --program on_fork --mode skb -i lo",
            "--mode is for xdp programs, and there is none among coming (tc/ingress), {on_fork}",
        ),
    ],
)
def test_options_that_do_not_fit(netns: Namespace, files: Path, words: str, text: str) -> None:
    text = text.format(on_fork="on_fork (tp_btf/sched_process_fork)")
    done = run("run", "kinds.py", *words.split(), netns=netns, cwd=files)
    assert done == (2, "", f"osmia run: kinds.py: {text}\n  see osmia run --help\n")


def test_every_kind_is_in_the_table() -> None:
    there = {kind.attached_to(hook) for kind in KINDS.values() for hook in kind.attach_types}
    assert there == {*WAYS, *BY_HAND}
