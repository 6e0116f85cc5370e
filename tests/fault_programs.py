"""Programs that do what they may not: each function a fault, whose whole text tests/vm/test_faults.py has."""

from __future__ import annotations

from osmia import Array, HashMap, RingBuf, XdpAction, XdpContext, func, struct, u8, u32, u64, xdp
from osmia.headers import Ethernet
from osmia.unchecked import address, assume, call_helper, memory_at


@struct
class Flow:
    """A value."""

    packets: u64 = 0
    size: u32 = 0


flows = HashMap(u32, Flow, max_entries=4)
totals = Array(u64, max_entries=4)
ring = RingBuf(Flow, size=4096)


@xdp
def beyond_a_value(ctx: XdpContext) -> XdpAction:
    """Reads behind the value of a map."""
    flows.update(5, Flow(packets=1))
    flow = flows.lookup(5)
    if flow is None:
        return XdpAction.PASS
    behind = memory_at(flow, u64, 12)
    return XdpAction.DROP if behind.value else XdpAction.PASS


@xdp
def before_a_value(ctx: XdpContext) -> XdpAction:
    """Writes before the value of an array."""
    total = totals.lookup(1)
    if total is None:
        return XdpAction.PASS
    memory_at(total, u32, -4).value = 1
    return XdpAction.PASS


@xdp
def no_value(ctx: XdpContext) -> XdpAction:
    """Does not ask whether there is a value."""
    assume(flows.lookup(9)).size += 1
    return XdpAction.PASS


@xdp
def beyond_the_packet(ctx: XdpContext) -> XdpAction:
    """Reads what the packet does not have."""
    header = assume(ctx.packet.at(Ethernet, 60))
    return XdpAction.DROP if header.ether_type == 5 else XdpAction.PASS


@xdp
def never_written(ctx: XdpContext) -> XdpAction:
    """Reads what it never wrote."""
    flow = Flow(packets=u32(len(ctx.packet)))
    value = memory_at(flow, u64, -64)
    return XdpAction.DROP if value.value else XdpAction.PASS


@func(inline=False)
def beyond(start: u64) -> u64:
    """Reads behind a packet."""
    here = start + 62
    return u64(memory_at(here, u32).value)


@xdp
def beyond_in_a_function(ctx: XdpContext) -> XdpAction:
    """The same in a function of its own."""
    return XdpAction.DROP if beyond(address(assume(ctx.packet.at(Ethernet, 0)))) else XdpAction.PASS


@xdp
def writes_the_context(ctx: XdpContext) -> XdpAction:
    """Writes what it may only read."""
    memory_at(ctx, u32, 12).value = 1
    return XdpAction.PASS


@xdp
def no_address(ctx: XdpContext) -> XdpAction:
    """Takes a number for an address."""
    return XdpAction.DROP if memory_at(u64(1) << 40, u8).value else XdpAction.PASS


@xdp
def a_key_that_is_none(ctx: XdpContext) -> XdpAction:
    """Gives a helper an address where no key is."""
    call_helper(1, flows, 8)
    return XdpAction.PASS


@xdp
def no_map(ctx: XdpContext) -> XdpAction:
    """Gives a helper what is no map."""
    key = Flow()
    call_helper(1, ctx, key)
    return XdpAction.PASS


@xdp
def for_ever(ctx: XdpContext) -> XdpAction:
    """Does not end in time."""
    number = u64(1)
    while number != 0:
        number += 2
    return XdpAction.PASS


@xdp
def reads_behind(ctx: XdpContext) -> XdpAction:
    """Reads behind a value that user code has written."""
    flow = flows.lookup(6)
    if flow is None:
        return XdpAction.PASS
    return XdpAction.DROP if memory_at(flow, u64, 16).value else XdpAction.PASS


@xdp
def by_two_lines(ctx: XdpContext) -> XdpAction:
    """Reads at an address that a number was added to."""
    flow = flows.lookup(6)
    if flow is None:
        return XdpAction.PASS
    place = address(flow) + len(ctx.packet)
    return XdpAction.DROP if memory_at(place, u64).value else XdpAction.PASS


@xdp
def behind_a_record(ctx: XdpContext) -> XdpAction:
    """Writes behind a record of a ring."""
    with ring.reserve() as event:
        if event is None:
            return XdpAction.PASS
        memory_at(event, u64, 12).value = 5
    return XdpAction.PASS


@xdp
def after_a_record(ctx: XdpContext) -> XdpAction:
    """Writes to a record of a ring that is submitted."""
    with ring.reserve() as event:
        if event is None:
            return XdpAction.PASS
        where = address(event)
    memory_at(where, u64).value = 5
    return XdpAction.PASS


@xdp
def after_the_packet_moved(ctx: XdpContext) -> XdpAction:
    """Reads where the packet was."""
    first = ctx.packet.at(u32, 0)
    if first is None:
        return XdpAction.PASS
    where = address(first)
    ctx.adjust_head(4)
    return XdpAction.DROP if memory_at(where, u32).value else XdpAction.PASS
