"""Arithmetic: of numbers, and of an address and a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi import instruction as isa
from osmia.checking import values as v
from osmia.checking.memory import FURTHEST
from osmia.checking.ranges import (
    S64_MIN,
    UNKNOWN,
    ZERO,
    computed,
    full,
    low_32,
    number,
    settled,
    sign_extended,
    truncated,
)
from osmia.checking.values import ANY_VALUE, Value

if TYPE_CHECKING:
    from osmia.abi.instruction import Instruction
    from osmia.checking.ranges import Range
    from osmia.checking.run import Run
    from osmia.checking.states import State

# The first kernel that knows bounds of quotients and remainders.
DIVIDES_SINCE = (7, 0)
# The first kernel that knows a number and a constant more than it to belong together.
LINKED_SINCE = (6, 10)
_LARGEST_LINK = 1 << 30
_BITWISE = {isa.AND: "&=", isa.OR: "|=", isa.XOR: "^="}
_OTHERS = {isa.MUL: "*=", isa.DIV: "/=", isa.MOD: "%=", isa.LSH: "<<=", isa.RSH: ">>=", isa.ARSH: "s>>="}
_FIXED = (v.MAP, v.OBJECT, v.FUNCTION)
_FIXED_NAMES = {v.MAP: "map_ptr", v.OBJECT: "an object of the kernel", v.FUNCTION: "func"}


def alu(run: Run, state: State, of: Instruction) -> None:
    """Do an instruction of the classes ALU and ALU64."""
    registers, slot = state.registers, state.at
    width = 64 if of.opcode & 7 == isa.ALU64 else 32
    operation, by_register = of.opcode & 0xF0, bool(of.opcode & isa.X)
    if of.destination == 10:
        run.fault("fp-ro", slot)
    if operation == isa.MOV:
        registers[of.destination] = _moved(run, state, of, width) if by_register else _immediate(of, width)
        return
    left = registers[of.destination]
    if operation == isa.END:
        registers[of.destination] = _swapped(run, slot, of, left, width)
        return
    if operation == isa.NEG:
        of_zero = Value(v.NUMBER, ZERO)
        registers[of.destination] = _numbers(run, isa.SUB, width, of_zero, _number(run, slot, left))
        return
    right = _set(run, slot, registers[of.source]) if by_register else _immediate(of, width)
    _check_constant(run, slot, operation, width, right, by_register=by_register)
    registers[of.destination] = _result(run, slot, of, width, _set(run, slot, left), right)


def _immediate(of: Instruction, width: int) -> Value:
    return Value(v.NUMBER, number(of.immediate if width == 64 else of.immediate & 0xFFFFFFFF))


def _set(run: Run, slot: int, value: Value) -> Value:
    """The value, which must have been set."""
    if value.kind == v.UNSET:
        run.fault("uninit-reg", slot, sure=value.sure)
        return ANY_VALUE
    return value


def _number(run: Run, slot: int, value: Value) -> Value:
    """The value as a number: of a pointer, an unknown one."""
    found = _set(run, slot, value)
    return found if found.kind == v.NUMBER else Value(v.NUMBER, UNKNOWN, sure=found.sure)


def _moved(run: Run, state: State, of: Instruction, width: int) -> Value:
    if width == 64 and of.offset == 1:  # addr_space_cast
        return ANY_VALUE
    source = _set(run, state.at, state.registers[of.source])
    if source.kind == v.ANYTHING:
        return source if width == 64 and not of.offset else Value(v.NUMBER, full(width), sure=source.sure)
    if source.kind == v.NUMBER:
        return _moved_number(state, of, width, source)
    if width == 64 and not of.offset:
        return source
    return Value(v.NUMBER, full(width), sure=source.sure)


def _moved_number(state: State, of: Instruction, width: int, source: Value) -> Value:
    if of.offset:
        found = sign_extended(source.range, of.offset)
        return Value(v.NUMBER, low_32(found) if width == 32 else found, sure=source.sure)
    if source.range.constant:
        return source if width == 64 else Value(v.NUMBER, low_32(source.range), sure=source.sure)
    if width == 32 and source.range.umax >> 32:
        return Value(v.NUMBER, low_32(source.range), sure=source.sure)
    if source.identity is None:
        source = source._replace(identity=state.new_identity(state.at), offset=0)
        state.registers[of.source] = source
    return source


def _swapped(run: Run, slot: int, of: Instruction, left: Value, width: int) -> Value:
    value = _number(run, slot, left)
    bits = of.immediate
    if bits not in (16, 32, 64):
        return Value(v.NUMBER, UNKNOWN)
    little_on_little = width == 32 and not of.opcode & isa.X
    if little_on_little:
        return Value(v.NUMBER, truncated(value.range, bits), sure=value.sure)
    if value.range.constant:
        swapped = int.from_bytes((value.range.umin & (1 << bits) - 1).to_bytes(bits // 8, "little"), "big")
        return Value(v.NUMBER, number(swapped), sure=value.sure)
    return Value(v.NUMBER, full(bits), sure=value.sure)


def _check_constant(run: Run, slot: int, operation: int, width: int, right: Value, *, by_register: bool) -> None:
    """What the verifier refuses of an immediate alone: of a register it takes it."""
    if by_register:
        return
    if operation in (isa.DIV, isa.MOD) and right.range == ZERO:
        run.fault("div0", slot)
    if operation in (isa.LSH, isa.RSH, isa.ARSH) and right.range.umin >= width:
        run.fault("shift", slot, groups={"bits": right.range.smin})


def _result(run: Run, slot: int, of: Instruction, width: int, left: Value, right: Value) -> Value:
    operation = of.opcode & 0xF0
    if left.kind in (v.ANYTHING, v.STALE) or right.kind in (v.ANYTHING, v.STALE):
        if v.STALE in (left.kind, right.kind) and operation in (isa.ADD, isa.SUB) and width == 64:
            return left if left.kind == v.STALE else right
        return ANY_VALUE if width == 64 else Value(v.NUMBER, full(32))
    if left.kind == v.NUMBER and right.kind == v.NUMBER:
        if of.destination == of.source and of.opcode & isa.X and operation in (isa.SUB, isa.XOR):
            return Value(v.NUMBER, ZERO)
        if of.offset == 1 and operation in (isa.DIV, isa.MOD):
            return Value(v.NUMBER, full(width), sure=left.sure and right.sure)
        return _numbers(run, operation, width, left, right)
    if v.NUMBER not in (left.kind, right.kind):
        return _of_two_pointers(run, slot, operation, left, right)
    return _pointer(run, slot, of, width, left, right)


def _numbers(run: Run, operation: int, width: int, left: Value, right: Value) -> Value:
    found = computed(operation, width, left.range, right.range, divides=run.kernel >= DIVIDES_SINCE)
    sure = left.sure and right.sure
    linked = (
        operation == isa.ADD
        and width == 64
        and left.identity is not None
        and right.range.constant
        and abs(left.offset + right.range.smin) < _LARGEST_LINK
        and run.kernel >= LINKED_SINCE
    )
    if linked:
        return Value(v.NUMBER, found, left.offset + right.range.smin, left.identity, sure=sure)
    return Value(v.NUMBER, found, sure=sure)


def _of_two_pointers(run: Run, slot: int, operation: int, left: Value, right: Value) -> Value:
    """The distance of two addresses is a number, and nothing else is taken of two."""
    if operation == isa.SUB:
        return Value(v.NUMBER, UNKNOWN, sure=left.sure and right.sure)
    run.fault(
        "ptr-op",
        slot,
        sure=left.sure and right.sure,
        what=f"arithmetic on two addresses ({left.kind} and {right.kind}): only their difference can be taken",
        groups={"operator": ""},
    )
    return ANY_VALUE


def _pointer(run: Run, slot: int, of: Instruction, width: int, left: Value, right: Value) -> Value:
    """An address and a number."""
    operation = of.opcode & 0xF0
    pointer, by = (left, right) if left.kind != v.NUMBER else (right, left)
    sure = pointer.sure and by.sure
    if width == 32 and operation == isa.SUB:
        return Value(v.NUMBER, full(32), sure=sure)
    if width == 32:
        run.fault("ptr-32", slot, sure=sure)
        return Value(v.NUMBER, full(32), sure=False)
    if pointer.nullable:
        run.fault("null-arith", slot, sure=sure, origin=pointer.identity[0] if pointer.identity else None)
        return ANY_VALUE
    if operation not in (isa.ADD, isa.SUB) or (operation == isa.SUB and pointer is right):
        run.fault(
            "ptr-op", slot, sure=sure, groups={"operator": _BITWISE.get(operation) or _OTHERS.get(operation, "-=")}
        )
        return ANY_VALUE
    if pointer.kind == v.PACKET_END:
        run.fault("pkt-end", slot, sure=sure)
        return ANY_VALUE
    if pointer.kind in _FIXED and by.range != ZERO:
        if pointer.kind == v.OBJECT:  # of those that the kernel's BTF describes, members are reached so
            return ANY_VALUE
        run.fault("ptr-arith", slot, sure=sure, groups={"found": _FIXED_NAMES[pointer.kind]})
        return ANY_VALUE
    return _moved_pointer(run, slot, operation, pointer, by, sure=sure)


def _moved_pointer(run: Run, slot: int, operation: int, pointer: Value, by: Value, *, sure: bool) -> Value:
    if operation == isa.SUB and pointer.kind == v.STACK:
        run.fault("ptr-sub-stack", slot, sure=sure)
        return ANY_VALUE
    distance = by.range if operation == isa.ADD else computed(isa.SUB, 64, ZERO, by.range)
    if by.range.constant:
        if abs(distance.smin) >= FURTHEST or abs(pointer.offset + distance.smin) >= FURTHEST:
            run.fault("value-makes-oob", slot, sure=sure)
            return ANY_VALUE
        return pointer._replace(offset=pointer.offset + distance.smin, sure=sure)
    if by.range.smin == S64_MIN:
        run.fault("math-unbounded", slot, sure=sure)
        return ANY_VALUE
    if abs(by.range.smin) >= FURTHEST:
        run.fault("value-makes-oob", slot, sure=sure)
        return ANY_VALUE
    moved = _sum(pointer.range, distance)
    if abs(moved.smin) >= FURTHEST:
        run.fault("value-makes-oob" if moved.smin != S64_MIN else "math-unbounded", slot, sure=sure)
        return ANY_VALUE
    identity = pointer.identity
    size = pointer.size
    if pointer.kind in (v.PACKET, v.PACKET_META):
        # A test of this place says nothing of the other ones: it is another number every time.
        identity, size = (slot, by.identity[0] if by.identity else -1), 0
    return pointer._replace(range=moved, identity=identity, size=size, sure=sure)


def _sum(left: Range, right: Range) -> Range:
    return settled(computed(isa.ADD, 64, left, right)) or UNKNOWN
