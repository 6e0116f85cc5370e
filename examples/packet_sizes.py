"""A histogram of packet sizes by powers of two, for each interface: `python packet_sizes.py eth0`."""

import sys
import time
from contextlib import suppress

from osmia import FixedArray, PerCpuHashMap, XdpAction, XdpContext, array, struct, u32, u64, xdp

SLOTS = 17


@struct
class Histogram:
    """How many packets had from 2**n to 2**(n + 1) - 1 bytes, and how many there were."""

    slots: FixedArray[u64] = array(u64, SLOTS)
    packets: u64 = 0


histograms = PerCpuHashMap(u32, Histogram, max_entries=64)


@xdp
def measure(ctx: XdpContext) -> XdpAction:
    """Put one packet into its slot. Each CPU has histograms of its own, so that nothing is lost."""
    size = len(ctx.packet)
    slot = 0
    while size > 1 and slot < SLOTS - 1:
        size >>= 1
        slot += 1
    histogram = histograms.lookup_or_init(ctx.ingress_ifindex, Histogram())
    if histogram is not None:
        histogram.slots[slot] += 1
        histogram.packets += 1
    return XdpAction.PASS


def show() -> None:
    """Print a histogram for each interface, summed over the CPUs."""
    for interface, of_each_cpu in histograms.items():
        print(f"interface {interface}: {sum(each.packets for each in of_each_cpu)} packets")
        for slot in range(SLOTS):
            packets = sum(each.slots[slot] for each in of_each_cpu)
            if packets:
                print(f"{1 << slot:>8} to {(2 << slot) - 1:<6} {packets}")
    print("--", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt), measure.attach(sys.argv[1]):
        while True:
            show()
            time.sleep(1)
