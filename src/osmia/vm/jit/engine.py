"""The engine: runs native code, and is called by it for what takes Python."""

from __future__ import annotations

import ctypes
import sys
from array import array

from osmia.record import record
from osmia.vm.arithmetic import U32, U64
from osmia.vm.code import SIZE_OF
from osmia.vm.execution import DEEPEST, STACK
from osmia.vm.helpers import all_helpers
from osmia.vm.helpers.arguments import arity
from osmia.vm.jit.caches import Tables
from osmia.vm.jit.flow import entries_of
from osmia.vm.jit.function import BY_REGISTER, MOST_SLOTS
from osmia.vm.jit.inlined import LIGHT, inlined, known_helpers, looked_up
from osmia.vm.jit.module import module
from osmia.vm.jit.native import compiled
from osmia.vm.jit.replay import Replay, fits, prepare_loop
from osmia.vm.jit.state import State, Status, Word
from osmia.vm.many import one_by_one
from osmia.vm.registers import next_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from osmia.vm.code import Code
    from osmia.vm.execution import Execution
    from osmia.vm.jit.native import Native
    from osmia.vm.machine import Machine
    from osmia.vm.many import Batch, ManyRuns
    from osmia.vm.program import VmProgram

_CALLBACKS: list[Any] = [ctypes.CFUNCTYPE(*[ctypes.c_uint64] * (1 + arguments)) for arguments in (2, 1, 3, 1)]
"""In the order of their words: for a helper, a tail call, a load from the packet, a new frame."""
_GIVEN = slice(Word.REGISTERS + 1, Word.REGISTERS + 6)
# As plain numbers: an enumeration's members cost a look-up each.
_STATUS, _SLOT, _WRITTEN, _CODE = int(Word.STATUS), int(Word.SLOT), int(Word.WRITTEN), int(Word.CODE)
_CLOCK = int(Word.CLOCK)
_DEEPEST, _TOUCHED, _TABLES = int(Word.DEEPEST), int(Word.TOUCHED), int(Word.TABLES)


@record
class Known:
    """Code that an engine has seen."""

    number: int
    code: Code
    entries: set[int]
    helpers: frozenset[int]
    """The helpers that native code does by itself."""
    native: Native
    thorough: bool
    """Whether all was done to make it fast."""
    tables: Tables


