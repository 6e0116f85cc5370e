"""`osmia trace`: what it prints, whole."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from command_line import LONGEST, run, running

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
from osmia import Global, HashMap, XdpAction, XdpContext, u32, xdp
from osmia.headers import Ethernet

sizes = HashMap(u32, u32, max_entries=4)
total = Global(u32)


@xdp
def answer(ctx: XdpContext) -> XdpAction:
    size = len(ctx.packet)
    sizes.update(1, u32(size))
    total.value += size
    ethernet = ctx.packet.at(Ethernet, 0)
    if ethernet is None:
        return XdpAction.DROP
    ethernet.dst, ethernet.src = ethernet.src, ethernet.dst
    return XdpAction.TX


@xdp
def wrong(ctx: XdpContext) -> XdpAction:
    number = len(ctx.packet) & 1
    return XdpAction.DROP if 5 // number > 1 else XdpAction.PASS
"""
PACKET = "020000000001020000000002 0800"
TRACED = """\
packet 1, 14 bytes: answer
        | ctx = XdpContext(ingress_ifindex=1, rx_queue_index=0, egress_ifindex=0)
two.py:10:      size = len(ctx.packet)
        | size = 14
two.py:11:      sizes.update(1, u32(size))
        | sizes[1] = 14
two.py:12:      total.value += size
        | total.value: 0 -> 14
two.py:13:      ethernet = ctx.packet.at(Ethernet, 0)
        | ethernet = Ethernet(dst=[2, 0, 0, 0, 0, 1], src=[2, 0, 0, 0, 0, 2], ether_type=2048)
two.py:14:      if ethernet is None:
two.py:16:      ethernet.dst, ethernet.src = ethernet.src, ethernet.dst
        | ethernet: Ethernet(dst=[2, 0, 0, 0, 0, 1], src=[2, 0, 0, 0, 0, 2], ether_type=2048) -> \
Ethernet(dst=[2, 0, 0, 0, 0, 2], src=[2, 0, 0, 0, 0, 1], ether_type=2048)
        | packet[5:6]: 01 -> 02
        | packet[11:12]: 02 -> 01
two.py:17:      return XdpAction.TX
=> TX

"""
SHORT = """\
packet 2, 2 bytes: answer
        | ctx = XdpContext(ingress_ifindex=1, rx_queue_index=0, egress_ifindex=0)
two.py:10:      size = len(ctx.packet)
        | size = 2
two.py:11:      sizes.update(1, u32(size))
        | sizes[1]: 14 -> 2
two.py:12:      total.value += size
        | total.value: 14 -> 16
two.py:13:      ethernet = ctx.packet.at(Ethernet, 0)
        | ethernet = None
two.py:14:      if ethernet is None:
two.py:15:          return XdpAction.DROP
=> DROP

"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with a file of two programs, and a capture."""
    (tmp_path / "two.py").write_text(PROGRAM)
    packets = bytes.fromhex(PACKET), bytes(2), bytes(20)
    records = b"".join(struct.pack("<IIII", 1, 0, len(each), len(each)) + each for each in packets)
    (tmp_path / "a.pcap").write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + records)
    return tmp_path


def test_packets_one_after_the_other(here: Path) -> None:
    words = ("trace", "two.py", "--program", "answer", "--packet", PACKET, "--packet", "00:00")
    assert run(*words, cwd=here) == (0, TRACED + SHORT, "")


def test_the_packets_of_a_capture(here: Path) -> None:
    words = ("trace", "two.py", "--program", "answer", "--pcap", "a.pcap", "--count", "2")
    assert run(*words, cwd=here) == (0, TRACED + SHORT, "")


def test_an_error_edge(here: Path) -> None:
    """Each packet is told of its own."""
    packets = ("--packet", PACKET, "--packet", PACKET + "00", "--packet", PACKET)
    for file in ("two.py", "two.o"):
        code, out, err = run("trace", file, "--program", "wrong", *packets, cwd=here)
        assert (code, err) == (0, "")
        ends = [line for line in out.splitlines() if line.startswith("=>")]
        aborted = "=> ABORTED; error at two.py:23: integer division or modulo by zero"
        assert ends == [aborted, "=> DROP", aborted]
        assert run("build", "two.py", cwd=here).code == 0


