"""Events of two rings and what kernel code logs, read by asyncio until Ctrl-C: `python events_and_logs.py eth0`."""

import asyncio
import sys
from collections.abc import AsyncIterable
from contextlib import suppress
from logging import LogRecord

from osmia import RingBuf, XdpAction, XdpContext, be32, log, sizeof, struct, u16, u32, xdp
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Udp


@struct
class Datagram:
    """A UDP packet that came in."""

    source: be32
    port: u16 = 0


datagrams = RingBuf(Datagram, size=1 << 16)
lengths = RingBuf(u32, size=1 << 16)


@xdp
def watch(ctx: XdpContext) -> XdpAction:
    """Report each packet's length, and where UDP comes from; log what is no IPv4."""
    lengths.output(len(ctx.packet))
    eth = ctx.packet.at(Ethernet, 0)
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if eth is None or ip is None or eth.ether_type != EtherType.IPV4:
        log.info(f"{len(ctx.packet)} bytes that are no IPv4")
        return XdpAction.PASS
    udp = ctx.packet.at(Udp, sizeof(Ethernet) + sizeof(IPv4))
    if ip.protocol == IpProto.UDP and udp is not None:
        with datagrams.reserve() as datagram:
            if datagram is not None:
                datagram.source, datagram.port = ip.src, udp.dst
    return XdpAction.PASS


async def show_datagrams() -> None:
    """Print where datagrams come from."""
    async for datagram in datagrams:
        print(f"UDP from {datagram.source:#010x} to port {datagram.port}", flush=True)


async def add_up() -> None:
    """Print how many bytes came in."""
    total = 0
    async for length in lengths:
        total += length
        print(f"{total} bytes", flush=True)


async def show_logs(records: AsyncIterable[LogRecord]) -> None:
    """Print what kernel code logs."""
    async for record in records:
        print(f"{record.levelname} {record.getMessage()}", flush=True)


async def main(interface: str) -> None:
    """Do all three at once."""
    with log.records() as records, watch.attach(interface):
        print(f"watching {interface}", flush=True)
        await asyncio.gather(show_datagrams(), add_up(), show_logs(records))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1]))
