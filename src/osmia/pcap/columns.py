"""Many packets at once: the memory that they lie in, and arrays that say where."""

from __future__ import annotations

from array import array

from osmia.pcap.packet import NO_TIME, Interface, Packet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.errors import CaptureError


# From so many bytes on NumPy is faster, its import included.
_WORTH_NUMPY = 1 << 24


def worth_numpy(size: int) -> bool:
    """Whether NumPy is there, and of use for so many bytes."""
    if size < _WORTH_NUMPY:
        return False
    try:
        __import__("numpy")
    except (ImportError, RuntimeError):  # RuntimeError: it is built for another CPU
        return False
    return True


class Frames:
    """Packets as columns, so that native code can go over a million of them. Column i of each array is packet i.

    As a sequence it gives each as a `Packet`, a copy.
    """

    __slots__ = (
        "interface_numbers",
        "interfaces",
        "lengths",
        "memory",
        "offsets",
        "original_lengths",
        "problem",
        "times",
    )

    def __init__(self, memory: memoryview) -> None:
        self.memory = memory
        """What the packets lie in. It has more between them."""
        self.offsets = array("Q")
        """Where each begins in `memory`, in bytes."""
        self.lengths = array("I")
        """How many bytes of each are there."""
        self.original_lengths = array("I")
        """How many bytes each had when it was captured."""
        self.times = array("q")
        """When each was captured, in nanoseconds since 1970; NO_TIME where that is not known."""
        self.interface_numbers = array("I")
        """The interface of each, an index into `interfaces`."""
        self.interfaces: list[Interface] = []
        self.problem: CaptureError | None = None
        """What ended the reading before the end of the file, where that was asked for; None if nothing did."""

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, index: int) -> Packet:
        at, time = self.offsets[index], self.times[index]
        return Packet(
            bytes(self.memory[at : at + self.lengths[index]]),
            None if time == NO_TIME else time,
            self.original_lengths[index],
            self.interface_numbers[index],
        )

    def __iter__(self) -> Iterator[Packet]:
        make, memory = tuple.__new__, self.memory
        columns = (self.offsets, self.lengths, self.original_lengths, self.times, self.interface_numbers)
        for at, length, original, time, interface in zip(*columns, strict=True):
            data = bytes(memory[at : at + length])
            yield make(Packet, (data, None if time == NO_TIME else time, original, interface))

    def part(self, start: int, end: int) -> Frames:
        """Some of them, where they lie."""
        made = Frames(self.memory)
        for name in ("offsets", "lengths", "original_lengths", "times", "interface_numbers"):
            setattr(made, name, getattr(self, name)[start:end])
        made.interfaces = self.interfaces
        return made

    def append(self, at: int, length: int, original: int, time: int, interface: int) -> None:
        """One packet more, which lies in `memory` at `at`."""
        self.offsets.append(at)
        self.lengths.append(length)
        self.original_lengths.append(original)
        self.times.append(time)
        self.interface_numbers.append(interface)
