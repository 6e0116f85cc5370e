"""Let each IPv4 sender have so many bytes a second, and drop the rest: `python rate_limit.py eth0 1000000`.

What comes in is limited, and what goes out; what may go out gets a priority. Since Linux 6.6.
"""

import sys
import time
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Final

from osmia import (
    HashMap,
    Packet,
    SpinLock,
    TcAction,
    TcContext,
    XdpAction,
    XdpContext,
    be32,
    setting,
    sizeof,
    spin_lock,
    struct,
    tc,
    u64,
    xdp,
)
from osmia.headers import Ethernet, EtherType, IPv4

RATE: Final = setting(u64, 1_000_000)
SECOND: Final = 1_000_000_000
PRIORITY: Final = 7


@struct
class Bucket:
    """What a sender may still send, in bytes, and when that was counted, in nanoseconds."""

    lock: SpinLock = spin_lock()
    tokens: u64 = 0
    last: u64 = 0
    dropped: u64 = 0


buckets = HashMap(be32, Bucket, max_entries=4096)


def allowed(packet: Packet, size: int, now: int) -> bool:
    """Take the packet's bytes out of its sender's bucket, which fills up as time goes by: whether they were in it."""
    eth, ip = packet.at(Ethernet, 0), packet.at(IPv4, sizeof(Ethernet))
    if eth is None or ip is None or eth.ether_type != EtherType.IPV4:
        return True
    bucket = buckets.lookup(ip.src)
    if bucket is None:
        buckets.update(ip.src, Bucket(tokens=RATE, last=now))
        return True
    with bucket.lock:
        # A bucket is full after a second: what is older fills it no further, and the product stays below 64 bits.
        passed = min(now - bucket.last, SECOND) if now > bucket.last else 0
        bucket.tokens = min(RATE, bucket.tokens + passed * RATE // SECOND)
        bucket.last = now
        if bucket.tokens < size:
            bucket.dropped += 1
            return False
        bucket.tokens -= size
        return True


@xdp
def limit(ctx: XdpContext) -> XdpAction:
    """Limit what comes in."""
    return XdpAction.PASS if allowed(ctx.packet, len(ctx.packet), ctx.ktime_get_ns()) else XdpAction.DROP


@tc("egress")
def limit_sent(ctx: TcContext) -> TcAction:
    """Limit what goes out."""
    if not allowed(ctx.packet, ctx.len, ctx.ktime_get_ns()):
        return TcAction.SHOT
    ctx.priority = PRIORITY
    return TcAction.OK


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    settings = {"RATE": int(sys.argv[2])} if len(sys.argv) > 2 else None
    limit.load(settings=settings)
    limit_sent.load(settings=settings)
    with suppress(KeyboardInterrupt), limit.attach(sys.argv[1]), limit_sent.attach(sys.argv[1]):
        while True:
            print({str(IPv4Address(address)): bucket.dropped for address, bucket in buckets.items()}, flush=True)
            time.sleep(1)
