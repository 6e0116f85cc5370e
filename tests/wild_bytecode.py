"""Random code that no verifier has seen: it reads what it never wrote, goes astray in memory, and does not end."""

from __future__ import annotations

import random
import struct

from osmia.abi import BPF_PSEUDO_CALL
from osmia.abi import instruction as isa

_BINARY = (isa.ADD, isa.SUB, isa.MUL, isa.DIV, isa.OR, isa.AND, isa.LSH, isa.RSH, isa.MOD, isa.XOR, isa.MOV, isa.ARSH)
_CONDITIONS = (
    *(isa.JEQ, isa.JGT, isa.JGE, isa.JSET, isa.JNE, isa.JSGT, isa.JSGE, isa.JLT, isa.JLE, isa.JSLT, isa.JSLE),
)
_SIZES = (isa.B, isa.H, isa.W, isa.DW)
_ATOMICS = (
    *(isa.ADD, isa.OR, isa.AND, isa.XOR, isa.ADD | isa.FETCH, isa.OR | isa.FETCH, isa.AND | isa.FETCH),
    *(isa.XOR | isa.FETCH, isa.XCHG, isa.CMPXCHG, isa.LOAD_ACQUIRE, isa.STORE_RELEASE),
)
_HELPERS = (1, 1, 2, 3, 5, 7, 8, 12, 28, 99)
_NUMBERS = (0, 1, -1, 2, 7, 8, 31, 32, 63, 64, 255, 4096, 0x7FFF_FFFF, -0x8000_0000)
MOST = 24


class _Writer:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.code: list[tuple[int, int, int, int, int]] = []
        self.count = self.random.randint(3, MOST)

    def pick(self, *choices: int) -> int:
        return self.random.choice(choices)

    def register(self) -> int:
        """Mostly one that was written to at the start."""
        return self.pick(0, 1, 2, 6, 6, 7) if self.random.random() < 0.9 else self.random.randrange(10)

    def emit(self, opcode: int, destination: int = 0, source: int = 0, offset: int = 0, immediate: int = 0) -> None:
        self.code.append((opcode, destination, source, offset, immediate))

    def immediate(self) -> int:
        return (
            self.random.choice(_NUMBERS) if self.random.random() < 0.7 else self.random.randrange(-(1 << 31), 1 << 31)
        )

    def place(self, size: int) -> tuple[int, int]:
        """A register and an offset: mostly in the stack, or in the memory that the code is given."""
        chance = self.random.random()
        if chance < 0.6:
            return 10, -8 * self.random.randint(1, 4) + self.pick(0, 0, 0, 8 - size)
        if chance < 0.85:
            return 6, self.random.randint(0, 16)
        return self.register(), self.random.randint(-600, 600)

    def target(self) -> int:
        return self.random.randint(0, self.count) - len(self.code) - 1

    def instruction(self) -> None:
        kinds = (self.arithmetic, self.load, self.store, self.atomic, self.jump, self.call, self.other)
        self.random.choices(kinds, (40, 15, 20, 8, 12, 6, 4))[0]()

    def arithmetic(self) -> None:
        of, operation = self.pick(isa.ALU, isa.ALU64), self.pick(*_BINARY)
        offset = 0
        by_register = self.random.random() < 0.5
        if operation in (isa.DIV, isa.MOD):
            offset = self.pick(0, 1)
        elif operation == isa.MOV and by_register:
            offset = self.pick(0, 0, 8, 16, *((32,) if of == isa.ALU64 else ()))
        if by_register:
            self.emit(of | operation | isa.X, self.register(), self.pick(10, *[self.register()] * 9), offset)
        else:
            self.emit(of | operation, self.register(), 0, offset, self.immediate())

    def load(self) -> None:
        size = self.pick(*_SIZES)
        mode = self.pick(isa.MEM, isa.MEM, isa.MEMSX) if size != isa.DW else isa.MEM
        base, offset = self.place(8)
        self.emit(isa.LDX | mode | size, self.register(), base, offset)

    def store(self) -> None:
        base, offset = self.place(8)
        size = self.pick(*_SIZES, isa.DW, isa.DW)
        if self.random.random() < 0.3:
            self.emit(isa.ST | isa.MEM | size, base, 0, offset, self.immediate())
        else:
            self.emit(isa.STX | isa.MEM | size, base, self.pick(10, *[self.register()] * 9), offset)

    def atomic(self) -> None:
        base, offset = self.place(8)
        operation = self.pick(*_ATOMICS)
        ordered = operation in (isa.LOAD_ACQUIRE, isa.STORE_RELEASE)
        size = self.pick(*(_SIZES if ordered else _SIZES[2:]))
        if operation == isa.LOAD_ACQUIRE:
            self.emit(isa.STX | isa.ATOMIC | size, self.register(), base, offset, operation)
        else:
            self.emit(isa.STX | isa.ATOMIC | size, base, self.register(), offset, operation)

    def jump(self) -> None:
        chance = self.random.random()
        if chance < 0.1:
            self.emit(isa.JMP | isa.JA, offset=self.target())
        elif chance < 0.15:
            self.emit(isa.JMP32 | isa.JA, immediate=self.target())
        elif chance < 0.2:
            self.emit(isa.JMP | isa.JCOND, offset=self.target())
        else:
            opcode = self.pick(isa.JMP, isa.JMP32) | self.pick(*_CONDITIONS)
            if self.random.random() < 0.5:
                self.emit(opcode | isa.X, self.register(), self.register(), self.target())
            else:
                self.emit(opcode, self.register(), 0, self.target(), self.immediate())

    def call(self) -> None:
        chance = self.random.random()
        if chance < 0.4:
            self.emit(isa.JMP | isa.CALL, 0, BPF_PSEUDO_CALL, 0, self.target())
        elif chance < 0.9:
            self.emit(isa.JMP | isa.CALL, immediate=self.pick(*_HELPERS))
        else:
            self.emit(isa.JMP | isa.CALL | isa.X, self.register())

    def other(self) -> None:
        match self.random.randrange(4):
            case 0:
                self.emit(isa.JMP | isa.EXIT)
            case 1:
                self.emit(self.pick(isa.ALU, isa.ALU64) | isa.NEG, self.register())
            case 2:
                opcode = self.pick(isa.ALU | isa.END, isa.ALU | isa.END | isa.X, isa.ALU64 | isa.END)
                self.emit(opcode, self.register(), immediate=self.pick(16, 32, 64))
            case _:
                mode, size = self.pick(isa.ABS, isa.IND), self.pick(*_SIZES[:3])
                self.emit(isa.LD | mode | size, 0, self.register() if mode == isa.IND else 0, 0, self.pick(0, 4, 99))


def wild_program(seed: int) -> bytes:
    """Code, the same for each seed: it is well formed, and nothing else."""
    writer = _Writer(seed)
    writer.emit(isa.ALU64 | isa.MOV | isa.X, 6, 1)
    writer.emit(isa.ALU64 | isa.MOV, 0, immediate=writer.immediate())
    if writer.random.random() < 0.8:
        writer.emit(isa.ALU64 | isa.MOV, 7, immediate=writer.immediate())
    if writer.random.random() < 0.5:
        writer.emit(isa.STX | isa.MEM | isa.DW, 10, 6, -8)
    writer.count = max(writer.count, len(writer.code))
    while len(writer.code) < writer.count:
        writer.instruction()
    writer.emit(isa.JMP | isa.EXIT)
    return b"".join(
        struct.pack("<BBhi", opcode, destination | source << 4, offset, immediate)
        for opcode, destination, source, offset, immediate in writer.code
    )
