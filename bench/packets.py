"""The packets that programs are timed with."""

from __future__ import annotations

from osmia import to_bytes
from osmia.checksum import checksum, ipv4_checksum, ipv4_pseudo_sum
from osmia.headers import Ethernet, EtherType, IpProto, IPv4, Tcp, TcpFlags, Udp, Vlan
from osmia.structs import replace

CLIENT, SERVER = 0xC0000201, 0xC6336407  # 192.0.2.1, 198.51.100.7
MSS = bytes.fromhex("020405b4")  # 1460
TIMESTAMPS = bytes.fromhex("0402080a000000010000000001030307")  # SACK, timestamps, a NOP, window scale
NAME = b"\x07Example\x03org\x00"


def _words(data: bytes) -> int:
    """The sum of 16-bit words."""
    data += bytes(len(data) % 2)
    return sum(data[0::2]) * 256 + sum(data[1::2])


def _ipv4(payload: bytes, protocol: IpProto) -> bytes:
    header = IPv4(total_length=20 + len(payload), protocol=protocol, src=CLIENT, dst=SERVER)
    return to_bytes(replace(header, checksum=ipv4_checksum(header))) + payload


def _pseudo_sum(protocol: IpProto, length: int) -> int:
    return ipv4_pseudo_sum(IPv4(protocol=protocol, src=CLIENT, dst=SERVER), length)


def _tcp(options: bytes, flags: TcpFlags) -> bytes:
    length = 20 + len(options)
    header = Tcp(src=40000, dst=443, seq=1, offset_flags=length // 4 << 12 | flags, window=65535)
    total = _pseudo_sum(IpProto.TCP, length) + _words(to_bytes(header) + options)
    return to_bytes(replace(header, checksum=checksum(total))) + options


def _udp(payload: bytes, port: int) -> bytes:
    length = 8 + len(payload)
    header = Udp(src=40000, dst=port, length=length)
    total = _pseudo_sum(IpProto.UDP, length) + _words(to_bytes(header) + payload)
    return to_bytes(replace(header, checksum=checksum(total) or 0xFFFF)) + payload


_SYN = _ipv4(_tcp(TIMESTAMPS + MSS, TcpFlags.SYN), IpProto.TCP)
_DNS = bytes.fromhex("1234 0100 0001 0000 0000 0000") + NAME + bytes.fromhex("0001 0001")

SYN = to_bytes(Ethernet(ether_type=EtherType.IPV4)) + _SYN
"""A segment that asks for a connection; the maximum segment size is its last option."""
TAGGED_SYN = to_bytes(Ethernet(ether_type=EtherType.VLAN)) + to_bytes(Vlan(tci=5, ether_type=EtherType.IPV4)) + _SYN
"""The same behind a VLAN header."""
QUERY = to_bytes(Ethernet(ether_type=EtherType.IPV4)) + _ipv4(_udp(_DNS, 53), IpProto.UDP)
"""A DNS query."""
