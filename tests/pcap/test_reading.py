"""Captures read: every form of either format, one packet at a time and all at once, which give the same."""

from __future__ import annotations

import gzip
import io
import os
import random
import re
import struct
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import captures
import system_packages
from captures import FRAME, enhanced, interface, obsolete, option, pcap, section, simple
from osmia import pcap as captured
from osmia.pcap import NO_TIME, Interface, LinkType, Packet, columns

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000


def both(data: bytes, path: Path) -> tuple[list[Packet], list[Interface]]:
    """The packets and interfaces of a capture, read in all ways, which have to agree."""
    file = path / "capture"
    file.write_bytes(data)
    reader = captured.read(file)
    packets = list(reader)
    whole = captured.frames(file)
    assert list(whole) == packets == [whole[i] for i in range(len(whole))]
    assert whole.interfaces == reader.interfaces
    assert list(captured.read(io.BytesIO(data))) == packets
    # Piece by piece, as a slow pipe gives them.
    assert list(captured.read(Drops(data))) == packets  # type: ignore[arg-type]
    file.write_bytes(gzip.compress(data))
    assert list(captured.read(file)) == list(captured.frames(file)) == packets
    return packets, reader.interfaces


class Drops:
    """A file object that gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        self._step = 7 if len(data) < 10_000 else 4099

    def read(self, _size: int) -> bytes:
        self._at += self._step
        return self._data[self._at - self._step : self._at]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "scale"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
def test_pcap(order: str, magic: int, scale: int, tmp_path: Path) -> None:
    records = [(7, 8, FRAME, 64), (4_000_000_000, 999_999, FRAME[:20], 1514), (0, 0, b"", 0)]
    packets, interfaces = both(pcap(*records, order=order, magic=magic, snap_length=20, link=101), tmp_path)
    assert packets == [
        Packet(FRAME, 7 * SECOND + 8 * scale),
        Packet(FRAME[:20], 4_000_000_000 * SECOND + 999_999 * scale, 1514),
        Packet(b""),
    ]
    assert interfaces == [Interface(LinkType.RAW, 20)]
    assert captured.link_type_name(interfaces[0].link_type) == "RAW (101)"
    assert captured.link_type_name(147) == "147"


def test_bits_of_the_link_type_that_say_other_things(tmp_path: Path) -> None:
    _, interfaces = both(pcap(link=0x2400_0001), tmp_path)
    assert interfaces == [Interface(LinkType.ETHERNET, 65535)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng(order: str, tmp_path: Path) -> None:
    options = option(2, b"eth0", order) + option(3, "außen".encode(), order) + option(9, b"\x09", order)
    data = (
        section(order, options=option(4, b"osmia", order))
        + interface(1, 0, options + option(0, b"", order), order)
        + captures.block(5, bytes(20), order)
        + enhanced(FRAME, 1 << 60, 0, 2000, order, option(1, b"a remark", order))
        + captures.block(0xBAD, bytes(9), order)
        + interface(101, 30, b"", order)
        + enhanced(FRAME[:21], 1_500_000, 1, order=order)
        + obsolete(FRAME, 3_000_000, 1, drops=0xFFFF, order=order)
        + simple(FRAME, order=order)
    )
    packets, interfaces = both(data, tmp_path)
    assert packets == [
        Packet(FRAME, 1 << 60, 2000),
        Packet(FRAME[:21], 1_500_000_000, 21, 1),
        Packet(FRAME, 3_000_000_000, 64, 1),
        Packet(FRAME, None, 64, 0),
    ]
    assert interfaces == [Interface(1, 0, "eth0", "außen"), Interface(101, 30)]


@pytest.mark.parametrize(
    ("options", "ticks", "expected"),
    [
        (b"", 1_234_567, 1_234_567_000),
        (option(9, b"\x00"), 5, 5 * SECOND),
        (option(9, b"\x03"), 5, 5_000_000),
        (option(9, b"\x09"), 123_456_789, 123_456_789),
        (option(9, b"\x0c"), 1_999, 1),
        (option(9, b"\x8a"), 1536, 1_500_000_000),
        (option(9, b"\xa0"), 3 << 31, 1_500_000_000),
        (option(9, b"\x06") + option(14, struct.pack("<q", -3)), 1_000_000, -2 * SECOND),
        (option(9, b"\x06") + option(14, struct.pack("<q", 1_700_000_000)), 1, 1_700_000_000 * SECOND + 1000),
    ],
)
def test_times_of_every_resolution(options: bytes, ticks: int, expected: int, tmp_path: Path) -> None:
    packets, _ = both(section() + interface(options=options) + enhanced(FRAME, ticks), tmp_path)
    assert packets == [Packet(FRAME, expected)]


def test_sections_of_either_byte_order_have_interfaces_of_their_own(tmp_path: Path) -> None:
    data = section("<") + interface(1) + interface(113) + enhanced(FRAME, 1, 1)
    data += section(">", length=4096) + interface(228, order=">") + enhanced(FRAME, 2, 0, order=">")
    data += section("<", version=(1, 2)) + interface(229, 9) + simple(FRAME[:9], 64)
    packets, interfaces = both(data, tmp_path)
    assert packets == [Packet(FRAME, 1000, 64, 1), Packet(FRAME, 2000, 64, 2), Packet(FRAME[:9], None, 64, 3)]
    assert [each.link_type for each in interfaces] == [1, 113, 228, 229]


def test_a_packet_without_a_time_in_the_arrays(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(section() + interface() + simple(FRAME))
    frames = captured.frames(tmp_path / "x")
    assert (list(frames.times), list(frames.offsets), list(frames.lengths)) == ([NO_TIME], [28 + 20 + 12], [64])
    assert frames.memory[frames.offsets[0] :][: frames.lengths[0]] == FRAME


def random_file(seed: int) -> tuple[bytes, list[Packet]]:
    """A file of some thousand packets of a format and byte order, and what is in it."""
    draw = random.Random(seed)
    order, ng = draw.choice("<>"), draw.random() < 0.6
    packets = []
    for _ in range(3000):
        data = draw.randbytes(draw.choice([0, 1, 14, 60, 64, 65, 66, 1514]))
        time = draw.randrange(1 << 61 if ng else 4_000_000_000 * SECOND)
        packets.append(Packet(data, time, len(data) + draw.choice([0, 0, 5000]), draw.randrange(2) if ng else 0))
    if not ng:
        records = [(*divmod(each.time_ns or 0, SECOND), each.data, each.original_length) for each in packets]
        return pcap(*records, order=order, magic=0xA1B23C4D), packets
    head = section(order) + 2 * interface(1, 0, option(9, b"\x09", order), order)
    blocks = (enhanced(p.data, p.time_ns or 0, p.interface, p.original_length, order) for p in packets)
    return head + b"".join(blocks), packets


@pytest.mark.parametrize("seed", range(6))
def test_by_numpy_the_same_comes_out(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, packets = random_file(seed)
    assert both(data, tmp_path)[0] == packets
    monkeypatch.setattr(columns, "_WORTH_NUMPY", 1)
    assert both(data, tmp_path)[0] == packets


def test_a_pipe_gives_packets_as_they_come() -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0) as near, os.fdopen(write, "wb", buffering=0) as far:
        far.write(pcap((1, 0, FRAME, 64)))
        reader = captured.read(near)
        assert next(reader) == Packet(FRAME, SECOND)
        threading.Timer(0.05, far.write, [pcap((2, 0, FRAME, 64))[24:]]).start()
        assert next(reader) == Packet(FRAME, 2 * SECOND)


def test_stdin(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(pcap((1, 0, FRAME, 64))))
    program = "from osmia import pcap; print([p.time_ns for p in pcap.read('-')])"
    with (tmp_path / "x.gz").open() as file:
        done = subprocess.run([sys.executable, "-c", program], stdin=file, capture_output=True, text=True, check=True)
    assert done.stdout == "[1000000000]\n"


def test_a_reader_closes_its_file(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(pcap((1, 0, FRAME, 64), (2, 0, FRAME, 64)))
    with captured.read(file) as reader:
        assert next(reader).time_ns == SECOND
    assert list(reader) == []
    next(captured.read(file))  # the fixture looks for what is left open


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for use in (captured.read, captured.frames):
        with pytest.raises(FileNotFoundError):
            use(tmp_path / "missing")
        with pytest.raises(IsADirectoryError):
            use(tmp_path)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_tcpdump_reads_the_same(seed: int, tmp_path: Path) -> None:
    """Of each packet tcpdump shows time and bytes."""
    data, packets = random_file(seed)
    file = tmp_path / "capture"
    # It wants an Ethernet header, and times of its own range.
    kept = [Packet(p.data, (p.time_ns or 0) % (1 << 31) * SECOND, len(p.data)) for p in packets if len(p.data) >= 60]
    captured.write(file, kept, pcapng=bool(seed % 2))
    shown = system_packages.tool("tcpdump").run(
        "-Z", "root", "-r", file, "-tt", "--nano", "-xx", "-e", "-n", "-K", "--number", "--immediate-mode"
    )
    found, data, times = [], b"", []
    for line in shown.stdout.splitlines():
        head = re.match(r"\s*\d+\s+(\d+)\.(\d{9}) ", line)
        if head:
            times.append(int(head[1]) * SECOND + int(head[2]))
            found.append(data)
            data = b""
        elif match := re.match(r"\s+0x[0-9a-f]+:\s+((?:[0-9a-f]+ ?)+)", line):
            data += bytes.fromhex(match[1])
    assert [*found[1:], data] == [packet.data for packet in kept]
    assert times == [packet.time_ns for packet in kept]
