"""What tests run programs in: the user-space runtime or the kernel, both asked in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self, SupportsBytes

from osmia.errors import ObjectError, shown
from osmia.kernel import THE_KERNEL
from osmia.links import attached_now
from osmia.logs import RING
from osmia.maps.reading import Reading
from osmia.programs.machine import Machine, loading_into, names_to_close
from osmia.programs.program import KEPT, MACHINES, PacketProgram, Program
from osmia.testing.last_runs import begun
from osmia.testing.log_capture import LogCapture
from osmia.testing.runs import Run
from osmia.testing.snapshots import Snapshot

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from osmia.links import Link
    from osmia.programs.run_result import RunResult

Packet = bytes | bytearray | memoryview | SupportsBytes
"""What programs are run on: bytes, or what `osmia.testing.packets` makes."""

ACTIVE: list[Engine] = []
"""The engines in whose blocks we are, the innermost last."""


class Engine(Protocol):
    """What `Vm` and `Kernel` have in common: a test that takes `engine` is given one of them."""

    name: str
    """`vm` or `kernel`."""
    last: Run | None
    """What was run last, for the text of a failed test."""
    captured: LogCapture

    def run(self, program: Program[Any, Any], packet: Packet | None = None, /, **context: object) -> RunResult[Any]:
        """Run a program once; it is loaded if it is not. `context` are members of its context, by the kernel's names.

        The kernel takes no context, and runs only programs that are given packets.
        """

    @property
    def logs(self) -> list[logging.LogRecord]:
        """What programs have logged in this test, as records of `logging`."""
        return self.captured.all()

    @property
    def messages(self) -> list[str]:
        """What programs have logged in this test, as texts."""
        return [record.getMessage() for record in self.logs]

    def events(self, ring: Reading[Any]) -> list[Any]:
        """Take out the events that are in a ring, or in a PerfEventArray, now."""
        if not isinstance(ring, Reading):
            raise TypeError(f"events() takes a ring of events, a RingBuf or a PerfEventArray, not {shown(ring)}")
        found = []
        while (event := ring.read(0)) is not None:
            found.append(event)
        return found

    def _logged(self) -> int:
        """How many records there are, as far as that is known without waiting."""
        return len(self.captured.records)

    def _printed(self) -> list[str]:
        """What programs have written to the trace pipe, as far as it comes here."""
        return []

    def _said(self, logged: int, printed: int) -> list[str]:
        """What was logged and printed from then on."""
        return [
            *(f"logged: {text}" for text in self.messages[logged:]),
            *(f"printed: {text.rstrip()}" for text in self._printed()[printed:]),
        ]

    def _settle(self, failed: object) -> None:
        """Have the last run say what it says before its program is closed, where a test has failed."""
        if failed is not None and self.last is not None:
            self.last.settled = self.last.lines()

    def _took(
        self,
        program: Program[Any, Any],
        packet: Packet | None,
        context: dict[str, object],
        run: Callable[[], RunResult[Any]],
    ) -> RunResult[Any]:
        """Run, and keep what a failed test says of it."""
        taken = self._begun(program, None if packet is None else _bytes(packet), context)
        taken.result = run()
        return taken.result

    def _begun(self, program: Program[Any, Any], packet: bytes | None, context: dict[str, object]) -> Run:
        """What is run from now on."""
        printed = len(self._printed())
        logged = self._logged()
        before = Snapshot(program.shared)
        self.last = Run(
            self.name, program, packet, context, before, lambda: self._said(logged, printed), program.backend
        )
        begun(self, self.last, ACTIVE)
        return self.last

    def replaying(self, program: PacketProgram[Any, Any]) -> Callable[[Packet, RunResult[Any] | None], None]:
        """What `replay()` tells of each packet, before and after it is run: it is what was run last."""
        run = self._begun(program, b"", {})

        def tell(packet: Packet, result: RunResult[Any] | None) -> None:
            run.packet, run.result, run.number = _bytes(packet), result, run.number + (result is None)

        return tell


class Vm(Machine, Engine):
    """A machine of the user-space runtime for one test: in its block declared programs and maps are live in it.

    A run that goes well here does not say that the kernel's verifier accepts the program.
    """

    name = "vm"

    def __init__(self, **options: Any) -> None:
        """Make an empty machine; the options are those of `osmia.Machine`."""
        super().__init__(**options)
        self.last = None
        self.captured = LogCapture()

    def run(self, program: Program[Any, Any], packet: Packet | None = None, /, **context: object) -> RunResult[Any]:
        """Run a program once; it is loaded into the machine if it is not.

        `packet` is what it is given, of a kind that has packets; `context` are members of its context, by the kernel's
        names. VmError for what it does that it may not.
        """
        _check_program("vm.run()", program)
        self._loaded(program)
        return self._took(program, packet, context, lambda: super(Vm, self).run(program, packet, **context))

    def _logged(self) -> int:
        return len(self.logs)

    def _printed(self) -> list[str]:
        return self.trace

    def __repr__(self) -> str:
        return f"<the user-space runtime, {self.engine.name}>"

    def __enter__(self) -> Self:
        self.captured.begin()
        super().__enter__()
        ACTIVE.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        self._settle(exception[0])
        ACTIVE.remove(self)
        try:
            super().__exit__(*exception)
        finally:
            self.captured.end()


class Kernel(Engine):
    """The kernel, for one test: what declared programs load in its block is closed at the end of it.

    What is attached in its block is detached then, too.
    """

    name = "kernel"

    def __init__(self) -> None:
        self.last = None
        self.captured = LogCapture()
        self._kept: list[Any] = []
        self._machines: list[Machine] = []
        self._attached_before: frozenset[Link] = frozenset()

    def run(self, program: Program[Any, Any], packet: Packet | None = None, /, **context: object) -> RunResult[Any]:
        """Run a program once on a packet (BPF_PROG_TEST_RUN); it is loaded if it is not.

        TypeError for a program that is not given packets, or a context: the kernel's own test runs take none.
        ObjectError for a program that is loaded into a machine.
        """
        _check_program("kernel.run()", program)
        if not isinstance(program, PacketProgram):
            raise TypeError(
                f"kernel.run() takes a program that the kernel test-runs; {program.name}, of kind {program.kind.name}, "
                "is none, and can be run in vm"
            )
        if packet is None:
            raise TypeError(f"kernel.run() takes a program and a packet; {program.name} can be run in vm without one")
        if context:
            raise TypeError(
                f"kernel.run() takes no context, and is given {', '.join(context)}: run {program.name} in vm with it"
            )
        with loading_into():
            program.load()
        if program.place is not THE_KERNEL:
            raise ObjectError(
                f"kernel.run() runs what is loaded into the kernel, and {program.name} is loaded into a machine: "
                f"close {names_to_close(program)}, and kernel.run() loads it into the kernel"
            )
        return self._took(program, packet, context, lambda: program.test_run(packet))

    def close(self) -> None:
        """Close the programs and maps that were declared and loaded, with what the programs share."""
        for each in self._kept:
            if each.name == RING:  # the ring of logs is the process's, and ends with the last program that logs
                continue
            shared = each.shared if isinstance(each, Program) else ()
            each.close()
            for declared in shared:
                declared.close()
        self._kept.clear()

    def __repr__(self) -> str:
        return "<the kernel>"

    def __enter__(self) -> Self:
        self.captured.begin()
        # In a machine's block, what is asked of the kernel is not the machine's.
        self._machines, MACHINES[:] = [*MACHINES], []
        self._attached_before = attached_now()
        KEPT.append(self._kept)
        ACTIVE.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        self._settle(exception[0])
        ACTIVE.remove(self)
        KEPT.remove(self._kept)
        MACHINES[:0] = self._machines
        try:
            for link in attached_now() - self._attached_before:
                link.detach()
            self.close()
        finally:
            self.captured.end()


def _check_program(what: str, program: object) -> None:
    if not isinstance(program, Program):
        raise TypeError(f"{what} takes a program, not {shown(program)}")


def _bytes(packet: object) -> bytes:
    """What is shown of a packet; the engine refuses what is none."""
    if isinstance(packet, (bytes, bytearray, memoryview)) or hasattr(type(packet), "__bytes__"):
        return bytes(packet)  # type: ignore[call-overload, no-any-return]
    return b""
