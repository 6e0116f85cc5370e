"""The headers of packets as structs: Ethernet, VLAN, ARP, IPv4, IPv6, TCP, UDP, ICMP, ICMPv6, GRE, VXLAN.

Fields of more than a byte are big-endian numbers, so that kernel and user code read and write plain values. Where the
standard puts several things into one number, the field holds the number and properties take it apart. Lengths and
offsets that properties give are in bytes. A header made without arguments is one without options.
"""

from __future__ import annotations

from osmia.arrays import FixedArray
from osmia.enumeration import IntEnum
from osmia.structs import array, struct
from osmia.types import be16, be32, u8


class EtherType(IntEnum):
    """What follows an Ethernet or VLAN header."""

    IPV4 = 0x0800
    ARP = 0x0806
    TEB = 0x6558
    VLAN = 0x8100
    IPV6 = 0x86DD
    PAUSE = 0x8808
    MPLS = 0x8847
    MPLS_MULTICAST = 0x8848
    PPPOE_DISCOVERY = 0x8863
    PPPOE = 0x8864
    EAPOL = 0x888E
    QINQ = 0x88A8
    LLDP = 0x88CC
    MACSEC = 0x88E5
    PTP = 0x88F7


class IpProto(IntEnum):
    """What follows an IPv4 header, an IPv6 header or one of its extension headers."""

    HOPOPTS = 0
    ICMP = 1
    IGMP = 2
    IPIP = 4
    TCP = 6
    UDP = 17
    IPV6 = 41
    ROUTING = 43
    FRAGMENT = 44
    GRE = 47
    ESP = 50
    AH = 51
    ICMPV6 = 58
    NONE = 59
    DSTOPTS = 60
    OSPF = 89
    SCTP = 132
    MOBILITY = 135
    UDPLITE = 136


class ArpOperation(IntEnum):
    """What an ARP packet asks or tells."""

    REQUEST = 1
    REPLY = 2


