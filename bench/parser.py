"""What engines of the runtime are timed with: a parser of packets that has no maps, so that any engine runs it."""

from osmia import XdpAction, XdpContext, sizeof, u8, xdp
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, IPv6, Tcp, TcpFlags, Udp, Vlan

DNS = 53
END, NOP, MSS = 0, 1, 2


@xdp
def parse(ctx: XdpContext) -> XdpAction:
    """Pass what is well formed, drop what is not, and send DNS queries and small segment sizes back."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None:
        return XdpAction.DROP
    following = eth.ether_type
    offset = sizeof(Ethernet)
    for _ in range(2):
        if following not in (EtherType.VLAN, EtherType.QINQ):
            break
        vlan = ctx.packet.at(Vlan, offset)
        if vlan is None:
            return XdpAction.DROP
        following = vlan.ether_type
        offset += sizeof(Vlan)
    if following == EtherType.IPV6:
        ip6 = ctx.packet.at(IPv6, offset)
        if ip6 is None or ip6.hop_limit == 0:
            return XdpAction.DROP
        protocol = ip6.next_header
        offset += sizeof(IPv6)
    elif following == EtherType.IPV4:
        ip = ctx.packet.at(IPv4, offset)
        if ip is None or ip.header_length < sizeof(IPv4) or ip.ttl == 0:
            return XdpAction.DROP
        protocol = ip.protocol
        offset += ip.header_length
    else:
        return XdpAction.PASS
    if protocol == IpProto.UDP:
        udp = ctx.packet.at(Udp, offset)
        if udp is None or udp.length < sizeof(Udp):
            return XdpAction.DROP
        return XdpAction.TX if udp.dst == DNS else XdpAction.PASS
    if protocol != IpProto.TCP:
        return XdpAction.PASS
    tcp = ctx.packet.at(Tcp, offset)
    if tcp is None or tcp.header_length < sizeof(Tcp):
        return XdpAction.DROP
    if not tcp.flags & TcpFlags.SYN:
        return XdpAction.PASS
    end = offset + tcp.header_length
    offset += sizeof(Tcp)
    for _ in range(20):
        if offset >= end:
            break
        kind = ctx.packet.at(u8, offset)
        if kind is None or kind.value == END:
            break
        if kind.value == NOP:
            offset += 1
            continue
        length = ctx.packet.at(u8, offset + 1)
        if length is None or length.value < 2:
            return XdpAction.DROP
        if kind.value == MSS:
            return XdpAction.PASS
        offset += length.value
    return XdpAction.PASS
