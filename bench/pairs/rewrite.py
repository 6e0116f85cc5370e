"""Send UDP packets for one address and port to another, with one hop less and right checksums."""

from osmia import XdpAction, XdpContext, sizeof, xdp
from osmia.checksum import checksum_replace, checksum_replace32
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Udp

SERVICE, SERVICE_PORT = 0xC6336407, 53  # 198.51.100.7
BACKEND, BACKEND_PORT = 0xC0000263, 5353  # 192.0.2.99


@xdp
def rewrite(ctx: XdpContext) -> XdpAction:
    """Rewrite a packet."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None or ip.protocol != IpProto.UDP or ip.header_length != sizeof(IPv4) or ip.is_fragment:
        return XdpAction.PASS
    udp = ctx.packet.at(Udp, sizeof(Ethernet) + sizeof(IPv4))
    if udp is None or ip.dst != SERVICE or udp.dst != SERVICE_PORT:
        return XdpAction.PASS
    if ip.ttl <= 1:
        return XdpAction.DROP
    before = ip.ttl << 8 | ip.protocol
    ip.ttl -= 1
    ip.dst = BACKEND
    udp.dst = BACKEND_PORT
    header = checksum_replace(ip.checksum, before, ip.ttl << 8 | ip.protocol)
    ip.checksum = checksum_replace32(header, SERVICE, BACKEND)
    if udp.checksum != 0:
        whole = checksum_replace(checksum_replace32(udp.checksum, SERVICE, BACKEND), SERVICE_PORT, BACKEND_PORT)
        udp.checksum = whole if whole != 0 else 0xFFFF
    return XdpAction.TX
