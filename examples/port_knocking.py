"""Open SSH to whoever knocks at the right ports in the right order: `python port_knocking.py eth0`."""

import sys
import time
from contextlib import suppress
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Final

from osmia import LruHashMap, XdpAction, XdpContext, be32, sizeof, xdp
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Tcp


class State(IntEnum):
    """How far a sender has come."""

    CLOSED = 0
    FIRST = 1
    SECOND = 2
    OPEN = 3


KNOCKS: Final = (7000, 8000, 9000)
SSH: Final = 22

states = LruHashMap(be32, State, max_entries=4096)


@xdp
def knock(ctx: XdpContext) -> XdpAction:
    """Let TCP through to SSH from those who are through, take knocks from all, and leave the rest alone."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None or ip.protocol != IpProto.TCP:
        return XdpAction.PASS
    tcp = ctx.packet.at(Tcp, sizeof(Ethernet) + ip.header_length)
    if tcp is None:
        return XdpAction.PASS
    port = tcp.dst
    if port != SSH and port not in KNOCKS:
        return XdpAction.PASS
    state = states.lookup_or_init(ip.src, State.CLOSED)
    if state is None:
        return XdpAction.DROP
    if port == SSH:
        return XdpAction.PASS if state.value == State.OPEN else XdpAction.DROP
    match state.value, port:
        case State.OPEN, _:
            pass
        case State.CLOSED, 7000:
            state.value = State.FIRST
        case State.FIRST, 8000:
            state.value = State.SECOND
        case State.SECOND, 9000:
            state.value = State.OPEN
        case _:
            state.value = State.CLOSED
    return XdpAction.DROP


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt), knock.attach(sys.argv[1]):
        while True:
            print({str(IPv4Address(address)): state.name for address, state in states.items()}, flush=True)
            time.sleep(1)
