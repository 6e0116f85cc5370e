"""Real packets, put together byte by byte, with right checksums."""

from __future__ import annotations

import ipaddress
import struct

MACS = bytes.fromhex("020000000002 020000000001")
SOURCE, TARGET = "192.0.2.1", "198.51.100.7"
SOURCE6, TARGET6 = "2001:db8::1", "2001:db8::2"


def checksum(data: bytes, start: int = 0) -> int:
    """The Internet checksum of RFC 1071, as the definition says it: the complement of the sum of 16-bit words."""
    total = start
    for (word,) in struct.iter_unpack("!H", data + b"\0" * (len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(payload: bytes, ether_type: int = 0x0800, *, tags: tuple[tuple[int, int], ...] = ()) -> bytes:
    """A frame; `tags` are (TPID, TCI) of VLAN headers, the outer first."""
    types = [tpid for tpid, _ in tags] + [ether_type]
    head = MACS + struct.pack("!H", types[0])
    for (_, tci), following in zip(tags, types[1:], strict=True):
        head += struct.pack("!HH", tci, following)
    return head + payload


def ipv4(
    payload: bytes, protocol: int, *, options: bytes = b"", ttl: int = 64, source: str = SOURCE, target: str = TARGET
) -> bytes:
    """An IPv4 packet; options are padded to 4 bytes."""
    options += b"\0" * (-len(options) % 4)
    length = 20 + len(options)

    def head(sum_: int) -> bytes:
        first = 0x40 | length // 4
        fixed = struct.pack("!BBHHHBBH", first, 0, length + len(payload), 0x1234, 0x4000, ttl, protocol, sum_)
        return fixed + ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed + options

    return head(checksum(head(0))) + payload


def ipv6(
    payload: bytes,
    following: int,
    *,
    extensions: tuple[tuple[int, bytes], ...] = (),
    source: str = SOURCE6,
    target: str = TARGET6,
) -> bytes:
    """An IPv6 packet; `extensions` are (type, the bytes behind its next header), each of the right length."""
    types = [kind for kind, _ in extensions] + [following]
    rest = b"".join(bytes((after,)) + body for (_, body), after in zip(extensions, types[1:], strict=True)) + payload
    head = struct.pack("!IHBB", 0x60012345, len(rest), types[0], 61)
    return head + ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed + rest


def pseudo(source: str, target: str, protocol: int, length: int) -> bytes:
    """What checksums of TCP and UDP count besides."""
    addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    if len(addresses) == 8:
        return addresses + struct.pack("!BBH", 0, protocol, length)
    return addresses + struct.pack("!IHBB", length, 0, 0, protocol)


def udp(payload: bytes, source: int = 4000, target: int = 53, *, between: tuple[str, str] = (SOURCE, TARGET)) -> bytes:
    """A UDP datagram, with the checksum for packets between these addresses."""
    length = 8 + len(payload)
    bare = struct.pack("!HHHH", source, target, length, 0) + payload
    found = checksum(pseudo(*between, 17, length) + bare) or 0xFFFF
    return struct.pack("!HHHH", source, target, length, found) + payload


def tcp(payload: bytes, source: int = 4000, target: int = 80, *, options: bytes = b"", flags: int = 0x02) -> bytes:
    """A TCP segment between SOURCE and TARGET; options are padded to 4 bytes."""
    options += b"\0" * (-len(options) % 4)
    length = 20 + len(options)

    def segment(sum_: int) -> bytes:
        offset_flags = length // 4 << 12 | flags
        fixed = struct.pack("!HHIIHHHH", source, target, 1, 2, offset_flags, 65535, sum_, 0)
        return fixed + options + payload

    found = checksum(pseudo(SOURCE, TARGET, 6, length + len(payload)) + segment(0))
    return segment(found)