class Jit:
    """The engine of one machine."""

    name = "jit"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.state = State(machine.memory, machine.allow_uninitialised)
        self._arguments = self.state.unsigned[_GIVEN]
        self._light: dict[int, Callable[..., int]] = {number: all_helpers()[number] for number in LIGHT}
        self._known: dict[int, Known] = {}
        """By the identity of the code, which is kept."""
        self._codes: dict[int, Code] = {}
        """By their numbers, which are given once."""
        self._count = 0
        self._execution: Execution | None = None
        """What runs in native code now, and which code that is."""
        self._running: Known | None = None
        self._raised: BaseException | None = None
        self.show: Callable[[], None] = _nothing
        """What is called before Python sees the packet, which native code may have put there."""
        self.tells_time = False
        """Whether native code moves the clock, which the machine is told before Python sees it."""
        self._hook = sys.unraisablehook
        self._functions: tuple[Callable[..., int], ...] = (
            *(self._call_helper, self._tail_call, self._load_packet, self._make_frame),
        )
        self._named = tuple(map(repr, self._functions))
        self._callbacks = [*map(_callback, _CALLBACKS, self._functions)]
        for word, callback in enumerate(self._callbacks, start=Word.HELPER):
            address = ctypes.cast(callback, ctypes.c_void_p).value
            assert address is not None, "a function lies somewhere"
            self.state.signed[word] = address

    def run(self, execution: Execution, code: Code, slot: int, arguments: tuple[int, ...]) -> int:
        """Run a function of the code, from its first slot on, with r1 and following: what it leaves in r0."""
        depth = execution.depth
        result, ended = self._enter(execution, self.known(code, slot), slot, arguments)
        if ended:
            while execution.depth > depth:
                execution.leave()
        return result

    def run_packets(
        self, machine: Machine, program: VmProgram, batch: Batch, keep: bool, fields: Mapping[str, object]
    ) -> ManyRuns:
        """Run a program on packets, one after the other: in a loop of native code where its context allows that."""
        if program.kind.name != "xdp" or not batch.lengths or not fits(machine, batch):
            return one_by_one(machine, program, batch, keep, fields)
        return Replay(self, machine, program, batch, keep, fields).run()

    def prepare(self, program: VmProgram) -> None:
        """Make the native code of `run_packets` for a program before the first packet comes."""
        if program.kind.name == "xdp":
            prepare_loop()
            self.known(program.code, thorough=True)

    def known(self, code: Code, slot: int = 0, *, thorough: bool = False) -> Known:
        """Native code of which a function begins at a slot; `thorough` if it is to run very often."""
        found, helpers = self._known.get(id(code)), known_helpers(self._machine)
        if found is not None and slot in found.entries and found.helpers == helpers and found.thorough >= thorough:
            return found
        entries = entries_of(code) | {slot}
        short = inlined(self._machine, code, helpers)
        size = self._machine.memory.size
        key = (tuple(code.slots), tuple(sorted(entries)), short, size)
        native = compiled(key, lambda: module(code, entries, short, size), thorough=thorough)
        tables = Tables(looked_up(self._machine, code), short.hashes)
        number = self._count if found is None else found.number
        if found is None:
            self._codes[number] = code
            self._count += 1
        made = self._known[id(code)] = Known(number, code, entries, helpers, native, thorough, tables)
        return made

    def forget(self, code: Code) -> None:
        """Code that will not run any more."""
        known = self._known.pop(id(code), None)
        if known is not None:
            del self._codes[known.number]

    # Into native code

    def _enter(self, execution: Execution, known: Known, slot: int, arguments: tuple[int, ...]) -> tuple[int, bool]:
        """Run a function: what it gives, and whether a load from the packet has ended all of the program."""
        state = self.state
        state.room_for(execution.depth_before + DEEPEST)
        count = len(arguments)
        self._arguments[:] = array("Q", (*arguments, *(0,) * (5 - count)))
        state.signed[_WRITTEN] = (2 << count) - 2
        state.signed[_SLOT] = execution.slot
        native = known.native.entry(slot)
        result = self.native_run(execution, known, lambda: native(state.address))
        status = self.ended(execution, known)
        return result, status == Status.ENDED

    def native_run(self, execution: Execution, known: Known, do: Callable[[], int]) -> int:
        """Do something that runs native code."""
        outer = self._execution, self._running
        hook = sys.unraisablehook
        self._resume(execution, known)
        if self._execution is None:
            self._hook, sys.unraisablehook = hook, self._take
        try:
            self._execution, self._running = execution, known
            return do()
        finally:
            sys.unraisablehook = hook
            self.state.give(execution)
            self._execution, self._running = outer

    def ended(self, execution: Execution, known: Known) -> int:
        """How native code has ended. Raises what Python raised, and the VmError of a fault."""
        status = self.state.signed[_STATUS]
        if status in (Status.GOES_ON, Status.ENDED):
            return status
        raise self._error(execution, known, status)

    def _error(self, execution: Execution, known: Known, status: int) -> BaseException:
        state, code = self.state, known.code
        slot, address = state.signed[_SLOT], state.unsigned[Word.ADDRESS]
        match status:
            case Status.RAISED:
                raised, self._raised = self._raised, None
                assert raised is not None, "whatever ends a callback is taken"
                return raised
            case Status.NOT_WRITTEN:
                return execution.not_written(code, slot, address)
            case Status.TOO_DEEP:
                execution.code, execution.slot = code, slot
                return execution.too_deep()
            case Status.OUT_OF_FUEL:
                return execution.out_of_fuel(code, self._last_slot(code, slot))
        size = SIZE_OF[code.slots[slot][0] & 0x18]
        return execution.bad_access(code, slot, address, size, writes=status == Status.BAD_WRITE)

    def _last_slot(self, code: Code, slot: int) -> int:
        """The instruction for which there was no fuel, of a block that begins at a slot."""
        for _ in range(self.state.signed[Word.ADDRESS]):
            slot = next_of(slot, code.slots[slot])
        return slot

    # Out of native code. STATUS is RAISED when Python is called; whoever goes on says so last of all.

    def _resume(self, execution: Execution, known: Known) -> None:
        """Set the words as native code needs them, which goes on then."""
        words = self.state.signed
        self.state.take(execution)
        words[_DEEPEST] = execution.depth_before + DEEPEST
        words[_CODE], words[_TABLES] = known.number, known.tables.address
        words[_STATUS] = 0

    def _inside(self) -> tuple[Execution, Known]:
        """What runs in native code, as Python is to see it."""
        execution, known = self._execution, self._running
        assert execution is not None, "native code runs"
        assert known is not None, "native code runs"
        self.state.give(execution)
        self.tell_time()
        return execution, known

    def tell_time(self) -> None:
        """Set the machine's clock to what native code has."""
        if self.tells_time:
            self._machine.clock = self.state.unsigned[_CLOCK]

    def _call_helper(self, number: int, slot: int) -> int:
        try:
            self.tell_time()
            helper = self._machine.helpers.get(number)
            execution, known = self._execution, self._running
            assert execution is not None, "native code runs"
            assert known is not None, "native code runs"
            if helper is None or helper is not self._light.get(number) or execution.lock or slot >= BY_REGISTER:
                return self._call_any(number, slot)
            execution.code, execution.slot, execution.arguments = known.code, slot, self._arguments
            result = helper(execution, *self._arguments) & U64
            words = self.state.signed
            if self._machine.has_to_tidy:
                words[_TOUCHED] = 1
            words[_STATUS] = 0
        except BaseException as problem:  # noqa: BLE001 - it is raised where native code was called
            return self._keep(problem)
        return result

    def _call_any(self, number: int, slot: int) -> int:
        """Call a helper that may look at the run and change it, and call functions of the program."""
        execution, known = self._inside()
        self.show()
        self.state.signed[_TOUCHED] = 1
        if slot >= BY_REGISTER:
            slot -= BY_REGISTER
            for register in range(1, arity(number) + 1):
                if not self.state.signed[_WRITTEN] >> register & 1:
                    raise execution.not_written(known.code, slot, register)
        result = execution.call_helper(number, tuple(self._arguments), known.code, slot)
        self._resume(execution, known)
        return result

    def _tail_call(self, slot: int) -> int:
        try:
            execution, known = self._inside()
            return self._go_to(execution, known, slot % BY_REGISTER)
        except BaseException as problem:  # noqa: BLE001 - as above
            return self._keep(problem)

    def _go_to(self, execution: Execution, known: Known, slot: int) -> int:
        """Run the program that a tail call goes to: it takes the place of the function that called it."""
        words = self.state.unsigned
        words[_TOUCHED] = 1
        context, of, index = words[Word.REGISTERS + 1 : Word.REGISTERS + 4]
        given = words[_WRITTEN] & 2
        execution.code, execution.slot = known.code, slot
        code = execution.tail_call(of, index & U32)
        if code is None:
            self._resume(execution, known)
            self.state.signed[_STATUS] = Status.NOT_TAKEN
            return 0
        if not given:
            raise execution.not_written(known.code, slot, 1)
        execution.leave()
        result, ended = self._enter(execution, self.known(code), 0, (context,))
        self._resume(execution, known)
        if ended:
            self.state.signed[_STATUS] = Status.ENDED
        return result

    def _load_packet(self, offset: int, size: int, _slot: int) -> int:
        try:
            execution, known = self._inside()
            self.show()
            self.state.signed[_TOUCHED] = 1
            data = execution.context.packet_bytes(offset, size)
            self._resume(execution, known)
        except BaseException as problem:  # noqa: BLE001 - as above
            return self._keep(problem)
        if data is None:
            self.state.signed[_STATUS] = Status.ENDED
            return 0
        return int.from_bytes(data, "big")

    def _make_frame(self, depth: int) -> int:
        try:
            block = self._machine.frame(depth)
            block.describe = lambda _: (f"the stack of {self._function_of(depth)}", 0, STACK)
            self.state.set_frame(depth, block.address)
            self.state.signed[_STATUS] = 0
        except BaseException as problem:  # noqa: BLE001 - as above
            return self._keep(problem)
        return block.address

    def _keep(self, raised: BaseException | None) -> int:
        """Keep an exception until native code is left: it may have run within what has raised it."""
        self._raised = raised
        self.state.signed[_STATUS] = Status.RAISED
        return 0

    def _function_of(self, depth: int) -> str:
        """The function that the frame of a depth was entered by last."""
        number, slot = divmod(self.state.entered_by(depth), MOST_SLOTS)
        code = self._codes.get(number)
        return "a program that is closed" if code is None else code.function_at(slot)

    def _take(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Keep an exception that came before a callback had begun, as that of a signal can."""
        # Python 3.13 and newer name the function in a text.
        named = unraisable.object is None and (unraisable.err_msg or "").endswith(self._named)
        if unraisable.object in self._functions or named:
            self._keep(unraisable.exc_value)
        else:
            self._hook(unraisable)


def _callback(make: Any, function: Callable[..., int]) -> Any:
    return make(function)


def _nothing() -> None:
    """What an engine does where nothing is to be done."""
