"""The reference engine: one instruction after the other, as RFC 9669 says, with every access checked."""

from __future__ import annotations

from osmia.abi import BPF_PSEUDO_CALL
from osmia.abi import instruction as isa
from osmia.vm.arithmetic import U32, U64, alu, compare, signed, swapped
from osmia.vm.code import (
    ALU,
    ATOMICS,
    CALL,
    CALLX,
    EXIT,
    FRAME,
    JUMPS,
    LOADS,
    MAY_GOTO,
    PACKET_LOADS,
    SIZE_OF,
    STORES,
    target_of,
)
from osmia.vm.helpers.arguments import arity
from osmia.vm.many import one_by_one
from osmia.vm.registers import ARGUMENTS, GOTOS, TAIL_CALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.code import Code, Slot
    from osmia.vm.execution import Execution

    Saved = tuple[Code, int, list[int | None]]

_SAVED = slice(6, 11)
"""r6 to r9, and the frame."""


class Interpreter:
    """The reference engine."""

    name = "interpreter"
    run_packets = staticmethod(one_by_one)

    def __init__(self, function: type[Function] | None = None) -> None:
        """`function` is what runs a function, where it is to be watched."""
        self._function = function or Function

    def run(self, execution: Execution, code: Code, slot: int, arguments: tuple[int, ...]) -> int:
        """Run a function of the code, from its first slot on, with r1 and following: what it leaves in r0."""
        return self._function(execution, code, slot, arguments).run()

    def forget(self, code: Code) -> None:
        """Code that will not run any more, of which nothing is kept."""


def resume(execution: Execution, code: Code, slot: int, registers: list[int | None]) -> int:
    """Run on from an instruction, with these registers, in a function that was entered: what it leaves in r0."""
    function = Function.__new__(Function)
    function.execution, function.memory, function.calls = execution, execution.machine.memory, []
    function.code, function.slot, function.registers = code, slot, registers
    return function.run()


