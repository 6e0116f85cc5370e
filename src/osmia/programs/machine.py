"""A machine of the user-space runtime that declared programs and maps are loaded into."""

from __future__ import annotations

from contextlib import contextmanager

from osmia.errors import ObjectError, shown
from osmia.programs.program import MACHINES, Program, errors_of
from osmia.programs.run_result import RunResult
from osmia.vm import machine as vm
from osmia.vm.program import VmProgram

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator
    from typing import Any, Self

    from osmia.maps.declaration import Map
    from osmia.programs.machine_logs import MachineLogs
    from osmia.vm.many import ManyRuns, Packets, Timed


class Machine(vm.Machine):
    """Runs programs without a kernel and without root.

    In its `with` block declared programs are loaded into it when they are first used, and declared maps are live in it:
    `program.test_run(packet)` and `counts[0]` mean what they mean in the kernel. At the end of the block they are
    closed, and so is the machine. `osmia.load(x, engine=machine)` is the independent form.

    A run that goes well here does not say that the kernel's verifier accepts the program.
    """

    def __init__(
        self,
        *,
        engine: str | None = None,
        debug: bool = False,
        cpus: int = 1,
        seed: int = 0,
        fuel: int = vm.FUEL,
        allow_uninitialised: bool = False,
    ) -> None:
        """Make an empty machine.

        `engine` is `interpreter` (what it is unless that is said), `python`, `jit`, which is native code and needs
        llvmlite, or `auto`: `jit` where llvmlite is there, and `python` where it is not. `debug` is for debuggers:
        lines of a program are run one after the other, and its locals have their names. `cpus` is how many CPUs it
        has, `seed` is of its random numbers, `fuel` how many instructions a run may take. `allow_uninitialised` lets
        programs read what they never wrote, as the kernel lets root's.
        """
        super().__init__(
            engine=engine, debug=debug, cpus=cpus, seed=seed, fuel=fuel, allow_uninitialised=allow_uninitialised
        )
        self._held: list[Program[Any, Any]] = []
        self._logs: MachineLogs | None = None
        self._created: list[Map[Any, Any]] = []
        self._entered = False

    def run(self, program: Program[Any, Any], packet: Any = None, /, **context: object) -> RunResult[Any]:
        """Run a program once; it is loaded into the machine if it is not. Programs of every kind are run so.

        `packet` is what it is given, of a kind that has packets: bytes, from the Ethernet header on where the kernel's
        test run would take it so. Of a tracepoint it is the record as it lies in memory, if that is given at all.
        `context` are members of its context by the kernel's names, the fields of its tracepoint, or its arguments by
        its parameters' names (`args=[...]` for a raw tracepoint). VmError for what it does that it may not.
        """
        if not isinstance(program, Program):
            raise TypeError(f"run() takes a program, not {shown(program)}")
        loaded = self._loaded(program)
        given = bytes(packet) if hasattr(type(packet), "__bytes__") else packet
        done = self.run_once(loaded, given, context)
        returns = program.kind.returns_at(program.hook)
        errors = errors_of(program, done.value)
        return RunResult(program.name, returns, done.value, done.data, done.duration, errors, done.context)

    @property
    def logs(self) -> list[logging.LogRecord]:
        """What its programs have logged, as records of `logging`, which have been given to their loggers too."""
        return self.own_logs.records

    @property
    def own_logs(self) -> MachineLogs:
        """The ring that they log to, and who reads it."""
        if self._logs is None:
            from osmia.programs.machine_logs import MachineLogs

            self._logs = MachineLogs(self)
        return self._logs

    def run_many(
        self,
        program: Program[Any, Any],
        packets: Timed | Packets | Iterable[bytes],
        /,
        *,
        keep: bool = False,
        **context: object,
    ) -> ManyRuns:
        """Run a program on packets, one after the other, in order.

        `packets` are bytes each, or what has `memory`, `offsets` and `lengths`: one piece of memory, and arrays that
        say where each packet lies in it. Where that has `times` too, in nanoseconds (`osmia.pcap.frames()`), the first
        of them is what the clock shows now, the clock goes as they do, and timers fire that come due between packets.

        The result has a verdict for each, how often there was which, and, with `keep`, the packets as the program left
        them. `context` are members of its context, the same for all.

        With the engine `jit` an XDP program runs in a loop of native code. VmError for a fault: its `packet` says at
        which. ValueError for a packet that does not lie in its memory.
        """
        if not isinstance(program, Program):
            raise TypeError(f"run_many() takes a program, not {shown(program)}")
        done = self.run_packets(self._loaded(program), packets, keep=keep, **context)
        done.counts = {_action(program, verdict): count for verdict, count in done.counts.items()}
        return done

    def hold(self, program: Program[Any, Any]) -> None:
        """Take down that a declared program was loaded into this machine: it is closed with it."""
        self._held.append(program)

    def hold_map(self, declared: Map[Any, Any]) -> None:
        """Take down that a declared map was made in this machine without a program: it is closed with it."""
        self._created.append(declared)

    def close(self) -> None:
        """Close the programs and maps that were declared and are live in it, and let go of the rest."""
        for program in self._held:
            shared = program.shared
            program.close()
            for each in shared:
                each.close()
        for each in self._created:
            each.close()
        self._held.clear()
        self._created.clear()
        super().close()

    def __enter__(self) -> Self:
        MACHINES.append(self)
        self._entered = True
        return self

    def __exit__(self, *exception: object) -> None:
        MACHINES.remove(self)
        self._entered = False
        self.close()

    def _loaded(self, program: Program[Any, Any]) -> VmProgram:
        if not program.loaded:
            if not self._entered:
                raise ObjectError(
                    f"{program.name} is not loaded into this machine: run it in the machine's `with` block, or take it "
                    f"from osmia.load({program.name}, engine=machine)"
                )
            with loading_into(self):
                program.load()
        found = program.backend
        if isinstance(found, VmProgram) and found.machine is self:
            return found
        where = "another machine" if isinstance(found, VmProgram) else "the kernel, outside of a machine's block"
        needed = f"close {names_to_close(program)}, and it can be loaded into this one"
        raise ObjectError(f"{program.name} is loaded into {where}: {needed}")


@contextmanager
def loading_into(*machines: Machine) -> Iterator[None]:
    """Have declarations go into a machine, or into the kernel if none is given, whichever block is the innermost."""
    before, MACHINES[:] = [*MACHINES], machines
    try:
        yield
    finally:
        MACHINES[:] = before


def names_to_close(program: Program[Any, Any]) -> str:
    """What is closed before a program is loaded somewhere else: it goes there with what it shares."""
    return " and ".join(["it", *(each.subject for each in program.shared)])


def _action(program: Program[Any, Any], verdict: int) -> int:
    """A verdict as an action of the program's kind; the number itself where it is none."""
    try:
        action: int = RunResult(program.name, program.kind.returns, verdict, b"", 0).action
    except ValueError:
        return verdict
    return action
