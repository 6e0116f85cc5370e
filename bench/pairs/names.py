"""Drop DNS queries for names in a map: the name, in lower case, is hashed as it stands in the packet (FNV-1a)."""

from osmia import HashMap, XdpAction, XdpContext, be16, sizeof, struct, u8, u32, u64, xdp
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Udp

LONGEST = 64
DNS_PORT = 53


@struct
class Dns:
    """RFC 1035: what stands before the questions."""

    id: be16 = 0
    flags: be16 = 0
    questions: be16 = 0
    answers: be16 = 0
    authorities: be16 = 0
    additional: be16 = 0


blocked = HashMap(u32, u64, max_entries=1024)


@xdp
def block_names(ctx: XdpContext) -> XdpAction:
    """Drop a query for a blocked name, and count it."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None or ip.protocol != IpProto.UDP:
        return XdpAction.PASS
    offset = sizeof(Ethernet) + ip.header_length
    udp = ctx.packet.at(Udp, offset)
    if udp is None or udp.dst != DNS_PORT:
        return XdpAction.PASS
    dns = ctx.packet.at(Dns, offset + sizeof(Udp))
    if dns is None or dns.questions == 0:
        return XdpAction.PASS
    offset += sizeof(Udp) + sizeof(Dns)
    name: u32 = 0x811C9DC5
    for i in range(LONGEST):
        letter = ctx.packet.at(u8, offset + i)
        if letter is None:
            return XdpAction.PASS
        byte = letter.value
        if byte == 0:
            break
        if ord("A") <= byte <= ord("Z"):
            byte += ord("a") - ord("A")
        name = (name ^ byte) * 0x01000193
    hits = blocked.lookup(name)
    if hits is None:
        return XdpAction.PASS
    hits.fetch_add(1)
    return XdpAction.DROP
