"""UserRingBuf: user code orders how many packets a port may have; the next packet has the program take that in."""

from osmia import HashMap, UserRingBuf, XdpAction, XdpContext, struct, u16, u64, xdp


@struct
class Order:
    port: u16
    packets: u64 = 10


orders = UserRingBuf(Order, size=4096)
quotas = HashMap(u16, u64, max_entries=1024)


@xdp
def obey(ctx: XdpContext) -> XdpAction:
    def one(order: Order) -> None:
        quotas[order.port] = order.packets

    orders.drain(one)
    return XdpAction.PASS


if __name__ == "__main__":
    obey.load()
    orders.output(Order(port=80, packets=5))
    orders.output_many([Order(port=port, packets=1) for port in (443, 8080)])
    with orders.reserve() as order:
        order.port = 22
    print("before a packet:", quotas.to_dict())
    obey.test_run(bytes(64))
    print("behind it:", dict(sorted(quotas.items())))
