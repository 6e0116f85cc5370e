"""What logs are written as, and where: constants, aliases, functions, loops, every kind of program."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest

import osmia
from logs.reading import messages, records
from memory_programs import results, run, running
from osmia import XdpAction, log
from osmia.compiler.build import checked_unit, generate
from osmia.kinds import KINDS
from osmia.object_file import read_object
from program_files import module_from

IMPORT = "from osmia import log\n"


def said(directory: Path, body: str, *given: int, module: str = "") -> list[str]:
    """What a program logs whose body this is, for each `x` that it is given."""
    with log.records() as reader, running(directory, IMPORT + module, body) as loaded:
        results(loaded, *(given or (0,)))
        return messages(reader)


CONSTANTS = """
from enum import IntEnum
from ipaddress import IPv4Address
NAME, LIMIT, MASK, NOTHING, HALF, YES = "eth0", 1500, 0xFF00, None, 0.5, True
ADDRESS = int(IPv4Address("10.0.0.1"))
class Color(IntEnum):
    RED = 1
COLOR = Color.RED
"""


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('"plain"', "plain"),
        ('"100 %d"', "100 %d"),
        ('f"{{x}} 100 %"', "{x} 100 %"),
        ('""', ""),
        ("NAME", "eth0"),
        ('f"{NAME}|{NAME:>6}|{NAME!r}|{NAME:.2}"', "eth0|  eth0|'eth0'|et"),
        ('f"{LIMIT} {LIMIT:,} {LIMIT:#x} {LIMIT + 1}"', "1500 1,500 0x5dc 1501"),
        ('f"{MASK:08b} {NOTHING} {HALF} {HALF:.2f} {YES}"', "1111111100000000 None 0.5 0.50 True"),
        ('f"{COLOR} {COLOR!r} {Color.RED:>3} {XdpAction.PASS!r}"', "1 <Color.RED: 1>   1 <XdpAction.PASS: 2>"),
        ('f"{ADDRESS:ip} {ADDRESS:>12ip}"', "10.0.0.1     10.0.0.1"),
        ('f"{5:>{LIMIT // 500}}"', "  5"),
        ('f"{LIMIT=}"', "LIMIT=1500"),
        ('"a" f"{x}" "b"', "a0b"),
        ("x", "0"),
        ("x == 0", "True"),
        ('f"{x=} {x = :>3}"', "x=0 x =   0"),
    ],
)
def test_what_is_written(tmp_path: Path, written: str, shown: str) -> None:
    assert said(tmp_path, f"log.info({written})", module=CONSTANTS) == [shown]


def test_what_is_known_travels_in_no_record(tmp_path: Path) -> None:
    module = module_from(
        tmp_path,
        "from osmia import *\nN = 5\n@xdp\ndef p(ctx: XdpContext) -> XdpAction:\n"
        "    log.info(f'a long text {N} {N:x} {XdpAction.PASS!r}')\n    return XdpAction.PASS\n",
    )
    unit, _ = checked_unit((module.p.request,))
    spec = read_object(generate(unit, osmia.compiler.PORTABLE), "p")
    assert spec.logs == ['20 ["p","p","program.py",5,18,16,0,["a long text 5 5 <XdpAction.PASS: 2>"]]']


def test_numbers_that_vary(tmp_path: Path) -> None:
    body = 'y: i8 = i8(x)\nlog.info(f"{x} {y} {x * x:,} {y:+d} {-x:_} {x // 3 == 1!s:>6} {u16(x):04x} {min(x, 9)}")'
    assert said(tmp_path, body, 5, 200) == [
        "5 5 25 +5 -5   True 0005 5",
        "200 -56 40,000 -56 -200  False 00c8 9",
    ]


def test_wide_numbers(tmp_path: Path) -> None:
    module = "top = Global(u64, (1 << 64) - 1)\nlow = Global(i64, -(1 << 63))\n"
    body = 'log.info(f"{top.value} {low.value} {top.value:x} {top.value:p} {low.value:#b} {x:p}")'
    assert said(tmp_path, body, module=module) == [
        f"{2**64 - 1} {-(2**63)} {'f' * 16} 0x{'f' * 16} -0b1{'0' * 63} 0x{'0' * 16}"
    ]


def test_settings_are_those_in_force(tmp_path: Path) -> None:
    module = IMPORT + 'PORT = setting(u16, 53, name="PORT")\n'
    with log.records() as reader, running(tmp_path, module, "log.info(f'{PORT:>5}')", settings={"PORT": 80}) as loaded:
        results(loaded, 0)
        assert messages(reader) == ["   80"]


def test_a_number_that_no_member_has(tmp_path: Path) -> None:
    module = "class Color(IntEnum):\n    RED = 1\n    BLUE = 200\n@struct\nclass Held:\n    color: Color = Color.RED\n"
    module += "held = Array(Held, max_entries=1)\nraw = Array(u8, max_entries=1)\n"
    text = IMPORT + module
    body = "h = held.lookup(0)\nif h is None:\n    return XdpAction.DROP\n"
    body += "log.info(f'{h.color} {h.color!r} {h.color:#x} {h}')"
    with log.records() as reader, running(tmp_path, text, body) as loaded:
        results(loaded, 0)
        loaded["held"][0] = loaded.module.Held(color=loaded.module.Color.BLUE)
        results(loaded, 0)
        assert messages(reader) == [
            "0 <Color.?: 0> 0x0 Held(color=<Color.?: 0>)",
            "200 <Color.BLUE: 200> 0xc8 Held(color=<Color.BLUE: 200>)",
        ]


def test_names_resolve_to_what_they_stand_for(tmp_path: Path) -> None:
    module = "import osmia\nsay = log.warn\nlogs = log\nfrom osmia.logs import log as again\n"
    body = (
        'say("a")\nlogs.error("b")\nosmia.log.info("c")\nagain.warn("d")\nnear = log.info\nnear(f"e{x}")\n'
        'def inner() -> None:\n    say(f"f{x}")\ninner()'
    )
    with log.records() as reader, running(tmp_path, IMPORT + module, body) as loaded:
        results(loaded, 7)
        found = records(reader)
    assert [(each.levelname, each.getMessage()) for each in found] == [
        ("WARNING", "a"), ("ERROR", "b"), ("INFO", "c"), ("WARNING", "d"), ("INFO", "e7"), ("WARNING", "f7"),
    ]  # fmt: skip


def test_an_alias_that_changes_compiles_again(tmp_path: Path) -> None:
    text = "from osmia import *\nsay = log.LEVEL\n" + BODIES["xdp"].format("say('x')") + "\n"
    path = tmp_path / "alias.py"
    for name, level in (("warn", logging.WARNING), ("error", logging.ERROR), ("warn", logging.WARNING)):
        path.write_text(text.replace("LEVEL", name))
        with log.records() as reader, osmia.load(path) as loaded:
            loaded["p"].test_run(bytes(64))
            assert [each.levelno for each in records(reader)] == [level]


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("print()", ""),
        ('print("a")', "a"),
        ('print("x is", x)', "x is 3"),
        ('print("x is", x, x > 2, sep="-")', "x is-3-True"),
        ('print(x, f"{x:>3}", sep=None)', "3   3"),
        ('print(1, None, XdpAction.PASS, sep="")', "1None2"),
    ],
)
def test_print_is_log_info(tmp_path: Path, call: str, shown: str) -> None:
    with log.records() as reader, running(tmp_path, "", call) as loaded:
        results(loaded, 3)
        found = records(reader)
    assert [(each.levelname, each.getMessage()) for each in found] == [("INFO", shown)]


def test_records_say_which_function_and_line(tmp_path: Path) -> None:
    module = 'def helper(n: u32) -> u32:\n    log.info(f"in {n}")\n    return n\n'
    with (
        log.records() as reader,
        running(tmp_path, IMPORT + module, "log.info('before')\nhelper(x)\nhelper(x + 1)") as loaded,
    ):
        results(loaded, 3)
        found = records(reader)
        lines = Path(loaded.module.__file__).read_text().splitlines()
    assert [each.funcName for each in found] == ["program", "helper", "helper"]
    assert [each.name for each in found] == ["osmia.program"] * 3
    assert ["log.info" in lines[each.lineno - 1] for each in found] == [True] * 3


def test_an_error_edge_is_taken_before_anything_is_reserved(tmp_path: Path) -> None:
    body = 'log.info(f"{100 // x} and {x}")\nout.value = 1'
    with log.records() as reader, running(tmp_path, IMPORT, body) as loaded:
        assert run(loaded, 4) == (XdpAction.PASS, 1)
        assert run(loaded, 0) == (XdpAction.TX, 0)
        assert run(loaded, 5) == (XdpAction.PASS, 1)
        assert messages(reader) == ["25 and 4", "20 and 5"]
        (error,) = loaded["program"].errors()
        assert (error.problem, error.count) == ("integer division or modulo by zero", 1)


def test_what_a_packet_and_maps_hold(tmp_path: Path) -> None:
    module = """
