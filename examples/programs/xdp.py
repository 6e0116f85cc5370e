"""@xdp: drop UDP packets to a port that user code blocked, before the network stack sees them."""

import ctypes
import fcntl
import socket

from osmia import HashMap, XdpAction, XdpContext, be16, sizeof, u64, xdp
from osmia.headers import Ethernet, IPv4, Udp

dropped = HashMap(be16, u64, max_entries=16)


@xdp(on_error=XdpAction.DROP)
def block(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    udp = ctx.packet.at(Udp, sizeof(Ethernet) + sizeof(IPv4))
    if ip is None or udp is None or ip.protocol != 17 or udp.dst not in dropped:
        return XdpAction.PASS
    dropped[udp.dst] += 1
    return XdpAction.DROP


if __name__ == "__main__":
    ctypes.CDLL(None).unshare(0x40000000)  # a network namespace of its own, with an `lo` that is down
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        fcntl.ioctl(sender, 0x8914, b"lo".ljust(16, b"\0") + b"\1".ljust(16, b"\0"))  # SIOCSIFFLAGS: up
        with block.attach("lo") as link:
            dropped[53] = 0
            for port in (53, 53, 5353):
                sender.sendto(b"x", ("127.0.0.1", port))
            print(link.interface, link.mode_name, "dropped:", dropped[53])
