"""The capture of `--demo`: five seconds of a host that resolves names, answers pings and fetches pages."""

from __future__ import annotations

import io
import struct

from osmia.pcap import Packet, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_START = 1_767_225_600_000_000_000
_MILLISECOND = 1_000_000
_HOST, _ROUTER = bytes.fromhex("020000000001"), bytes.fromhex("0200000000fe")
# Addresses for documentation (RFC 5737).
_OWN, _RESOLVER, _SERVER = bytes((192, 0, 2, 10)), bytes((192, 0, 2, 53)), bytes((198, 51, 100, 7))
_ICMP, _TCP, _UDP = 1, 6, 17
_SYN_ACK, _ACK, _DATA, _FIN = 0x12, 0x10, 0x18, 0x11
_SEGMENT = 1448


def capture() -> io.BytesIO:
    """A capture of what the host receives, as a file."""
    file = io.BytesIO()
    write(file, _packets())
    file.seek(0)
    return file


def _packets() -> Iterator[Packet]:
    for second in range(5):
        at = _START + second * 1000 * _MILLISECOND
        yield Packet(_arp(), at)
        yield Packet(
            _ipv4(_UDP, _RESOLVER, _udp(53, 40_000 + second, b"\x12\x34\x81\x80" + bytes(36))), at + _MILLISECOND
        )
        for number in range(4):
            data = _with_checksum(struct.pack(">BBHHH", 8, 0, 0, 7, number) + bytes(range(56)), 2)
            yield Packet(_ipv4(_ICMP, _SERVER, data), at + (10 + 200 * number) * _MILLISECOND)
        yield from _page(at + 300 * _MILLISECOND, 50_000 + second, 10 * (second + 1))


def _page(at: int, port: int, segments: int) -> Iterator[Packet]:
    """What comes back of a connection that fetches so many full segments."""
    yield Packet(_ipv4(_TCP, _SERVER, _tcp(port, 1, _SYN_ACK)), at)
    for number in range(segments):
        segment = _tcp(port, 2 + number * _SEGMENT, _DATA if number == segments - 1 else _ACK, bytes(_SEGMENT))
        yield Packet(_ipv4(_TCP, _SERVER, segment), at + (5 + number) * _MILLISECOND)
    yield Packet(_ipv4(_TCP, _SERVER, _tcp(port, 2 + segments * _SEGMENT, _FIN)), at + (6 + segments) * _MILLISECOND)


def _arp() -> bytes:
    question = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + _ROUTER + _RESOLVER[:3] + b"\x01" + bytes(6) + _OWN
    return _ethernet(0x0806, b"\xff" * 6, question)


def _ipv4(protocol: int, source: bytes, payload: bytes) -> bytes:
    if protocol in (_TCP, _UDP):
        pseudo = source + _OWN + struct.pack(">BBH", 0, protocol, len(payload))
        at = 16 if protocol == _TCP else 6
        payload = _with_checksum(pseudo + payload, len(pseudo) + at)[len(pseudo) :]
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0x4000, 57, protocol, 0) + source + _OWN
    return _ethernet(0x0800, _HOST, _with_checksum(head, 10) + payload)


def _udp(source: int, target: int, payload: bytes) -> bytes:
    return struct.pack(">HHHH", source, target, 8 + len(payload), 0) + payload


def _tcp(target: int, sequence: int, flags: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HHIIBBHHH", 443, target, sequence, 1, 5 << 4, flags, 502, 0, 0) + payload


def _ethernet(kind: int, target: bytes, payload: bytes) -> bytes:
    return (target + _ROUTER + struct.pack(">H", kind) + payload).ljust(60, b"\0")


def _with_checksum(data: bytes, at: int) -> bytes:
    """The bytes with their Internet checksum at a place that holds 0."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return data[:at] + struct.pack(">H", total ^ 0xFFFF) + data[at + 2 :]