from osmia.headers import Ethernet, IPv4, IPv6
@struct
class Flow:
    source: be32 = 0
    packets: u64 = 0
flows = HashMap(u32, Flow, max_entries=4)
hits = Array(u32, max_entries=2)
@struct
class Named:
    name: Chars = chars(8)
names = Array(Named, max_entries=1)
"""
    body = """
eth = ctx.packet.at(Ethernet, 0)
ip = ctx.packet.at(IPv4, 14)
if eth is None or ip is None:
    return XdpAction.DROP
log.info(f"{eth.dst:mac} {eth.ether_type:#06x} {ip.src:ip} -> {ip.dst:>12ip} {ip.ttl} {eth.src[1]}")
log.info(f"{eth}")
flow = Flow(source=ip.src, packets=x)
log.info(f"{flow} {flow.source:ip}")
flows[1] = flow
there = flows.lookup(1)
hit = hits.lookup(1)
named = names.lookup(0)
if there is None or hit is None or named is None:
    return XdpAction.DROP
log.info(f"{there} {hit.value} {flows[1].packets} {named.name}|{named.name:>6}|{named.name:x}|{named.name!r}")
"""
    packet = bytes(range(12)) + b"\x08\x00" + bytes([0x45, *range(1, 12), 10, 0, 0, 1, 192, 168, 0, 7]) + bytes(30)
    with log.records() as reader, running(tmp_path, IMPORT + module, body) as loaded:
        loaded["hits"][1] = 9
        loaded["names"][0] = loaded.module.Named(name="abc")
        assert run(loaded, 5, packet)[0] == XdpAction.PASS
        assert messages(reader) == [
            "00:01:02:03:04:05 0x0800 10.0.0.1 ->  192.168.0.7 8 7",
            "Ethernet(dst=array(u8, 6, [0, 1, 2, 3, 4, 5]), src=array(u8, 6, [6, 7, 8, 9, 10, 11]), ether_type=2048)",
            "Flow(source=167772161, packets=5) 10.0.0.1",
            "Flow(source=167772161, packets=5) 9 5 abc|   abc|6162630000000000|chars(8, 'abc')",
        ]


def test_symbols_and_objects_of_the_kernel(tmp_path: Path) -> None:
    names = [line.split() for line in Path("/proc/kallsyms").read_text().splitlines()[:2000]]
    address, name = next((int(each[0], 16), each[2]) for each in names if int(each[0], 16) and each[1] in "tT")
    module = f"where = Global(u64, {address})\n"
    body = 'log.info(f"{where.value:sym} {where.value + 1:sym} {x:sym} {where.value:p}")'
    found = said(tmp_path, body, module=module)
    there, behind, nowhere, pointer = found[0].split()
    assert int(pointer, 16) == address
    assert nowhere == f"0x{0:016x}"
    # Several symbols may be at one address.
    assert there == name or any(int(each[0], 16) == address and each[2] == there for each in names)
    assert behind.startswith(there)
    assert behind != there


def test_many_logs_take_no_stack(tmp_path: Path) -> None:
    """Each is written where it lies: 30 records of 90 bytes would not fit the stack, 30 times over."""
    module = "@struct\nclass Wide:\n    a: FixedArray[u64] = array(u64, 10)\nwide = Array(Wide, max_entries=1)\n"
    body = "w = wide.lookup(0)\nif w is None:\n    return XdpAction.DROP\n" + "log.info(f'{w} {x}')\n" * 30
    assert len(said(tmp_path, body, module=module)) == 30


# One program of each kind, which logs what it is given.
def _declared(decorator: str, context: str, result: str, value: str = "") -> str:
    """A program of a kind, up to what stands in it."""
    end = f"\n    return {value}" if value else ""
    return f"@{decorator}\ndef p(ctx: {context}) -> {result}:\n    {{}}{end}"


_ALLOW = "on_error=CgroupAction.ALLOW"
BODIES = {
    "xdp": _declared("xdp", "XdpContext", "XdpAction", "XdpAction.PASS"),
    "sched_cls": _declared("tc('ingress')", "TcContext", "TcAction", "TcAction.OK"),
    "cgroup_skb": _declared(
        f"cgroup_skb('ingress', {_ALLOW})", "CgroupSkbContext", "CgroupAction", "CgroupAction.ALLOW"
    ),
    "cgroup_sock": _declared(
        f"cgroup_sock('sock_create', {_ALLOW})", "CgroupSockContext", "CgroupAction", "CgroupAction.ALLOW"
    ),
    "sk_msg": _declared("sk_msg", "SkMsgContext", "SkAction", "SkAction.PASS"),
    "sk_skb": _declared("sk_skb('verdict')", "SkSkbContext", "SkAction", "SkAction.PASS"),
    "sock_ops": _declared("sock_ops", "SockOpsContext", "int", "1"),
    "sk_lookup": _declared("sk_lookup", "SkLookupContext", "SkAction", "SkAction.PASS"),
    "sk_reuseport": _declared("sk_reuseport", "SkReuseportContext", "SkAction", "SkAction.PASS"),
    "tracepoint": _declared("tracepoint('sched', 'sched_process_exec')", "TracepointContext", "None"),
    "raw_tracepoint": _declared("raw_tracepoint('sys_enter')", "RawTracepointContext", "None"),
    "tp_btf": _declared("tp_btf('sys_enter')", "TpBtfContext", "None"),
    "lsm": _declared("lsm('file_open', on_error=0)", "LsmContext", "int", "0"),
}


def test_all_kinds_are_there() -> None:
    assert set(BODIES) == set(KINDS)


@pytest.mark.parametrize("kind", BODIES)
def test_every_kind_logs(tmp_path: Path, kind: str) -> None:
    """The verifier takes it; what has no LSM or no tracefs is compiled."""
    text = "from osmia import *\nseen = Global(u64)\n" + BODIES[kind].format("log.info(f'{seen.value} of them')") + "\n"
    module = module_from(tmp_path, text)
    if kind == "lsm":
        unit, _ = checked_unit((module.p.request,))
        assert len(read_object(generate(unit, osmia.compiler.PORTABLE), "p").logs or ()) == 1
        return
    with osmia.load(module, log_level="info") as loaded:
        assert loaded["p"].loaded
    pid = re.search(r'\["p","p","program.py",\d+,\d+,\d+,(\d+),', _note(module))
    assert pid is not None
    current = kind in ("tracepoint", "raw_tracepoint", "tp_btf", "lsm", "cgroup_sock", "sk_msg")
    assert (int(pid[1]) > 0) is current


def _note(module: Any) -> str:
    unit, _ = checked_unit((module.p.request,))
    notes = read_object(generate(unit, osmia.compiler.PORTABLE), "p").logs
    assert notes is not None
    return notes[0]


def test_an_object_of_the_kernel_is_shown_as_its_address(tmp_path: Path) -> None:
    text = (
        "import os\nfrom osmia import *\nfrom osmia.contexts.kernel_structs import task_struct\n"
        "from osmia.helpers import get_current_pid_tgid\nME = os.getpid()\n"
        "@tp_btf('task_newtask')\ndef p(ctx: TpBtfContext, task: task_struct, clone_flags: u64) -> None:\n"
        "    if get_current_pid_tgid() >> 32 == ME:\n        log.info(f'{task:>20p}|{clone_flags:x}')\n"
    )
    program = module_from(tmp_path, text).p
    with log.records() as reader:
        with program.attach():
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
        program.close()
        (record,) = list(reader)
    assert re.fullmatch(r"  0xffff[0-9a-f]{12}\|[0-9a-f]+", record.getMessage())
    assert record.process == os.getpid()
