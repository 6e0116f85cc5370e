"""What a capture holds: packets, and the interfaces that they were captured at."""

from __future__ import annotations

from typing import NamedTuple, Self

from osmia.enumeration import IntEnum
from osmia.record import frozen_record

NO_TIME = -(1 << 63)
"""In arrays of times: the file does not say when the packet was captured."""

LONGEST_PACKET = 1 << 24
"""Bytes of a packet beyond which a file is taken to be damaged: what Linux puts together is below 1 MiB."""


class LinkType(IntEnum):
    """What packets begin with (LINKTYPE_*). There are more; those that osmia's programs meet have a name here."""

    NULL = 0
    ETHERNET = 1
    PPP = 9
    RAW = 101
    IEEE802_11 = 105
    LOOP = 108
    LINUX_SLL = 113
    IEEE802_11_RADIOTAP = 127
    IPV4 = 228
    IPV6 = 229
    NETLINK = 253
    LINUX_SLL2 = 276


def link_type_name(number: int) -> str:
    """The name of a link type, with its number: `ETHERNET (1)`; the number alone where it has none here."""
    try:
        return f"{LinkType(number).name} ({number})"
    except ValueError:
        return str(number)


@frozen_record
class Interface:
    """What packets were captured at. A pcap file has one, a pcapng file any number."""

    link_type: int = LinkType.ETHERNET
    snap_length: int = 0
    """Bytes to which packets were cut; 0 where there was no limit."""
    name: str = ""
    description: str = ""


class _Fields(NamedTuple):
    data: bytes
    time_ns: int | None
    original_length: int
    interface: int


class Packet(_Fields):
    """A captured packet.

    `data` is what was captured of it, `original_length` how long it was (by default as long as `data`), `time_ns` when
    it was captured, in nanoseconds since 1970 in UTC, None where the file does not say; `interface` is an index into
    the capture's interfaces.
    """

    __slots__ = ()

    def __new__(
        cls, data: bytes, time_ns: int | None = 0, original_length: int | None = None, interface: int = 0
    ) -> Self:
        """A packet of these bytes."""
        return super().__new__(cls, data, time_ns, len(data) if original_length is None else original_length, interface)
