"""Captures that are damaged: what is wrong is said with its place, what came before is given, nothing is endless."""

from __future__ import annotations

import gzip
import io
import random
import resource
import struct
from functools import partial
from typing import TYPE_CHECKING

import pytest

import captures
from captures import FRAME, block, enhanced, interface, obsolete, option, pcap, section, simple
from osmia import CaptureError
from osmia import pcap as captured
from osmia.pcap import columns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE = (1, 0, FRAME, 64)
NG = section() + interface()
HERE = "the file is damaged here or before"
CUT = "it was cut short, or is damaged here or before"
NONE = "expected pcap or pcapng, or either compressed by gzip"
REFUSED = [
    (b"", 0, f"byte 0: no capture: it is empty, {NONE}"),
    (b"\xd4\xc3", 0, f"byte 0: no capture: it begins with b'\\xd4\\xc3', {NONE}"),
    (b"GIF89a" + bytes(50), 0, f"byte 0: no capture: it begins with b'GIF8', {NONE}"),
    (
        b"\x28\xb5\x2f\xfd" + bytes(9),
        0,
        f"byte 0: no capture: it is a file compressed by zstd: unpack it first, {NONE}",
    ),
    (
        b"\x34\xcd\xb2\xa1" + bytes(40),
        0,
        f"byte 0: no capture: it is a pcap file of a patched libpcap (Kuznetzov), which has other headers, {NONE}",
    ),
    (pcap()[:20], 0, "byte 0: the header of a pcap file is cut short: 20 bytes of 24"),
    (pcap(version=(2, 1)), 0, "byte 4: pcap version 2.1, expected 2.4"),
    (
        pcap(ONE, ONE)[:-1],
        1,
        f"byte 104: the file ends within packet 2: 79 bytes are there, expected 80: {CUT}",
    ),
    (
        pcap(ONE) + bytes(15),
        1,
        f"byte 104: the file ends within packet 2: 15 bytes are there, expected 16 and its data: {CUT}",
    ),
    (
        pcap(ONE) + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 64) + bytes(99),
        1,
        (f"byte 104: packet 2 says that 4294967295 bytes of 64 were captured, expected at most 16777216: {HERE}"),
    ),
    (
        NG[:20],
        0,
        f"byte 0: the file ends within a block, after 0 packets: 20 bytes are there, expected 28: {CUT}",
    ),
    (
        NG + enhanced(FRAME) + enhanced(FRAME)[:11],
        1,
        f"byte 144: the file ends within a block, after 1 packets: 11 bytes are there, expected at least 12: {CUT}",
    ),
    (
        struct.pack("<III", 0x0A0D0D0A, 28, 0x12345678) + bytes(99),
        0,
        (f"byte 0: a section header block with byte order b'xV4\\x12', expected b'M<+\\x1a' or b'\\x1a+<M': {HERE}"),
    ),
    (section(version=(2, 0)), 0, f"byte 0: a section header block of version 2.0, expected 1.0: {HERE}"),
    (
        NG + enhanced(FRAME) + struct.pack("<II", 6, 0) + bytes(99),
        1,
        f"byte 144: an enhanced packet block of 0 bytes, expected a multiple of 4 from 32 to 17825792: {HERE}",
    ),
    (
        NG + struct.pack("<II", 77, 13) + bytes(99),
        0,
        f"byte 48: an unknown (0x0000004d) block of 13 bytes, expected a multiple of 4 from 12 to 17825792: {HERE}",
    ),
    (
        NG + struct.pack("<II", 77, 0xFFFFFFFC) + bytes(99),
        0,
        (
            "byte 48: an unknown (0x0000004d) block of 4294967292 bytes, expected a multiple of 4 from 12 to "
            f"17825792: {HERE}"
        ),
    ),
    (
        NG + enhanced(FRAME)[:-4] + struct.pack("<I", 92),
        0,
        f"byte 48: an enhanced packet block of 96 bytes, but at its end it says 92: {HERE}",
    ),
    (
        NG + block(6, struct.pack("<5I", 0, 0, 0, 65, 65) + FRAME),
        0,
        f"byte 48: an enhanced packet block that says that 65 bytes were captured, but it has room for 64: {HERE}",
    ),
    (
        NG + enhanced(FRAME) + enhanced(FRAME, number=1),
        1,
        f"byte 144: an enhanced packet block of interface 1, but its section has described 1 so far: {HERE}",
    ),
    (
        NG + section() + obsolete(FRAME),
        0,
        f"byte 76: a packet block of interface 0, but its section has described 0 so far: {HERE}",
    ),
    (
        section() + simple(FRAME),
        0,
        f"byte 28: a simple packet block of interface 0, but its section has described 0 so far: {HERE}",
    ),
    (
        NG + simple(FRAME, 65),
        0,
        f"byte 48: a simple packet block that says that 65 bytes were captured, but it has room for 64: {HERE}",
    ),
    (
        NG + enhanced(FRAME, 1 << 63),
        0,
        f"byte 48: an enhanced packet block with a time that is before the year 1678 or after 2262: {HERE}",
    ),
    (
        section() + interface(options=option(14, struct.pack("<q", -(1 << 62)))) + enhanced(FRAME),
        0,
        f"byte 60: an enhanced packet block with a time that is before the year 1678 or after 2262: {HERE}",
    ),
    (
        section() + interface(options=struct.pack("<HH", 2, 9)),
        0,
        "byte 44: option 2 of an interface has 9 bytes, but its block has 0 left",
    ),
]


