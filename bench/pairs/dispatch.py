"""Hand packets to a program for their protocol, by tail calls; each counts what it is given."""

from osmia import PerCpuArray, ProgramArray, XdpAction, XdpContext, sizeof, u64, xdp
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Udp

handlers = ProgramArray(XdpContext, max_entries=256)
counts = PerCpuArray(u64, max_entries=256)


def count(protocol: int) -> None:
    """Count a packet of a protocol."""
    seen = counts.lookup(protocol)
    if seen is not None:
        seen.value += 1


@xdp
def dispatch(ctx: XdpContext) -> XdpAction:
    """Hand a packet on; what no program is there for passes."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None:
        return XdpAction.PASS
    handlers.tail_call(ctx, ip.protocol)
    return XdpAction.PASS


@xdp
def on_tcp(ctx: XdpContext) -> XdpAction:
    """Count TCP."""
    count(IpProto.TCP)
    return XdpAction.PASS


@xdp
def on_udp(ctx: XdpContext) -> XdpAction:
    """Count UDP, and drop what is sent to port 0."""
    count(IpProto.UDP)
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None:
        return XdpAction.PASS
    udp = ctx.packet.at(Udp, sizeof(Ethernet) + ip.header_length)
    if udp is None or udp.dst == 0:
        return XdpAction.DROP
    return XdpAction.PASS