class Function:
    """A function that runs, and those that it has called."""

    def __init__(self, execution: Execution, code: Code, slot: int, arguments: tuple[int, ...]) -> None:
        self.execution = execution
        self.memory = execution.machine.memory
        self.code = code
        self.slot = slot
        self.registers: list[int | None] = [None, *arguments, *[None] * (10 - len(arguments))]
        self.registers[FRAME] = execution.enter(code.function_at(slot))
        self.calls: list[Saved] = []

    def run(self) -> int:
        """Run it to its end: what it leaves in r0."""
        execution = self.execution
        while True:
            if execution.fuel <= 0:
                raise execution.out_of_fuel(self.code, self.slot)
            execution.fuel -= 1
            of = self.code.slots[self.slot]
            opcode = of[0]
            if opcode == EXIT:
                result = self.read(0)
                execution.leave()
                if not self.calls:
                    return result
                self.code, self.slot, self.registers[_SAVED] = self.calls.pop()
                self.forget_arguments()
            elif opcode in PACKET_LOADS:
                if not self.load_packet(of):
                    return self.end_at_once()
            else:
                self.slot = self.step(opcode, of)

    def step(self, opcode: int, of: Slot) -> int:
        """Run an instruction that goes on: the next slot."""
        _, destination, _, _, immediate = of
        if opcode in ALU:
            self.registers[destination] = self.arithmetic(opcode, of)
        elif opcode in LOADS:
            self.registers[destination] = self.load(opcode, of)
        elif opcode in STORES:
            self.store(opcode, of)
        elif opcode in JUMPS:
            return self.jump(opcode, of)
        elif opcode == isa.LD_IMM64:
            self.registers[destination] = immediate & U64
            return self.slot + 2
        elif opcode in ATOMICS:
            self.atomic(opcode, of)
        else:
            return self.call(opcode, of)
        return self.slot + 1

    def read(self, register: int) -> int:
        """What a register holds."""
        value = self.registers[register]
        if value is None:
            raise self.execution.not_written(self.code, self.slot, register)
        return value

    def arithmetic(self, opcode: int, of: Slot) -> int:
        """What an operation leaves in its register."""
        _, destination, source, offset, immediate = of
        operation = opcode & 0xF0
        bits = 64 if opcode & 7 == isa.ALU64 else 32
        if operation == isa.END:
            return self.ordered(opcode, self.read(destination), immediate)
        left = 0 if operation == isa.MOV else self.read(destination)
        right = self.read(source) if opcode & isa.X and operation != isa.NEG else immediate & U64
        return alu(operation, bits, left, right, offset)

    @staticmethod
    def ordered(opcode: int, value: int, bits: int) -> int:
        """A number in another byte order: always swapped, or as the machine's, which is little-endian, asks for."""
        if opcode & 7 == isa.ALU64 or opcode & isa.X:
            return swapped(value, bits)
        return value & (1 << bits) - 1

    def jump(self, opcode: int, of: Slot) -> int:
        """Where a jump goes."""
        if opcode in GOTOS:
            return target_of(self.slot, of)
        if opcode == MAY_GOTO:
            self.execution.may_goto -= 1
            return self.slot + 1 if self.execution.may_goto >= 0 else target_of(self.slot, of)
        _, destination, source, _, immediate = of
        bits = 64 if opcode & 7 == isa.JMP else 32
        right = self.read(source) if opcode & isa.X else immediate & U64
        taken = compare(opcode & 0xF0, bits, self.read(destination), right)
        return target_of(self.slot, of) if taken else self.slot + 1

    def load(self, opcode: int, of: Slot) -> int:
        """What lies in memory, extended to 64 bits."""
        _, _, source, offset, _ = of
        size = SIZE_OF[opcode & 0x18]
        address = self.read(source) + offset & U64
        value = self.memory.load(address, size)
        if value is None:
            raise self.execution.bad_access(self.code, self.slot, address, size, writes=False)
        return signed(value, size * 8) & U64 if opcode & 0xE0 == isa.MEMSX else value

    def store(self, opcode: int, of: Slot) -> None:
        """Put a register, or the immediate, into memory."""
        _, destination, source, offset, immediate = of
        size = SIZE_OF[opcode & 0x18]
        value = self.read(source) if opcode & 7 == isa.STX else immediate
        self.put(self.read(destination) + offset & U64, size, value)

    def put(self, address: int, size: int, value: int) -> None:
        """Put the lowest bytes of a number into memory."""
        if not self.memory.store(address, size, value & (1 << size * 8) - 1):
            raise self.execution.bad_access(self.code, self.slot, address, size, writes=True)

    def atomic(self, opcode: int, of: Slot) -> None:
        """An atomic operation: what lies there, with a register, and where it says so what was there before."""
        _, destination, source, offset, operation = of
        size = SIZE_OF[opcode & 0x18]
        if operation == isa.LOAD_ACQUIRE:
            self.registers[destination] = self.load(opcode, (opcode, destination, source, offset, 0))
            return
        address = self.read(destination) + offset & U64
        value = self.read(source) & (1 << size * 8) - 1
        if operation == isa.STORE_RELEASE:
            self.put(address, size, value)
            return
        before = self.memory.load(address, size)
        if before is None:
            raise self.execution.bad_access(self.code, self.slot, address, size, writes=False)
        if operation == isa.CMPXCHG:
            expected = self.read(0) & (1 << size * 8) - 1
            self.put(address, size, value if before == expected else before)
            self.registers[0] = before
            return
        after = value if operation == isa.XCHG else alu(operation & ~isa.FETCH, size * 8, before, value)
        self.put(address, size, after)
        if operation & isa.FETCH:
            self.registers[source] = before

    def call(self, opcode: int, of: Slot) -> int:
        """Call a helper, or a function of the program's: the next slot."""
        _, destination, source, _, immediate = of
        if opcode == CALL and source == BPF_PSEUDO_CALL:
            self.calls.append((self.code, self.slot + 1, self.registers[_SAVED]))
            self.execution.code, self.execution.slot = self.code, self.slot
            target = target_of(self.slot, of)
            self.registers[FRAME] = self.execution.enter(self.code.function_at(target))
            self.registers[0] = None
            self.registers[6:FRAME] = [None] * 4
            return target
        number = self.read(destination) if opcode == CALLX else immediate
        if number == TAIL_CALL and self.tail_call():
            return self.slot
        needed = arity(number)
        arguments = tuple(
            self.read(register) if register <= needed else self.registers[register] or 0 for register in ARGUMENTS
        )
        self.registers[0] = self.execution.call_helper(number, arguments, self.code, self.slot)
        self.forget_arguments()
        return self.slot + 1

    def tail_call(self) -> bool:
        """Whether control goes to another program: it takes this one's place, and its stack."""
        execution = self.execution
        execution.code, execution.slot = self.code, self.slot
        code = execution.tail_call(self.read(2), self.read(3) & U32)
        if code is None:
            return False
        context = self.read(1)
        self.code, self.slot = code, 0
        execution.leave()
        self.registers = [None, context, *[None] * 9]
        self.registers[FRAME] = execution.enter(code.name)
        return True

    def forget_arguments(self) -> None:
        """What the registers hold that a call does not keep is not known any more."""
        for register in ARGUMENTS:
            self.registers[register] = None

    def load_packet(self, of: Slot) -> bool:
        """The old loads from the packet (BPF_ABS, BPF_IND): False where it ends before, which ends the program."""
        opcode, _, source, _, immediate = of
        offset = immediate + (self.read(source) if opcode & 0xE0 == isa.IND else 0) & U32
        size = SIZE_OF[opcode & 0x18]
        data = self.execution.context.packet_bytes(offset, size)
        if data is None:
            return False
        self.registers[0] = int.from_bytes(data, "big")
        self.forget_arguments()
        self.slot += 1
        return True

    def end_at_once(self) -> int:
        """End the program, whatever has called what: its result is 0."""
        for _ in range(len(self.calls) + 1):
            self.execution.leave()
        return 0
