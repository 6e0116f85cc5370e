"""A machine is what the kernel is elsewhere: it holds maps, programs, a clock, CPUs, and runs programs."""

from __future__ import annotations

import random
from _thread import RLock
from collections import deque

from osmia.abi.instruction import SLOT
from osmia.btf.read import Btf
from osmia.errors import ObjectError, VmError, shown
from osmia.loader import link
from osmia.loader.load import LoadedObject, chosen, maps_of, reached_by
from osmia.loader.maps import fill_slots
from osmia.spec import FIRST_MARK
from osmia.vm.code import calls_of, decode, line_at, name_of_helper
from osmia.vm.contexts import build
from osmia.vm.engine import engine_of
from osmia.vm.execution import STACK, Execution
from osmia.vm.faults import named, raise_at_line
from osmia.vm.helpers import all_helpers
from osmia.vm.helpers.arguments import row_of
from osmia.vm.locks import drop_lock, not_unlocked
from osmia.vm.many import batch_of
from osmia.vm.maps import VmMap, create_map
from osmia.vm.maps.fields import NO_FIELDS, fields_of
from osmia.vm.marks import read_marks
from osmia.vm.memory import FREED, Memory
from osmia.vm.program import Done, VmProgram
from osmia.vm.references import check_all_given_back, drop_all
from osmia.vm.surroundings import Surroundings
from osmia.vm.timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, Self

    from osmia.kinds import Kind
    from osmia.loader import Reach
    from osmia.spec import FunctionSpec, MapSpec, ObjectSpec
    from osmia.vm.code import Code
    from osmia.vm.many import ManyRuns, Packets, Timed
    from osmia.vm.maps.fields import Fields
    from osmia.vm.maps.rings import Record
    from osmia.vm.memory import Block

    Writer = tuple[Code, int] | None

FUEL = 100_000_000
MOST_CPUS = 4096
_SECOND = 1_000_000_000
START = 1_000 * _SECOND
"""What the clock shows when a machine is made: a kernel has run for a while."""
_LAST = (1 << 63) - 1
"""The last time that a kernel's clock shows."""


