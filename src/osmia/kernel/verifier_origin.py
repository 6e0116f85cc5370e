"""Where a value came from that the verifier refused: the log, walked back to the instruction that made it."""

from __future__ import annotations

import re

from osmia.abi.helpers import helpers
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.kernel.verifier_log import Step


@record
class Origin:
    """The instruction that a value came from, and the one that made it invalid since."""

    step: Step
    ended_by: Step | None = None
    """A helper call after which the value is not valid any more."""


_COPY = re.compile(r"r(\d+) = r(\d+)$")
_ADD = re.compile(r"r(\d+) \+= r(\d+)$")
_CHANGE = re.compile(r"[rw](\d+) [^\s=]+= (\S+)")
_SET = re.compile(r"[rw](\d+) = ")
_FILL = re.compile(r"r(\d+) = \*\(u64 \*\)\(r10 ([+-]\d+)\)$")
_SPILL = re.compile(r"\*\(u64 \*\)\(r10 ([+-]\d+)\) = r(\d+)$")
_STORE = re.compile(r"(?:lock )?\*\(u(\d+) \*\)\(r10 ([+-]\d+)\) ")
_HELPER = re.compile(r"call (?:bpf_)?(\w+)#")
_BASE = re.compile(r"\(r(\d+) [+-]\d+\)")
_OPERAND = re.compile(r"[rw]\d+ \S+ [rw](\d+)$")
_POINTERS = ("ctx", "map_value", "map_ptr", "pkt", "fp", "mem", "ringbuf_mem", "sock", "ptr_", "trusted_ptr_", "buf")
_CALL = 0x85
_FIRST_KEPT = 6  # calls leave r6 to r9 as they are
# Which helpers end what kind of pointer, beside those that the table of helpers says to change the packet.
_ENDS = {"ringbuf_mem": ("ringbuf_submit", "ringbuf_discard"), "sock": ("sk_release",)}
# What helpers return, on kernels whose logs do not say.
_RETURNS = {"ringbuf_reserve": "ringbuf_mem", "sk_lookup_tcp": "sock", "sk_lookup_udp": "sock"}


def helper(step: Step) -> str:
    """The name of the helper that an instruction calls, without `bpf_`; empty if it calls none."""
    found = _HELPER.match(step.text) if step.opcode == _CALL else None
    return found[1] if found else ""


def base(step: Step) -> int | None:
    """The register whose memory an instruction reads or writes."""
    found = _BASE.search(step.text)
    return int(found[1]) if found else None


def operand(step: Step) -> int | None:
    """The register that stands on the right of an instruction."""
    found = _OPERAND.match(step.text)
    return int(found[1]) if found else None


def last_call(steps: list[Step], name: str) -> Origin | None:
    """The last call of a helper."""
    return next((Origin(step) for step in reversed(steps) if helper(step) == name), None)


def step_at(steps: list[Step], index: int) -> Origin | None:
    """The last step of an instruction."""
    return next((Origin(step) for step in reversed(steps) if step.index == index), None)


def origin(steps: list[Step], register: int, *, number: bool) -> Origin | None:
    """The instruction that set `register` before the last step.

    Copies, moves to and from the stack and changes by constants are followed back. Where a number was added to a
    pointer, the pointer is followed, or the number if `number` says so. None if nothing in the log sets it.
    """
    if not steps:
        return None
    return _ended(steps, _Trace(steps, register, number=number).run())


def _ended(steps: list[Step], found: Step | None) -> Origin | None:
    """The origin, with the last helper behind it that ended pointers of its kind."""
    if found is None:
        return None
    made = next(position for position in range(len(steps) - 1, -1, -1) if steps[position] is found)
    kind = _RETURNS.get(helper(found), "") or _kind_of_result(steps[made:])
    between = reversed(steps[made + 1 : -1])
    return Origin(found, next((step for step in between if _ends(helper(step), kind)), None))


def _ends(name: str, kind: str) -> bool:
    """Whether a pointer of a kind is not valid any more after a helper was called."""
    if kind.startswith("pkt"):
        return name in helpers() and helpers()[name].changes_packet
    return any(kind.startswith(pointer) and name in names for pointer, names in _ENDS.items())


