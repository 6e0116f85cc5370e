"""PerfEventArray: a sample of each packet, with its first bytes, in the order of time."""

from osmia import PerfEventArray, XdpAction, XdpContext, struct, u32, xdp

HEADER = 14
BPF_F_CURRENT_CPU = 0xFFFF_FFFF


@struct
class Seen:
    length: u32


samples = PerfEventArray(Seen, pages=1, order="time")


@xdp
def sample(ctx: XdpContext) -> XdpAction:
    samples.output(Seen(length=len(ctx.packet)), HEADER << 32 | BPF_F_CURRENT_CPU)
    return XdpAction.PASS


if __name__ == "__main__":
    sample.load()
    for length in (60, 1400):
        sample.test_run(bytes(range(14)) + bytes(length - 14))
    while (seen := samples.samples.read(timeout=0)) is not None:
        print(seen.event.length, "bytes:", seen.packet[:HEADER].hex(" "))

    for _ in range(300):
        sample.test_run(bytes(60))
    array = samples.drain()
    print("drained and lost:", len(array) + samples.lost)
