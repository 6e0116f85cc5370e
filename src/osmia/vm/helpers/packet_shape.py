"""Helpers that make packets longer, shorter, and of another protocol."""

from __future__ import annotations

import errno

from osmia.abi.generated import flags as of
from osmia.abi.generated import helper_ids as ids
from osmia.errors import ENOTSUPP
from osmia.vm.arithmetic import signed
from osmia.vm.contexts.structs import ETHERNET, IPV4, IPV6, ethernet_protocol
from osmia.vm.helpers.packet_bytes import packet_of
from osmia.vm.memory import READY
from osmia.vm.packet import MOST_OF_SKB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

XDP_FRAME = 40
"""What the kernel keeps for itself at the start of a packet's memory (struct xdp_frame)."""
LARGEST_META = 255
NET, MAC = 0, 1
"""BPF_ADJ_ROOM_*: behind the IP header, or before it."""
MOST_ROOM = 0xFFF
BEHIND_CHECKSUM = 14
"""What of a TCP header with time stamps lies behind its checksum, which is still to be computed on the loopback."""
HEADER = {IPV4: 20, IPV6: 40}
_V6_MORE = HEADER[IPV6] - HEADER[IPV4]
_ENCAP_L3 = of.BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | of.BPF_F_ADJ_ROOM_ENCAP_L3_IPV6
_ENCAP_L4 = of.BPF_F_ADJ_ROOM_ENCAP_L4_GRE | of.BPF_F_ADJ_ROOM_ENCAP_L4_UDP
_DECAP_L3 = of.BPF_F_ADJ_ROOM_DECAP_L3_IPV4 | of.BPF_F_ADJ_ROOM_DECAP_L3_IPV6
_L2_SHIFT = 56
"""BPF_ADJ_ROOM_ENCAP_L2_SHIFT: the uppermost byte is how long the header inside is."""
_ROOM_FLAGS = (
    of.BPF_F_ADJ_ROOM_FIXED_GSO
    | of.BPF_F_ADJ_ROOM_NO_CSUM_RESET
    | of.BPF_F_ADJ_ROOM_ENCAP_L2_ETH
    | _ENCAP_L3
    | _ENCAP_L4
    | _DECAP_L3
    | 0xFF << _L2_SHIFT
)
_SHRINK_FLAGS = of.BPF_F_ADJ_ROOM_FIXED_GSO | of.BPF_F_ADJ_ROOM_NO_CSUM_RESET | _DECAP_L3
VLAN = 4
VLAN_PROTOCOLS = (0x8100, 0x88A8)
HIGHEST_TYPE = 3
"""PACKET_OTHERHOST: packets are made no other type than those up to it."""


# Packets in the driver


def xdp_adjust_head(run: Execution, _context: int, delta: int, *_: int) -> int:
    """Move the packet's start; the metadata moves with it."""
    packet, delta = packet_of(run), signed(delta & 0xFFFF_FFFF, 32)
    start, meta = packet.start + delta, packet.start - packet.meta
    if start < packet.hard_start + XDP_FRAME + meta or start > packet.end - ETHERNET:
        return -errno.EINVAL
    before, unwritten = run.machine.memory.read(packet.meta, meta), packet.unwritten[:meta]
    new = max(packet.lowest - start, 0)  # a driver leaves there what lay in its memory before
    packet.resize(start, packet.end, start - meta)
    run.machine.memory.data[start - meta : start] = before
    run.machine.memory.paint(start - meta, meta, READY)
    _leave_unwritten(run, unwritten + bytes([1]) * new, -meta)
    return 0


def xdp_adjust_meta(run: Execution, _context: int, delta: int, *_: int) -> int:
    """Move the start of the metadata."""
    packet, delta = packet_of(run), signed(delta & 0xFFFF_FFFF, 32)
    meta = packet.meta + delta
    if meta < packet.hard_start + XDP_FRAME or meta > packet.start:
        return -errno.EINVAL
    if (packet.start - meta) % 4 or packet.start - meta > LARGEST_META:
        return -errno.EACCES
    new = max(packet.lowest - meta, 0)
    packet.resize(packet.start, packet.end, meta)
    _leave_unwritten(run, bytes([1]) * new, meta - packet.start)
    return 0


def xdp_adjust_tail(run: Execution, _context: int, delta: int, *_: int) -> int:
    """Move the packet's end; what is new are zeros."""
    packet, delta = packet_of(run), signed(delta & 0xFFFF_FFFF, 32)
    old, end = packet.end, packet.end + delta
    if end > packet.hard_end or end < packet.start + ETHERNET:
        return -errno.EINVAL
    packet.resize(packet.start, end, packet.meta)
    if delta > 0:
        run.machine.memory.data[old:end] = bytes(delta)
    return 0


# Packets above it


def _insert(run: Execution, offset: int, data: bytes) -> None:
    """Put bytes into a packet; the headers before them come before.

    Behind its end they are not in it: the kernel shows what lay there up to them, which nobody has written.
    """
    packet = packet_of(run)
    before, unwritten = packet.data, packet.unwritten
    behind = min(max(offset - len(before), 0), len(data))
    filled = bytes([1]) * behind + bytes(len(data) - behind)
    packet.replace(before[:offset] + data + before[offset:])
    _leave_unwritten(run, unwritten[:offset] + filled + unwritten[offset:])
    _move_transport(run, len(data))