def _kind_of_result(steps: list[Step]) -> str:
    """What the log says that the first step made: `pkt`. Old kernels do not say it of every step."""
    changed = _SET.match(steps[0].text) or _CHANGE.match(steps[0].text)
    register = int(changed[1]) if changed else 0
    for position, step in enumerate(steps):
        if position and (step.depth != steps[0].depth or _changes(step, register)):
            return ""
        if said := _state_of(register).findall(step.state):
            return str(said[-1])
    return ""


def _changes(step: Step, register: int) -> bool:
    """Whether a step changes a register."""
    changed = _SET.match(step.text) or _CHANGE.match(step.text)
    return int(changed[1]) == register if changed else step.opcode == _CALL and register < _FIRST_KEPT


def _state_of(register: int) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)R{register}(?:_\w+)?=(\w+)")


class _Trace:
    """A walk back from the last step, after one value."""

    def __init__(self, steps: list[Step], register: int, *, number: bool) -> None:
        self.steps = steps
        self.depth = steps[-1].depth
        self.number = number
        self.register: int | None = register
        self.slot = ""
        """The place in the frame, where the value is not in a register."""

    def run(self) -> Step | None:
        """The step that made the value."""
        for position in range(len(self.steps) - 2, -1, -1):
            step = self.steps[position]
            passed = step.depth < self.depth
            if not self._sees(step, self.steps[position + 1]):
                continue
            if passed and step.opcode == _CALL and not helper(step):
                continue  # the call of the function that the walk was in
            if self._made_by(step, position):
                return step
        return None

    def _sees(self, step: Step, following: Step) -> bool:
        """Whether a step can touch the value: those of functions that were called since cannot, unless it is r0."""
        if step.depth < self.depth:  # before the call of the function that the walk is in
            if self.register is None or not 1 <= self.register < _FIRST_KEPT:
                return False
            self.depth = step.depth
            return True
        if step.depth > self.depth:
            if self.register != 0 or following.depth != self.depth:
                return False
            self.depth = step.depth  # the value that the function returned
        return True

    def _made_by(self, step: Step, position: int) -> bool:
        """Follow the value over one step back; whether that step made it."""
        if self.register is None:
            if (spill := _SPILL.match(step.text)) and spill[1] == self.slot:
                self.register = int(spill[2])
                return False
            return self._overwrites(step)
        if step.opcode == _CALL:
            return self.register < _FIRST_KEPT
        if fill := _FILL.match(step.text):
            if int(fill[1]) == self.register and self._spilled(fill[2], position):
                self.register, self.slot = None, fill[2]
                return False
            return int(fill[1]) == self.register
        if copied := _COPY.match(step.text):
            if int(copied[1]) == self.register:
                if copied[2] == "10":
                    return True
                self.register = int(copied[2])
            return False
        if added := _ADD.match(step.text):
            return int(added[1]) == self.register and self._added(int(added[2]), position)
        if changed := _CHANGE.match(step.text):
            return int(changed[1]) == self.register and changed[2][0] in "rw"
        found = _SET.match(step.text)
        return found is not None and int(found[1]) == self.register

    def _overwrites(self, step: Step) -> bool:
        """Whether a step stores to a part of the slot."""
        store = _STORE.match(step.text)
        if store is None:  # through a copy of r10: the log shows what has changed
            through = step.text.startswith(("*(", "lock *("))
            return through and re.search(rf"(?<!\w)fp{self.slot}=", step.state) is not None
        start, slot = int(store[2]), int(self.slot)
        return start < slot + 8 and slot < start + int(store[1]) // 8

    def _spilled(self, slot: str, position: int) -> bool:
        """Whether a register was stored to a slot before."""
        for step in reversed(self.steps[:position]):
            if step.depth < self.depth:
                return False
            if step.depth == self.depth and (spill := _SPILL.match(step.text)) and spill[1] == slot:
                return True
        return False

    def _added(self, other: int, position: int) -> bool:
        """Follow one side of an addition; the walk ends here where the log does not say which is the pointer."""
        target = self.register
        assert target is not None
        pointers = {each for each in (target, other) if self._is_pointer(each, position)}
        if len(pointers) != 1:
            return True
        pointer = pointers.pop()
        self.register = (target if pointer == other else other) if self.number else pointer
        return False

    def _is_pointer(self, register: int, position: int) -> bool:
        """Whether the log shows a register to hold a pointer before a step."""
        said = _state_of(register)
        for step in reversed(self.steps[:position]):
            if found := said.findall(step.state):
                return str(found[-1]).startswith(_POINTERS)
            if _changes(step, register):
                return False
        return False
