"""Count the packets that reach an interface, per CPU."""
import time
from contextlib import suppress

from osmia import PerCpuArray, XdpAction, XdpContext, u32, xdp

packet_counter = PerCpuArray(u32, max_entries=1, name="PKT_CNT_ARRAY")


@xdp
def xdp_map_counter(ctx: XdpContext) -> XdpAction:
    counter = packet_counter.lookup(0)
    if counter is None:
        return XdpAction.ABORTED
    counter.value += 1
    return XdpAction.PASS


if __name__ == "__main__":
    with suppress(KeyboardInterrupt), xdp_map_counter.attach("lo"):
        while True:
            counts = packet_counter[0]          # one value per possible CPU
            print(*counts, "total:", counts.sum())
            time.sleep(1)
