"""How much of its stack a function can reach: only that much has to be painted each time it is entered and left.

The rest stays as it is between runs: freed. Who gets there all the same, by the address of something else, is told that
it was freed, where the reference engine would say that it was never written, or let it be written.
"""

from __future__ import annotations

from osmia.abi import instruction as isa
from osmia.abi.generated import helper_ids as ids
from osmia.vm.code import ATOMICS, CALL, FRAME, JUMPS, LOADS, STORES
from osmia.vm.execution import STACK
from osmia.vm.jit.flow import reads
from osmia.vm.registers import ARGUMENTS, forgets, writes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.code import Code, Slot
    from osmia.vm.jit.flow import Function

    Held = list[int | None]
    """Of each register, how far below the end of the stack it points; None where it does not point there."""

_ANYWHERE = 1 << 40
"""More than anything that is added to it."""
_MOVE = isa.ALU64 | isa.MOV | isa.X
_ADD = isa.ALU64 | isa.ADD
# They read what their arguments point to, upwards, and keep no address.
_KEEP_NONE = (ids.BPF_FUNC_map_lookup_elem, ids.BPF_FUNC_map_update_elem, ids.BPF_FUNC_map_delete_elem)


def reached(code: Code, function: Function) -> int:
    """So many bytes below the end of the stack: all of them where an address goes where it cannot be followed."""
    begin: dict[int, Held] = {function.entry: [*[None] * FRAME, 0]}
    waiting, most = [function.entry], 0
    while waiting:
        block = function.blocks[waiting.pop()]
        held = [*begin[block.start]]
        for slot in block.slots:
            of = code.slots[slot]
            most = max(most, _reaches(of, held))
            _change(of, held)
        for start in block.after:
            before = begin.get(start)
            merged = [*held] if before is None else _merged(before, held)
            if merged != before:
                begin[start] = merged
                waiting.append(start)
    return min(most + 7 & ~7, STACK)


def _merged(one: Held, other: Held) -> Held:
    """What registers hold where two ways meet: it may point anywhere, where it is not the same on both."""
    return [a if a == b else _ANYWHERE for a, b in zip(one, other, strict=True)]


def _reaches(of: Slot, held: Held) -> int:
    """How far down an instruction reaches, or lets others reach."""
    opcode, destination, source, offset, immediate = of
    if opcode in LOADS or opcode in STORES or opcode in ATOMICS:
        loads = opcode in LOADS or (opcode in ATOMICS and immediate == isa.LOAD_ACQUIRE)
        if not loads and opcode & 7 == isa.STX and held[source] is not None:
            return STACK
        base = held[source if loads else destination]
        return 0 if base is None else base - offset
    if opcode == CALL and source == 0 and immediate in _KEEP_NONE:
        return max(held[register] or 0 for register in ARGUMENTS)
    given = {*reads(of), *(ARGUMENTS if forgets(of) else ())}
    points = any(held[register] is not None for register in given)
    followed = opcode in JUMPS or opcode == _ADD or (opcode == _MOVE and offset == 0)
    return STACK if points and not followed else 0


def _change(of: Slot, held: Held) -> None:
    """What registers hold after an instruction."""
    opcode, destination, source, offset, immediate = of
    result: int | None = None
    if opcode == _MOVE and offset == 0:
        result = held[source]
    elif opcode == _ADD:
        base = held[destination]
        result = None if base is None else base - immediate
    if forgets(of):
        held[1:6] = [None] * 5
    register = writes(of)
    if register is not None:
        held[register] = result
