"""A program on many packets, one after the other."""

from __future__ import annotations

from array import array
from collections import Counter

from osmia.errors import VmError, shown
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Protocol, Self

    from osmia.vm.machine import Machine
    from osmia.vm.program import VmProgram

    class Packets(Protocol):
        """Packets in one piece of memory: `osmia.pcap.Frames` is one."""

        @property
        def memory(self) -> memoryview:
            """What they lie in, whatever lies between them."""

        @property
        def offsets(self) -> array[int]:
            """Where each begins."""

        @property
        def lengths(self) -> array[int]:
            """How many bytes each has."""


@record
class Batch:
    """Packets in one piece of memory. As a sequence it gives each as bytes."""

    memory: memoryview
    offsets: array[int]
    """Where each begins in the memory: of type Q."""
    lengths: array[int]
    """How many bytes each has: of type I."""

    @classmethod
    def of(cls, packets: Iterable[bytes]) -> Self:
        """Put packets behind each other."""
        memory, offsets, lengths = bytearray(), array("Q"), array("I")
        for each in packets:
            data = _bytes_of(each)
            offsets.append(len(memory))
            lengths.append(len(data))
            memory += data
        return cls(memoryview(memory), offsets, lengths)

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, index: int) -> bytes:
        at = self.offsets[index]
        return bytes(self.memory[at : at + self.lengths[index]])

    def __iter__(self) -> Iterator[bytes]:
        return (self[index] for index in range(len(self)))


@record
class ManyRuns:
    """What a program made of many packets."""

    verdicts: array[int]
    """What it returned for each, as the kernel gives it: u32."""
    counts: dict[int, int]
    """How often it returned what, the most frequent first."""
    packets: Batch | None = None
    """The packets as it left them, where that was asked for."""


def batch_of(packets: Packets | Iterable[bytes]) -> Batch:
    """Packets as columns. TypeError and ValueError for what are none."""
    if isinstance(packets, (bytes, bytearray, memoryview, str)):
        raise TypeError(f"run_many() takes packets, each of them bytes, not {shown(packets)}")
    columns: Any = packets
    if not all(hasattr(packets, name) for name in ("memory", "offsets", "lengths")):
        return Batch.of(columns)
    memory = memoryview(columns.memory).cast("B")
    offsets, lengths = _array("Q", columns.offsets), _array("I", columns.lengths)
    if len(offsets) != len(lengths):
        raise ValueError(f"{len(offsets)} packets begin somewhere, and {len(lengths)} have a length")
    return Batch(memory, offsets, lengths)


def _bytes_of(packet: object) -> bytes:
    if isinstance(packet, (bytes, bytearray, memoryview)) or hasattr(packet, "__bytes__"):
        return bytes(packet)
    raise TypeError(f"run_many() takes packets, each of them bytes, not {shown(packet)}")


def _array(code: str, numbers: array[int]) -> array[int]:
    """An array of a type: the same one, where it is of that."""
    return numbers if getattr(numbers, "typecode", "") == code else array(code, numbers)


def outside(batch: Batch, index: int) -> ValueError:
    """The error of a packet that does not lie in its memory."""
    start, length = batch.offsets[index], batch.lengths[index]
    return ValueError(f"packet {index} is to lie at {start} with {length} bytes: the memory has {len(batch.memory)}")


def one_by_one(
    machine: Machine, program: VmProgram, batch: Batch, keep: bool, fields: Mapping[str, object]
) -> ManyRuns:
    """Run a program on packets by as many runs of it."""
    verdicts, kept = array("I"), []
    for index in range(len(batch)):
        if batch.offsets[index] + batch.lengths[index] > len(batch.memory):
            raise outside(batch, index)
        try:
            verdict, data, _ = machine.run_packet(program, batch[index], **fields)
        except VmError as error:
            at_packet(error, index)
            raise
        verdicts.append(verdict)
        if keep:
            kept.append(data)
    return ManyRuns(verdicts, counted(verdicts), Batch.of(kept) if keep else None)


def at_packet(error: VmError, index: int) -> None:
    """Let an error say at which packet it was."""
    error.packet = index
    error.add_note(f"see: packet {index} of those given to run_many(), counted from 0")


def counted(verdicts: array[int]) -> dict[int, int]:
    """How often each of them is there, the most frequent first."""
    return dict(Counter(verdicts).most_common())
