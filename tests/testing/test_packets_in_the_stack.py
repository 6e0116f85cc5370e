"""What the packet builders make is right: the kernel's own stack takes it, answers it, and drops what is wrong."""

from __future__ import annotations

import os
import re
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from osmia.headers import Arp, ArpOperation, Icmp, IcmpType, Icmpv6, Icmpv6Type, Tcp, TcpFlags
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
    mss,
    nop,
    qinq,
    sack_permitted,
    tcp,
    timestamps,
    udp,
    vlan,
    vxlan,
    window_scale,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from namespaces import Namespace

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
OURS, THEIRS = "10.0.0.1", "10.0.0.2"
OURS6, THEIRS6 = "fd00::1", "fd00::2"
PATIENCE = 5.0
NONE_COMES = 0.2
ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA = 263, 8


class Wire:
    """We are at the near end with bare frames; at the far end is the stack, with addresses."""

    def __init__(self, netns: Namespace) -> None:
        self.netns = netns
        self.ours, self.theirs = self._mac(netns.near), self._mac(netns.far)
        with netns.entered():
            Path(f"/proc/sys/net/ipv6/conf/{netns.far}/disable_ipv6").write_text("0")
        netns.ip("address", "add", f"{THEIRS}/24", "dev", netns.far)
        netns.ip("-6", "address", "add", f"{THEIRS6}/64", "dev", netns.far, "nodad")
        netns.ip("neighbour", "add", OURS, "lladdr", self.ours, "dev", netns.far)
        netns.ip("-6", "neighbour", "add", OURS6, "lladdr", self.ours, "dev", netns.far)
        with netns.entered():
            self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.raw.bind((netns.near, ETH_P_ALL))
        self.raw.settimeout(PATIENCE)

    def _mac(self, interface: str) -> str:
        return self.netns.ip("-oneline", "link", "show", "dev", interface).split("link/ether ")[1].split()[0]

    def ethernet(self) -> Packet:
        return ethernet(src=self.ours, dst=self.theirs)

    def send(self, *packets: Packet) -> None:
        for packet in packets:
            self.raw.send(bytes(packet))

    def answer(self, to: Packet, wanted: Callable[[Packet], bool]) -> Packet:
        """The first packet of those wanted that comes back."""
        self.send(to)
        while True:
            data, origin = self.raw.recvfrom(65536)
            if origin[2] != socket.PACKET_OUTGOING and wanted(found := dissect(data)):
                return found

    def bound(self, family: int, address: str) -> socket.socket:
        """A UDP socket at the far end."""
        with self.netns.entered():
            made = socket.socket(family, socket.SOCK_DGRAM)
        made.settimeout(PATIENCE)
        made.bind((address, 53))
        return made

    def arrives(self, *packets: Packet, at: str = THEIRS) -> bytes:
        """The payload of the UDP packet that these are."""
        family = socket.AF_INET6 if ":" in at else socket.AF_INET
        with self.bound(family, at) as end:
            self.send(*packets)
            return end.recv(65536)

    def is_dropped(self, packet: Packet, at: str = THEIRS) -> bool:
        """Whether nothing of it arrives, while one that is sent after it does."""
        family = socket.AF_INET6 if ":" in at else socket.AF_INET
        right = self.ethernet() / (ipv6(src=OURS6, dst=at) if ":" in at else ipv4(src=OURS, dst=at)) / udp(dst=53)
        with self.bound(family, at) as end:
            self.send(packet, right / b"the next one")
            return end.recv(65536) == b"the next one"


@pytest.fixture
def wire(netns: Namespace) -> Iterator[Wire]:
    made = Wire(netns)
    yield made
    made.raw.close()


def four() -> Packet:
    return ipv4(src=OURS, dst=THEIRS)


def six() -> Packet:
    return ipv6(src=OURS6, dst=THEIRS6)


@pytest.mark.parametrize("payload", [b"", b"odd", b"even", bytes(range(256)) * 5], ids=len)
def test_udp_arrives(wire: Wire, payload: bytes) -> None:
    assert wire.arrives(wire.ethernet() / four() / udp(dst=53) / payload) == payload
    assert wire.arrives(wire.ethernet() / six() / udp(dst=53) / payload, at=THEIRS6) == payload


def test_a_wrong_checksum_is_dropped_and_none_is_taken(wire: Wire) -> None:
    assert wire.is_dropped(wire.ethernet() / four() / udp(dst=53, checksum=1) / b"wrong")
    assert wire.is_dropped(wire.ethernet() / ipv4(src=OURS, dst=THEIRS, checksum=1) / udp(dst=53) / b"wrong")
    assert wire.is_dropped(wire.ethernet() / six() / udp(dst=53, checksum=0) / b"none", at=THEIRS6)
    assert wire.arrives(wire.ethernet() / four() / udp(dst=53, checksum=0) / b"none") == b"none"


