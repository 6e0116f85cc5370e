"""The reading end of rings in memory, one for each CPU: events of a CPU in their order, of all CPUs by turns."""

from __future__ import annotations

from _thread import RLock

from osmia.maps.events import NOTHING
from osmia.maps.one_reader import another_reader, keep_here, looked_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from osmia.maps.doorbell import Doorbell

# Where things lie in a CPU's ring: `layout_of_ring` in maps/fast_ring.py. All but the events in words of 8 bytes.
PRODUCED, LOST, NESTED = 0, 2, 3
CONSUMED, WAITING = 8, 9
EVENTS = 128
"""Of the first event, in bytes."""
AHEAD = 64
"""So many events of a CPU are looked at together, and given before those of the next one."""


class FastMemory:
    """The rings in memory, which stay valid as long as this is held."""

    __slots__ = ("data", "numbers")

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.numbers = data.cast("Q")
        """The same, as words: each is read and written whole."""


class FastReader:
    """What has been read of the rings, and what comes next.

    An event is taken out with one write of its ring's position, after all of it was read. So an error, or a signal
    handler that reads too, leaves the ring whole: each event is given once.
    """

    __slots__ = (
        "__weakref__",
        "_ats",
        "ahead",
        "at",
        "cpus",
        "decode",
        "doorbell",
        "dtype",
        "lock",
        "mask",
        "memory",
        "numpy",
        "size",
        "stride",
        "subject",
        "turn",
        "viewed",
        "words",
    )

    def __init__(
        self,
        data: memoryview,
        subject: str,
        shape: tuple[int, int, int, int],
        decode: Callable[[memoryview], list[Any]],
    ) -> None:
        """`shape`: how many rings, how long one is in bytes, how many events it has, how long one of them is."""
        self.memory = FastMemory(data)
        self.subject = subject
        """What error texts call it."""
        self.cpus, self.stride, entries, self.size = shape
        self.words = self.stride // 8
        self.mask = entries - 1
        self.decode = decode
        """What makes events of bytes that lie one behind the other."""
        self.lock = RLock()
        self.doorbell: Doorbell | None = None
        """What wakes who waits; None until somebody does."""
        self.turn = 0
        """The CPU whose events were given last."""
        self.at = 0
        """How many bytes this reader has taken."""
        self.ahead: list[Any] = []
        """The next events of that CPU, the last one first. They are in the ring until they are given out."""
        self.numpy: Any = None
        self.dtype: Any = None
        """NumPy and its dtype of an event, once they were asked for."""
        self.viewed = False
        """Whether somebody looks at the memory of the next events: nothing can be read then."""
        self._ats = [-1] * self.cpus
        keep_here(self)

    @property
    def pending(self) -> int:
        """How many bytes of events were not read yet."""
        return self.size * (self.count(PRODUCED) - self.count(CONSUMED))

    @property
    def ready(self) -> bool:
        """Whether there is an event now; where there is none, the descriptor will say when there is."""
        with self.lock:
            return self.pending > 0 or not self.rest()

    @property
    def restless(self) -> bool:
        """Whether the doorbell does not tell yet of all that comes."""
        return self.doorbell is None or not self.doorbell.settled

    def count(self, which: int) -> int:
        """The sum of a number of all rings."""
        return sum(self.memory.numbers[which : self.cpus * self.words : self.words])

    def arm(self) -> None:
        """Ask programs of all CPUs to ring at their next event."""
        numbers = self.memory.numbers
        for place in range(WAITING, self.cpus * self.words, self.words):
            numbers[place] = 1

    def rest(self) -> bool:
        """There was nothing to read. False where something came meanwhile."""
        return self.doorbell is None or self.doorbell.rest()

    def take(self) -> Any:
        """The next event; NOTHING where there is none."""
        numbers, ahead, cpu, ats = self.memory.numbers, self.ahead, self.turn, self._ats
        place = cpu * self.words + CONSUMED
        # Other threads and signal handlers come in where something is called: from here on to `pop` this is one step.
        if ahead and cpu == self.turn and numbers[place] == ats[cpu]:
            ats[cpu] = numbers[place] = ats[cpu] + 1
            self.at += self.size
            return ahead.pop()
        with self.lock:
            return self._take_first()

    def events(self, goes_on: Callable[[], bool]) -> Iterator[Any]:
        """The events that are there, one by one, until nothing is; `goes_on` says from time to time if it shall."""
        numbers, ahead, ats, size = self.memory.numbers, self.ahead, self._ats, self.size
        while goes_on():
            event = self.take()
            if event is NOTHING:
                return
            cpu = self.turn
            place = cpu * self.words + CONSUMED
            yield event
            while True:
                # As in `take`. No condition of the loop's: others come in where one jumps back, after it is found true.
                if not ahead or cpu != self.turn or numbers[place] != ats[cpu]:
                    break
                ats[cpu] = numbers[place] = ats[cpu] + 1
                self.at += size
                yield ahead.pop()

    def _take_first(self) -> Any:
        """The same, where nothing was decoded ahead: from the CPU after the last one, which has had its turn."""
        while True:
            for number in range(1, self.cpus + 1):
                cpu = (self.turn + number) % self.cpus
                at, count = self.run(cpu, AHEAD)
                if count <= 0:
                    continue
                place = self.place(cpu, at)
                ahead = self.decode(self.memory.data[place : place + self.piece(at, count) * self.size])
                ahead.reverse()
                if not self.advance(cpu, at, 1):  # a signal handler has read meanwhile
                    break
                self.turn = cpu
                self.ahead[:] = ahead
                return self.ahead.pop()
            else:
                if self.rest():
                    return NOTHING

    def begin(self, cpu: int) -> int:
        """How many events of a CPU were read. RuntimeError where somebody else has read meanwhile."""
        if self.viewed:
            raise looked_at(self.subject)
        numbers, place = self.memory.numbers, cpu * self.words + CONSUMED
        self.ahead.clear()
        at = self._ats[cpu]
        while at != numbers[place]:
            if at != self._ats[cpu]:  # a signal handler read, between the two lines
                at = self._ats[cpu]
                continue
            self._ats[cpu] = numbers[place]
            if at != -1:
                raise another_reader(self.subject, (self._ats[cpu] - at) * self.size)
            at = self._ats[cpu]
        return at

    def place(self, cpu: int, at: int) -> int:
        """Where an event lies, in bytes."""
        return cpu * self.stride + EVENTS + (at & self.mask) * self.size

    def piece(self, at: int, count: int) -> int:
        """How many of so many events lie one behind the other: others go on at the start of the ring."""
        return min(count, self.mask + 1 - (at & self.mask))

    def run(self, cpu: int, most: int | None) -> tuple[int, int]:
        """Where the next events of a CPU begin, and how many there are, `most` at most."""
        at = self.begin(cpu)
        count = self.memory.numbers[cpu * self.words + PRODUCED] - at
        return at, count if most is None else min(count, most)

    def advance(self, cpu: int, at: int, by: int) -> bool:
        """So many events of a CPU were read, from a position on. False where a signal handler has read meanwhile."""
        if self._ats[cpu] != at:
            return False
        self._ats[cpu] = self.memory.numbers[cpu * self.words + CONSUMED] = at + by
        self.at += by * self.size
        return True
