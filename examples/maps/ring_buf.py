"""RingBuf: report long packets; until user code can read rings, ask how much waits in one."""

from osmia import Global, RingBuf, XdpAction, XdpContext, struct, u32, u64, xdp


@struct
class Long:
    length: u32
    when: u64 = 0


reports = RingBuf(Long, size=4096)
full = Global(u64)


@xdp
def report(ctx: XdpContext) -> XdpAction:
    length = len(ctx.packet)
    if length < 1000:
        return XdpAction.PASS
    with reports.reserve() as event:
        if event is None:
            full.value += 1
        else:
            event.length = length
            event.when = ctx.ktime_get_ns()
    return XdpAction.PASS


if __name__ == "__main__":
    for _ in range(300):
        report.test_run(bytes(1400))
    print("did not fit into 4096 bytes:", full.value)
