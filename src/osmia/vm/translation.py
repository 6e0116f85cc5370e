"""Code as Python source: one Python function for each of its functions, with the user's lines.

In what is written here `r0` to `r10` are the registers, unsigned; names that begin with `_` are the engine's.
"""

from __future__ import annotations

from osmia.abi import instruction as isa
from osmia.record import record
from osmia.vm.arithmetic import U32, U64
from osmia.vm.code import (
    ALU,
    ATOMICS,
    CALL,
    CALLX,
    EXIT,
    JUMPS,
    LOADS,
    MAY_GOTO,
    PACKET_LOADS,
    SIZE_OF,
    STORES,
    target_of,
)
from osmia.vm.debugging import NO_LINE, Locals, lines_of
from osmia.vm.expressions import condition_of, extended, result_of
from osmia.vm.flow import flow_of, written_after, written_before
from osmia.vm.marks import BREAKPOINT, LINE, mark_of
from osmia.vm.memory import MAY_READ, MAY_WRITE, ONES, READY
from osmia.vm.registers import ARGUMENTS, TAIL_CALL, forgets, is_local_call, reads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.vm.code import Code, Slot
    from osmia.vm.flow import Block, Flow
    from osmia.vm.marks import Mark

    Known = tuple[frozenset[int], frozenset[int]]
    """The registers that are written, for sure and perhaps."""

_SHORT = 4
"""So many instructions does what ends a function have at most, where it is written more than once."""
_DEEPEST = 12
"""So deep are blocks written into one another; then control goes by number."""
_ENDS_OF_FUEL = {CALL, CALLX, *PACKET_LOADS}
"""What may run other code, or end the program: whoever runs then has to know what fuel is left."""


@record
class Written:
    """A line of the source that is made."""

    depth: int
    text: str
    line: int
    """The user's line, or NO_LINE."""


