"""Packets put together: the same bytes as others make of them by hand, and errors that say what was expected."""

from __future__ import annotations

import copy
import ipaddress
import pickle
from typing import TYPE_CHECKING, Any

import pytest

import real_packets
from osmia.headers import (
    Arp,
    ArpOperation,
    Ethernet,
    EtherType,
    Gre,
    IcmpType,
    Icmpv6Type,
    IPv4,
    IPv6,
    IPv6Extension,
    IPv6Fragment,
    Tcp,
    TcpFlags,
    Udp,
    Vlan,
    Vxlan,
)
from osmia.testing.packets import (
    Packet,
    arp,
    destination_options,
    dissect,
    ethernet,
    gre,
    hop_by_hop,
    icmp,
    icmpv6,
    ipv4,
    ipv6,
    ipv6_fragment,
    mss,
    nop,
    qinq,
    routing,
    sack,
    sack_permitted,
    tcp,
    timestamps,
    truncations,
    udp,
    vlan,
    vxlan,
    window_scale,
)
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

FRAME = ethernet(src=real_packets.MACS[6:], dst=real_packets.MACS[:6])
FOUR = ipv4(src=real_packets.SOURCE, dst=real_packets.TARGET, id=0x1234, dont_fragment=True)
SIX = ipv6(src=real_packets.SOURCE6, dst=real_packets.TARGET6, flow_label=0x12345, hop_limit=61)
V6 = (real_packets.SOURCE6, real_packets.TARGET6)


def by_hand(payload: bytes, protocol: int, options: bytes = b"") -> bytes:
    return real_packets.ethernet(real_packets.ipv4(payload, protocol, options=options))


def six_by_hand(payload: bytes, following: int, extensions: tuple[tuple[int, bytes], ...] = ()) -> bytes:
    return real_packets.ethernet(real_packets.ipv6(payload, following, extensions=extensions), 0x86DD)


@pytest.mark.parametrize("payload", [b"", b"a", b"payload", bytes(1000), b"\xff" * 1001], ids=len)
def test_udp_and_tcp_are_as_by_hand(payload: bytes) -> None:
    assert FRAME / FOUR / udp(src=4000, dst=53) / payload == by_hand(real_packets.udp(payload), 17)
    segment = tcp(src=4000, dst=80, seq=1, ack=2)
    assert FRAME / FOUR / segment / payload == by_hand(real_packets.tcp(payload), 6)
    assert FRAME / SIX / udp(src=4000, dst=53) / payload == six_by_hand(real_packets.udp(payload, between=V6), 17)


def test_options_are_filled_up() -> None:
    for size in range(41):
        options = b"\1" * size
        segment = tcp(src=4000, dst=80, seq=1, ack=2, options=options)
        assert FRAME / FOUR / segment / b"x" == by_hand(real_packets.tcp(b"x", options=options), 6)
        with_options = ipv4(
            src=real_packets.SOURCE, dst=real_packets.TARGET, id=0x1234, dont_fragment=True, options=options
        )
        assert FRAME / with_options / udp(src=4000, dst=53) == by_hand(real_packets.udp(b""), 17, options)


def test_a_checksum_of_udp_is_never_0() -> None:
    """0 would say that there is none."""
    first = ipv4() / udp() / b"\0\0"
    # What the checksum lacks, put into the payload: the sum is 0xFFFF, and its complement 0.
    full = ipv4() / udp() / first.at(Udp).checksum.to_bytes(2, "big")
    assert full.at(Udp).checksum == 0xFFFF
    for ip in (ipv4(), ipv6()):
        segment = ip / tcp() / b"\0\0"
        assert (ip / tcp() / segment.at(Tcp).checksum.to_bytes(2, "big")).at(Tcp).checksum == 0


