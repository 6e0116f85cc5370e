"""Captures: pcap and pcapng files, read and written, without any other program or package.

    for packet in pcap.read("dns.pcap"):                # one by one, gzip files too
        print(packet.time_ns, packet.original_length, packet.data.hex())
    pcap.write("copy.pcapng", pcap.read("dns.pcap"))    # by the ending: pcapng, else pcap
    frames = pcap.frames("dns.pcap")                    # all at once: memory, offsets, lengths, times

`docs/captures.md` has all of it.
"""

from __future__ import annotations

from osmia.pcap.columns import Frames as Frames
from osmia.pcap.packet import NO_TIME as NO_TIME
from osmia.pcap.packet import Interface as Interface
from osmia.pcap.packet import LinkType as LinkType
from osmia.pcap.packet import Packet as Packet
from osmia.pcap.packet import link_type_name as link_type_name
from osmia.pcap.reader import Reader as Reader
from osmia.pcap.reader import frames as frames
from osmia.pcap.reader import read as read
from osmia.pcap.writer import Writer as Writer
from osmia.pcap.writer import write as write
