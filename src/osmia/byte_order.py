"""Numbers turned between the machine's byte order and the network's, in kernel code and user code alike.

Fields of a header need none of it: be16, be32 and be64 convert by themselves. These are for numbers that are kept the
way they came, such as what C code put into a map. Each takes a number that its width holds; a wider one is an error.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.types import u16, u32, u64


def ntohs(number: u16, /) -> u16:
    """16 bits in network byte order as the machine has them."""
    return _turned(number, 2)


def htons(number: u16, /) -> u16:
    """16 bits of the machine in network byte order."""
    return _turned(number, 2)


def ntohl(number: u32, /) -> u32:
    """32 bits in network byte order as the machine has them."""
    return _turned(number, 4)


def htonl(number: u32, /) -> u32:
    """32 bits of the machine in network byte order."""
    return _turned(number, 4)


def be64_to_cpu(number: u64, /) -> u64:
    """64 bits in network byte order as the machine has them."""
    return _turned(number, 8)


def cpu_to_be64(number: u64, /) -> u64:
    """64 bits of the machine in network byte order."""
    return _turned(number, 8)


# How many bits each of them turns. The compiler reads it.
WIDTHS = {ntohs: 16, htons: 16, ntohl: 32, htonl: 32, be64_to_cpu: 64, cpu_to_be64: 64}


def _turned(number: int, size: int) -> int:
    """The number that these bytes are in the other order; on a machine that has the network's, itself."""
    if not 0 <= number < 1 << 8 * size:
        raise OverflowError(f"{number} does not fit {8 * size} bits: write u{8 * size}({number}) to wrap it")
    return int.from_bytes(number.to_bytes(size, "big"), sys.byteorder)
