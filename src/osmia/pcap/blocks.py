"""pcapng, the format of Wireshark: blocks of several sorts, each with its length at both ends."""

from __future__ import annotations

import math
import struct

from osmia.errors import CaptureError
from osmia.pcap.columns import worth_numpy
from osmia.pcap.packet import LONGEST_PACKET, NO_TIME, Interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.pcap.columns import Frames

SECTION, INTERFACE, OBSOLETE_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 0x0A0D_0D0A, 1, 2, 3, 6
MAGIC = SECTION.to_bytes(4, "little")  # the same bytes from both ends
BYTE_ORDER_MAGIC = 0x1A2B_3C4D
# Version 1.2 was written by a few programs, and means 1.0.
_VERSIONS = ((1, 0), (1, 2))
_ORDERS = {BYTE_ORDER_MAGIC.to_bytes(4, "little"): "<", BYTE_ORDER_MAGIC.to_bytes(4, "big"): ">"}
_SMALLEST = 12
_LARGEST = LONGEST_PACKET + (1 << 20)

END_OF_OPTIONS, NAME, DESCRIPTION, RESOLUTION, TIME_OFFSET = 0, 2, 3, 9, 14
"""Options of an interface."""

_NAMES = {
    SECTION: "section header",
    INTERFACE: "interface description",
    OBSOLETE_PACKET: "packet",
    SIMPLE_PACKET: "simple packet",
    ENHANCED_PACKET: "enhanced packet",
}
# Bytes of a block of these sorts without options and data.
_FIXED = {SECTION: 28, INTERFACE: 20, OBSOLETE_PACKET: 32, SIMPLE_PACKET: 16, ENHANCED_PACKET: 32}
_TIMES = 1 << 63
_BILLION = 1_000_000_000
# So many packets in a row are worth the calls of NumPy that they take.
_WORTH_CALLS = 1000


