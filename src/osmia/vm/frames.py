"""A program on the packets of an interface or a capture, one after the other, in a context that is made once."""

from __future__ import annotations

from osmia.pcap.packet import NO_TIME
from osmia.vm.contexts import build
from osmia.vm.execution import Execution
from osmia.vm.many import Batch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence
    from typing import Self

    from osmia.pcap.columns import Frames
    from osmia.vm.contexts import Context
    from osmia.vm.program import VmProgram

_LONGEST = 1 << 16
_VLAN_TYPES = (0x8100, 0x88A8)
_TAGGED = 18
_HOST, _BROADCAST, _MULTICAST = 0, 1, 2  # PACKET_* of linux/if_packet.h


class FramesRunner:
    """Runs a program on frames as the kernel would: an XDP program, or one of traffic control at an ingress hook.

    What traffic control is told of a packet beside its bytes is its protocol, its VLAN, its interface, and whom it is
    for (`pkt_type`).
    """

    def __init__(self, program: VmProgram, ifindex: int, *, watches: bool) -> None:
        """Make ready to run it, on packets that come in by an interface; `watches` if it is proven to only watch."""
        self._program = program
        self._ifindex = ifindex
        machine, xdp = program.machine, program.kind.name == "xdp"
        self._in_native_loop = machine.engine.name == "jit" and xdp
        self._context: Context | None = None
        self._room = 0
        self._run = self._run_sk_buff if not xdp else self._run_again if watches else self._run_anew
        if self._in_native_loop:
            from osmia.vm.jit.engine import Jit

            assert isinstance(machine.engine, Jit), "that is its name"
            machine.engine.prepare(program)

    def run(self, frames: Frames, shift: int, packet_types: array[int] | None = None) -> None:
        """Run it on each frame, on the machine's CPU. VmError where it does what it may not.

        The machine's clock goes on with the frames' times, of which `shift` is what the clock shows more than they.
        `packet_types` says of each whom it is for, by the kernel's numbers; where that is not known, what is not for
        all or for many is taken to be for this host.
        """
        machine, memory, run = self._program.machine, frames.memory, self._run
        if self._in_native_loop:
            batch = Batch(memory, frames.offsets, frames.lengths, frames.times, shift)
            machine.run_packets(self._program, batch, ingress_ifindex=self._ifindex)
            return
        with machine.lock:
            for index, (at, length, time) in enumerate(zip(frames.offsets, frames.lengths, frames.times, strict=True)):
                if time != NO_TIME and time + shift > machine.clock:
                    machine.advance_to(time + shift)
                run(memory[at : at + length], None if packet_types is None else packet_types[index])

    def close(self) -> None:
        """Give the memory of its context back."""
        context, self._context = self._context, None
        if context is not None:
            context.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _run_again(self, data: memoryview, _packet_type: int | None) -> None:
        """Run an XDP program that leaves its context and its packet as they are: they serve for the next one too."""
        machine, program = self._program.machine, self._program
        if self._context is None or len(data) > self._room:
            self.close()
            self._room = max(len(data), _LONGEST)
            self._context = build(machine, program, bytes(self._room), {"ingress_ifindex": self._ifindex})
        assert self._context.packet is not None, "the kind has packets"
        self._context.packet.refill(data)
        self._context.packet_moved()
        machine.execute(Execution(machine, program, self._context, machine.engine, machine.fuel))

    def _run_anew(self, data: memoryview, _packet_type: int | None) -> None:
        self._program.machine.run_packet(self._program, bytes(data), ingress_ifindex=self._ifindex)

    def _run_sk_buff(self, data: memoryview, packet_type: int | None) -> None:
        """Run a program of traffic control, before which the kernel takes the outer tag of a VLAN out of the packet."""
        frame = bytes(data)
        said: dict[str, object] = {"ifindex": self._ifindex, "ingress_ifindex": self._ifindex, "sk": None}
        said["pkt_type"] = _guessed_type(frame) if packet_type is None else packet_type
        tag = int.from_bytes(frame[12:14], "big")
        if tag in _VLAN_TYPES and len(frame) >= _TAGGED:
            said |= {"vlan_present": 1, "vlan_tci": int.from_bytes(frame[14:16], "big"), "vlan_proto": tag}
            frame = frame[:12] + frame[16:]
        self._program.machine.run_packet(self._program, frame, **said)


def run_all(
    runners: Sequence[FramesRunner], frames: Frames, shift: int, packet_types: array[int] | None = None
) -> None:
    """Run programs on frames: each frame is given to all of them before the next one comes, as in the kernel."""
    if len(runners) == 1:
        runners[0].run(frames, shift, packet_types)
        return
    for index in range(len(frames)):
        one, types = frames.part(index, index + 1), None if packet_types is None else packet_types[index : index + 1]
        for runner in runners:
            runner.run(one, shift, types)


def _guessed_type(frame: bytes) -> int:
    if frame[:6] == b"\xff" * 6:
        return _BROADCAST
    return _MULTICAST if frame[:1] and frame[0] & 1 else _HOST
