"""What programs are called with: their contexts in memory, one builder for each way to make them."""

from __future__ import annotations

from osmia.abi.generated.contexts import CONTEXTS
from osmia.errors import shown
from osmia.vm.memory import READ_ONLY, READY
from osmia.vm.packet import Packet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia.abi.context_member import ContextMember
    from osmia.vm.machine import Machine
    from osmia.vm.program import VmProgram

    Fields = Mapping[str, object]
    """What a test says of a context, by the names of its members."""


class Context:
    """A context in memory."""

    def __init__(self, machine: Machine, program: VmProgram, size: int) -> None:
        self.machine = machine
        self.program = program
        self.block = machine.memory.allocate(size, f"context of {program.name}", state=READ_ONLY)
        self.packet: Packet | None = None

    @property
    def address(self) -> int:
        """What the program is called with."""
        return self.block.address

    def packet_bytes(self, offset: int, size: int) -> bytes | None:
        """Bytes of the packet; None where it ends before."""
        packet = self.packet
        if packet is None or packet.start + offset + size > packet.end:
            return None
        return self.machine.memory.read(packet.start + offset, size)

    def packet_moved(self) -> None:
        """Write the packet's bounds into the context."""
        access, packet, memory = self.program.kind.packet, self.packet, self.machine.memory
        assert access is not None, "only kinds with packets have some"
        assert packet is not None, "only kinds with packets have some"
        size = access.bits // 8
        memory.put(self.address + access.data, size, packet.start)
        memory.put(self.address + access.data_end, size, packet.end)
        if access.data_meta is not None:
            memory.put(self.address + access.data_meta, size, packet.meta)
        length = next((each for each in self.program.kind.context_members if each.name == "len"), None)
        if length is not None:
            memory.put(self.address + length.offset, 4, packet.end - packet.start)

    def close(self) -> None:
        """Give its memory back."""
        if self.packet is not None:
            self.packet.free()
        self.machine.memory.free(self.block)


def build(machine: Machine, program: VmProgram, packet: bytes | None, fields: Fields) -> Context:
    """The context of one run. TypeError, ValueError or OverflowError for what its kind does not take."""
    kind = program.kind
    members = CONTEXTS[kind.context_struct]
    if packet is not None and kind.packet is None:
        raise TypeError(f"{program.name}: programs of kind {kind.name} are given no packet")
    context = Context(machine, program, max(each.end for each in members))
    try:
        _fill(context, members, fields)
        for field in kind.fields.values():
            if field.writable and (not field.hooks or kind.hook(program.section) in field.hooks):
                machine.memory.paint(context.address + field.offset, field.bits // 8 * max(field.length, 1), READY)
        if kind.packet is not None:
            context.packet = Packet(machine.memory, packet or b"", writable=kind.packet.writable)
            context.packet_moved()
    except BaseException:
        context.close()
        raise
    return context


def _fill(context: Context, members: tuple[ContextMember, ...], fields: Fields) -> None:
    by_name = {each.name: each for each in members}
    for name, value in fields.items():
        member = by_name.get(name)
        if member is None:
            known = ", ".join(by_name)
            raise TypeError(f"{context.program.name}: its context has no {name}; it has {known}")
        _put(context, member, value)


def _put(context: Context, member: ContextMember, value: object) -> None:
    size = member.bits // 8
    values = [*value] if member.length and isinstance(value, (list, tuple)) else [value]
    for index, each in enumerate(values):
        if not isinstance(each, int):
            raise TypeError(f"{context.program.name}: {member.name} is an int, not {shown(each)}")
        if not -(1 << member.bits - 1) <= each < 1 << member.bits:
            raise OverflowError(f"{context.program.name}: {member.name} has {member.bits} bits: {each} does not fit")
        context.machine.memory.put(context.address + member.offset + index * size, size, each & (1 << member.bits) - 1)
