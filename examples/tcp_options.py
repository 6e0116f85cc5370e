"""Count the options that TCP packets carry, by their kind: `python tcp_options.py eth0`."""

import sys
import time
from contextlib import suppress

from osmia import HashMap, XdpAction, XdpContext, sizeof, u8, u64, xdp
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Tcp

END, NOTHING = 0, 1
MOST = 40  # bytes that options can have

seen = HashMap(u8, u64, max_entries=256)


@xdp
def options(ctx: XdpContext) -> XdpAction:
    """Step from one option to the next; drop what is malformed."""
    eth, ip = ctx.packet.at(Ethernet, 0), ctx.packet.at(IPv4, sizeof(Ethernet))
    if eth is None or ip is None or eth.ether_type != EtherType.IPV4 or ip.protocol != IpProto.TCP:
        return XdpAction.PASS
    start = sizeof(Ethernet) + ip.header_length
    tcp = ctx.packet.at(Tcp, start)
    if tcp is None:
        return XdpAction.DROP
    offset, end = start + sizeof(Tcp), start + tcp.header_length
    for _ in range(MOST):
        if offset >= end:
            break
        kind = ctx.packet.at(u8, offset)
        if kind is None:
            return XdpAction.DROP
        if kind.value == END:
            break
        count = seen.lookup_or_init(kind.value, 0)
        if count is not None:
            count.fetch_add(1)
        if kind.value == NOTHING:
            offset += 1
            continue
        length = ctx.packet.at(u8, offset + 1)
        if length is None or length.value < 2:
            return XdpAction.DROP
        offset += length.value
    return XdpAction.PASS if offset <= end else XdpAction.DROP


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt), options.attach(sys.argv[1]):
        while True:
            print(dict(sorted(seen.items())), flush=True)
            time.sleep(1)
