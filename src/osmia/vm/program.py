"""A program that is loaded into a machine."""

from __future__ import annotations

from osmia.errors import NotLoadedError, VmError
from osmia.record import record
from osmia.vm.holding import Holders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from osmia.kinds import Kind
    from osmia.spec_details import ContextFieldSpec
    from osmia.vm.code import Code
    from osmia.vm.machine import Machine
    from osmia.vm.maps import VmMap


@record
class Done:
    """One run of a program, once it has ended."""

    value: int
    """What it returned, 32 bits of it."""
    data: bytes
    """The packet as it left it; empty where it was given none."""
    duration: int
    """The nanoseconds that went by on the machine's clock."""
    context: dict[str, object]
    """Its context as it left it, by the kernel's names."""


class VmProgram:
    """A loaded program."""

    def __init__(self, machine: Machine, number: int, name: str, kind: Kind, section: str, code: Code) -> None:
        self.machine = machine
        self.name = name
        self.kind = kind
        self.section = section
        self.code = code
        self.arguments: list[tuple[str, str]] = []
        """What it takes beside its context, where its kind has that: names and types, in their order."""
        self.fields: list[ContextFieldSpec] = []
        """What it reads of its tracepoint."""
        self.holders = Holders(machine.let_go, _nothing)
        """Who holds it."""
        self.holders.when_free(lambda: machine.forget_program(self))
        self.number = number
        self._closed = False

    def __repr__(self) -> str:
        return f"<VmProgram {self.name!r} ({self.kind.name}), {'closed' if self._closed else 'loaded'}>"

    @property
    def entry(self) -> int:
        """What stands for it in the entries of maps: its number in the machine."""
        self.check_open()
        return self.number

    @property
    def place(self) -> object:
        """Where it is."""
        return self.machine

    @property
    def fd(self) -> int:
        """There is no file descriptor: what asks for it wants to attach it, which a VmError refuses."""
        self._not_in_kernel("has no file descriptor")

    def test_run(self, data: bytes, repeat: int = 1) -> tuple[int, bytes, int]:
        """Run it on a packet: (return value, packet after the run, ns a run, of the machine's clock)."""
        result = (0, data, 0)
        for _ in range(repeat):
            result = self.machine.run_packet(self, data)
        return result

    def info(self) -> NoReturn:
        """The kernel does not know it: VmError."""
        self._not_in_kernel("is not known to the kernel")

    def close(self) -> None:
        """Let go of it. Maps that it is an entry of keep it, and timers whose function is in it."""
        if not self._closed:
            self._closed = True
            self.holders.close_handle()

    def uses(self, live: VmMap) -> None:
        """Hold a map that its code names."""
        live.holders.take()
        self.holders.when_free(live.holders.drop)

    def check_open(self) -> None:
        """NotLoadedError if it is closed."""
        if self._closed:
            raise NotLoadedError(f"program '{self.name}' is closed: load it again")

    def _not_in_kernel(self, what: str) -> NoReturn:
        self.check_open()
        raise VmError(
            f"program '{self.name}' {what}: it is loaded into the user-space runtime, which attaches to nothing; "
            "run it with run() of the machine, or load it into the kernel",
        )


def _nothing() -> None:
    """What is to be done where a program has no handle any more."""
