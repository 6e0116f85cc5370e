"""RingBuf: report packets of more than 1,000 bytes, each as an event of its own."""

from osmia import RingBuf, XdpAction, XdpContext, struct, u32, xdp


@struct
class Packet:
    """What is reported of a packet."""

    length: u32
    interface: u32 = 0


packets = RingBuf(Packet, size=1 << 16)


@xdp
def report(ctx: XdpContext) -> XdpAction:
    """Report what is long, and let everything pass."""
    if len(ctx.packet) <= 1000:
        return XdpAction.PASS
    with packets.reserve() as packet:
        if packet is not None:
            packet.length = len(ctx.packet)
            packet.interface = ctx.ingress_ifindex
    return XdpAction.PASS


if __name__ == "__main__":
    report.load()
    for length in (1400, 60, 1200):
        report.test_run(bytes(length))
    packets.poll(lambda packet: print(packet.length, "bytes"))
    print("waiting:", packets.read(timeout=0.1), "lost:", packets.lost)
    report.close()
    packets.close()
