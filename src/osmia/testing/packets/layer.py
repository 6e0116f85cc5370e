"""What a packet is made of: layers, each a header of `osmia.headers`, and the table of their kinds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from osmia import headers
from osmia.headers import EtherType, IpProto
from osmia.structs import sizeof
from osmia.testing.packets.addresses import ipv4_number, ipv4_text, ipv6_bytes, ipv6_text, mac_bytes, mac_text

if TYPE_CHECKING:
    from collections.abc import Callable

# Who numbers what follows a layer.
ETHER_TYPE, PROTOCOL, NEXT_HEADER, PORT = "EtherType", "protocol of IPv4", "next header of IPv6", "port of UDP"

UNKNOWN = {ETHER_TYPE: 0x88B5, PROTOCOL: 253, NEXT_HEADER: 253, PORT: 9}
"""What announces bytes that are no layer: numbers for experiments, and the port of the discard service."""
VXLAN_PORT = 4789
ROUTING_BY_ADDRESS, ROUTING_BY_SEGMENTS = 0, 4
"""Types of routing headers, which are the addresses that are still to come (RFC 2460), or segments (RFC 8754)."""


@dataclass(frozen=True)
class LayerKind:
    """What there is to know of one kind of header. Kinds are compared by what they are, not by what they hold."""

    name: str
    """What makes it: `ipv4`."""
    header: Any
    """Its struct."""
    says: tuple[str, str] | None = None
    """The field that says what follows, and who numbers that."""
    numbers: dict[str, int] = field(default_factory=dict, compare=False)
    """By who numbers: what announces it."""
    accepts: tuple[str, ...] = ()
    """What follows without being announced."""
    lengths: Callable[[Any, int, int], dict[str, int]] = lambda _header, _extra, _payload: {}
    """The fields of length, from the header, the size of its options and that of its payload."""
    options: Callable[[Any], int] = lambda _header: 0
    """The size of its options, as the header says it."""
    payload: Callable[[Any], int] | None = None
    """The size of its payload, as the header says it; what is beyond is padding."""
    checksum_at: int | None = None
    """Where in the header."""
    has_checksum: Callable[[Any], bool] = lambda _header: True
    """Whether it is there, as the header says it."""
    covers: str = ""
    """What the checksum counts: "header", "message" (header and payload), or "pseudo" (addresses besides)."""
    addresses: dict[str, tuple[Callable[[Any, str], Any], Callable[[Any], str]]] = field(
        default_factory=dict, compare=False
    )
    """Fields that are addresses: how they are taken, and how they are shown."""

    def __reduce__(self) -> tuple[Callable[[str], LayerKind], tuple[str]]:
        """Copies of a packet have the same kinds, also in another process."""
        return _named, (self.name,)

    @property
    def size(self) -> int:
        """Of the header without options."""
        return sizeof(self.header)


@dataclass(frozen=True)
class Layer:
    """One layer. Without a kind it is bytes."""

    kind: LayerKind | None
    header: Any = None
    rest: bytes = b""
    """Options, and what else of the header its struct does not have; the bytes, if it is bytes."""
    said: frozenset[str] = frozenset()
    """Fields whose values stay what they are; others are computed."""
    padding: bytes = b""
    """What stands behind its payload and is not counted in any length of it."""
    note: str = "payload"
    """What bytes are."""

    @property
    def name(self) -> str:
        """As errors call it."""
        return f"{self.kind.name}()" if self.kind else "bytes"


def _ipv4_lengths(header: Any, extra: int, payload: int) -> dict[str, int]:
    size = 20 + extra
    return {"version_ihl": header.version_ihl & 0xF0 | size // 4 & 0xF, "total_length": size + payload}


def _tcp_lengths(header: Any, extra: int, _payload: int) -> dict[str, int]:
    return {"offset_flags": (20 + extra) // 4 << 12 & 0xF000 | header.offset_flags & 0x0FFF}


def _ipv6_lengths(_header: Any, _extra: int, payload: int) -> dict[str, int]:
    return {"payload_length": payload}


def _extension_lengths(_header: Any, extra: int, _payload: int) -> dict[str, int]:
    return {"length": (extra + 2) // 8 - 1}


def _udp_lengths(_header: Any, _extra: int, payload: int) -> dict[str, int]:
    return {"length": 8 + payload}


def _ipv6_payload(header: Any) -> int:
    """0 beside a hop-by-hop header is a jumbogram's (RFC 2675), whose length is elsewhere."""
    return -1 if header.payload_length == 0 and header.next_header == IpProto.HOPOPTS else int(header.payload_length)


def _extension(name: str, number: int) -> LayerKind:
    return LayerKind(
        name,
        headers.IPv6Extension,
        ("next_header", NEXT_HEADER),
        {NEXT_HEADER: number},
        lengths=_extension_lengths,
        options=lambda header: header.header_length - 2,
    )


