"""A histogram of packet sizes for each IP protocol."""

from osmia import HistogramMap, XdpAction, XdpContext, sizeof, u8, xdp
from osmia.headers import Ethernet, IPv4

sizes = HistogramMap(u8, max_entries=256)


@xdp
def measure(ctx: XdpContext) -> XdpAction:
    """Count one packet's size."""
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is not None:
        sizes.add(ip.protocol, len(ctx.packet))
    return XdpAction.PASS


def packet(protocol: int, length: int) -> bytes:
    """An Ethernet frame with an IPv4 header."""
    return bytes(23) + bytes([protocol]) + bytes(length - 24)


if __name__ == "__main__":
    for length in (60, 60, 60, 90, 1400, 1500):
        measure.test_run(packet(6, length))
    measure.test_run(packet(17, 80))
    for protocol, histogram in sizes.top(2):
        print(f"protocol {protocol}: {histogram.count} packets, {histogram.mean:.0f} bytes on average")
        print(f"{histogram:32bytes}")
