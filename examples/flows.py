"""Count the packets and bytes of each pair of IPv4 addresses, and show the largest: `python flows.py eth0`."""

import sys
import time
from contextlib import suppress
from ipaddress import IPv4Address

from osmia import LruHashMap, XdpAction, XdpContext, be32, ref, sizeof, struct, u64, xdp
from osmia.headers import Ethernet, EtherType, IPv4


@struct(frozen=True)
class Pair:
    """Who sends to whom."""

    src: be32
    dst: be32


@struct
class Flow:
    """What was sent, and when last, in nanoseconds since the machine started."""

    packets: u64 = 0
    bytes: u64 = 0
    last: u64 = 0


flows = LruHashMap(Pair, Flow, max_entries=10_000)


@xdp(on_error=XdpAction.PASS)
def count(ctx: XdpContext) -> XdpAction:
    """Count one packet. Other CPUs may count the same flow, so that the sums are atomic."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None:
        return XdpAction.PASS
    flow = flows.lookup_or_init(Pair(src=ip.src, dst=ip.dst), Flow())
    if flow is None:
        return XdpAction.PASS
    ref(flow.packets).fetch_add(1)
    ref(flow.bytes).fetch_add(len(ctx.packet))
    flow.last = ctx.ktime_get_ns()
    return XdpAction.PASS


def show(most: int) -> None:
    """Print the flows with the most bytes."""
    largest = sorted(flows.items(), key=lambda item: item[1].bytes, reverse=True)
    for pair, flow in largest[:most]:
        print(f"{IPv4Address(pair.src)} -> {IPv4Address(pair.dst)}: {flow.packets} packets, {flow.bytes} bytes")
    print(f"{len(flows)} flows", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt), count.attach(sys.argv[1]):
        while True:
            show(10)
            time.sleep(1)
