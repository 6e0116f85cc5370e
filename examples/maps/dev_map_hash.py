"""DevMapHash: send packets out by any number, and look at them on their way out."""

from osmia import DevMapHash, XdpAction, XdpContext, xdp

ports = DevMapHash(max_entries=16)


@xdp
def forward(ctx: XdpContext) -> XdpAction:
    return ports.redirect(4001, XdpAction.PASS)


@xdp(hook="devmap")
def on_the_way_out(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS if ctx.egress_ifindex == 1 else XdpAction.DROP


if __name__ == "__main__":
    forward.load()
    ports.update(4001, "lo", program=on_the_way_out)
    print(forward.test_run(bytes(64)).action.name)
    for key, port in ports.items():
        print(key, port.ifindex, "with a program" if port.program_id else "without a program")