def test_what_is_left_out_follows_from_the_rest() -> None:
    packet = ethernet() / qinq(7) / vlan(5, priority=3, drop_eligible=True) / ipv6() / hop_by_hop() / tcp() / b"x"
    assert packet.at(Ethernet).ether_type == EtherType.QINQ
    outer, inner = packet.at(Vlan), packet.at(Vlan, 1)
    assert (outer.vlan_id, outer.ether_type) == (7, EtherType.VLAN)
    assert (inner.vlan_id, inner.priority, inner.drop_eligible, inner.ether_type) == (5, 3, True, EtherType.IPV6)
    assert packet.at(Vlan, -1) == inner
    assert (packet.at(IPv6).next_header, packet.at(IPv6).payload_length) == (0, 8 + 20 + 1)
    assert (packet.at(IPv6Extension).next_header, packet.options(IPv6Extension)) == (6, b"\1\4" + bytes(4))
    assert (packet.offset(IPv6), packet.offset(Tcp), len(packet), packet.payload) == (22, 70, 91, b"x")


@pytest.mark.parametrize(
    ("layer", "number"),
    [(ipv4, 0x0800), (ipv6, 0x86DD), (arp, 0x0806), (vlan, 0x8100), (qinq, 0x88A8), (ethernet, 0x6558)],
)
def test_ethernet_and_gre_say_what_follows(layer: Callable[[], Packet], number: int) -> None:
    assert (ethernet() / layer()).at(Ethernet).ether_type == number
    assert (ipv4() / gre() / layer()).at(Gre).protocol == number
    assert (ethernet(ether_type=5) / layer()).at(Ethernet).ether_type == 5


@pytest.mark.parametrize(
    ("layer", "number"), [(tcp, 6), (udp, 17), (icmp, 1), (icmpv6, 58), (gre, 47), (ipv4, 4), (ipv6, 41)]
)
def test_ip_says_what_follows(layer: Callable[[], Packet], number: int) -> None:
    if layer is not icmpv6:
        assert (ipv4() / layer()).at(IPv4).protocol == number
        assert (ipv4(protocol=200) / layer()).at(IPv4).protocol == 200
    if layer is not icmp:
        assert (ipv6() / layer()).at(IPv6).next_header == number
        assert (ipv6() / destination_options() / layer()).at(IPv6Extension).next_header == number


def test_what_is_no_layer_is_an_experiment_and_nothing_is_nothing() -> None:
    assert (ethernet() / b"x").at(Ethernet).ether_type == 0x88B5
    assert (ipv4() / b"x").at(IPv4).protocol == 253
    assert (ipv6() / b"x").at(IPv6).next_header == 253
    assert (ipv6() / b"").at(IPv6).next_header == 59
    assert (ipv4() / udp() / b"x").at(Udp).dst == 9
    assert (ipv4() / udp() / vxlan()).at(Udp).dst == 4789


def test_flags_and_options_of_tcp() -> None:
    options = mss(1460) + sack_permitted() + timestamps(1, 2) + nop() + window_scale(7) + sack((1, 2), (3, 4))
    segment = tcp(flags=TcpFlags.SYN | TcpFlags.ACK, options=options)
    packet = ipv4() / segment
    assert packet.at(Tcp).flags == 0x12
    assert packet.at(Tcp).header_length == 60
    by_hand = "020405b4 0402 080a0000000100000002 01 030307 05120000000100000002 0000000300000004"
    assert packet.options(Tcp) == bytes.fromhex(by_hand) + b"\0" * 2
    assert (
        repr(packet)
        .splitlines()[2]
        .endswith(
            "options=mss(1460) + sack_permitted() + timestamps(1, 2) + nop() + window_scale(7) + sack((1, 2), (3, 4))"
        )
    )


def test_arp() -> None:
    packet = ethernet(dst=(1 << 48) - 1) / arp(sender_ip="10.1.0.1", target_ip="10.1.0.9")
    by_hand = "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a010001 000000000000 0a010009"
    assert packet == bytes.fromhex(by_hand)
    reply = arp(operation=ArpOperation.REPLY, target_mac="02-00-00-00-00-0A", hardware_type=6).at(Arp)
    assert (reply.operation, list(reply.target_mac), reply.hardware_type) == (2, [2, 0, 0, 0, 0, 10], 6)


