"""Count packets and octets, each CPU for itself, and large packets for all CPUs together."""

from osmia import Counter, PerCpuCounter, XdpAction, XdpContext, xdp

packets = PerCpuCounter()
octets = PerCpuCounter()
jumbo = Counter()


@xdp
def count(ctx: XdpContext) -> XdpAction:
    """Count a packet."""
    packets.add()
    octets.add(len(ctx.packet))
    if len(ctx.packet) > 1514:
        jumbo.add()
    return XdpAction.PASS


if __name__ == "__main__":
    for length in (60, 1514, 1600):
        count.test_run(bytes(length))
    print(f"{packets.value} packets, {octets.value} octets, {jumbo.value} jumbo")
    print(sum(packets.per_cpu().values()) == packets.value)
