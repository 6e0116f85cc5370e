"""Offsets into packets that grow in loops: the verifier sees what the compiler takes for visible, whatever the form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import osmia
from osmia import XdpAction
from osmia.compiler import Target
from program_files import PRELUDE, module_from

if TYPE_CHECKING:
    from pathlib import Path

FRAME = (
    PRELUDE
    + """
from osmia import Packet, func
found = Array(u64, max_entries=1)
{functions}

@xdp
def program(ctx: XdpContext) -> XdpAction:
    out = found.lookup(0)
    if out is None:
        return XdpAction.ABORTED
{body}
    return XdpAction.PASS
"""
)
NESTED = """
    offset = 0
    for _ in range(3):
        for _ in range(4):
            step = ctx.packet.at(u8, offset)
            if step is None:
                return XdpAction.DROP
            offset += step.value + 1
    last = ctx.packet.at(u8, offset + 2)
    if last is not None:
        out.value = last.value
"""
RESET = """
    offset = 0
    for _ in range(40):
        step = ctx.packet.at(u8, offset)
        if step is None:
            return XdpAction.DROP
        if step.value == 0:
            offset = 1
        offset = 2 + offset + step.value
    out.value = offset
"""
COUNTED = """
    total = 0
    for index in range(5, 60, 5):
        byte = ctx.packet.at(u8, index + 3)
        if byte is None:
            break
        total += byte.value
    out.value = total
"""
GENERAL = """
    offset = 0
    for _ in range(100_000):
        step = ctx.packet.at(u8, offset)
        if step is None:
            return XdpAction.DROP
        if step.value == 9:
            break
        offset += step.value
    out.value = offset
"""
GIVEN = """
    out.value = walk(ctx.packet, 1)
"""
WALK = """
@func(inline=False)
def walk(packet: Packet, offset: u64) -> u64:
    for _ in range(8):
        step = packet.at(u8, offset)
        if step is None:
            return 1000
        if step.value == 0:
            offset = 3
        offset += step.value
    return offset
"""


def nested(packet: bytes) -> int:
    offset = 0
    for _ in range(12):
        offset += packet[offset] + 1
    return packet[offset + 2]


def reset(packet: bytes) -> int:
    offset = 0
    for _ in range(40):
        step = packet[offset]
        offset = 2 + (1 if step == 0 else offset) + step
    return offset


def general(packet: bytes) -> int:
    offset = 0
    while packet[offset] != 9:
        offset += packet[offset]
    return offset


def walked(packet: bytes) -> int:
    offset = 1
    for _ in range(8):
        if packet[offset] == 0:
            offset = 3 + packet[offset]
        else:
            offset += packet[offset]
    return offset


PACKET = bytes((7 * index) % 5 + 1 for index in range(200))
ZEROS = bytes((3 * index) % 4 for index in range(200))
ENDING = bytes([*range(1, 9)] * 20 + [9] * 9)

CASES = {
    "nested": (NESTED, "", PACKET, nested(PACKET)),
    "reset": (RESET, "", ZEROS, reset(ZEROS)),
    "counted": (COUNTED, "", PACKET, sum(PACKET[index + 3] for index in range(5, 60, 5))),
    "general": (GENERAL, "", ENDING, general(ENDING)),
    "given": (GIVEN, WALK, ZEROS, walked(ZEROS)),
}


@pytest.mark.parametrize("kernel", [(5, 17), (6, 9)])
@pytest.mark.parametrize("cpu", ["v1", "v3"])
@pytest.mark.parametrize("name", CASES)
def test_offsets_that_grow(tmp_path: Path, name: str, cpu: str, kernel: tuple[int, int]) -> None:
    body, functions, packet, expected = CASES[name]
    text = FRAME.format(body=body.strip("\n"), functions=functions)
    with osmia.load(module_from(tmp_path, text), target=Target(cpu, kernel)) as loaded:
        assert loaded["program"].test_run(packet).action is XdpAction.PASS
        assert loaded["found"][0] == expected
