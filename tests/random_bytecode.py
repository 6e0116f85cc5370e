"""Random XDP programs, instruction by instruction: every operation of v4, on registers, stack, a map and packets.

Each ends by writing its registers and its stack into the packet, so that whatever differs is seen.
"""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

import raw_programs as raw
from osmia.abi import instruction as isa
from osmia.spec import MapSpec, Relocation

if TYPE_CHECKING:
    from osmia.spec import ObjectSpec

Insn = tuple[int, int, int, int, int]

REGISTERS = range(9)
"""r0 to r8 hold numbers; r9 is the context."""
SAVED = [-8 * (n + 1) for n in REGISTERS]
"""Where registers are kept while something is called."""
SLOTS = [-80 - 8 * n for n in range(6)]
"""Places of the stack that programs use."""
KEPT, BEFORE = -160, -168
BYTES = 8 * (len(SAVED) + len(SLOTS) + 1)
"""So many bytes of the packet hold the outcome: registers, stack, the value of the map."""
PACKET = 128
ARRAY = MapSpec("values", 2, 4, 16, 4)
INTERESTING = (
    *(0, 1, 2, 7, 8, 31, 32, 63, 64, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF),
    *(0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0xFFFF_FFFF_0000_0000, 0xFFFF_FFFF_FFFF_FFFF),
)
_ARITHMETIC = (
    *(isa.ADD, isa.SUB, isa.MUL, isa.DIV, isa.OR, isa.AND, isa.LSH, isa.RSH, isa.MOD, isa.XOR, isa.MOV, isa.ARSH),
)
_CONDITIONS = (
    *(isa.JEQ, isa.JGT, isa.JGE, isa.JSET, isa.JNE, isa.JSGT, isa.JSGE, isa.JLT, isa.JLE, isa.JSLT, isa.JSLE),
)
_SIZES = ((isa.B, 1), (isa.H, 2), (isa.W, 4), (isa.DW, 8))
_ATOMICS = (
    *(isa.ADD, isa.OR, isa.AND, isa.XOR, isa.ADD | isa.FETCH, isa.OR | isa.FETCH, isa.AND | isa.FETCH),
    *(isa.XOR | isa.FETCH, isa.XCHG, isa.CMPXCHG),
)


