"""Instructions as the engines run them: a program and the functions that it reaches, linked and found well formed."""

from __future__ import annotations

import struct
from bisect import bisect_right

from osmia.abi import BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, BPF_PSEUDO_KFUNC_CALL, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE
from osmia.abi import instruction as isa
from osmia.abi.generated import helper_ids
from osmia.errors import ObjectError
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from osmia.spec import LineInfo
    from osmia.vm.marks import Mark

    Slot = tuple[int, int, int, int, int]
    """Opcode, destination, source, offset, immediate: signed, of 64 bits where it is loaded so."""
    Resolve = Callable[[int], int]
    """From the number of a map to the address that stands for it, or where its values begin."""

FUNCTIONS = 1 << 48
"""The address of a function is this and its first slot: no memory lies there."""
EXIT = isa.JMP | isa.EXIT
CALL = isa.JMP | isa.CALL
CALLX = isa.JMP | isa.CALL | isa.X
MAY_GOTO = isa.JMP | isa.JCOND
ADDRESS_SPACE_CAST = 1
"""The offset that makes a move a cast between user code's address and a program's (BPF_ADDR_SPACE_CAST)."""
_CASTS = (1, 1 << 16)
"""The immediate says which way."""
SECOND: Slot = (0, 0, 0, 0, 0)
"""What stands behind the load of 64 bits, in its second slot."""
REGISTERS = 11
FRAME = 10
"""The register that holds the end of the stack."""

_SIZES = (isa.B, isa.H, isa.W, isa.DW)
_LOADS = {isa.LDX | isa.MEM | size for size in _SIZES} | {isa.LDX | isa.MEMSX | size for size in _SIZES[:3]}
_STORES = {isa.ST | isa.MEM | size for size in _SIZES} | {isa.STX | isa.MEM | size for size in _SIZES}
_ATOMICS = {isa.STX | isa.ATOMIC | size for size in _SIZES}
_PACKET = {isa.LD | mode | size for mode in (isa.ABS, isa.IND) for size in _SIZES[:3]}
_BINARY = (isa.ADD, isa.SUB, isa.MUL, isa.DIV, isa.OR, isa.AND, isa.LSH, isa.RSH, isa.MOD, isa.XOR, isa.MOV, isa.ARSH)
_ALU = {of | each | x for of in (isa.ALU, isa.ALU64) for each in _BINARY for x in (isa.K, isa.X)} | {
    *(isa.ALU | isa.NEG, isa.ALU64 | isa.NEG),
    *(isa.ALU | isa.END | isa.K, isa.ALU | isa.END | isa.X, isa.ALU64 | isa.END | isa.K),
}
_CONDITIONS = (
    *(isa.JEQ, isa.JGT, isa.JGE, isa.JSET, isa.JNE, isa.JSGT, isa.JSGE, isa.JLT, isa.JLE, isa.JSLT, isa.JSLE),
)
_BRANCHES = {of | each | x for of in (isa.JMP, isa.JMP32) for each in _CONDITIONS for x in (isa.K, isa.X)}
_GOTOS = {isa.JMP | isa.JA, isa.JMP32 | isa.JA, MAY_GOTO}
_FETCHING = {isa.ADD, isa.OR, isa.AND, isa.XOR}
_ATOMIC = _FETCHING | {each | isa.FETCH for each in _FETCHING} | {isa.XCHG, isa.CMPXCHG}
_ORDERED = {isa.LOAD_ACQUIRE, isa.STORE_RELEASE}
JUMPS = _BRANCHES | _GOTOS
KNOWN = _LOADS | _STORES | _ATOMICS | _PACKET | _ALU | JUMPS | {EXIT, CALL, CALLX, isa.LD_IMM64}
LOADS, STORES, ATOMICS, PACKET_LOADS, ALU = _LOADS, _STORES, _ATOMICS, _PACKET, _ALU
SIZE_OF = {isa.B: 1, isa.H: 2, isa.W: 4, isa.DW: 8}

_FORM = struct.Struct("<BBhi")
_FIELDS = ("destination register", "source register", "offset", "immediate")


