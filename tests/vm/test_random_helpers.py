"""Random sequences of helpers that change packets, in the kernel and in a machine."""

from __future__ import annotations

import errno
import random
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import Machine
from osmia.errors import VmError
from osmia.vm.engine import ENGINES
from packets import ethernet, ipv4, ipv6, tcp, udp, vlan
from program_files import module_from
from this_kernel import needs_root

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 300
STEPS = 6
FRAME = """\
from osmia import *

given = Array(u32, max_entries=24)
results = Array(i64, max_entries=24)

@func
def note(index: u32, value: i64) -> None:
    place = results.lookup(index)
    if place is not None:
        place.value = value

@func
def asked(index: u32) -> u32:
    place = given.lookup(index)
    return 0 if place is None else place.value

@{decorator}
def program(ctx: {context}) -> {action}:
    held = chars(8)
    for step in range(6):
        op = asked(step * 4)
        x = asked(step * 4 + 1)
        y = asked(step * 4 + 2)
        z = asked(step * 4 + 3)
        found: i64 = -1000
{body}
        note(step * 4, found)
        note(step * 4 + 1, len(ctx.packet))
        note(step * 4 + 2, {more})
        note(step * 4 + 3, held[0])
    return {action}.{returned}
"""
TC = (
    "ctx.skb_adjust_room(i32(x), y, z)",
    # Not to less than the headers: once a packet has no room in front any more, the kernel's note of where its
    # transport header lies runs over, and with it the least length that it takes.
    "ctx.skb_change_tail(x | 256, 0)",
    "ctx.skb_change_head(x & 63, 0)",
    "ctx.skb_change_proto(be16(x), 0)",
    "ctx.skb_vlan_push(be16(x), u16(y))",
    "ctx.skb_vlan_pop()",
    "ctx.skb_store_bytes(x, b'01234567', z & 3)",
    "ctx.skb_load_bytes(x, held)",
    "ctx.skb_load_bytes_relative(x, held, y)",
    "ctx.l3_csum_replace(x, y, z, z & 7)",
    "ctx.l4_csum_replace(x, y, z, z & 255)",
    "ctx.skb_ecn_set_ce()",
    "ctx.skb_change_type(x)",
    "ctx.skb_pull_data(x)",
)
XDP = (
    "ctx.adjust_head(i32(x))",
    "ctx.adjust_tail(i32(x))",
    "ctx.adjust_meta(i32(x))",
    "ctx.load_bytes(x, held)",
    "ctx.store_bytes(x, b'01234567')",
    "i64(ctx.get_buff_len())",
)
KINDS = {
    "tc": ('tc("ingress")', "TcContext", "TcAction", "OK", TC, "ctx.protocol * 65536 + ctx.vlan_tci"),
    "xdp": ("xdp", "XdpContext", "XdpAction", "PASS", XDP, "0"),
}
PACKETS = (
    ethernet(0x0800, ipv4(17, udp(4000, 53, bytes(range(64))))),
    ethernet(0x86DD, ipv6(6, tcp(4000, 443, b"hello world, here is some text"))),
    ethernet(0x8100, vlan(5, 0x0800, ipv4(6, tcp(1, 2, bytes(20))))),
    ethernet(0x0806, bytes(range(46))),
    bytes(14),
)
NUMBERS = (0, 1, 2, 3, 4, 8, 14, 20, 24, 28, 34, 40, 60, 64, 100, 128, 0x800, 0x86DD, 0x8100, 0x88A8, 0xFFFF, 1 << 31)


def chosen(choose: random.Random, operations: int) -> list[int]:
    found = []
    for _ in range(STEPS):
        found.append(choose.randrange(operations))
        for _ in range(3):
            number = choose.choice(NUMBERS) if choose.random() < 0.7 else choose.randrange(200)
            found.append((-number if choose.random() < 0.3 else number) & 0xFFFF_FFFF)
    return found


def outcome(loaded: Any, packet: bytes, given: list[int]) -> Any:
    for index, number in enumerate(given):
        loaded["given"][index] = number
    done = loaded["program"].test_run(packet)
    return done.return_value, done.data, [loaded["results"][index] for index in range(4 * STEPS)]


@needs_root("loads programs")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
def test_sequences(tmp_path: Path, kind: str, engine: str) -> None:
    decorator, context, action, returned, calls, more = KINDS[kind]
    choices = "\n".join(f"{'el' if at else ''}if op == {at}:\n    found = {call}" for at, call in enumerate(calls))
    body = textwrap.indent(choices, " " * 8)
    text = FRAME.format(decorator=decorator, context=context, action=action, returned=returned, body=body, more=more)
    module = module_from(tmp_path, text)
    choose = random.Random(6)
    with osmia.load(module) as there, Machine(engine=engine) as machine, osmia.load(module, engine=machine) as here:
        compared = 0
        for _ in range(RUNS):
            packet, given = choose.choice(PACKETS), chosen(choose, len(calls))
            try:
                expected = outcome(there, packet, given)
            except osmia.KernelError as error:
                if error.errno != errno.ENOSPC:
                    raise
                continue  # it has grown beyond the room for it
            try:
                found = outcome(here, packet, given)
            except VmError as error:
                if "it was never written" not in str(error):
                    raise
                continue  # the kernel gives what lies there
            compared += 1
            steps = [given[at : at + 4] for at in range(0, len(given), 4)]
            assert found == expected, f"{packet.hex()}: {steps}"
        assert compared > RUNS // 2