def test_icmp() -> None:
    whole = ipv4() / icmp(type=IcmpType.ECHO_REPLY, id=1, sequence=2) / b"abc"
    assert bytes(whole)[20:] == bytes.fromhex("0000 3b9a 0001 0002 616263")
    # The checksum of the message is 0 where it is right.
    assert real_packets.checksum(bytes(whole)[20:]) == 0
    error = ipv4() / icmp(type=IcmpType.DEST_UNREACH, code=4, sequence=1400) / ipv4() / udp()
    assert error.at(IPv4, 1).protocol == 17
    six = bytes(SIX / icmpv6(type=Icmpv6Type.PACKET_TOO_BIG, sequence=1280) / ipv6() / udp())
    assert real_packets.checksum(real_packets.pseudo(*V6, 58, len(six) - 40) + six[40:]) == 0


def test_gre_and_vxlan() -> None:
    packet = ipv4() / gre(key=5, sequence=6, has_checksum=True) / ipv4() / udp()
    header = packet.at(Gre)
    assert (header.has_checksum, header.has_key, header.has_sequence, header.header_length) == (True, True, True, 16)
    assert packet.options(Gre)[2:] == bytes.fromhex("0000 00000005 00000006")
    assert real_packets.checksum(bytes(packet)[20:]) == 0
    assert (ipv4() / gre(checksum=3) / ipv4()).options(Gre) == b"\0\3\0\0"
    assert bytes(gre(key=9)) == bytes.fromhex("2000 88b5 00000009")
    inside = ipv4() / udp() / vxlan(0x123456) / ethernet() / ipv6() / udp()
    assert inside.at(Vxlan).vni == 0x123456
    assert bytes(inside)[28:36] == bytes.fromhex("08000000 12345600")
    assert inside.at(Udp).length == len(inside) - 20


def test_a_checksum_counts_the_address_where_the_packet_ends() -> None:
    ways = ["2001:db8::a", "2001:db8::b", "2001:db8::c"]
    options = ipv6() / routing(ways)
    for left, last in ((2, "2001:db8::c"), (0, "2001:db8::2")):
        packet = ipv6() / routing(ways, segments_left=left) / udp(src=4000, dst=53) / b"x"
        assert bytes(packet)[40 + 8 + 48 :] == real_packets.udp(b"x", between=("2001:db8::1", last))
    assert options.options(IPv6Extension)[:6] == bytes((4, 2, 2, 0, 0, 0))
    assert options.options(IPv6Extension)[6:22] == ipaddress.ip_address(ways[2]).packed


def test_what_is_said_stays() -> None:
    assert (ipv4() / udp(checksum=0)).at(Udp).checksum == 0
    said = (ipv4() / udp(checksum=1, length=5)).at(Udp)
    assert said == Udp(src=40000, dst=9, length=5, checksum=1)
    ip = ipv4(version=5, header_length=60, total_length=7, checksum=8).at(IPv4)
    assert (ip.version, ip.header_length, ip.total_length, ip.checksum) == (5, 60, 7, 8)
    six = ipv6(version=1, payload_length=3, next_header=6, dscp=46, ecn=1, flow_label=9).at(IPv6)
    assert (six.version, six.payload_length, six.next_header, six.dscp, six.ecn, six.flow_label) == (1, 3, 6, 46, 1, 9)
    assert (ipv4() / tcp(header_length=8, checksum=2)).at(Tcp).header_length == 8
    assert hop_by_hop(length=9).at(IPv6Extension).length == 9
    assert (ipv6() / ipv6_fragment(fragment_offset=80, more_fragments=True)).at(IPv6Fragment).fragment == 81


ADDRESSES = {
    "mac": (ethernet, Ethernet, "src", ["02:0a:00:00:00:ff", "02-0A-00-00-00-FF", b"\2\n\0\0\0\xff", 0x020A000000FF]),
    "ipv4": (ipv4, IPv4, "dst", ["10.1.2.3", b"\n\1\2\3", 0x0A010203, ipaddress.IPv4Address("10.1.2.3")]),
    "ipv6": (
        *(ipv6, IPv6, "dst"),
        [
            "2001:db8::5",
            ipaddress.IPv6Address("2001:db8::5").packed,
            (0x20010DB8 << 96) + 5,
            ipaddress.IPv6Address("2001:db8::5"),
        ],
    ),
}


