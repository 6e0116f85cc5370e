"""Frames through programs of the runtime: what traffic control is told of them, their times, and their lengths."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

import osmia
import packets
from osmia import HashMap, Machine, TcAction, TcContext, XdpAction, XdpContext, struct, tc, u32, u64, xdp
from osmia.kernel.packet_socket import PacketSocket
from osmia.pcap.columns import Frames
from osmia.vm.frames import FramesRunner, run_all
from osmia.vm.memory import Memory
from osmia.vm.packet import HEADROOM, Packet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace

ENGINES = ("interpreter", "jit")


@struct
class Told:
    length: u32 = 0
    protocol: u32 = 0
    vlan_present: u32 = 0
    vlan_tci: u32 = 0
    vlan_proto: u32 = 0
    ingress_ifindex: u32 = 0
    ifindex: u32 = 0
    pkt_type: u32 = 0
    first: u32 = 0
    """Of the bytes behind the addresses."""


told = HashMap(Told, u64, max_entries=64)
times = HashMap(u64, u64, max_entries=64)
lengths = HashMap(u32, u64, max_entries=64)


@tc("ingress")
def look(ctx: TcContext) -> TcAction:
    key = Told()
    key.length = ctx.len
    key.protocol = ctx.protocol
    key.vlan_present = ctx.vlan_present
    key.vlan_tci = ctx.vlan_tci
    key.vlan_proto = ctx.vlan_proto
    key.ingress_ifindex = ctx.ingress_ifindex
    key.ifindex = ctx.ifindex
    key.pkt_type = ctx.pkt_type
    first = ctx.packet.at(u32, 12)
    if first is not None:
        key.first = first.value
    count = told.lookup_or_init(key, 0)
    if count is not None:
        count.value += 1
    return TcAction.OK


@xdp
def by_time(ctx: XdpContext) -> XdpAction:
    times.update(ctx.ktime_get_ns(), u64(len(ctx.packet)))
    return XdpAction.PASS


@xdp
def by_length(ctx: XdpContext) -> XdpAction:
    found = lengths.lookup_or_init(u32(len(ctx.packet)), 0)
    if found is not None:
        found.value += 1
    return XdpAction.PASS


def frames_of(*data: bytes, every: int = 1000) -> Frames:
    made = Frames(memoryview(b"".join(data)))
    at = 0
    for number, each in enumerate(data):
        made.append(at, len(each), len(each), number * every, 0)
        at += len(each)
    return made


@pytest.fixture(params=ENGINES)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    with Machine(engine=request.param) as made:
        yield made


def runner_of(machine: Machine, ifindex: int = 7) -> FramesRunner:
    return FramesRunner(next(reversed(machine.programs.values())), ifindex, watches=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces")
def test_traffic_control_is_told_what_the_kernel_tells_it(netns: Namespace, machine: Machine) -> None:
    frames = [
        packets.ethernet(0x0800, bytes(60)),
        packets.ethernet(0x0800, bytes(60), dst=b"\xff" * 6),
        packets.ethernet(0x0800, bytes(60), dst=b"\x01" + bytes(5)),
        packets.ethernet(0x8100, packets.vlan(7, 0x0800, bytes(60))),
        packets.ethernet(0x88A8, packets.vlan(9, 0x8100, packets.vlan(7, 0x86DD, bytes(60)))),
        packets.ethernet(0x8100, packets.vlan(0xE005, 0x0806, bytes(50))),
    ]
    with (
        netns.entered(),
        osmia.load(look) as loaded,
        osmia.load(look, engine=machine) as embedded,
        loaded[look].attach("far0"),
        PacketSocket("far0") as receiver,
        runner_of(machine, receiver.ifindex) as runner,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw,
    ):
        raw.bind(("near0", 0))
        for frame in frames:
            raw.send(frame)
        while receiver.received > sum(embedded[told].values()) or receiver.received < len(frames):
            for block in receiver.blocks(0.1):
                runner.run(block.frames, 0, block.packet_types)
        assert dict(embedded[told].items()) == dict(loaded[told].items())
        assert sum(loaded[told].values()) == len(frames)


def test_the_clock_goes_on_with_the_packets(machine: Machine) -> None:
    with osmia.load(by_time, engine=machine) as loaded, runner_of(machine) as runner:
        began = machine.clock
        frames = frames_of(bytes(60), bytes(61), bytes(62))
        runner.run(frames, began)
        assert dict(loaded[times].items()) == {began: 60, began + 1000: 61, began + 2000: 62}
        runner.run(frames, began)  # it does not go back
        assert machine.clock == began + 2000


def test_each_packet_is_given_to_all_programs_before_the_next_one(machine: Machine) -> None:
    """Or the clock would have gone on to the last packet before the second program sees the first one."""
    with (
        osmia.load(by_time, engine=machine) as one,
        runner_of(machine) as first,
        osmia.load(by_time, engine=machine) as other,
        runner_of(machine) as second,
    ):
        began = machine.clock
        run_all([first, second], frames_of(bytes(60), bytes(61), bytes(62)), began)
        expected = {began: 60, began + 1000: 61, began + 2000: 62}
        assert (dict(one[times].items()), dict(other[times].items())) == (expected, expected)


def test_packets_of_any_length(machine: Machine) -> None:
    sizes = [0, 1, 13, 14, 60, 1514, 65_536, 65_537, 200_000, 60, 0]
    with osmia.load(by_length, engine=machine) as loaded, runner_of(machine) as runner:
        runner.run(frames_of(*(bytes(size) for size in sizes)), 0)
        assert dict(loaded[lengths].items()) == {size: sizes.count(size) for size in sizes}
        runner.run(frames_of().part(0, 0), 0)


def test_a_part_of_the_frames(machine: Machine) -> None:
    with osmia.load(by_length, engine=machine) as loaded, runner_of(machine) as runner:
        frames = frames_of(*(bytes(60 + number) for number in range(10)))
        part = frames.part(3, 5)
        assert [len(each.data) for each in part] == [63, 64]
        runner.run(part, 0)
        assert dict(loaded[lengths].items()) == {63: 1, 64: 1}


def test_other_bytes_at_the_place_of_a_packet() -> None:
    memory = Memory(1 << 20)
    packet = Packet(memory, bytes(100), writable=False, tailroom=0)
    packet.refill(memoryview(bytes(range(60))))
    fresh = Packet(memory, bytes(range(60)), writable=False, tailroom=40)
    assert packet.data == fresh.data == bytes(range(60))
    states = [bytes(memory.shadow[each.hard_start : each.hard_start + HEADROOM + 100]) for each in (packet, fresh)]
    assert states[0] == states[1]
    packet.refill(memoryview(bytes(100)))
    with pytest.raises(ValueError, match="a packet of 101 bytes, where 100 have room"):
        packet.refill(memoryview(bytes(101)))


@xdp
def moves(ctx: XdpContext) -> XdpAction:
    if ctx.adjust_head(4) == 0:
        lengths.update(u32(len(ctx.packet)), 1)
    return XdpAction.TX


def test_a_program_that_does_more_finds_each_packet_as_it_came(machine: Machine) -> None:
    with osmia.load(moves, engine=machine) as loaded:
        with FramesRunner(next(reversed(machine.programs.values())), 7, watches=False) as runner:
            runner.run(frames_of(bytes(60), bytes(80), bytes(60)), 0)
        assert dict(loaded[lengths].items()) == {56: 1, 76: 1}