def test_wrong_lengths_are_dropped(wire: Wire) -> None:
    assert wire.is_dropped(wire.ethernet() / ipv4(src=OURS, dst=THEIRS, total_length=100) / udp(dst=53) / b"short")
    assert wire.is_dropped(wire.ethernet() / ipv4(src=OURS, dst=THEIRS, header_length=16) / udp(dst=53) / b"short")
    assert wire.is_dropped((wire.ethernet() / four() / udp(dst=53) / b"cut off").truncated(45))


def test_padding_is_no_payload(wire: Wire) -> None:
    assert wire.arrives((wire.ethernet() / four() / udp(dst=53) / b"short").padded(60, 0xAA)) == b"short"
    assert wire.arrives((wire.ethernet() / six() / udp(dst=53) / b"").padded(80), at=THEIRS6) == b""


def test_options_and_extension_headers_are_passed(wire: Wire) -> None:
    options = ipv4(src=OURS, dst=THEIRS, options=bytes((148, 4, 0, 0)) + b"\1")  # router alert, and one of no operation
    assert wire.arrives(wire.ethernet() / options / udp(dst=53) / b"behind") == b"behind"
    for size in range(12):
        experiment = bytes((0x1E, size)) + bytes(size)  # RFC 4727, skipped by who does not know it
        for extension in (hop_by_hop(experiment), destination_options(experiment)):
            assert wire.arrives(wire.ethernet() / six() / extension / udp(dst=53) / b"behind", at=THEIRS6) == b"behind"
    both = hop_by_hop() / destination_options()
    assert wire.arrives(wire.ethernet() / six() / both / udp(dst=53) / b"behind", at=THEIRS6) == b"behind"


def test_fragments_are_put_together(wire: Wire) -> None:
    payload = bytes(range(250)) * 20
    cut = (wire.ethernet() / four() / udp(dst=53) / payload).fragments(576)
    assert len(cut) == 10
    assert wire.arrives(*reversed(cut)) == payload
    cut = (wire.ethernet() / six() / hop_by_hop() / udp(dst=53) / payload).fragments(1280, id=7)
    assert len(cut) == 5
    assert wire.arrives(*cut[1:], cut[0], at=THEIRS6) == payload
    once = (wire.ethernet() / four() / udp(dst=53) / payload).fragments(1400)
    again = [part for fragment in once for part in fragment.fragments(600)]
    assert (len(once), len(again)) == (4, 11)
    assert wire.arrives(*again) == payload


def test_the_kernel_reads_the_tags_of_vlans(wire: Wire) -> None:
    with wire.netns.entered():
        far = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    with far:
        far.bind((wire.netns.far, ETH_P_ALL))
        far.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        far.settimeout(PATIENCE)
        inner = four() / udp(dst=53) / b"tagged"
        for packet, tag, behind in (
            (vlan(5, priority=3) / inner, (0x6005, 0x8100), wire.ethernet() / inner),
            (vlan(7, drop_eligible=True) / inner, (0x1007, 0x8100), wire.ethernet() / inner),
            # Of two the kernel takes the outer one away.
            (qinq(7) / vlan(9) / inner, (7, 0x88A8), wire.ethernet() / vlan(9) / inner),
        ):
            wire.send(wire.ethernet() / packet)
            data, ancillary, _, _ = far.recvmsg(65536, 64)
            _, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", ancillary[0][2])
            assert (tci, tpid) == tag
            assert dissect(data) == behind


def test_a_syn_is_answered(wire: Wire) -> None:
    options = mss(1460) + sack_permitted() + timestamps(7) + nop() + window_scale(5)
    for ip, family, at in ((four(), socket.AF_INET, THEIRS), (six(), socket.AF_INET6, THEIRS6)):
        with wire.netns.entered():
            listening = socket.socket(family)
        with listening:
            listening.bind((at, 80))
            listening.listen()
            syn = wire.ethernet() / ip / tcp(src=4000, seq=1000, options=options)
            reply = wire.answer(syn, lambda packet: Tcp in packet)
            header = reply.at(Tcp)
            assert (header.src, header.dst, header.ack) == (80, 4000, 1001)
            assert header.flags == TcpFlags.SYN | TcpFlags.ACK
            assert re.search(
                r"options=mss\(14[46]0\) \+ sack_permitted\(\) \+ timestamps\(\d+, 7\) \+ nop", repr(reply)
            )
            # Nobody listens there, and the segment is right: it is reset.
            reset = wire.answer(
                wire.ethernet() / ip / tcp(src=4001, dst=81, seq=5),
                lambda packet: Tcp in packet and packet.at(Tcp).src == 81,
            )
            assert reset.at(Tcp).flags == TcpFlags.RST | TcpFlags.ACK
            assert reset.at(Tcp).ack == 6


