"""XDP programs that read and write packets, as users write them. test_packets.py runs them."""

from enum import IntEnum
from typing import Final

from osmia import (
    Array,
    FixedArray,
    HashMap,
    Packet,
    XdpAction,
    XdpContext,
    array,
    be16,
    be32,
    func,
    i32,
    i64,
    struct,
    u8,
    u16,
    u32,
    u64,
    xdp,
)
from osmia.checksum import (
    checksum,
    checksum_replace,
    checksum_replace32,
    ipv4_checksum,
    ipv4_pseudo_sum,
    ipv6_pseudo_sum,
)
from osmia.headers import (
    Ethernet,
    EtherType,
    Gre,
    Icmp,
    IcmpType,
    IpProto,
    IPv4,
    IPv6,
    IPv6Extension,
    IPv6Fragment,
    Tcp,
    TcpFlags,
    Udp,
    Vlan,
    Vxlan,
)
from osmia.structs import sizeof

VXLAN_PORT = 4789
ADDRESS = 0xC6336408  # 198.51.100.8


@struct
class Seen:
    source: u64 = 0
    target: u64 = 0
    protocol: u64 = 0
    vlans: u64 = 0
    offset: u64 = 0
    other: u64 = 0


seen = Array(Seen, max_entries=1)
at = Array(u64, max_entries=1)


def after_vlans(packet: Packet) -> tuple[int, int, int]:
    """What follows the Ethernet header and up to two VLAN headers: its type, its offset, how many VLANs."""
    eth = packet.at(Ethernet, 0)
    if eth is None:
        return 0, 0, 0
    kind, offset, vlans = eth.ether_type, sizeof(Ethernet), 0
    for _ in range(2):
        if kind not in (EtherType.VLAN, EtherType.QINQ):
            break
        vlan = packet.at(Vlan, offset)
        if vlan is None:
            return 0, 0, 0
        kind = vlan.ether_type
        offset += sizeof(Vlan)
        vlans += 1
    return kind, offset, vlans


def after_extensions(packet: Packet, offset: int, following: int) -> tuple[int, int]:
    """The protocol behind an IPv6 header's extensions, and where it begins; NONE if there are too many."""
    for _ in range(6):
        match following:
            case IpProto.HOPOPTS | IpProto.ROUTING | IpProto.DSTOPTS:
                extension = packet.at(IPv6Extension, offset)
                if extension is None:
                    return IpProto.NONE, offset
                following = extension.next_header
                offset += extension.header_length
            case IpProto.FRAGMENT:
                fragment = packet.at(IPv6Fragment, offset)
                if fragment is None or fragment.fragment_offset != 0:
                    return IpProto.NONE, offset
                following = fragment.next_header
                offset += sizeof(IPv6Fragment)
            case _:
                return following, offset
    return IpProto.NONE, offset


@xdp
def ports(ctx: XdpContext) -> XdpAction:
    """The ports of TCP or UDP over IPv4 or IPv6."""
    found = seen.lookup(0)
    if found is None:
        return XdpAction.ABORTED
    kind, offset, vlans = after_vlans(ctx.packet)
    found.vlans = vlans
    if kind == EtherType.IPV4:
        ip = ctx.packet.at(IPv4, offset)
        if ip is None or ip.header_length < sizeof(IPv4):
            return XdpAction.DROP
        protocol: int = ip.protocol
        offset += ip.header_length
    elif kind == EtherType.IPV6:
        ip6 = ctx.packet.at(IPv6, offset)
        if ip6 is None:
            return XdpAction.DROP
        protocol, offset = after_extensions(ctx.packet, offset + sizeof(IPv6), ip6.next_header)
    else:
        return XdpAction.PASS
    found.protocol = protocol
    found.offset = offset
    if protocol == IpProto.TCP:
        tcp = ctx.packet.at(Tcp, offset)
        if tcp is None:
            return XdpAction.DROP
        found.source, found.target = tcp.src, tcp.dst
    elif protocol == IpProto.UDP:
        udp = ctx.packet.at(Udp, offset)
        if udp is None:
            return XdpAction.DROP
        found.source, found.target = udp.src, udp.dst
    else:
        return XdpAction.PASS
    return XdpAction.TX


