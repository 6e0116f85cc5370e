"""Conditional jumps: which ways there are, and what each of them says of what was compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi import instruction as isa
from osmia.checking import values as v
from osmia.checking.ranges import EXCHANGED, UNKNOWN, computed, narrowed, number
from osmia.checking.values import NULL, Value

if TYPE_CHECKING:
    from osmia.abi.instruction import Instruction
    from osmia.checking.ranges import Range
    from osmia.checking.run import Run
    from osmia.checking.states import State

_PACKET_FURTHEST = 0xFFFF


def follow(run: Run, way: State, of: Instruction, *, holds: bool) -> bool:
    """Put what one way behind a conditional jump says into its state. False where nothing can come this way."""
    slot, registers = way.at, way.registers
    comparison, width = of.opcode & 0xF0, 64 if of.opcode & 7 == isa.JMP else 32
    left = _set(run, slot, registers[of.destination])
    right = (
        _set(run, slot, registers[of.source])
        if of.opcode & isa.X
        else Value(v.NUMBER, number(of.immediate if width == 64 else of.immediate & 0xFFFFFFFF))
    )
    return _follow(way, of, comparison, width, left, right, holds=holds)


def _set(run: Run, slot: int, value: Value) -> Value:
    if value.kind == v.UNSET:
        run.fault("uninit-reg", slot, sure=value.sure)
        return v.ANY_VALUE
    return value


def _follow(
    way: State, of: Instruction, comparison: int, width: int, left: Value, right: Value, *, holds: bool
) -> bool:
    """Put what a way says into its state. False where nothing can come this way."""
    if left.kind == v.NUMBER and right.kind == v.NUMBER:
        return _numbers(way, of, comparison, width, left, right, holds=holds)
    if width == 32:
        return True
    if comparison in (isa.JEQ, isa.JNE) and NULL in (_plain(left), _plain(right)):
        pointer = left if left.kind != v.NUMBER else right
        return _null(way, pointer, is_null=holds is (comparison == isa.JEQ))
    _packet(way, comparison, left, right, holds=holds)
    return True


def _plain(value: Value) -> Value:
    return NULL if value.kind == v.NUMBER and value.range == NULL.range else value


def _null(way: State, pointer: Value, *, is_null: bool) -> bool:
    """A test for NULL, which says the same of all copies."""
    if pointer.kind not in v.POINTERS:
        return True
    if not pointer.nullable:
        return not is_null
    identity = pointer.identity

    def told(value: Value) -> Value | None:
        if value.identity != identity or value.kind != pointer.kind or not value.nullable:
            return None
        return NULL if is_null else value._replace(nullable=False)

    if identity is not None:
        way.change(told)
        if is_null and pointer.reference is not None:
            way.give_back(pointer.reference)
    return True


def _packet(way: State, comparison: int, left: Value, right: Value, *, holds: bool) -> None:
    """A test of a place against the packet's end, which shows how many bytes are there."""
    if comparison not in EXCHANGED or comparison in (isa.JEQ, isa.JNE):
        return
    if not holds:
        comparison = {isa.JGT: isa.JLE, isa.JGE: isa.JLT, isa.JLT: isa.JGE, isa.JLE: isa.JGT}.get(comparison, 0)
    if _is_end(left, right):
        left, right, comparison = right, left, EXCHANGED.get(comparison, 0)
    if not _is_end(right, left) or comparison not in (isa.JLT, isa.JLE):
        return
    proven = left.offset + (1 if comparison == isa.JLT else 0)
    if left.offset < 0 or proven <= 0 or left.range.umax + left.offset > _PACKET_FURTHEST:
        return

    def told(value: Value) -> Value | None:
        if value.kind != left.kind or value.identity != left.identity or value.size >= proven:
            return None
        return value._replace(size=proven)

    way.change(told)


def _is_end(end: Value, place: Value) -> bool:
    """Whether a value is the end of what a place is in: of the metadata, that is where the packet begins."""
    if place.kind == v.PACKET:
        return end.kind == v.PACKET_END
    begins = end.kind == v.PACKET and end.identity is None and not end.offset
    return place.kind == v.PACKET_META and begins


def _numbers(
    way: State, of: Instruction, comparison: int, width: int, left: Value, right: Value, *, holds: bool
) -> bool:
    if comparison not in EXCHANGED and comparison != isa.JSET:
        return True
    if of.opcode & isa.X and of.destination == of.source:
        return holds is (comparison in (isa.JEQ, isa.JGE, isa.JLE, isa.JSGE, isa.JSLE)) or comparison == isa.JSET
    found = narrowed(comparison, width, left.range, right.range, holds=holds)
    if found is None:
        return False
    if found[0] != left.range and not _told(way, of.destination, left, found[0]):
        return False
    if of.opcode & isa.X and found[1] != right.range:
        return _told(way, of.source, right, found[1])
    return True


def _told(way: State, register: int, value: Value, found: Range) -> bool:
    """What is known of a number now, in its register and in its copies. False where that cannot be."""
    way.registers[register] = value._replace(range=found)
    identity, offset = value.identity, value.offset
    if identity is None:
        return True
    impossible = False

    def told(other: Value) -> Value | None:
        nonlocal impossible
        if other.identity != identity or other.kind != v.NUMBER:
            return None
        if other.offset == offset:
            return other._replace(range=found)
        moved = computed(isa.ADD, 64, found, number(other.offset - offset))
        met = narrowed(isa.JEQ, 64, other.range, moved, holds=True) if moved != UNKNOWN else None
        if moved != UNKNOWN and met is None:
            impossible = True
        return None if met is None else other._replace(range=met[0])

    way.change(told)
    return not impossible
