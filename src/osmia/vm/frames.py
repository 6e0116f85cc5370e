"""A program on the packets of an interface or a capture, one after the other, in a context that is made once."""

from __future__ import annotations

from osmia.abi.generated import helper_ids as ids
from osmia.pcap.packet import NO_TIME
from osmia.vm.contexts import build
from osmia.vm.execution import Execution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from osmia.pcap.columns import Frames
    from osmia.vm.program import VmProgram

_LONGEST = 1 << 16
_VLAN_TYPES = (0x8100, 0x88A8)
_CLOCKS = {
    *(ids.BPF_FUNC_ktime_get_ns, ids.BPF_FUNC_ktime_get_boot_ns, ids.BPF_FUNC_ktime_get_coarse_ns),
    *(ids.BPF_FUNC_ktime_get_tai_ns, ids.BPF_FUNC_jiffies64),
}


class FramesRunner:
    """Runs a program on frames as the kernel would: an XDP program, or one of traffic control at an ingress hook.

    What traffic control is told of a packet beside its bytes is its protocol, its VLAN and its interface.
    """

    def __init__(self, program: VmProgram, ifindex: int = 0) -> None:
        self._program = program
        self._ifindex = ifindex
        self._room = 0
        # There the clock stands still.
        tells_time = not _CLOCKS.isdisjoint(program.code.helpers)
        self._in_native_loop = program.machine.engine.name == "jit" and program.kind.name == "xdp" and not tells_time
        if self._in_native_loop:
            from osmia.vm.jit.engine import Jit

            assert isinstance(program.machine.engine, Jit), "that is its name"
            program.machine.engine.prepare(program)
        self._make(_LONGEST)

    def run(self, frames: Frames, shift: int) -> None:
        """Run it on each frame, on the machine's CPU. VmError where it does what it may not.

        The machine's clock goes on with the frames' times, of which `shift` is what the clock shows more than they.
        """
        machine, memory = self._program.machine, frames.memory
        if self._in_native_loop:
            machine.run_packets(self._program, frames, ingress_ifindex=self._ifindex)
            return
        run = self._run if self._program.kind.name == "xdp" else self._run_sk_buff
        columns = zip(frames.offsets, frames.lengths, frames.times, strict=True)
        with machine.lock:
            for at, length, time in columns:
                if time != NO_TIME and time + shift > machine.clock:
                    machine.clock = time + shift
                run(memory[at : at + length])

    def close(self) -> None:
        """Give the memory of its context back."""
        self._context.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _make(self, room: int) -> None:
        """Make the context, for packets of at most so many bytes."""
        program = self._program
        fields = {"ingress_ifindex": self._ifindex}
        fields |= {} if program.kind.name == "xdp" else {"ifindex": self._ifindex}
        self._context = build(program.machine, program, bytes(room), fields)
        self._room = room
        start, end = self._context.address, self._context.address + self._context.block.size
        memory = program.machine.memory
        self._first = bytes(memory.data[start:end]), bytes(memory.shadow[start:end])

    def _run(self, data: memoryview) -> None:
        if len(data) > self._room:
            self._context.close()
            self._make(len(data))
        context, packet = self._context, self._context.packet
        assert packet is not None, "the kind has packets"
        packet.refill(data)
        context.packet_moved()
        machine = self._program.machine
        machine.execute(Execution(machine, self._program, context, machine.engine, machine.fuel))

    def _run_sk_buff(self, data: memoryview) -> None:
        """The same for traffic control, before which the kernel takes the outer tag of a VLAN out of the packet."""
        machine, fields = self._program.machine, self._program.kind.context_members
        start = self._context.address
        memory = machine.memory
        memory.data[start : start + len(self._first[0])], memory.shadow[start : start + len(self._first[1])] = (
            self._first
        )
        said = {"protocol": int.from_bytes(data[12:14], "little")}
        if int.from_bytes(data[12:14], "big") in _VLAN_TYPES and len(data) >= 18:
            tci = int.from_bytes(data[14:16], "big")
            said = {"vlan_present": 1, "vlan_tci": tci, "vlan_proto": said["protocol"]}
            said["protocol"] = int.from_bytes(data[16:18], "little")
            data = memoryview(bytes(data[:12]) + bytes(data[16:]))
        for member in fields:
            if member.name in said:
                memory.put(start + member.offset, member.bits // 8, said[member.name])
        self._run(data)
