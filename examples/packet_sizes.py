"""A histogram of packet sizes by powers of two, for each interface: `python packet_sizes.py eth0`."""

import sys
import time
from contextlib import suppress

from osmia import HistogramMap, XdpAction, XdpContext, u32, xdp

sizes = HistogramMap(u32, max_entries=64)


@xdp
def measure(ctx: XdpContext) -> XdpAction:
    """Count one packet's size."""
    sizes.add(ctx.ingress_ifindex, len(ctx.packet))
    return XdpAction.PASS


def show() -> None:
    """Print a histogram for each interface."""
    for interface, histogram in sizes.items():
        print(f"interface {interface}: {histogram.count} packets, {histogram.mean:.0f} bytes on average")
        print(f"{histogram:40bytes}")
    print("--", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt), measure.attach(sys.argv[1]):
        while True:
            show()
            time.sleep(1)
