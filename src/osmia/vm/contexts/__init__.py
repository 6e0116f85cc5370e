"""What programs are called with: their contexts in memory, one builder for each way to make them."""

from __future__ import annotations

from osmia.errors import shown
from osmia.vm.fields import packed, unpacked
from osmia.vm.memory import READ_ONLY
from osmia.vm.objects import object_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia.abi.context_member import ContextMember
    from osmia.vm.machine import Machine
    from osmia.vm.message import Message
    from osmia.vm.objects import KernelObject
    from osmia.vm.packet import Packet
    from osmia.vm.program import VmProgram
    from osmia.vm.tunnel import Tunnel

    Fields = Mapping[str, object]
    """What a test says of a context, by the names of its members."""

LENGTHS = ("len", "size")
"""Members that say how long a packet is."""


class Context:
    """A context in memory."""

    def __init__(
        self, machine: Machine, program: VmProgram, members: tuple[ContextMember, ...], size: int | None = None
    ) -> None:
        self.machine = machine
        self.program = program
        self.members = {each.name: each for each in members}
        room = max((each.end for each in members), default=8) if size is None else size
        self.block = machine.memory.allocate(room, f"context of {program.name}", state=READ_ONLY)
        self.packet: Packet | None = None
        self.mac = 0
        """Where the Ethernet header lies, counted from where the packet begins for the program."""
        self.network = 0
        """Where the IP header lies, counted so."""
        self.pushed = 0
        """Of what a socket receives: how many bytes more lie before it than before what came in."""
        self.mac_length = 0
        """How long the headers before it are, as the kernel keeps it; 0 before a helper has counted them."""
        self.transport: int | None = None
        """Where the header of GRE or UDP lies that the program has put around the packet, counted so; None for none."""
        self.encapsulated = False
        """Whether the program has put a header around the packet that the kernel knows as one."""
        self.before = self.behind = 0
        """Of a message: how many bytes there are around those that the program sees."""
        self.message: Message | None = None
        """All of it, once the program has changed which part it sees."""
        self.hash_set = False
        """Whether its hash is one, also where it is 0."""
        self.checked_sums: int | None = None
        """How many checksums behind the first are known to be right; None where no one is."""
        self.tunnel: Tunnel | None = None
        """The tunnel that the packet came out of, or goes into."""
        self.socket: KernelObject | None = None
        """The socket that the context itself is."""
        self.extra: dict[str, object] = {}
        """What the program has told the kernel that no member shows, by the name of what it told."""
        self._network_bits = {name: each.network_bits for name, each in program.kind.fields.items()}

    @property
    def address(self) -> int:
        """What the program is called with."""
        return self.block.address

    # Its members

    @property
    def names(self) -> tuple[str, ...]:
        """What may be said of it."""
        return tuple(self.members)

    def set(self, name: str, value: object) -> None:
        """Set a member. TypeError for one that is not there."""
        member = self.members.get(name)
        if member is None:
            known = ", ".join(self.names) or "none"
            raise TypeError(f"{self.program.name}: its context has no {name}; it has {known}")
        if member.pointer:
            value = object_address(f"{self.program.name}: {name}", value)
        data = packed(self.program.name, member, self._network_bits.get(name, 0), value)
        start = self.address + member.offset
        self.machine.memory.data[start : start + len(data)] = data

    def get(self, name: str) -> int | tuple[int, ...]:
        """A member, as it is now."""
        member = self.members[name]
        data = self.machine.memory.read(self.address + member.offset, member.end - member.offset)
        return unpacked(member, self._network_bits.get(name, 0), data)

    def number(self, name: str) -> int:
        """A member that is a number; 0 where the context has none of that name."""
        value = self.get(name) if name in self.members else 0
        return value if isinstance(value, int) else 0

    def fields(self) -> dict[str, object]:
        """All members as they are now: numbers, and objects of the machine for pointers to them."""
        found: dict[str, object] = {}
        for name, member in self.members.items():
            value: object = self.get(name)
            if member.pointer and isinstance(value, int):
                value = self.machine.objects.get(value, value or None)
            found[name] = value
        return found | self.extra

    def write_at(self, offset: int, size: int, value: int) -> None:
        """Write an unsigned number at a place of the context."""
        self.machine.memory.put(self.address + offset, size, value)

    # Its packet

    def packet_bytes(self, offset: int, size: int) -> bytes | None:
        """Bytes of the packet; None where it ends before."""
        packet = self.packet
        if packet is None or packet.start + offset + size > packet.end:
            return None
        return self.machine.memory.read(packet.start + offset, size)

    def packet_moved(self) -> None:
        """Write the packet's bounds into the context."""
        access, packet = self.program.kind.packet, self.packet
        if access is None or packet is None:
            return
        size = access.bits // 8
        self.write_at(access.data, size, packet.start)
        self.write_at(access.data_end, size, packet.end)
        if access.data_meta is not None:
            self.write_at(access.data_meta, size, packet.meta)
        for name in LENGTHS:
            if name in self.members:
                self.write_at(self.members[name].offset, 4, self.before + packet.size + self.behind)

    @property
    def frame(self) -> bytes:
        """The packet as the program leaves it, as the kernel's test run gives it.

        In the driver that is with the metadata before it, and for cgroups with zeros for the Ethernet header.
        """
        packet = self.packet
        if packet is None:
            return b""
        start = packet.meta if self.program.kind.name == "xdp" else packet.start - self.before
        return bytes(-self.mac) + self.machine.memory.read(start, packet.end + self.behind - start)

    def close(self) -> None:
        """Give its memory back."""
        if self.packet is not None:
            self.packet.free()
        self.machine.memory.free(self.block)


_BUILDERS = {
    "tracepoint": "tracepoint",
    "raw_tracepoint": "arguments",
    "tp_btf": "arguments",
    "lsm": "arguments",
}
"""The module that makes the contexts of a kind, where it is not that of the structs of linux/bpf.h."""


def build(machine: Machine, program: VmProgram, packet: object, fields: Fields) -> Context:
    """The context of one run. TypeError, ValueError or OverflowError for what its kind does not take."""
    if packet is not None and not isinstance(packet, (bytes, bytearray, memoryview)):
        raise TypeError(f"{program.name}: a packet is bytes, not {shown(packet)}")
    module = _BUILDERS.get(program.kind.name, "structs")
    made: Context = __import__(f"osmia.vm.contexts.{module}", fromlist=["build"]).build(
        machine, program, None if packet is None else bytes(packet), fields
    )
    return made


def refuse_packet(program: VmProgram, packet: bytes | None) -> None:
    """Refuse a packet for a program that is given none."""
    if packet is not None:
        raise TypeError(f"{program.name}: programs of kind {program.kind.name} are given no packet")