@pytest.mark.parametrize("kind", ADDRESSES)
def test_addresses_are_texts_bytes_numbers_and_objects(kind: str) -> None:
    made: Any
    made, header, name, forms = ADDRESSES[kind]
    same = {bytes(made(**{name: form})) for form in forms}
    assert len(same) == 1
    # What was read is taken again.
    assert made(**{name: getattr(made(**{name: forms[0]}).at(header), name)}) == made(**{name: forms[0]})


def test_a_header_that_is_read_is_a_copy() -> None:
    packet = ethernet() / ipv4(ttl=9) / udp()
    packet.at(IPv4).ttl = 1
    assert packet.at(IPv4).ttl == 9


def test_changed_has_the_rest_computed_again() -> None:
    packet = ethernet() / ipv4(ttl=9) / udp(dst=53) / b"x"
    for start in (packet, dissect(bytes(packet))):
        changed = start.changed(IPv4, ttl=8, dst="10.0.0.9").changed(Udp, dst=54)
        assert changed == ethernet() / ipv4(ttl=8, dst="10.0.0.9") / udp(dst=54) / b"x"
        # The old one is as it was.
        assert start == packet
    wrong = ethernet() / ipv4(checksum=5) / udp()
    assert wrong.changed(IPv4, ttl=1).at(IPv4).checksum == 5
    assert wrong.changed(IPv4, ttl=1, checksum=None) == ethernet() / ipv4(ttl=1) / udp()
    assert dissect(bytes(wrong)).changed(IPv4, ttl=1).at(IPv4).checksum == 5
    twice = ethernet() / vlan(1) / vlan(2) / ipv4()
    assert twice.changed(Vlan, 1, tci=7) == ethernet() / vlan(1) / vlan(7) / ipv4()


def test_padding() -> None:
    frame = ethernet() / ipv4() / udp() / b"x"
    assert frame.padded(60) == bytes(frame) + bytes(17)
    assert frame.padded(60, 0xAA).padded(62) == bytes(frame) + b"\xaa" * 17 + bytes(2)
    assert frame.padded(20) == frame
    inside = ethernet() / ipv4() / udp() / vxlan() / frame.padded(60)
    assert inside.at(Udp).length == 8 + 8 + 60
    assert inside.at(IPv4, 1).total_length == 29


def test_truncated_keeps_what_the_whole_packet_says() -> None:
    whole = (ethernet() / ipv4() / udp() / b"payload").padded(60)
    for size in range(61):
        assert whole.truncated(size) == bytes(whole)[:size]
    assert whole.truncated(45).at(IPv4).total_length == 35
    assert whole.truncated(45) == dissect(bytes(whole)[:45])
    assert repr(whole.truncated(45)) == repr(dissect(bytes(whole)[:45]))


def test_fragments_hold_all_of_the_packet() -> None:
    payload = bytes(range(256)) * 6
    packet = ethernet() / vlan(5) / ipv4(id=77) / udp() / payload
    cut = packet.fragments(576)
    data = b""
    for number, each in enumerate(cut):
        header = each.at(IPv4)
        assert header.total_length == len(each) - 18 <= 576
        assert (header.id, header.protocol) == (77, 17)
        assert header.fragment_offset == len(data)
        assert header.more_fragments is (number < len(cut) - 1)
        assert "should be" not in repr(dissect(bytes(each)))
        data += bytes(each)[38:]
    assert data == bytes(packet)[38:]
    assert packet.fragments(2000) == (packet,)
    assert (ipv4() / udp() / payload).fragments(576, id=9)[0].at(IPv4).id == 9


def test_packets_are_compared_by_their_bytes() -> None:
    packet = ethernet() / ipv4()
    assert packet == bytes(packet) == bytearray(bytes(packet))
    assert packet == dissect(bytes(packet))
    assert hash(packet) == hash(dissect(bytes(packet)))
    assert packet != ethernet() / ipv4(ttl=1)
    assert packet != 5
    assert IPv4 in packet
    assert IPv6 not in packet
    assert udp()  # without what its checksum counts


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda packet: pickle.loads(pickle.dumps(packet))])
def test_copies_are_the_same_packets(copied: Callable[[Packet], Packet]) -> None:
    packet = ethernet() / ipv6() / routing(["2001:db8::a", "2001:db8::b"]) / udp(dst=53) / b"x"
    again = copied(packet)
    assert again == packet
    assert repr(again) == repr(packet)
    assert again.changed(IPv6, hop_limit=1) == packet.changed(IPv6, hop_limit=1)


