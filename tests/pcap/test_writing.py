"""Captures written: what is read back is what was written, and what a format cannot hold is refused."""

from __future__ import annotations

import errno
import gzip
import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import captures
from captures import FRAME
from osmia import pcap as captured
from osmia.pcap import Interface, LinkType, Packet, Writer
from refusal import refusal

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000
PACKETS = [Packet(FRAME, 1_700_000_000_123_456_789), Packet(FRAME[:21], 5, 1514), Packet(b"")]


def test_pcap_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "x.pcap"
    assert captured.write(file, PACKETS) == 3
    records = [(1_700_000_000, 123_456_789, FRAME, 64), (0, 5, FRAME[:21], 1514), (0, 0, b"", 0)]
    assert file.read_bytes() == captures.pcap(*records, magic=0xA1B23C4D, snap_length=262_144)
    captured.write(file, PACKETS[:1], nanoseconds=False, link_type=LinkType.RAW, snap_length=20)
    assert file.read_bytes() == captures.pcap((1_700_000_000, 123_456, FRAME[:20], 64), snap_length=20, link=101)


def test_pcapng_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "x.pcapng"
    captured.write(file, [*PACKETS, Packet(FRAME, None), FRAME])
    expected = captures.section() + captures.interface(1, 262_144, captures.option(9, b"\x09") + bytes(4))
    expected += captures.enhanced(FRAME, PACKETS[0].time_ns or 0) + captures.enhanced(FRAME[:21], 5, length=1514)
    expected += captures.enhanced(b"") + captures.simple(FRAME) + captures.enhanced(FRAME)
    assert file.read_bytes() == expected


@pytest.mark.parametrize("name", ["x.pcap", "x.pcapng", "x.pcap.gz", "x.pcapng.gz", "x"])
def test_what_is_read_is_what_was_written(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    captured.write(file, PACKETS)
    assert list(captured.read(file)) == PACKETS
    first = gzip.decompress(file.read_bytes()) if name.endswith(".gz") else file.read_bytes()
    assert first[:4].hex() == ("0a0d0d0a" if "pcapng" in name else "4d3cb2a1")


def test_interfaces(tmp_path: Path) -> None:
    file = tmp_path / "x.pcapng"
    interfaces = [Interface(LinkType.ETHERNET, 30, "eth0", "außen"), Interface(LinkType.RAW, 0, "tun0")]
    captured.write(file, [Packet(FRAME, 1, 64, 1), Packet(FRAME, 2)], interfaces=interfaces)
    reader = captured.read(file)
    assert list(reader) == [Packet(FRAME, 1, 64, 1), Packet(FRAME[:30], 2, 64)]
    assert reader.interfaces == [interfaces[0], Interface(LinkType.RAW, 262_144, "tun0")]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=200), st.integers(0, (1 << 32) * SECOND - 1), st.integers(0, 100))),
    st.booleans(),
)
def test_any_packets(drawn: list[tuple[bytes, int, int]], pcapng: bool) -> None:
    packets = [Packet(data, time, len(data) + more) for data, time, more in drawn]
    file = io.BytesIO()
    captured.write(file, packets, pcapng=pcapng)
    assert list(captured.read(io.BytesIO(file.getvalue()))) == packets


def test_a_writer_goes_on_and_shows_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "x.pcap"
    with Writer(file) as writer:
        writer.write(PACKETS[0])
        writer.flush()
        assert list(captured.read(file)) == PACKETS[:1]
        writer.write(PACKETS[1])
    assert list(captured.read(file)) == PACKETS[:2]
    writer.close()


REFUSED = [
    (Packet(FRAME, -1), "a packet's time of -1 ns, but pcap holds 0 to 4294967295999999999: write pcapng"),
    (
        Packet(FRAME, 1 << 62),
        "a packet's time of 4611686018427387904 ns, but pcap holds 0 to 4294967295999999999: write pcapng",
    ),
    (Packet(FRAME, None), "a packet without a time, which pcap cannot hold: write pcapng"),
    (Packet(FRAME, 0, 64, 1), "a packet of interface 1, but the file has 1"),
    (Packet(FRAME, 0, 1 << 32), "a packet of 4294967296 bytes, expected 0 to 4294967295"),
]


@pytest.mark.parametrize(("packet", "text"), REFUSED)
def test_packets_that_pcap_cannot_hold(packet: Packet, text: str) -> None:
    file = io.BytesIO()
    writer = Writer(file)
    assert refusal(ValueError, lambda: writer.write(packet)) == text
    writer.write(PACKETS[0])  # the file is as good as before
    writer.close()
    assert list(captured.read(io.BytesIO(file.getvalue()))) == PACKETS[:1]


def test_packets_that_pcapng_cannot_hold() -> None:
    writer = Writer(io.BytesIO(), pcapng=True)
    assert refusal(ValueError, lambda: writer.write(Packet(FRAME, -1))) == (
        "a packet's time of -1 ns, expected 0 to 18446744073709551615"
    )
    assert refusal(ValueError, lambda: writer.write(Packet(FRAME, None, 99))) == (
        "a packet without a time has to be of interface 0, and whole or cut to the interface's snap_length: this one "
        "is of interface 0, with 64 of 99 bytes"
    )


def test_files_that_cannot_be(tmp_path: Path) -> None:
    file = io.BytesIO()
    assert refusal(ValueError, lambda: Writer(file, interfaces=[])) == (
        "a pcap file has one interface, not 0: write pcapng"
    )
    assert refusal(ValueError, lambda: Writer(file, snap_length=0)) == "snap_length is int 0, expected 1 to 16777216"
    assert refusal(ValueError, lambda: Writer(file, link_type=1 << 26)) == (
        "a link type of int 67108864, expected 0 to 67108863"
    )
    with pytest.raises(IsADirectoryError):
        Writer(tmp_path)


def test_a_reader_that_leaves_is_a_broken_pipe() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as pipe, pytest.raises(BrokenPipeError):
        captured.write(pipe, [FRAME] * 10_000)


def test_a_disk_that_is_full() -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        captured.write("/dev/full", PACKETS)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "/dev/full")


def test_stdout() -> None:
    program = "from osmia import pcap; pcap.write('-', [pcap.Packet(bytes(60), 7)] * 3); print('after')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.endswith(b"after\n")
    assert list(captured.read(io.BytesIO(done.stdout.removesuffix(b"after\n")))) == [Packet(bytes(60), 7)] * 3
