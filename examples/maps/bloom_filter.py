"""BloomFilter: tell new senders from known ones in little memory, and without forgetting one."""

from osmia import BloomFilter, Global, XdpAction, XdpContext, be32, sizeof, to_bytes, u64, xdp
from osmia.headers import Ethernet, IPv4

known = BloomFilter(be32, max_entries=10_000, hashes=5)
new_senders = Global(u64)


@xdp
def greet(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None or ip.src in known:
        return XdpAction.PASS
    known.push(ip.src)
    new_senders.value += 1
    return XdpAction.PASS


if __name__ == "__main__":
    greet.load()
    known.add(0x0A000001)  # not to be counted
    for sender in (0x0A000001, 0x0A000002, 0x0A000003, 0x0A000002):
        greet.test_run(to_bytes(Ethernet()) + to_bytes(IPv4(src=sender)))
    print("new senders:", new_senders.value)
    print(0x0A000003 in known, 0x0A000004 in known)
