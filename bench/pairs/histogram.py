"""A histogram of packet sizes, by powers of two."""

from osmia import PerCpuArray, XdpAction, XdpContext, u64, xdp

SLOTS = 16

sizes = PerCpuArray(u64, max_entries=SLOTS)


@xdp
def histogram(ctx: XdpContext) -> XdpAction:
    """Count a packet by the logarithm of its size."""
    size = len(ctx.packet)
    slot = 0
    while size > 1 and slot < SLOTS - 1:
        size >>= 1
        slot += 1
    count = sizes.lookup(slot)
    if count is not None:
        count.value += 1
    return XdpAction.PASS
