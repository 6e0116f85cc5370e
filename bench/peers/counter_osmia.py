"""The counter with osmia: load, attach to the named interface, print the counts, end."""

import sys

from osmia import PerCpuArray, XdpAction, XdpContext, u32, xdp

packet_counter = PerCpuArray(u32, max_entries=1, name="PKT_CNT_ARRAY")


@xdp
def xdp_map_counter(ctx: XdpContext) -> XdpAction:
    """Count a packet."""
    counter = packet_counter.lookup(0)
    if counter is None:
        return XdpAction.ABORTED
    counter.value += 1
    return XdpAction.PASS


if __name__ == "__main__":
    with xdp_map_counter.attach(sys.argv[1]):
        counts = packet_counter[0]
        print(*counts, "total:", counts.sum())
