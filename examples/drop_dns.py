"""Drop DNS over IPv4 in both directions, by the same functions: `python drop_dns.py eth0`. Since Linux 6.6.

What comes in meets a program that another one goes on in; what goes out meets one of traffic control.
"""

import sys
import time
from contextlib import suppress

from osmia import Packet, ProgramArray, TcAction, TcContext, XdpAction, XdpContext, func, sizeof, tc, u16, xdp
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Udp

DNS = 53

programs = ProgramArray(XdpContext, max_entries=4)


@func
def ports(packet: Packet, offset: int = sizeof(Ethernet)) -> tuple[u16, u16]:
    """The ports of a UDP packet, source first; 0 and 0 for any other."""
    ip = packet.at(IPv4, offset)
    if ip is None or ip.protocol != IpProto.UDP:
        return 0, 0
    udp = packet.at(Udp, offset + ip.header_length)
    if udp is None:
        return 0, 0
    return udp.src, udp.dst


def is_dns(packet: Packet) -> bool:
    """Whether it is a question or an answer."""
    eth = packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != EtherType.IPV4:
        return False
    source, target = ports(packet)
    return DNS in (source, target)


@xdp
def drop_dns(ctx: XdpContext) -> XdpAction:
    """Drop DNS."""
    return XdpAction.DROP if is_dns(ctx.packet) else XdpAction.PASS


@xdp
def entry(ctx: XdpContext) -> XdpAction:
    """Go on in the program in slot 0, which may be exchanged while this one is attached."""
    programs.tail_call(ctx, 0)
    return XdpAction.PASS


@tc("egress")
def drop_sent_dns(ctx: TcContext) -> TcAction:
    """Drop DNS that goes out."""
    return TcAction.SHOT if is_dns(ctx.packet) else TcAction.OK


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    drop_dns.load()
    with suppress(KeyboardInterrupt), entry.attach(sys.argv[1]), drop_sent_dns.attach(sys.argv[1]):
        programs[0] = drop_dns
        print("DNS is dropped", flush=True)
        while True:
            time.sleep(1)
