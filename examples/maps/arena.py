"""Arena: the kernel builds a list of packet sizes, user code follows it."""

from osmia import Arena, XdpAction, XdpContext, struct, u32, xdp


@struct
class Head:
    first: u32 = 0  # offsets are the pointers: 0 is the end
    used: u32 = 0


@struct
class Node:
    length: u32 = 0
    next: u32 = 0


arena = Arena(pages=4)


@xdp
def keep(ctx: XdpContext) -> XdpAction:
    head = arena.at(Head, 0)
    if head is None:
        return XdpAction.ABORTED
    offset = 8 + head.used * 8
    node = arena.at(Node, offset)
    if node is None:  # the arena is full
        return XdpAction.PASS
    node.length = len(ctx.packet)
    node.next = head.first
    head.first = offset
    head.used += 1
    return XdpAction.PASS


if __name__ == "__main__":
    for size in (64, 128, 256):
        keep.test_run(bytes(size))
    head = arena.at(Head, 0)
    offset = head.first if head is not None else 0
    while (node := arena.at(Node, offset)) is not None and offset:
        print(offset, node.length)
        offset = node.next
