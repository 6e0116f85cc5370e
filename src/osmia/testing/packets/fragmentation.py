"""A packet cut up into IP fragments."""

from __future__ import annotations

from dataclasses import replace as with_changes
from typing import TYPE_CHECKING, Any

from osmia.headers import IPv6Fragment
from osmia.structs import replace
from osmia.testing.packets.completion import header_of
from osmia.testing.packets.layer import KINDS, Layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from osmia.testing.packets.completion import Complete

_IP = (KINDS["ipv4"], KINDS["ipv6"])
_IN_EACH = (KINDS["hop_by_hop"], KINDS["routing"])
"""Extension headers that routers read, so that each fragment has them."""

_LAST_OFFSET = 65528


def fragments(layers: Sequence[Layer], whole: Complete, size: int, number: int) -> list[list[Layer]] | None:
    """The layers of each fragment; None where the packet is short enough."""
    place = next((place for place, layer in enumerate(layers) if layer.kind in _IP), None)
    if place is None:
        raise TypeError("fragments() cuts up IPv4 and IPv6 packets, and this is neither")
    if len(whole.parts[place]) + len(whole.payloads[place]) <= size:
        return None
    if layers[place].kind is KINDS["ipv4"]:
        return _of_ipv4(layers, place, whole, size, number)
    return _of_ipv6(layers, place, whole, size, number)


def _of_ipv4(layers: Sequence[Layer], place: int, whole: Complete, size: int, number: int) -> list[list[Layer]]:
    ip, part = layers[place], whole.parts[place]
    assert ip.kind is not None
    if ip.rest:
        raise ValueError("fragments() does not cut up IPv4 packets with options: not all of them are repeated")
    header = header_of(ip.kind, part)
    if header.dont_fragment:
        raise ValueError("fragments(): the IPv4 header says dont_fragment")
    said = (ip.said | {"protocol"}) - {"total_length", "checksum"}
    found = []
    for offset, more, data in _pieces(whole.payloads[place], size - len(part)):
        if header.fragment_offset + offset > _LAST_OFFSET:
            raise ValueError(
                f"fragments(): the packet is a fragment from byte {header.fragment_offset} on, "
                f"and its end would be behind byte {_LAST_OFFSET}, where the last fragment can begin"
            )
        fragment = header.fragment + offset // 8
        if more:
            fragment |= 0x2000
        cut = replace(header, fragment=fragment, id=header.id or number)
        head = with_changes(ip, header=cut, said=said, padding=b"")
        found.append([*_without_padding(layers[:place]), head, _piece(offset, data)])
    return found


def _of_ipv6(layers: Sequence[Layer], place: int, whole: Complete, size: int, number: int) -> list[list[Layer]]:
    last = place
    while last + 1 < len(layers) and layers[last + 1].kind in _IN_EACH:
        last += 1
    before = layers[last]
    assert before.kind is not None
    next_header = header_of(before.kind, whole.parts[last]).next_header
    head = _without_padding([*layers[:last], with_changes(before, said=before.said - {"next_header"})])
    head[place] = with_changes(head[place], said=head[place].said - {"payload_length"})
    room = size - sum(map(len, whole.parts[place : last + 1])) - 8
    found = []
    for offset, more, data in _pieces(whole.payloads[last], room):
        header: Any = IPv6Fragment(next_header=next_header, fragment=offset | more, id=number)
        fragment = Layer(KINDS["ipv6_fragment"], header, said=frozenset({"next_header"}))
        found.append([*head, fragment, _piece(offset, data)])
    return found


def _pieces(data: bytes, room: int) -> Iterator[tuple[int, bool, bytes]]:
    """Offset, whether more follow, and the bytes of each fragment."""
    step = room // 8 * 8
    if step <= 0:
        raise ValueError(f"fragments(): {room} bytes beside the headers are too few: a fragment has 8 or more")
    for offset in range(0, len(data), step):
        yield offset, offset + step < len(data), data[offset : offset + step]


def _piece(offset: int, data: bytes) -> Layer:
    return Layer(None, rest=data, note=f"fragment from byte {offset} on,")


def _without_padding(layers: Sequence[Layer]) -> list[Layer]:
    return [with_changes(layer, padding=b"") for layer in layers]
