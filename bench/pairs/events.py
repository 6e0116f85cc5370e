"""Report each TCP connection that begins, through a ring buffer."""

from osmia import RingBuf, XdpAction, XdpContext, be16, be32, sizeof, struct, u32, u64, xdp
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Tcp, TcpFlags


@struct
class Syn:
    """A segment that asks for a connection."""

    when: u64 = 0
    interface: u32 = 0
    src: be32 = 0
    dst: be32 = 0
    src_port: be16 = 0
    dst_port: be16 = 0


syns = RingBuf(Syn, size=1 << 23)


@xdp
def report_syns(ctx: XdpContext) -> XdpAction:
    """Report a packet, if it is one."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None or ip.protocol != IpProto.TCP:
        return XdpAction.PASS
    tcp = ctx.packet.at(Tcp, sizeof(Ethernet) + ip.header_length)
    if tcp is None or tcp.flags & (TcpFlags.SYN | TcpFlags.ACK) != TcpFlags.SYN:
        return XdpAction.PASS
    with syns.reserve() as event:
        if event is None:
            return XdpAction.ABORTED
        event.when = ctx.ktime_get_ns()
        event.interface = ctx.ingress_ifindex
        event.src = ip.src
        event.dst = ip.dst
        event.src_port = tcp.src
        event.dst_port = tcp.dst
    return XdpAction.PASS
