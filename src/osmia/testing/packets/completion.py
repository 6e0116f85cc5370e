"""What is left out of a packet is computed: what follows, lengths and checksums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from osmia.checksum import checksum, ipv4_pseudo_sum, ipv6_pseudo_sum
from osmia.headers import IpProto, IPv4
from osmia.structs import from_bytes, replace, to_bytes
from osmia.testing.packets.layer import (
    EXTENSIONS,
    KINDS,
    NEXT_HEADER,
    PROTOCOL,
    ROUTING_BY_ADDRESS,
    ROUTING_BY_SEGMENTS,
    UNKNOWN,
    Layer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia.testing.packets.layer import LayerKind

_END_OF_OPTIONS, _NO_OPERATION = 0, 1
_SOURCE_ROUTES = (131, 137)
"""Options of IPv4 (RFC 791): the loose and the strict one."""


class Complete(NamedTuple):
    """A packet as it is on the wire."""

    data: bytes
    parts: tuple[bytes, ...]
    """Of each layer its header with options; of bytes themselves."""
    payloads: tuple[bytes, ...]
    """What each layer carries, without its padding."""


class CannotKnowError(TypeError):
    """A field cannot be computed: the packet does not have what it takes."""


def complete(layers: Sequence[Layer]) -> Complete:
    """Compute all that is left out, from the innermost layer outwards."""
    data = b""
    parts: list[bytes] = []
    payloads: list[bytes] = []
    for place in reversed(range(len(layers))):
        layer = layers[place]
        part = layer.rest if layer.kind is None else _complete(layer.kind, layers, place, data)
        parts.append(part)
        payloads.append(data)
        data = part + data + layer.padding
    return Complete(data, tuple(reversed(parts)), tuple(reversed(payloads)))


def computed(kind: LayerKind, layers: Sequence[Layer], place: int, payload: bytes) -> dict[str, int]:
    """What the fields of a layer have to be that depend on others, but for the checksum."""
    layer = layers[place]
    found = dict(kind.lengths(layer.header, len(layer.rest), len(payload)))
    if kind.says is not None:
        name, who = kind.says
        following = layers[place + 1] if place + 1 < len(layers) else None
        number = _announced(following, who)
        if number is not None:
            found[name] = number
    return found


def right_checksum(kind: LayerKind, layers: Sequence[Layer], place: int, part: bytes, payload: bytes) -> int:
    """The checksum that a layer's header has to have, whatever `part` has there."""
    assert kind.checksum_at is not None
    zeroed = part[: kind.checksum_at] + b"\0\0" + part[kind.checksum_at + 2 :]
    if kind.covers == "header":
        return checksum(internet_sum(zeroed))
    total = internet_sum(zeroed + payload) + _pseudo_sum(kind, layers[:place], len(part) + len(payload))
    found = checksum(total)
    # 0 says that there is none.
    return 0xFFFF if found == 0 and kind.name == "udp" else found


def internet_sum(data: bytes) -> int:
    """The sum of RFC 1071 over bytes, an odd one as if a 0 followed."""
    # 2**16 is 1 modulo 2**16 - 1, so the remainder of the whole number is the sum of its words with all carries.
    whole = int.from_bytes(data + b"\0" * (len(data) % 2), "big")
    return whole % 0xFFFF or (0xFFFF if whole else 0)


def _complete(kind: LayerKind, layers: Sequence[Layer], place: int, payload: bytes) -> bytes:
    layer = layers[place]
    wanted = computed(kind, layers, place, payload)
    if kind.name == "udp" and "length" not in layer.said:
        _refuse_fragment(kind, layers[:place])
    missing = {name: value for name, value in wanted.items() if name not in layer.said}
    try:
        header = replace(layer.header, **missing) if missing else layer.header
    except OverflowError as error:
        name = next(name for name, value in missing.items() if str(value) in str(error))
        raise ValueError(f"{layer.name}: {error}: say {name}= if that is meant") from None
    part = to_bytes(header) + layer.rest
    at = kind.checksum_at
    if at is None or "checksum" in layer.said or not kind.has_checksum(header):
        return part
    found = right_checksum(kind, layers, place, part, payload)
    return part[:at] + found.to_bytes(2, "big") + part[at + 2 :]


def _announced(following: Layer | None, who: str) -> int | None:
    """The number of what follows; None if it has none there."""
    if following is None and who == NEXT_HEADER:
        return IpProto.NONE
    if following is None or following.kind is None:
        return UNKNOWN[who]
    return following.kind.numbers.get(who)


