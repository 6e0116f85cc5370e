"""Captures put together byte by byte, for tests: what stands in such files, written down apart from osmia's reader."""

from __future__ import annotations

import struct

FRAME = bytes.fromhex("020000000002 020000000001 88b5") + bytes(range(50))
"""An Ethernet frame of 64 bytes."""


def pcap(
    *records: tuple[int, int, bytes, int],
    order: str = "<",
    magic: int = 0xA1B2C3D4,
    version: tuple[int, int] = (2, 4),
    snap_length: int = 65535,
    link: int = 1,
) -> bytes:
    """A pcap file; `records` are seconds, the fraction, the bytes that are there and how many there were."""
    head = struct.pack(f"{order}IHHiIII", magic, *version, 0, 0, snap_length, link)
    return head + b"".join(
        struct.pack(f"{order}IIII", s, f, len(data), length) + data for s, f, data, length in records
    )


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of pcapng; its body is padded."""
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + length + body + length


def section(order: str = "<", version: tuple[int, int] = (1, 0), length: int = -1, options: bytes = b"") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, *version, length) + options, order)


def option(number: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}HH", number, len(value)) + value + bytes(-len(value) % 4)


def interface(link: int = 1, snap_length: int = 0, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, snap_length) + options, order)


def enhanced(
    data: bytes, ticks: int = 0, number: int = 0, length: int | None = None, order: str = "<", options: bytes = b""
) -> bytes:
    head = (number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data) if length is None else length)
    return block(6, struct.pack(f"{order}5I", *head) + data + bytes(-len(data) % 4) + options, order)


def simple(data: bytes, length: int | None = None, order: str = "<") -> bytes:
    return block(3, struct.pack(f"{order}I", len(data) if length is None else length) + data, order)


def obsolete(data: bytes, ticks: int = 0, number: int = 0, drops: int = 0, order: str = "<") -> bytes:
    head = (number, drops, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(2, struct.pack(f"{order}HHIIII", *head) + data, order)
