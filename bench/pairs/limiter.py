"""A token bucket for each IPv4 source: what comes faster than RATE, beyond a burst, is dropped."""

from osmia import HashMap, SpinLock, XdpAction, XdpContext, be32, sizeof, spin_lock, struct, u64, xdp
from osmia.headers import Ethernet, EtherType, IPv4

RATE = 1_000  # bytes a second
BURST = 10_000  # bytes
SECOND = 1_000_000_000


@struct
class Bucket:
    """Of one source."""

    lock: SpinLock = spin_lock()
    tokens: u64 = 0
    last: u64 = 0


buckets = HashMap(be32, Bucket, max_entries=16384)


@xdp
def limit_rate(ctx: XdpContext) -> XdpAction:
    """Let a packet pass if there are tokens for its bytes."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None:
        return XdpAction.PASS
    size = len(ctx.packet)
    now = ctx.ktime_get_ns()
    bucket = buckets.lookup(ip.src)
    if bucket is None:
        buckets.update(ip.src, Bucket(tokens=BURST - min(size, BURST), last=now))
        return XdpAction.PASS
    with bucket.lock:
        bucket.tokens = min(bucket.tokens + (now - bucket.last) * RATE // SECOND, BURST)
        bucket.last = now
        if bucket.tokens < size:
            return XdpAction.DROP
        bucket.tokens -= size
    return XdpAction.PASS
