"""pcap, the format of tcpdump: one header, and packets with 16 bytes before each."""

from __future__ import annotations

import struct

from osmia.errors import CaptureError
from osmia.pcap.columns import worth_numpy
from osmia.pcap.packet import LONGEST_PACKET, Interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.pcap.columns import Frames

MICROSECONDS, NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
HEADER, RECORD = 24, 16
VERSION = (2, 4)
_LINK_TYPE = 0x03FF_FFFF  # the bits above say how long a check sequence is that ends each packet

MAGICS = {struct.pack(f"{order}I", number): (number, order) for number in (MICROSECONDS, NANOSECONDS) for order in "<>"}
"""The first four bytes of a file: which of the two it is, and the byte order of all its numbers."""


class PcapScanner:
    """Finds packets in a file whose header was read. `scan` takes the file piece by piece."""

    needed = RECORD
    """How many bytes `scan` has to be given, at least, to get on."""

    def __init__(self, header: bytes, name: str) -> None:
        """Read the header. CaptureError where it is none."""
        number, self._order = MAGICS[header[:4]]
        if len(header) < HEADER:
            raise CaptureError(name, 0, f"the header of a pcap file is cut short: {len(header)} bytes of {HEADER}")
        self._scale = 1 if number == NANOSECONDS else 1000
        self._name = name
        major, minor, snap_length, link = struct.unpack_from(f"{self._order}HH8xII", header, 4)
        if (major, minor) != VERSION:
            raise CaptureError(name, 4, f"pcap version {major}.{minor}, expected {VERSION[0]}.{VERSION[1]}")
        self.interfaces = [Interface(link & _LINK_TYPE, snap_length)]
        self.found = 0

    def scan(self, memory: memoryview, at: int, end: int, frames: Frames, base: int) -> int:
        """Append the packets between `at` and `end` to `frames`; where the first one begins that is not whole.

        `base` is where the memory lies in the file. CaptureError at what is no packet; those before are appended.
        """
        before = len(frames)
        scan = _scan_by_numpy if worth_numpy(end - at) else _scan
        at = scan(memory, at, end, frames, self._order, self._scale)
        self.found += len(frames) - before
        self.needed = RECORD
        if at + RECORD > end:
            return at
        _, _, captured, original = struct.unpack_from(f"{self._order}IIII", memory, at)
        if captured > LONGEST_PACKET:
            raise CaptureError(
                self._name,
                base + at,
                f"packet {self.found + 1} says that {captured} bytes of {original} were captured, expected at most "
                f"{LONGEST_PACKET}: the file is damaged here or before",
            )
        self.needed = RECORD + captured
        return at

    def cut_short(self, at: int, there: int) -> CaptureError:
        """What to say where the file ends within a packet, of which so many bytes are there."""
        expected = f"{self.needed}" if self.needed > RECORD else f"{RECORD} and its data"
        return CaptureError(
            self._name,
            at,
            f"the file ends within packet {self.found + 1}: {there} bytes are there, expected {expected}: it was cut "
            "short, or is damaged here or before",
        )


def _scan(memory: memoryview, at: int, end: int, frames: Frames, order: str, scale: int) -> int:
    """The packets up to the first one that is not whole, or too long."""
    unpack = struct.Struct(f"{order}IIII").unpack_from
    offsets, lengths, originals = frames.offsets.append, frames.lengths.append, frames.original_lengths.append
    times = frames.times.append
    last = end - RECORD
    while at <= last:
        seconds, fraction, captured, original = unpack(memory, at)
        start = at + RECORD
        following = start + captured
        if following > end or captured > LONGEST_PACKET:
            break
        offsets(start)
        lengths(captured)
        originals(original)
        times(seconds * 1_000_000_000 + fraction * scale)
        at = following
    frames.interface_numbers.frombytes(bytes(4 * (len(frames.offsets) - len(frames.interface_numbers))))
    return at


def _scan_by_numpy(memory: memoryview, at: int, end: int, frames: Frames, order: str, scale: int) -> int:
    """The same: only the lengths are followed one by one."""
    import numpy as np

    unpack = struct.Struct(f"{order}I").unpack_from
    starts: list[int] = []
    append = starts.append
    start = at + RECORD
    while start <= end:
        (captured,) = unpack(memory, start - 8)
        following = start + captured
        if following > end or captured > LONGEST_PACKET:
            break
        append(start)
        start = following + RECORD
    if starts:
        offsets = np.array(starts, dtype=np.uint64)
        every = np.lib.stride_tricks.sliding_window_view(np.frombuffer(memory, np.uint8), RECORD)
        seconds, fractions, captured_lengths, originals = every[offsets - RECORD].view(f"{order}u4").T
        times = seconds.astype(np.int64) * 1_000_000_000 + fractions.astype(np.int64) * scale
        frames.offsets.frombytes(offsets.tobytes())
        frames.lengths.frombytes(captured_lengths.astype(np.uint32).tobytes())
        frames.original_lengths.frombytes(originals.astype(np.uint32).tobytes())
        frames.times.frombytes(times.tobytes())
        frames.interface_numbers.frombytes(bytes(4 * len(starts)))
    return start - RECORD