class Writer:
    """Writes one program."""

    def __init__(self, seed: int, *, v4: bool = True, plain: bool = False) -> None:
        """`plain` writes atomic operations as a load, an operation and a store: the same, where nobody else is."""
        self.random = random.Random(seed)
        self.v4 = v4
        self.plain = plain
        self.code: list[Insn] = []
        self.maps: list[int] = []
        """The instructions that load the map."""

    def emit(self, opcode: int, destination: int = 0, source: int = 0, offset: int = 0, immediate: int = 0) -> None:
        """Write an instruction."""
        self.code.append((opcode, destination, source, offset, immediate))

    def load(self, register: int, value: int) -> None:
        """Load a number of 64 bits."""
        self.emit(isa.LD_IMM64, register, immediate=value & 0xFFFF_FFFF)
        self.emit(0, immediate=value >> 32)

    def number(self) -> int:
        """A number of 64 bits, an interesting one as a rule."""
        choice = self.random.random()
        if choice < 0.6:
            return self.random.choice(INTERESTING)
        return self.random.getrandbits(64) if choice < 0.8 else self.random.getrandbits(8)

    def immediate(self) -> int:
        """A number of 32 bits."""
        return self.number() & 0xFFFF_FFFF

    def register(self) -> int:
        """One that holds a number."""
        return self.random.choice(REGISTERS)

    def program(self, length: int) -> ObjectSpec:
        """A program whose middle has about so many operations."""
        self.emit(isa.ALU64 | isa.MOV | isa.X, 9, 1)
        self.packet_bounds(2, 3)
        for register in (0, 4, 5, 6, 7, 8):
            if self.random.random() < 0.5:
                self.emit(isa.LDX | isa.MEM | isa.DW, register, 2, self.random.randrange(0, PACKET - 7))
            else:
                self.load(register, self.number())
        for register in (1, 2, 3):
            self.load(register, self.number())
        for slot in SLOTS:
            self.emit(isa.STX | isa.MEM | isa.DW, 10, self.register(), slot)
        for _ in range(length):
            self.operation()
        self.end()
        relocations = [Relocation(at, "map", ARRAY.name) for at in self.maps]
        return raw.spec(raw.function("random", self.bytes(), relocations), maps=[ARRAY])

    def bytes(self) -> bytes:
        """The program's bytes."""
        return b"".join(
            struct.pack("<BBhI", opcode, destination | source << 4, offset, immediate & 0xFFFF_FFFF)
            for opcode, destination, source, offset, immediate in self.code
        )

    def packet_bounds(self, start: int, end: int) -> None:
        """Load where the packet starts, and return where it is too short."""
        self.emit(isa.LDX | isa.MEM | isa.W, start, 9, 0)
        self.emit(isa.LDX | isa.MEM | isa.W, end, 9, 4)
        self.emit(isa.ALU64 | isa.MOV | isa.X, 4, start)
        self.emit(isa.ALU64 | isa.ADD, 4, immediate=PACKET)
        self.emit(isa.JMP | isa.JLE | isa.X, 4, end, 2)
        self.emit(isa.ALU64 | isa.MOV, 0, immediate=1)
        self.emit(isa.JMP | isa.EXIT)

    def operation(self) -> None:
        """One operation of any kind."""
        kinds = (self.arithmetic, self.swap, self.jump, self.stack, self.atomic, self.map_value, self.helper, self.loop)
        weights = (50, 6, 12, 14, 10, 2, 2, 2)
        self.random.choices(kinds, weights)[0]()

    def arithmetic(self) -> None:
        """An operation on a register."""
        operation = self.random.choice((*_ARITHMETIC, isa.NEG))
        wide = self.random.random() < 0.5
        of, bits = (isa.ALU64, 64) if wide else (isa.ALU, 32)
        register = self.register()
        if operation == isa.NEG:
            self.emit(of | isa.NEG, register)
            return
        offset = 0
        if self.v4 and operation in (isa.DIV, isa.MOD):
            offset = self.random.choice((0, 1))
        if self.random.random() < 0.6:
            if self.v4 and operation == isa.MOV:
                offset = self.random.choice((0, 8, 16, 32) if wide else (0, 8, 16))
            self.emit(of | operation | isa.X, register, self.register(), offset)
            return
        immediate = self.immediate()
        if operation in (isa.LSH, isa.RSH, isa.ARSH):
            immediate %= bits
        elif operation in (isa.DIV, isa.MOD):
            immediate = immediate or 3
        self.emit(of | operation, register, 0, offset, immediate)

    def swap(self) -> None:
        """A change of byte order."""
        opcodes = [isa.ALU | isa.END, isa.ALU | isa.END | isa.X, *([isa.ALU64 | isa.END] if self.v4 else [])]
        self.emit(self.random.choice(opcodes), self.register(), immediate=self.random.choice((16, 32, 64)))

    def jump(self) -> None:
        """A jump over a few operations, taken or not."""
        of = self.random.choice((isa.JMP, isa.JMP32))
        opcode = of | self.random.choice(_CONDITIONS)
        far = self.random.random() < 0.1
        at = len(self.code)
        if self.random.random() < 0.5:
            self.emit(opcode | isa.X, self.register(), self.register(), offset=1)
        else:
            self.emit(opcode, self.register(), offset=1, immediate=self.immediate())
        if far:  # over the jump that goes on
            at = len(self.code)
            self.emit(*((isa.JMP32 | isa.JA,) if self.v4 else (isa.JMP | isa.JA,)))
        for _ in range(self.random.randint(1, 4)):
            self.random.choices((self.arithmetic, self.stack, self.atomic), (6, 3, 1))[0]()
        self.land(at, len(self.code))

    def land(self, at: int, to: int) -> None:
        """Say where a jump goes."""
        opcode, destination, source, _, immediate = self.code[at]
        if opcode == isa.JMP32 | isa.JA:
            self.code[at] = (opcode, 0, 0, 0, to - at - 1)
        else:
            self.code[at] = (opcode, destination, source, to - at - 1, immediate)

    def stack(self) -> None:
        """A load or a store of a part of a slot."""
        size, width = self.random.choice(_SIZES)
        offset = self.random.choice(SLOTS) + self.random.randrange(0, 8, width)
        choice = self.random.random()
        if choice < 0.35:
            self.emit(isa.STX | isa.MEM | size, 10, self.register(), offset)
        elif choice < 0.5:
            self.emit(isa.ST | isa.MEM | size, 10, 0, offset, self.immediate())
        elif choice < 0.8 or not self.v4 or size == isa.DW:
            self.emit(isa.LDX | isa.MEM | size, self.register(), 10, offset)
        else:
            self.emit(isa.LDX | isa.MEMSX | size, self.register(), 10, offset)

    def atomic(self) -> None:
        """An atomic operation on a part of a slot."""
        size, width = self.random.choice(_SIZES[2:])
        offset = self.random.choice(SLOTS) + self.random.randrange(0, 8, width)
        register, operation = self.register(), self.random.choice(_ATOMICS)
        if self.plain:
            self.in_parts(size, offset, register, operation)
        else:
            self.emit(isa.STX | isa.ATOMIC | size, 10, register, offset, operation)

    def in_parts(self, size: int, offset: int, register: int, operation: int) -> None:
        """What an atomic operation does, with another register that is put back after it."""
        other = next(each for each in (1, 2) if each != register)
        self.emit(isa.STX | isa.MEM | isa.DW, 10, other, KEPT)
        self.emit(isa.LDX | isa.MEM | size, other, 10, offset)
        self.emit(isa.STX | isa.MEM | isa.DW, 10, other, BEFORE)
        result = register
        if operation == isa.CMPXCHG:
            jump = isa.JMP32 if size == isa.W else isa.JMP
            self.emit(jump | isa.JNE | isa.X, other, 0, 1)
            self.emit(isa.STX | isa.MEM | size, 10, register, offset)
            result = 0
        elif operation == isa.XCHG:
            self.emit(isa.STX | isa.MEM | size, 10, register, offset)
        else:
            self.emit(isa.ALU64 | isa.X | operation & ~isa.FETCH, other, register)
            self.emit(isa.STX | isa.MEM | size, 10, other, offset)
        if operation & isa.FETCH:
            self.emit(isa.LDX | isa.MEM | isa.DW, result, 10, BEFORE)
        self.emit(isa.LDX | isa.MEM | isa.DW, other, 10, KEPT)

    def save(self) -> None:
        """Keep the registers on the stack."""
        for register, place in zip(REGISTERS, SAVED, strict=True):
            self.emit(isa.STX | isa.MEM | isa.DW, 10, register, place)

    def restore(self, *but: int) -> None:
        """Take them back, but for some."""
        for register, place in zip(REGISTERS, SAVED, strict=True):
            if register not in but:
                self.emit(isa.LDX | isa.MEM | isa.DW, register, 10, place)

    def look_up(self, index: int) -> None:
        """Look a value of the map up: its address is in r0. The registers were saved before."""
        self.emit(isa.ST | isa.MEM | isa.W, 10, 0, -132, index)
        self.emit(isa.ALU64 | isa.MOV | isa.X, 2, 10)
        self.emit(isa.ALU64 | isa.ADD, 2, immediate=-132)
        self.maps.append(len(self.code))
        self.load(1, 0)
        self.emit(isa.JMP | isa.CALL, immediate=1)

    def map_value(self) -> None:
        """Something with a value of the map, or with nothing where the index is outside."""
        self.save()
        self.look_up(self.random.choice((0, 1, 3, 4, 0xFFFF_FFFF)))
        at = len(self.code)
        self.emit(isa.JMP | isa.JEQ, 0)
        self.emit(isa.LDX | isa.MEM | isa.DW, 7, 10, SAVED[7])
        self.emit(isa.STX | isa.ATOMIC | isa.DW, 0, 7, 8 * self.random.randrange(2), isa.ADD | isa.FETCH)
        self.emit(isa.STX | isa.MEM | isa.DW, 10, 7, SAVED[3])
        self.land(at, len(self.code))
        self.restore()

    def helper(self) -> None:
        """A helper that tells a number which both sides know."""
        self.save()
        self.emit(isa.JMP | isa.CALL, immediate=8)  # get_smp_processor_id
        self.emit(isa.STX | isa.MEM | isa.DW, 10, 0, SAVED[5])
        self.restore()

    def loop(self) -> None:
        """A few rounds of a few operations; the rounds are counted on the stack."""
        counter = -136
        self.emit(isa.ST | isa.MEM | isa.DW, 10, 0, counter - 8, 0)
        start = len(self.code)
        for _ in range(self.random.randint(1, 3)):
            self.arithmetic()
        self.emit(isa.STX | isa.MEM | isa.DW, 10, 8, SAVED[8])
        self.emit(isa.LDX | isa.MEM | isa.DW, 8, 10, counter - 8)
        self.emit(isa.ALU64 | isa.ADD, 8, immediate=1)
        self.emit(isa.STX | isa.MEM | isa.DW, 10, 8, counter - 8)
        at = len(self.code)
        self.emit(isa.JMP | isa.JGE, 8, immediate=self.random.randint(2, 5))
        self.emit(isa.LDX | isa.MEM | isa.DW, 8, 10, SAVED[8])
        back = len(self.code)
        self.emit(isa.JMP | isa.JA, offset=start - back - 1)
        self.land(at, len(self.code))
        self.emit(isa.LDX | isa.MEM | isa.DW, 8, 10, SAVED[8])

    def end(self) -> None:
        """Write what there is into the packet."""
        self.save()
        self.look_up(1)
        self.emit(isa.JMP | isa.JNE, 0, 0, 2)
        self.emit(isa.ALU64 | isa.MOV, 0, immediate=1)
        self.emit(isa.JMP | isa.EXIT)
        self.emit(isa.LDX | isa.MEM | isa.DW, 6, 0, 0)
        self.packet_bounds(2, 3)
        for n, place in enumerate((*SAVED, *SLOTS)):
            self.emit(isa.LDX | isa.MEM | isa.DW, 5, 10, place)
            self.emit(isa.STX | isa.MEM | isa.DW, 2, 5, 8 * n)
        self.emit(isa.STX | isa.MEM | isa.DW, 2, 6, BYTES - 8)
        self.emit(isa.LDX | isa.MEM | isa.DW, 0, 10, SAVED[0])
        self.emit(isa.JMP | isa.EXIT)


def random_program(seed: int, *, v4: bool = True, plain: bool = False) -> ObjectSpec:
    """A program, the same for each seed, whether it has atomic operations or their parts."""
    writer = Writer(seed, v4=v4, plain=plain)
    return writer.program(writer.random.choice((3, 10, 30, 60)))


def random_packet(seed: int) -> bytes:
    """What a program is run on."""
    numbers = random.Random(seed)
    count = PACKET // 8
    words = [numbers.choice(INTERESTING) if numbers.random() < 0.5 else numbers.getrandbits(64) for _ in range(count)]
    return struct.pack(f"<{count}Q", *words)