class Translation:
    """The Python source of one function of code."""

    def __init__(self, code: Code, entry: int, limit: int) -> None:
        """`limit` has the bits of addresses that the fast way of an access does not take."""
        self.marked: dict[str, Mark] = {}
        """The marks that the source refers to, by their names there."""
        self.code = code
        self.entry = entry
        self.name = code.function_at(entry)
        self.lines: list[Written] = []
        self.calls: list[int] = []
        """Where the functions begin that it calls."""
        self.flow: Flow = flow_of(code, entry)
        self._limit = limit
        self._written = written_before(self.flow)
        self._checked = frozenset(self._unsure())
        self.file, self.first = self._place()
        self._lines = lines_of(code, self.flow)
        self._locals = Locals(code, self.flow, self.file)
        self._before = NO_LINE
        """The line that ran before what is written now, where that is known."""
        self._roots = self._chosen()
        self._number = {first: number for number, first in enumerate(self._roots)}
        self._write()

    # What is found out before

    def _unsure(self) -> Iterator[int]:
        """The registers of which it has to be seen, at some instruction, whether they were written."""
        for first, block in self.flow.blocks.items():
            surely, perhaps = self._written[first]
            for slot in block.slots:
                of = self.code.slots[slot]
                yield from (each for each in reads(of) if each not in surely)
                if of[0] in (CALL, CALLX) and mark_of(self.code, of) is None:
                    tail = of[0] == CALLX or (of[4] == TAIL_CALL and not is_local_call(of))
                    needed = {1, 2, 3} if tail else set[int]()
                    yield from (each for each in ARGUMENTS if each in perhaps | needed and each not in surely)
                surely, perhaps = written_after(of, surely), written_after(of, perhaps)

    def _place(self) -> tuple[str, int]:
        """The file that the function is in, and its first line."""
        line = self.code.line_of(self.entry)
        return (line.file.removeprefix("./"), line.line) if line is not None else ("", self.entry + 1)

    def _chosen(self) -> list[int]:
        """The blocks that control goes to by number: those that several ways lead to, and what lies too deep."""
        roots = {first for first, block in self.flow.blocks.items() if block.before > 1 and not self._is_end(block)}
        roots.add(self.entry)
        found: list[int] = []
        ahead = sorted(roots, reverse=True)
        while ahead:
            root = ahead.pop()
            found.append(root)
            inside = [(root, 0)]
            while inside:
                first, depth = inside.pop()
                for each in self.flow.blocks[first].follow:
                    if each in roots:
                        continue
                    if depth == _DEEPEST:
                        roots.add(each)
                        ahead.append(each)
                    else:
                        inside.append((each, depth + 1))
        return sorted(found)

    def _is_end(self, block: Block) -> bool:
        """Whether it is short and ends the function: it is written wherever something leads to it.

        In a debug build what only leads to such an end is one too: then each return is on the line that it stands on.
        """
        if len(block.slots) > _SHORT:
            return False
        if not self.code.marks or len(block.follow) != 1:
            return not block.follow
        after = self.flow.blocks[block.follow[0]]
        return after is not block and not after.follow and self._is_end(after)

    # Writing

    def _put(self, depth: int, text: str, line: int = NO_LINE) -> None:
        self.lines.append(Written(depth, text, line))

    def _line(self, slot: int) -> int:
        """The line that an instruction is shown on.

        In a debug build a line begins with its mark. What goes on with it in a block that several ways lead to has
        none, lest the line begins once more; but calls, which others look at from inside, always have one. A return
        that several ways lead to is on the function's first line: the one that the compiler notes is of one way alone.
        """
        line = self._lines[slot]
        of = self.code.slots[slot]
        mark = mark_of(self.code, of)
        if not self.code.marks or (mark is not None and mark.kind in (LINE, BREAKPOINT)):
            return line
        if mark is not None or of[0] not in (CALL, CALLX, EXIT):
            return (line or self._before) if self._before else NO_LINE
        noted = self.code.line_of(slot) if of[0] != EXIT else None
        return line or self._before or (noted.line if noted is not None else self.first)

    def _outside(self, text: str, depth: int, line: int) -> None:
        """A call of the engine's own, which pdb shall not step into."""
        if not self.code.marks:
            self._put(depth, text, line)
            return
        self._put(depth, "_trace = _gettrace()", line)
        self._put(depth, "if isinstance(getattr(_trace, '__self__', None), _Bdb):", line)
        self._put(depth + 1, "_settrace(None)", line)
        self._put(depth + 1, "try:")
        self._put(depth + 2, text, line)
        self._put(depth + 1, "finally:")
        self._put(depth + 2, "_settrace(_trace)", line)
        self._put(depth, "else:")
        self._put(depth + 1, text, line)

    def _write(self) -> None:
        self._put(0, f"def function_{self.entry}(_run, r1=None, r2=None, r3=None, r4=None, r5=None):", self.first)
        self._outside(f"r10 = _run.enter({self.name!r})", 1, NO_LINE)
        self._put(1, "_fuel = _run.fuel")
        empty = [f"r{each}" for each in (0, 6, 7, 8, 9) if each in self._checked]
        if empty:
            self._put(1, " = ".join([*empty, "None"]))
        for text in self._locals.prepared():
            self._put(1, text)
        if len(self._roots) == 1 and self.flow.blocks[self.entry].before == 1:
            self._block(self.entry, 1)
            return
        self._put(1, f"_next = {self._number[self.entry]}")
        self._put(1, "while True:")
        self._dispatch(0, len(self._roots), 2)

    def _dispatch(self, low: int, high: int, depth: int) -> None:
        """The way to a block by its number, halving what it may be."""
        if high - low == 1:
            self._before = NO_LINE
            self._block(self._roots[low], depth)
            return
        middle = (low + high) // 2
        self._put(depth, f"if _next < {middle}:")
        self._dispatch(low, middle, depth + 1)
        self._put(depth, "else:")
        self._dispatch(middle, high, depth + 1)

    def _block(self, first: int, depth: int) -> bool:
        """Write a block, with those that only it leads to. Whether control comes out at its end."""
        block = self.flow.blocks[first]
        written = self._written[first]
        self._locals.enter(first)
        for fuel, slot in _fuelled(self.code, block):
            of = self.code.slots[slot]
            line = self._line(slot)
            if fuel:
                self._burn(fuel, slot, written[0], depth)
            for register in dict.fromkeys(each for each in reads(of) if each not in written[0]):
                self._check(register, slot, depth, line)
            self._instruction(slot, of, written, depth, line)
            written = written_after(of, written[0]), written_after(of, written[1])
            if forgets(of):
                self._forget(depth, line)
            self._before = line or self._before
        return self._end(block, depth)

    def _end(self, block: Block, depth: int) -> bool:
        if not block.follow:
            return False
        if len(block.follow) == 1:
            return self._go(block.follow[0], depth)
        slot = block.slots[-1]
        of = self.code.slots[slot]
        line = self._line(slot)
        if of[0] == MAY_GOTO:
            self._put(depth, "_run.may_goto -= 1", line)
        condition = "_run.may_goto < 0" if of[0] == MAY_GOTO else condition_of(of)
        taken, after = block.follow
        self._put(depth, f"if {condition}:", line)
        before = self._before
        falls = self._go(taken, depth + 1)
        self._before = before
        if not falls:
            return self._go(after, depth)
        self._put(depth, "else:")
        self._go(after, depth + 1)
        return True

    def _go(self, to: int, depth: int) -> bool:
        number = self._number.get(to)
        if number is None:
            return self._block(to, depth)
        self._put(depth, f"_next = {number}")
        return True

    def _burn(self, fuel: int, slot: int, written: frozenset[int], depth: int) -> None:
        # In a debug build a line begins with its mark, and not before.
        line = self._before if self.code.marks else self._line(slot)
        known = written | self._checked
        registers = ", ".join(f"r{each}" if each in known else "None" for each in range(11))
        self._put(depth, f"_fuel -= {fuel}", line)
        self._put(depth, "if _fuel < 0:", line)
        self._put(depth + 1, f"_finish(_run, _fuel + {fuel}, {slot}, [{registers}])", line)

    def _check(self, register: int, slot: int, depth: int, line: int) -> None:
        self._put(depth, f"if r{register} is None:", line)
        self._put(depth + 1, f"raise _run.not_written(_code, {slot}, {register})", line)

    def _forget(self, depth: int, line: int) -> None:
        forgotten = [f"r{each}" for each in ARGUMENTS if each in self._checked]
        if forgotten:
            self._put(depth, " = ".join([*forgotten, "None"]), line)

    def _instruction(self, slot: int, of: Slot, written: Known, depth: int, line: int) -> None:
        opcode, destination, _, _, immediate = of
        mark = mark_of(self.code, of)
        if mark is not None:
            self._mark(mark, depth, line)
        elif opcode in ALU:
            self._put(depth, f"r{destination} = {result_of(of)}", line)
        elif opcode == isa.LD_IMM64:
            self._put(depth, f"r{destination} = {immediate & U64:#x}", line)
        elif opcode in LOADS:
            self._load(slot, of, depth, line)
        elif opcode in STORES:
            self._store(slot, of, depth, line)
        elif opcode in ATOMICS:
            self._atomic(slot, of, depth, line)
        elif opcode in PACKET_LOADS:
            self._load_packet(of, depth, line)
        elif opcode == EXIT:
            self._put(depth, "_run.fuel = _fuel", line)
            self._outside("_run.leave()", depth, line)
            self._put(depth, "return r0", line)
        elif opcode in (CALL, CALLX):
            self._call(slot, of, written, depth, line)
        else:
            assert opcode in JUMPS, "all others have no effect of their own"

    def _mark(self, mark: Mark, depth: int, line: int) -> None:
        name = f"_mark_{self.entry}_{len(self.marked)}"
        if mark.kind == LINE:
            for text in self._locals.begins(mark):
                self._put(depth, text, self._before)
        self._put(depth, "r0 = 0", line)
        if mark.kind == BREAKPOINT:
            self._put(depth, "breakpoint()", line)
        elif mark.kind != LINE:
            self.marked[name] = mark
            for text in self._locals.holds(mark, name):
                self._put(depth, text, line)
        elif run := self._locals.runs_in(mark, name):
            self.marked[name] = mark
            self._put(depth, run, line)

    def _address(self, register: int, offset: int, depth: int, line: int) -> str:
        """An expression for an address, which may be written down more than once."""
        if not offset:
            return f"r{register}"
        mask = "" if register == 10 else f" & {U64:#x}"
        self._put(depth, f"_at = r{register} {'+' if offset > 0 else '-'} {abs(offset)}{mask}", line)
        return "_at"

    def _slow(self, at: str, size: int, access: int) -> str:
        """Whether an access at an address is none of the fast ones: aligned, and of what may be accessed."""
        ones = ONES[size] * access
        index = _index(at, size)
        return f"{at} & {self._limit | size - 1:#x} or _shadow{size}[{index}] & {ones:#x} != {ones:#x}"

    @staticmethod
    def _allowed(at: str, size: int, access: int) -> str:
        """Whether an access may be, wherever it is."""
        ones = ONES[size] * access
        return f"_from(_shadow1[{at}:{at} + {size}], 'little') & {ones:#x} == {ones:#x}"

    def _load(self, slot: int, of: Slot, depth: int, line: int) -> None:
        opcode, destination, source, offset, _ = of
        size = SIZE_OF[opcode & 0x18]
        at = self._address(source, offset, depth, line)
        slow = f"_load(_run, {slot}, {at}, {size})"
        if size > 1:
            unaligned = f"_from(_data1[{at}:{at} + {size}], 'little')"
            slow = f"({unaligned} if {self._allowed(at, size, MAY_READ)} else {slow})"
        value = f"{slow} if {self._slow(at, size, MAY_READ)} else _data{size}[{_index(at, size)}]"
        self._put(depth, f"r{destination} = {value}", line)
        if opcode & 0xE0 == isa.MEMSX:
            self._put(depth, f"r{destination} = {extended(f'r{destination}', size * 8)}", line)

    def _store(self, slot: int, of: Slot, depth: int, line: int) -> None:
        opcode, destination, source, offset, immediate = of
        size = SIZE_OF[opcode & 0x18]
        mask = (1 << size * 8) - 1
        value = f"{immediate & mask:#x}"
        if opcode & 7 != isa.ST:
            value = f"r{source}" if size == 8 else f"(r{source} & {mask:#x})"
        at = self._address(destination, offset, depth, line)
        self._put(depth, f"if {self._slow(at, size, MAY_WRITE)}:", line)
        if size > 1:
            number = value if value[0] in "r(" else f"({value})"
            self._put(depth + 1, f"if {self._allowed(at, size, MAY_WRITE)}:", line)
            self._put(depth + 2, f"_shadow1[{at}:{at} + {size}] = {bytes([READY]) * size!r}", line)
            self._put(depth + 2, f"_data1[{at}:{at} + {size}] = {number}.to_bytes({size}, 'little')", line)
            self._put(depth + 1, "else:")
        self._put(depth + (2 if size > 1 else 1), f"_store(_run, {slot}, {at}, {size}, {value})", line)
        self._put(depth, "else:")
        self._put(depth + 1, f"_shadow{size}[{_index(at, size)}] = {ONES[size] * READY:#x}", line)
        self._put(depth + 1, f"_data{size}[{_index(at, size)}] = {value}", line)

    def _atomic(self, slot: int, of: Slot, depth: int, line: int) -> None:
        opcode, destination, source, offset, operation = of
        size = SIZE_OF[opcode & 0x18]
        if operation == isa.LOAD_ACQUIRE:
            self._load(slot, (isa.LDX | isa.MEM | opcode & 0x18, destination, source, offset, 0), depth, line)
            return
        if operation == isa.STORE_RELEASE:
            self._store(slot, (isa.STX | isa.MEM | opcode & 0x18, destination, source, offset, 0), depth, line)
            return
        at = self._address(destination, offset, depth, line)
        expected = "r0" if operation == isa.CMPXCHG else "0"
        call = f"_atomic(_run, {slot}, {operation:#x}, {at}, {size}, r{source}, {expected})"
        kept = "r0" if operation == isa.CMPXCHG else f"r{source}"
        self._outside(f"{kept} = {call}" if operation & isa.FETCH else call, depth, line)

    def _load_packet(self, of: Slot, depth: int, line: int) -> None:
        opcode, _, source, _, immediate = of
        self._put(depth, "_run.fuel = _fuel", line)
        offset = f"{immediate} + r{source} & {U32:#x}" if opcode & 0xE0 == isa.IND else f"{immediate & U32:#x}"
        self._put(depth, f"r0 = _load_packet(_run, {offset}, {SIZE_OF[opcode & 0x18]})", line)

    def _call(self, slot: int, of: Slot, written: Known, depth: int, line: int) -> None:
        opcode, destination, _, _, immediate = of
        self._put(depth, "_run.fuel = _fuel", line)
        if is_local_call(of):
            target = target_of(slot, of)
            self.calls.append(target)
            given = ", ".join(f"r{each}" if each in written[1] else "None" for each in ARGUMENTS)
            self._put(depth, f"_run.code, _run.slot = _code, {slot}", line)
            self._put(depth, f"r0 = function_{target}(_run, {given})", line)
        else:
            if opcode == CALLX:
                self._put(depth, f"if r{destination} == {TAIL_CALL}:", line)
                self._tail_call(slot, written[0], depth + 1, line)
            elif immediate == TAIL_CALL:
                self._tail_call(slot, written[0], depth, line)
            number = f"r{destination}" if opcode == CALLX else str(immediate)
            given = ", ".join(_argument(each, written) for each in ARGUMENTS)
            self._outside(f"r0 = _run.call_helper({number}, ({given}), _code, {slot})", depth, line)
        self._put(depth, "_fuel = _run.fuel", line)

    def _tail_call(self, slot: int, written: frozenset[int], depth: int, line: int) -> None:
        self._put(depth, f"_run.code, _run.slot = _code, {slot}", line)
        for register in (2, 3):
            if register not in written:
                self._check(register, slot, depth, line)
        self._put(depth, f"_other = _run.tail_call(r2, r3 & {U32:#x})", line)
        self._put(depth, "if _other is not None:", line)
        if 1 not in written:
            self._check(1, slot, depth + 1, line)
        self._put(depth + 1, "_run.leave()", line)
        self._put(depth + 1, "return _call(_run, _other, 0, (r1,))", line)


def _index(at: str, size: int) -> str:
    """Which of the numbers of a size lies at an address."""
    return f"{at} >> {size.bit_length() - 1}" if size > 1 else at


def _argument(register: int, written: Known) -> str:
    """What a helper is given: 0 for what was not written."""
    if register in written[0]:
        return f"r{register}"
    return f"r{register} or 0" if register in written[1] else "0"


def _fuelled(code: Code, block: Block) -> Iterator[tuple[int, int]]:
    """The slots of a block, each with the fuel to take before it: for all up to the next call, at once."""
    counted = 0
    starts: list[tuple[int, int]] = []
    for index, slot in enumerate(block.slots):
        counted += 1
        of = code.slots[slot]
        if (of[0] in _ENDS_OF_FUEL and mark_of(code, of) is None) or index == len(block.slots) - 1:
            starts.append((counted, index + 1 - counted))
            counted = 0
    fuel = {index: count for count, index in starts}
    for index, slot in enumerate(block.slots):
        yield fuel.get(index, 0), slot