class TcpFlags(IntEnum):
    """Bits of `Tcp.flags`; together they are an int, as in `TcpFlags.SYN | TcpFlags.ACK`."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10
    URG = 0x20
    ECE = 0x40
    CWR = 0x80


class IcmpType(IntEnum):
    """The type of an ICMP message."""

    ECHO_REPLY = 0
    DEST_UNREACH = 3
    REDIRECT = 5
    ECHO = 8
    TIME_EXCEEDED = 11
    PARAMETER_PROBLEM = 12
    TIMESTAMP = 13
    TIMESTAMP_REPLY = 14


class Icmpv6Type(IntEnum):
    """The type of an ICMPv6 message."""

    DEST_UNREACH = 1
    PACKET_TOO_BIG = 2
    TIME_EXCEEDED = 3
    PARAMETER_PROBLEM = 4
    ECHO = 128
    ECHO_REPLY = 129
    ROUTER_SOLICITATION = 133
    ROUTER_ADVERTISEMENT = 134
    NEIGHBOR_SOLICITATION = 135
    NEIGHBOR_ADVERTISEMENT = 136


@struct
class Ethernet:
    """IEEE 802.3."""

    dst: FixedArray[u8] = array(u8, 6)
    src: FixedArray[u8] = array(u8, 6)
    ether_type: be16 = 0


@struct
class Vlan:
    """IEEE 802.1Q: what follows an `ether_type` of VLAN or QINQ."""

    tci: be16 = 0
    ether_type: be16 = 0

    @property
    def vlan_id(self) -> int:
        """0 to 4095."""
        return self.tci & 0x0FFF

    @property
    def priority(self) -> int:
        """0 to 7."""
        return self.tci >> 13

    @property
    def drop_eligible(self) -> bool:
        """Whether it may be dropped first."""
        return self.tci & 0x1000 != 0


@struct(packed=True)
class Arp:
    """RFC 826, for IPv4 on Ethernet."""

    hardware_type: be16 = 1
    protocol_type: be16 = 0x0800
    hardware_length: u8 = 6
    protocol_length: u8 = 4
    operation: be16 = 1
    sender_mac: FixedArray[u8] = array(u8, 6)
    sender_ip: be32 = 0
    target_mac: FixedArray[u8] = array(u8, 6)
    target_ip: be32 = 0


@struct
class IPv4:
    """RFC 791, without options: `header_length` says where the next header starts."""

    version_ihl: u8 = 0x45
    tos: u8 = 0
    total_length: be16 = 0
    id: be16 = 0
    fragment: be16 = 0
    ttl: u8 = 64
    protocol: u8 = 0
    checksum: be16 = 0
    src: be32 = 0
    dst: be32 = 0

    @property
    def version(self) -> int:
        """4."""
        return self.version_ihl >> 4

    @property
    def header_length(self) -> int:
        """20 to 60 where the header is right, 0 to 60 in any packet."""
        return (self.version_ihl & 0x0F) * 4

    @property
    def dscp(self) -> int:
        """0 to 63."""
        return self.tos >> 2

    @property
    def ecn(self) -> int:
        """0 to 3."""
        return self.tos & 3

    @property
    def dont_fragment(self) -> bool:
        """Whether routers must not fragment it."""
        return self.fragment & 0x4000 != 0

    @property
    def more_fragments(self) -> bool:
        """Whether more fragments of the packet follow this one."""
        return self.fragment & 0x2000 != 0

    @property
    def fragment_offset(self) -> int:
        """Where in the packet this fragment belongs. Only the first one, at 0, has the next header."""
        return (self.fragment & 0x1FFF) * 8

    @property
    def is_fragment(self) -> bool:
        """Whether it is a part of a packet."""
        return self.fragment & 0x3FFF != 0


@struct
class IPv6:
    """RFC 8200. Extension headers may follow: see `IPv6Extension` and `IPv6Fragment`."""

    version_class_label: be32 = 0x60000000
    payload_length: be16 = 0
    next_header: u8 = 0
    hop_limit: u8 = 64
    src: FixedArray[u8] = array(u8, 16)
    dst: FixedArray[u8] = array(u8, 16)

    @property
    def version(self) -> int:
        """6."""
        return self.version_class_label >> 28

    @property
    def traffic_class(self) -> int:
        """0 to 255."""
        return self.version_class_label >> 20 & 0xFF

    @property
    def dscp(self) -> int:
        """0 to 63."""
        return self.version_class_label >> 22 & 0x3F

    @property
    def ecn(self) -> int:
        """0 to 3."""
        return self.version_class_label >> 20 & 3

    @property
    def flow_label(self) -> int:
        """0 to 1048575."""
        return self.version_class_label & 0xFFFFF


@struct
class IPv6Extension:
    """How the extension headers HOPOPTS, ROUTING, DSTOPTS and MOBILITY start.

    FRAGMENT has a header of its own. The length of AH counts in 4 bytes: `(length + 2) * 4`.
    """

    next_header: u8 = 0
    length: u8 = 0

    @property
    def header_length(self) -> int:
        """8 to 2048."""
        return (self.length + 1) * 8


@struct
class IPv6Fragment:
    """The extension header FRAGMENT."""

    next_header: u8 = 0
    reserved: u8 = 0
    fragment: be16 = 0
    id: be32 = 0

    @property
    def fragment_offset(self) -> int:
        """Where in the packet this fragment belongs."""
        return self.fragment & 0xFFF8

    @property
    def more_fragments(self) -> bool:
        """Whether more fragments of the packet follow this one."""
        return self.fragment & 1 != 0


@struct
class Tcp:
    """RFC 9293, without options: `header_length` says where the data starts."""

    src: be16 = 0
    dst: be16 = 0
    seq: be32 = 0
    ack: be32 = 0
    offset_flags: be16 = 0x5000
    window: be16 = 0
    checksum: be16 = 0
    urgent: be16 = 0

    @property
    def header_length(self) -> int:
        """20 to 60 where the header is right, 0 to 60 in any packet."""
        return (self.offset_flags >> 12) * 4

    @property
    def flags(self) -> int:
        """Bits of TcpFlags."""
        return self.offset_flags & 0xFF


@struct
class Udp:
    """RFC 768."""

    src: be16 = 0
    dst: be16 = 0
    length: be16 = 0
    checksum: be16 = 0


@struct
class Icmp:
    """RFC 792. `id` and `sequence` are those of an echo; other messages have other things there."""

    type: u8 = 0
    code: u8 = 0
    checksum: be16 = 0
    id: be16 = 0
    sequence: be16 = 0

    @property
    def mtu(self) -> int:
        """In the message DEST_UNREACH with code 4 (RFC 1191): the largest packet that the next hop takes."""
        return self.sequence


@struct
class Icmpv6:
    """RFC 4443. `id` and `sequence` are those of an echo; other messages have other things there."""

    type: u8 = 0
    code: u8 = 0
    checksum: be16 = 0
    id: be16 = 0
    sequence: be16 = 0

    @property
    def mtu(self) -> int:
        """In the message PACKET_TOO_BIG: the largest packet that the next hop takes."""
        return self.id << 16 | self.sequence


@struct
class Gre:
    """RFC 2784 and 2890, without the optional fields: `header_length` says where the packet in it starts."""

    flags_version: be16 = 0
    protocol: be16 = 0

    @property
    def version(self) -> int:
        """0; 1 is PPTP's."""
        return self.flags_version & 7

    @property
    def has_checksum(self) -> bool:
        """Whether a checksum and 2 reserved bytes follow."""
        return self.flags_version & 0x8000 != 0

    @property
    def has_key(self) -> bool:
        """Whether a key of 4 bytes follows."""
        return self.flags_version & 0x2000 != 0

    @property
    def has_sequence(self) -> bool:
        """Whether a sequence number of 4 bytes follows."""
        return self.flags_version & 0x1000 != 0

    @property
    def header_length(self) -> int:
        """4 to 16, of version 0."""
        return (
            4 + (self.flags_version >> 15) * 4 + (self.flags_version >> 13 & 1) * 4 + (self.flags_version >> 12 & 1) * 4
        )


@struct
class Vxlan:
    """RFC 7348: it follows a UDP header, with port 4789, and an Ethernet header follows it."""

    flags: be32 = 0x08000000
    vni_reserved: be32 = 0

    @property
    def has_vni(self) -> bool:
        """Whether the VXLAN network identifier is valid, as it has to be."""
        return self.flags & 0x08000000 != 0

    @property
    def vni(self) -> int:
        """The VXLAN network identifier, 0 to 16777215."""
        return self.vni_reserved >> 8
