"""DevMap: send packets out of the interface that user code put at an index."""

from osmia import DevMap, XdpAction, XdpContext, xdp

ports = DevMap(max_entries=4)


@xdp
def forward(ctx: XdpContext) -> XdpAction:
    return ports.redirect(0, XdpAction.DROP)  # where no interface is set: drop


if __name__ == "__main__":
    print("before:", forward.test_run(bytes(64)).action.name)
    ports[0] = "lo"
    print("set:", forward.test_run(bytes(64)).action.name, ports[0])
    del ports[0]
    print("after:", forward.test_run(bytes(64)).action.name)
