"""Drop IPv4 packets from the addresses that are given, and count them: `python firewall.py eth0 10.0.0.1 10.0.0.2`."""

import sys
import time
from contextlib import suppress
from ipaddress import IPv4Address

from osmia import HashMap, XdpAction, XdpContext, be32, sizeof, u64, xdp
from osmia.headers import Ethernet, EtherType, IPv4

blocked = HashMap(be32, u64, max_entries=1024)


@xdp
def firewall(ctx: XdpContext) -> XdpAction:
    """Drop what comes from a blocked address."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None:
        return XdpAction.DROP
    match eth.ether_type:
        case EtherType.IPV4:
            ip = ctx.packet.at(IPv4, sizeof(Ethernet))
            if ip is None:
                return XdpAction.DROP
            hits = blocked.lookup(ip.src)
            if hits is None:
                return XdpAction.PASS
            hits.fetch_add(1)
            return XdpAction.DROP
        case _:
            return XdpAction.PASS


if __name__ == "__main__":
    firewall.load()
    for address in sys.argv[2:]:
        blocked[int(IPv4Address(address))] = 0
    with suppress(KeyboardInterrupt), firewall.attach(sys.argv[1]):
        while True:
            print({str(IPv4Address(address)): hits for address, hits in blocked.items()}, flush=True)
            time.sleep(1)
