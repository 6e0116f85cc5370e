"""Helpers about a packet above the driver: its hash, its time, its marks of congestion, where it comes from."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.vm.contexts.structs import ETHERNET, IPV4, IPV6
from osmia.vm.helpers.packet_bytes import packet_of
from osmia.vm.helpers.packet_shape import VLAN, VLAN_PROTOCOLS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.contexts import Context
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

REALTIME, MONOTONIC, TAI = 0, 1, 2
"""BPF_SKB_CLOCK_*."""
TCP, UDP = 6, 17
_U16 = 0xFFFF


def get_hash_recalc(run: Execution, *_: int) -> int:
    """The packet's hash: the one that was set, or one of its addresses and ports, the same on every machine."""
    from binascii import crc32

    context = run.context
    if context.number("hash") or context.hash_set:
        return context.number("hash")
    network = packet_of(run).data[context.network :]
    protocol = context.number("protocol")
    flow = b""
    if protocol == IPV4 and len(network) >= 20:
        behind = network[(network[0] & 15) * 4 :]
        flow = network[9:10] + network[12:20] + (behind[:4] if network[9] in (TCP, UDP) else b"")
    elif protocol == IPV6 and len(network) >= 40:
        flow = network[6:7] + network[8:40] + (network[40:44] if network[6] in (TCP, UDP) else b"")
    found = crc32(flow) or 1
    context.set("hash", found)
    context.hash_set = True
    return found


def set_hash(run: Execution, _context: int, value: int, *_: int) -> int:
    """Set it."""
    run.context.set("hash", value & 0xFFFF_FFFF)
    run.context.hash_set = True
    return 0


def set_hash_invalid(run: Execution, *_: int) -> int:
    """Forget it."""
    run.context.set("hash", 0)
    run.context.hash_set = False
    return 0


def skb_set_tstamp(run: Execution, _context: int, time: int, kind: int, *_: int) -> int:
    """Set when the packet shall be sent, and by which clock."""
    context, kind = run.context, kind & 0xFFFF_FFFF
    if context.number("protocol") not in (IPV4, IPV6):
        return -errno.EOPNOTSUPP
    if kind not in (REALTIME, MONOTONIC, TAI) or (kind != REALTIME and not time):
        return -errno.EINVAL
    context.set("tstamp", time)
    context.set("tstamp_type", kind)
    return 0


def _behind_tags(context: Context, data: bytes) -> int:
    """The protocol behind the tags of VLANs; 0 where the packet ends before."""
    protocol, at = context.number("protocol"), context.mac_length - VLAN if context.mac_length else ETHERNET
    while protocol in VLAN_PROTOCOLS:
        if at + VLAN > len(data):
            return 0
        protocol = int.from_bytes(data[at + 2 : at + VLAN], "big")
        at += VLAN
    return protocol


def skb_ecn_set_ce(run: Execution, *_: int) -> int:
    """Mark the packet for congestion: 1 if it is marked now, 0 where its ends do not know of such marks."""
    context, packet = run.context, packet_of(run)
    protocol, memory = _behind_tags(context, packet.data), run.machine.memory
    # Where the kernel's notes say that the IP header lies: a tag in the packet's bytes is there in its place.
    header = packet.start + context.network
    if protocol == IPV4 and header + 20 <= packet.end:
        mark = memory.number(header + 1, 1) & 3
        if mark in (1, 2):
            check = int.from_bytes(memory.read(header + 10, 2), "big") + 0xFFFC + mark
            memory.data[header + 10 : header + 12] = ((check & _U16) + (check >> 16)).to_bytes(2, "big")
            memory.put(header + 1, 1, memory.number(header + 1, 1) | 3)
        return int(mark != 0)
    if protocol == IPV6 and header + 40 <= packet.end:
        mark = memory.number(header + 1, 1) >> 4 & 3
        if mark:
            memory.put(header + 1, 1, memory.number(header + 1, 1) | 0x30)
        return int(mark != 0)
    return 0


def get_route_realm(*_: object) -> int:
    """The realm of the packet's route: no packet of a machine's has one."""
    return 0


def skb_get_xfrm_state(run: Execution, _context: int, _index: int, into: int, size: int, *_: int) -> int:
    """What IPsec did to the packet: nothing."""
    run.write(into, bytes(size), "skb_get_xfrm_state's xfrm_state: write")
    return -errno.EINVAL


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_get_hash_recalc: get_hash_recalc,
    ids.BPF_FUNC_set_hash: set_hash,
    ids.BPF_FUNC_set_hash_invalid: set_hash_invalid,
    ids.BPF_FUNC_skb_set_tstamp: skb_set_tstamp,
    ids.BPF_FUNC_skb_ecn_set_ce: skb_ecn_set_ce,
    ids.BPF_FUNC_get_route_realm: get_route_realm,
    ids.BPF_FUNC_skb_get_xfrm_state: skb_get_xfrm_state,
}
