"""Following a program on all its ways: one state after the other, until nothing new is found.

A way is followed exactly, as the verifier does, as long as few states come to one place. Beyond that, the states of a
place are mixed into one that covers them all, and bounds that move are given up: so every program comes to an end. What
is found in a mixture is said as a warning, since it may be that no way leads there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi import BPF_PSEUDO_KFUNC_CALL
from osmia.abi import instruction as isa
from osmia.checking import values as v
from osmia.checking.arithmetic import alu
from osmia.checking.branches import follow
from osmia.checking.code import (
    CALL,
    EXIT,
    INDIRECT_JUMP,
    JUMP,
    LONG_JUMP,
    MAY_GOTO,
    is_conditional,
    is_function_call,
    liveness,
    meetings,
    reached,
)
from osmia.checking.exits import check_callback_exit, check_exit
from osmia.checking.functions import after_global, callback_frames, is_global
from osmia.checking.helpers import call_helper
from osmia.checking.loops import Loops, check_round, check_rounds
from osmia.checking.memory import atomic, load, store
from osmia.checking.ranges import full, number, sign_extended
from osmia.checking.rows import row_of
from osmia.checking.run import Stop
from osmia.checking.states import Call, State, Visit, covered, drop_dead, entered, mixture
from osmia.checking.structure import reserved_fields
from osmia.checking.values import ANY_VALUE, UNSET_VALUE, Value

if TYPE_CHECKING:
    from osmia.abi.instruction import Instruction
    from osmia.checking.run import Run

MOST_FRAMES = 8
MOST_STATES = 16
"""Of one place, before they are mixed."""
MANY_STEPS, MOST_STEPS = 6_000, 15_000
"""After so many instructions states are mixed at once; and then nothing is followed any more."""
MOST_WAITING = 8192
"""Ways that are not followed yet: the verifier takes no more than that."""
_SIZES = {isa.B: 1, isa.H: 2, isa.W: 4, isa.DW: 8}

Place = tuple[int, tuple[Call, ...]]


class Explorer:
    """The states that are still to be followed, and those that have been seen where ways meet."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.code = run.code
        self.steps = 0
        self.complete = True
        """Whether everything was followed to its end."""
        self.meetings = meetings(run.code)
        self.malformed = {slot for slot, of in enumerate(run.code.slots) if of is not None and reserved_fields(of)}
        self.loops = Loops(run.code)
        self.live: dict[int, int] = {}
        for function in run.code.functions:
            self.live.update(liveness(run.code, reached(run.code, function)))
        self.visits: dict[Place, list[Visit]] = {}
        self.waiting: list[State] = []
        self.operands: dict[int, list[tuple[Value, Value]]] = {}
        """By conditional jump: what was compared there, of the last times."""

    def follow(self, state: State) -> None:
        """Follow a state and all that comes of it."""
        self.waiting.append(state)
        while self.waiting and self.steps < MOST_STEPS:
            self._follow_one(self.waiting.pop())
        self.complete = self.complete and self.steps < MOST_STEPS

    def _follow_one(self, state: State) -> None:
        """Follow a state to where its way ends, or to where it has nothing new to tell."""
        try:
            while True:
                if state.at in self.meetings and not self._is_new(state):
                    return
                self.steps += 1
                self.run.doubtful = state.doubtful
                if not self._step(state) or self.steps >= MOST_STEPS:
                    return
        except Stop:
            return

    # Where ways meet

    def _is_new(self, state: State) -> bool:
        """Whether a state tells something new where it is; it is noted, and mixed with others where there are many."""
        drop_dead(state, self.live.get(state.at, -1))
        place = (state.at, tuple(frame.call for frame in state.frames))
        visits = self.visits.setdefault(place, [])
        for visit in reversed(visits):
            if covered(visit.state, state):
                check_round(self.run, state, visit)
                return False
        most = MOST_STATES if self.steps < MANY_STEPS else 2
        whole = True
        if len(visits) >= most:
            if len(visits) == most:
                check_rounds(self.run, state, self.loops, self.operands)
            mixed = mixture(visits[-1].state, state, widen=len(visits) > most)
            state.frames, state.held, state.lock, state.sure = mixed.frames, mixed.held, mixed.lock, mixed.sure
            whole = False
        visit = Visit(state.copy(), state.visit, whole=whole and (state.visit is None or state.visit.whole))
        if len(visits) > most:
            visits[-1] = visit
        else:
            visits.append(visit)
        state.visit = visit
        return True

    # One instruction

    def _step(self, state: State) -> bool:
        """Do one instruction. False where the way ends, or goes on in other states."""
        of = self.code.instruction(state.at)
        if state.at in self.malformed:
            self.run.fault("opcode", state.at, what="an instruction with a field that it does not have")
        kind = of.opcode & 7
        if kind in (isa.ALU, isa.ALU64):
            alu(self.run, state, of)
        elif kind == isa.LDX:
            self._load(state, of)
        elif kind in (isa.ST, isa.STX):
            self._store(state, of)
        elif kind == isa.LD:
            self._load_immediate(state, of)
        else:
            return self._jump(state, of)
        state.at += of.slots
        return True

    def _load(self, state: State, of: Instruction) -> None:
        base, size = state.registers[of.source], _SIZES[of.opcode & 0x18]
        found = load(self.run, state, base, of.offset, size)
        if of.opcode & 0xE0 == isa.MEMSX:
            known = found.range if found.kind == v.NUMBER else full(size * 8)
            found = Value(v.NUMBER, sign_extended(known, size * 8), sure=found.sure)
        self._write(state, of.destination, found)

    def _write(self, state: State, register: int, value: Value) -> None:
        if register == 10:
            self.run.fault("fp-ro", state.at)
        else:
            state.registers[register] = value

    def _store(self, state: State, of: Instruction) -> None:
        base, size = state.registers[of.destination], _SIZES[of.opcode & 0x18]
        if of.opcode & 7 == isa.ST:
            store(self.run, state, base, of.offset, size, Value(v.NUMBER, number(of.immediate)))
            return
        stored = state.registers[of.source]
        if of.opcode & 0xE0 != isa.ATOMIC:
            store(self.run, state, base, of.offset, size, self._set(state, stored))
            return
        if of.immediate == isa.LOAD_ACQUIRE:
            self._write(state, of.destination, load(self.run, state, stored, of.offset, size))
            return
        self._set(state, stored)
        if of.immediate == isa.STORE_RELEASE:
            store(self.run, state, base, of.offset, size, stored)
            return
        found = atomic(self.run, state, base, of.offset, size, state.at)
        if of.immediate == isa.CMPXCHG:
            self._set(state, state.registers[0])
            state.registers[0] = found
        elif of.immediate & isa.FETCH:
            self._write(state, of.source, found)

    def _set(self, state: State, value: Value) -> Value:
        if value.kind == v.UNSET:
            self.run.fault("uninit-reg", state.at, sure=value.sure)
            return ANY_VALUE
        return value

    def _load_immediate(self, state: State, of: Instruction) -> None:
        if of.opcode != isa.LD_IMM64:
            self._load_packet(state)
            return
        relocation = self.code.relocations.get(state.at)
        if relocation is None:
            found = Value(v.NUMBER, number(of.immediate)) if of.source == 0 else ANY_VALUE
        elif relocation.kind == "map":
            found = Value(v.MAP, what=relocation.target)
        elif relocation.kind == "data":
            of_map = self.run.map(relocation.target)
            data = of_map.data and of_map.value_size
            found = Value(v.MAP_VALUE, offset=relocation.addend, what=relocation.target) if data else ANY_VALUE
        else:
            found = Value(v.FUNCTION, what=relocation.target)
        self._write(state, of.destination, found)

    def _load_packet(self, state: State) -> None:
        """An old load from the packet: it takes the context in r6, and ends the program where nothing is there."""
        if self.run.kind.context_struct != "__sk_buff" or self.run.kind.name == "sk_skb":
            self.run.fault("ld-abs", state.at)
        if state.registers[6].kind not in (v.CONTEXT, v.ANYTHING):
            self.run.fault("ld-abs", state.at, what="an old load from the packet without the context in r6")
        state.registers[:6] = [Value(v.NUMBER, full(32)), *[UNSET_VALUE] * 5]

    # Jumps, calls, exits

    def _jump(self, state: State, of: Instruction) -> bool:
        if of.opcode == EXIT:
            return self._exit(state)
        if of.opcode in (JUMP, LONG_JUMP):
            to = self.code.target(state.at)
            state.jump = (state.at, to)
            state.at = to
            return True
        if of.opcode == CALL:
            return self._call(state, of)
        if of.opcode == MAY_GOTO:
            # The kernel ends such a loop by itself.
            state.visit = None
            other = state.copy()
            other.at = self.code.target(state.at)
            self.waiting.append(other)
            state.at += 1
            return True
        if of.opcode == INDIRECT_JUMP or not is_conditional(of.opcode):
            return False
        return self._branch(state, of)

    def _branch(self, state: State, of: Instruction) -> bool:
        compared = self.operands.setdefault(state.at, [])
        right = state.registers[of.source] if of.opcode & isa.X else v.NULL
        compared.append((state.registers[of.destination], right))
        if len(compared) > MOST_STATES:
            del compared[0]
        slot = state.at
        left = state.registers[of.destination]
        taken = state.copy()
        goes_on = follow(self.run, state, of, holds=False)
        if follow(self.run, taken, of, holds=True):
            if goes_on and not (left.sure and right.sure) and not self.loops.leaves(slot):
                state.doubtful = taken.doubtful = True
            taken.at = self.code.target(slot)
            taken.jump = (slot, taken.at)
            self.waiting.append(taken)
            if len(self.waiting) > MOST_WAITING:
                self.waiting.clear()
                self.complete = False
                self.run.fault("too-complex", slot)
        state.at = slot + 1
        return goes_on

    def _call(self, state: State, of: Instruction) -> bool:
        slot = state.at
        if is_function_call(of):
            return self._call_function(state)
        if of.source == BPF_PSEUDO_KFUNC_CALL:
            self.run.fault("kfunc", slot, what="a function of the kernel, called by a number of another kernel's")
        row = row_of(of.immediate)
        if row is None:
            self.run.fault(
                "helper-unknown",
                slot,
                what=f"there is no helper of the number {of.immediate}",
                groups={"helper": "", "since": ""},
            )
            return False
        callback = state.registers[3 if row.name == "find_vma" else 2]
        before = state.copy() if callback.kind == v.FUNCTION else None
        call_helper(self.run, state, row)
        state.at = slot + 1
        if before is not None:
            self._call_back(before, state, row.name, str(callback.what))
        return True

    def _call_function(self, state: State) -> bool:
        slot = state.at
        callee = self.code.callee(slot)
        if callee is None:
            self.run.fault("jump-oob", slot, what="a call of a function that the object does not have")
            return False
        if state.lock is not None:
            self.run.fault("lock-call", slot, origin=state.lock)
        function = self.code.functions[callee]
        if is_global(self.run, function):
            after_global(self.run, state, function)
            state.at += 1
            return True
        if len(state.frames) >= MOST_FRAMES:
            return False  # said where depth is checked
        arguments = state.registers[1:6]
        state.registers[:6] = [UNSET_VALUE] * 6
        state.frames.append(entered(Call(callee, slot + 1), arguments, len(state.frames)))
        state.at = function.start
        return True

    def _call_back(self, before: State, after: State, helper: str, name: str) -> None:
        """A helper calls a function of the program: not at all, or again and again."""
        if len(before.frames) >= MOST_FRAMES or name not in self.code.numbers:
            return
        callee = self.code.numbers[name]
        inside = after.copy()
        arguments = callback_frames(self.run, before, helper)
        inside.frames.append(entered(Call(callee, after.at, callback=True), arguments, len(after.frames)))
        inside.at = self.code.functions[callee].start
        inside.visit = None
        self.meetings.add(inside.at)
        self.waiting.append(inside)

    def _exit(self, state: State) -> bool:
        frame = state.frames[-1]
        if len(state.frames) == 1:
            check_exit(self.run, state)
            return False
        result = state.registers[0]
        if frame.call.callback:
            check_callback_exit(self.run, state)
            self._again(state)
            result = v.UNKNOWN_NUMBER
        elif result.kind == v.UNSET:
            # Whoever reads it is told so: a function may give nothing back.
            result = UNSET_VALUE
        state.frames.pop()
        gone = len(state.frames)
        state.change(
            lambda value: (
                Value(v.STALE, what=frame.call.returns_to - 1)
                if value.kind == v.STACK and isinstance(value.what, int) and value.what >= gone
                else None
            )
        )
        if result.kind == v.STACK and isinstance(result.what, int) and result.what >= gone:
            result = ANY_VALUE
        state.registers[0] = result
        state.at = frame.call.returns_to
        if frame.call.callback:
            state.visit = None
        self.meetings.add(state.at)
        return True

    def _again(self, state: State) -> None:
        """The helper calls the function once more, with what it has left behind."""
        frame = state.frames[-1]
        again = state.copy()
        first = self.visits.get((self.code.functions[frame.call.function].start, self._calls(state)))
        if not first:
            return
        given = first[0].state.registers[1:6]
        again.frames[-1] = entered(frame.call, given, len(state.frames) - 1)
        again.at = self.code.functions[frame.call.function].start
        again.visit = None
        self.waiting.append(again)

    @staticmethod
    def _calls(state: State) -> tuple[Call, ...]:
        return tuple(frame.call for frame in state.frames)
