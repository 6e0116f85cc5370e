"""A part of a program that a helper calls: a function of its own, which shares a frame on its caller's stack.

The frame holds how the part was left, the context, a returned value, a 0 that the verifier does not know, and the
locals that both sides use: they go in before the call, and those that the part assigns come out behind it. Pointers
keep their types for the verifier there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import is_pointer
from osmia.compiler.ir.walk import nodes, targets

if TYPE_CHECKING:
    from osmia.compiler.llvm.emitter import Emitter

# Slots of the frame, 8 bytes each; the locals follow.
STATUS, CONTEXT, RESULT, ZERO, FIRST_LOCAL = range(5)

# How the part is left: by a statement that goes on behind a call, or one of `done`, `break`, `return`, `error`.
Way = ir.Frame | str


class Callback:
    """One such part: its name, its locals, and the ways out of it that it has."""

    def __init__(self, name: str, whole: tuple[ir.Statement, ...], inside: ir.Statement) -> None:
        self.name = name
        within, shared = _shared(whole, inside)
        self.shared = {local: FIRST_LOCAL + index for index, local in enumerate(shared)}
        """The slots of locals that its caller uses too."""
        self.own = tuple(local for local in within if local not in self.shared)
        self.results = carried(whole, inside)
        """Of the shared ones, those that it assigns."""
        self.ways: dict[Way, int] = {}
        """What the status says of each way out; 0 is that nothing left it."""

    @property
    def size(self) -> int:
        """The frame's size in bytes."""
        return 8 * (FIRST_LOCAL + 2 * len(self.shared))

    def flag(self, local: ir.Local) -> int:
        """The slot that says of a shared view of the packet whether there is nothing."""
        return self.shared[local] + len(self.shared)

    def status_of(self, way: Way) -> int:
        """The status of a way out."""
        return self.ways.setdefault(way, len(self.ways) + 1)


def slot_type(local: ir.Local) -> str:
    """The LLVM type of a local's slot."""
    return "ptr" if is_pointer(local.type) else "i64"


def in_frame(out: Emitter, frame: str, slot: int) -> str:
    """The address of a slot."""
    return out.value(f"getelementptr i8, ptr {frame}, i64 {8 * slot}") if slot else frame


def enter(
    out: Emitter,
    callback: Callback,
    locals_: dict[ir.Local, str],
    zero: str,
    around: Callback | None,
    *,
    context: bool,
) -> str:
    """Make the frame and fill it; gives its address. `around` is the callback in which this one is called."""
    frame = out.object(callback.size)
    out.line(f"store i64 0, ptr {frame}, align 8")
    if context:
        out.line(f"store ptr %ctx, ptr {in_frame(out, frame, CONTEXT)}, align 8")
    out.line(f"store i64 {zero}, ptr {in_frame(out, frame, ZERO)}, align 8")
    for local, slot in callback.shared.items():
        of, place = slot_type(local), locals_[local]
        if around is None or local not in around.shared:
            # Some way here may not have assigned it, and the verifier wants to see that all that is read was written.
            out.at_start(f"store {of} {'null' if of == 'ptr' else 0}, ptr {place}, align 8")
        held = out.value(f"load {of}, ptr {place}, align 8")
        out.line(f"store {of} {held}, ptr {in_frame(out, frame, slot)}, align 8")
    return frame


def leave(out: Emitter, callback: Callback, frame: str, locals_: dict[ir.Local, str]) -> None:
    """Take from the frame what the part has assigned."""
    for local in callback.results:
        of = slot_type(local)
        held = out.value(f"load {of}, ptr {in_frame(out, frame, callback.shared[local])}, align 8")
        out.line(f"store {of} {held}, ptr {locals_[local]}, align 8")


def carried(whole: tuple[ir.Statement, ...], inside: ir.Statement) -> tuple[ir.Local, ...]:
    """The locals that a part of the program assigns, and that the rest uses too.

    A local that only the part uses is assigned in each round before it is read: the flow check proves that of the
    first round, and the ways through the others are the same.
    """
    assigned = {local for each in nodes((inside,)) for local in targets(each)}
    return tuple(local for local in _shared(whole, inside)[1] if local in assigned)


def _shared(whole: tuple[ir.Statement, ...], inside: ir.Statement) -> tuple[dict[ir.Local, int], list[ir.Local]]:
    within, everywhere = _uses((inside,)), _uses(whole)
    assigned = {local for each in nodes((inside,)) for local in targets(each)}
    # What is not assigned here has its value from outside, be it as a parameter.
    return within, [local for local, count in within.items() if count != everywhere[local] or local not in assigned]


def _uses(statements: tuple[ir.Statement, ...]) -> dict[ir.Local, int]:
    """How many nodes read or assign each local."""
    found: dict[ir.Local, int] = {}
    for each in nodes(statements):
        used = (each.local,) if isinstance(each, ir.LocalRead) else targets(each)
        for local in used:
            found[local] = found.get(local, 0) + 1
    return found
