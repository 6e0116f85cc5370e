"""Drop IPv4 packets from the networks that are given, count and log them: `python firewall.py eth0 10.0.0.0/8`."""

import sys
import time
from contextlib import suppress

from osmia import LpmTrie, XdpAction, XdpContext, be32, log, sizeof, u64, xdp
from osmia.headers import Ethernet, EtherType, IPv4

blocked = LpmTrie(be32, u64, max_entries=1024)


@xdp
def firewall(ctx: XdpContext) -> XdpAction:
    """Drop what comes from a blocked network."""
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
            log.info(f"dropped {ip.src:ip} -> {ip.dst:ip}, {len(ctx.packet)} bytes from {eth.src:mac}")
            return XdpAction.DROP
        case _:
            return XdpAction.PASS


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    firewall.load()
    for network in sys.argv[2:]:
        blocked[network] = 0
    with suppress(KeyboardInterrupt), firewall.attach(sys.argv[1]):
        while True:
            print({str(network): hits for network, hits in blocked.items()}, flush=True)
            time.sleep(1)