@xdp
def mss(ctx: XdpContext) -> XdpAction:
    """The maximum segment size that a TCP SYN offers."""
    found = seen.lookup(0)
    ip = ctx.packet.at(IPv4, 14)
    if found is None or ip is None:
        return XdpAction.ABORTED
    start = 14 + ip.header_length
    tcp = ctx.packet.at(Tcp, start)
    if tcp is None or not tcp.flags & TcpFlags.SYN:
        return XdpAction.PASS
    end = start + tcp.header_length
    offset = start + sizeof(Tcp)
    for _ in range(20):
        if offset >= end:
            break
        kind = ctx.packet.at(u8, offset)
        if kind is None or kind.value == 0:
            break
        if kind.value == 1:
            offset += 1
            continue
        length = ctx.packet.at(u8, offset + 1)
        if length is None or length.value < 2:
            return XdpAction.DROP
        if kind.value == 2:
            size = ctx.packet.at(be16, offset + 2)
            if size is None:
                return XdpAction.DROP
            found.other = size.value
            return XdpAction.TX
        offset += length.value
    return XdpAction.PASS


@xdp
def tunnels(ctx: XdpContext) -> XdpAction:
    """The destination of the inner IPv4 packet of GRE or VXLAN; the type of an ICMP message."""
    found = seen.lookup(0)
    ip = ctx.packet.at(IPv4, 14)
    if found is None or ip is None:
        return XdpAction.ABORTED
    offset = 14 + ip.header_length
    match ip.protocol:
        case IpProto.GRE:
            gre = ctx.packet.at(Gre, offset)
            if gre is None or gre.protocol != EtherType.IPV4:
                return XdpAction.DROP
            offset += gre.header_length
        case IpProto.UDP:
            udp = ctx.packet.at(Udp, offset)
            if udp is None or udp.dst != VXLAN_PORT:
                return XdpAction.PASS
            vxlan = ctx.packet.at(Vxlan, offset + sizeof(Udp))
            if vxlan is None or not vxlan.has_vni:
                return XdpAction.DROP
            found.other = vxlan.vni
            offset += sizeof(Udp) + sizeof(Vxlan) + sizeof(Ethernet)
        case IpProto.ICMP:
            icmp = ctx.packet.at(Icmp, offset)
            if icmp is None:
                return XdpAction.DROP
            found.other = icmp.id << 16 | icmp.sequence
            return XdpAction.TX if icmp.type == IcmpType.ECHO else XdpAction.PASS
        case _:
            return XdpAction.PASS
    inner = ctx.packet.at(IPv4, offset)
    if inner is None:
        return XdpAction.DROP
    found.target = inner.dst
    return XdpAction.TX


@xdp
def reads_at(ctx: XdpContext) -> XdpAction:
    """Two bytes at an offset that may be anything, and the packet's length."""
    where = at.lookup(0)
    found = seen.lookup(0)
    if where is None or found is None:
        return XdpAction.ABORTED
    found.offset = len(ctx.packet)
    word = ctx.packet.at(be16, where.value)
    found.other = 0 if word is None else word.value
    return XdpAction.PASS if word is None else XdpAction.TX


@xdp
def reads_last(ctx: XdpContext) -> XdpAction:
    """The byte so many before the end, which may be one before the start."""
    where = at.lookup(0)
    found = seen.lookup(0)
    if where is None or found is None:
        return XdpAction.ABORTED
    byte = ctx.packet.at(u8, len(ctx.packet) - u32(where.value))
    if byte is None:
        return XdpAction.PASS
    found.other = byte.value
    return XdpAction.TX


def swap(eth: Ethernet) -> None:
    for i in range(6):
        eth.dst[i], eth.src[i] = eth.src[i], eth.dst[i]


def readdress(packet: Packet, ip: IPv4, target: int) -> None:
    """Give an IPv4 packet another target, with the checksums of IP, UDP and TCP."""
    before = ip.dst
    ip.dst = target
    ip.checksum = checksum_replace32(ip.checksum, before, ip.dst)
    if ip.is_fragment and ip.fragment_offset != 0:
        return
    where = sizeof(Ethernet) + ip.header_length
    if ip.protocol == IpProto.TCP:
        tcp = packet.at(Tcp, where)
        if tcp is not None:
            tcp.checksum = checksum_replace32(tcp.checksum, before, ip.dst)
    elif ip.protocol == IpProto.UDP:
        udp = packet.at(Udp, where)
        if udp is not None and udp.checksum != 0:
            new = checksum_replace32(udp.checksum, before, ip.dst)
            udp.checksum = 0xFFFF if new == 0 else new


@xdp
def rewrites(ctx: XdpContext) -> XdpAction:
    """Send it back to another address with one hop less."""
    eth = ctx.packet.at(Ethernet, 0)
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if eth is None or ip is None:
        return XdpAction.PASS
    swap(eth)
    readdress(ctx.packet, ip, ADDRESS)
    before = ip.ttl << 8 | ip.protocol
    ip.ttl -= 1
    ip.checksum = checksum_replace(ip.checksum, before, ip.ttl << 8 | ip.protocol)
    return XdpAction.TX


