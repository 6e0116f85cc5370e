"""Reading captures: packets one by one, or all at once."""

from __future__ import annotations

import mmap
import os
from typing import BinaryIO

from osmia.errors import CaptureError
from osmia.pcap.blocks import MAGIC, PcapngScanner
from osmia.pcap.classic import HEADER, MAGICS, PcapScanner
from osmia.pcap.columns import Frames
from osmia.pcap.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Self

    from osmia.pcap.packet import Interface, Packet

# What is no capture that osmia reads, by how it begins.
_OTHERS = {
    b"\x34\xcd\xb2\xa1": "a pcap file of a patched libpcap (Kuznetzov), which has other headers",
    b"\xa1\xb2\xcd\x34": "a pcap file of a patched libpcap (Kuznetzov), which has other headers",
    b"snoo": "a file of snoop(1)",
    b"\x28\xb5\x2f\xfd": "a file compressed by zstd: unpack it first",
    b"\xfd7zX": "a file compressed by xz: unpack it first",
    b"\x04\x22\x4d\x18": "a file compressed by lz4: unpack it first",
    b"BZh9": "a file compressed by bzip2: unpack it first",
}


class Reader:
    """The packets of a capture, read as they are asked for. It is an iterator, and goes over the file once.

    Where the file is cut short or damaged, the packets before that are given first, then CaptureError is raised.
    """

    def __init__(self, of: str | os.PathLike[str] | BinaryIO) -> None:
        """Open a capture and read its beginning. OSError where it cannot be read, CaptureError where it is none."""
        self._source = Source(of)
        try:
            pending = bytearray(_beginning(self._source))
            self._scanner, at = _scanner(bytes(pending[:HEADER]), self._source.name)
        except BaseException:
            self._source.close()
            raise
        self._packets = _packets(self._source, self._scanner, pending, at)

    @property
    def interfaces(self) -> list[Interface]:
        """The interfaces that the file has told of up to here; `packet.interface` is an index."""
        return self._scanner.interfaces

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Packet:
        return next(self._packets)

    def close(self) -> None:
        """Close the file. That happens by itself at its end, and when nobody holds the reader any more."""
        self._packets.close()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read(of: str | os.PathLike[str] | BinaryIO) -> Reader:
    """The packets of a pcap or pcapng file, one by one; gzip files are unpacked.

    `of` is a path, `-` for stdin, or a binary file object. OSError where it cannot be read, CaptureError where it is no
    capture. Where the file is cut short or damaged, the packets before that are given first, then CaptureError is
    raised.
    """
    return Reader(of)


def frames(of: str | os.PathLike[str] | BinaryIO, *, partial: bool = False) -> Frames:
    """All packets of a pcap or pcapng file at once, where they lie: a file that is not compressed is mapped, not read.

    A file that is cut short or damaged is a CaptureError; with `partial`, the packets before that are given, and the
    error is `problem`. The file must not be made shorter while its frames are in use.
    """
    with Source(of) as source:
        memory, problem = _whole(source)
    if problem is not None and len(memory) < HEADER:
        raise problem
    scanner, at = _scanner(bytes(memory[:HEADER]), source.name)
    found, end = Frames(memory), len(memory)
    try:
        at = scanner.scan(memory, at, end, found, 0)
        if at < end and problem is None:
            problem = scanner.cut_short(at, end - at)
    except CaptureError as error:
        problem = error
    if problem is not None and not partial:
        raise problem
    found.problem, found.interfaces = problem, scanner.interfaces
    return found


def _whole(source: Source) -> tuple[memoryview, CaptureError | None]:
    """All bytes of a source, and what ended them too early. A mapping stays as long as somebody looks at it."""
    number = source.regular_file()
    if number is not None and os.fstat(number).st_size:
        return memoryview(mmap.mmap(number, 0, access=mmap.ACCESS_READ)), None
    pieces = bytearray()
    try:
        while piece := source.read():
            pieces += piece
    except CaptureError as error:
        return memoryview(pieces).toreadonly(), error
    return memoryview(pieces).toreadonly(), None


def _beginning(source: Source) -> bytes:
    """The first bytes of a source: those of a header, if there are as many."""
    found = b""
    while len(found) < HEADER and (more := source.read()):
        found += more
    return found


def _scanner(beginning: bytes, name: str) -> tuple[PcapScanner | PcapngScanner, int]:
    """What reads a file that begins like this, and from which byte on."""
    magic = beginning[:4]
    if magic in MAGICS:
        return PcapScanner(beginning, name), HEADER
    if magic == MAGIC:
        return PcapngScanner(name), 0
    found = "it is empty" if not magic else f"it begins with {magic!r}"
    if magic in _OTHERS:
        found = f"it is {_OTHERS[magic]}"
    raise CaptureError(name, 0, f"no capture: {found}, expected pcap or pcapng, or either compressed by gzip")


def _packets(source: Source, scanner: PcapScanner | PcapngScanner, pending: bytearray, at: int) -> Generator[Packet]:
    """The packets of a source, of which some bytes are read already, from the byte `at` on."""
    base = at
    del pending[:at]
    with source:
        more = b"?"
        while more:
            # What is there already is given before a pipe is waited for.
            if len(pending) >= scanner.needed:
                found, problem = Frames(memoryview(bytes(pending))), None
                try:
                    at = scanner.scan(found.memory, 0, len(pending), found, base)
                except CaptureError as error:
                    problem = error
                yield from found
                if problem is not None:
                    raise problem
                base += at
                del pending[:at]
            more = source.read()
            pending += more
        if pending:
            raise scanner.cut_short(base, len(pending))
