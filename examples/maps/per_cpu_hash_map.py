"""PerCpuHashMap: bytes by packet size, each CPU counting for itself."""

from osmia import PerCpuHashMap, XdpAction, XdpContext, u32, u64, xdp

sizes = PerCpuHashMap(u32, u64, max_entries=256)


@xdp
def count(ctx: XdpContext) -> XdpAction:
    size = len(ctx.packet)
    total = sizes.lookup_or_init(size, 0)
    if total is not None:
        total.value += size
    return XdpAction.PASS


if __name__ == "__main__":
    for size in (64, 64, 100):
        count.test_run(bytes(size))
    for size, per_cpu in sorted(sizes.items()):
        print(size, "bytes each:", per_cpu.sum())
    print("popped:", sizes.pop(64).sum(), "left:", len(sizes))
