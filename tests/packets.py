"""Packets as bytes, for tests: what stands on the wire, written down here and nowhere else."""

from __future__ import annotations

import struct


def ethernet(kind: int, payload: bytes, *, dst: bytes = b"\2\0\0\0\0\2", src: bytes = b"\2\0\0\0\0\1") -> bytes:
    return dst + src + struct.pack(">H", kind) + payload


def vlan(number: int, kind: int, payload: bytes) -> bytes:
    """What follows an Ethernet header of the kind 0x8100."""
    return struct.pack(">HH", number, kind) + payload


def checksum(data: bytes) -> int:
    """The Internet's checksum of an even number of bytes."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ipv4(
    protocol: int, payload: bytes, *, src: int = 0x0A000001, dst: int = 0x0A000002, ttl: int = 64, options: bytes = b""
) -> bytes:
    words = 5 + len(options) // 4
    length = 4 * words + len(payload)
    start = struct.pack(">BBHHHBB", 0x40 | words, 0, length, 1, 0, ttl, protocol)
    end = struct.pack(">II", src, dst) + options
    return start + struct.pack(">H", checksum(start + b"\0\0" + end)) + end + payload


def ipv6(next_header: int, payload: bytes, *, src: bytes = bytes(15) + b"\1", dst: bytes = bytes(15) + b"\2") -> bytes:
    return struct.pack(">IHBB", 0x60000000, len(payload), next_header, 64) + src + dst + payload


def udp(src: int, dst: int, payload: bytes = b"") -> bytes:
    """Without a checksum, as IPv4 allows."""
    return struct.pack(">HHHH", src, dst, 8 + len(payload), 0) + payload


def tcp(src: int, dst: int, payload: bytes = b"", *, flags: int = 0x10, options: bytes = b"") -> bytes:
    """Without a checksum."""
    words = 5 + len(options) // 4
    return struct.pack(">HHIIHHHH", src, dst, 1, 1, words << 12 | flags, 512, 0, 0) + options + payload
