"""The headers of packets: sizes and places as in the kernel's headers, and what properties say of known packets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import compiled
from osmia import from_bytes, headers, replace, sizeof, to_bytes
from osmia.btf import kinds
from osmia.btf.read import Btf
from osmia.headers import (
    Arp,
    Ethernet,
    EtherType,
    Gre,
    Icmp,
    IcmpType,
    Icmpv6,
    Icmpv6Type,
    IpProto,
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
from system_packages import give_up

# Class, size that the standard gives.
SIZES = {
    Ethernet: 14, Vlan: 4, Arp: 28, IPv4: 20, IPv6: 40, IPv6Extension: 2, IPv6Fragment: 8,
    Tcp: 20, Udp: 8, Icmp: 8, Icmpv6: 8, Gre: 4, Vxlan: 8,
}  # fmt: skip

INCLUDES = """
#include <stddef.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_arp.h>
"""
# Class -> the kernel's struct, and the kernel's names of fields that are not bit fields there.
KERNEL: dict[Any, tuple[str, dict[str, str]]] = {
    Ethernet: ("ethhdr", {"dst": "h_dest", "src": "h_source", "ether_type": "h_proto"}),
    IPv4: (
        "iphdr",
        {
            "tos": "tos", "total_length": "tot_len", "id": "id", "fragment": "frag_off", "ttl": "ttl",
            "protocol": "protocol", "checksum": "check", "src": "saddr", "dst": "daddr",
        },
    ),
    IPv6: (
        "ipv6hdr",
        {
            "payload_length": "payload_len", "next_header": "nexthdr", "hop_limit": "hop_limit",
            "src": "saddr", "dst": "daddr",
        },
    ),
    IPv6Extension: ("ipv6_opt_hdr", {"next_header": "nexthdr", "length": "hdrlen"}),
    Tcp: (
        "tcphdr",
        {
            "src": "source", "dst": "dest", "seq": "seq", "ack": "ack_seq", "window": "window",
            "checksum": "check", "urgent": "urg_ptr",
        },
    ),
    Udp: ("udphdr", {"src": "source", "dst": "dest", "length": "len", "checksum": "check"}),
    Icmp: ("icmphdr", {"type": "type", "code": "code", "checksum": "checksum", "id": "un.echo.id"}),
    Icmpv6: ("icmp6hdr", {"type": "icmp6_type", "code": "icmp6_code", "checksum": "icmp6_cksum"}),
}  # fmt: skip
CONSTANTS = {
    **{f"ETH_P_{kernel}": EtherType[name] for kernel, name in (
        ("IP", "IPV4"), ("ARP", "ARP"), ("TEB", "TEB"), ("8021Q", "VLAN"), ("IPV6", "IPV6"), ("PAUSE", "PAUSE"),
        ("MPLS_UC", "MPLS"), ("MPLS_MC", "MPLS_MULTICAST"), ("PPP_DISC", "PPPOE_DISCOVERY"), ("PPP_SES", "PPPOE"),
        ("PAE", "EAPOL"), ("8021AD", "QINQ"), ("LLDP", "LLDP"), ("MACSEC", "MACSEC"), ("1588", "PTP"),
    )},
    **{f"IPPROTO_{kernel}": IpProto[name] for kernel, name in (
        ("ICMP", "ICMP"), ("IGMP", "IGMP"), ("IPIP", "IPIP"), ("TCP", "TCP"), ("UDP", "UDP"), ("IPV6", "IPV6"),
        ("ROUTING", "ROUTING"), ("FRAGMENT", "FRAGMENT"), ("GRE", "GRE"), ("ESP", "ESP"), ("AH", "AH"),
        ("ICMPV6", "ICMPV6"), ("NONE", "NONE"), ("DSTOPTS", "DSTOPTS"), ("SCTP", "SCTP"), ("MH", "MOBILITY"),
        ("UDPLITE", "UDPLITE"), ("HOPOPTS", "HOPOPTS"),
    )},
    **{f"ICMP_{kernel}": IcmpType[name] for kernel, name in (
        ("ECHOREPLY", "ECHO_REPLY"), ("DEST_UNREACH", "DEST_UNREACH"), ("REDIRECT", "REDIRECT"), ("ECHO", "ECHO"),
        ("TIME_EXCEEDED", "TIME_EXCEEDED"), ("PARAMETERPROB", "PARAMETER_PROBLEM"), ("TIMESTAMP", "TIMESTAMP"),
        ("TIMESTAMPREPLY", "TIMESTAMP_REPLY"),
    )},
    **{f"ICMPV6_{kernel}": Icmpv6Type[name] for kernel, name in (
        ("DEST_UNREACH", "DEST_UNREACH"), ("PKT_TOOBIG", "PACKET_TOO_BIG"), ("TIME_EXCEED", "TIME_EXCEEDED"),
        ("PARAMPROB", "PARAMETER_PROBLEM"), ("ECHO_REQUEST", "ECHO"), ("ECHO_REPLY", "ECHO_REPLY"),
    )},
    **{f"(__builtin_bswap32(TCP_FLAG_{flag.name}) >> 16)": flag for flag in TcpFlags},
    "ARPOP_REQUEST": headers.ArpOperation.REQUEST,
    "ARPOP_REPLY": headers.ArpOperation.REPLY,
}  # fmt: skip


@pytest.mark.parametrize("header", SIZES)
def test_sizes_are_the_standards(header: Any) -> None:
    assert sizeof(header) == SIZES[header]
    assert len(to_bytes(header())) == SIZES[header]


def test_every_header_has_its_size_here() -> None:
    assert {each for each in vars(headers).values() if "__osmia_layout__" in getattr(each, "__dict__", {})} == set(
        SIZES
    )


def test_fields_lie_where_the_kernels_headers_have_them() -> None:
    if not Path("/usr/include/linux/ipv6.h").exists():
        give_up("the kernel's headers are not in /usr/include/linux (apt install linux-libc-dev)")
    source = ""
    for header, (name, fields) in KERNEL.items():
        layout = header.__osmia_layout__
        source += f'_Static_assert(sizeof(struct {name}) == {layout.size}, "size of {name}");\n'
        for ours, theirs in fields.items():
            field = layout.field(ours)
            source += f'_Static_assert(offsetof(struct {name}, {theirs}) == {field.offset}, "{name}.{ours}");\n'
            source += (
                f'_Static_assert(sizeof(((struct {name} *)0)->{theirs}) == {field.layout.size}, "{name}.{ours}");\n'
            )
    for constant, member in CONSTANTS.items():
        source += f'_Static_assert({constant} == {int(member)}, "{constant}");\n'
    includes = INCLUDES + "#include <linux/in.h>\n#include <linux/in6.h>\n"
    compiled.c_object(source, "-target", f"{os.uname().machine}-linux-gnu", prelude=includes)


def test_fields_of_headers_that_only_the_kernel_has() -> None:
    btf = Btf(Path("/sys/kernel/btf/vmlinux").read_bytes(), "vmlinux")
    cases: tuple[tuple[Any, str, dict[str, str]], ...] = (
        (Vlan, "vlan_hdr", {"tci": "h_vlan_TCI", "ether_type": "h_vlan_encapsulated_proto"}),
        (IPv6Fragment, "frag_hdr", {"fragment": "frag_off", "id": "identification"}),
    )
    for header, name, members in cases:
        found = btf.find(name, kinds.STRUCT)
        if found is None:
            pytest.skip(f"this kernel has no struct {name} in its BTF")
        theirs = {member.name: member.offset for member in btf.members(found)}
        layout = header.__osmia_layout__
        assert {layout.field(ours).bit_offset for ours in members} == {theirs[name] for name in members.values()}
        assert found.size_or_type == layout.size


def test_a_tcp_packet() -> None:
    packet = bytes.fromhex(
        "0102030405060708090a0b0c08004548003c1c4640004006b1e6ac100a63ac100a0c01bbd431000000010000000250121000abcd0005"
    )
    ethernet, ip, tcp = from_bytes(Ethernet, packet[:14]), from_bytes(IPv4, packet[14:34]), from_bytes(Tcp, packet[34:])
    assert (bytes(ethernet.dst), ethernet.ether_type) == (b"\1\2\3\4\5\6", EtherType.IPV4)
    assert (ip.version, ip.header_length, ip.dscp, ip.ecn, ip.total_length, ip.id) == (4, 20, 18, 0, 60, 0x1C46)
    assert (ip.dont_fragment, ip.more_fragments, ip.is_fragment, ip.fragment_offset) == (True, False, False, 0)
    assert (ip.ttl, ip.protocol, ip.checksum, ip.src, ip.dst) == (64, IpProto.TCP, 0xB1E6, 0xAC100A63, 0xAC100A0C)
    assert (tcp.src, tcp.dst, tcp.seq, tcp.ack, tcp.header_length, tcp.window) == (443, 54321, 1, 2, 20, 0x1000)
    assert tcp.flags == TcpFlags.SYN | TcpFlags.ACK
    assert (tcp.checksum, tcp.urgent) == (0xABCD, 5)
    assert to_bytes(ethernet) + to_bytes(ip) + to_bytes(tcp) == packet
    fragment = replace(ip, fragment=0x2000 | 185, version_ihl=0x4F)
    assert (fragment.more_fragments, fragment.is_fragment, fragment.fragment_offset, fragment.header_length) == (
        *(True, True, 1480, 60),
    )


def test_other_headers() -> None:
    ip = from_bytes(IPv6, bytes.fromhex("6ab12345 0010 11 40") + bytes(15) + b"\1" + bytes(15) + b"\2")
    assert (ip.version, ip.traffic_class, ip.dscp, ip.ecn, ip.flow_label) == (6, 0xAB, 0x2A, 3, 0x12345)
    assert (ip.payload_length, ip.next_header, ip.hop_limit, ip.src[15], ip.dst[-1]) == (16, IpProto.UDP, 64, 1, 2)
    assert IPv6Extension(length=2).header_length == 24
    fragment = from_bytes(IPv6Fragment, bytes.fromhex("06000599 0000abcd"))
    assert (fragment.fragment_offset, fragment.more_fragments, fragment.id) == (0x598, True, 0xABCD)
    vlan = Vlan(tci=0xB005, ether_type=EtherType.IPV6)
    assert (vlan.vlan_id, vlan.priority, vlan.drop_eligible) == (5, 5, True)
    gre = Gre(flags_version=0xB001)
    assert (gre.version, gre.has_checksum, gre.has_key, gre.has_sequence, gre.header_length) == (
        1,
        True,
        True,
        True,
        16,
    )
    assert Gre().header_length == 4
    vxlan = Vxlan(vni_reserved=0x12345600)
    assert (vxlan.vni, vxlan.has_vni, to_bytes(vxlan)) == (0x123456, True, bytes.fromhex("0800000012345600"))
    assert to_bytes(Arp(sender_ip=1))[:18] == bytes.fromhex("0001080006040001 000000000000 00000001")
    assert from_bytes(Icmpv6, bytes.fromhex("0200000000010002")).mtu == 0x10002
    assert Icmp(type=3, code=4, sequence=1400).mtu == 1400
    assert (IPv4().version, IPv4().header_length, IPv6().version, Tcp().header_length) == (4, 20, 6, 20)
