"""How much stack a program needs: measured in the code that was generated, against the kernel's limit.

The kernel gives a program and all that it calls 512 bytes, and rounds each function's share up to 32 (MAX_BPF_STACK and
check_max_stack_depth in kernel/bpf/verifier.c).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from osmia.abi.instruction import ADD, ALU64, LDX, MOV, ST, STX, K, X, decode
from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.walk import nodes, program_nodes

if TYPE_CHECKING:
    from osmia.spec import FunctionSpec, ObjectSpec

LARGEST = 512
ROUNDED_TO = 32
FRAME_POINTER = 10
MOST_NAMED = 3


def check_stack(unit: ir.Unit, spec: ObjectSpec) -> None:
    """Raise CompileError for a program whose stack, with that of what it calls, is over the limit."""
    for program in unit.programs:
        needed = _with_callees(spec.programs[program.name], spec, ())
        if needed > LARGEST:
            raise _too_large(program, needed)


def _with_callees(function: FunctionSpec, spec: ObjectSpec, around: tuple[str, ...]) -> int:
    own = max(stack_depth(function.instructions), 1)
    rounded = (own + ROUNDED_TO - 1) // ROUNDED_TO * ROUNDED_TO
    called = {r.target for r in function.relocations if r.kind in ("call", "function") and r.target not in around}
    deepest = 0
    for name in called:
        if name in spec.functions:
            deepest = max(deepest, _with_callees(spec.functions[name], spec, (*around, name)))
    return rounded + deepest


def stack_depth(code: bytes) -> int:
    """The bytes below the frame pointer that a function's instructions reach, as the compiler writes them.

    An address in the frame is a copy of r10 to which a constant is added at once, or r10 itself with an offset.
    """
    deepest = 0
    copies: dict[int, int] = {}
    for each in decode(code):
        kind = each.opcode & 0x07
        base = each.source if kind == LDX else each.destination
        if kind in (LDX, ST, STX):
            if base == FRAME_POINTER:
                deepest = min(deepest, each.offset)
            elif base in copies:
                deepest = min(deepest, copies[base] + each.offset)
        if kind == LDX:
            copies.pop(each.destination, None)
        if kind == ALU64:
            _follow(each.opcode & 0xF8, each.destination, each.source, each.immediate, copies)
            deepest = min([deepest, *copies.values()])
    return -deepest


def _follow(operation: int, destination: int, source: int, immediate: int, copies: dict[int, int]) -> None:
    """What registers hold an address in the frame."""
    if operation == MOV | X and source == FRAME_POINTER:
        copies[destination] = 0
    elif operation == MOV | X and source in copies:
        copies[destination] = copies[source]
    elif operation == ADD | K and destination in copies:
        copies[destination] += immediate
    else:
        copies.pop(destination, None)


def _scratch(largest: list[ir.Construct]) -> str:
    """How the largest object is kept there."""
    return f"... = scratch({largest[0].type.layout.name})" if largest else "event = scratch(Event)"


def _too_large(program: ir.Program, needed: int) -> Exception:
    made = [each for each in program_nodes(program) if isinstance(each, ir.Construct)]
    largest = sorted(made, key=lambda each: -each.type.layout.size)[:MOST_NAMED]
    named = ", ".join(f"{each.type} of line {each.location.line} ({each.type.layout.size} bytes)" for each in largest)
    return error(
        f"{program.name} needs more stack than a program has",
        largest[0].location if largest else program.location,
        found=f"{needed} bytes" + (f"; its largest objects: {named}" if named else ""),
        expected=f"at most {LARGEST} bytes, for the program and all that it calls",
        fix=_taken_once(program)
        or f"keep a large object in scratch memory, which is each CPU's own: `{_scratch(largest)}`",
    )


def _taken_once(program: ir.Program) -> str:
    """What to do about a text of the context that is copied more than once; empty where none is."""
    copied = Counter(
        place.field
        for each in program_nodes(program)
        if isinstance(each, ir.HelperCall) and each.helper.name == "probe_read_kernel_str"
        for place in nodes((ir.Evaluate(each.location, each),))
        if isinstance(place, ir.ContextRead)
    )
    name, times = max(copied.items(), key=lambda each: each[1], default=("", 0))
    read = f"{program.context.name}.{name}"
    return f"{read} is copied {times} times: copy it once, `{name} = {read}`, and use that" if times > 1 else ""
