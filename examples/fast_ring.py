"""Record every packet, and add up what came each second: `python fast_ring.py eth0`."""

import sys
import time
from contextlib import suppress

from osmia import FastRing, XdpAction, XdpContext, struct, u32, u64, xdp


@struct
class Seen:
    """A packet."""

    when: u64
    length: u32
    queue: u32


packets = FastRing(Seen, 65536)


@xdp
def record(ctx: XdpContext) -> XdpAction:
    """Write an event for one packet; what there is no room for is counted."""
    with packets.reserve() as seen:
        if seen is not None:
            seen.when = ctx.ktime_get_ns()
            seen.length = len(ctx.packet)
            seen.queue = ctx.rx_queue_index
    return XdpAction.PASS


def show() -> None:
    """Print a line for all packets since the last one."""
    seen = packets.drain()
    print(f"{len(seen)} packets, {int(seen['length'].sum())} bytes, {packets.lost} lost", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt), record.attach(sys.argv[1]):
        while True:
            show()
            time.sleep(1)
