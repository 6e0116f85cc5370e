"""How a packet is shown: a line for each layer, field by field, with what is wrong beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia.headers import ArpOperation, EtherType, IcmpType, Icmpv6Type, IpProto, TcpFlags
from osmia.layout import StructLayout, layout_of
from osmia.testing.packets.completion import CannotKnowError, computed, header_of, right_checksum
from osmia.testing.packets.layer import KINDS
from osmia.testing.packets.tcp_options import options_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from osmia.enumeration import IntEnum
    from osmia.testing.packets.completion import Complete
    from osmia.testing.packets.layer import Layer, LayerKind

MOST_BYTES = 32
"""How much is shown of bytes."""
LENGTHS = {"total_length", "payload_length", "length", "header_length"}


def packet_text(layers: Sequence[Layer], whole: Complete) -> str:
    """The whole packet."""
    size = len(whole.data)
    lines = [f"packet of {size} byte{'s' * (size != 1)}"]
    lines += [_layer_text(layers, place, whole) for place in range(len(layers))]
    padding = b"".join(layer.padding for layer in reversed(layers))
    if padding:
        lines.append(f"padding {bytes_text(padding)}")
    return "\n  ".join(lines)


def bytes_text(data: bytes) -> str:
    """How many bytes, which, and as text where they are one."""
    many = f"{len(data)} byte{'s' * (len(data) != 1)}"
    if not any(data):
        return f"{many} of 0"
    text = f"{many}: {data[:MOST_BYTES].hex()}{'...' * (len(data) > MOST_BYTES)}"
    if len(data) <= MOST_BYTES and data.isascii() and data.decode("ascii").isprintable():
        text += f" {data.decode('ascii')!r}"
    return text


def _layer_text(layers: Sequence[Layer], place: int, whole: Complete) -> str:
    layer = layers[place]
    if layer.kind is None:
        return f"{layer.note} {bytes_text(layer.rest)}"
    part = whole.parts[place]
    header = header_of(layer.kind, part)
    right = _right(layer.kind, layers, place, whole, header)
    words = [layer.kind.name]
    for name in _names(layer.kind):
        words += SHOWN.get(f"{layer.kind.name}.{name}", _of(_value))(header, name, layer.kind)
    if layer.rest:
        words += _rest(layer.kind, header, part[layer.kind.size :])
    return " ".join(word + right.get(word.partition("=")[0], "") for word in words)


def _names(kind: LayerKind) -> list[str]:
    layout = layout_of(kind.header)
    assert isinstance(layout, StructLayout)
    return [str(field.name) for field in layout.fields]


def _right(kind: LayerKind, layers: Sequence[Layer], place: int, whole: Complete, header: Any) -> dict[str, str]:
    """What to say beside the fields that are not what they should be."""
    found = {}
    part, payload = whole.parts[place], whole.payloads[place]
    as_it_is = [*layers[:place], _with_header(layers[place], header), *layers[place + 1 :]]
    for field, computed_value in computed(kind, as_it_is, place, payload).items():
        name, there, value = _length(kind, header, field, computed_value)
        if name in LENGTHS and there != value:
            missing = there > value and name != "header_length"
            found[name] = f" ({value} are there)" if missing else f" (should be {value})"
    at = kind.checksum_at
    if at is None or not kind.has_checksum(header) or len(part) < at + 2:
        return found
    held = int.from_bytes(part[at : at + 2], "big")
    none = kind.name == "udp" and held == 0
    if none or (found and kind.covers != "header") or _is_cut(layers[:place], whole):
        return found
    try:
        right = right_checksum(kind, as_it_is, place, part, payload)
    except CannotKnowError:
        return found
    return found if right == held else found | {"checksum": f" (should be {right:#06x})"}


def _with_header(layer: Layer, header: Any) -> Layer:
    return type(layer)(layer.kind, header, layer.rest, layer.said, layer.padding, layer.note)


def _length(kind: LayerKind, header: Any, name: str, value: int) -> tuple[str, int, int]:
    """The name of a computed field as it is shown, what is there, and what should be."""
    if name == "version_ihl":
        return "header_length", header.header_length, (value & 0xF) * 4
    if name == "offset_flags":
        return "header_length", header.header_length, (value >> 12) * 4
    if name == "length" and kind.name != "udp":
        return "header_length", header.header_length, (value + 1) * 8
    return name, getattr(header, name), value


def _is_cut(enclosing: Sequence[Layer], whole: Complete) -> bool:
    """Whether the packet ends before a length says that it does, so that no checksum of its data can be told."""
    for place, layer in enumerate(enclosing):
        if layer.kind is not None and layer.kind.payload is not None:
            header = header_of(layer.kind, whole.parts[place])
            if layer.kind.payload(header) > len(whole.payloads[place]):
                return True
    return False


def _rest(kind: LayerKind, header: Any, rest: bytes) -> list[str]:
    if kind is KINDS["tcp"]:
        return [f"options={options_text(rest)}"]
    if kind is not KINDS["gre"]:
        return [f"{'data' if kind is KINDS['routing'] else 'options'}={rest.hex()}"]
    names = [
        name
        for name, there in (
            ("checksum", header.has_checksum),
            ("key", header.has_key),
            ("sequence", header.has_sequence),
        )
        if there
    ]
    numbers = [int.from_bytes(rest[at : at + 4], "big") for at in range(0, len(rest), 4)]
    words = dict(zip(names, numbers, strict=False))
    return [
        f"checksum={value >> 16:#06x}" if name == "checksum" else f"{name}={value}" for name, value in words.items()
    ]


def _of(text: Callable[[Any, str, LayerKind], str]) -> Callable[[Any, str, LayerKind], list[str]]:
    return lambda header, name, kind: [f"{name}={text(header, name, kind)}"]


def _value(header: Any, name: str, kind: LayerKind) -> str:
    value = getattr(header, name)
    if name in kind.addresses:
        return kind.addresses[name][1](value)
    return f"{value:#06x}" if name == "checksum" else str(value)


def _named(names: type[IntEnum], spec: str = "") -> Callable[[Any, str, LayerKind], list[str]]:
    def text(header: Any, name: str, _kind: LayerKind) -> str:
        value = getattr(header, name)
        known = {int(member): member.name for member in names}
        return known.get(value) or format(value, spec)

    return _of(text)


def _properties(*names: str) -> Callable[[Any, str, LayerKind], list[str]]:
    return lambda header, _name, _kind: [f"{name}={getattr(header, name)}" for name in names]


def _set_properties(*names: str) -> Callable[[Any, str, LayerKind], list[str]]:
    """Those that are neither 0 nor False."""
    return lambda header, _name, _kind: [f"{name}={value}" for name in names if (value := getattr(header, name))]


def _tcp_words(header: Any, _name: str, _kind: LayerKind) -> list[str]:
    names = [flag.name for flag in TcpFlags if header.flags & flag]
    other = header.offset_flags & 0xF00
    names += [f"{other:#x}"] if other else []
    return [f"header_length={header.header_length}", f"flags={'|'.join(names) or 0}"]


_ETHER_TYPE = _named(EtherType, "#06x")
_PROTOCOL = _named(IpProto)
_FRAGMENT = _set_properties("dont_fragment", "more_fragments", "fragment_offset")
_EXTENSION_LENGTH = _properties("header_length")

SHOWN: dict[str, Callable[[Any, str, LayerKind], list[str]]] = {
    "ethernet.ether_type": _ETHER_TYPE,
    "vlan.tci": _properties("vlan_id", "priority", "drop_eligible"),
    "vlan.ether_type": _ETHER_TYPE,
    "qinq.tci": _properties("vlan_id", "priority", "drop_eligible"),
    "qinq.ether_type": _ETHER_TYPE,
    "arp.protocol_type": _ETHER_TYPE,
    "arp.operation": _named(ArpOperation),
    "ipv4.version_ihl": _properties("version", "header_length"),
    "ipv4.tos": _properties("dscp", "ecn"),
    "ipv4.fragment": _FRAGMENT,
    "ipv4.protocol": _PROTOCOL,
    "ipv6.version_class_label": _properties("version", "dscp", "ecn", "flow_label"),
    "ipv6.next_header": _PROTOCOL,
    "hop_by_hop.next_header": _PROTOCOL,
    "hop_by_hop.length": _EXTENSION_LENGTH,
    "routing.next_header": _PROTOCOL,
    "routing.length": _EXTENSION_LENGTH,
    "destination_options.next_header": _PROTOCOL,
    "destination_options.length": _EXTENSION_LENGTH,
    "ipv6_fragment.next_header": _PROTOCOL,
    "ipv6_fragment.reserved": _set_properties("reserved"),
    "ipv6_fragment.fragment": _properties("more_fragments", "fragment_offset"),
    "tcp.offset_flags": _tcp_words,
    "icmp.type": _named(IcmpType),
    "icmpv6.type": _named(Icmpv6Type),
    "gre.flags_version": _set_properties("version"),
    "gre.protocol": _ETHER_TYPE,
    "vxlan.flags": _properties("has_vni"),
    "vxlan.vni_reserved": _properties("vni"),
}
"""How fields are shown that are not shown as they are, by `kind.field`."""
