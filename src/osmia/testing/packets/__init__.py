"""Packets that read well in a test: `ethernet() / ipv4(dst="10.0.0.2") / udp(dst=53) / b"payload"`.

What is left out is right by itself: what follows, lengths, checksums. `bytes(packet)` is what is on the wire.
"""

from __future__ import annotations

from osmia.testing.packets.builders import (
    arp,
    destination_options,
    ethernet,
    gre,
    hop_by_hop,
    icmp,
    icmpv6,
    ipv4,
    ipv6,
    ipv6_fragment,
    qinq,
    routing,
    tcp,
    udp,
    vlan,
    vxlan,
)
from osmia.testing.packets.dissection import dissect
from osmia.testing.packets.packet import Packet
from osmia.testing.packets.random_packets import random_packets, truncations
from osmia.testing.packets.tcp_options import mss, nop, sack, sack_permitted, timestamps, window_scale

__all__ = [
    "Packet",
    "arp",
    "destination_options",
    "dissect",
    "ethernet",
    "gre",
    "hop_by_hop",
    "icmp",
    "icmpv6",
    "ipv4",
    "ipv6",
    "ipv6_fragment",
    "mss",
    "nop",
    "qinq",
    "random_packets",
    "routing",
    "sack",
    "sack_permitted",
    "tcp",
    "timestamps",
    "truncations",
    "udp",
    "vlan",
    "vxlan",
    "window_scale",
]
