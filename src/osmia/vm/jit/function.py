"""A function of BPF as LLVM IR: every access checked against the shadow, fuel taken block by block."""

from __future__ import annotations

from osmia.abi import BPF_PSEUDO_CALL
from osmia.abi import instruction as isa
from osmia.vm.code import ALU, ATOMICS, CALL, CALLX, EXIT, FRAME, LOADS, MAY_GOTO, PACKET_LOADS, SIZE_OF, STORES
from osmia.vm.code import target_of as goes_to
from osmia.vm.execution import STACK
from osmia.vm.helpers.arguments import arity
from osmia.vm.jit.caches import remember
from osmia.vm.jit.flow import MAYBE, NO, YES, known_after
from osmia.vm.jit.inlined import short_way
from osmia.vm.jit.stack import reached
from osmia.vm.jit.state import Status, Word
from osmia.vm.jit.values import condition, constant, narrowed, operation, reordered, widened
from osmia.vm.memory import FREED, MAY_WRITE, ONES, READY
from osmia.vm.registers import ARGUMENTS, GOTOS, TAIL_CALL, writes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.code import Code, Slot
    from osmia.vm.jit.flow import Block, Function
    from osmia.vm.jit.inlined import Inlined

LIKELY = "!prof !3"
"""The first way of a branch is the usual one."""
ARENA, SHADOW, STATE = "!tbaa !10", "!tbaa !11", "!tbaa !12"
"""What lies in one of them is never changed by a store into another one."""
MOST_SLOTS = 1 << 32
BY_REGISTER = 1 << 32
"""Stands in the slot of a call whose helper a register names, which Python is given."""
_GIVEN = ", ".join(f"i64 %a{register}" for register in ARGUMENTS)
SIGNATURE = "(ptr %s, ptr %arena, ptr %shadow"


