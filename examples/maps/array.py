"""Array: count packets by size class, and set the limits from outside."""

from osmia import Array, XdpAction, XdpContext, u64, xdp

limits = Array(u64, max_entries=2)
counts = Array(u64, max_entries=3)


@xdp
def classify(ctx: XdpContext) -> XdpAction:
    size = len(ctx.packet)
    if size < limits[0]:
        counts[0] += 1
    elif size < limits[1]:
        counts[1] += 1
    else:
        counts[2] += 1
    return XdpAction.PASS


if __name__ == "__main__":
    classify.load()
    limits.update({0: 100, 1: 1000})
    for size in (64, 80, 500, 1400):
        classify.test_run(bytes(size))
    print("small, middle, large:", list(counts.values()))