def _cut(run: Execution, offset: int, size: int) -> int:
    """Take bytes out of a packet."""
    packet = packet_of(run)
    before, unwritten = packet.data, packet.unwritten
    if offset + size > len(before):
        return -errno.ENOMEM
    packet.replace(before[:offset] + before[offset + size :])
    _leave_unwritten(run, unwritten[:offset] + unwritten[offset + size :])
    _move_transport(run, -size)
    return 0


def _leave_unwritten(run: Execution, unwritten: bytes, offset: int = 0) -> None:
    if not run.machine.allow_uninitialised:
        packet_of(run).leave_unwritten(offset, unwritten)


def _move_transport(run: Execution, size: int) -> None:
    """Note where a header lies now that was put around the packet."""
    if run.context.transport is not None:
        run.context.transport += size


def skb_change_tail(run: Execution, _context: int, size: int, flags: int, *_: int) -> int:
    """Cut a packet, or make it longer by zeros."""
    packet, size = packet_of(run), size & 0xFFFF_FFFF
    if flags or size > MOST_OF_SKB or size < _shortest(run):
        return -errno.EINVAL
    if run.context.encapsulated:
        return -ENOTSUPP
    unwritten = packet.unwritten[:size]
    packet.replace(packet.data[:size].ljust(size, b"\0"))
    _leave_unwritten(run, unwritten)
    return 0


def _shortest(run: Execution) -> int:
    """How short a packet may be made: its headers stay, and of a TCP stream what lies up to the end of the checksum."""
    if run.program.kind.name == "sk_skb":
        return run.context.pushed - BEHIND_CHECKSUM
    transport = run.context.transport
    return transport if transport is not None and transport > 0 else run.context.network


def skb_change_head(run: Execution, _context: int, size: int, flags: int, *_: int) -> int:
    """Put zeros before a packet."""
    packet, size = packet_of(run), size & 0xFFFF_FFFF
    if flags or signed(size, 32) < 0 or packet.size + size > MOST_OF_SKB:
        return -errno.EINVAL
    unwritten = packet.unwritten
    packet.replace(bytes(size) + packet.data)
    _leave_unwritten(run, bytes(size) + unwritten)
    _move_transport(run, size)
    run.context.network += size
    run.context.pushed += size
    run.context.mac_length = run.context.network
    return 0


def _change_protocol(run: Execution, protocol: int) -> None:
    run.context.set("protocol", protocol)


def skb_change_proto(run: Execution, _context: int, protocol: int, flags: int, *_: int) -> int:
    """Make room for the header of IPv6 in place of IPv4's, or the other way round; the program fills it."""
    if flags:
        return -errno.EINVAL
    context, wanted = run.context, int.from_bytes((protocol & 0xFFFF).to_bytes(2, "little"), "big")
    ways = {(IPV4, IPV6): _V6_MORE, (IPV6, IPV4): -_V6_MORE}
    more = ways.get((context.number("protocol"), wanted))
    if more is None:
        return -ENOTSUPP
    if more > 0:
        _insert(run, context.network, bytes(more))
    elif problem := _cut(run, context.network, -more):
        return problem
    _change_protocol(run, wanted)
    context.set("hash", 0)
    return 0


def skb_change_type(run: Execution, _context: int, kind: int, *_: int) -> int:
    """Say whom a packet is for."""
    kind &= 0xFFFF_FFFF
    if kind > HIGHEST_TYPE or run.context.number("pkt_type") > HIGHEST_TYPE:
        return -errno.EINVAL
    run.context.set("pkt_type", kind)
    return 0


def skb_adjust_room(run: Execution, _context: int, difference: int, mode: int, flags: int, *_: int) -> int:
    """Make room in a packet, or take some away, before its IP header or behind it."""
    difference, mode = signed(difference & 0xFFFF_FFFF, 32), mode & 0xFFFF_FFFF
    if run.program.kind.name == "sk_skb":
        return _adjust_stream(run, difference, mode, flags)
    context, size = run.context, abs(difference)
    protocol = context.number("protocol")
    if flags & ~_ROOM_FLAGS:
        return -errno.EINVAL
    if size > MOST_ROOM:
        return -errno.EFAULT
    if protocol not in HEADER or mode not in (NET, MAC):
        return -ENOTSUPP
    least = HEADER[protocol]
    if flags & _DECAP_L3:
        if difference >= 0 or flags & _DECAP_L3 == _DECAP_L3:
            return -errno.EINVAL
        least = HEADER[IPV4 if flags & of.BPF_F_ADJ_ROOM_DECAP_L3_IPV4 else IPV6]
    offset = context.network + (HEADER[protocol] if mode == NET else 0)
    packet = packet_of(run)
    behind = packet.size - context.network
    too_small = difference < 0 and (size >= behind or behind - size < least)
    if too_small or (difference >= 0 and packet.size + size > MOST_OF_SKB):
        return -ENOTSUPP
    problem = _shrink(run, offset, size, flags) if difference < 0 else _grow(run, offset, size, flags)
    if not problem and not flags & of.BPF_F_ADJ_ROOM_NO_CSUM_RESET:
        context.checked_sums = None
    return problem


