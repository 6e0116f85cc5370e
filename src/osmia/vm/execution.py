"""One run of a program: what it may still do, its stack, and the way to helpers."""

from __future__ import annotations

from osmia.vm.code import CALL, FRAME, FUNCTIONS, SECOND, name_of_helper
from osmia.vm.faults import access_fault, fault
from osmia.vm.locks import LOCKS, locked
from osmia.vm.memory import FREED, READY, UNINITIALISED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.errors import VmError
    from osmia.vm.code import Code
    from osmia.vm.contexts import Context
    from osmia.vm.engine import Engine
    from osmia.vm.machine import Machine
    from osmia.vm.program import VmProgram
    from osmia.vm.references import Reference

STACK = 512
"""The bytes of a function's stack (MAX_BPF_STACK)."""
DEEPEST = 8
"""So many functions may be in the middle of a call (MAX_CALL_FRAMES)."""
MOST_TAIL_CALLS = 33
"""MAX_TAIL_CALL_CNT."""
MOST_MAY_GOTO = 1 << 23
"""BPF_MAX_LOOPS: so often a program comes past its may_goto instructions."""


class Execution:
    """One run of a program, from its first instruction to its result."""

    depth: int
    """How many functions are in the middle of a call, those of runs around this one included."""

    def __init__(self, machine: Machine, program: VmProgram, context: Context, engine: Engine, fuel: int) -> None:
        self.machine = machine
        self.program = program
        """The one that was run, whatever it calls."""
        self.context = context
        self.engine = engine
        self.fuel = fuel
        """So many more instructions it may run."""
        self.fuel_given = fuel
        self.code = program.code
        """The code that runs now: that of another program after a tail call."""
        self.slot = 0
        """Where it is, as far as a helper that is called, or a fault, has to know."""
        self.arguments: Iterable[int] = ()
        """What the helper was given that was called last."""
        self.depth_before: int = machine.running[-1].depth if machine.running else 0
        self.depth = self.depth_before
        self.references: dict[int, Reference] = {}
        """What it has taken and not given back, by address."""
        self.retval = 0
        """What the system call returns that the program is asked about (get_retval, set_retval)."""
        self.lock = 0
        """The address of the spin lock that it holds; 0 for none."""
        self.lock_taken_at: tuple[Code, int] = (program.code, 0)
        """The call that took it."""
        self.tail_calls = 0
        self.may_goto = MOST_MAY_GOTO

    def run(self) -> int:
        """Run it, and give its result, 64 bits of it."""
        return self.engine.run(self, self.program.code, 0, (self.context.address,))

    # The stack

    def enter(self, name: str) -> int:
        """Begin a function: gives the end of its stack, of which nothing was written."""
        if self.depth - self.depth_before == DEEPEST:
            raise self.too_deep()
        block = self.machine.frame(self.depth)
        self.depth += 1
        block.name = f"the stack of {name}"
        state = READY if self.machine.allow_uninitialised else UNINITIALISED
        self.machine.memory.paint(block.address, STACK, state)
        return block.address + STACK

    def leave(self) -> None:
        """End a function: nobody may use its stack any more."""
        self.depth -= 1
        self.machine.memory.paint(self.machine.frame(self.depth).address, STACK, FREED)

    # Helpers

    def call_helper(self, number: int, arguments: tuple[int, ...], code: Code, slot: int) -> int:
        """Call a helper: what it gives, 64 bits."""
        self.code, self.slot, self.arguments = code, slot, arguments
        if self.lock and number not in LOCKS:
            raise locked(self, f"{name_of_helper(number)} is called while a lock is held")
        helper = self.machine.helpers.get(number)
        if helper is None:
            raise self.fault("helper", f"{name_of_helper(number)} is not there in the user-space runtime")
        return helper(self, *arguments) & 0xFFFF_FFFF_FFFF_FFFF

    def call_function(self, address: int, *arguments: int) -> int:
        """Call a function of the program's by its address, as helpers do: what it returns."""
        slot = address - FUNCTIONS
        code, at = self.code, self.slot
        if not 0 <= slot < len(code.slots) or code.slots[slot] == SECOND:
            raise self.fault("helper", f"{address:#x} is no address of a function")
        result = self.engine.run(self, code, slot, arguments)
        self.code, self.slot = code, at
        return result

    def tail_call(self, map_address: int, index: int) -> Code | None:
        """The program that control goes to; None where there is none, or there were too many."""
        if self.lock:
            raise locked(self, "bpf_tail_call is called while a lock is held")
        of = self.machine.map_at(map_address)
        if of.kind.kernel_name != "PROG_ARRAY":
            raise self.fault("helper", f"tail_call takes a PROG_ARRAY, and '{of.name}' is a {of.kind.kernel_name}")
        found = of.program_at(index)
        if found is None or self.tail_calls >= MOST_TAIL_CALLS:
            return None
        self.tail_calls += 1
        self.code = found.code
        return self.code

    # What helpers ask for

    def read(self, address: int, size: int, what: str) -> bytes:
        """Memory that a helper reads for the program. VmError where the program may not."""
        memory = self.machine.memory
        if size and not memory.readable(address, size):
            raise self.access_fault(address, size, writes=False, what=what)
        return memory.read(address, size)

    def write(self, address: int, data: bytes, what: str) -> None:
        """Write what a helper gives. VmError where the program may not."""
        memory = self.machine.memory
        if data and not memory.writable(address, len(data)):
            raise self.access_fault(address, len(data), writes=True, what=what)
        memory.write(address, data)

    # Faults

    def fault(self, kind: str, problem: str, *, fix: str = "") -> VmError:
        """An error at the instruction where it is."""
        return fault(self, self.code, self.slot, kind, problem, fix=fix)

    def access_fault(self, address: int, size: int, *, writes: bool, what: str = "") -> VmError:
        """An error about memory, at the instruction where it is."""
        return access_fault(self, self.code, self.slot, address, size, writes=writes, what=what)

    def bad_access(self, code: Code, slot: int, address: int, size: int, *, writes: bool) -> VmError:
        """An error about memory, at an instruction that an engine names."""
        self.code, self.slot = code, slot
        return access_fault(self, code, slot, address, size, writes=writes)

    def out_of_fuel(self, code: Code, slot: int) -> VmError:
        """The error of a program that runs too long."""
        return fault(
            self,
            code,
            slot,
            "fuel",
            f"it has run {self.fuel_given} instructions and does not end",
            fix="bound the loop, or give it more fuel=",
        )

    def too_deep(self) -> VmError:
        """The error of a call when too many functions are in the middle of one."""
        return self.fault("stack", f"more than {DEEPEST} functions are in the middle of a call", fix="call fewer")

    def not_written(self, code: Code, slot: int, register: int) -> VmError:
        """The error of a register that is read before it is written."""
        opcode, _, _, _, number = code.slots[slot]
        by = f", by the call of {name_of_helper(number)}" if opcode == CALL else ""
        what = "the frame" if register == FRAME else f"register r{register}"
        return fault(self, code, slot, "uninitialised", f"{what} is read{by} before anything was written to it")
