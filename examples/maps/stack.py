"""Stack: free ports, of which the one that was given back last is taken first."""

from osmia import Array, Stack, XdpAction, XdpContext, u16, xdp

free = Stack(u16, max_entries=64)
taken = Array(u16, max_entries=1)


@xdp
def take(_ctx: XdpContext) -> XdpAction:
    port = free.pop()  # a number, or None
    if port is None:
        return XdpAction.DROP
    taken[0] = port
    return XdpAction.PASS


if __name__ == "__main__":
    take.load()
    for port in (40000, 40001, 40002):
        free.push(port)
    for _ in range(2):
        print(take.test_run(bytes(64)).action.name, taken[0])
    free.push(40001)
    print("next:", free.peek())