def test_an_object(here: Path) -> None:
    assert run("build", "two.py", cwd=here).code == 0
    code, out, err = run("trace", "two.o", "--program", "answer", "--packet", PACKET, cwd=here)
    assert (code, err) == (0, "")
    assert "two.py:16:      ethernet.dst, ethernet.src = ethernet.src, ethernet.dst\n" in out
    assert "        | packet[5:6]: 01 -> 02\n" in out
    assert out.endswith("=> TX\n\n")


FAULT = """\
from osmia import HashMap, XdpAction, XdpContext, u32, xdp
from osmia.unchecked import assume

sizes = HashMap(u32, u32, max_entries=4)


@xdp
def wrong(ctx: XdpContext) -> XdpAction:
    size = len(ctx.packet)
    assume(sizes.lookup(1)).value += size
    return XdpAction.TX
"""


def test_a_fault(here: Path) -> None:
    (here / "fault.py").write_text(FAULT)
    code, out, err = run("trace", "fault.py", "--packet", PACKET, cwd=here)
    assert code == 1
    assert out.endswith("fault.py:10:      assume(sizes.lookup(1)).value += size\n")
    assert err.replace(f"{here}/", "").splitlines()[0] == (
        "osmia trace: fault.py:10: read of 4 bytes at a null pointer, which bpf_map_lookup_elem gave"
    )


SOCKETS = """\
from osmia import *

@sk_lookup
def found(ctx: SkLookupContext) -> SkAction:
    return SkAction.PASS
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("two.py", "one of --packet HEX and --pcap FILE says what the program is given"),
        ("two.py --packet 00 --pcap a.pcap", "one of --packet HEX and --pcap FILE says what the program is given"),
        ("two.py --packet 0", "argument --packet: '0' is no packet: it is written as hex digits, such as 0242ac11..."),
        ("two.py --packet 00", "two.py has 2 programs: choose one by --program, of answer, wrong"),
        ("two.py --packet 00 --program x", "two.py has no program 'x'; it has answer, wrong"),
        ("two.py --pcap a.pcap --count 0", "argument --count: '0' is no number of packets (at least 1)"),
        ("found.py --packet 00", "found is of kind sk_lookup: what it is given is no packet"),
    ],
)
def test_usage(here: Path, words: str, said: str) -> None:
    (here / "found.py").write_text(SOCKETS)
    assert run("trace", *words.split(), cwd=here) == (2, "", f"osmia trace: {said}\n  see osmia trace --help\n")


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\n\r\n" * 4, b"\xd4\xc3\xb2\xa1"])
def test_what_is_no_capture(here: Path, data: bytes) -> None:
    (here / "b.pcap").write_bytes(data)
    code, out, err = run("trace", "two.py", "--program", "answer", "--pcap", "b.pcap", cwd=here)
    assert (code, out) == (1, "")
    assert err.startswith("osmia trace: b.pcap: byte ")


@pytest.mark.parametrize("missing", [1, 25, 35])
def test_a_capture_that_is_cut(here: Path, missing: int) -> None:
    whole = (here / "a.pcap").read_bytes()
    (here / "b.pcap").write_bytes(whole[:-missing])
    code, out, err = run("trace", "two.py", "--program", "answer", "--pcap", "b.pcap", cwd=here)
    assert code == 1
    assert out.startswith(TRACED)
    assert err.startswith("osmia trace: b.pcap: byte ")


def test_packets_that_no_program_is_given(here: Path) -> None:
    (here / "b.pcap").write_bytes((here / "a.pcap").read_bytes()[:20] + struct.pack("<I", 105))
    with (here / "b.pcap").open("ab") as file:
        file.write((here / "a.pcap").read_bytes()[24:])
    code, out, err = run("trace", "two.py", "--program", "answer", "--pcap", "b.pcap", cwd=here)
    assert (code, out) == (1, "")
    assert "capture at one interface, as by tcpdump -i eth0" in err


ODD = """\
# -*- coding: latin-1 -*-
from osmia import *

