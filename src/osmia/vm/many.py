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

    class Timed(Packets, Protocol):
        """The same with times."""

        @property
        def times(self) -> array[int]:
            """When each came, in nanoseconds; `pcap.NO_TIME` where that is not known."""


@record
class Batch:
    """Packets in one piece of memory. As a sequence it gives each as bytes."""

    memory: memoryview
    offsets: array[int]
    """Where each begins in the memory: of type Q."""
    lengths: array[int]
    """How many bytes each has: of type I."""
    times: array[int] | None = None
    """When each came, in nanoseconds, of type q, where that is known of some."""
    shift: int | None = None
    """What the machine's clock shows more than they do; None for what lets the first of them be what it shows now."""

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

    def clock_at(self, index: int, now: int) -> int:
        """What the clock shows as a packet comes. It never goes back, and NO_TIME lies before all times."""
        return now if self.times is None else max(now, self.times[index] + (self.shift or 0))

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


def batch_of(packets: Timed | Packets | Iterable[bytes], clock: int = 0) -> Batch:
    """Packets as columns, for a machine whose clock shows that. TypeError and ValueError for what are none."""
    if isinstance(packets, (bytes, bytearray, memoryview, str)):
        raise TypeError(f"run_many() takes packets, each of them bytes, not {shown(packets)}")
    columns: Any = packets
    if not all(hasattr(packets, name) for name in ("memory", "offsets", "lengths")):
        return Batch.of(columns)
    memory = memoryview(columns.memory).cast("B")
    offsets, lengths = _array("Q", columns.offsets), _array("I", columns.lengths)
    if len(offsets) != len(lengths):
        raise ValueError(f"{len(offsets)} packets begin somewhere, and {len(lengths)} have a length")
    given = getattr(columns, "times", None)
    if given is None:
        return Batch(memory, offsets, lengths)
    from osmia.pcap.packet import NO_TIME

    times = _array("q", given)
    if len(times) != len(offsets):
        raise ValueError(f"{len(offsets)} packets begin somewhere, and {len(times)} have a time")
    first = next((each for each in times if each != NO_TIME), None)
    if first is None:
        return Batch(memory, offsets, lengths)
    shift = columns.shift if isinstance(columns, Batch) else None
    return Batch(memory, offsets, lengths, times, clock - first if shift is None else shift)


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
            if batch.times is not None:
                machine.advance_to(batch.clock_at(index, machine.clock))
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
