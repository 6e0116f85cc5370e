"""Watch or drop UDP to a port that is chosen when the program is loaded: `python dns_settings.py eth0 53 drop`."""

import sys
import time
from contextlib import suppress
from typing import Final

from osmia import Global, XdpAction, XdpContext, setting, sizeof, struct, u16, u64, xdp
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Udp

PORT: Final = setting(u16, 53)
DROP: Final = setting(bool, False)


@struct
class Totals:
    """Packets since the program was loaded."""

    seen: u64 = 0
    matched: u64 = 0


totals = Global(Totals)


@xdp
def filter_port(ctx: XdpContext) -> XdpAction:
    """Count all packets, and those to the port."""
    totals.value.seen += 1
    eth = ctx.packet.at(Ethernet, 0)
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if eth is None or ip is None or eth.ether_type != EtherType.IPV4 or ip.protocol != IpProto.UDP:
        return XdpAction.PASS
    udp = ctx.packet.at(Udp, sizeof(Ethernet) + ip.header_length)
    if udp is None or udp.dst != PORT:
        return XdpAction.PASS
    totals.value.matched += 1
    return XdpAction.DROP if DROP else XdpAction.PASS


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 53
    filter_port.load(settings={"PORT": port, "DROP": "drop" in sys.argv})
    with suppress(KeyboardInterrupt), filter_port.attach(sys.argv[1]):
        while True:
            print(f"{totals.value.matched} of {totals.value.seen} packets go to port {port}", flush=True)
            time.sleep(1)
