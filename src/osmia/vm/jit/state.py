"""What native code and Python tell each other: words in memory that both see, and which word means what."""

from __future__ import annotations

import ctypes
from enum import IntEnum

from osmia.vm.arithmetic import U64
from osmia.vm.memory import READY, UNINITIALISED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.memory import Memory


class Word(IntEnum):
    """The words, by their place."""

    FUEL = 0
    """How many instructions may still run."""
    MAY_GOTO = 1
    DEPTH = 2
    """How many functions are in the middle of a call."""
    DEEPEST = 3
    """How many may be."""
    STATUS = 4
    """What ended the run: one of `Status`."""
    SLOT = 5
    """Where the program is: when it calls, and when there is a fault."""
    ADDRESS = 6
    """What the fault is about: an address, or the number of a register."""
    WRITTEN = 7
    """Which argument registers hold something, a bit each: of a function that is entered or left."""
    ARENA = 8
    SHADOW = 9
    FRAMES = 10
    """Where the addresses of the frames stand, by depth; 0 for one that is not there yet."""
    NAMES = 11
    """Where it stands which code each frame was entered by, and which function of it."""
    CODE = 12
    """The number of the code that runs."""
    CLOCK = 13
    CPU = 14
    UNWRITTEN = 15
    """The state that a new frame is painted with."""
    TOUCHED = 16
    """Not 0 when Python was called."""
    HELPER = 17
    """Native addresses of what calls Python: for a helper, a tail call, a load from the packet, a new frame."""
    TAIL_CALL = 18
    PACKET = 19
    FRAME = 20
    TABLES = 21
    """Where the addresses stand of the tables of look-ups that the code has."""
    REGISTERS = 22
    """What functions are entered with in r1 to r5, and helpers are called with."""


WORDS = Word.REGISTERS + 11
# As plain numbers: the members of an enumeration cost a look-up each.
_FUEL, _MAY_GOTO, _DEPTH, _CLOCK, _CPU = (
    int(word) for word in (Word.FUEL, Word.MAY_GOTO, Word.DEPTH, Word.CLOCK, Word.CPU)
)
_MOST = (1 << 63) - 1


class Status(IntEnum):
    """What ended a run."""

    GOES_ON = 0
    RAISED = 1
    """Python raised something: it is set before each call of Python, which takes it back."""
    BAD_READ = 2
    BAD_WRITE = 3
    NOT_WRITTEN = 4
    TOO_DEEP = 5
    OUT_OF_FUEL = 6
    ENDED = 7
    """A load from the packet that ends the program."""
    NOT_TAKEN = 8
    """A tail call that goes nowhere, which does not end it."""


class State:
    """The words of one machine, and where its frames lie."""

    def __init__(self, memory: Memory, allow_uninitialised: bool) -> None:
        self._words = (ctypes.c_int64 * WORDS)()
        view = memoryview(self._words).cast("B")
        self.signed = view.cast("q")
        """The words as signed numbers, and as unsigned ones."""
        self.unsigned = view.cast("Q")
        self.address = ctypes.addressof(self._words)
        self._frames = self._names = (ctypes.c_uint64 * 0)()
        self.room_for(64)
        for word, view in ((Word.ARENA, memory.data), (Word.SHADOW, memory.shadow)):
            self.signed[word] = ctypes.addressof(ctypes.c_char.from_buffer(view))
        self.signed[Word.UNWRITTEN] = READY if allow_uninitialised else UNINITIALISED

    def room_for(self, depth: int) -> None:
        """Make room for the frames of so many functions."""
        if depth <= len(self._frames):
            return
        frames, names = self._frames, self._names
        self._frames, self._names = (ctypes.c_uint64 * (depth * 2))(*frames), (ctypes.c_uint64 * (depth * 2))(*names)
        self.signed[Word.FRAMES] = ctypes.addressof(self._frames)
        self.signed[Word.NAMES] = ctypes.addressof(self._names)

    def set_frame(self, depth: int, address: int) -> None:
        """Say where the frame of a depth lies."""
        self._frames[depth] = address

    def entered_by(self, depth: int) -> int:
        """What the frame of a depth was entered by last: the number of the code, and below it the function's slot."""
        return self._names[depth]

    def take(self, execution: Execution) -> None:
        """From the execution, and from its machine, before native code runs."""
        words, machine = self.signed, execution.machine
        words[_FUEL] = min(execution.fuel, _MOST)
        words[_MAY_GOTO], words[_DEPTH] = max(execution.may_goto, -1), execution.depth
        self.unsigned[_CLOCK], words[_CPU] = machine.clock & U64, machine.cpu

    def give(self, execution: Execution) -> None:
        """To the execution, before Python runs."""
        execution.fuel, execution.may_goto, execution.depth = self.signed[:3]
