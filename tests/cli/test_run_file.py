"""`osmia run FILE`: files with a main of their own, files without, and objects."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from command_line import PROGRAM, Ended, ended, line, run, running
from osmia.kernel.cpus import online_cpus
from refusal import without_marks
from this_kernel import needs_root

if TYPE_CHECKING:
    from namespaces import Namespace

EXAMPLE = Path(__file__).parents[2] / "examples" / "xdp_map_counter.py"

SEVERAL_MAPS = """
from osmia import *
from beside import KEY

counted = PerCpuArray(u64, max_entries=1)
ports = Array(u32, max_entries=8)
seen = HashMap(u32, u64, max_entries=64)
empty = Array(u32, max_entries=8)
divisor = Array(u32, max_entries=1)

@xdp(on_error=XdpAction.PASS)
def watch(ctx: XdpContext) -> XdpAction:
    count = counted.lookup(0)
    port = ports.lookup(KEY)
    none = empty.lookup(0)
    by = divisor.lookup(0)
    if count is None or port is None or none is None or by is None:
        return XdpAction.ABORTED
    count.value += 1
    port.value += 2
    seen.update(7, 700)
    port.value //= by.value
    return XdpAction.PASS
"""

TWO = """
from osmia import *

@xdp
def drops(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP

@xdp
def passes(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS
"""

OWN_MAIN = """
import sys, beside
print(__name__, sys.argv, beside.KEY, sys.modules["__main__"].__file__)
if "__main__" == __name__:
    print("main")
    sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory of programs."""
    for name, text in {"maps.py": SEVERAL_MAPS, "beside.py": "KEY = 3\n", "two.py": TWO, "own.py": OWN_MAIN}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def reports(netns: Namespace, files: Path, program: str, *words: str) -> Ended:
    """Run a file's program with three packets, until SIGINT; what is on stdout then is the last report."""
    with running("run", *words, "-i", netns.far, "60", "-o", "/dev/stdout", netns=netns, cwd=files) as process:
        assert line(process.stderr) == f"attached {program} to {netns.far} (native)\n"
        netns.send(3)
        process.send_signal(signal.SIGINT)
        return ended(process)


@pytest.mark.parametrize("suffix", [".py", ".o"])
def test_maps_as_json(netns: Namespace, files: Path, suffix: str) -> None:
    if suffix == ".o":
        assert run("build", "-q", "maps.py", cwd=files) == (0, "", "")
    code, out, err = reports(netns, files, "watch", f"maps{suffix}", "-f", "json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    attached = {"program": "watch", "section": "xdp", "interface": netns.far, "mode": "native"}
    assert (report["attached"], report["final"]) == ([attached], True)
    cpus = list(online_cpus())
    maps = report["maps"]
    counted = maps["counted"][0]
    assert report["cpus"] == cpus
    assert (counted["key"], counted["total"], sum(counted["per_cpu"]), len(counted["per_cpu"])) == (0, 3, 3, len(cpus))
    assert maps["ports"] == [{"key": key, "value": 6 if key == 3 else 0} for key in range(8)]
    assert maps["seen"] == [{"key": 7, "value": 700}]
    assert maps["empty"] == [{"key": key, "value": 0} for key in range(8)]
    (error,) = report["errors"]
    assert (error["program"], error["file"], error["count"]) == ("watch", "maps.py", 3)
    assert error["line"] == (files / "maps.py").read_text().splitlines().index("    port.value //= by.value") + 1


def test_maps_as_text(netns: Namespace, files: Path) -> None:
    code, out, err = reports(netns, files, "watch", "maps.py")
    number = (files / "maps.py").read_text().splitlines().index("    port.value //= by.value") + 1
    assert (code, err) == (0, "")
    counts, *rest = [each for each in out.splitlines() if not each.startswith("  0: 3 (cpu0 ")]
    assert counts == "counted:"
    assert len(rest) == len(out.splitlines()) - 2
    assert sorted(rest) == sorted([
        *("ports: 1 of 8 are not 0", "  3: 6"),
        *("seen: 1 of 64 at most", "  7: 700"),
        "empty: 0 of 8 are not 0",
        *("divisor:", "  0: 0"),
        f"maps.py:{number}: watch: integer division or modulo by zero, 3 times",
        "",
    ])  # fmt: skip


def test_long_maps_are_cut_in_text(netns: Namespace, files: Path) -> None:
    updates = "\n".join(f"    many.update({number}, 1)" for number in range(30))
    (files / "long.py").write_text(
        "from osmia import *\nmany = HashMap(u32, u32, max_entries=100)\n\n"
        f"@xdp\ndef fill(ctx: XdpContext) -> XdpAction:\n{updates}\n    return XdpAction.PASS\n"
    )
    code, out, _ = reports(netns, files, "fill", "long.py")
    head, *entries, more, blank = out.splitlines()
    assert (code, head, len(entries), more, blank) == (0, "many: 30 of 100 at most", 20, "  ... and 10 more", "")


def test_reports_come_at_the_interval_and_end_with_the_count(netns: Namespace, files: Path) -> None:
    code, out, err = run("run", "maps.py", "-i", "lo", "0.01", "3", "-f", "json", "-T", netns=netns, cwd=files)
    found = [json.loads(each) for each in out.splitlines()]
    assert (code, err) == (0, "attached watch to lo (generic)\n")
    assert [report["final"] for report in found] == [False, False, True]
    assert all("timestamp" in report for report in found)


def test_one_of_several_programs(netns: Namespace, files: Path) -> None:
    assert run("run", "two.py", "-i", "lo", netns=netns, cwd=files) == (
        2,
        "",
        (
            "osmia run: two.py has 2 xdp programs, and an interface takes one: say which programs to attach, "
            "--program NAME. Those are drops, passes\n  see osmia run --help\n"
        ),
    )
    assert run("run", "two.py", "-i", "lo", "--program", "pass", netns=netns, cwd=files) == (
        2,
        "",
        "osmia run: two.py has no program 'pass'; it has drops, passes\n  see osmia run --help\n",
    )
    done = run("run", "two.py", "-i", "lo", "0.01", "1", "--program", "passes", netns=netns, cwd=files)
    assert done == (0, "no maps\n\n", "attached passes to lo (generic)\n")


def test_a_main_of_its_own(netns: Namespace, files: Path) -> None:
    expected = "__main__ ['own.py', '7', '-i', 'x'] 3 own.py\nmain\n"
    assert run("run", "own.py", "--", "7", "-i", "x", cwd=files) == (7, expected, "")
    done = run("run", "own.py", "-i", "lo", "--", "7", "-i", "x", cwd=files)
    note = "own.py has a main of its own, which chooses the interface: -i has no effect; its arguments stand after --\n"
    assert done == (7, expected, note)
    assert run("run", "own.py", "-i", "lo", "-q", "--", "7", "-i", "x", cwd=files) == (7, expected, "")
    assert without_marks(run("run", "own.py", "--", "x", cwd=files).err) == (
        "Traceback (most recent call last):\n"
        '  File "own.py", line 6, in <module>\n    sys.exit(int(sys.argv[1]))\n'
        "ValueError: invalid literal for int() with base 10: 'x'\n"
    )


def test_errors_of_osmia_in_a_main_are_shown_as_its_own(netns: Namespace, files: Path) -> None:
    (files / "main.py").write_text(TWO + '\nif __name__ == "__main__":\n    passes.attach("no")\n')
    assert run("run", "main.py", netns=netns, cwd=files) == (
        1,
        "",
        "osmia run: there is no interface 'no'. Interfaces here: lo (1), far0 (2), near0 (3)\n",
    )


@pytest.mark.parametrize("caught", [True, False])
def test_the_example_runs(netns: Namespace, tmp_path: Path, caught: bool) -> None:
    source = EXAMPLE.read_text()
    (tmp_path / "counter.py").write_text(source if caught else source.replace("suppress(KeyboardInterrupt), ", ""))
    with running("run", "counter.py", netns=netns, cwd=tmp_path) as process:
        assert attached_to_lo(netns)
        process.send_signal(signal.SIGINT)
        code, _, err = ended(process)
    assert (code, err) == (0, "")
    assert netns.xdp("lo") == ""


def attached_to_lo(netns: Namespace) -> bool:
    """Wait for a program on lo."""
    deadline = time.monotonic() + 10
    while not netns.xdp("lo") and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(netns.xdp("lo"))


def test_the_reader_of_a_main_leaves(files: Path) -> None:
    (files / "talks.py").write_text('if __name__ == "__main__":\n    while True:\n        print("y" * 1000)\n')
    program = ["sh", "-c", '"$@" | head -n 1; :', "sh", *PROGRAM]
    code, out, err = run("run", "talks.py", cwd=files, program=program)
    assert (code, out, err) == (0, "y" * 1000 + "\n", "")


def test_objects_of_others(netns: Namespace, tmp_path: Path) -> None:
    from compiled import c_object

    source = """
struct pair { u32 a, b; };
struct { __uint(type, 2); __type(key, u32); __type(value, struct pair); __uint(max_entries, 1); } pairs SEC(".maps");
SEC("xdp") int fills(struct xdp_md *ctx)
{
    u32 key = 0;
    struct pair *found = bpf_map_lookup_elem(&pairs, &key);
    if (found) { found->a = 1; found->b = 0x0201; }
    return 2;
}
"""
    (tmp_path / "c.o").write_bytes(c_object(source))
    code, out, err = reports(netns, tmp_path, "fills", "c.o")
    assert (code, out, err) == (0, "pairs:\n  0: 0100000001020000\n\n", "")
    assert json.loads(reports(netns, tmp_path, "fills", "c.o", "-f", "json").out)["maps"] == {
        "pairs": [{"key": 0, "value": "0100000001020000"}]
    }


GLOBAL_DATA = """
struct pair { u32 a, b; };
u64 total; s32 table[2] = {-1, 2}; char text[8] = "abc"; struct pair pair = {4, 5};
const volatile u16 PORT = 53; const volatile _Bool DEBUG;
struct { __uint(type, 3); __uint(max_entries, 4); __type(key, u32); __type(value, u32); } tails SEC(".maps");
struct { __uint(type, 27); __uint(max_entries, 4096); } ring SEC(".maps");
static long (*bpf_tail_call)(void *ctx, void *programs, u32 index) = (void *)12;
static long (*bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
SEC("xdp") int counts(struct xdp_md *ctx)
{
    u64 event = total += PORT; table[0] -= DEBUG; text[0] = 'A'; pair.a += 1;
    bpf_ringbuf_output(&ring, &event, sizeof(event), 0);
    bpf_tail_call(ctx, &tails, 0);
    return 2;
}
"""


def test_global_data(netns: Namespace, tmp_path: Path) -> None:
    from compiled import c_object

    (tmp_path / "c.o").write_bytes(c_object(GLOBAL_DATA))
    code, out, err = reports(netns, tmp_path, "counts", "c.o")
    assert (code, err) == (0, "")
    assert sorted(out.splitlines()) == [
        "",
        *("  3500000000000000", "  6a00000000000000", "  9f00000000000000"),
        "pair: 0700000005000000",
        "ring: 3 events",
        "table: [-1, 2]",
        "tails: PROG_ARRAY",
        "text: Abc",
        "total: 159",
    ]
    code, out, err = reports(
        netns, tmp_path, "counts", "c.o", "-f", "json", "-s", "PORT=0x10", "--setting", "DEBUG=true"
    )
    report = json.loads(out)
    assert (code, err, report["maps"]) == (0, "", {})
    numbers = [f"{each:x}" + "0" * 14 for each in (0x10, 0x20, 0x30)]
    assert report["events"] == {"ring": {"events": numbers, "lost": None}}
    assert report["settings"] == {"PORT": 16, "DEBUG": True}
    assert report["globals"] == {"total": 48, "table": [-4, 2], "text": "Abc", "pair": "0700000005000000"}


RING = """
from osmia import FastRing, RingBuf, XdpAction, XdpContext, struct, u32, xdp


@struct
class Event:
    number: u32
    name: u32 = 5


many = RingBuf(Event, size=4096)
numbers = RingBuf(u32, size=4096)
in_memory = FastRing(u32, 8)


@xdp
def writes(ctx: XdpContext) -> XdpAction:
    for number in range(100):
        many.output(Event(number=number))
    numbers.output(7)
    in_memory.output(9)
    return XdpAction.PASS
"""


def test_events(netns: Namespace, tmp_path: Path) -> None:
    (tmp_path / "ring.py").write_text(RING)
    code, out, err = reports(netns, tmp_path, "writes", "ring.py")
    assert (code, err) == (0, "")
    assert sorted(out.splitlines()) == sorted([
        *("many: 255 events, 45 lost in all", *(f"  Event(number={number}, name=5)" for number in range(20))),
        *("  ... and 235 more", "numbers: 3 events", "  7", "  7", "  7", ""),
        *("in_memory: 3 events", "  9", "  9", "  9"),
    ])  # fmt: skip
    code, out, err = reports(netns, tmp_path, "writes", "ring.py", "-f", "json")
    report = json.loads(out)
    assert (code, err, report["maps"]) == (0, "", {})
    assert report["events"]["numbers"] == {"events": [7, 7, 7], "lost": 0}
    assert report["events"]["in_memory"] == {"events": [9, 9, 9], "lost": 0}
    assert report["events"]["many"]["events"][254] == {"number": 54, "name": 5}
    assert report["events"]["many"]["lost"] == 45


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("PRT=1", "c.o: no setting PRT; did you mean PORT?"),
        ("PORT=65536", "PORT: a value is a u16, 0 to 65535, not 65536"),
        ("PORT=http", "PORT: 'http' is no number, such as 443 or 0x1bb"),
        ("PORT=", "PORT: '' is no number, such as 443 or 0x1bb"),
        ("DEBUG=2", "DEBUG: '2' is no truth value: write true or false"),
        ("total=2", "c.o: total is a global, not a setting: write its .value once the program is loaded"),
    ],
)
def test_settings_that_are_refused(netns: Namespace, tmp_path: Path, given: str, text: str) -> None:
    from compiled import c_object

    (tmp_path / "c.o").write_bytes(c_object(GLOBAL_DATA))
    done = run("run", "c.o", "-i", "lo", "-s", given, netns=netns, cwd=tmp_path)
    assert done == (2, "", f"osmia run: -s: {text}\n  see osmia run --help\n")


OWN_SETTINGS = """
from osmia import Array, XdpAction, XdpContext, setting, u16, u32, xdp

PORT = setting(u16, 53)
OTHER = setting(u16, 1)
seen = Array(u32, max_entries=2)


@xdp
def passes(ctx: XdpContext) -> XdpAction:
    seen[0] = PORT
    return XdpAction.PASS


@xdp
def drops(ctx: XdpContext) -> XdpAction:
    seen[1] = OTHER
    return XdpAction.DROP


if __name__ == "__main__":
    import sys

    if sys.argv[1:]:
        passes.load(settings={"PORT": 80})
    passes.test_run(bytes(64))
    drops.test_run(bytes(64))
    print(seen[0], seen[1])
"""


@needs_root("loads programs")
def test_settings_of_a_main_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN_SETTINGS)
    assert run("run", "own.py", cwd=tmp_path) == (0, "53 1\n", "")
    assert run("run", "own.py", "-s", "PORT=443", cwd=tmp_path) == (0, "443 1\n", "")
    assert run("run", "own.py", "-s", "PORT=0x10", "-s", "OTHER=7", cwd=tmp_path) == (0, "16 7\n", "")
    assert run("run", "own.py", "--", "x", cwd=tmp_path) == (0, "80 1\n", "")
    assert run("run", "own.py", "-s", "PORT=443", "--", "x", cwd=tmp_path) == (0, "443 1\n", "")
    text = "osmia run: passes: no setting PRT; did you mean PORT?\n"
    assert run("run", "own.py", "-s", "PRT=443", cwd=tmp_path) == (1, "", text)
    text = "osmia run: PORT: a value is a u16, 0 to 65535, not 65536\n"
    assert run("run", "own.py", "-s", "PORT=65536", cwd=tmp_path) == (1, "", text)