def _adjust_stream(run: Execution, difference: int, mode: int, flags: int) -> int:
    """The same of what a socket receives: at its start."""
    packet = packet_of(run)
    if flags or mode:
        return -errno.EINVAL
    if abs(difference) > MOST_ROOM:
        return -errno.EFAULT
    if -difference > packet.size:
        return -errno.ENOMEM
    packet.replace(bytes(difference) + packet.data if difference >= 0 else packet.data[-difference:])
    run.context.pushed += difference
    return 0


def _grow(run: Execution, offset: int, size: int, flags: int) -> int:
    context, inner = run.context, flags >> _L2_SHIFT
    encap = flags & _ENCAP_L3
    protocol = context.number("protocol")
    if encap:
        ethernet = flags & of.BPF_F_ADJ_ROOM_ENCAP_L2_ETH and inner < ETHERNET
        if encap == _ENCAP_L3 or flags & _ENCAP_L4 == _ENCAP_L4 or ethernet:
            return -errno.EINVAL
        if context.encapsulated:
            return -errno.EALREADY
        if inner > size:
            return -errno.EINVAL
    _insert(run, offset, bytes(size))
    if encap:
        context.encapsulated = True
        outer = IPV6 if encap == of.BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 else IPV4
        if outer != protocol:
            _change_protocol(run, outer)
        if flags & _ENCAP_L4:
            context.transport = context.network + HEADER[outer]
    return 0


def _shrink(run: Execution, offset: int, size: int, flags: int) -> int:
    if flags & ~_SHRINK_FLAGS:
        return -errno.EINVAL
    problem = _cut(run, offset, size)
    if problem:
        return problem
    if flags & _DECAP_L3:
        inner = IPV4 if flags & of.BPF_F_ADJ_ROOM_DECAP_L3_IPV4 else IPV6
        if inner != run.context.number("protocol"):
            _change_protocol(run, inner)
    return 0


# Tags of VLANs


def skb_vlan_push(run: Execution, _context: int, protocol: int, tci: int, *_: int) -> int:
    """Give a packet a tag, beside its bytes; one that it has there goes into them."""
    context, given = run.context, int.from_bytes((protocol & 0xFFFF).to_bytes(2, "little"), "big")
    if context.number("vlan_present"):
        outer = context.number("vlan_proto")
        tag = context.number("vlan_tci").to_bytes(2, "big")
        _insert(run, 2 * 6, outer.to_bytes(2, "big") + tag)
        _change_protocol(run, outer)
    context.set("vlan_present", 1)
    context.set("vlan_proto", given if given in VLAN_PROTOCOLS else VLAN_PROTOCOLS[0])
    context.set("vlan_tci", tci & 0xFFFF)
    context.mac_length = context.network
    return 0


def skb_vlan_pop(run: Execution, *_: int) -> int:
    """Take a packet's outer tag away; the next one goes beside its bytes."""
    context = run.context
    if context.number("vlan_present"):
        for name in ("vlan_present", "vlan_proto", "vlan_tci"):
            context.set(name, 0)
    else:
        if context.number("protocol") not in VLAN_PROTOCOLS:
            return 0
        problem, tci = _take_tag(run)
        if problem:
            return problem
    outer = context.number("protocol")
    if outer not in VLAN_PROTOCOLS:
        return 0
    problem, tci = _take_tag(run)
    if problem:
        return problem
    context.set("vlan_present", 1)
    context.set("vlan_proto", outer)
    context.set("vlan_tci", tci)
    return 0


def _take_tag(run: Execution) -> tuple[int, int]:
    """Take the tag out of a packet's bytes: a negative error number or 0, and what it held."""
    data = packet_of(run).data
    if len(data) < ETHERNET + VLAN:
        return -errno.ENOMEM, 0
    _cut(run, 2 * 6, VLAN)
    _change_protocol(run, ethernet_protocol(data[16:]))
    run.context.network = run.context.mac_length = max(run.context.network - VLAN, ETHERNET)
    return 0, int.from_bytes(data[14:16], "big")


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_xdp_adjust_head: xdp_adjust_head,
    ids.BPF_FUNC_xdp_adjust_meta: xdp_adjust_meta,
    ids.BPF_FUNC_xdp_adjust_tail: xdp_adjust_tail,
    ids.BPF_FUNC_skb_change_tail: skb_change_tail,
    ids.BPF_FUNC_skb_change_head: skb_change_head,
    ids.BPF_FUNC_skb_change_proto: skb_change_proto,
    ids.BPF_FUNC_skb_change_type: skb_change_type,
    ids.BPF_FUNC_skb_adjust_room: skb_adjust_room,
    ids.BPF_FUNC_skb_vlan_push: skb_vlan_push,
    ids.BPF_FUNC_skb_vlan_pop: skb_vlan_pop,
}