class Machine(Surroundings):
    """A machine of the user-space runtime. One thread at a time runs programs on it."""

    def __init__(
        self,
        *,
        engine: str | None = None,
        debug: bool = False,
        cpus: int = 1,
        seed: int = 0,
        fuel: int = FUEL,
        allow_uninitialised: bool = False,
    ) -> None:
        """Make an empty machine.

        `engine` is `interpreter`, `python` or `jit`, which is native code and needs llvmlite; or `auto`: `jit` where
        llvmlite is there, and `python` where it is not. `debug` compiles programs for debugging: the engine is
        `python` then, lines are run one after the other, and locals have their names; ValueError for another engine.
        `seed` is of its random numbers; `fuel` is how many instructions a run may take; `allow_uninitialised` lets
        programs read what they never wrote, as the kernel lets root's.
        """
        _check_numbers(cpus=cpus, seed=seed, fuel=fuel)
        if not 1 <= cpus <= MOST_CPUS:
            raise ValueError(f"a machine has 1 to {MOST_CPUS} CPUs, not {cpus}")
        if debug and engine not in (None, "python"):
            raise ValueError(f"a machine that debugs has the engine 'python', not {engine!r}")
        super().__init__(Memory())
        self.cpus = cpus
        self._cpu = 0
        self.clock = START
        """The virtual clock, in nanoseconds; it stands still unless it is moved."""
        self.random = random.Random(seed)  # noqa: S311 - it shall be the same each time
        self.fuel = fuel
        self.allow_uninitialised = allow_uninitialised
        self.lock = RLock()
        """Who runs a program, or changes a map, holds it."""
        self.maps: dict[int, VmMap] = {}
        self.programs: dict[int, VmProgram] = {}
        self.helpers: dict[int, Callable[..., int]] = all_helpers()
        self.timers = Timers(self)
        self.records: dict[int, Record] = {}
        """Records of ring buffers that are reserved, by the address that programs have."""
        self.value_blocks: dict[int, VmMap] = {}
        """By the address of memory for values: the map that they are of."""
        self.ended = False
        """Whether it was closed."""
        self.after_run: list[Callable[[], None]] = []
        """What is done when a program has ended, and none runs any more."""
        self.running: list[Execution] = []
        """The runs that are in progress: more than one where a program makes another one run."""
        self._by_handle: dict[int, VmMap] = {}
        self._number = 0
        self._frames: list[Block] = []
        self._later: list[Callable[[], None]] = []
        self._let_go: deque[Callable[[], None]] = deque()
        """What is to be let go of when no program runs."""
        self.debug = debug
        """Whether what is compiled for it tells of its lines and locals."""
        self.engine = engine_of(engine or ("python" if debug else "interpreter"), self)

    @property
    def cpu(self) -> int:
        """The CPU that programs run on, 0 unless set. ValueError for one that the machine does not have."""
        return self._cpu

    @cpu.setter
    def cpu(self, number: int) -> None:
        _check_numbers(cpu=number)
        if not 0 <= number < self.cpus:
            has = f"the CPUs 0 to {self.cpus - 1}" if self.cpus > 1 else "the CPU 0 alone"
            raise ValueError(f"this machine has {has}, not {number!r}: cpus=, where it is made, says how many")
        self._cpu = number

    def __str__(self) -> str:
        """What error texts call it."""
        return "a machine of the user-space runtime"

    def close(self) -> None:
        """Let go of everything in it."""
        self.ended = True
        self._let_go.clear()
        for program in self.programs.values():
            program.close()
        for each in self.maps.values():
            each.close()
            each.release()
        self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # Loading

    def load_object(
        self,
        spec: ObjectSpec,
        *,
        reuse: Mapping[str, Any] | None = None,
        programs: Iterable[str] | None = None,
        path_of: Callable[[str], str] | None = None,
    ) -> LoadedObject:
        """Load programs of an object, and make the maps that they reach: as `loader.load.load_object` does.

        ObjectError for an object that asks for what the runtime does not have: the text lists all of it.
        """
        names, reached = reached_by(spec, chosen(spec, programs))
        self._check(spec, names, reached)
        loaded = LoadedObject(spec.name)
        try:
            self._bring_in(spec, loaded, names, reached, reuse or {}, path_of or str)
        except BaseException:
            loaded.close()
            raise
        return loaded

    def _bring_in(
        self,
        spec: ObjectSpec,
        loaded: LoadedObject,
        names: list[str],
        reached: dict[str, Reach],
        given: Mapping[str, Any],
        path_of: Callable[[str], str],
    ) -> None:
        """Make the maps, and load the programs."""
        btf = Btf(spec.btf, spec.name) if spec.btf else None
        for name in maps_of(spec, reached):
            if name in given:
                loaded.add_map(name, self._own(given[name], name), own=False)
            else:
                fields = fields_of(btf, spec.maps[name].btf_value_type_id)
                made = self.create_map(spec.maps[name], fields)
                made.btf = btf
                loaded.add_map(name, made, own=True)
        numbers = {name: live.entry for name, live in loaded.maps.items()}
        for name in names:
            program = self._load(spec, name, reached[name], numbers, path_of)
            loaded.add_program(program)
            for each in reached[name].maps:
                program.uses(self.maps[numbers[each]])
        numbers |= {name: program.entry for name, program in loaded.programs.items()}
        for name, live in loaded.maps.items():
            if name not in given:
                fill_slots(spec.maps[name], live, numbers)

    def create_map(self, spec: MapSpec, fields: Fields = NO_FIELDS) -> VmMap:
        """Make a map, whose values hold these locks and timers.

        ObjectError for a type that the runtime does not have, KernelError for sizes that the kernel would not take.
        """
        self.tidy()
        made = create_map(self, self._next_number(), spec, fields)
        self.maps[made.number] = self._by_handle[made.handle] = made
        return made

    def _load(
        self, spec: ObjectSpec, name: str, need: Reach, numbers: Mapping[str, int], path_of: Callable[[str], str]
    ) -> VmProgram:
        linked = link(spec, need.functions, numbers)
        code = decode(
            name,
            bytes(linked.instructions),
            linked.lines,
            lambda number: self.maps[number].handle,
            lambda number: self.maps[number].values_address(),
            functions=_starts(need),
            path_of=path_of,
            marks=read_marks(spec.marks) if spec.marks else (),
        )
        of = spec.programs[name]
        if of.kind is None:
            raise ObjectError(f"{spec.name}: '{name}' (section '{of.section}') is of no kind of program")
        made = VmProgram(self, self._next_number(), name, of.kind, of.section, code)
        made.arguments = (spec.arguments or {}).get(name, [])
        made.fields = (spec.context_fields or {}).get(name, [])
        self.programs[made.entry] = made
        return made

    def _check(self, spec: ObjectSpec, names: list[str], reached: Mapping[str, Reach]) -> None:
        """Refuse an object whose programs call what is not there, or not for them: all of it in one list."""
        absent = [
            f"\n  {each}"
            for name in names
            for function in reached[name].functions
            for each in self._lacking(spec, function, spec.programs[name])
        ]
        if absent:
            raise ObjectError(
                f"{spec.name}: the user-space runtime does not have what its programs ask for:{''.join(absent)}"
            )

    def _lacking(self, spec: ObjectSpec, function: FunctionSpec, program: FunctionSpec) -> Iterator[str]:
        """What a function calls, for a program, that is not there, or not for it."""
        marks = range(FIRST_MARK, FIRST_MARK + len(spec.marks or ()))
        helpers, of_kernel = calls_of(function.instructions)
        for number, slot in helpers.items():
            problem = "" if number in marks else self._absent(number, program.kind)
            if problem:
                yield f"{name_of_helper(number)}, which {problem} at {_place(function, slot, program)}"
        for number, slot in of_kernel.items():
            yield f"function {number} of a kernel (a kfunc), which is called at {_place(function, slot, program)}"

    def _absent(self, number: int, kind: Kind | None) -> str:
        """Why programs of a kind cannot call a helper; empty where they can, or somebody has put another one there."""
        if number not in self.helpers:
            return "is called"
        if kind is None or self.helpers[number] is not all_helpers().get(number) or kind.name in row_of(number).kinds:
            return ""
        return f"programs of kind {kind.name} may not call, is called"

    def _own(self, backend: Any, name: str) -> VmMap:
        """A map that is live already, if it is live here."""
        if isinstance(backend, VmMap) and backend.machine is self:
            return backend
        where = "in another machine" if isinstance(backend, VmMap) else "in the kernel"
        raise ObjectError(f"map '{name}' is live {where}: close it before a program that uses it is loaded here")

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    # Running

    def run_packets(
        self,
        program: VmProgram,
        packets: Timed | Packets | Iterable[bytes],
        *,
        keep: bool = False,
        **fields: object,
    ) -> ManyRuns:
        """Run a program on packets, one after the other; with `keep` the result has them as it leaves them.

        Where they have times the clock goes as they do; the first of them is what it shows now, unless they say.

        VmError for a fault: `packet` of it says at which. The engine `jit` runs XDP programs in a loop of native code.
        """
        program.check_open()
        batch = batch_of(packets, self.clock)
        program.holders.take()
        try:
            with self.lock:
                return self.engine.run_packets(self, program, batch, keep, fields)
        finally:
            program.holders.drop()

    def run_packet(self, program: VmProgram, packet: bytes, **fields: object) -> tuple[int, bytes, int]:
        """Run a program on a packet: its result (32 bits), the packet after it, and the nanoseconds that went by."""
        done = self.run_once(program, packet, fields)
        return done.value, done.data, done.duration

    def run_once(self, program: VmProgram, packet: object = None, fields: Mapping[str, object] | None = None) -> Done:
        """Run a program of any kind, with what its context holds."""
        program.check_open()
        with self.lock:
            context = build(self, program, packet, fields or {})
            try:
                before = self.clock
                result = self.execute(Execution(self, program, context, self.engine, self.fuel))
                return Done(result & 0xFFFF_FFFF, context.frame, self.clock - before, context.fields())
            finally:
                context.close()

    def execute(self, execution: Execution) -> int:
        """Run a program to its end: its result, 64 bits of it."""
        return self.execute_function(execution, execution.run)

    def execute_function(self, execution: Execution, run: Callable[[], int]) -> int:
        """Run what is to be run in an execution: what it gives. VmError also for what it has not given back."""
        with self.lock:
            self.running.append(execution)
            try:
                result = run()
                if execution.references:
                    check_all_given_back(execution)
                if execution.lock:
                    raise not_unlocked(execution)
            except VmError as error:
                raise_at_line(error)
            else:
                return result
            finally:
                drop_all(execution)
                drop_lock(execution)
                self.running.pop()
                for block in self._frames[execution.depth_before : execution.depth]:
                    self.memory.paint(block.address, STACK, FREED)
                if not self.running:
                    for each in self._later:
                        each()
                    self._later.clear()
                    if self._let_go:
                        self.tidy()
                    for each in self.after_run:
                        each()

    @property
    def has_to_tidy(self) -> bool:
        """Whether something waits until no program runs."""
        return bool(self._later)

    def writer(self) -> Writer:
        """Who writes just now: where a program is, or None for user code."""
        if not self.running:
            return None
        run = self.running[-1]
        return run.code, run.slot

    def when_idle(self, do: Callable[[], None]) -> None:
        """Do something when no program runs: what it may have looked up stays until then."""
        if self.running:
            self._later.append(do)
        else:
            do()

    # Letting go

    def let_go(self, do: Callable[[], None]) -> None:
        """Let go of something when no program runs, in whatever thread."""
        self._let_go.append(do)
        self.tidy()

    def lost(self, do: Callable[[], None]) -> None:
        """Let go of something some time later: this comes from the garbage collector, in the middle of whatever."""
        self._let_go.append(do)

    def tidy(self) -> None:
        """Let go of what waits for that. Where a program runs, it is done at its end."""
        if self.running or self.ended or not self.lock.acquire(blocking=False):
            return
        try:
            while self._let_go and not self.running:
                self._let_go.popleft()()
        finally:
            self.lock.release()

    def forget_map(self, gone: VmMap) -> None:
        """A map is not there any more."""
        del self.maps[gone.number], self._by_handle[gone.handle]

    def forget_program(self, gone: VmProgram) -> None:
        """A program is not there any more."""
        del self.programs[gone.number]
        self.engine.forget(gone.code)

    def program_of(self, code: Code) -> VmProgram | None:
        """The program that code is of, if it was loaded."""
        return next((each for each in self.programs.values() if each.code is code), None)

    # Time

    def advance(self, seconds: float) -> None:
        """Move the clock, and run what the timers that come due on the way are for.

        TypeError for what is no number, ValueError for one below 0, or beyond what a kernel's clock shows.
        """
        _check_seconds(seconds)
        self.advance_to(self.clock + round(seconds * _SECOND))

    def advance_to(self, clock: int) -> None:
        """Move the clock to a time in nanoseconds. ValueError for one that has gone by."""
        if clock < self.clock:
            raise ValueError(f"the clock shows {self.clock} ns and only goes forward, not to {clock}")
        with self.lock:
            self.timers.run_until(clock)

    def map_at(self, handle: int) -> VmMap:
        """The map that an address in code stands for."""
        found = self._by_handle.get(handle)
        if found is None:
            raise self.running[-1].fault(
                "helper", f"{named(self.memory, handle)} is given to a helper that wants a map"
            )
        return found

    def on_stack(self, address: int) -> bool:
        """Whether an address lies in the stack of a function that runs."""
        depth = self.running[-1].depth if self.running else 0
        return any(block.address <= address < block.address + STACK for block in self._frames[:depth])

    def frame(self, depth: int) -> Block:
        """The stack of the function at a depth."""
        while len(self._frames) <= depth:
            self._frames.append(self.memory.allocate(STACK, "a stack", state=FREED))
        return self._frames[depth]


def _check_numbers(**given: object) -> None:
    for name, value in given.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} of a machine is a number, not {shown(value)}")


def _check_seconds(given: object) -> None:
    from numbers import Real  # what NumPy has, too

    if not isinstance(given, Real) or isinstance(given, bool):
        raise TypeError(f"advance() takes seconds, a number, not {shown(given)}")
    if not 0 <= given <= _LAST / _SECOND:  # type: ignore[operator]  # numbers are compared
        raise ValueError(f"advance() takes 0 to {_LAST // _SECOND} seconds, as far as a clock goes, not {given}")


def _place(function: FunctionSpec, slot: int, program: FunctionSpec) -> str:
    """Where an instruction is, of a program or of what it calls."""
    line = line_at(function.lines, slot)
    where = f"{line.file}:{line.line}" if line else f"instruction {slot} of {function.name}"
    return f"{where}, in program {program.name}"


def _starts(need: Reach) -> tuple[tuple[int, str], ...]:
    """Where the functions of a linked program begin, and their names, without what osmia puts before them."""
    found, at = [], 0
    for function in need.functions:
        found.append((at, function.name.removeprefix(f"{need.functions[0].name}__")))
        at += len(function.instructions) // SLOT
    return tuple(found)
