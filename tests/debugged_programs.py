"""Programs that are debugged line by line. The lines that tests name are marked."""
# ruff: noqa: SIM108 - branches are what is followed

from __future__ import annotations

from debugged_helper import clamped
from osmia import HashMap, XdpAction, XdpContext, func, i32, log, struct, u32, u64, xdp
from osmia.headers import Ethernet, EtherType, IPv4, Udp


@struct
class Flow:
    """A value."""

    packets: u64 = 0
    size: u32 = 0


flows = HashMap(u32, Flow, max_entries=4)

# What the code that runs for a debugger uses, and is not to find here.
isinstance = 5  # noqa: A001


def limited(n: int, most: int) -> int:
    """At most so much."""
    if n > most:
        return most  # limited: most
    return n  # limited: n


@xdp
def sized(ctx: XdpContext) -> XdpAction:
    """Locals of every kind, branches, a loop, and two calls that are written out."""
    size = len(ctx.packet)
    small = size < 64
    total: i32 = -1
    for n in range(3):
        total += n * 2  # sized: in the loop
    if small:
        action = XdpAction.DROP  # sized: small
    else:
        action = XdpAction.PASS  # sized: large
    size = limited(size, 80)  # sized: limited
    size = clamped(size)  # sized: clamped
    flow = flows.lookup_or_init(7, Flow())
    if flow is None:
        return XdpAction.ABORTED  # sized: no flow
    flow.packets += 1
    flow.size = u32(size)
    return action  # sized: end


@xdp
def stopping(ctx: XdpContext) -> XdpAction:
    """Stops a debugger."""
    size = len(ctx.packet)
    breakpoint()  # noqa: T100 - what is tested
    if size > 60:  # stopping: behind
        return XdpAction.PASS
    return XdpAction.DROP


@func(inline=False)
def doubled(n: u64) -> u64:
    """A function of its own."""
    twice = n * 2
    return twice + n * 0  # doubled: end


@xdp
def calling(ctx: XdpContext) -> XdpAction:
    """Calls a function of its own."""
    size = doubled(u64(len(ctx.packet)))
    return XdpAction.DROP if size > 100 else XdpAction.PASS  # calling: end


@xdp
def walking(ctx: XdpContext) -> XdpAction:
    """Has a function called back by a helper, which assigns a local of the program's."""
    total = u64(0)
    last = u32(0)

    def add(key: u32, flow: Flow) -> None:
        nonlocal total, last
        doubled_size = flow.size * 2
        total += doubled_size
        last = key  # walking: each

    flows.for_each(add)
    return XdpAction.PASS if total > last else XdpAction.DROP  # walking: end


@xdp
def early(ctx: XdpContext) -> XdpAction:
    """Returns the same in several places, and does work before the last one, so that their ends are one."""
    eth = ctx.packet.at(Ethernet, 0)
    ip = ctx.packet.at(IPv4, 14)
    if eth is None or ip is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS  # early: no IPv4
    udp = ctx.packet.at(Udp, 14 + ip.header_length)
    if udp is None:
        return XdpAction.PASS  # early: no UDP
    if udp.dst not in flows:
        return XdpAction.PASS  # early: no flow
    found = flows.lookup_or_init(udp.src, Flow())
    if found is not None:
        found.packets += 1
    log.info(f"{udp.dst} is dropped")
    return XdpAction.DROP  # early: end
