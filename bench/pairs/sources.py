"""Count packets and bytes by IPv4 source address."""

from osmia import LruHashMap, XdpAction, XdpContext, be32, ref, sizeof, struct, u64, xdp
from osmia.headers import Ethernet, EtherType, IPv4


@struct
class Traffic:
    """Of one source."""

    packets: u64 = 0
    bytes: u64 = 0
    last_seen: u64 = 0


sources = LruHashMap(be32, Traffic, max_entries=16384)


@xdp
def count_sources(ctx: XdpContext) -> XdpAction:
    """Count a packet."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None:
        return XdpAction.PASS
    traffic = sources.lookup(ip.src)
    if traffic is None:
        sources.update(ip.src, Traffic(packets=1, bytes=len(ctx.packet), last_seen=ctx.ktime_get_ns()))
        return XdpAction.PASS
    ref(traffic.packets).fetch_add(1)
    ref(traffic.bytes).fetch_add(len(ctx.packet))
    traffic.last_seen = ctx.ktime_get_ns()
    return XdpAction.PASS