@pytest.fixture(params=[1 << 24, 1], ids=["python", "numpy"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_WORTH_NUMPY", request.param)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(("data", "before", "text"), REFUSED)
def test_what_is_said(data: bytes, before: int, text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.pcap"
    file.write_bytes(data)
    packets, error = outcome(lambda: captured.read(file))
    assert error is not None
    assert (packets, str(error), error.name) == (before, f"{file}: {text}", str(file))
    assert text.startswith(f"byte {error.offset}: ")
    with pytest.raises(CaptureError) as caught:
        captured.frames(file)
    assert str(caught.value) == str(error)
    if data[:4] in (pcap()[:4], section()[:4]) and len(data) >= 24 and "version 2.1" not in text:
        frames = captured.frames(file, partial=True)
        assert (len(frames), str(frames.problem)) == (before, str(error))


def outcome(make: Callable[[], captured.Reader]) -> tuple[int, CaptureError | None]:
    """How many packets come, and what ends them."""
    packets = 0
    try:
        for _ in make():
            packets += 1
    except CaptureError as error:
        return packets, error
    return packets, None


def test_compressed_files_that_are_damaged(tmp_path: Path) -> None:
    packed = gzip.compress(pcap(*[(i, 0, bytes([i]) * 64, 64) for i in range(200)]), mtime=0)
    file = tmp_path / "x.gz"
    said = f"{file}: byte {{}}: the gzip file cannot be unpacked beyond this byte of what it holds: {{}}"
    file.write_bytes(packed[:-30])
    packets, error = outcome(lambda: captured.read(file))
    assert 0 < packets < 200
    assert error is not None
    assert str(error) == said.format(error.offset, "it is cut short")
    frames = captured.frames(file, partial=True)
    assert (len(frames), str(frames.problem)) == (packets, str(error))
    damaged = bytearray(packed)
    damaged[-6] ^= 1
    file.write_bytes(damaged)
    packets, error = outcome(lambda: captured.read(file))
    assert (packets, error is not None and "CRC check failed" in str(error)) == (200, True)


def base() -> list[bytes]:
    ordinary = pcap(*[(i, i, FRAME[: 14 + i], 64) for i in range(8)])
    other = pcap(*[(i, i, FRAME[: 14 + i], 64) for i in range(8)], order=">", magic=0xA1B23C4D)
    options = option(2, b"eth0") + option(9, b"\x09") + option(14, bytes(8)) + option(0, b"")
    ng = section() + interface(options=options) + enhanced(FRAME, 5) + block(5, bytes(16)) + simple(FRAME)
    ng += obsolete(FRAME, 9) + section(">") + interface(order=">") + enhanced(FRAME, 7, order=">")
    return [ordinary, other, ng, gzip.compress(ordinary, mtime=0), gzip.compress(ng, mtime=0)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.usefixtures("either_way")
def test_flips_and_cuts_give_packets_or_an_error_of_ours(seed: int, tmp_path: Path) -> None:
    """Whatever is in a file, each reading ends as the other does, and takes no more memory than the file is large."""
    draw = random.Random(seed)
    whole = base()[seed]
    file = tmp_path / "x"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(draw.randrange(1, 4)):
            at = draw.randrange(len(data))
            data[at] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)])
        if draw.random() < 0.4:
            del data[draw.randrange(len(data)) :]
        file.write_bytes(data)
        packets, error = outcome(partial(captured.read, io.BytesIO(bytes(data))))
        named = None if error is None else f"{file}: byte {error.offset}: {error.problem}"
        assert packets <= len(whole)
        assert at_once(file) == (packets, named)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 65536, "kilobytes"


def at_once(file: Path) -> tuple[int, str | None]:
    """How many packets a file has, and what ends them, where all are read at once."""
    try:
        frames = captured.frames(file, partial=True)
    except CaptureError as error:
        return 0, str(error)
    assert all(at + length <= len(frames.memory) for at, length in zip(frames.offsets, frames.lengths, strict=True))
    return len(frames), None if frames.problem is None else str(frames.problem)


def test_the_place_is_right_in_a_long_file(tmp_path: Path) -> None:
    """Of what is read piece by piece, places are the file's."""
    whole = pcap(*[(i, 0, bytes(1000), 1000) for i in range(1000)])
    file = tmp_path / "x"
    file.write_bytes(whole + b"?")
    packets, error = outcome(lambda: captured.read(file))
    assert (packets, error is not None and error.offset) == (1000, len(whole))
    file.write_bytes(whole + captures.pcap((0, 0, b"", 1 << 30))[24:])
    assert outcome(lambda: captured.read(file)) == (1001, None)
