"""PerfEventArray: an event for each packet; -2 says that nobody has opened one on this CPU."""

from osmia import Global, PerfEventArray, XdpAction, XdpContext, i64, struct, u32, xdp


@struct
class Seen:
    length: u32


samples = PerfEventArray(Seen)
status = Global(i64)


@xdp
def sample(ctx: XdpContext) -> XdpAction:
    status.value = samples.output(Seen(length=len(ctx.packet)))
    return XdpAction.PASS


if __name__ == "__main__":
    sample.test_run(bytes(64))
    print("nobody listens:", status.value)
