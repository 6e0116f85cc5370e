"""Walk the options of TCP SYNs, and lower a maximum segment size that is too large for a tunnel."""

from osmia import XdpAction, XdpContext, be16, sizeof, u8, xdp
from osmia.checksum import checksum_replace
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Tcp, TcpFlags

LARGEST = 1360
END, NOP, MSS = 0, 1, 2


@xdp
def clamp_mss(ctx: XdpContext) -> XdpAction:
    """Change a packet, if it offers too much."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None or ip.protocol != IpProto.TCP:
        return XdpAction.PASS
    start = sizeof(Ethernet) + ip.header_length
    tcp = ctx.packet.at(Tcp, start)
    if tcp is None or not tcp.flags & TcpFlags.SYN:
        return XdpAction.PASS
    offset = start + sizeof(Tcp)
    end = start + tcp.header_length
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
            size = ctx.packet.at(be16, offset + 2)
            # Where it does not lie on a word of the checksum it is left alone.
            if size is None or offset % 2 != 0 or size.value <= LARGEST:
                break
            tcp.checksum = checksum_replace(tcp.checksum, size.value, LARGEST)
            size.value = LARGEST
            break
        offset += length.value
    return XdpAction.PASS
