"""The pytest plugin, as users meet it: whole runs of pytest, and what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import osmia
from ordinary import NO_CAPABILITY
from osmia.errors import VerifierError
from osmia.kernel.features import kernel_version
from osmia.testing import differential
from osmia.testing.divergences import TAIL
from osmia.testing.headlines import headline
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

SOURCE = str(Path(osmia.__file__).parents[1])
root = pytest.mark.skipif(os.geteuid() != 0, reason="the kernel needs root")

PROGRAMS = """
from osmia import Global, HashMap, XdpAction, XdpContext, u64, u8, xdp
from osmia.headers import Ethernet, IPv4

hits = HashMap(u8, u64, max_entries=16)
total = Global(u64)

@xdp
def filter(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, 14)
    if ip is None:
        return XdpAction.PASS
    count = hits.lookup_or_init(ip.protocol, 0)
    if count is None:
        return XdpAction.ABORTED
    count.value += 1
    total.value += 1
    if ip.protocol == 6:
        return XdpAction.DROP
    ip.ttl = u8(ip.ttl - 1)
    return XdpAction.PASS

@xdp
def divide(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, 14)
    if ip is None:
        return XdpAction.PASS
    return XdpAction.PASS if 100 // ip.ttl > 3 else XdpAction.DROP

@xdp
def clock(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP if ctx.ktime_get_ns() == 1_000_000_000_000 else XdpAction.TX

@xdp
def stamp(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, 14)
    if ip is None:
        return XdpAction.PASS
    ip.ttl = 1 if ctx.ktime_get_ns() == 1_000_000_000_000 else 2
    return XdpAction.PASS
"""
HEAD = """
from osmia import XdpAction, XdpContext, xdp
from osmia.headers import IPv4
from osmia.testing import Vm, differential, replay
from osmia.testing.packets import *
from programs import *

PACKET = ethernet() / ipv4() / udp(dst=53) / b"payload"
"""

# Where pytest sees that it runs in CI it cuts nothing short.
AT_A_TERMINAL = {name: value for name, value in os.environ.items() if name not in {"CI", "BUILD_NUMBER"}}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the programs, which are compiled once."""
    directory = tmp_path_factory.mktemp("programs")
    (directory / "programs.py").write_text(PROGRAMS)
    return directory


@pytest.fixture
def run(programs: Path) -> Callable[..., str]:
    """Run pytest on a test file in another process: what it prints, without what differs from run to run."""

    def run(test: str, *options: str, before: tuple[str, ...] = ()) -> str:
        (programs / "test_it.py").write_text(HEAD + test)
        own = ("-p", "osmia.testing.plugin", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-q")
        done = subprocess.run(
            [*before, sys.executable, "-B", "-m", "pytest", *own, *options],
            env=AT_A_TERMINAL | {"PYTHONPATH": SOURCE, "PYTEST_ADDOPTS": "", "COLUMNS": "80"},
            cwd=programs,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        printed = done.stdout.replace(f"{programs}/", "").replace(f"{SOURCE}/", "")
        return re.sub(r" in \d+\.\d+s", "", printed)

    return run


TEXTS = {
    name: text
    for name, _, text in (
        part.partition("\n")
        for part in Path(__file__).with_name("plugin.txt").read_text(encoding="utf-8").split("\n##### ")[1:]
    )
}
"""What is printed, by the name of the test; in plugin.txt."""

IN_RUNTIME = {
    "a verdict": """
def test_it(vm):
    assert vm.run(filter, PACKET).action is XdpAction.DROP
""",
    "a packet": """
def test_it(vm):
    assert vm.run(filter, PACKET).data == PACKET.changed(IPv4, ttl=63)
""",
    "another thing": """
def test_it(vm):
    vm.run(filter, PACKET)
    assert hits[17] == 2
""",
    "an error of the program": """
def test_it(vm):
    assert vm.run(divide, PACKET.changed(IPv4, ttl=0)).action is XdpAction.PASS
""",
    "a fault": """
def test_it():
    with Vm(fuel=20) as vm:
        vm.run(filter, PACKET)
""",
    "what cannot be compiled": """
@xdp
def unchecked(ctx: XdpContext) -> XdpAction:
    hits.lookup(6).value += 1
    return XdpAction.PASS

def test_it(vm):
    vm.run(unchecked, PACKET)
""",
    "a fault of the fixture's": """
def test_it(vm):
    vm.fuel = 20
    vm.run(filter, PACKET)
""",
    "a replay": """
def test_it(vm):
    assert replay(filter, [PACKET, PACKET, ethernet() / ipv4() / icmp(), bytes(60)]).counts[XdpAction.PASS] == 3
""",
    "a fault in a replay": """
def test_it(vm):
    vm.fuel = 20
    replay(filter, [bytes(20), PACKET, PACKET])
""",
    "around the test": """
import pytest

@pytest.fixture
def first(vm):
    assert vm.run(filter, PACKET).action is XdpAction.DROP

@pytest.fixture
def last(vm):
    yield
    assert vm.run(filter, PACKET).action is XdpAction.DROP

def test_begins(first): ...

def test_ends(last): ...
""",
    "nothing of osmia": """
def test_it(vm):
    vm.run(filter, PACKET)

def test_that():
    assert XdpAction.PASS is XdpAction.DROP

def test_bytes():
    assert b"abc" == b"abd"
""",
}


def check(name: str, printed: str) -> None:
    assert printed == TEXTS[name]


@pytest.mark.parametrize("name", IN_RUNTIME)
def test_what_a_failed_test_says(run: Callable[..., str], name: str) -> None:
    check(name, run(IN_RUNTIME[name]))


@root
def test_a_replay_is_what_its_own_engine_ran_last(run: Callable[..., str]) -> None:
    test = """
def test_it(kernel):
    replay(filter, [PACKET, bytes(60)])
    with Vm():
        replay(clock, [PACKET])
    assert hits[17] == 2
"""
    said = run(test).split("what osmia ran last")
    assert [each.splitlines()[1] for each in said[1:]] == [
        "filter returned PASS in the kernel, on packet 2 of a replay",
        "clock returned DROP in the user-space runtime, on packet 1 of a replay",
    ]


def test_a_run_without_a_packet_shows_none(run: Callable[..., str]) -> None:
    test = """
from osmia import SockOpsContext, sock_ops

@sock_ops
def replies(ctx: SockOpsContext) -> int:
    return 1

def test_without(vm):
    vm.run(replies, op=3)
    assert False

def test_empty(vm):
    vm.run(replies, b"", op=3)
    assert False
"""
    without, empty = (part.partition("\n")[2].splitlines()[:3] for part in run(test).split(" what osmia ran last ")[1:])
    assert without[:2] == ["replies returned 1 in the user-space runtime", "context: op=3"]
    assert without[2].startswith("_____")
    assert empty == ["replies returned 1 in the user-space runtime", "context: op=3", "packet of 0 bytes"]


OWN_ENGINES = """
import pytest

@pytest.fixture
def own():
    with Vm() as own:
        yield own

@pytest.fixture(scope="module")
def shared():
    with Vm() as shared:
        yield shared

def test_inside():
    with Vm() as vm:
        vm.run(filter, PACKET)
        assert hits[17] == 2

def test_in_two_blocks():
    with Vm() as outer, Vm() as inner:
        outer.run(clock, PACKET)
        inner.run(filter, PACKET)
        assert hits[17] == 2

def test_behind():
    for _ in range(3):
        with Vm() as vm:
            result = vm.run(filter, PACKET)
    assert result.action is XdpAction.DROP

def test_of_its_fixture(own):
    own.run(filter, PACKET)
    assert hits[17] == 2

def test_of_another_engine(vm):
    with Vm() as own:
        own.run(filter, PACKET)
    hits.create()
    filter.load()
    hits[99] = 1
    assert False

def test_of_all(shared):
    shared.run(filter, PACKET)
    assert hits[17] == 2

def test_after_it(shared):
    assert False
"""


def test_engines_of_the_tests_own(run: Callable[..., str]) -> None:
    """Each test shows what its engines ran last, once, and nothing of other tests or engines."""
    printed = run(OWN_ENGINES.replace("PACKET", "bytes(14)"))
    shown = {
        failure.split(" ", 1)[0]: [
            [line for line in each.splitlines() if line.startswith(("filter", "clock", "changed"))]
            for each in failure.split(" what osmia ran last ")[1:]
        ]
        for failure in printed.partition(" FAILURES ")[2].partition(" short test summary ")[0].split("___ test_")[1:]
    }
    filter_passed = "filter returned PASS in the user-space runtime"
    assert shown == {
        "inside": [[filter_passed]],
        "in_two_blocks": [["clock returned DROP in the user-space runtime"], [filter_passed]],
        "behind": [[filter_passed]],
        "of_its_fixture": [[filter_passed]],
        "of_another_engine": [[filter_passed]],
        "of_all": [[filter_passed]],
        "after_it": [],
    }


@root
def test_both_engines(run: Callable[..., str]) -> None:
    test = """
def test_it(engine):
    engine.run(filter, PACKET)
    assert hits[17] == 2
"""
    check("both engines", run(test, "--osmia=both"))
    assert "test_it[kernel]" not in run(test)
    assert "test_it[vm]" not in run(test, "--osmia=kernel")


def test_without_capabilities(run: Callable[..., str]) -> None:
    test = """
def test_one(engine):
    assert engine.run(filter, PACKET).action is XdpAction.PASS

def test_two(kernel): ...

def test_three(netns): ...

@differential
def test_four(engine):
    for packet in random_packets(1, 20, smallest=14, largest=200):
        engine.run(filter, packet)
"""
    who = "root without capabilities" if os.geteuid() == 0 else "an ordinary user"
    check(who, run(test, "--osmia=both", before=NO_CAPABILITY if os.geteuid() == 0 else ()))


@root
def test_what_differential_says(run: Callable[..., str]) -> None:
    test = """
@differential
def test_same(engine, tmp_path, request):
    assert request.node.name == "test_same"
    for packet in random_packets(1, 300, smallest=14, largest=1400):
        engine.run(filter, packet)
    assert total.value > 100

class TestMore:
    @differential
    def test_same(self, engine):
        engine.run(filter, PACKET)

    @differential
    @staticmethod
    def test_static(engine):
        engine.run(filter, PACKET)

    @differential
    @classmethod
    def test_class(cls, engine):
        engine.run(filter, PACKET)

@differential
def test_verdict(engine):
    engine.run(filter, PACKET)
    engine.run(clock, PACKET)

@differential
def test_packet(engine):
    engine.run(stamp, PACKET)

@differential
def test_maps(engine):
    engine.run(filter, PACKET)
    if engine.name == "vm":
        hits[9] = 7
        total.value += 1

@differential
def test_runs(engine):
    for number in range(2 if engine.name == "vm" else 1):
        engine.run(filter, PACKET)

@differential
def test_packets(engine):
    engine.run(filter, PACKET if engine.name == "vm" else bytes(64))

@differential
def test_assertion(engine):
    assert engine.run(filter, PACKET).action is XdpAction.DROP
"""
    check("differential", run(test))


@root
def test_a_difference_is_explained_where_the_run_has_met_a_known_error(run: Callable[..., str]) -> None:
    """What a program merely has, an atomic fetch from a map, explains nothing."""
    if kernel_version() != TAIL.seen_in:
        pytest.skip(f"the error was seen in Linux {'.'.join(map(str, TAIL.seen_in))}")
    found = run("""
from osmia import Array, TcAction, TcContext, XdpContext, tc, u64, xdp

counts = Array(u64, max_entries=1)

@tc("ingress")
def grows(ctx: TcContext) -> TcAction:
    ctx.skb_change_head(100, 0)
    return TcAction.OK if ctx.skb_change_tail(64, 0) == 0 else TcAction.SHOT

@xdp
def fetches(ctx: XdpContext) -> XdpAction:
    count = counts.lookup(0)
    if count is None or count.fetch_add(1) > 5:
        return XdpAction.ABORTED
    return XdpAction.DROP if ctx.ktime_get_ns() == 1_000_000_000_000 else XdpAction.TX

@differential
def test_explained(engine):
    engine.run(grows, PACKET)

@differential
def test_not_explained(engine):
    engine.run(fetches, PACKET)
    engine.run(grows, PACKET)
""")
    assert "1 failed, 1 passed" in found
    assert "run 1: fetches returned TX in the kernel, DROP in the runtime" in found
    told = f"run 1: grows returned OK in the kernel, SHOT in the runtime: known of Linux 6.18: {TAIL.name}: {TAIL.what}"
    assert f"test_explained: found a difference that is explained: {told}" in found


def test_a_test_without_engine_is_no_differential() -> None:
    def test_it() -> None: ...

    assert refusal(TypeError, lambda: differential(test_it)) == (
        "@differential: test_it() is to take `engine`, in which it runs its programs"
    )


def test_who_calls_a_differential_gives_no_fixtures() -> None:
    @differential
    def test_it(engine: object) -> None: ...

    assert refusal(TypeError, test_it) == (
        "@differential: test_it() was called without pytest's fixtures, as tests in a unittest.TestCase are: "
        "write it as a function, or in a class of no base"
    )


def test_what_calling_does_not_run_is_no_differential() -> None:
    async def awaits(engine: object) -> None: ...

    def yields(engine: object) -> Iterator[None]:
        yield

    async def does_both(engine: object) -> AsyncIterator[None]:
        yield

    for test in (awaits, yields, does_both):
        assert refusal(TypeError, lambda test=test: differential(test)) == (
            f"@differential: {test.__name__}() is async or a generator, and calling it runs nothing: write a plain "
            "function, with asyncio.run() in it where something is awaited"
        )


@root
def test_replays_are_compared(run: Callable[..., str]) -> None:
    found = run("""
from osmia import HashMap, XdpAction, XdpContext, u32, u64, xdp
from osmia.testing import differential, replay

sizes = HashMap(u32, u64, max_entries=8)

@xdp
def by_clock(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP if ctx.ktime_get_ns() == 1_000_000_000_000 else XdpAction.TX

@xdp
def counts(ctx: XdpContext) -> XdpAction:
    sizes[u32(len(ctx.packet))] = 1
    return XdpAction.PASS

@differential
def test_verdicts(engine):
    replay(by_clock, [bytes(60)])

@differential
def test_maps(engine):
    replay(counts, [bytes(60)])
    if engine.name == "vm":
        sizes[5] = 1
""")
    assert "2 failed" in found
    assert "run 1: by_clock returned TX in the kernel, DROP in the runtime" in found
    assert "sizes[5]: nothing in the kernel, 1 in the runtime" in found


def test_fixtures_of_others_are_left_alone(run: Callable[..., str]) -> None:
    test = """
import pytest

@pytest.fixture
def engine():
    return "a database"

def test_it(engine):
    assert engine == "a database"
"""
    assert run(test, "--osmia=both").splitlines()[-1] == "1 passed"


def test_everything_is_closed_after_a_test(run: Callable[..., str]) -> None:
    test = """
import os

def test_in(engine):
    engine.run(filter, PACKET)
    assert filter.loaded and hits.live and total.live

def test_after():
    assert not filter.loaded and not hits.live and not total.live
    assert not [name for name in map(os.readlink, open_files()) if "bpf" in name]

def open_files():
    directory = "/proc/self/fd"
    return [f"{directory}/{name}" for name in os.listdir(directory) if os.path.islink(f"{directory}/{name}")]
"""
    assert run(test, "--osmia=both" if os.geteuid() == 0 else "--osmia=vm").splitlines()[-1].endswith(" passed")


@root
def test_a_namespace_of_its_own(run: Callable[..., str]) -> None:
    test = """
def test_it(netns, kernel):
    with netns.entered(), filter.attach(netns.far):
        netns.deliver(PACKET, *[PACKET] * 99)
        assert hits[17] == 100
"""
    assert run(test).splitlines()[-1] == "1 passed"


def test_pytest_starts_no_slower(tmp_path: Path) -> None:
    """Also for those who have osmia installed and test something else."""
    code = (
        "import sys, pytest; before = set(sys.modules); import osmia.testing.plugin; print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == {
        "osmia",
        "osmia.bytecode",
        "osmia.testing",
        "osmia.testing.plugin",
        "osmia.testing.last_runs",
    }


def test_an_installed_osmia_brings_it() -> None:
    project = tomllib.loads((Path(SOURCE).parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # Under its own name: `-p osmia.testing.plugin` beside it is no second one.
    assert project["entry-points"]["pytest11"] == {"osmia.testing.plugin": "osmia.testing.plugin"}


def test_errors_begin_with_what_is_wrong() -> None:
    refused = VerifierError(13, "/a/p.py:7: the kernel's verifier refuses program 'p': a number\n    x = 1")
    refused.file, refused.line = "/a/p.py", 7
    assert headline(refused) == "VerifierError: the kernel's verifier refuses program 'p': a number (p.py:7)"
    refused.reason = "R1 invalid mem access 'scalar'"
    assert headline(refused) == "VerifierError: R1 invalid mem access 'scalar' (p.py:7)"
    refused.cause = "a plain number is used as an address"
    assert headline(refused) == "VerifierError: a plain number is used as an address (p.py:7)"
    assert headline(VerifierError(13, "no place is known")) == ""
    assert headline(SyntaxError("invalid syntax", ("a.py", 1, 1, "x", 1, 2))) == ""
