"""Functions that are checked by themselves, and those that helpers call: what they are given, and what they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.btf import kinds as btf_kinds
from osmia.checking import values as v
from osmia.checking.memory import overwrite
from osmia.checking.ranges import ZERO, between, full
from osmia.checking.rows import row_of
from osmia.checking.states import STACK_SIZE
from osmia.checking.values import ANY_VALUE, UNKNOWN_NUMBER, UNSET_VALUE, Value
from osmia.errors import ObjectError

if TYPE_CHECKING:
    from osmia.checking.code import Function
    from osmia.checking.run import Run
    from osmia.checking.states import State

_CALL = 0x85


def is_global(run: Run, function: Function) -> bool:
    """Whether the verifier checks a function by itself, for whatever it may be given: so its BTF says."""
    return _prototype(run, function) is not None and _linkage(run, function) == btf_kinds.GLOBAL


def _linkage(run: Run, function: Function) -> int:
    assert run.btf is not None
    return run.btf.linkage(run.btf.type(function.spec.btf_type_id))


def _prototype(run: Run, function: Function) -> list[int] | None:
    """The types of a function's parameters, by their numbers; None where the object does not say."""
    number = function.spec.btf_type_id
    if run.btf is None or not number:
        return None
    try:
        of = run.btf.type(run.btf.type(number).size_or_type)
        return [each for _, each in run.btf.parameters(of)] if of.kind == btf_kinds.FUNC_PROTO else None
    except ObjectError:
        return None


def given_arguments(run: Run, function: Function) -> list[Value]:
    """What the verifier takes a global function to be given."""
    return [_given(run, number) for number in (_prototype(run, function) or [])[:5]]


def _given(run: Run, number: int) -> Value:
    assert run.btf is not None
    try:
        of = run.btf.resolve(number)
        if of.kind in (btf_kinds.INT, btf_kinds.ENUM, btf_kinds.ENUM64):
            return UNKNOWN_NUMBER if of.size_or_type == 8 else Value(v.NUMBER, full(64))
        if of.kind != btf_kinds.PTR:
            return ANY_VALUE
        to = run.btf.resolve(of.size_or_type)
        if to.name == run.kind.context_struct:
            return Value(v.CONTEXT)
        return Value(v.MEMORY, ZERO, 0, (-1 - number, 0), "argument", run.btf.size(of.size_or_type), nullable=True)
    except ObjectError:
        return ANY_VALUE


def after_global(run: Run, state: State, function: Function) -> None:
    """What is known behind the call of a global function, which is checked by itself."""
    slot, registers = state.at, state.registers
    for register in range(1, 1 + len((_prototype(run, function) or [])[:5])):
        given = registers[register]
        if given.kind == v.UNSET:
            run.fault("uninit-reg", slot, sure=given.sure)
        if given.kind == v.STACK and isinstance(given.what, int):
            low = max(given.offset + given.range.smin, -STACK_SIZE)
            if low < 0:
                frame = state.frames[given.what]
                written = frame.written
                overwrite(frame, low, -low)
                frame.written = written
    registers[:6] = [UNKNOWN_NUMBER, *[UNSET_VALUE] * 5]
    if changes_packet(run, function):
        kinds = (v.PACKET, v.PACKET_META, v.PACKET_END)
        state.change(lambda value: Value(v.STALE, what=slot) if value.kind in kinds else None)


def changes_packet(run: Run, function: Function) -> bool:
    """Whether a function, or one that it calls, calls a helper that may move the packet."""
    waiting, seen = [function], {function.start}
    while waiting:
        each = waiting.pop()
        for slot in range(each.start, each.end):
            found = run.code.slots[slot]
            if found is not None and found.opcode == _CALL and not found.source:
                row = row_of(found.immediate)
                if row is not None and row.changes_packet:
                    return True
        for _, number in run.code.calls(each):
            callee = run.code.functions[number]
            if callee.start not in seen:
                seen.add(callee.start)
                waiting.append(callee)
    return False


def callback_frames(run: Run, state: State, helper: str) -> list[Value]:
    """What a helper gives to the function that it calls."""
    registers = state.registers
    match helper:
        case "loop":
            most = registers[1].range.umax if registers[1].kind == v.NUMBER else 1 << 32
            return [Value(v.NUMBER, between(0, max(min(most, 1 << 23) - 1, 0))), registers[3]]
        case "for_each_map_elem":
            return [registers[1], ANY_VALUE, _element(run, registers[1]), registers[3]]
        case "user_ringbuf_drain":
            return [ANY_VALUE, registers[3]]
    return [ANY_VALUE] * 5


def _element(run: Run, of_map: Value) -> Value:
    known = of_map.kind == v.MAP and not str(of_map.what).endswith("[]")
    return Value(v.MAP_VALUE, what=of_map.what) if known and run.map(str(of_map.what)).value_size else ANY_VALUE
