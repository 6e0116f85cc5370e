"""Count TCP packets by destination port: Ethernet, up to two VLAN headers, IPv4 with options, TCP."""

from osmia import PerCpuArray, XdpAction, XdpContext, sizeof, u64, xdp
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Tcp, Vlan

ports = PerCpuArray(u64, max_entries=65536)


@xdp
def count_ports(ctx: XdpContext) -> XdpAction:
    """Count a packet."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None:
        return XdpAction.PASS
    following = eth.ether_type
    offset = sizeof(Ethernet)
    for _ in range(2):
        if following not in (EtherType.VLAN, EtherType.QINQ):
            break
        vlan = ctx.packet.at(Vlan, offset)
        if vlan is None:
            return XdpAction.PASS
        following = vlan.ether_type
        offset += sizeof(Vlan)
    if following != EtherType.IPV4:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, offset)
    if ip is None or ip.protocol != IpProto.TCP or ip.header_length < sizeof(IPv4):
        return XdpAction.PASS
    tcp = ctx.packet.at(Tcp, offset + ip.header_length)
    if tcp is None:
        return XdpAction.PASS
    count = ports.lookup(tcp.dst)
    if count is not None:
        count.value += 1
    return XdpAction.PASS
