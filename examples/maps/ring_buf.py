"""RingBuf: report long packets, and say how many reports had no room."""

from osmia import RingBuf, XdpAction, XdpContext, struct, u32, u64, xdp


@struct
class Long:
    length: u32
    when: u64 = 0


reports = RingBuf(Long, size=4096)


@xdp
def report(ctx: XdpContext) -> XdpAction:
    length = len(ctx.packet)
    if length < 1000:
        return XdpAction.PASS
    with reports.reserve() as event:
        if event is not None:
            event.length = length
            event.when = ctx.ktime_get_ns()
    return XdpAction.PASS


if __name__ == "__main__":
    report.load()
    for length in (1400, 60, 1200):
        report.test_run(bytes(length))
    while (event := reports.read(timeout=0)) is not None:
        print("long packet:", event.length)

    for _ in range(300):
        report.test_run(bytes(1400))
    array = reports.drain()
    print("drained:", len(array), "of", set(array["length"].tolist()), "bytes; lost:", reports.lost)
