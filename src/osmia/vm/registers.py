"""What instructions do to control and registers, which each engine has to know."""

from __future__ import annotations

from osmia.abi import BPF_PSEUDO_CALL
from osmia.abi import instruction as isa
from osmia.abi.generated.helper_ids import BPF_FUNC_tail_call
from osmia.vm.code import ALU, ATOMICS, CALL, CALLX, EXIT, JUMPS, LOADS, MAY_GOTO, PACKET_LOADS, STORES, target_of
from osmia.vm.helpers.arguments import arity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.code import Code, Slot

TAIL_CALL = BPF_FUNC_tail_call
GOTOS = (isa.JMP | isa.JA, isa.JMP32 | isa.JA)
ARGUMENTS = (1, 2, 3, 4, 5)


def next_of(slot: int, of: Slot) -> int:
    """The slot behind an instruction."""
    return slot + (2 if of[0] == isa.LD_IMM64 else 1)


def following(code: Code, slot: int) -> list[int]:
    """The slots that may run right after one, in its function: where a jump goes if it is taken first."""
    of = code.slots[slot]
    opcode = of[0]
    if opcode == EXIT:
        return []
    if opcode in GOTOS:
        return [target_of(slot, of)]
    after = next_of(slot, of)
    return [target_of(slot, of), after] if opcode in JUMPS else [after]


def reads(of: Slot) -> tuple[int, ...]:
    """The registers that an instruction reads, in the order in which it does; of a tail call who runs it says."""
    opcode, destination, source, _, immediate = of
    operation = opcode & 0xF0
    if opcode in ALU:
        left = () if operation == isa.MOV else (destination,)
        return (*left, source) if opcode & isa.X and operation not in (isa.NEG, isa.END) else left
    if opcode in LOADS:
        return (source,)
    if opcode in STORES:
        return (source, destination) if opcode & 7 == isa.STX else (destination,)
    if opcode in ATOMICS:
        if immediate == isa.LOAD_ACQUIRE:
            return (source,)
        return (destination, source, 0) if immediate == isa.CMPXCHG else (destination, source)
    if opcode in PACKET_LOADS:
        return (source,) if opcode & 0xE0 == isa.IND else ()
    if opcode == EXIT:
        return (0,)
    if opcode == CALLX:
        return (destination,)
    if opcode == CALL and source == 0 and immediate != TAIL_CALL:
        return tuple(range(1, arity(immediate) + 1))
    if opcode in JUMPS and opcode not in GOTOS and opcode != MAY_GOTO:
        return (source, destination) if opcode & isa.X else (destination,)
    return ()


def writes(of: Slot) -> int | None:
    """The register that an instruction writes; None where it writes none."""
    opcode, destination, source, _, immediate = of
    if opcode in ALU or opcode in LOADS or opcode == isa.LD_IMM64:
        return destination
    if opcode in (CALL, CALLX) or opcode in PACKET_LOADS:
        return 0
    if opcode in ATOMICS:
        if immediate == isa.LOAD_ACQUIRE:
            return destination
        if immediate == isa.CMPXCHG:
            return 0
        return source if immediate & isa.FETCH and immediate != isa.STORE_RELEASE else None
    return None


def forgets(of: Slot) -> bool:
    """Whether what r1 to r5 hold is not known after an instruction."""
    return of[0] in (CALL, CALLX) or of[0] in PACKET_LOADS


def is_local_call(of: Slot) -> bool:
    """Whether an instruction calls a function of the program's."""
    return of[0] == CALL and of[2] == BPF_PSEUDO_CALL