class PcapngScanner:
    """Finds packets in a pcapng file. `scan` takes the file piece by piece."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._order = "<"
        self._section = 0
        """The first interface of this section, among those of all sections."""
        self._clocks: list[tuple[int, int, int]] = []
        """Of each interface: what a time is multiplied with and divided by to be nanoseconds, and what is added."""
        self.interfaces: list[Interface] = []
        self._by_numpy = True
        """Whether packets come one after the other, so far."""
        self.found = 0
        self.needed = _SMALLEST
        """How many bytes `scan` has to be given, at least, to get on."""

    def scan(self, memory: memoryview, at: int, end: int, frames: Frames, base: int) -> int:
        """Append the packets between `at` and `end` to `frames`; where the first block begins that is not whole.

        `base` is where the memory lies in the file. CaptureError at what is no block; packets before it are appended.
        """
        while True:
            if self._by_numpy and worth_numpy(end - at):
                at = self._enhanced_by_numpy(memory, at, end, frames)
            at = self._enhanced_packets(memory, at, end, frames)
            self.needed = _SMALLEST
            if at + _SMALLEST > end:
                return at
            kind, length = struct.unpack_from(f"{self._order}II", memory, at)
            if kind == SECTION:
                self._begin_section(memory, at, base)
                (length,) = struct.unpack_from(f"{self._order}I", memory, at + 4)
            self._check_length(base + at, kind, length)
            if at + length > end:
                self.needed = length
                return at
            (other,) = struct.unpack_from(f"{self._order}I", memory, at + length - 4)
            if other != length:
                raise self._wrong(base + at, kind, f"of {length} bytes, but at its end it says {other}")
            if kind in _FIXED:
                self._block(kind, memory, at, length, frames, base)
            at += length

    def _enhanced_packets(self, memory: memoryview, at: int, end: int, frames: Frames) -> int:
        """The packets up to the first block that is of another sort, not whole or not right; where that begins."""
        unpack, last_word = struct.Struct(f"{self._order}7I").unpack_from, struct.Struct(f"{self._order}I").unpack_from
        offsets, lengths, originals = frames.offsets.append, frames.lengths.append, frames.original_lengths.append
        times, numbers = frames.times.append, frames.interface_numbers.append
        first, clocks = self._section, self._clocks[self._section :]
        known, before, last = len(clocks), len(frames), end - _FIXED[ENHANCED_PACKET]
        while at <= last:
            kind, length, number, high, low, captured, original = unpack(memory, at)
            following = at + length
            if kind != ENHANCED_PACKET or number >= known or following > end or length & 3 or length > _LARGEST:
                break
            if captured > length - 32 or last_word(memory, following - 4)[0] != length:
                break
            multiplier, divisor, offset = clocks[number]
            time = (high << 32 | low) * multiplier // divisor + offset
            if not -_TIMES < time < _TIMES:
                break
            offsets(at + 28)
            lengths(captured)
            originals(original)
            times(time)
            numbers(first + number)
            at = following
        self.found += len(frames) - before
        return at

    def _enhanced_by_numpy(self, memory: memoryview, at: int, end: int, frames: Frames) -> int:
        """The same, where one comes after the other and times are no finer than nanoseconds: only lengths are followed.

        It may give fewer, and leaves the others to who says what is wrong with them.
        """
        clocks = self._clocks[self._section :]
        if not clocks or any(divisor != 1 for _, divisor, _ in clocks):
            return at
        # One more of the upper half is more than the lower half can be.
        latest = min((_TIMES - 1 - abs(offset)) // scale >> 32 for scale, _, offset in clocks)
        if latest < 1:
            return at
        import numpy as np

        unpack, last = struct.Struct(f"{self._order}II").unpack_from, end - _FIXED[ENHANCED_PACKET]
        starts: list[int] = []
        append = starts.append
        while at <= last:
            kind, length = unpack(memory, at)
            if kind != ENHANCED_PACKET or length & 3 or not 32 <= length <= _LARGEST or at + length > end:
                break
            append(at)
            at += length
        self._by_numpy = len(starts) >= _WORTH_CALLS
        if not starts:
            return at
        begins = np.array([*starts, at], dtype=np.int64)
        rows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(memory, np.uint8), 28)[begins[:-1]]
        ends = np.lib.stride_tricks.sliding_window_view(np.frombuffer(memory, np.uint8), 4)[begins[1:] - 4]
        words = rows.view(f"{self._order}u4").astype(np.int64)
        _, lengths, numbers, high, low, captured, originals = words.T
        right = (ends.view(f"{self._order}u4")[:, 0] == lengths) & (captured <= lengths - 32)
        right &= (numbers < len(clocks)) & (high < latest)
        count = len(starts) if right.all() else int(right.argmin())
        scales, offsets = np.array([[scale, offset] for scale, _, offset in clocks], dtype=np.int64).T
        numbers = numbers[:count]
        times = (high[:count] << 32 | low[:count]) * scales[numbers] + offsets[numbers]
        frames.offsets.frombytes((begins[:count] + 28).tobytes())
        frames.lengths.frombytes(captured[:count].astype(np.uint32).tobytes())
        frames.original_lengths.frombytes(originals[:count].astype(np.uint32).tobytes())
        frames.times.frombytes(times.tobytes())
        frames.interface_numbers.frombytes((numbers + self._section).astype(np.uint32).tobytes())
        self.found += count
        return int(begins[count])

    def _check_length(self, at: int, kind: int, length: int) -> None:
        smallest = _FIXED.get(kind, _SMALLEST)
        if length < smallest or length & 3 or length > _LARGEST:
            raise self._wrong(at, kind, f"of {length} bytes, expected a multiple of 4 from {smallest} to {_LARGEST}")

    def cut_short(self, at: int, there: int) -> CaptureError:
        """What to say where the file ends within a block, of which so many bytes are there."""
        expected = f"{self.needed}" if self.needed > _SMALLEST else f"at least {_SMALLEST}"
        return CaptureError(
            self._name,
            at,
            f"the file ends within a block, after {self.found} packets: {there} bytes are there, expected {expected}: "
            "it was cut short, or is damaged here or before",
        )

    def _begin_section(self, memory: memoryview, at: int, base: int) -> None:
        """The byte order of what follows; the length that a section says is not needed to find its end."""
        mark = bytes(memory[at + 8 : at + 12])
        if mark not in _ORDERS:
            expected = " or ".join(map(repr, _ORDERS))
            raise self._wrong(base + at, SECTION, f"with byte order {mark!r}, expected {expected}")
        self._order = _ORDERS[mark]

    def _block(self, kind: int, memory: memoryview, at: int, length: int, frames: Frames, base: int) -> None:
        """A whole block of a sort that is not skipped."""
        if kind == SECTION:
            version = struct.unpack_from(f"{self._order}HH", memory, at + 12)
            if version not in _VERSIONS:
                raise self._wrong(base + at, kind, f"of version {version[0]}.{version[1]}, expected 1.0")
            self._section = len(self.interfaces)
        elif kind == INTERFACE:
            self._add_interface(memory, at, length, base)
        elif kind == SIMPLE_PACKET:
            self._simple_packet(memory, at, length, frames, base)
        else:
            # The obsolete one has an interface of 16 bits, and a count of losses behind it.
            layout = f"{self._order}{'IIIII' if kind == ENHANCED_PACKET else 'HxxIIII'}"
            number, high, low, captured, original = struct.unpack_from(layout, memory, at + 8)
            if captured > length - 32:
                raise self._too_long(base + at, kind, captured, length - 32)
            time = self._time(base + at, kind, number, high << 32 | low)
            frames.append(at + 28, captured, original, time, self._section + number)
            self.found += 1

    def _simple_packet(self, memory: memoryview, at: int, length: int, frames: Frames, base: int) -> None:
        """A packet of the section's first interface, without a time: how much of it is there, that one says."""
        (original,) = struct.unpack_from(f"{self._order}I", memory, at + 8)
        self._check_interface(base + at, SIMPLE_PACKET, 0)
        captured = min(original, self.interfaces[self._section].snap_length or original)
        if captured > length - 16:
            raise self._too_long(base + at, SIMPLE_PACKET, captured, length - 16)
        frames.append(at + 12, captured, original, NO_TIME, self._section)
        self.found += 1

    def _add_interface(self, memory: memoryview, at: int, length: int, base: int) -> None:
        link_type, snap_length = struct.unpack_from(f"{self._order}HxxI", memory, at + 8)
        options = self._options(memory, at + 16, at + length - 4, base)
        resolution = options.get(RESOLUTION, b"\6")[:1] or b"\6"
        power = resolution[0] & 127
        units = 1 << power if resolution[0] & 128 else 10**power
        offset = options.get(TIME_OFFSET, b"")
        seconds = struct.unpack(f"{self._order}q", offset)[0] if len(offset) == 8 else 0
        common = math.gcd(_BILLION, units)
        self._clocks.append((_BILLION // common, units // common, seconds * _BILLION))
        name, description = _text(options.get(NAME)), _text(options.get(DESCRIPTION))
        self.interfaces.append(Interface(link_type, snap_length, name, description))

    def _options(self, memory: memoryview, at: int, end: int, base: int) -> dict[int, bytes]:
        """The options of an interface by their number; of one that is there twice, the last."""
        found: dict[int, bytes] = {}
        while at + 4 <= end:
            number, length = struct.unpack_from(f"{self._order}HH", memory, at)
            if number == END_OF_OPTIONS:
                break
            if length > end - at - 4:
                raise CaptureError(
                    self._name,
                    base + at,
                    f"option {number} of an interface has {length} bytes, but its block has {end - at - 4} left",
                )
            found[number] = bytes(memory[at + 4 : at + 4 + length])
            at += 4 + (length + 3 & ~3)
        return found

    def _time(self, at: int, kind: int, number: int, ticks: int) -> int:
        """The time of a packet of an interface of this section, in nanoseconds."""
        self._check_interface(at, kind, number)
        multiplier, divisor, offset = self._clocks[self._section + number]
        time = ticks * multiplier // divisor + offset
        if not -_TIMES < time < _TIMES:
            raise self._wrong(at, kind, "with a time that is before the year 1678 or after 2262")
        return time

    def _check_interface(self, at: int, kind: int, number: int) -> None:
        known = len(self.interfaces) - self._section
        if number >= known:
            raise self._wrong(at, kind, f"of interface {number}, but its section has described {known} so far")

    def _too_long(self, at: int, kind: int, captured: int, room: int) -> CaptureError:
        return self._wrong(at, kind, f"that says that {captured} bytes were captured, but it has room for {room}")

    def _wrong(self, at: int, kind: int, what: str) -> CaptureError:
        name = _NAMES.get(kind) or f"unknown (0x{kind:08x})"
        article = "an" if name[0] in "aeiou" else "a"
        return CaptureError(self._name, at, f"{article} {name} block {what}: the file is damaged here or before")


def _text(option: bytes | None) -> str:
    return (option or b"").rstrip(b"\0").decode("utf-8", "backslashreplace")
