"""Counters: numbers that kernel code adds to and user code reads, without a system call."""

from __future__ import annotations

import sys

from osmia.layout import ArrayLayout, IntegerLayout
from osmia.maps.globals import Variable
from osmia.types import u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from osmia.layout import Layout
    from osmia.maps.backend import MapBackend

SLOTS = 512
"""Numbers of a PerCpuCounter. CPUs from 511 on share the last one."""
SLOT_SIZE = 64
"""A cache line, in bytes: two CPUs never write to the same one."""
NUMBERS_A_SLOT = SLOT_SIZE // 8


class Counter(Variable):
    """A count that all CPUs add to, each time atomically (in kernel code 6 to 8 ns; since Linux 5.5).

    It is exact, whatever interrupts what, and costs more the more CPUs add to it at a time: PerCpuCounter does not.
    """

    _cell: Any
    """The number, in memory; None until it is asked for."""

    def __init__(self, *, name: str = "") -> None:
        """Declare a counter that starts at 0, whose name is the variable's unless `name` says."""
        _declare(self, IntegerLayout(_U64), name)

    @property
    def value(self) -> int:
        """The count, which wraps at 64 bits. NotLoadedError if it is not live."""
        cell = self._cell
        if cell is None:
            cell = self._cell = self.backend.memory()[self.offset : self.offset + 8].cast("Q")
        return cell[0]  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self.value

    def add(self, amount: int = 1, /) -> None:  # noqa: ARG002 - kernel code's
        """In kernel code: add a number that is not negative."""
        _in_kernel_code(self)

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return "counter", self.name

    def _use(self, backend: MapBackend) -> None:
        self._backend = backend
        self._cell = None


class PerCpuCounter(Variable):
    """A count that each CPU keeps its own part of (since Linux 5.5).

    The parts are in memory that user code reads without a system call. A program that interrupts another one in the
    middle of its addition to the same counter on the same CPU can lose that one addition, as in a per-CPU map: take a
    Counter for what both, say, a packet's program and one on every system call add to. CPUs from number 511 on share
    one part, atomically.
    """

    _numbers: Any
    """The memory, as numbers of 64 bits; None until it is asked for."""
    _parts: Any
    """Of those, each CPU's."""
    _two: bool
    """Whether there are two CPUs."""

    def __init__(self, *, name: str = "") -> None:
        """Declare a counter that starts at 0, whose name is the variable's unless `name` says."""
        _declare(self, ArrayLayout(ArrayLayout(IntegerLayout(_U64), NUMBERS_A_SLOT), SLOTS), name)

    @property
    def value(self) -> int:
        """The count of all CPUs. NotLoadedError if it is not live."""
        numbers = self._numbers
        if numbers is None:
            numbers = self._open()
        # The common small machines first: `sum` takes longer than reading two numbers.
        return numbers[0] + numbers[8] if self._two else sum(self._parts)

    def per_cpu(self) -> dict[int, int]:
        """The parts, by the CPU's number. Of a machine with more than 512 CPUs, 511 stands for the rest."""
        if self._numbers is None:
            self._open()
        last = self.backend.cpu_numbers[-1]
        cpus = (cpu for cpu in self.backend.cpu_numbers if cpu < SLOTS - 1)
        parts = {cpu: self._numbers[cpu * NUMBERS_A_SLOT] for cpu in cpus}
        return parts if last < SLOTS - 1 else parts | {SLOTS - 1: self._numbers[(SLOTS - 1) * NUMBERS_A_SLOT]}

    def __int__(self) -> int:
        return self.value

    def add(self, amount: int = 1, /) -> None:  # noqa: ARG002 - kernel code's
        """In kernel code: add a number that is not negative to this CPU's part."""
        _in_kernel_code(self)

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return "counter per CPU", self.name, SLOTS

    def _use(self, backend: MapBackend) -> None:
        self._backend = backend
        self._numbers = self._parts = None

    def _open(self) -> Any:
        """Take the memory, when it is first asked for."""
        used = min(self.backend.cpu_numbers[-1] + 1, SLOTS)
        numbers = self.backend.memory()[self.offset : self.offset + SLOTS * SLOT_SIZE].cast("Q")
        self._two, self._parts = used == 2, numbers[: used * NUMBERS_A_SLOT : NUMBERS_A_SLOT]
        self._numbers = numbers
        return numbers


_U64: Any = u64


def _declare(counter: Any, layout: Layout, name: str) -> None:
    # The frame of who called the class.
    counter._declare_here("a counter", name, sys._getframe(2))  # noqa: SLF001
    counter.of, counter.layout = u64, layout
    counter.contents, counter.offset = bytes(layout.size), 0
    counter._start()  # noqa: SLF001


def _in_kernel_code(counter: Variable) -> NoReturn:
    raise TypeError(f"{counter.subject}: add() is for kernel code: user code reads what programs count, `.value`")
