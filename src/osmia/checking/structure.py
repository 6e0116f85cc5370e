"""What is wrong with code whatever it is given: instructions, jumps, functions that call too deep, stacks too large."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from osmia.abi import instruction as isa
from osmia.abi.instruction import Instruction
from osmia.checking.code import CALL, EXIT, INDIRECT_JUMP, JUMP, LONG_JUMP, MAY_GOTO, is_conditional, reached
from osmia.checking.run import Stop
from osmia.disassembly import instruction_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.checking.code import Function
    from osmia.checking.run import Run

MOST_CALLS = 8
LARGEST_STACK, LARGEST_WITH_TAIL_CALLS = 512, 256
_TAIL_CALL = 12
# The first kernel that was seen to take chains of any length.
_ANY_DEPTH_SINCE = (7, 3)
# The first kernel that rounds each function's stack to 16 bytes, which its JIT takes, and not to 32.
_ROUNDED_TO_16_SINCE = (6, 8)
# The first kernel that gives each function of these kinds a stack of its own.
_PRIVATE_STACK_SINCE = (6, 13)
_WITH_PRIVATE_STACK = ("kprobe", "tracepoint", "perf_event", "raw_tracepoint", "tp_btf", "fentry", "fexit", "fmod_ret")
V4_SINCE = (6, 6)
_UNKNOWN = "<unknown>"
_CASTS = (1, 1 << 16)
"""What addr_space_cast goes between: from 0 to 1, and from 1 to 0."""


def well_formed(run: Run) -> bool:
    """Check each instruction and each jump by itself; False where control cannot be followed."""
    sound = True
    for function in run.code.functions:
        try:
            _check_function(run, function)
        except Stop:
            sound = False
    if not sound:
        return False
    for function in run.code.functions:
        with suppress(Stop):  # what is reached can be followed all the same
            _check_reached(run, function)
    return _check_calls(run)


def _check_reached(run: Run, function: Function) -> None:
    reachable = reached(run.code, function)
    own = range(function.start, function.end)
    if any((of := run.code.slots[slot]) is not None and of.opcode == INDIRECT_JUMP for slot in own):
        return
    for slot in own:
        if run.code.slots[slot] is not None and slot not in reachable:
            run.fault("unreachable", slot, groups={"at": slot - function.start})


def _check_function(run: Run, function: Function) -> None:
    code = run.code
    for slot in range(function.start, function.end):
        found = code.slots[slot]
        if found is not None:
            _check_instruction(run, slot, found)
            _check_jump(run, function, slot, found)
    last = next((slot for slot in range(function.end - 1, function.start - 1, -1) if code.slots[slot]), None)
    if last is None or code.instruction(last).opcode not in (EXIT, JUMP, LONG_JUMP, INDIRECT_JUMP):
        run.fault(
            "no-exit", function.end - 1 if last is None else last, groups={"at": function.end - 1 - function.start}
        )


def _check_instruction(run: Run, slot: int, of: Instruction) -> None:
    related = slot in run.code.relocations
    if of.destination > 10 or (of.source > 10 and not related):
        run.fault("opcode", slot, what="an instruction of a register that there is not", groups={"opcode": ""})
    if instruction_text(_plain(of.opcode)) == _UNKNOWN or of.opcode == isa.JMP | isa.CALL | isa.X:
        run.fault("opcode", slot, what=f"an instruction that no kernel knows ({of.opcode:#04x})", groups={"opcode": ""})
    if run.kernel < V4_SINCE and _of_v4(of):
        run.fault(
            "opcode",
            slot,
            what=f"an instruction of the set v4 (`{instruction_text(of)}`), which kernels before 6.6 do not know",
            groups={"opcode": ""},
        )


def _plain(opcode: int) -> Instruction:
    """An instruction with that opcode which says nothing else."""
    swaps = opcode & 0xF0 == isa.END and opcode & 7 in (isa.ALU, isa.ALU64)
    return Instruction(opcode, 0, 0, 0, 16 if swaps else 0)


def reserved_fields(of: Instruction) -> bool:
    """Whether an instruction holds something where there is nothing to say: refused where control comes to it."""
    return instruction_text(of) == _UNKNOWN or (_casts(of) and of.immediate not in _CASTS)


def _casts(of: Instruction) -> bool:
    return of.opcode == isa.ALU64 | isa.MOV | isa.X and of.offset == 1


def _of_v4(of: Instruction) -> bool:
    kind, operation = of.opcode & 7, of.opcode & 0xF0
    if kind == isa.LDX:
        return of.opcode & 0xE0 == isa.MEMSX
    if kind in (isa.ALU, isa.ALU64):
        signed_division = operation in (isa.DIV, isa.MOD) and of.offset == 1
        extends = operation == isa.MOV and of.offset in (8, 16, 32)
        return signed_division or extends or (kind == isa.ALU64 and operation == isa.END)
    return of.opcode in (LONG_JUMP, MAY_GOTO)


def _check_jump(run: Run, function: Function, slot: int, of: Instruction) -> None:
    if not is_conditional(of.opcode) and of.opcode not in (JUMP, LONG_JUMP):
        return
    to = run.code.target(slot)
    if not function.start <= to < function.end or run.code.slots[to] is None:
        run.fault("jump-oob", slot, groups={"at": slot - function.start, "to": to - function.start})


# Calls


def _check_calls(run: Run) -> bool:
    """Functions that call themselves, and chains of calls that are too long."""
    try:
        for chain in _chains(run):
            if len(chain) > MOST_CALLS and run.kernel < _ANY_DEPTH_SINCE:
                _, slot = chain[-1]
                run.fault("call-depth", slot, why=(_names(run, chain),), groups={"frames": len(chain)})
    except Stop:
        return False
    return True


def _chains(run: Run) -> Iterator[list[tuple[int, int]]]:
    """Every chain of calls from the program on, as functions by number with the call that led there."""
    deepest: dict[int, int] = {}

    def walk(chain: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
        yield chain
        number, _ = chain[-1]
        if len(chain) > MOST_CALLS or deepest.get(number, 0) >= len(chain):
            return
        deepest[number] = len(chain)
        for slot, callee in run.code.calls(run.code.functions[number]):
            if any(callee == each for each, _ in chain):
                run.fault("recursion", slot, why=(_names(run, [*chain, (callee, slot)]),))
            yield from walk([*chain, (callee, slot)])

    yield from walk([(0, 0)])


def _names(run: Run, chain: list[tuple[int, int]]) -> str:
    return "calls: " + " -> ".join(run.code.functions[number].spec.name for number, _ in chain)


# The stack


def check_stack(run: Run) -> None:
    """The stack that a program takes with all that it calls, each on its longest chain."""
    own = run.kernel >= _PRIVATE_STACK_SINCE and run.kind.name in _WITH_PRIVATE_STACK
    try:
        _deepest_chain(run, 0, [], 0, own=own, known={})
    except Stop:
        return


def _deepest_chain(
    run: Run, number: int, above: list[tuple[int, int]], used: int, *, own: bool, known: dict[int, int]
) -> None:
    size = _rounded(run, run.deepest.get(number, 0))
    chain = [*above, (number, size)]
    total = used + size
    function = run.code.functions[number]
    if total <= known.get(number, -1):
        return
    known[number] = total
    tail_call = _tail_call(run, function)
    if above and tail_call is not None and used >= LARGEST_WITH_TAIL_CALLS:
        run.fault(
            "stack-depth",
            tail_call,
            what=_tail_words(used),
            why=(_sizes(run, chain),),
            groups={"calls": len(above), "bytes": used},
        )
    if total > LARGEST_STACK and not own:
        run.fault(
            "stack-depth", function.start, why=(_sizes(run, chain),), groups={"calls": len(chain), "bytes": total}
        )
    for _, callee in run.code.calls(function):
        _deepest_chain(run, callee, chain, total, own=own, known=known)


def _tail_words(used: int) -> str:
    return (
        f"a tail call in a function above which the stack takes {used} bytes, where less than "
        f"{LARGEST_WITH_TAIL_CALLS} are allowed"
    )


def _rounded(run: Run, size: int) -> int:
    to = 16 if run.kernel >= _ROUNDED_TO_16_SINCE else 32
    least = 0 if to == 16 else 1
    return (max(size, least) + to - 1) // to * to


def _sizes(run: Run, chain: list[tuple[int, int]]) -> str:
    named = (f"{run.code.functions[number].spec.name} ({size} bytes)" for number, size in chain)
    return "calls: " + " -> ".join(named)


def _tail_call(run: Run, function: Function) -> int | None:
    for slot in range(function.start, function.end):
        found = run.code.slots[slot]
        if found is not None and found.opcode == CALL and not found.source and found.immediate == _TAIL_CALL:
            return slot
    return None
