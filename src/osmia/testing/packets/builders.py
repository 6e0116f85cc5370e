"""What makes the layers of packets. A field that is left out is right by itself; None stands for that."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, ParamSpec

from osmia.errors import shown
from osmia.headers import ArpOperation, IcmpType, Icmpv6Type, TcpFlags
from osmia.testing.packets.addresses import ipv6_bytes
from osmia.testing.packets.layer import KINDS, ROUTING_BY_SEGMENTS, Layer
from osmia.testing.packets.numbers import number_in
from osmia.testing.packets.packet import Packet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from osmia.testing.packets.addresses import IPv4Address, IPv6Address, MacAddress

P = ParamSpec("P")
_MOST_OPTIONS = 40


def _of_fields(maker: Callable[P, Packet]) -> Callable[P, Packet]:
    """What makes a layer refuses fields that it does not take, and None for those that are not computed."""
    fields = signature(maker).parameters

    @wraps(maker)
    def made(*given: P.args, **named: P.kwargs) -> Packet:
        for name, value in named.items():
            if name not in fields:
                raise TypeError(f"{maker.__name__}() has no field {name!r}: it takes {', '.join(fields)}")
            if value is None and fields[name].default is not None:
                raise TypeError(f"{maker.__name__}(): {name} is None, which is no value: leave {name}= out")
        return maker(*given, **named)

    return made


@_of_fields
def ethernet(
    *,
    src: MacAddress = "02:00:00:00:00:01",
    dst: MacAddress = "02:00:00:00:00:02",
    ether_type: int | None = None,
) -> Packet:
    """An Ethernet header. `ether_type` is that of what follows, and 0x88B5 (for experiments) if that is bytes."""
    return _packet("ethernet", src=src, dst=dst, ether_type=ether_type)


@_of_fields
def vlan(vlan_id: int = 1, *, priority: int = 0, drop_eligible: bool = False, ether_type: int | None = None) -> Packet:
    """A tag of 802.1Q, behind an Ethernet header."""
    return _vlan("vlan", vlan_id, priority, drop_eligible, ether_type)


@_of_fields
def qinq(vlan_id: int = 1, *, priority: int = 0, drop_eligible: bool = False, ether_type: int | None = None) -> Packet:
    """A tag of 802.1ad, the outer one of two: what follows is a VLAN tag of 802.1Q."""
    return _vlan("qinq", vlan_id, priority, drop_eligible, ether_type)


@_of_fields
def arp(
    *,
    operation: int = ArpOperation.REQUEST,
    sender_mac: MacAddress = "02:00:00:00:00:01",
    sender_ip: IPv4Address = "10.0.0.1",
    target_mac: MacAddress = "00:00:00:00:00:00",
    target_ip: IPv4Address = "10.0.0.2",
    hardware_type: int = 1,
    protocol_type: int = 0x0800,
    hardware_length: int = 6,
    protocol_length: int = 4,
) -> Packet:
    """An ARP request, or what `operation` says, for IPv4 on Ethernet."""
    return _packet(
        "arp",
        operation=operation,
        sender_mac=sender_mac,
        sender_ip=sender_ip,
        target_mac=target_mac,
        target_ip=target_ip,
        hardware_type=hardware_type,
        protocol_type=protocol_type,
        hardware_length=hardware_length,
        protocol_length=protocol_length,
    )


@_of_fields
def ipv4(
    *,
    src: IPv4Address = "10.0.0.1",
    dst: IPv4Address = "10.0.0.2",
    ttl: int = 64,
    dscp: int = 0,
    ecn: int = 0,
    id: int = 0,  # noqa: A002 - the field's name
    dont_fragment: bool = False,
    more_fragments: bool = False,
    fragment_offset: int = 0,
    options: bytes = b"",
    protocol: int | None = None,
    version: int = 4,
    header_length: int | None = None,
    total_length: int | None = None,
    checksum: int | None = None,
) -> Packet:
    """An IPv4 header. Options are filled up to 4 bytes. Lengths and offsets are in bytes.

    `protocol` is that of what follows, and 253 (for experiments) if that is bytes. `Packet.fragments` makes right
    fragments; the fields of one make a wrong one.
    """
    rest = _options(options, "ipv4()")
    words = (20 + len(rest)) // 4 if header_length is None else _words(header_length, "ipv4(): header_length")
    return _packet(
        "ipv4",
        rest,
        also=() if header_length is None else ("version_ihl",),
        computed=("version_ihl",),
        version_ihl=number_in(version, 15, "ipv4(): version") << 4 | words,
        tos=number_in(dscp, 63, "ipv4(): dscp") << 2 | number_in(ecn, 3, "ipv4(): ecn"),
        id=id,
        fragment=(
            _flag(dont_fragment, "ipv4(): dont_fragment") << 14
            | _flag(more_fragments, "ipv4(): more_fragments") << 13
            | _eighths(fragment_offset, "ipv4(): fragment_offset")
        ),
        src=src,
        dst=dst,
        ttl=ttl,
        protocol=protocol,
        total_length=total_length,
        checksum=checksum,
    )


@_of_fields
def ipv6(
    *,
    src: IPv6Address = "2001:db8::1",
    dst: IPv6Address = "2001:db8::2",
    hop_limit: int = 64,
    dscp: int = 0,
    ecn: int = 0,
    flow_label: int = 0,
    next_header: int | None = None,
    version: int = 6,
    payload_length: int | None = None,
) -> Packet:
    """An IPv6 header. `next_header` is that of what follows: 253 (for experiments) of bytes, and 59 of nothing."""
    traffic_class = number_in(dscp, 63, "ipv6(): dscp") << 2 | number_in(ecn, 3, "ipv6(): ecn")
    label = number_in(flow_label, 0xFFFFF, "ipv6(): flow_label")
    return _packet(
        "ipv6",
        version_class_label=number_in(version, 15, "ipv6(): version") << 28 | traffic_class << 20 | label,
        src=src,
        dst=dst,
        hop_limit=hop_limit,
        next_header=next_header,
        payload_length=payload_length,
    )


@_of_fields
def hop_by_hop(options: bytes = b"", *, next_header: int | None = None, length: int | None = None) -> Packet:
    """The extension header of IPv6 whose options every router reads. They are padded to 8 bytes."""
    return _packet("hop_by_hop", _padded_options(options, "hop_by_hop()"), next_header=next_header, length=length)


@_of_fields
def destination_options(options: bytes = b"", *, next_header: int | None = None, length: int | None = None) -> Packet:
    """The extension header of IPv6 with options for where the packet goes. They are padded to 8 bytes."""
    rest = _padded_options(options, "destination_options()")
    return _packet("destination_options", rest, next_header=next_header, length=length)


@_of_fields
def routing(
    segments: Sequence[IPv6Address],
    *,
    segments_left: int | None = None,
    next_header: int | None = None,
    length: int | None = None,
) -> Packet:
    """The segment routing header of IPv6 (RFC 8754). `segments` are in the order in which they are passed.

    All but the first are left unless said; `dst` of the IPv6 header is the one that the packet is on its way to.
    """
    if isinstance(segments, (str, bytes, bytearray)) or not isinstance(segments, Iterable):
        raise TypeError(f'routing() takes a list of segments: routing(["2001:db8::1"]); not {shown(segments)}')
    packed = [ipv6_bytes(each, "routing(): a segment") for each in segments]
    if not packed:
        raise ValueError("routing() takes the segments, one at least")
    last = len(packed) - 1
    left = last if segments_left is None else number_in(segments_left, 255, "routing(): segments_left")
    rest = bytes(
        (ROUTING_BY_SEGMENTS, left, number_in(last, 126, "routing(): the number of segments but one"), 0, 0, 0)
    )
    return _packet("routing", rest + b"".join(reversed(packed)), next_header=next_header, length=length)


@_of_fields
def ipv6_fragment(
    *,
    fragment_offset: int = 0,
    more_fragments: bool = False,
    id: int = 1,  # noqa: A002 - the field's name
    next_header: int | None = None,
) -> Packet:
    """The extension header of a fragment of IPv6; the offset is in bytes. `Packet.fragments` makes right fragments."""
    return _packet(
        "ipv6_fragment",
        next_header=next_header,
        fragment=_eighths(fragment_offset, "ipv6_fragment(): fragment_offset") << 3
        | _flag(more_fragments, "ipv6_fragment(): more_fragments"),
        id=id,
    )


@_of_fields
def tcp(
    *,
    src: int = 40000,
    dst: int = 80,
    seq: int = 0,
    ack: int = 0,
    flags: int = TcpFlags.SYN,
    window: int = 65535,
    options: bytes = b"",
    urgent: int = 0,
    header_length: int | None = None,
    checksum: int | None = None,
) -> Packet:
    """A TCP header. `flags` are such as `TcpFlags.SYN | TcpFlags.ACK`; options such as `mss(1460)` are joined with `+`.

    Options are filled up to 4 bytes. Lengths are in bytes.
    """
    rest = _options(options, "tcp()")
    words = (20 + len(rest)) // 4 if header_length is None else _words(header_length, "tcp(): header_length")
    return _packet(
        "tcp",
        rest,
        also=() if header_length is None else ("offset_flags",),
        computed=("offset_flags",),
        src=src,
        dst=dst,
        seq=seq,
        ack=ack,
        offset_flags=words << 12 | number_in(flags, 0xFFF, "tcp(): flags"),
        window=window,
        urgent=urgent,
        checksum=checksum,
    )


@_of_fields
def udp(*, src: int = 40000, dst: int | None = None, length: int | None = None, checksum: int | None = None) -> Packet:
    """A UDP header. `dst` is 4789 in front of `vxlan()`, else 9 (discard). `checksum=0` is none, as IPv4 allows."""
    return _packet("udp", src=src, dst=dst, length=length, checksum=checksum)


@_of_fields
def icmp(
    *,
    type: int = IcmpType.ECHO,  # noqa: A002 - the field's name
    code: int = 0,
    id: int = 0,  # noqa: A002 - the field's name
    sequence: int = 0,
    checksum: int | None = None,
) -> Packet:
    """An ICMP message: an echo request, or what `type` says. Errors have the packet behind them: `icmp(...) / ipv4()`.

    `sequence` is the MTU in a DEST_UNREACH of code 4.
    """
    return _packet("icmp", type=type, code=code, id=id, sequence=sequence, checksum=checksum)


@_of_fields
def icmpv6(
    *,
    type: int = Icmpv6Type.ECHO,  # noqa: A002 - the field's name
    code: int = 0,
    id: int = 0,  # noqa: A002 - the field's name
    sequence: int = 0,
    checksum: int | None = None,
) -> Packet:
    """An ICMPv6 message: an echo request, or what `type` says. Errors have the packet behind them, as in ICMP.

    In other messages `id` and `sequence` are the halves of 4 bytes: the MTU of a PACKET_TOO_BIG is in `sequence`.
    """
    return _packet("icmpv6", type=type, code=code, id=id, sequence=sequence, checksum=checksum)


@_of_fields
def gre(
    *,
    key: int | None = None,
    sequence: int | None = None,
    has_checksum: bool = False,
    protocol: int | None = None,
    version: int = 0,
    checksum: int | None = None,
) -> Packet:
    """A GRE header, with the optional fields that are said; `has_checksum` has the checksum computed."""
    summed = _flag(has_checksum, "gre(): has_checksum") or checksum is not None
    rest = b""
    if summed:
        rest += number_in(checksum or 0, 0xFFFF, "gre(): checksum").to_bytes(2, "big") + bytes(2)
    for name, value in (("key", key), ("sequence", sequence)):
        if value is not None:
            rest += number_in(value, 0xFFFFFFFF, f"gre(): {name}").to_bytes(4, "big")
    flags = summed << 15 | (key is not None) << 13 | (sequence is not None) << 12
    return _packet(
        "gre",
        rest,
        also=() if checksum is None else ("checksum",),
        flags_version=flags | number_in(version, 7, "gre(): version"),
        protocol=protocol,
    )


@_of_fields
def vxlan(vni: int = 1, *, flags: int = 0x08000000) -> Packet:
    """A header of RFC 7348, behind UDP; an Ethernet frame follows."""
    return _packet("vxlan", vni_reserved=number_in(vni, 0xFFFFFF, "vxlan(): vni") << 8, flags=flags)


def _packet(
    name: str, rest: bytes = b"", *, also: tuple[str, ...] = (), computed: tuple[str, ...] = (), **given: Any
) -> Packet:
    """A packet of one layer. `also` are fields that are said, `computed` those that have a value but are not."""
    kind = KINDS[name]
    held = {field: value for field, value in given.items() if value is not None}
    for field, value in held.items():
        if field in kind.addresses:
            held[field] = kind.addresses[field][0](value, f"{name}(): {field}")
    said = frozenset(held) - frozenset(computed) | frozenset(also)
    return Packet((Layer(kind, kind.header(**held), rest, said),))


def _vlan(name: str, vlan_id: int, priority: int, drop_eligible: bool, ether_type: int | None) -> Packet:
    tci = number_in(priority, 7, f"{name}(): priority") << 13 | _flag(drop_eligible, f"{name}(): drop_eligible") << 12
    return _packet(name, tci=tci | number_in(vlan_id, 4095, f"{name}(): vlan_id"), ether_type=ether_type)


def _flag(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{what} is True or False, not {shown(value)}")
    return value


def _words(size: int, what: str) -> int:
    if number_in(size, 60, what) % 4:
        raise ValueError(f"{what} counts bytes, in steps of 4, not {size}")
    return size // 4


def _eighths(size: int, what: str) -> int:
    if number_in(size, 65528, what) % 8:
        raise ValueError(f"{what} counts bytes, in steps of 8, not {size}")
    return size // 8


def _options(options: object, what: str) -> bytes:
    found = _bytes(options, what)
    if len(found) > _MOST_OPTIONS:
        raise ValueError(f"{what}: there is room for {_MOST_OPTIONS} bytes of options, and these are {len(found)}")
    return found + bytes(-len(found) % 4)


def _padded_options(options: object, what: str) -> bytes:
    """Options of IPv6, filled up by one that says nothing: Pad1 or PadN."""
    found = _bytes(options, what)
    if len(found) > 2046:
        raise ValueError(f"{what}: there is room for 2046 bytes of options, and these are {len(found)}")
    missing = -(len(found) + 2) % 8
    return found + (bytes((1, missing - 2)) + bytes(missing - 2) if missing > 1 else bytes(missing))


def _bytes(options: object, what: str) -> bytes:
    if not isinstance(options, (bytes, bytearray, memoryview)):
        raise TypeError(f"{what}: options are bytes, not {shown(options)}")
    return bytes(options)