@record
class Code:
    """A program as the engines run it."""

    name: str
    slots: list[Slot]
    lines: list[LineInfo]
    """Where its instructions come from, by slot; empty where the object does not say."""
    instructions: bytes
    """As they were before addresses were filled in."""
    functions: tuple[tuple[int, str], ...] = ()
    """The functions that it consists of: where each begins, and its name, in their order."""
    path_of: Callable[[str], str] = str
    """Where a source file lies that its lines name."""
    marks: Sequence[Mark] = ()
    """Of a debug build: what its marks mean."""

    def function_at(self, slot: int) -> str:
        """The name of the function that an instruction is in."""
        index = bisect_right(self.functions, slot, key=lambda function: function[0]) - 1
        return self.functions[index][1] if index >= 0 else self.name

    def path(self, file: str) -> str:
        """Where a source file lies that lines and marks name."""
        return self.path_of(file.removeprefix("./"))

    def line_of(self, slot: int) -> LineInfo | None:
        """The source line of an instruction; None where it is not known."""
        return line_at(self.lines, slot)

    @property
    def helpers(self) -> dict[int, int]:
        """The helpers that it calls, by number, with the first slot that does."""
        found: dict[int, int] = {}
        for slot, (opcode, _, source, _, immediate) in enumerate(self.slots):
            if opcode == CALL and source == 0:
                found.setdefault(immediate, slot)
        return found


def line_at(lines: Sequence[LineInfo], slot: int) -> LineInfo | None:
    """The source line of an instruction; None where it is not known."""
    index = bisect_right(lines, slot, key=lambda line: line.offset) - 1
    return lines[index] if index >= 0 else None


