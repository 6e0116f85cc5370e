"""Bytes taken apart into the layers of a packet."""

from __future__ import annotations

from typing import Any

from osmia.errors import shown
from osmia.headers import Ethernet, Icmp, IcmpType, Icmpv6, IPv4, IPv6Fragment
from osmia.structs import from_bytes
from osmia.testing.packets.completion import complete, unsaid
from osmia.testing.packets.layer import BY_HEADER, EVERY_FIELD, FOLLOWING, KINDS, Layer, LayerKind, cut_note
from osmia.testing.packets.packet import Packet

MOST_LAYERS = 32
"""What is deeper in a packet stays bytes."""
_ICMP_ERRORS = {
    *(IcmpType.DEST_UNREACH, IcmpType.REDIRECT, IcmpType.TIME_EXCEEDED, IcmpType.PARAMETER_PROBLEM),
    4,  # source quench
}
_FIRST_ICMPV6_INFORMATION = 128


def dissect(data: bytes | bytearray | memoryview, first: type = Ethernet) -> Packet:
    """The packet that these bytes are, whatever they are: `bytes()` of it gives the same ones.

    `first` is the header that they begin with: Ethernet, or IPv4 and IPv6 for what has none. What is no header is
    bytes; what is wrong in a header is said beside it in `repr`.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"dissect() takes the bytes of a packet, not {shown(data)}")
    if first not in BY_HEADER:
        known = ", ".join(each.__name__ for each in BY_HEADER)
        raise TypeError(f"dissect(): first is the header that the packet begins with: {known}; not {shown(first)}")
    layers = _layers(bytes(data), BY_HEADER[first][0])
    return Packet(unsaid(layers, complete(layers)))


def _layers(rest: bytes, kind: LayerKind | None) -> list[Layer]:
    layers: list[Layer] = []
    note = "payload"
    while kind is not None and rest and len(layers) < MOST_LAYERS:
        if len(rest) < kind.size:
            note = cut_note(kind)
            break
        header: Any = from_bytes(kind.header, rest[: kind.size])
        size = max(kind.options(header), 0)
        options, rest = rest[kind.size :][:size], rest[kind.size :][size:]
        size = kind.payload(header) if kind.payload is not None else -1
        padding = rest[size:] if 0 <= size < len(rest) else b""
        rest = rest[: len(rest) - len(padding)]
        layers.append(Layer(kind, header, options, EVERY_FIELD, padding))
        kind = _following(kind, header, rest)
    if rest:
        layers.append(Layer(None, rest=rest, note=note))
    return layers


def _following(kind: LayerKind, header: Any, rest: bytes) -> LayerKind | None:
    """What follows a header, as far as it is known."""
    if isinstance(header, (IPv4, IPv6Fragment)) and header.fragment_offset:
        return None
    if isinstance(header, Icmp):
        return KINDS["ipv4"] if header.type in _ICMP_ERRORS and rest[:1].hex().startswith("4") else None
    if isinstance(header, Icmpv6):
        return KINDS["ipv6"] if header.type < _FIRST_ICMPV6_INFORMATION and rest[:1].hex().startswith("6") else None
    if kind.says is None:
        return KINDS[kind.accepts[0]] if kind.accepts else None
    name, who = kind.says
    return FOLLOWING[who].get(getattr(header, name))