def test_numbers_may_be_numpys() -> None:
    numpy: Any = pytest.importorskip("numpy")
    head = ipv4(dst=numpy.uint32(0x0A000009), dscp=numpy.uint8(3))
    assert head == ipv4(dst="10.0.0.9", dscp=3)
    ack = tcp(flags=numpy.int64(2), options=mss(numpy.uint16(5)))
    assert head / ack == head / tcp(flags=2, options=mss(5))
    assert len((ethernet() / arp()).padded(numpy.int64(60), numpy.uint8(1))) == 60


def test_a_checksum_counts_the_end_of_a_source_route() -> None:
    """Of a packet that is on its way to the next address of its route, and of one that has passed them all."""
    for kind in (131, 137):
        for pointer, last in ((4, "10.0.0.9"), (8, "10.0.0.9"), (12, "10.0.0.2")):
            route = bytes((1, kind, 11, pointer, 10, 0, 0, 8, 10, 0, 0, 9))
            packet = ipv4(options=route) / udp(src=4000, dst=53) / b"x"
            assert packet.offset(Udp) == 32
            assert bytes(packet)[32:] == real_packets.udp(b"x", between=("10.0.0.1", last))
            assert "should" not in repr(dissect(bytes(packet), IPv4))


TOO_MUCH = b"x" * 65530
REFUSED: dict[str, tuple[type[Exception], Callable[[], object], str]] = {
    "order": (
        TypeError,
        lambda: ethernet() / udp(),
        "udp() cannot follow ethernet(): after it come ethernet(), vlan(), qinq(), arp(), ipv4(), ipv6(), bytes, "
        "or say ether_type=",
    ),
    "protocol": (
        TypeError,
        lambda: ipv6() / icmp(),
        "icmp() cannot follow ipv6(): after it come ipv4(), ipv6(), hop_by_hop(), routing(), destination_options(), "
        "ipv6_fragment(), tcp(), udp(), icmpv6(), gre(), bytes, or say next_header=",
    ),
    "end": (TypeError, lambda: tcp() / ipv4(), "ipv4() cannot follow tcp(): after it come bytes"),
    "inside": (TypeError, lambda: vxlan() / ipv4(), "ipv4() cannot follow vxlan(): after it come ethernet(), bytes"),
    "text": (TypeError, lambda: udp() / "x", "what follows / is a layer, such as udp(), or bytes; not str 'x'"),  # type: ignore[operator]
    "alone": (
        TypeError,
        lambda: bytes(ethernet() / b"?" / udp()),
        "udp(): its checksum counts addresses of an ipv4() or ipv6() in front of it, and there is none: put one "
        "there, or say checksum=",
    ),
    "fragment": (
        TypeError,
        lambda: bytes(ipv4(more_fragments=True) / udp() / b"x"),
        "udp(): in a fragment, its length and checksum are those of the whole packet, which is not here: say length= "
        "and checksum=, or cut up a whole packet with fragments()",
    ),
    "last fragment": (
        TypeError,
        lambda: bytes(ipv4(fragment_offset=80) / icmp() / b"x"),
        "icmp(): in a fragment, its checksum is that of the whole packet, which is not here: say checksum=, or cut up "
        "a whole packet with fragments()",
    ),
    "fragment of TCP": (
        TypeError,
        lambda: bytes(ipv6() / ipv6_fragment(more_fragments=True) / tcp()),
        "tcp(): in a fragment, its checksum is that of the whole packet, which is not here: say checksum=, or cut up a "
        "whole packet with fragments()",
    ),
    "too long": (
        ValueError,
        lambda: bytes(ipv4() / TOO_MUCH),
        "ipv4(): IPv4.total_length is a be16, 0 to 65535, not 65550: say total_length= if that is meant",
    ),
    "mac": (
        ValueError,
        lambda: ethernet(src="02:00:00:00:01"),
        'ethernet(): src is a MAC address: "02:00:00:00:00:01", 6 bytes, or a number below 2**48; '
        "not str '02:00:00:00:01'",
    ),
    "ipv4": (
        ValueError,
        lambda: ipv4(dst="10.0.0.256"),
        'ipv4(): dst is an IPv4 address: "10.0.0.1", 4 bytes, a number below 2**32, or an ipaddress.IPv4Address; '
        "not str '10.0.0.256'",
    ),
    "ipv4 of another kind": (
        TypeError,
        lambda: ipv4(dst=ipaddress.ip_address("::1")),  # type: ignore[arg-type]
        'ipv4(): dst is an IPv4 address: "10.0.0.1", 4 bytes, a number below 2**32, or an ipaddress.IPv4Address; '
        "not IPv6Address IPv6Address('::1')",
    ),
    "ipv6": (
        ValueError,
        lambda: ipv6(src="fe80::1%eth0"),
        'ipv6(): src is an IPv6 address: "2001:db8::1", 16 bytes, a number below 2**128, or an ipaddress.IPv6Address; '
        "not str 'fe80::1%eth0'",
    ),
    "ttl": (OverflowError, lambda: ipv4(ttl=256), "IPv4.ttl is a u8, 0 to 255, not 256"),
    "dscp": (ValueError, lambda: ipv4(dscp=64), "ipv4(): dscp is 0 to 63, not 64"),
    "no field": (
        TypeError,
        lambda: udp(dport=53),  # type: ignore[call-arg]
        "udp() has no field 'dport': it takes src, dst, length, checksum",
    ),
    "changed property": (
        AttributeError,
        lambda: ipv4().changed(IPv4, dscp=3),
        "changed(): dscp of IPv4 is read from its other fields: change one of version_ihl, tos, total_length, id, "
        "fragment, ttl, protocol, checksum, src, dst",
    ),
    "dscp type": (TypeError, lambda: ipv4(dscp="af"), "ipv4(): dscp is a number, 0 to 63, not str 'af'"),  # type: ignore[arg-type]
    "flag": (TypeError, lambda: ipv4(dont_fragment=1), "ipv4(): dont_fragment is True or False, not int 1"),  # type: ignore[arg-type]
    "offset": (
        ValueError,
        lambda: ipv4(fragment_offset=9),
        "ipv4(): fragment_offset counts bytes, in steps of 8, not 9",
    ),
    "header length": (
        ValueError,
        lambda: tcp(header_length=21),
        "tcp(): header_length counts bytes, in steps of 4, not 21",
    ),
    "options": (
        ValueError,
        lambda: tcp(options=bytes(41)),
        "tcp(): there is room for 40 bytes of options, and these are 41",
    ),
    "options type": (
        TypeError,
        lambda: tcp(options=[mss(1)]),  # type: ignore[arg-type]
        "tcp(): options are bytes, not list [b'\\x02\\x04\\x00\\x01']",
    ),
    "mss": (ValueError, lambda: mss(1 << 16), "mss(): size is 0 to 65535, not 65536"),
    "vlan": (ValueError, lambda: vlan(4096), "vlan(): vlan_id is 0 to 4095, not 4096"),
    "segments": (ValueError, lambda: routing([]), "routing() takes the segments, one at least"),
    "at": (
        LookupError,
        lambda: (ethernet() / arp()).at(IPv4),
        "there is no IPv4 header in this packet, which is ethernet() / arp()",
    ),
    "nth": (
        LookupError,
        lambda: (ethernet() / ipv4()).at(IPv4, 1),
        "there is no IPv4 header with the number 1 in this packet, which is ethernet() / ipv4()",
    ),
    "at what": (
        TypeError,
        lambda: ipv4().at(int),
        "a packet is asked for one of its headers: Ethernet, Vlan, Arp, IPv4, IPv6, IPv6Extension, IPv6Fragment, Tcp, "
        "Udp, Icmp, Icmpv6, Gre, Vxlan; not for type <class 'int'>",
    ),
    "changed": (
        AttributeError,
        lambda: ipv4().changed(IPv4, hops=1),
        "IPv4 has no field 'hops': its fields are version_ihl, tos, total_length, id, fragment, ttl, protocol, "
        "checksum, src, dst",
    ),
    "padded": (
        TypeError,
        lambda: ethernet() / ipv4().padded(60),
        "padded() is for frames, and this begins with ipv4(): write (ethernet() / ...).padded(60), with the whole "
        "frame in parentheses",
    ),
    "after padding": (
        TypeError,
        lambda: (ethernet() / ipv4()).padded(60) / udp(),
        "padding comes last: put the whole packet together before padded()",
    ),
    "truncated": (ValueError, lambda: ethernet().truncated(15), "truncated() leaves 15 bytes of a packet that has 14"),
    "a size": (TypeError, lambda: ethernet().truncated(-1), "truncated() takes a number of bytes, not int -1"),
    "fragments of nothing": (
        TypeError,
        lambda: (ethernet() / arp()).fragments(576),
        "fragments() cuts up IPv4 and IPv6 packets, and this is neither",
    ),
    "small fragments": (
        ValueError,
        lambda: (ipv4() / bytes(100)).fragments(27),
        "fragments(): 7 bytes beside the headers are too few: a fragment has 8 or more",
    ),
    "one piece": (
        ValueError,
        lambda: (ipv4(dont_fragment=True) / bytes(100)).fragments(60),
        "fragments(): the IPv4 header says dont_fragment",
    ),
    "fragments with options": (
        ValueError,
        lambda: (ipv4(options=b"\1") / bytes(100)).fragments(60),
        "fragments() does not cut up IPv4 packets with options: not all of them are repeated",
    ),
    "far fragments": (
        ValueError,
        lambda: (ipv4(fragment_offset=65520) / bytes(100)).fragments(60),
        "fragments(): the packet is a fragment from byte 65520 on, and its end would be behind byte 65528, where the "
        "last fragment can begin",
    ),
    "None": (TypeError, lambda: ipv4(dst=None), "ipv4(): dst is None, which is no value: leave dst= out"),  # type: ignore[arg-type]
    "no segments": (
        TypeError,
        lambda: routing("2001:db8::1"),
        "routing() takes a list of segments: routing([\"2001:db8::1\"]); not str '2001:db8::1'",
    ),
    "no block": (
        TypeError,
        lambda: sack((1, 2, 3)),  # type: ignore[arg-type]
        "sack(): a block is a pair of sequence numbers, (first, after the last); not tuple (1, 2, 3)",
    ),
    "many blocks": (
        ValueError,
        lambda: sack(*[(1, 2)] * 5),
        "sack(): there is room for 4 blocks in the options of TCP, and these are 5",
    ),
    "fill": (ValueError, lambda: ethernet().padded(60, 256), "padded(): fill is 0 to 255, not 256"),
    "which": (
        TypeError,
        lambda: ipv4().at(IPv4, "first"),  # type: ignore[arg-type]
        "a packet is asked for the header with a number, the first one's is 0; not str 'first'",
    ),
    "cut": (TypeError, lambda: truncations(5), "truncations() takes a packet, not int 5"),  # type: ignore[arg-type]
    "dissect": (TypeError, lambda: dissect("x"), "dissect() takes the bytes of a packet, not str 'x'"),  # type: ignore[arg-type]
    "dissect what": (
        TypeError,
        lambda: dissect(b"", bytes),
        "dissect(): first is the header that the packet begins with: Ethernet, Vlan, Arp, IPv4, IPv6, IPv6Extension, "
        "IPv6Fragment, Tcp, Udp, Icmp, Icmpv6, Gre, Vxlan; not type <class 'bytes'>",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    of, use, text = REFUSED[case]
    found = refusal(of, use) if of is not TypeError else _type_error(use)
    assert found == text


def _type_error(use: Callable[[], object]) -> str:
    """What cannot be computed is refused with a class of its own, which is a TypeError."""
    with pytest.raises(TypeError) as caught:
        use()
    return str(caught.value)
