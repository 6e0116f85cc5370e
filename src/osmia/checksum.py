"""Checksums of IP, TCP, UDP and ICMP (RFC 1071 and 1624), for kernel code and user code alike.

A sum is a number that 16-bit or 32-bit words have been added to, in any order. `checksum` makes of it what the headers
hold. Words and fields are plain numbers, as `osmia.headers` has them.
"""

from __future__ import annotations

from osmia.arrays import FixedArray
from osmia.headers import IPv4, IPv6
from osmia.types import u8, u16, u32, u64

__all__ = [
    "checksum",
    "checksum_fold",
    "checksum_replace",
    "checksum_replace32",
    "ipv4_checksum",
    "ipv4_pseudo_sum",
    "ipv6_pseudo_sum",
]


def checksum_fold(total: u64) -> u16:
    """A sum below 2**64 as one of 16 bits, with the carries added to it."""
    total = (total & 0xFFFFFFFF) + (total >> 32)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return (total + (total >> 16)) & 0xFFFF


def checksum(total: u64) -> u16:
    """The checksum of a sum: what a header holds, and 0 where the words of the sum hold their right checksum.

    A UDP header holds 0xFFFF where this is 0, since 0 stands for no checksum there.
    """
    return ~checksum_fold(total) & 0xFFFF


def checksum_replace(before: u16, old: u16, new: u16) -> u16:
    """The checksum once a 16-bit word of what it covers has changed from `old` to `new`.

    A byte changes with the other byte of its word: for an IPv4 header's TTL, `old` is `ttl << 8 | protocol`. In a UDP
    header 0 stands for no checksum: leave it alone, and store 0xFFFF where this gives 0.
    """
    # Complements, and no differences: LLVM sees that the sum is small, and makes less code of it.
    total = (before ^ 0xFFFF) + (old ^ 0xFFFF) + new
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def checksum_replace32(before: u16, old: u32, new: u32) -> u16:
    """The checksum once a 32-bit word of what it covers, such as an IPv4 address, has changed from `old` to `new`.

    In a UDP header 0 stands for no checksum: leave it alone, and store 0xFFFF where this gives 0.
    """
    return ~checksum_fold((before ^ 0xFFFF) + (old ^ 0xFFFFFFFF) + new) & 0xFFFF


def ipv4_checksum(header: IPv4) -> u16:
    """What the checksum of an IPv4 header without options has to be, whatever its field holds now.

    A header with options is an assertion that fails.
    """
    assert header.version_ihl & 0x0F == 5, "the header has options, which this does not count"
    total = (header.version_ihl << 8) + header.tos + header.total_length + header.id + header.fragment
    return checksum(total + (header.ttl << 8) + header.protocol + header.src + header.dst)


def ipv4_pseudo_sum(header: IPv4, length: u16) -> u64:
    """The sum of what TCP and UDP count of an IPv4 header: `length` is that of their own header and data, in bytes."""
    return header.src + header.dst + header.protocol + length


def ipv6_pseudo_sum(header: IPv6, protocol: u8, length: u32) -> u64:
    """The sum of what TCP, UDP and ICMPv6 count of an IPv6 header.

    `protocol` is theirs, which extension headers may hide; `length` is that of their own header and data, in bytes.
    """
    return protocol + length + _address_sum(header.src) + _address_sum(header.dst)


def _address_sum(of: FixedArray[u8]) -> u64:
    high = of[0] + of[2] + of[4] + of[6] + of[8] + of[10] + of[12] + of[14]
    return (high << 8) + of[1] + of[3] + of[5] + of[7] + of[9] + of[11] + of[13] + of[15]