class Writer:
    """Writes the lines of a function."""

    def __init__(self, code: Code, function: Function, inlined: Inlined, size: int) -> None:
        self.code = code
        self.function = function
        self.painted = reached(code, function)
        """How many bytes of its stack are painted."""
        self.inlined = inlined
        self.size = size
        """How large the arena is."""
        self.lines: list[str] = []
        self.count = 0
        self.at = "entry"
        """The label of what is written now."""
        self.known: list[int] = []
        """Which registers were written to, where it is."""
        self.constants: dict[int, int] = {}
        """What registers hold that were loaded with 64 bits in this block."""
        self.slot = 0
        self.faults: list[tuple[str, int, str]] = []
        """From which label, what happens at which slot, and the address."""

    def text(self) -> str:
        """The whole function."""
        function = self.function
        self.lines.append(f"define internal i64 @f{function.entry}{SIGNATURE}, {_GIVEN}, i64 %written) #0 {{\nentry:")
        for register in range(FRAME):
            self.line(f"%r{register} = alloca i64")
        for register in sorted(function.tracked):
            self.line(f"%w{register} = alloca i1")
        self.line("%fuel = alloca i64")
        self.enter()
        for block in function.blocks.values():
            self.block(block)
        self.unwind()
        self.lines.append("}\n")
        return "\n".join(self.lines)

    # Lines

    def line(self, text: str) -> None:
        """Write a line."""
        self.lines.append(f"  {text}")

    def value(self, text: str) -> str:
        """Write a line that has a value, and name that."""
        self.count += 1
        self.line(f"%v{self.count} = {text}")
        return f"%v{self.count}"

    def label(self, name: str = "") -> str:
        """A name for what comes later."""
        self.count += 1
        return f"{name or 'b'}.{self.count}"

    def begin(self, label: str) -> None:
        """What follows is reached by jumps to a label."""
        self.lines.append(f"{label}:")
        self.at = label

    def likely(self, test: str, yes: str, no: str) -> None:
        """Go one way, as usual, or the other."""
        self.line(f"br i1 {test}, label %{yes}, label %{no}, {LIKELY}")

    def word(self, word: int) -> str:
        """What stands in a word of the state."""
        return self.value(f"load i64, ptr {self.place(word)}, align 8, {STATE}")

    def set_word(self, word: int, value: object) -> None:
        """Set a word of the state."""
        self.line(f"store i64 {value}, ptr {self.place(word)}, align 8, {STATE}")

    def place(self, word: int) -> str:
        """Where a word of the state lies."""
        return self.value(f"getelementptr i64, ptr %s, i64 {int(word)}")

    # Faults

    def unless(self, bad: str, status: Status, address: object = 0) -> None:
        """End with a fault if a test holds."""
        good = self.label()
        self.faults.append((self.at, status * MOST_SLOTS + self.slot, str(address)))
        self.line(f"br i1 {bad}, label %fault, label %{good}, !prof !4")
        self.begin(good)

    def fault(self, status: Status, address: object = 0) -> None:
        """End with a fault, in any case."""
        self.faults.append((self.at, status * MOST_SLOTS + self.slot, str(address)))
        self.line("br label %fault")
        self.begin(self.label("never"))

    def unwind(self) -> None:
        """Where faults go, and where what was called has failed."""
        self.begin("fault")
        if self.faults:
            what = ", ".join(f"[{number}, %{label}]" for label, number, _ in self.faults)
            addresses = ", ".join(f"[{address}, %{label}]" for label, _, address in self.faults)
            self.line(f"%what = phi i64 {what}")
            self.line(f"%where = phi i64 {addresses}")
            self.set_word(Word.STATUS, self.value(f"lshr i64 %what, {MOST_SLOTS.bit_length() - 1}"))
            self.set_word(Word.SLOT, self.value(f"and i64 %what, {MOST_SLOTS - 1}"))
            self.set_word(Word.ADDRESS, "%where")
        self.line("br label %failed")
        self.begin("failed")
        self.line("ret i64 0")

    # Registers

    def get(self, register: int) -> str:
        """What a register holds, which it must."""
        known = self.known[register]
        if known == NO:
            self.fault(Status.NOT_WRITTEN, register)
        elif known == MAYBE:
            written = self.value(f"load i1, ptr %w{register}")
            self.unless(self.value(f"xor i1 {written}, true"), Status.NOT_WRITTEN, register)
        self.known[register] = YES
        return self.held(register)

    def held(self, register: int) -> str:
        """What a register holds: 0 where nothing was written to it."""
        return "%top" if register == FRAME else self.value(f"load i64, ptr %r{register}")

    def set(self, register: int, value: object) -> None:
        """Write to a register."""
        self.line(f"store i64 {value}, ptr %r{register}")
        self.mark(register, written=True)

    def mark(self, register: int, *, written: bool) -> None:
        """Take down whether a register was written to."""
        self.known[register] = YES if written else NO
        if register in self.function.tracked:
            self.line(f"store i1 {str(written).lower()}, ptr %w{register}")

    def forget(self) -> None:
        """Nothing is known of the argument registers any more."""
        for register in ARGUMENTS:
            self.line(f"store i64 0, ptr %r{register}")
            self.mark(register, written=False)

    def which_written(self) -> str:
        """Which argument registers were written to, a bit each."""
        always = sum(1 << register for register in ARGUMENTS if self.known[register] == YES)
        found = str(always)
        for register in ARGUMENTS:
            if self.known[register] == MAYBE:
                bit = self.value(f"zext i1 {self.value(f'load i1, ptr %w{register}')} to i64")
                found = self.value(f"or i64 {found}, {self.value(f'shl i64 {bit}, {register}')}")
        return found

    # The frame

    def enter(self) -> None:
        """The beginning: registers as they are given, and a frame."""
        tracked = self.function.tracked
        for register in range(FRAME):
            given = register in ARGUMENTS
            self.line(f"store i64 {f'%a{register}' if given else '0'}, ptr %r{register}")
            if register in tracked:
                bit = self.value(f"and i64 %written, {1 << register if given else 0}")
                self.line(f"store i1 {self.value(f'icmp ne i64 {bit}, 0')}, ptr %w{register}")
        self.line(f"store i64 {self.word(Word.FUEL)}, ptr %fuel")
        base = self.value(f"call i64 @enter(ptr %s, i64 {self.function.entry})")
        entered = self.label("entered")
        self.likely(self.value(f"icmp ne i64 {base}, 0"), entered, "failed")
        self.begin(entered)
        self.line(f"%top = add i64 {base}, {STACK}")
        self.paint(self.value(f"trunc i64 {self.word(Word.UNWRITTEN)} to i8"))
        self.line(f"br label %s{self.function.entry}")

    def paint(self, state: object) -> None:
        """Say of the part of the frame that anybody can reach what may be done with it."""
        size = self.painted
        if size:
            start = self.value(f"getelementptr i8, ptr %shadow, i64 {self.value(f'sub i64 %top, {size}')}")
            self.line(f"call void @llvm.memset.p0.i64(ptr align 8 {start}, i8 {state}, i64 {size}, i1 false), {SHADOW}")

    def leave(self, result: str) -> None:
        """The end, with a result."""
        self.save_fuel()
        self.set_word(Word.DEPTH, self.value(f"sub i64 {self.word(Word.DEPTH)}, 1"))
        self.paint(FREED)
        self.line(f"ret i64 {result}")

    def save_fuel(self) -> None:
        """Let others see how much fuel is left."""
        self.set_word(Word.FUEL, self.value("load i64, ptr %fuel"))

    # Instructions

    def block(self, block: Block) -> None:
        """A block, its fuel first."""
        self.begin(f"s{block.start}")
        self.known = [*block.known]
        self.constants.clear()
        self.slot = block.start
        there = self.value("load i64, ptr %fuel")
        left = self.value(f"sub i64 {there}, {len(block.slots)}")
        self.line(f"store i64 {left}, ptr %fuel")
        self.unless(self.value(f"icmp slt i64 {left}, 0"), Status.OUT_OF_FUEL, there)
        for slot in block.slots:
            self.slot = slot
            of = self.code.slots[slot]
            known = [*self.known]
            self.instruction(of, block)
            known_after(known, of)
            self.known = known
            self.remember(of)
        if not _jumps(self.code.slots[block.slots[-1]]):
            self.line(f"br label %s{block.after[0]}")

    def remember(self, of: Slot) -> None:
        """Take down which constants registers hold after an instruction."""
        opcode, destination, source, offset, immediate = of
        register = writes(of)
        copied = self.constants.get(source) if opcode == isa.ALU64 | isa.MOV | isa.X and offset == 0 else None
        if register is not None:
            self.constants.pop(register, None)
        if opcode == isa.LD_IMM64:
            self.constants[destination] = immediate
        elif copied is not None:
            self.constants[destination] = copied

    def instruction(self, of: Slot, block: Block) -> None:
        """One instruction."""
        opcode, destination, _, _, immediate = of
        if opcode in ALU:
            self.set(destination, self.arithmetic(of))
        elif opcode in LOADS:
            self.set(destination, self.load(of))
        elif opcode in STORES:
            self.store(of)
        elif opcode == isa.LD_IMM64:
            self.set(destination, constant(immediate, 64))
        elif opcode in ATOMICS:
            self.atomic(of)
        elif opcode == EXIT:
            self.leave(self.get(0))
        elif opcode in PACKET_LOADS:
            self.load_packet(of)
        elif opcode in (CALL, CALLX):
            self.call(of)
        else:
            self.jump(of, block)

    def arithmetic(self, of: Slot) -> str:
        """What an operation leaves in its register."""
        opcode, destination, source, offset, immediate = of
        code = opcode & 0xF0
        bits = 64 if opcode & 7 == isa.ALU64 else 32
        if code == isa.END:
            swap = opcode & 7 == isa.ALU64 or bool(opcode & isa.X)
            return reordered(self, self.get(destination), immediate, swap=swap)
        left = "0" if code == isa.MOV else narrowed(self, self.get(destination), bits)
        register = opcode & isa.X and code != isa.NEG
        right = narrowed(self, self.get(source), bits) if register else constant(immediate, bits)
        result = operation(self, code, bits, left, right, offset)
        return result if bits == 64 else self.value(f"zext i32 {result} to i64")

    def jump(self, of: Slot, block: Block) -> None:
        """A jump, whether there is a condition or none."""
        opcode, destination, source, _, immediate = of
        if opcode in GOTOS:
            self.line(f"br label %s{block.after[0]}")
            return
        if opcode == MAY_GOTO:
            left = self.value(f"sub i64 {self.word(Word.MAY_GOTO)}, 1")
            self.set_word(Word.MAY_GOTO, left)
            test = self.value(f"icmp slt i64 {left}, 0")
        else:
            bits = 64 if opcode & 7 == isa.JMP else 32
            right = narrowed(self, self.get(source), bits) if opcode & isa.X else constant(immediate, bits)
            test = condition(self, opcode & 0xF0, bits, narrowed(self, self.get(destination), bits), right)
        self.line(f"br i1 {test}, label %s{block.after[0]}, label %s{block.after[1]}")

    # Memory

    def address(self, register: int, offset: int) -> str:
        """Where an instruction reaches."""
        value = self.get(register)
        return self.value(f"add i64 {value}, {offset}") if offset else value

    def shadow(self, address: str, size: int, status: Status, *, in_frame: bool) -> tuple[str, str]:
        """Where the shadow of bytes lies and what it says, after it was seen that there is some."""
        if not in_frame:
            self.unless(self.value(f"icmp ugt i64 {address}, {self.size - size}"), status, address)
        place = self.value(f"getelementptr i8, ptr %shadow, i64 {address}")
        return place, self.value(f"load i{size * 8}, ptr {place}, align 1, {SHADOW}")

    def shadow_at(self, address: str, size: int) -> str:
        """What the shadow says of bytes within the arena."""
        place = self.value(f"getelementptr i8, ptr %shadow, i64 {address}")
        return self.value(f"load i{size * 8}, ptr {place}, align 1, {SHADOW}")

    def check(self, address: str, size: int, status: Status, *, in_frame: bool = False) -> str:
        """See that bytes may be read, or written: where their shadow lies."""
        place, state = self.shadow(address, size, status, in_frame=in_frame)
        ones = constant(ONES[size] * (MAY_WRITE if status == Status.BAD_WRITE else 1), size * 8)
        may = self.value(f"and i{size * 8} {state}, {ones}")
        self.unless(self.value(f"icmp ne i{size * 8} {may}, {ones}"), status, address)
        return place

    def check_write(self, address: str, size: int, *, in_frame: bool) -> None:
        """See that bytes may be written, and say that they were: mostly they were before."""
        ready = constant(ONES[size] * READY, size * 8)
        if in_frame:
            place = self.check(address, size, Status.BAD_WRITE, in_frame=True)
            self.line(f"store i{size * 8} {ready}, ptr {place}, align 1, {SHADOW}")
            return
        place, state = self.shadow(address, size, Status.BAD_WRITE, in_frame=False)
        other, done = self.label("other"), self.label("ready")
        self.likely(self.value(f"icmp eq i{size * 8} {state}, {ready}"), done, other)
        self.begin(other)
        ones = constant(ONES[size] * MAY_WRITE, size * 8)
        may = self.value(f"and i{size * 8} {state}, {ones}")
        self.unless(self.value(f"icmp ne i{size * 8} {may}, {ones}"), Status.BAD_WRITE, address)
        self.line(f"store i{size * 8} {ready}, ptr {place}, align 1, {SHADOW}")
        self.line(f"br label %{done}")
        self.begin(done)

    def fetch(self, address: str, size: int) -> str:
        """What lies in the arena."""
        place = self.value(f"getelementptr i8, ptr %arena, i64 {address}")
        return self.value(f"load i{size * 8}, ptr {place}, align 1, {ARENA}")

    def put(self, address: str, size: int, value: str) -> None:
        """Write into the arena."""
        place = self.value(f"getelementptr i8, ptr %arena, i64 {address}")
        self.line(f"store i{size * 8} {value}, ptr {place}, align 1, {ARENA}")

    def load(self, of: Slot) -> str:
        """What lies in memory, extended to 64 bits."""
        opcode, _, source, offset, _ = of
        size = SIZE_OF[opcode & 0x18]
        address = self.address(source, offset)
        self.check(address, size, Status.BAD_READ, in_frame=_in_frame(source, offset, size))
        return widened(self, self.fetch(address, size), size * 8, signed=opcode & 0xE0 == isa.MEMSX)

    def store(self, of: Slot) -> None:
        """Put a register, or the immediate, into memory."""
        opcode, destination, source, offset, immediate = of
        size = SIZE_OF[opcode & 0x18]
        from_register = opcode & 7 == isa.STX
        value = narrowed(self, self.get(source), size * 8) if from_register else constant(immediate, size * 8)
        address = self.address(destination, offset)
        self.check_write(address, size, in_frame=_in_frame(destination, offset, size))
        self.put(address, size, value)

    def atomic(self, of: Slot) -> None:
        """An atomic operation. One program at a time runs on a machine: a load and a store do."""
        opcode, destination, source, offset, number = of
        size = SIZE_OF[opcode & 0x18]
        if number == isa.LOAD_ACQUIRE:
            self.set(destination, self.load((opcode, destination, source, offset, 0)))
            return
        address = self.address(destination, offset)
        in_frame = _in_frame(destination, offset, size)
        value = narrowed(self, self.get(source), size * 8)
        if number == isa.STORE_RELEASE:
            self.check_write(address, size, in_frame=in_frame)
            self.put(address, size, value)
            return
        self.check(address, size, Status.BAD_READ, in_frame=in_frame)
        before = self.fetch(address, size)
        after = self.changed(number, size * 8, before, value)
        self.check_write(address, size, in_frame=in_frame)
        self.put(address, size, after)
        if number & isa.FETCH:
            self.set(0 if number == isa.CMPXCHG else source, widened(self, before, size * 8))

    def changed(self, number: int, bits: int, before: str, value: str) -> str:
        """What an atomic operation writes."""
        if number == isa.XCHG:
            return value
        if number == isa.CMPXCHG:
            same = self.value(f"icmp eq i{bits} {before}, {narrowed(self, self.get(0), bits)}")
            return self.value(f"select i1 {same}, i{bits} {value}, i{bits} {before}")
        return operation(self, number & ~isa.FETCH, bits, before, value, 0)

    # Calls

    def call(self, of: Slot) -> None:
        """Call a helper, or a function of the program's."""
        opcode, destination, source, _, immediate = of
        if opcode == CALL and source == BPF_PSEUDO_CALL:
            self.call_function(goes_to(self.slot, of))
        elif opcode == CALL:
            if immediate == TAIL_CALL:
                self.tail_call()
            for register in range(1, arity(immediate) + 1):
                self.get(register)
            self.call_helper(str(immediate))
        else:
            self.call_by_register(self.get(destination))
        self.forget()

    def call_function(self, entry: int) -> None:
        """Call a function of the program's."""
        self.set_word(Word.SLOT, self.slot)
        self.save_fuel()
        arguments = ", ".join(f"i64 {self.held(register)}" for register in ARGUMENTS)
        given = f"ptr %s, ptr %arena, ptr %shadow, {arguments}, i64 {self.which_written()}"
        result = self.value(f"call i64 @f{entry}({given})")
        self.came_back()
        self.set(0, result)

    def came_back(self) -> None:
        """After a call: go on, or give up with what was called."""
        done = self.label("back")
        self.likely(self.value(f"icmp eq i64 {self.word(Word.STATUS)}, 0"), done, "failed")
        self.begin(done)
        self.line(f"store i64 {self.word(Word.FUEL)}, ptr %fuel")

    def call_python(self, word: Word, arguments: str) -> str:
        """Call Python, which may raise anything at any moment. The last argument is the slot."""
        self.save_fuel()
        self.set_word(Word.STATUS, int(Status.RAISED))
        function = self.value(f"inttoptr i64 {self.word(word)} to ptr")
        slot = self.slot | BY_REGISTER if self.code.slots[self.slot][0] == CALLX else self.slot
        return self.value(f"call i64 {function}({arguments}i64 {slot})")

    def give_arguments(self) -> None:
        """Put the argument registers where Python finds them."""
        for register in ARGUMENTS:
            self.set_word(Word.REGISTERS + register, self.held(register))

    def call_helper(self, number: str) -> None:
        """Call a helper by its number: here if it can be done here, or in Python."""
        short = short_way(self, self.inlined, number)
        if short is not None and not short.otherwise:
            self.set(0, short.result)
            return
        if short is None:
            self.set(0, self.helper_in_python(number))
            return
        done, from_short = self.label("called"), self.at
        self.line(f"br label %{done}")
        self.begin(short.otherwise)
        result = self.helper_in_python(number)
        if short.of is not None:
            remember(self, short.of, result)
        self.line(f"br label %{done}")
        ways = f"[{short.result}, %{from_short}], [{result}, %{self.at}]"
        self.begin(done)
        self.set(0, self.value(f"phi i64 {ways}"))

    def helper_in_python(self, number: str) -> str:
        """Call a helper in Python: what it gives."""
        self.give_arguments()
        result = self.call_python(Word.HELPER, f"i64 {number}, ")
        self.came_back()
        return result

    def tail_call(self) -> None:
        """Go to another program, if there is one."""
        self.get(2)
        self.get(3)
        self.give_arguments()
        self.set_word(Word.WRITTEN, self.which_written())
        result = self.call_python(Word.TAIL_CALL, "")
        gone, stays, other = self.label("gone"), self.label("stays"), self.label("other")
        status = self.word(Word.STATUS)
        ways = f"i64 0, label %{gone} i64 {int(Status.NOT_TAKEN)}, label %{stays}"
        self.line(f"switch i64 {status}, label %{other} [{ways}]")
        self.begin(gone)
        self.line(f"ret i64 {result}")
        self.begin(other)
        self.line("br label %failed")
        self.begin(stays)
        self.set_word(Word.STATUS, 0)

    def call_by_register(self, number: str) -> None:
        """Call a helper whose number is in a register."""
        tail, plain = self.label("tail"), self.label("plain")
        self.line(f"br i1 {self.value(f'icmp eq i64 {number}, {TAIL_CALL}')}, label %{tail}, label %{plain}")
        self.begin(tail)
        known = [*self.known]
        self.tail_call()
        self.known = known
        self.line(f"br label %{plain}")
        self.begin(plain)
        self.set_word(Word.WRITTEN, self.which_written())
        self.call_helper(number)

    def load_packet(self, of: Slot) -> None:
        """The old loads from the packet, which may end the program."""
        opcode, _, source, _, immediate = of
        offset = constant(immediate, 32)
        if opcode & 0xE0 == isa.IND:
            offset = self.value(f"add i32 {narrowed(self, self.get(source), 32)}, {offset}")
        wide = self.value(f"zext i32 {offset} to i64")
        result = self.call_python(Word.PACKET, f"i64 {wide}, i64 {SIZE_OF[opcode & 0x18]}, ")
        self.came_back()
        self.set(0, result)
        self.forget()


def _in_frame(register: int, offset: int, size: int) -> bool:
    """Whether it is known that an access lies in the frame."""
    return register == FRAME and -STACK <= offset <= -size


def _jumps(of: Slot) -> bool:
    return of[0] == EXIT or (of[0] & 7 in (isa.JMP, isa.JMP32) and of[0] not in (CALL, CALLX))
