"""Let each IPv4 sender have so many bytes a second, and drop the rest: `python rate_limit.py eth0 1000000`."""

import sys
import time
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Final

from osmia import HashMap, SpinLock, XdpAction, XdpContext, be32, setting, sizeof, spin_lock, struct, u64, xdp
from osmia.headers import Ethernet, EtherType, IPv4

RATE: Final = setting(u64, 1_000_000)
SECOND: Final = 1_000_000_000


@struct
class Bucket:
    """What a sender may still send, in bytes, and when that was counted, in nanoseconds."""

    lock: SpinLock = spin_lock()
    tokens: u64 = 0
    last: u64 = 0
    dropped: u64 = 0


buckets = HashMap(be32, Bucket, max_entries=4096)


@xdp
def limit(ctx: XdpContext) -> XdpAction:
    """Take the packet's bytes out of its sender's bucket, which fills up as time goes by."""
    eth, ip = ctx.packet.at(Ethernet, 0), ctx.packet.at(IPv4, sizeof(Ethernet))
    if eth is None or ip is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS
    size, now = len(ctx.packet), ctx.ktime_get_ns()
    bucket = buckets.lookup(ip.src)
    if bucket is None:
        buckets.update(ip.src, Bucket(tokens=RATE, last=now))
        return XdpAction.PASS
    with bucket.lock:
        # A bucket is full after a second: what is older fills it no further, and the product stays below 64 bits.
        passed = min(now - bucket.last, SECOND) if now > bucket.last else 0
        bucket.tokens = min(RATE, bucket.tokens + passed * RATE // SECOND)
        bucket.last = now
        if bucket.tokens < size:
            bucket.dropped += 1
            return XdpAction.DROP
        bucket.tokens -= size
        return XdpAction.PASS


if __name__ == "__main__":
    limit.load(settings={"RATE": int(sys.argv[2])} if len(sys.argv) > 2 else None)
    with suppress(KeyboardInterrupt), limit.attach(sys.argv[1]):
        while True:
            print({str(IPv4Address(address)): bucket.dropped for address, bucket in buckets.items()}, flush=True)
            time.sleep(1)
