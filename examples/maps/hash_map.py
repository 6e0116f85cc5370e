"""HashMap: count packets by source address; user code takes an address off the list."""

from ipaddress import IPv4Address

from osmia import HashMap, XdpAction, XdpContext, be32, u64, xdp
from osmia.headers import IPv4

packets = HashMap(be32, u64, max_entries=1024)


@xdp
def count(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, 14)
    if ip is None:
        return XdpAction.PASS
    seen = packets.lookup_or_init(ip.src, 0)
    if seen is None:  # the map is full
        return XdpAction.PASS
    seen.value += 1
    return XdpAction.PASS


def packet(source: str) -> bytes:
    return bytes(26) + IPv4Address(source).packed + bytes(30)


if __name__ == "__main__":
    for source in ("10.0.0.1", "10.0.0.2", "10.0.0.1"):
        count.test_run(packet(source))
    for address, number in sorted(packets.items()):
        print(IPv4Address(address), number)
    del packets[IPv4Address("10.0.0.1")]
    print("left:", len(packets))
