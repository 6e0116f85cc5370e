"""Count the packets that reach an interface, per CPU: what `osmia run counter` loads.

`counter.o` beside it is this file compiled; `tools/build_bundled.py` in the repository makes it.
"""

from osmia import PerCpuArray, XdpAction, XdpContext, u64, xdp

packet_counter = PerCpuArray(u64, max_entries=1, name="PKT_CNT_ARRAY")


@xdp
def xdp_map_counter(ctx: XdpContext) -> XdpAction:
    """Count one packet on the CPU that it came in by."""
    counter = packet_counter.lookup(0)
    if counter is None:
        return XdpAction.ABORTED
    counter.value += 1
    return XdpAction.PASS
