"""PerCpuArray: count packets without two CPUs ever writing to the same number."""

from osmia import PerCpuArray, XdpAction, XdpContext, u64, xdp

packets = PerCpuArray(u64, max_entries=1)


@xdp
def count(ctx: XdpContext) -> XdpAction:
    seen = packets.lookup(0)
    if seen is None:
        return XdpAction.ABORTED
    seen.value += 1
    return XdpAction.PASS


if __name__ == "__main__":
    count.load()
    packets[0] = [100] * len(packets[0])  # one value per possible CPU
    for _ in range(5):
        count.test_run(bytes(64))
    print("in all:", packets[0].sum() - 100 * len(packets[0]))