def _on_ip(number: int) -> dict[str, int]:
    return {PROTOCOL: number, NEXT_HEADER: number}


_MAC = (mac_bytes, mac_text)
_IPV4 = (ipv4_number, ipv4_text)
_IPV6 = (ipv6_bytes, ipv6_text)

KINDS = {
    kind.name: kind
    for kind in (
        LayerKind(
            "ethernet",
            headers.Ethernet,
            ("ether_type", ETHER_TYPE),
            {ETHER_TYPE: EtherType.TEB},
            addresses={"dst": _MAC, "src": _MAC},
        ),
        LayerKind("vlan", headers.Vlan, ("ether_type", ETHER_TYPE), {ETHER_TYPE: EtherType.VLAN}),
        LayerKind("qinq", headers.Vlan, ("ether_type", ETHER_TYPE), {ETHER_TYPE: EtherType.QINQ}),
        LayerKind(
            "arp",
            headers.Arp,
            numbers={ETHER_TYPE: EtherType.ARP},
            addresses={"sender_mac": _MAC, "sender_ip": _IPV4, "target_mac": _MAC, "target_ip": _IPV4},
        ),
        LayerKind(
            "ipv4",
            headers.IPv4,
            ("protocol", PROTOCOL),
            {ETHER_TYPE: EtherType.IPV4, **_on_ip(IpProto.IPIP)},
            lengths=_ipv4_lengths,
            options=lambda header: header.header_length - 20,
            payload=lambda header: header.total_length - header.header_length,
            checksum_at=10,
            covers="header",
            addresses={"src": _IPV4, "dst": _IPV4},
        ),
        LayerKind(
            "ipv6",
            headers.IPv6,
            ("next_header", NEXT_HEADER),
            {ETHER_TYPE: EtherType.IPV6, **_on_ip(IpProto.IPV6)},
            lengths=_ipv6_lengths,
            payload=_ipv6_payload,
            addresses={"src": _IPV6, "dst": _IPV6},
        ),
        _extension("hop_by_hop", IpProto.HOPOPTS),
        _extension("routing", IpProto.ROUTING),
        _extension("destination_options", IpProto.DSTOPTS),
        LayerKind("ipv6_fragment", headers.IPv6Fragment, ("next_header", NEXT_HEADER), {NEXT_HEADER: IpProto.FRAGMENT}),
        LayerKind(
            "tcp",
            headers.Tcp,
            numbers=_on_ip(IpProto.TCP),
            lengths=_tcp_lengths,
            options=lambda header: header.header_length - 20,
            checksum_at=16,
            covers="pseudo",
        ),
        LayerKind(
            "udp",
            headers.Udp,
            ("dst", PORT),
            _on_ip(IpProto.UDP),
            lengths=_udp_lengths,
            checksum_at=6,
            covers="pseudo",
        ),
        LayerKind(
            "icmp",
            headers.Icmp,
            numbers={PROTOCOL: IpProto.ICMP},
            accepts=("ipv4",),
            checksum_at=2,
            covers="message",
        ),
        LayerKind(
            "icmpv6",
            headers.Icmpv6,
            numbers={NEXT_HEADER: IpProto.ICMPV6},
            accepts=("ipv6",),
            checksum_at=2,
            covers="pseudo",
        ),
        LayerKind(
            "gre",
            headers.Gre,
            ("protocol", ETHER_TYPE),
            _on_ip(IpProto.GRE),
            options=lambda header: header.header_length - 4,
            checksum_at=4,
            has_checksum=lambda header: bool(header.has_checksum),
            covers="message",
        ),
        LayerKind("vxlan", headers.Vxlan, numbers={PORT: VXLAN_PORT}, accepts=("ethernet",)),
    )
}
"""By the names of what makes them."""
EXTENSIONS = tuple(KINDS[name] for name in ("hop_by_hop", "routing", "destination_options", "ipv6_fragment"))

# Vlan stands for both of its kinds, and IPv6Extension for all of its.
BY_HEADER: dict[type, tuple[LayerKind, ...]] = {}
for _kind in KINDS.values():
    BY_HEADER[_kind.header] = (*BY_HEADER.get(_kind.header, ()), _kind)
FOLLOWING = {
    who: {kind.numbers[who]: kind for kind in KINDS.values() if who in kind.numbers}
    for who in (ETHER_TYPE, PROTOCOL, NEXT_HEADER, PORT)
}
"""By who numbers, and the number: what follows."""
EVERY_FIELD = frozenset(
    {"checksum"} | {field.name for of in BY_HEADER for field in of.__osmia_layout__.fields}  # type: ignore[attr-defined]
)
"""What is said of a layer that stays as it is."""


def _named(name: str) -> LayerKind:
    return KINDS[name]


def cut_note(kind: LayerKind) -> str:
    """What to call the bytes of a header that is not whole."""
    return f"{kind.name}, cut off after"
