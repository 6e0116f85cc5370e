"""Many packets through an XDP program in a loop of native code."""

from __future__ import annotations

import ctypes
from array import array
from contextlib import ExitStack
from itertools import accumulate

from osmia.errors import VmError
from osmia.vm.contexts import build
from osmia.vm.execution import DEEPEST, Execution
from osmia.vm.jit.buffer import held
from osmia.vm.jit.loop import COUNTED, JOB, Job, Stopped, loop
from osmia.vm.jit.native import LONGEST, LOOP, compiled
from osmia.vm.many import Batch, ManyRuns, at_packet, counted, outside
from osmia.vm.memory import READ_ONLY, READY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from osmia.vm.contexts import Context
    from osmia.vm.jit.engine import Jit
    from osmia.vm.machine import Machine
    from osmia.vm.packet import Packet
    from osmia.vm.program import VmProgram

_AT_ONCE = 1 << 14
"""So many packets are run before Python looks whether a signal has come."""
_MOST = (1 << 63) - 1
_MANY = 10_000
"""From so many packets on it pays to make the code as fast as it gets."""


class _Part(Execution):
    """One run of the loop, from a packet on: as the machine sees it, one run of the program."""

    replay: Replay
    why: int

    def run(self) -> int:
        """Run the loop until it stops."""
        self.why = self.replay.run_part(self)
        return 0


def fits(machine: Machine, batch: Batch) -> bool:
    """Whether the times of packets are numbers that native code can count with."""
    if batch.times is None:
        return True
    shift = batch.shift or 0
    return machine.clock <= _MOST and max(batch.times) + shift <= _MOST and -_MOST <= shift <= _MOST


def prepare_loop() -> None:
    """Make the loop's native code."""
    compiled("loop", loop, thorough=True)


