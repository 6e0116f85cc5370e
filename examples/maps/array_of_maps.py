"""ArrayOfMaps: user code exchanges a whole table at once, while the program goes on with the one that is there."""

from osmia import Array, ArrayOfMaps, XdpAction, XdpContext, u32, xdp

tables = ArrayOfMaps(Array(u32, max_entries=2), max_entries=1)
night, day = Array(u32, max_entries=2), Array(u32, max_entries=2)


@xdp
def limit(ctx: XdpContext) -> XdpAction:
    table = tables.lookup(0)
    if table is None:
        return XdpAction.PASS
    largest = table.lookup(0)
    if largest is None or len(ctx.packet) <= largest.value:
        return XdpAction.PASS
    table[1] += 1
    return XdpAction.DROP


if __name__ == "__main__":
    limit.load()
    for name, table, largest in (("night", night, 1500), ("day", day, 100)):
        table.create()
        table[0] = largest
        tables[0] = table
        print(name, limit.test_run(bytes(200)).action.name, "dropped:", table[1])
    print("now:", list(tables[0].values()))
