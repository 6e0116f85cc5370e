"""LpmTrie: drop what comes from blocked networks, and count it by the longest prefix that holds the sender."""

from ipaddress import IPv4Address

from osmia import LpmTrie, XdpAction, XdpContext, be32, sizeof, to_bytes, u64, xdp
from osmia.headers import Ethernet, IPv4

blocked = LpmTrie(be32, u64, max_entries=1024)


@xdp
def firewall(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None:
        return XdpAction.PASS
    hits = blocked.lookup(ip.src)  # an address: the longest prefix that holds it
    if hits is None:
        return XdpAction.PASS
    hits.fetch_add(1)
    return XdpAction.DROP


if __name__ == "__main__":
    firewall.load()
    blocked.update({"10.0.0.0/8": 0, "10.1.0.0/16": 0})  # prefixes: each is a key of its own
    for sender in ("10.1.2.3", "10.1.9.9", "10.200.0.1", "192.0.2.1"):
        packet = to_bytes(Ethernet()) + to_bytes(IPv4(src=int(IPv4Address(sender))))
        print(sender, firewall.test_run(packet).action.name)
    print({str(prefix): hits for prefix, hits in blocked.items()})
    print("10.1.0.0/17" in blocked, blocked.match("10.1.2.3"))