def _pseudo_sum(kind: LayerKind, enclosing: Sequence[Layer], length: int) -> int:
    """The sum of what the checksum counts of the IP header."""
    _refuse_fragment(kind, enclosing)
    if kind.covers != "pseudo":
        return 0
    around = _ip_around(enclosing)
    if around is None:
        raise CannotKnowError(
            f"{kind.name}(): its checksum counts addresses of an ipv4() or ipv6() in front of it, and there is none: "
            "put one there, or say checksum="
        )
    ip, between = around
    if isinstance(ip.header, IPv4):
        only = IPv4(src=ip.header.src, dst=_end_of_route(ip.header.dst, ip.rest), protocol=kind.numbers[PROTOCOL])
        return ipv4_pseudo_sum(only, length)
    return ipv6_pseudo_sum(_to_the_last(kind, ip.header, between), kind.numbers[NEXT_HEADER], length)


def _ip_around(enclosing: Sequence[Layer]) -> tuple[Layer, list[Layer]] | None:
    """The IP header that a layer stands behind, and the extension headers between them."""
    between: list[Layer] = []
    for layer in reversed(enclosing):
        if layer.kind in (KINDS["ipv4"], KINDS["ipv6"]):
            return layer, between
        if layer.kind not in EXTENSIONS:
            return None
        between.append(layer)
    return None


def _end_of_route(dst: int, options: bytes) -> int:
    """The address where an IPv4 packet ends: a source route may send it there by way of others."""
    at = 0
    while at + 3 <= len(options) and options[at] != _END_OF_OPTIONS:
        kind, length, pointer = options[at : at + 3]
        if kind == _NO_OPERATION:
            at += 1
            continue
        route = options[at + 3 : at + length]
        if length < 2 or at + length > len(options):
            break
        if kind in _SOURCE_ROUTES and pointer <= length and route and len(route) % 4 == 0:
            return int.from_bytes(route[-4:], "big")
        at += length
    return dst


def _to_the_last(kind: LayerKind, header: Any, between: Sequence[Layer]) -> Any:
    """An IPv6 header with the address where the packet ends: a routing header sends it there by way of others."""
    for layer in between:
        if layer.kind is not KINDS["routing"] or len(layer.rest) < 2 or layer.rest[1] == 0:
            continue
        addresses = layer.rest[6:]
        if len(addresses) < 16 or layer.rest[0] not in (ROUTING_BY_ADDRESS, ROUTING_BY_SEGMENTS):
            raise CannotKnowError(
                f"{kind.name}(): its checksum counts the address where the packet ends, and that is not known of a "
                f"routing header of type {layer.rest[0]}: say checksum="
            )
        last = addresses[-16:] if layer.rest[0] == ROUTING_BY_ADDRESS else addresses[:16]
        return replace(header, dst=last)
    return header


def _refuse_fragment(kind: LayerKind, enclosing: Sequence[Layer]) -> None:
    around = _ip_around(enclosing)
    if around is None:
        return
    ip, between = around
    fragments = [layer.header for layer in between if layer.kind is KINDS["ipv6_fragment"]]
    cut = any(header.more_fragments or header.fragment_offset for header in fragments)
    if cut or (isinstance(ip.header, IPv4) and ip.header.is_fragment):
        fields = "length and checksum are those" if kind.name == "udp" else "checksum is that"
        said = "length= and checksum=" if kind.name == "udp" else "checksum="
        raise CannotKnowError(
            f"{kind.name}(): in a fragment, its {fields} of the whole packet, which is not here: "
            f"say {said}, or cut up a whole packet with fragments()"
        )


def unsaid(layers: Sequence[Layer], whole: Complete) -> tuple[Layer, ...]:
    """The same layers, where fields that are what would be computed are left to be computed."""
    return tuple(_unsaid(layers, place, whole) for place in range(len(layers)))


def _unsaid(layers: Sequence[Layer], place: int, whole: Complete) -> Layer:
    layer = layers[place]
    if layer.kind is None or not layer.said:
        return layer
    part, payload = whole.parts[place], whole.payloads[place]
    wanted = computed(layer.kind, layers, place, payload)
    right = {name for name, value in wanted.items() if getattr(layer.header, name) == value}
    at = layer.kind.checksum_at
    if at is not None and len(part) >= at + 2 and layer.kind.has_checksum(layer.header):
        try:
            if right_checksum(layer.kind, layers, place, part, payload) == int.from_bytes(part[at : at + 2], "big"):
                right.add("checksum")
        except CannotKnowError:
            right.discard("length")
    return Layer(layer.kind, layer.header, layer.rest, layer.said - right, layer.padding, layer.note)


def header_of(kind: LayerKind, part: bytes) -> Any:
    """The struct at the start of a layer's bytes."""
    return from_bytes(kind.header, part[: kind.size])
