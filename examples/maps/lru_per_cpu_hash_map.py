"""LruPerCpuHashMap: count packets by sender on each CPU, of as many senders as there is room for."""

from osmia import LruPerCpuHashMap, XdpAction, XdpContext, be32, sizeof, to_bytes, u64, xdp
from osmia.headers import Ethernet, IPv4

packets = LruPerCpuHashMap(be32, u64, max_entries=1024)


@xdp
def count(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None:
        return XdpAction.PASS
    counter = packets.lookup_or_init(ip.src, 0)  # this CPU's: no other one writes it
    if counter is not None:
        counter.value += 1
    return XdpAction.PASS


if __name__ == "__main__":
    for sender in (1, 2, 1, 1):
        count.test_run(to_bytes(Ethernet()) + to_bytes(IPv4(src=0x0A000000 + sender)))
    for sender, counts in sorted(packets.items()):
        print(f"sender {sender:#x}: {counts.sum()} packets on all CPUs together")