LOGS = """
from osmia import XdpAction, XdpContext, log, xdp

@xdp
def watch(ctx: XdpContext) -> XdpAction:
    log.debug(f"{len(ctx.packet)} bytes")
    print("seen")
    return XdpAction.PASS
"""
LOGS_ITSELF = """
if __name__ == "__main__":
    import sys

    log.level = "error"
    watch.load(log_level="off")
    watch.test_run(bytes(64))
    watch.close()
"""


def test_logs_of_a_file(netns: Namespace, tmp_path: Path) -> None:
    (tmp_path / "logs.py").write_text(LOGS)
    for options in ((), ("--log-level", "debug")):
        words = ("run", "logs.py", "-i", netns.far, "0.05", *options)
        with running(*words, netns=netns, cwd=tmp_path) as process:
            line(process.stdout)
            netns.send(1, 100)
            process.send_signal(signal.SIGINT)
            done = ended(process)
        assert done.code == 0
        texts = [each.partition(" ")[2] for each in done.err.splitlines()]
        assert "INFO  watch:7  seen" in texts
        assert ("DEBUG watch:6  100 bytes" in texts) is bool(options)


@needs_root("loads programs")
def test_logs_of_a_main_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(LOGS + LOGS_ITSELF)
    assert run("run", "own.py", cwd=tmp_path) == (0, "", "")
    code, _, notes = run("run", "own.py", "--log-level", "10", cwd=tmp_path)
    assert code == 0
    assert [each.partition(" ")[2] for each in notes.splitlines()] == [
        "DEBUG watch:6  64 bytes",
        "INFO  watch:7  seen",
    ]
