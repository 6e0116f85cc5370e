"""The contexts of tracepoints: their records, with the fields that the program's class names."""

from __future__ import annotations

from osmia.abi.context_member import ContextMember
from osmia.vm.contexts import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.contexts import Fields
    from osmia.vm.machine import Machine
    from osmia.vm.program import VmProgram

COMMON = 8
"""The bytes that every tracepoint's record begins with."""
_WITHOUT_FIELDS = 256
"""The bytes of a record whose fields nobody names."""


def build(machine: Machine, program: VmProgram, packet: bytes | None, fields: Fields) -> Context:
    """The context of one run: zeros, `packet` where it is given (the record as it lies in memory), then the fields."""
    members = tuple(ContextMember(each.name, each.offset, 8 * each.size, each.signed) for each in program.fields)
    known = max((each.end for each in members), default=_WITHOUT_FIELDS)
    context = Context(machine, program, members, max(known, COMMON, len(packet or b"")))
    try:
        machine.memory.data[context.address : context.address + len(packet or b"")] = packet or b""
        for name, value in fields.items():
            context.set(name, value)
    except BaseException:
        context.close()
        raise
    return context