def calls_of(instructions: bytes) -> tuple[dict[int, int], dict[int, int]]:
    """What instructions call, by number with the first slot that does: helpers, and functions of the kernel's own.

    They need not be well formed.
    """
    calls: tuple[dict[int, int], dict[int, int]] = {}, {}
    whole = memoryview(instructions)[: len(instructions) // isa.SLOT * isa.SLOT]
    for slot, (opcode, registers, _, immediate) in enumerate(_FORM.iter_unpack(whole)):
        if opcode == CALL and registers >> 4 in (0, BPF_PSEUDO_KFUNC_CALL):
            calls[registers >> 4 != 0].setdefault(immediate, slot)
    return calls


def target_of(slot: int, of: Slot) -> int:
    """Where a jump goes, or a call of a function of the program's."""
    opcode, _, _, offset, immediate = of
    return slot + 1 + (immediate if opcode in (isa.JMP32 | isa.JA, CALL) else offset)


def decode(
    name: str,
    instructions: bytes,
    lines: list[LineInfo],
    handle_of: Resolve,
    values_of: Resolve,
    *,
    functions: tuple[tuple[int, str], ...] = (),
    path_of: Callable[[str], str] = str,
    marks: Sequence[Mark] = (),
) -> Code:
    """Code of linked instructions, in which maps are numbers. ObjectError where it is not well formed."""
    if len(instructions) % isa.SLOT or not instructions:
        raise ObjectError(f"{name}: {len(instructions)} bytes of code, expected some times {isa.SLOT}")
    raw = [*_FORM.iter_unpack(instructions)]
    slots: list[Slot] = []
    while len(slots) < len(raw):
        at = len(slots)
        opcode, registers, offset, immediate = raw[at]
        destination, source = registers & 15, registers >> 4
        if (opcode, offset) == (isa.ALU64 | isa.MOV | isa.X, ADDRESS_SPACE_CAST) and immediate in _CASTS:
            offset, immediate = 0, 0  # an address in an arena is the same on both sides
        if opcode != isa.LD_IMM64:
            slots.append((opcode, destination, source, offset, immediate))
            continue
        if at + 1 == len(raw) or raw[at + 1][:3] != (0, 0, 0):
            raise ObjectError(f"{name}: instruction {at} loads 64 bits, and the next slot is not their upper half")
        upper = raw[at + 1][3]
        value = _loaded(name, at, source, immediate, upper, handle_of, values_of)
        slots += [(opcode, destination, 0, offset, value), SECOND]
    code = Code(name, slots, lines, instructions, functions, path_of, marks)
    _check(code)
    return code


def _loaded(name: str, at: int, source: int, immediate: int, upper: int, handle_of: Resolve, values_of: Resolve) -> int:
    """What a load of 64 bits loads."""
    if source == 0:
        return (upper << 32 | immediate & 0xFFFF_FFFF) & 0xFFFF_FFFF_FFFF_FFFF
    if source == BPF_PSEUDO_MAP_FD:
        return handle_of(immediate)
    if source == BPF_PSEUDO_MAP_VALUE:
        return values_of(immediate) + upper
    if source == BPF_PSEUDO_FUNC:
        return FUNCTIONS + at + 1 + immediate
    raise ObjectError(f"{name}: instruction {at} loads something that only the kernel has (BPF_PSEUDO_* {source})")


def _check(code: Code) -> None:
    """Refuse what no engine could run."""
    slots = code.slots
    second = {at + 1 for at, each in enumerate(slots) if each[0] == isa.LD_IMM64}
    for at, each in enumerate(slots):
        problem = "" if at in second else _problem(at, each, len(slots), second)
        if problem:
            line = code.line_of(at)
            where = f" ({line.file}:{line.line})" if line else ""
            raise ObjectError(f"{code.name}: instruction {at}{where} {problem}")
    last = slots[-1][0]
    if last not in (EXIT, isa.JMP | isa.JA, isa.JMP32 | isa.JA):
        raise ObjectError(f"{code.name}: the last instruction is no exit and no jump: control would leave the code")


def _problem(at: int, of: Slot, count: int, second: Container[int]) -> str:
    opcode, destination, source, offset, immediate = of
    if opcode not in KNOWN:
        return f"has the opcode {opcode:#04x}, which BPF does not have"
    if opcode in JUMPS or (opcode == CALL and source == BPF_PSEUDO_CALL):
        to = target_of(at, of)
        if not 0 <= to < count or to in second:
            return f"goes to slot {to}, where there is no instruction"
    if opcode == CALL and source == BPF_PSEUDO_KFUNC_CALL:
        return "calls a function of the kernel's own (a kfunc), which the user-space runtime does not have"
    if opcode == CALL and source not in (0, BPF_PSEUDO_CALL):
        return f"calls something of an unknown kind ({source})"
    uses_source = opcode & 7 in (isa.LDX, isa.STX) or (opcode & 7 >= isa.ALU and opcode & isa.X and opcode != CALLX)
    if destination >= REGISTERS or (uses_source and source >= REGISTERS):
        return f"names register r{max(destination, source)}; there are r0 to r10"
    if destination == FRAME and (opcode in ALU or opcode in LOADS or opcode == isa.LD_IMM64):
        return "writes r10, the frame's address, which may only be read"
    used = _used(opcode)
    for field, value in zip(_FIELDS, of[1:], strict=True):
        if value and field not in used:
            return f"has {value} as its {field}, which means nothing there and has to be 0"
    if opcode in ATOMICS:
        return _atomic_problem(opcode, immediate)
    if opcode in ALU:
        return _alu_problem(opcode, offset, immediate)
    return ""


def _used(opcode: int) -> tuple[str, ...]:
    """Which fields of an instruction mean something (RFC 9669; the verifier refuses others that are not 0)."""
    of, operation = opcode & 7, opcode & 0xF0
    if opcode in (EXIT, CALL, CALLX):
        return {EXIT: (), CALL: ("source register", "immediate"), CALLX: ("destination register",)}[opcode]
    if opcode in _GOTOS:
        return ("immediate",) if of == isa.JMP32 else ("offset",)
    if of in (isa.LDX, isa.STX):
        return _FIELDS if opcode in ATOMICS else _FIELDS[:3]
    if of == isa.ST:
        return ("destination register", "offset", "immediate")
    if of == isa.LD:
        packet = ("immediate", "source register") if opcode & 0xE0 == isa.IND else ("immediate",)
        return packet if opcode in PACKET_LOADS else ("destination register", "immediate")
    if operation == isa.END and opcode in ALU:
        return ("destination register", "immediate")
    if operation == isa.NEG and opcode in ALU:
        return ("destination register",)
    return _FIELDS[:3] if opcode & isa.X else ("destination register", "offset", "immediate")


def _atomic_problem(opcode: int, immediate: int) -> str:
    ordered = immediate in _ORDERED
    if not ordered and (immediate not in _ATOMIC or opcode & 0x18 not in (isa.W, isa.DW)):
        return f"is an atomic operation that BPF does not have ({immediate:#x})"
    return ""


def _alu_problem(opcode: int, offset: int, immediate: int) -> str:
    operation = opcode & 0xF0
    if operation == isa.END:
        return "" if immediate in (16, 32, 64) else f"swaps {immediate} bits, expected 16, 32 or 64"
    widths = {isa.MOV: (0, 8, 16, 32), isa.DIV: (0, 1), isa.MOD: (0, 1)}
    if offset not in widths.get(operation, (0,)):
        return f"has the offset {offset}, which its operation does not take"
    return ""


def name_of_helper(number: int) -> str:
    """A helper as the kernel names it."""
    prefix = "BPF_FUNC_"
    found = next((name for name, each in vars(helper_ids).items() if each == number and name.startswith(prefix)), "")
    return f"bpf_{found.removeprefix(prefix)}" if found else f"helper {number}"
