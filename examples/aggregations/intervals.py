"""What came in an interval: the difference of two snapshots, and statistics that are put together."""

from osmia import CountMap, Histogram, Stats, XdpAction, XdpContext, i64, u32, xdp

surplus = Histogram(i64, low=-100, high=100, step=50)
total = Stats(i64)
hits = CountMap(u32, max_entries=2)


@xdp
def measure(ctx: XdpContext) -> XdpAction:
    """Count how much longer than 100 bytes a packet is."""
    length = len(ctx.packet)
    surplus.add(length - 100)
    total.add(length - 100)
    hits.add(length)
    return XdpAction.PASS


def run(*lengths: int) -> None:
    """Run the program on packets of these lengths."""
    for length in lengths:
        measure.test_run(bytes(length))


if __name__ == "__main__":
    run(60, 160)
    before = surplus.read()
    run(60, 60, 90, 1500)
    now = surplus.read()
    print(now)
    print("since then:")
    print(now - before)
    print((now + before).count, now.mean, total)
    for low, high, count in now - before:
        if count:
            print(low, "to", high, ":", count)
    print(hits.top(1), "of", len(hits), "lengths;", hits.dropped, "packets had no room")