sizes = HashMap(u32, u32, max_entries=4)
größe = Global(u64)

@xdp
def odd(ctx: XdpContext) -> XdpAction:
    sizes.update(1, 2)
    f = lambda number: number + 1
    size = f(len(ctx.packet))
    sizes.for_each(lambda key, value: value > 5)
    for i in range(2000):
        größe.value += 1
        if größe.value == 2:
            break
    return XdpAction.PASS
"""
TRACED_ODD = """\
packet 1, 1 bytes: odd
        | ctx = XdpContext(ingress_ifindex=1, rx_queue_index=0, egress_ifindex=0)
odd.py:9:      sizes.update(1, 2)
        | sizes[1] = 2
odd.py:11:      size = f(len(ctx.packet))
        | number = 1
odd.py:10:      f = lambda number: number + 1
odd.py:11:      size = f(len(ctx.packet))
        | size = 2
odd.py:12:      sizes.for_each(lambda key, value: value > 5)
        | key = 1
        | value = 2
odd.py:13:      for i in range(2000):
        | i = 0
odd.py:14:          größe.value += 1
        | größe.value: 0 -> 1
odd.py:15:          if größe.value == 2:
odd.py:13:      for i in range(2000):
        | i: 0 -> 1
odd.py:14:          größe.value += 1
        | größe.value: 1 -> 2
odd.py:15:          if größe.value == 2:
odd.py:16:              break
odd.py:17:      return XdpAction.PASS
=> PASS

"""


def test_lambdas_callbacks_and_other_encodings(here: Path) -> None:
    (here / "odd.py").write_text(ODD, encoding="latin-1")
    assert run("trace", "odd.py", "--packet", "00", cwd=here) == (0, TRACED_ODD, "")


def test_packets_that_were_cut_and_no_packets(here: Path) -> None:
    head = (here / "a.pcap").read_bytes()[:24]
    (here / "none.pcap").write_bytes(head)
    (here / "cut.pcap").write_bytes(head + struct.pack("<IIII", 1, 0, 2, 1000) + bytes(2))
    command = ("trace", "two.py", "--program", "answer", "--pcap")
    assert run(*command, "none.pcap", cwd=here) == (0, "", "none.pcap has no packets\n")
    code, out, err = run(*command, "cut.pcap", cwd=here)
    assert (code, err) == (0, "")
    assert out.startswith("packet 1, 2 bytes of 1000, the rest was cut when it was captured: answer\n")


LONG = """\
from osmia import *

@xdp
def long(ctx: XdpContext) -> XdpAction:
    for i in range(1_000_000):
        ctx.ktime_get_ns()
    return XdpAction.PASS
"""


def test_a_long_run_is_printed_as_it_goes(here: Path) -> None:
    """So it ends when nobody reads; the whole of it takes many minutes."""
    (here / "long.py").write_text(LONG)
    with running("trace", "long.py", "--packet", "00", netns=None, cwd=here) as traced:
        assert traced.stdout is not None
        traced.stdout.close()
        assert traced.wait(LONGEST) == 0


TIMED = """\
from osmia import *

last = Global(u64)

@xdp
def timed(ctx: XdpContext) -> XdpAction:
    last.value = ctx.ktime_get_ns()
    return XdpAction.PASS
"""


def test_the_clock_goes_with_the_capture(here: Path) -> None:
    (here / "timed.py").write_text(TIMED)
    records = b"".join(struct.pack("<IIII", second, 0, 14, 14) + bytes(14) for second in (100, 103))
    (here / "b.pcap").write_bytes((here / "a.pcap").read_bytes()[:24] + records)
    code, out, err = run("trace", "timed.py", "--pcap", "b.pcap", cwd=here)
    assert (code, err) == (0, "")
    assert "| last.value: 0 -> 1000000000000\n" in out
    assert "| last.value: 1000000000000 -> 1003000000000\n" in out
