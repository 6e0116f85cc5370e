"""HashOfMaps: a map of packets by sender for each port that is watched; ports come and go."""

from osmia import HashMap, HashOfMaps, XdpAction, XdpContext, be16, be32, sizeof, to_bytes, u64, xdp
from osmia.headers import Ethernet, IPv4, Udp

watched = HashOfMaps(be16, HashMap(be32, u64, max_entries=1024), max_entries=16)
dns = HashMap(be32, u64, max_entries=1024)


@xdp
def watch(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    udp = ctx.packet.at(Udp, sizeof(Ethernet) + sizeof(IPv4))
    if ip is None or udp is None:
        return XdpAction.PASS
    senders = watched.lookup(udp.dst)  # a map, on which all operations of its type work
    if senders is not None:
        packets = senders.lookup_or_init(ip.src, 0)
        if packets is not None:
            packets.fetch_add(1)
    return XdpAction.PASS


if __name__ == "__main__":
    watch.load()
    dns.create()
    watched[53] = dns
    for sender, port in ((1, 53), (2, 53), (1, 80), (1, 53)):
        headers = Ethernet(), IPv4(src=0x0A000000 + sender), Udp(dst=port)
        watch.test_run(b"".join(map(to_bytes, headers)))
    print({port: {hex(sender): packets for sender, packets in senders.items()} for port, senders in watched.items()})
    del watched[53]
    print(list(watched), len(dns))
