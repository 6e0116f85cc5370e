"""What the registers and the stack of a function may hold, as far as code tells before it runs."""

from __future__ import annotations

from osmia.abi import instruction as isa
from osmia.vm.arithmetic import U64, alu
from osmia.vm.memory import FIRST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Value = tuple[str, object]
    """What it is, and what is known of it."""

MOST_NUMBERS = 8

ANYTHING: Value = ("anything", None)
PACKET: Value = ("packet", None)
"""An address in the packet, or behind it."""
NUMBER: Value = ("number", None)
"""A number; of known ones it has the frozenset of what it may be, as unsigned ones of 64 bits."""
MEMORY: Value = ("memory", False)
"""An address of what is neither packet nor context: a value of a map, a record of a ring. True: or 0."""
MEMORY_OR_NULL: Value = ("memory", True)


def number(*values: int) -> Value:
    """One of these numbers."""
    return ("number", frozenset(each & U64 for each in values)) if len(values) <= MOST_NUMBERS else NUMBER


def numbers_of(value: Value) -> frozenset[int] | None:
    """The numbers that it may be; None where that is not known."""
    kind, known = value
    return known if kind == "number" and isinstance(known, frozenset) else None


def either(one: Value, other: Value) -> Value:
    """What may be the one or the other."""
    if one == other:
        return one
    kinds = {one[0], other[0]}
    if kinds == {"number"}:
        first, second = numbers_of(one), numbers_of(other)
        return NUMBER if first is None or second is None else number(*first | second)
    if kinds == {"memory"} or (kinds == {"memory", "number"} and number(0) in (one, other)):
        return MEMORY_OR_NULL
    return (one[0], None) if kinds in ({"stack"}, {"context"}) else ANYTHING


def result(operation: int, bits: int, left: Value, right: Value, offset: int, *, adds: int) -> Value:
    """What arithmetic makes of two values. `adds` is 1 for an addition, -1 for a subtraction, else 0."""
    first, second = numbers_of(left), numbers_of(right)
    if first is not None and second is not None and len(first) * len(second) <= MOST_NUMBERS:
        return number(*(alu(operation, bits, a, b, offset) for a in first for b in second))
    if left[0] == right[0] == "number":
        return NUMBER
    if adds > 0 and left[0] == "number":
        left, right, second = right, left, first
    if operation == isa.AND and any(each is not None and max(each) < FIRST for each in (first, second)):
        return NUMBER  # what is left is no address
    if not adds or bits != 64:
        return ANYTHING
    if left[0] == "packet":
        return NUMBER if right[0] == "packet" and adds < 0 else PACKET
    if right[0] != "number":
        return ANYTHING
    if left[0] in ("stack", "context"):
        distance = next(iter(second)) if second is not None and len(second) == 1 else None
        known = left[1]
        if distance is None or not isinstance(known, int):
            return (left[0], None)
        return (left[0], known + adds * (distance if distance < 1 << 63 else distance - (1 << 64)))
    return left if left[0] == "memory" else ANYTHING


class State:
    """What the registers and the stack hold before an instruction."""

    __slots__ = ("registers", "stack")

    def __init__(self, registers: list[Value], stack: dict[int, tuple[int, Value]]) -> None:
        self.registers = registers
        self.stack = stack
        """By distance from the frame's end: how many bytes were written in one, and what."""

    def copy(self) -> State:
        """One of its own."""
        return State([*self.registers], dict(self.stack))

    def joined(self, other: State) -> State:
        """What holds on either of two ways."""
        registers = [either(*pair) for pair in zip(self.registers, other.registers, strict=True)]
        stack = {}
        for at, (size, value) in self.stack.items():
            found = other.stack.get(at)
            if found is not None and found[0] == size:
                stack[at] = size, either(value, found[1])
        return State(registers, stack)

    def same(self, other: State) -> bool:
        """Whether it says the same."""
        return self.registers == other.registers and self.stack == other.stack

    def store(self, at: object, size: int, value: Value) -> None:
        """Write to the stack; where is not known, nothing is known of it any more."""
        if not isinstance(at, int):
            self.stack.clear()
            return
        for start in [start for start, (length, _) in self.stack.items() if start < at + size and at < start + length]:
            del self.stack[start]
        self.stack[at] = size, value

    def load(self, at: object, size: int) -> Value:
        """Read the stack: what was written there in one."""
        found = self.stack.get(at) if isinstance(at, int) else None
        return found[1] if found is not None and found[0] == size else ANYTHING

    def forget(self, registers: Iterable[int]) -> None:
        """These registers may hold anything."""
        for each in registers:
            self.registers[each] = ANYTHING