@xdp
def checks_headers(ctx: XdpContext) -> XdpAction:
    """Compute the checksums of IPv4 and of UDP without data anew."""
    ip = ctx.packet.at(IPv4, 14)
    udp = ctx.packet.at(Udp, 34)
    if ip is None or udp is None:
        return XdpAction.PASS
    ip.checksum = ipv4_checksum(ip)
    total = ipv4_pseudo_sum(ip, udp.length) + udp.src + udp.dst + udp.length
    udp.checksum = checksum(total)
    return XdpAction.TX


@xdp
def checks_ipv6(ctx: XdpContext) -> XdpAction:
    """Compute the checksum of UDP without data over IPv6."""
    ip = ctx.packet.at(IPv6, 14)
    udp = ctx.packet.at(Udp, 54)
    if ip is None or udp is None:
        return XdpAction.PASS
    udp.checksum = checksum(ipv6_pseudo_sum(ip, IpProto.UDP, udp.length) + udp.src + udp.dst + udp.length)
    return XdpAction.TX


@xdp
def pops_vlan(ctx: XdpContext) -> XdpAction:
    """Take the outer VLAN header out of a frame."""
    eth = ctx.packet.at(Ethernet, 0)
    vlan = ctx.packet.at(Vlan, 14)
    if eth is None or vlan is None or eth.ether_type != EtherType.VLAN:
        return XdpAction.PASS
    kept = Ethernet(dst=eth.dst, src=eth.src, ether_type=vlan.ether_type)
    if ctx.adjust_head(sizeof(Vlan)) < 0:
        return XdpAction.ABORTED
    moved = ctx.packet.at(Ethernet, 0)
    if moved is None:
        return XdpAction.ABORTED
    moved.dst = kept.dst
    moved.src = kept.src
    moved.ether_type = kept.ether_type
    return XdpAction.TX


@xdp
def pushes_vlan(ctx: XdpContext) -> XdpAction:
    """Put a VLAN header into a frame, and cut the last two bytes off."""
    if ctx.adjust_head(-sizeof(Vlan)) != 0 or ctx.adjust_tail(-2) != 0:
        return XdpAction.ABORTED
    eth = ctx.packet.at(Ethernet, 0)
    before = ctx.packet.at(Ethernet, sizeof(Vlan))
    vlan = ctx.packet.at(Vlan, sizeof(Ethernet))
    if eth is None or before is None or vlan is None:
        return XdpAction.ABORTED
    kind = before.ether_type
    eth.dst = before.dst
    eth.src = before.src
    eth.ether_type = EtherType.VLAN
    vlan.tci = 0x2000 | 100
    vlan.ether_type = kind
    return XdpAction.TX


@struct
class Note:
    mark: u32 = 0
    port: be32 = 0


@xdp
def marks(ctx: XdpContext) -> XdpAction:
    """Leave a note in the metadata, and read it again."""
    found = seen.lookup(0)
    if found is None or ctx.adjust_meta(-sizeof(Note)) != 0:
        return XdpAction.ABORTED
    note = ctx.meta.at(Note, 0)
    beyond = ctx.meta.at(u8, sizeof(Note))
    if note is None or beyond is not None:
        return XdpAction.ABORTED
    note.mark, note.port = 7, 0x01020304
    first = ctx.meta.at(u8, 4)
    found.other = 0 if first is None else note.mark << 8 | first.value
    found.offset = len(ctx.meta)
    return XdpAction.TX


def header(packet: Packet, offset: int) -> Udp | None:
    ip = packet.at(IPv4, offset)
    if ip is None or ip.protocol != IpProto.UDP:
        return None
    return packet.at(Udp, offset + ip.header_length)


@xdp
def passes_views_on(ctx: XdpContext) -> XdpAction:
    """A view that a function returns, one that a conditional chooses, one that a walrus names."""
    found = seen.lookup(0)
    if found is None:
        return XdpAction.ABORTED
    udp = header(ctx.packet, 14)
    chosen = ctx.packet.at(be16, 36) if udp is None else ctx.packet.at(be16, 34)
    if (first := ctx.packet.at(u8, 0)) is not None and chosen is not None:
        found.other = chosen.value + first.value
    if udp is None:
        return XdpAction.PASS
    if udp.dst == 53:
        udp.dst = 5353
    return XdpAction.TX


class State(IntEnum):
    CLOSED = 0
    FIRST = 1
    SECOND = 2
    OPEN = 3


KNOCKS: Final = (7000, 8000, 9000)
SSH: Final = 22

states = HashMap(be32, State, max_entries=4096)


