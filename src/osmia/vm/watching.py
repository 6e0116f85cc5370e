"""Whether a program only watches: a proof over its code that it lets every packet through and changes none.

Such a program does the same to copies of the packets, so the user-space runtime may stand in for the kernel. The proof
is on the safe side: what it cannot tell is taken to do more than watch.
"""

from __future__ import annotations

import struct

from osmia.abi import BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE
from osmia.abi import instruction as isa
from osmia.abi.generated import helper_ids as ids
from osmia.vm.arithmetic import compare
from osmia.vm.code import (
    ALU,
    ATOMICS,
    CALL,
    EXIT,
    FRAME,
    JUMPS,
    LOADS,
    MAY_GOTO,
    SIZE_OF,
    STORES,
    name_of_helper,
    target_of,
)
from osmia.vm.provenance import (
    ANYTHING,
    MEMORY,
    MEMORY_OR_NULL,
    NUMBER,
    PACKET,
    State,
    either,
    number,
    numbers_of,
    result,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from osmia.vm.code import Slot
    from osmia.vm.maps import VmMap
    from osmia.vm.program import VmProgram
    from osmia.vm.provenance import Value

# What lets a packet through, 32 bits of it: of each kind that watches packets of an interface.
PASSES = {"xdp": (2,), "sched_cls": (0, 0xFFFF_FFFF)}

# Helpers that change nothing but maps, and give a number.
_NUMBERS = {
    *(ids.BPF_FUNC_ktime_get_ns, ids.BPF_FUNC_ktime_get_boot_ns, ids.BPF_FUNC_ktime_get_coarse_ns),
    *(ids.BPF_FUNC_ktime_get_tai_ns, ids.BPF_FUNC_jiffies64, ids.BPF_FUNC_get_prandom_u32),
    *(ids.BPF_FUNC_get_smp_processor_id, ids.BPF_FUNC_get_numa_node_id, ids.BPF_FUNC_csum_diff),
    *(ids.BPF_FUNC_map_update_elem, ids.BPF_FUNC_map_delete_elem, ids.BPF_FUNC_map_push_elem),
    *(ids.BPF_FUNC_ringbuf_output, ids.BPF_FUNC_ringbuf_submit, ids.BPF_FUNC_ringbuf_discard),
    *(ids.BPF_FUNC_ringbuf_query, ids.BPF_FUNC_perf_event_output, ids.BPF_FUNC_strncmp),
    *(ids.BPF_FUNC_xdp_get_buff_len, ids.BPF_FUNC_spin_lock, ids.BPF_FUNC_spin_unlock),
}
# Those that write to memory besides: which argument says where.
_WRITE = {
    ids.BPF_FUNC_skb_load_bytes: 3,
    ids.BPF_FUNC_xdp_load_bytes: 3,
    ids.BPF_FUNC_map_pop_elem: 2,
    ids.BPF_FUNC_map_peek_elem: 2,
    ids.BPF_FUNC_snprintf: 1,
}
# Those that give memory, or 0.
_MEMORY = {ids.BPF_FUNC_map_lookup_elem, ids.BPF_FUNC_map_lookup_percpu_elem, ids.BPF_FUNC_ringbuf_reserve}
# Those that call a function of the program's: which argument is the function, which it is given, and what it is given.
_CALLING = {
    ids.BPF_FUNC_loop: (2, 3, (NUMBER,)),
    ids.BPF_FUNC_for_each_map_elem: (2, 3, (ANYTHING, MEMORY, MEMORY)),
}
_ARRAYS = ("ARRAY", "PERCPU_ARRAY")
_FORM = struct.Struct("<BBhi")
_ARGUMENTS = range(1, 6)
_FETCHES = isa.FETCH
_DEEPEST = 8
_ADDS = {isa.ADD: 1, isa.SUB: -1}


class _DoesMore(Exception):  # noqa: N818 - it is an answer
    """What a program may do beyond watching, and at which instruction."""

    def __init__(self, where: str, what: str) -> None:
        self.text = f"{where}: {what}"


def beyond_watching(program: VmProgram) -> str:
    """What a program may do beyond watching an interface's packets, with the place; empty for one that only watches."""
    passes = PASSES.get(program.kind.name)
    if passes is None:
        return f"programs of kind {program.kind.name} are not given the packets of an interface"
    proof = _Proof(program)
    try:
        proof.function(0, (("context", 0),), depth=0)
    except _DoesMore as found:
        return found.text
    return ""


class _Proof:
    """The proof for one program: its functions are followed where they are called, with what they are given."""

    def __init__(self, program: VmProgram) -> None:
        self.program = program
        self.code = program.code
        self.passes = PASSES[program.kind.name]
        self.maps: Mapping[int, VmMap] = program.machine.maps
        access = program.kind.packet
        assert access is not None, "kinds with packets say how they are reached"
        self.bounds = {access.data, access.data_end} | ({access.data_meta} if access.data_meta is not None else set())
        self.width = access.bits // 8
        self.raw = [*_FORM.iter_unpack(self.code.instructions)]
        self.known: dict[tuple[int, tuple[Value, ...]], Value] = {}

    def function(self, start: int, arguments: tuple[Value, ...], depth: int) -> Value:
        """What a function returns. _DoesMore where it may do more than watch."""
        found = self.known.get((start, arguments)) if depth else None
        if found is not None:
            return found
        if depth == _DEEPEST:
            raise self.more(start, "its functions call each other too deep to be followed")
        registers = [ANYTHING, *arguments, *[ANYTHING] * (10 - len(arguments))]
        registers[FRAME] = ("stack", 0)
        before = {start: State(registers, {})}
        returned: Value | None = None
        waiting = [start]
        while waiting:
            slot = waiting.pop()
            state = before[slot].copy()
            of = self.code.slots[slot]
            if of[0] == EXIT:
                value = state.registers[0]
                if depth == 0:
                    self.check_result(slot, value)
                returned = value if returned is None else either(returned, value)
                continue
            for following, after in self.step(slot, of, state, depth):
                old = before.get(following)
                joined = after if old is None else old.joined(after)
                if old is None or not joined.same(old):
                    before[following] = joined
                    waiting.append(following)
        given = ANYTHING if returned is None or returned[0] in ("stack", "context") else returned
        self.known[start, arguments] = given
        return given

    def check_result(self, slot: int, value: Value) -> None:
        """Refuse what is not known to let the packet through."""
        found = numbers_of(value)
        if found is None:
            raise self.more(slot, "it may return something else than the number that lets a packet through")
        for each in sorted(found):
            if each & 0xFFFF_FFFF not in self.passes:
                raise self.more(slot, f"it may return {_action(self.program, each & 0xFFFF_FFFF)}")

    def step(self, slot: int, of: Slot, state: State, depth: int) -> Iterator[tuple[int, State]]:
        """Where control goes from an instruction, and what holds there."""
        opcode = of[0]
        if opcode in JUMPS:
            yield from self.jump(slot, of, state)
            return
        if opcode in ALU:
            self.arithmetic(of, state)
        elif opcode in LOADS:
            self.load(of, state)
        elif opcode in STORES:
            self.store(slot, of, state)
        elif opcode in ATOMICS:
            self.atomic(slot, of, state)
        elif opcode == isa.LD_IMM64:
            state.registers[of[1]] = self.loaded(slot, of)
            yield slot + 2, state
            return
        elif opcode == CALL and of[2] == BPF_PSEUDO_CALL:
            self.call_function(slot, of, state, depth)
        elif opcode == CALL:
            self.call_helper(slot, of[4], state, depth)
        else:
            raise self.more(slot, "it has an instruction that does more than watch")
        yield slot + 1, state

    def arithmetic(self, of: Slot, state: State) -> None:
        opcode, destination, source, offset, immediate = of
        operation, bits = opcode & 0xF0, 64 if opcode & 7 == isa.ALU64 else 32
        registers = state.registers
        right = registers[source] if opcode & isa.X else number(immediate)
        if operation == isa.END:
            registers[destination] = NUMBER if registers[destination][0] == "number" else ANYTHING
        elif operation == isa.MOV and bits == 64 and not offset:
            registers[destination] = right
        else:
            left = number(0) if operation == isa.MOV else registers[destination]
            right = number(0) if operation == isa.NEG else right
            adds = _ADDS.get(operation, 0)
            registers[destination] = result(operation, bits, left, right, offset, adds=adds)

    def load(self, of: Slot, state: State) -> None:
        opcode, destination, source, offset, _ = of
        kind, known = state.registers[source]
        size = SIZE_OF[opcode & 0x18]
        at = known + offset if isinstance(known, int) and kind in ("stack", "context") else None
        # So few bytes hold no address.
        found = NUMBER if size <= 2 or kind == "packet" else ANYTHING
        if kind == "stack" and opcode & 0xE0 == isa.MEM:
            found = state.load(at, size)
        elif kind == "context" and at is not None and size <= 4:
            found = PACKET if any(each < at + size and at < each + self.width for each in self.bounds) else NUMBER
        state.registers[destination] = found

    def store(self, slot: int, of: Slot, state: State) -> None:
        opcode, destination, source, offset, immediate = of
        value = number(immediate) if opcode & 7 == isa.ST else state.registers[source]
        size = SIZE_OF[opcode & 0x18]
        if self.check_written(slot, state.registers[destination]):
            known = state.registers[destination][1]
            state.store(known + offset if isinstance(known, int) else None, size, _cut(value, size))

    def atomic(self, slot: int, of: Slot, state: State) -> None:
        opcode, destination, source, offset, immediate = of
        if immediate == isa.LOAD_ACQUIRE:
            state.registers[destination] = ANYTHING
            return
        if self.check_written(slot, state.registers[destination]):
            known = state.registers[destination][1]
            at = known + offset if isinstance(known, int) else None
            state.store(at, SIZE_OF[opcode & 0x18], ANYTHING)
        if immediate == isa.CMPXCHG:
            state.registers[0] = ANYTHING
        elif immediate != isa.STORE_RELEASE and immediate & _FETCHES:
            state.registers[source] = ANYTHING

    def check_written(self, slot: int, to: Value) -> bool:
        """Refuse what a watcher must not write to; whether it is the stack."""
        if to[0] == "packet":
            raise self.more(slot, "it writes to the packet")
        if to[0] == "context":
            raise self.more(slot, "it writes to its context")
        if to[0] not in ("stack", "memory"):
            raise self.more(slot, "it writes to memory of which is not known that it is not the packet")
        return to[0] == "stack"

    def loaded(self, slot: int, of: Slot) -> Value:
        """What a load of 64 bits loads: of which sort, only the code as it was linked says."""
        source, immediate = self.raw[slot][1] >> 4, self.raw[slot][3]
        if source == 0:
            return number(of[4])
        if source == BPF_PSEUDO_MAP_FD:
            return ("map", immediate)
        if source == BPF_PSEUDO_FUNC:
            return ("function", slot + 1 + immediate)
        return MEMORY if source == BPF_PSEUDO_MAP_VALUE else ANYTHING

    def jump(self, slot: int, of: Slot, state: State) -> Iterator[tuple[int, State]]:
        opcode, destination, source, _, immediate = of
        to = target_of(slot, of)
        if opcode & 0xF0 == isa.JA and opcode & 7 in (isa.JMP, isa.JMP32):
            yield to, state
            return
        if opcode == MAY_GOTO:
            yield to, state.copy()
            yield slot + 1, state
            return
        left = state.registers[destination]
        right = state.registers[source] if opcode & isa.X else number(immediate)
        for taken, where in ((True, to), (False, slot + 1)):
            possible = _where(opcode, left, right, taken=taken)
            if possible is not None:
                after = state.copy()
                after.registers[destination] = possible
                yield where, after

    def call_function(self, slot: int, of: Slot, state: State, depth: int) -> None:
        given = tuple(self.passed(state.registers[each]) for each in _ARGUMENTS)
        returned = self.function(target_of(slot, of), given, depth + 1)
        self.after_call(state, returned, written=any(state.registers[each][0] == "stack" for each in _ARGUMENTS))

    def call_helper(self, slot: int, helper: int, state: State, depth: int) -> None:
        registers = state.registers
        if helper in _NUMBERS:
            self.after_call(state, NUMBER, written=False)
        elif helper in _MEMORY:
            found = MEMORY if helper == ids.BPF_FUNC_map_lookup_elem and self.always_there(state) else MEMORY_OR_NULL
            self.after_call(state, found, written=False)
        elif helper in _WRITE:
            written = self.check_written(slot, registers[_WRITE[helper]])
            self.after_call(state, NUMBER, written=written)
        elif helper in _CALLING:
            which, handed, first = _CALLING[helper]
            kind, function = registers[which]
            if kind != "function" or not isinstance(function, int):
                raise self.more(slot, f"it calls {name_of_helper(helper)} with a function that is not known")
            self.function(function, (*first, self.passed(registers[handed])), depth + 1)
            self.after_call(state, NUMBER, written=True)
        else:
            raise self.more(slot, f"it calls {name_of_helper(helper)}, which is not known to only watch")

    @staticmethod
    def passed(value: Value) -> Value:
        """What a function is given: the stack of who calls it is memory like any other."""
        return MEMORY if value[0] == "stack" else value

    @staticmethod
    def after_call(state: State, returned: Value, *, written: bool) -> None:
        state.forget(_ARGUMENTS)
        state.registers[0] = returned
        if written:
            state.stack.clear()

    def always_there(self, state: State) -> bool:
        """Whether a look-up finds something in any case: an index that its array has."""
        kind, found = state.registers[1]
        of = self.maps.get(found) if kind == "map" and isinstance(found, int) else None
        where, at = state.registers[2]
        if of is None or of.kind.kernel_name not in _ARRAYS or where != "stack":
            return False
        index = numbers_of(state.load(at, 4))
        return index is not None and all(each & 0xFFFF_FFFF < of.max_entries for each in index)

    def more(self, slot: int, what: str) -> _DoesMore:
        line = self.code.line_of(slot)
        if line is None:
            return _DoesMore(f"instruction {slot}", what)
        return _DoesMore(f"{self.code.path(line.file)}:{line.line}", what)


def _where(opcode: int, left: Value, right: Value, *, taken: bool) -> Value | None:
    """What the left side of a comparison may be where it goes on like this; None where it never does."""
    operation, bits = opcode & 0xF0, 64 if opcode & 7 == isa.JMP else 32
    second = numbers_of(right)
    if second is None:
        return left
    if left[0] == "memory" and second == {0} and bits == 64 and operation in (isa.JEQ, isa.JNE):
        is_null = (operation == isa.JEQ) == taken
        if is_null:
            return number(0) if left[1] else None
        return MEMORY
    first = numbers_of(left)
    if first is not None:
        possible = {a for a in first if any(compare(operation, bits, a, b) == taken for b in second)}
        return number(*possible) if possible else None
    if left[0] == "number" and len(second) == 1 and bits == 64 and (operation, taken) in _EQUAL:
        return right
    return left


def _cut(value: Value, size: int) -> Value:
    """The lowest bytes of a value, as they are stored and loaded again."""
    if size == 8:
        return value
    known = numbers_of(value)
    return ANYTHING if known is None else number(*(each & (1 << 8 * size) - 1 for each in known))


_EQUAL = {(isa.JEQ, True), (isa.JNE, False)}


def _action(program: VmProgram, value: int) -> str:
    """A return value by its name, where it has one."""
    signed = value - (1 << 32) if value >> 31 else value
    returns = program.kind.returns
    try:
        return f"{returns(signed).name} ({signed})"
    except (AttributeError, ValueError):
        return str(signed)
