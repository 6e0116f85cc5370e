"""Code that belongs to no object, run on a machine: what it is given is a piece of memory and its length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia.kinds import KINDS
from osmia.vm.code import decode
from osmia.vm.execution import Execution
from osmia.vm.machine import Machine
from osmia.vm.program import VmProgram

if TYPE_CHECKING:
    from typing import Self

    from osmia.vm.code import Code


class _Memory:
    """In place of a context: a piece of memory."""

    packet = None

    def __init__(self, address: int) -> None:
        self.address = address

    def packet_bytes(self, offset: int, size: int) -> None:
        """There is no packet."""


class Bare:
    """A machine for such code."""

    def __init__(self, engine: str, **options: Any) -> None:
        self.machine = Machine(engine=engine, **options)
        self.memory_after = b""
        """What the piece of memory holds after the last run."""

    def run(self, instructions: bytes, memory: bytes = b"") -> int:
        """Run it: what it leaves in r0."""
        return self.run_code(decode("bare", instructions, [], int, int), memory)

    def run_code(self, code: Code, memory: bytes = b"") -> int:
        """The same of what is decoded."""
        machine = self.machine
        program = VmProgram(machine, 0, code.name, KINDS["xdp"], "xdp", code)
        block = machine.memory.allocate(len(memory), "the memory that the code is given")
        machine.memory.data[block.address : block.address + len(memory)] = memory
        context: Any = _Memory(block.address)
        execution = Execution(machine, program, context, machine.engine, machine.fuel)
        machine.running.append(execution)
        try:
            return machine.engine.run(execution, code, 0, (block.address if memory else 0, len(memory)))
        finally:
            machine.running.pop()
            self.memory_after = machine.memory.read(block.address, len(memory))
            machine.memory.free(block)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.machine.close()