@xdp
def knock(ctx: XdpContext) -> XdpAction:
    """Let those into SSH who knock at three ports first."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != EtherType.IPV4:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, sizeof(Ethernet))
    if ip is None or ip.protocol != IpProto.TCP:
        return XdpAction.PASS
    tcp = ctx.packet.at(Tcp, sizeof(Ethernet) + ip.header_length)
    if tcp is None:
        return XdpAction.PASS
    state = states.lookup_or_init(ip.src, State.CLOSED)
    if state is None:
        return XdpAction.ABORTED
    if tcp.dst == SSH:
        return XdpAction.PASS if state.value == State.OPEN else XdpAction.DROP
    match state.value:
        case State.CLOSED if tcp.dst == KNOCKS[0]:
            state.value = State.FIRST
        case State.FIRST if tcp.dst == KNOCKS[1]:
            state.value = State.SECOND
        case State.SECOND if tcp.dst == KNOCKS[2]:
            state.value = State.OPEN
        case State.OPEN:
            pass
        case _:
            if tcp.dst in KNOCKS:
                state.value = State.CLOSED
    return XdpAction.DROP


@struct
class Backend:
    mac: FixedArray[u8] = array(u8, 6)
    port: u32 = 0


backends = Array(Backend, max_entries=16)


@xdp
def balance(ctx: XdpContext) -> XdpAction:
    """Give a packet to one of several backends."""
    eth, ip = ctx.packet.at(Ethernet, 0), ctx.packet.at(IPv4, 14)
    if eth is None or ip is None:
        return XdpAction.PASS
    backend = backends.lookup((ip.src ^ ip.dst) % 16)
    if backend is None:
        return XdpAction.ABORTED
    eth.dst = backend.mac
    for i in range(6):
        eth.src[i] = backend.mac[i]
    ip.ttl -= 1
    return ctx.redirect(backend.port)


blocked = HashMap(be32, u64, max_entries=1024)


@xdp
def firewall(ctx: XdpContext) -> XdpAction:
    """Drop what comes from addresses on a list, and count it."""
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None:
        return XdpAction.DROP
    match eth.ether_type:
        case EtherType.IPV4:
            ip = ctx.packet.at(IPv4, 14)
            if ip is None:
                return XdpAction.DROP
            hits = blocked.lookup(ip.src)
            if hits is not None:
                hits.value += 1
                return XdpAction.DROP
            return XdpAction.PASS
        case _:
            return XdpAction.PASS


def udp_ports(packet: Packet, offset: int = 14) -> tuple[u16, u16]:
    ip = packet.at(IPv4, offset)
    if ip is None or ip.protocol != IpProto.UDP:
        return 0, 0
    udp = packet.at(Udp, offset + ip.header_length)
    if udp is None:
        return 0, 0
    return udp.src, udp.dst


def is_dns(packet: Packet) -> bool:
    source, target = udp_ports(packet, offset=14)
    return target == 53 or source == 53


@xdp
def drop_dns(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP if is_dns(ctx.packet) else XdpAction.PASS


@func(inline=False)
def port_of(packet: Packet, ip: IPv4, offset: u32) -> u16:
    """The target port, in a function of its own that is given a view."""
    if ip.protocol != IpProto.UDP:
        return 0
    udp = packet.at(Udp, offset + ip.header_length)
    if udp is None:
        return 0
    udp.src = 7
    return udp.dst


@func(inline=False)
def cut(ctx: XdpContext, count: u32) -> i64:
    return ctx.adjust_tail(-i32(count))


@xdp
def calls_functions(ctx: XdpContext) -> XdpAction:
    found = seen.lookup(0)
    ip = ctx.packet.at(IPv4, 14)
    if found is None or ip is None:
        return XdpAction.PASS
    found.other = port_of(ctx.packet, ip, 14)
    if cut(ctx, 2) != 0:
        return XdpAction.ABORTED
    again = ctx.packet.at(IPv4, 14)
    found.offset = len(ctx.packet)
    return XdpAction.PASS if again is None else XdpAction.TX


@xdp
def sums_udp(ctx: XdpContext) -> XdpAction:
    """The checksum of a whole UDP datagram over IPv4 of at most 1480 bytes: 0 where it is right."""
    found = seen.lookup(0)
    ip = ctx.packet.at(IPv4, 14)
    if found is None or ip is None or ip.protocol != IpProto.UDP:
        return XdpAction.ABORTED
    start = 14 + ip.header_length
    udp = ctx.packet.at(Udp, start)
    if udp is None:
        return XdpAction.DROP
    length = udp.length
    total = ipv4_pseudo_sum(ip, length)
    for i in range(0, 1480, 2):
        if i >= length - 1:
            break
        word = ctx.packet.at(be16, start + i)
        if word is None:
            return XdpAction.DROP
        total += word.value
    if length % 2 == 1:
        last = ctx.packet.at(u8, start + length - 1)
        if last is None:
            return XdpAction.DROP
        total += last.value << 8
    found.other = checksum(total)
    return XdpAction.TX
