"""Contexts that are arguments of a function of the kernel, each in 64 bits."""

from __future__ import annotations

from osmia.errors import shown
from osmia.vm.contexts import Context, refuse_packet
from osmia.vm.objects import SOCKETS, KernelObject, standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.contexts import Fields
    from osmia.vm.machine import Machine
    from osmia.vm.program import VmProgram

MOST = 12
"""As many as the kernel passes on (MAX_BPF_FUNC_ARGS)."""
_U64 = 1 << 64


def build(machine: Machine, program: VmProgram, packet: bytes | None, fields: Fields) -> Context:
    """The context of one run: `args=[...]` in their order, or each by the name of the program's parameter."""
    refuse_packet(program, packet)
    given = _by_order(program, fields) if "args" in fields else _by_name(machine, program, fields)
    context = Context(machine, program, (), 8 * MOST)
    for index, value in enumerate(given):
        context.write_at(8 * index, 8, value % _U64)
    return context


def _by_order(program: VmProgram, fields: Fields) -> list[int]:
    values = fields["args"]
    if len(fields) > 1:
        raise TypeError(f"{program.name}: args=[...] has all its arguments: give no others beside it")
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"{program.name}: args is a list of its arguments, not {shown(values)}")
    if len(values) > MOST:
        raise ValueError(f"{program.name}: the kernel gives a program {MOST} arguments at most, not {len(values)}")
    return [_value(program, f"args[{index}]", "", value) for index, value in enumerate(values)]


def _by_name(machine: Machine, program: VmProgram, fields: Fields) -> list[int]:
    types = dict(program.arguments)
    for name in fields:
        if name not in types:
            known = f"its arguments are {', '.join(types)}" if types else "give args=[...], by their order"
            raise TypeError(f"{program.name} takes no argument {name!r}: {known}")
    return [_value(program, name, of, fields.get(name, _default(machine, of))) for name, of in types.items()]


def _default(machine: Machine, of: str) -> object:
    """0, or an object of the struct that an argument points to."""
    return 0 if _is_number(of) else standing(machine, of, of)


def _is_number(of: str) -> bool:
    return of == "bool" or (of[:1] in ("u", "i") and of[1:].isdigit())


def _value(program: VmProgram, name: str, of: str, value: object) -> int:
    """What lies in memory for an argument. TypeError or OverflowError for what it cannot be."""
    what = f"{program.name}: {name}"
    if isinstance(value, KernelObject):
        fits = of in ("", "u64", value.struct) or (of in SOCKETS and value.is_socket)
        if not fits:
            raise TypeError(f"{what} is a {of}, not a {value.struct}")
        return value.address
    if value is None:
        return 0
    if not isinstance(value, int):
        wanted = "an int" if _is_number(of) else "an int, or an object that the machine made"
        raise TypeError(f"{what} is {wanted}, not {shown(value)}")
    if of and not _is_number(of) and value:
        raise TypeError(f"{what} is a {of} that the machine made (machine.object({of!r})), or None, not {shown(value)}")
    bits = int(of[1:]) if _is_number(of) and of != "bool" else 64
    if not -(1 << bits - 1) <= value < 1 << bits:
        raise OverflowError(f"{what} has {bits} bits: {value} does not fit")
    return value
