"""Bytes taken apart: any bytes at all, shown so that a failed assertion says what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies

from osmia.headers import Ethernet, IcmpType, IPv4, IPv6, Tcp, Udp
from osmia.testing.packets import (
    Packet,
    arp,
    dissect,
    ethernet,
    gre,
    hop_by_hop,
    icmp,
    icmpv6,
    ipv4,
    ipv6,
    ipv6_fragment,
    qinq,
    random_packets,
    routing,
    tcp,
    truncations,
    udp,
    vlan,
    vxlan,
)
from osmia.testing.packets.dissection import MOST_LAYERS

UDP = (ethernet() / ipv4(dscp=46, id=5) / udp(dst=53) / b"payload").padded(60)
SHOWN: dict[str, tuple[Packet, type]] = {
    "padding": (UDP, Ethernet),
    "padding alone": ((ethernet() / ipv4()).padded(36, 0xEE), Ethernet),
    "a wrong checksum": (ethernet() / ipv4(checksum=1) / udp(checksum=2) / b"\1\2\3", Ethernet),
    "no checksum": (ipv4() / udp(checksum=0) / bytes(40), IPv4),
    "wrong lengths": (ipv4(total_length=23, header_length=24) / udp(length=5) / b"x", IPv4),
    "cut off in the payload": (UDP.truncated(45), Ethernet),
    "cut off in a header": (UDP.truncated(20), Ethernet),
    "tags": (ethernet(dst=b"\xff" * 6) / qinq(7) / vlan(5, priority=3, drop_eligible=True) / arp(), Ethernet),
    "a header's length": (ipv4() / tcp(header_length=0, flags=0) / b"", IPv4),
    "flags": (ipv4(options=b"\1") / tcp(flags=0x1FF, options=b"\xfd\3\1\5"), IPv4),
    "IPv6": (ipv6(flow_label=5) / hop_by_hop() / routing(["::1"]) / ipv6_fragment() / icmpv6() / (b"\xff" * 40), IPv6),
    "an error": (ipv4() / icmp(type=IcmpType.DEST_UNREACH, code=3) / (ipv4() / udp() / b"payload").truncated(24), IPv4),
    "tunnels": (ipv4() / gre(key=1, sequence=2, has_checksum=True) / ipv6() / udp() / vxlan(9) / ethernet(), IPv4),
    "a fragment": ((ipv4() / udp() / bytes(80)).fragments(60)[1], IPv4),
    "nothing": (dissect(b""), Ethernet),
}
TEXTS = Path(__file__).with_name("packets.txt").read_text(encoding="utf-8")


def test_packets_are_shown_line_by_line() -> None:
    shown = "\n\n".join(f"# {name}\n{packet!r}" for name, (packet, _) in SHOWN.items())
    assert f"{shown}\n" == TEXTS


@pytest.mark.parametrize("name", sorted(SHOWN.keys() - {"wrong lengths"}))
def test_what_is_taken_apart_is_shown_as_what_was_put_together(name: str) -> None:
    packet, first = SHOWN[name]
    found = dissect(bytes(packet), first)
    assert found == packet
    assert repr(found) == repr(packet).replace("fragment from byte 40 on,", "payload")


def test_any_packet_is_put_together_again() -> None:
    for data in random_packets(3, 1500):
        assert bytes(dissect(data)) == data
        assert repr(dissect(data)).startswith(f"packet of {len(data)} byte")


@given(strategies.binary(max_size=200), strategies.sampled_from([Ethernet, IPv4, IPv6, Tcp, Udp]))
def test_any_bytes_are_a_packet(data: bytes, first: type) -> None:
    found = dissect(data, first)
    assert bytes(found) == data
    assert repr(found).startswith(f"packet of {len(data)} byte")


def test_right_packets_have_nothing_said_beside_them() -> None:
    for name in ("padding", "padding alone", "no checksum", "tags", "flags", "IPv6", "tunnels", "a fragment"):
        packet, first = SHOWN[name]
        text = repr(dissect(bytes(packet), first))
        assert "should be" not in text
        assert "are there" not in text


def test_each_wrong_bit_of_what_checksums_count_is_seen() -> None:
    right = bytes(ipv4() / udp() / b"payload")
    for bit in range(8 * len(right)):
        wrong = bytearray(right)
        wrong[bit // 8] ^= 0x80 >> bit % 8
        text = repr(dissect(bytes(wrong), IPv4))
        assert "should be" in text or "are there" in text, f"bit {bit}: {text}"


def test_deep_packets_end_in_bytes() -> None:
    packet = ipv4()
    for _ in range(100):
        packet = ipv4() / packet
    found = dissect(bytes(packet), IPv4)
    assert found == packet
    assert repr(found).count("\n  ipv4 ") == MOST_LAYERS


def test_every_length_is_cut_off() -> None:
    packet = ethernet() / ipv4() / udp() / b"x"
    assert list(truncations(packet)) == [bytes(packet)[:size] for size in range(44)]
