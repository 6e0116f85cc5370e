"""Timers in the values of maps: they come due as the machine's clock is moved."""

from __future__ import annotations

import errno

from osmia.errors import VmError
from osmia.record import record
from osmia.vm.contexts import Context
from osmia.vm.memory import READ_ONLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.code import Code
    from osmia.vm.execution import Execution
    from osmia.vm.machine import Machine
    from osmia.vm.maps import VmMap
    from osmia.vm.program import VmProgram

SIZE = 16
"""The bytes of struct bpf_timer."""
CLOCKS = (0, 1, 7)
"""CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME."""
ABSOLUTE, PINNED = 1, 2
"""BPF_F_TIMER_ABS, BPF_F_TIMER_CPU_PIN."""
MOST_AT_ONCE = 10_000
"""So often a timer may start itself without any time going by."""


@record
class Timer:
    """A timer that was made by timer_init."""

    map: VmMap
    key: bytes
    clock: int
    callback: int = 0
    """The address of its function; 0 where none was set."""
    code: Code | None = None
    program: VmProgram | None = None
    """Where that function is."""
    holds: VmProgram | None = None
    """The program that the code is of: it stays as long as the function may be called."""
    due: int | None = None
    """When it fires, on the machine's clock; None while it is not started."""
    order: int = 0
    """Of those that are due at one time: which was started first."""


class Timers:
    """All timers of a machine, by their address."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._timers: dict[int, Timer] = {}
        self._started = 0
        self._firing = 0

    def make(self, run: Execution, address: int, of: VmMap, flags: int) -> int:
        """timer_init."""
        key = key_at(of, address, run.machine.cpu)
        if key is None:
            raise run.fault("helper", f"timer_init's timer lies in no value of '{of.name}', the map that it is given")
        if flags not in CLOCKS:
            return -errno.EINVAL
        known = self._timers.get(address)
        if known is not None and known.key == key and self._lies_there(known, address):
            return -errno.EBUSY
        if known is not None:
            _unset(known)
        self._timers[address] = Timer(of, key, flags)
        return 0

    def set_callback(self, run: Execution, address: int, callback: int) -> int:
        """timer_set_callback."""
        timer = self._timers.get(address)
        if timer is None:
            return -errno.EINVAL
        _unset(timer)
        timer.callback, timer.code, timer.program = callback, run.code, run.program
        timer.holds = run.machine.program_of(run.code)
        if timer.holds is not None:
            timer.holds.holders.take()
        return 0

    def start(self, address: int, nanoseconds: int, flags: int) -> int:
        """timer_start."""
        timer = self._timers.get(address)
        if flags & ~(ABSOLUTE | PINNED) or timer is None or not timer.callback:
            return -errno.EINVAL
        now = self._machine.clock
        since = self._machine.epoch if timer.clock == 0 else 0
        timer.due = max(nanoseconds - since, now) if flags & ABSOLUTE else now + nanoseconds
        self._started += 1
        timer.order = self._started
        return 0

    def cancel(self, address: int) -> int:
        """timer_cancel: 1 if it was started."""
        timer = self._timers.get(address)
        if timer is None:
            return -errno.EINVAL
        if self._firing == address:
            return -errno.EDEADLK
        started = timer.due is not None
        timer.due = None
        _unset(timer)
        return int(started)

    def forget(self, of: VmMap) -> None:
        """Those in a map that user code has let go of are over."""
        for address in [address for address, timer in self._timers.items() if timer.map.number == of.number]:
            _unset(self._timers.pop(address))

    @property
    def waiting(self) -> int:
        """How many are started."""
        return sum(timer.due is not None for timer in self._timers.values())

    def run_until(self, clock: int) -> None:
        """Move the clock, and fire what comes due on the way, in the order of time."""
        at_once = 0
        while True:
            due = [
                (timer.due, timer.order, address) for address, timer in self._timers.items() if timer.due is not None
            ]
            when, _, address = min(due, default=(clock + 1, 0, 0))
            if when > clock:
                break
            at_once = at_once + 1 if when == self._machine.clock else 0
            if at_once > MOST_AT_ONCE:
                raise VmError(
                    f"a timer of map '{self._timers[address].map.name}' starts itself {MOST_AT_ONCE} times without any "
                    "time going by"
                )
            self._machine.clock = max(when, self._machine.clock)
            self._fire(address)
        self._machine.clock = clock

    def _fire(self, address: int) -> None:
        """Run a timer's function with its map, the key and the value that it lies in."""
        from osmia.vm.execution import Execution

        machine, timer = self._machine, self._timers[address]
        timer.due = None
        if not self._lies_there(timer, address):  # its value was deleted, or another one is there
            _unset(self._timers.pop(address))
            return
        assert timer.code is not None, "it was started with a function"
        assert timer.program is not None, "it was started with a function"
        code, callback = timer.code, timer.callback
        context = Context(machine, timer.program, ())
        key = machine.memory.allocate(len(timer.key), f"key of '{timer.map.name}'", state=READ_ONLY)
        machine.memory.data[key.address : key.address + key.size] = timer.key
        execution = Execution(machine, timer.program, context, machine.engine, machine.fuel)
        execution.code = code
        value = timer.map.address_of(timer.key, machine.cpu)
        self._firing = address
        try:
            machine.execute_function(
                execution, lambda: execution.call_function(callback, timer.map.handle, key.address, value)
            )
        finally:
            self._firing = 0
            machine.memory.free(key)
            context.close()

    def _lies_there(self, timer: Timer, address: int) -> bool:
        """Whether the value that a timer was made in is still at its key."""
        place = timer.map.address_of(timer.key, self._machine.cpu)
        return place <= address <= place + timer.map.value_size - SIZE if place else False


def _unset(timer: Timer) -> None:
    """A timer has no function any more."""
    if timer.holds is not None:
        timer.holds.holders.drop()
    timer.callback, timer.code, timer.program, timer.holds = 0, None, None, None


def key_at(of: VmMap, address: int, cpu: int) -> bytes | None:
    """The key whose value a timer lies in; None where there is none."""
    if of.kind.kernel_name == "ARRAY":  # its values stand in a row
        first, second = (of.address_of(index.to_bytes(4, "little"), cpu) for index in (0, 1))
        stride = second - first if second else of.value_size
        index = (address - first) // stride
        candidates = [index.to_bytes(4, "little")] if 0 <= index < of.max_entries else []
    else:
        candidates = [*of.all_keys()]
    for key in candidates:
        place = of.address_of(key, cpu)
        if place and place <= address <= place + of.value_size - SIZE:
            return key
    return None
