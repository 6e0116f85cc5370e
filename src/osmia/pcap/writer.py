"""Writing captures: pcap and pcapng, packet by packet."""

from __future__ import annotations

import os
import struct
from gzip import GzipFile
from typing import BinaryIO, cast

from osmia.errors import shown
from osmia.pcap import blocks, classic
from osmia.pcap.packet import LONGEST_PACKET, Interface, LinkType, Packet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

SNAP_LENGTH = 262_144
"""What files say that packets are cut to, unless told otherwise: what other programs take for no limit."""
_GATHERED = 1 << 16
_SECOND = 1_000_000_000
_ENDINGS = (".pcapng", ".ntar")


class Writer:
    """Writes a capture: `with Writer("out.pcap") as writer: writer.write(packet)`.

    BrokenPipeError where nobody reads any more, another OSError where the file cannot be written.
    """

    def __init__(
        self,
        to: str | os.PathLike[str] | BinaryIO,
        *,
        pcapng: bool | None = None,
        link_type: int = LinkType.ETHERNET,
        snap_length: int = SNAP_LENGTH,
        nanoseconds: bool = True,
        interfaces: Iterable[Interface] | None = None,
    ) -> None:
        """Begin a file: a path (what was there is replaced), `-` for stdout, or a binary file object.

        `pcapng` chooses the format; by default it is pcapng where the path ends in `.pcapng`, else pcap. Either is
        compressed where the path ends in `.gz`. Packets longer than `snap_length` bytes are cut to it. Times are
        written in nanoseconds, or cut to microseconds. `interfaces` is for pcapng, and takes the place of `link_type`;
        packets name theirs by its index.
        """
        path = "" if hasattr(to, "write") else os.fspath(cast("str", to))
        plain = path.removesuffix(".gz")
        self._pcapng = plain.endswith(_ENDINGS) if pcapng is None else pcapng
        if not 1 <= snap_length <= LONGEST_PACKET:
            raise ValueError(f"snap_length is {shown(snap_length)}, expected 1 to {LONGEST_PACKET}")
        described = [Interface(link_type, snap_length)] if interfaces is None else list(interfaces)
        self._check(described)
        self._interfaces = len(described)
        self._snap_length = snap_length
        self._links = described
        self._nanoseconds = nanoseconds
        self._gathered: list[bytes] = [self._beginning(described)]
        self._size = len(self._gathered[0])
        self._broken = False
        self._closes: list[BinaryIO] = []
        self._file = self._opened(to, path)

    def write(self, packet: Packet | bytes) -> None:
        """Write a packet, or the bytes of one, whose time is then 0. What is written is in the file after `close()`.

        ValueError where the format cannot hold it.
        """
        data, time, original, interface = packet if isinstance(packet, Packet) else Packet(bytes(packet))
        if not 0 <= interface < self._interfaces:
            raise ValueError(f"a packet of interface {interface}, but the file has {self._interfaces}")
        limit = self._links[interface].snap_length or self._snap_length
        if len(data) > limit:
            data = data[:limit]
        if not 0 <= original < 1 << 32:
            raise ValueError(f"a packet of {original} bytes, expected 0 to {(1 << 32) - 1}")
        record = self._block(data, time, original, interface) if self._pcapng else self._record(data, time, original)
        self._gathered += record
        self._size += sum(map(len, record))
        if self._size >= _GATHERED:
            self.flush()

    def flush(self) -> None:
        """Hand what was written so far to the file."""
        if not self._gathered or self._broken:
            return
        data, self._gathered, self._size = b"".join(self._gathered), [], 0
        self._broken = True
        try:
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
            if not self._closes:
                self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OSError(error.errno, error.strerror, getattr(self._file, "name", None)) from None
        self._broken = False

    def close(self) -> None:
        """Write what is left, and close the file, unless it is stdout or was given open."""
        try:
            self.flush()
        finally:
            closes, self._closes = self._closes, []
            self._broken = True
            for file in closes:
                file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _check(self, described: list[Interface]) -> None:
        if not self._pcapng and len(described) != 1:
            raise ValueError(f"a pcap file has one interface, not {len(described)}: write pcapng")
        for each in described:
            largest = 0xFFFF if self._pcapng else 0x03FF_FFFF
            if not 0 <= each.link_type <= largest:
                raise ValueError(f"a link type of {shown(each.link_type)}, expected 0 to {largest}")

    def _opened(self, to: str | os.PathLike[str] | BinaryIO, path: str) -> BinaryIO:
        if not path:
            return cast("BinaryIO", to)
        if path == "-":
            return cast("BinaryIO", open(1, "wb", buffering=0, closefd=False))
        file = cast("BinaryIO", open(path, "wb", buffering=0))  # noqa: PTH123, SIM115 - closed by close()
        if not path.endswith(".gz"):
            self._closes = [file]
            return file
        packed = cast("BinaryIO", GzipFile(fileobj=file, mode="wb"))
        self._closes = [packed, file]
        return packed

    def _beginning(self, described: list[Interface]) -> bytes:
        if self._pcapng:
            section = struct.pack("<IHHq", blocks.BYTE_ORDER_MAGIC, 1, 0, -1)
            return _enclosed(blocks.SECTION, section) + b"".join(map(self._described, described))
        (one,) = described
        magic = classic.NANOSECONDS if self._nanoseconds else classic.MICROSECONDS
        snap_length = one.snap_length or self._snap_length
        return struct.pack("<IHHiIII", magic, *classic.VERSION, 0, 0, snap_length, one.link_type)

    def _described(self, interface: Interface) -> bytes:
        body = struct.pack("<HHI", interface.link_type, 0, interface.snap_length or self._snap_length)
        body += _option(blocks.NAME, interface.name.encode()) + _option(
            blocks.DESCRIPTION, interface.description.encode()
        )
        body += _option(blocks.RESOLUTION, b"\x09" if self._nanoseconds else b"\x06")
        return _enclosed(blocks.INTERFACE, body + bytes(4))

    def _record(self, data: bytes, time: int | None, original: int) -> tuple[bytes, ...]:
        if time is None:
            raise ValueError("a packet without a time, which pcap cannot hold: write pcapng")
        seconds, fraction = divmod(time, _SECOND)
        if not 0 <= seconds < 1 << 32:
            raise ValueError(
                f"a packet's time of {time} ns, but pcap holds 0 to {(1 << 32) * _SECOND - 1}: write pcapng"
            )
        fraction = fraction if self._nanoseconds else fraction // 1000
        return struct.pack("<IIII", seconds, fraction, len(data), original), data

    def _block(self, data: bytes, time: int | None, original: int, interface: int) -> tuple[bytes, ...]:
        padding = bytes(-len(data) % 4)
        if time is None:
            return self._simple_block(data, original, interface, padding)
        ticks = time if self._nanoseconds else time // 1000
        if not 0 <= ticks < 1 << 64:
            raise ValueError(f"a packet's time of {time} ns, expected 0 to {(1 << 64) - 1}")
        length = 32 + len(data) + len(padding)
        high, low = ticks >> 32, ticks & 0xFFFF_FFFF
        head = struct.pack("<7I", blocks.ENHANCED_PACKET, length, interface, high, low, len(data), original)
        return head, data, padding + struct.pack("<I", length)

    def _simple_block(self, data: bytes, original: int, interface: int, padding: bytes) -> tuple[bytes, ...]:
        """A packet without a time, which is of the first interface, and cut to nothing but its limit."""
        limit = self._links[0].snap_length or self._snap_length
        if interface or len(data) != min(original, limit):
            raise ValueError(
                "a packet without a time has to be of interface 0, and whole or cut to the interface's snap_length: "
                f"this one is of interface {interface}, with {len(data)} of {original} bytes"
            )
        length = 16 + len(data) + len(padding)
        return struct.pack("<III", blocks.SIMPLE_PACKET, length, original), data, padding + struct.pack("<I", length)


def write(
    to: str | os.PathLike[str] | BinaryIO,
    packets: Iterable[Packet | bytes],
    *,
    pcapng: bool | None = None,
    link_type: int = LinkType.ETHERNET,
    snap_length: int = SNAP_LENGTH,
    nanoseconds: bool = True,
    interfaces: Iterable[Interface] | None = None,
) -> int:
    """Write packets to a file, and give how many there were. The arguments are those of `Writer`."""
    written = 0
    with Writer(
        to,
        pcapng=pcapng,
        link_type=link_type,
        snap_length=snap_length,
        nanoseconds=nanoseconds,
        interfaces=interfaces,
    ) as writer:
        for packet in packets:
            writer.write(packet)
            written += 1
    return written


def _enclosed(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _option(number: int, value: bytes) -> bytes:
    return struct.pack("<HH", number, len(value)) + value + bytes(-len(value) % 4) if value else b""