class Replay:
    """A program that is run on packets."""

    def __init__(
        self,
        jit: Jit,
        machine: Machine,
        program: VmProgram,
        batch: Batch,
        keep: bool,
        fields: Mapping[str, object],
    ) -> None:
        self._jit, self._machine, self._program = jit, machine, program
        self._batch, self._fields = batch, fields
        self._counts = (ctypes.c_int64 * (COUNTED + 1))()
        self._longest = 0
        self._at_once = _AT_ONCE
        self._verdicts = array("I", bytes(4 * len(batch)))
        self._kept = bytearray(sum(batch.lengths)) if keep else None
        self._resized: dict[int, bytes] = {}
        self._words = (ctypes.c_int64 * JOB)()
        self._job = memoryview(self._words).cast("B").cast("q")
        self._context: Context | None = None
        self._packet: Packet
        self._shown = False
        """Whether Python has seen the packet that is in memory, and may have changed it."""

    def run(self) -> ManyRuns:
        """Run it on all of them."""
        native = compiled("loop", loop, thorough=True)
        self._loop, longest = LOOP(native.address("loop")), LONGEST(native.address("longest"))
        outer, self._jit.show = self._jit.show, self._show
        told, self._jit.tells_time = self._jit.tells_time, self._batch.times is not None
        try:
            with ExitStack() as stack:
                self._point_to_buffers(stack)
                self._longest = min(longest(self._job[Job.LENGTHS], len(self._batch)), len(self._batch.memory))
                while self._job[Job.NEXT] < len(self._batch):
                    self._go_on()
        finally:
            self._jit.show, self._jit.tells_time = outer, told
            self._close()
        return ManyRuns(self._verdicts, self._counted(), self._packets())

    def _counted(self) -> dict[int, int]:
        """How often which result came, the most frequent first."""
        if self._counts[COUNTED]:
            return counted(self._verdicts)
        found = {verdict: count for verdict, count in enumerate(self._counts) if count}
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def run_part(self, part: Execution) -> int:
        """Run the loop, up to a packet at which Python has to look after things: why it has ended."""
        job, jit = self._job, self._jit
        known = jit.known(self._program.code, thorough=len(self._batch) >= _MANY)
        job[Job.PROGRAM] = known.native.address("enter_0")
        job[Job.FUEL] = part.fuel
        job[Job.DEPTH] = part.depth
        job[Job.STOP] = min(job[Job.NEXT] + self._at_once, len(self._batch))
        address = ctypes.addressof(self._words)
        jit.state.room_for(part.depth_before + DEEPEST)
        why = jit.native_run(part, known, lambda: self._loop(jit.state.address, address))
        jit.tell_time()
        if why == Stopped.FAILED:
            jit.ended(part, known)
        return why

    def _go_on(self) -> None:
        """Run the loop once, and do what it has stopped for."""
        part = _Part(self._machine, self._program, self._ready(), self._jit, self._machine.fuel)
        part.replay = self
        try:
            self._fire()
            self._machine.execute(part)
        except VmError as error:
            at_packet(error, self._job[Job.NEXT])
            raise
        if part.why == Stopped.TOUCHED:
            self._tidy()
        elif part.why == Stopped.NO_PACKET:
            raise outside(self._batch, self._job[Job.NEXT])

    def _fire(self) -> None:
        """Run what timers are for that come due before the next packet; while some are started it is run alone."""
        self._at_once = _AT_ONCE
        if self._batch.times is not None and self._machine.timers.waiting:
            self._at_once = 1
            self._machine.advance_to(self._batch.clock_at(self._job[Job.NEXT], self._machine.clock))

    def _tidy(self) -> None:
        """After a packet of which Python knows: keep it, and do not use its context again if it may be another now."""
        job, packet = self._job, self._packet
        index = job[Job.NEXT]
        length = self._batch.lengths[index]
        if self._kept is not None:
            data = packet.data if self._shown else self._machine.memory.read(job[Job.START], length)
            at = job[Job.KEPT_SIZE]
            if len(data) == length:
                memoryview(self._kept)[at : at + length] = data
            else:
                self._resized[index] = data
            job[Job.KEPT_SIZE] = at + length
        if self._shown:
            self._close()
        job[Job.NEXT] = index + 1

    def _packets(self) -> Batch | None:
        """The packets as the program has left them, where they were kept."""
        if self._kept is None:
            return None
        offsets = array("Q", accumulate(self._batch.lengths, initial=0))
        del offsets[-1]
        kept = Batch(memoryview(self._kept), offsets, array("I", self._batch.lengths))
        if self._resized:
            rest = bytearray()
            for index, data in self._resized.items():
                kept.offsets[index], kept.lengths[index] = len(self._kept) + len(rest), len(data)
                rest += data
            kept.memory = memoryview(self._kept + rest)
        return kept

    # The context, which the packets share

    def _ready(self) -> Context:
        """The context, with room for the longest packet."""
        if self._context is not None:
            return self._context
        context = self._context = build(self._machine, self._program, bytes(self._longest), self._fields)
        packet, access = context.packet, self._program.kind.packet
        assert packet is not None, "the kind has packets"
        assert access is not None, "the kind has packets"
        self._packet, self._shown = packet, False
        packet.block.describe = self._describe
        job = self._job
        job[Job.START], job[Job.HELD] = packet.start, self._longest
        job[Job.STATE] = READY if access.writable else READ_ONLY
        job[Job.CONTEXT], job[Job.DATA_END] = context.address, access.data_end
        return context

    def _show(self) -> None:
        """Let Python see the packet that is in memory: its length, and the room behind it."""
        if self._context is None or self._shown:
            return
        self._shown = True
        alike = build(self._machine, self._program, bytes(self._length()), self._fields)
        assert alike.packet is not None, "the kind has packets"
        room = alike.packet.hard_end - alike.packet.end
        alike.close()
        self._packet.end = self._packet.start + self._length()
        self._packet.hard_end = self._packet.end + room

    def _describe(self, _offset: int) -> tuple[str, int, int]:
        return "packet", self._packet.start - self._packet.hard_start, self._length()

    def _length(self) -> int:
        return self._batch.lengths[self._job[Job.NEXT]]

    def _close(self) -> None:
        if self._context is None:
            return
        block = self._packet.block
        if block.describe == self._describe:  # what is kept of the block must not keep all packets
            block.describe = None
        self._context.close()
        self._context = None

    def _point_to_buffers(self, stack: ExitStack) -> None:
        batch = self._batch
        buffers: dict[Job, Any] = {
            Job.MEMORY: batch.memory,
            Job.OFFSETS: batch.offsets,
            Job.LENGTHS: batch.lengths,
            Job.VERDICTS: self._verdicts,
            Job.COUNTS: self._counts,
        }
        if self._kept is not None:
            buffers[Job.KEPT] = self._kept
        if batch.times is not None:
            buffers[Job.TIMES] = batch.times
            self._job[Job.SHIFT] = batch.shift or 0
        for word, buffer in buffers.items():
            self._job[word] = stack.enter_context(held(buffer))
        self._job[Job.MEMORY_SIZE] = len(batch.memory)
