"""LruHashMap: the flows of late; when it is full, those go that nobody asked for."""

from osmia import LruHashMap, XdpAction, XdpContext, u32, u64, xdp

flows = LruHashMap(u32, u64, max_entries=128)


@xdp
def remember(ctx: XdpContext) -> XdpAction:
    seen = flows.lookup_or_init(ctx.get_prandom_u32(), 0)
    if seen is None:
        return XdpAction.ABORTED
    seen.value += 1
    return XdpAction.PASS


if __name__ == "__main__":
    results = {remember.test_run(bytes(64)).action.name for _ in range(1000)}
    print("a thousand flows:", *results)
    print("more than 128 kept:", len(flows) > 128)
    flows[7] = 1
    print("the newest is there:", flows[7])
