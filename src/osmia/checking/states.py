"""What is known at one place of a program: registers, stack frames, what is held, and how control came there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from osmia.checking.values import ANYTHING, STACK, UNSET, UNSET_VALUE, Value, covers, mixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osmia.checking.values import Identity

STACK_SIZE = 512
FRAME_POINTER = 10
ALL_SET = (1 << STACK_SIZE) - 1


class Call(NamedTuple):
    """How a frame was entered."""

    function: int
    """The function's number in the code."""
    returns_to: int
    """The slot behind the call."""
    callback: bool = False
    """Whether a helper calls it, as often as it likes."""


class Held(NamedTuple):
    """Something that has to be given back."""

    slot: int
    """The call that gave it."""
    helper: str
    frame: int


class Frame:
    """The registers and the stack of one function that runs."""

    __slots__ = ("call", "cells", "perhaps", "registers", "written")

    def __init__(self, call: Call, registers: list[Value], written: int = 0) -> None:
        self.call = call
        self.registers = registers
        self.written = written
        """The bytes of the stack that hold something, as bits: the highest is the byte below the frame's end."""
        self.perhaps = 0
        """Of a mixture: those that not all ways have written."""
        self.cells: dict[int, tuple[int, Value]] = {}
        """By offset from the frame's end, which is below 0: how many bytes a value takes there, and the value."""

    def copy(self) -> Frame:
        """A frame of its own with the same contents."""
        made = Frame(self.call, self.registers[:], self.written)
        made.cells = self.cells.copy()
        made.perhaps = self.perhaps
        return made

    def forget(self, offset: int, size: int) -> None:
        """Values that lie in some of these bytes are no longer whole."""
        if not self.cells:
            return
        for at in [at for at, (length, _) in self.cells.items() if at < offset + size and offset < at + length]:
            del self.cells[at]


def bits_of(offset: int, size: int) -> int:
    """The bytes of a frame's stack as bits."""
    return ((1 << size) - 1) << (offset + STACK_SIZE)


class State:
    """What is known before an instruction."""

    __slots__ = ("at", "doubtful", "frames", "held", "jump", "lock", "sure", "visit")

    def __init__(self, at: int, frames: list[Frame]) -> None:
        self.at = at
        """The slot of the instruction, over the whole code."""
        self.frames = frames
        self.held: dict[Identity, Held] = {}
        self.lock: int | None = None
        """The call that took the lock which is held."""
        self.sure = True
        """Whether what is held is what one way through the program gives."""
        self.jump = (-1, -1)
        """The last jump that was taken: where it stands, and where it led."""
        self.doubtful = False
        """Whether the way here was chosen by a value of a mixture: it may be that nothing comes this way."""
        self.visit: Visit | None = None
        """The last stop on the way here."""

    @property
    def registers(self) -> list[Value]:
        """Those of the function that runs."""
        return self.frames[-1].registers

    def copy(self) -> State:
        """A state of its own that says the same."""
        made = State(self.at, [frame.copy() for frame in self.frames])
        made.held, made.lock, made.sure = self.held, self.lock, self.sure
        made.visit, made.doubtful, made.jump = self.visit, self.doubtful, self.jump
        return made

    def values(self) -> Iterator[Value]:
        """Everything that is held in registers and on the stack."""
        for frame in self.frames:
            yield from frame.registers
            for _, value in frame.cells.values():
                yield value

    def change(self, changed: Callable[[Value], Value | None]) -> None:
        """Put what `changed` gives in place of each value for which it does not give None."""
        for frame in self.frames:
            registers = frame.registers
            for number, value in enumerate(registers):
                if (new := changed(value)) is not None:
                    registers[number] = new
            for at, (size, value) in frame.cells.items():
                if (new := changed(value)) is not None:
                    frame.cells[at] = (size, new)

    def new_identity(self, slot: int) -> Identity:
        """An identity for what is made at a slot, other than those of what was made there before and is still held."""
        taken = {value.identity for value in self.values() if value.identity is not None and value.identity[0] == slot}
        taken |= self.held.keys()
        number = 0
        while (slot, number) in taken:
            number += 1
        return slot, number

    def hold(self, identity: Identity, held: Held) -> None:
        """Note what has to be given back. States share the notes, so that they are made anew."""
        self.held = {**self.held, identity: held}

    def give_back(self, identity: Identity) -> None:
        """It is given back."""
        self.held = {each: held for each, held in self.held.items() if each != identity}


_NOT_SAID = Value(ANYTHING, sure=False)


class Visit:
    """A state that control has come through at a place where ways meet, and the one before it on the same way."""

    __slots__ = ("before", "state", "whole")

    def __init__(self, state: State, before: Visit | None, *, whole: bool) -> None:
        self.state = state
        self.before = before
        self.whole = whole
        """Whether it is one way's own state, and no mixture."""


def covered(old: State, new: State) -> bool:
    """Whether whatever can be found from the new state on is found from the old one on."""
    if old.doubtful and not new.doubtful:
        return False
    if old.lock != new.lock or old.held.keys() != new.held.keys() or len(old.frames) != len(new.frames):
        return False
    for before, now in zip(old.frames, new.frames, strict=True):
        if before.written & ~now.written:
            return False
        for register, value in enumerate(before.registers):
            other = now.registers[register]
            if value is not other and not covers(value, other):
                return False
        for at, (size, value) in before.cells.items():
            cell = now.cells.get(at)
            if cell is None or cell[0] != size:
                if value.kind not in (UNSET, ANYTHING):
                    return False
            elif not covers(value, cell[1]):
                return False
    return True


def same(old: State, new: State) -> bool:
    """Whether nothing at all has changed."""
    return covered(old, new) and covered(new, old)


def mixture(old: State, new: State, *, widen: bool) -> State:
    """A state that covers both. Its frames are those of the same calls."""
    made = new.copy()
    if old.held.keys() != new.held.keys():
        made.held = {each: held for each, held in new.held.items() if each in old.held}
        made.sure = False
    if old.lock != new.lock:
        made.lock, made.sure = None, False
    made.sure = made.sure and old.sure
    for before, now in zip(old.frames, made.frames, strict=True):
        now.registers[:] = [
            mixed(value, other, widen=widen) for value, other in zip(before.registers, now.registers, strict=True)
        ]
        cells = {}
        for at, (size, value) in now.cells.items():
            cell = before.cells.get(at)
            met = mixed(cell[1], value, widen=widen) if cell is not None and cell[0] == size else _NOT_SAID
            cells[at] = (size, met)
        for at, (size, _) in before.cells.items():
            cells.setdefault(at, (size, _NOT_SAID))
        now.cells = cells
        now.perhaps |= before.perhaps | before.written ^ now.written
        now.written &= before.written
    return made


def drop_dead(state: State, live: int) -> None:
    """Forget the registers that are not read before they are written again."""
    registers = state.registers
    for register in range(FRAME_POINTER):
        if not live >> register & 1:
            registers[register] = UNSET_VALUE


def entered(call: Call, arguments: list[Value], depth: int) -> Frame:
    """A new frame: its arguments, and its frame pointer."""
    registers = [UNSET_VALUE, *arguments, *[UNSET_VALUE] * (5 - len(arguments)), *[UNSET_VALUE] * 4]
    return Frame(call, [*registers, Value(STACK, what=depth)])