def test_pings_are_answered(wire: Wire) -> None:
    reply = wire.answer(wire.ethernet() / four() / icmp(id=5, sequence=6) / b"ping", lambda packet: Icmp in packet)
    found = reply.at(Icmp)
    assert (found.type, found.id, found.sequence, reply.payload) == (IcmpType.ECHO_REPLY, 5, 6, b"ping")
    assert "should be" not in repr(reply)
    six_reply = wire.answer(
        wire.ethernet() / six() / icmpv6(id=5, sequence=6) / b"ping",
        lambda packet: Icmpv6 in packet and packet.at(Icmpv6).type == Icmpv6Type.ECHO_REPLY,
    )
    assert (six_reply.at(Icmpv6).id, six_reply.payload) == (5, b"ping")
    assert "should be" not in repr(six_reply)


def test_an_error_of_icmp_holds_what_it_is_about(wire: Wire) -> None:
    sent = wire.ethernet() / four() / udp(src=1000, dst=9999) / b"to nobody"
    reply = wire.answer(sent, lambda packet: Icmp in packet)
    assert (
        repr(reply).splitlines()[3:]
        == [
            repr(reply).splitlines()[3],  # the checksum, which the identification of this packet does not change
            *repr(sent).splitlines()[2:],
        ]
    )
    # The kernel tells a socket of an error that holds a packet of the socket's.
    with wire.netns.entered():
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with end:
        end.bind((THEIRS, 1234))
        end.settimeout(PATIENCE)
        end.connect((OURS, 53))
        about = ipv4(src=THEIRS, dst=OURS) / udp(src=1234, dst=53)
        wire.send(wire.ethernet() / four() / icmp(type=IcmpType.DEST_UNREACH, code=3) / about)
        with pytest.raises(ConnectionRefusedError):
            end.recv(10)


def test_an_arp_request_is_answered(wire: Wire) -> None:
    asked = ethernet(src=wire.ours, dst=b"\xff" * 6) / arp(sender_mac=wire.ours, sender_ip=OURS, target_ip=THEIRS)
    reply = wire.answer(asked.padded(60), lambda packet: Arp in packet).at(Arp)
    assert reply.operation == ArpOperation.REPLY
    assert bytes(reply.sender_mac).hex(":") == wire.theirs


def test_what_is_in_a_vxlan_tunnel_comes_out(wire: Wire) -> None:
    mac = "02:00:00:00:00:99"
    kind = ("vxlan", "id", "42", "dstport", "4789", "local", THEIRS, "remote", OURS)
    wire.netns.ip("link", "add", "tunnel", "address", mac, "type", *kind)
    wire.netns.ip("link", "set", "tunnel", "up")
    wire.netns.ip("address", "add", "10.9.0.2/24", "dev", "tunnel")
    inner = ethernet(dst=mac) / ipv4(src="10.9.0.1", dst="10.9.0.2") / udp(dst=53) / b"inside"
    assert wire.arrives(wire.ethernet() / four() / udp() / vxlan(42) / inner, at="10.9.0.2") == b"inside"
    assert wire.arrives(wire.ethernet() / four() / udp() / vxlan(42) / inner.padded(80), at="10.9.0.2") == b"inside"


@pytest.mark.parametrize("kind", [("gre", "key", "5", "icsum", "iseq"), ("ipip",)], ids=lambda kind: kind[0])
def test_what_is_in_an_ip_tunnel_comes_out(wire: Wire, kind: tuple[str, ...]) -> None:
    try:
        wire.netns.ip("link", "add", "tunnel", "type", *kind, "local", THEIRS, "remote", OURS)
    except pytest.fail.Exception as refused:
        pytest.skip(f"this kernel has no tunnels of the type {kind[0]}: {str(refused).splitlines()[1]}")
    wire.netns.ip("link", "set", "tunnel", "up")
    wire.netns.ip("address", "add", "10.9.0.2/24", "dev", "tunnel")
    inner = ipv4(src="10.9.0.1", dst="10.9.0.2") / udp(dst=53) / b"inside"
    outer = four() / gre(key=5, sequence=1, has_checksum=True) if kind[0] == "gre" else four()
    assert wire.arrives(wire.ethernet() / outer / inner, at="10.9.0.2") == b"inside"
