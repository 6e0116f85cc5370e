"""CpuMap: let another CPU take the packet into the network stack."""

from osmia import CpuMap, XdpAction, XdpContext, xdp

cpus = CpuMap(max_entries=2)


@xdp
def spread(ctx: XdpContext) -> XdpAction:
    return cpus.redirect(ctx.rx_queue_index & 1, XdpAction.PASS)


@xdp(hook="cpumap")
def there(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


if __name__ == "__main__":
    print("before:", spread.test_run(bytes(64)).action.name)
    cpus.update(0, 192, program=there)  # up to 192 packets wait for it
    print("set:", spread.test_run(bytes(64)).action.name, cpus[0].qsize)
