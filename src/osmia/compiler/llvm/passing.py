"""How arguments reach a function of its own, and how its results come back.

BPF passes five registers and gives one back. Where a function may fail, what it gives back is whether it did. Results
then, several results, and arguments beyond the registers lie in a frame of the caller's, whose address is the last
argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import is_pointer
from osmia.compiler.ir.walk import nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.compiler.llvm.emitter import Emitter

POINTERS_SINCE = (5, 13)
REGISTERS = 5


class Passing:
    """The way in and out of one function."""

    def __init__(self, function: ir.Function) -> None:
        self._function = function
        self.may_fail = may_fail(function.body)
        """Whether what it gives back is its status."""
        apart = self.may_fail or len(function.results) > 1
        results = len(function.results) if apart else 0
        room = REGISTERS - function.uses_context
        parameters = function.parameters
        fits = len(parameters) + bool(results) <= room
        self.by_register = parameters if fits else parameters[: room - 1]
        self.by_frame = parameters[len(self.by_register) :]
        self.frame = results + len(self.by_frame)
        """How many values of 8 bytes the frame has; none where there is no frame."""
        self._apart = apart

    def signature(self) -> str:
        """The parameters in LLVM's assembly."""
        given = ["ptr %ctx"] if self._function.uses_context else []
        given += [f"{_kind(local)} %given{index}" for index, local in enumerate(self.by_register)]
        return ", ".join([*given, *["ptr %frame"] * bool(self.frame)])

    def receive(self, out: Emitter, slots: dict[ir.Local, str], give_up: Callable[[], None]) -> None:
        """Put the arguments into the function's locals. A global function may be given null, as far as is known."""
        pointers = [f"%given{i}" for i, local in enumerate(self.by_register) if is_pointer(local.type)]
        for pointer in [*pointers, *["%frame"] * bool(self.frame)] if self._function.global_ else []:
            none, there = out.label("none"), out.label("there")
            out.branch(out.value(f"icmp eq ptr {pointer}, null"), none, there)
            out.start(none)
            give_up()
            out.start(there)
        for index, local in enumerate(self.by_register):
            out.line(f"store {_kind(local)} %given{index}, ptr {slots[local]}, align 8")
        for index, local in enumerate(self.by_frame, start=self.frame - len(self.by_frame)):
            value = out.value(f"load {_kind(local)}, ptr {_at(out, '%frame', index)}, align 8")
            out.line(f"store {_kind(local)} {value}, ptr {slots[local]}, align 8")

    def give_back(self, out: Emitter, slots: dict[ir.Local, str]) -> None:
        """Return what the function gives."""
        results = self._function.results
        values = [out.value(f"load i64, ptr {slots[local]}, align 8") for local in results]
        if self._apart:
            for index, value in enumerate(values):
                out.line(f"store i64 {value}, ptr {_at(out, '%frame', index)}, align 8")
        out.line(f"ret i64 {values[0] if values and not self._apart else 0}")
        out.ended = True

    def call(self, out: Emitter, arguments: list[str]) -> tuple[str, str]:
        """Call it. What it gives back, and the frame; the latter is empty where there is none."""
        given = ["ptr %ctx"] if self._function.uses_context else []
        for local, argument in zip(self.by_register, arguments, strict=False):
            given.append(f"{_kind(local)} {argument}")
        frame = out.object(8 * self.frame) if self.frame else ""
        first = self.frame - len(self.by_frame)
        for index in range(first):  # the verifier wants to see all of a frame initialised that a function is given
            out.line(f"store i64 0, ptr {_at(out, frame, index)}, align 8")
        for index, (local, argument) in enumerate(
            zip(self.by_frame, arguments[len(self.by_register) :], strict=True), start=first
        ):
            out.line(f"store {_kind(local)} {argument}, ptr {_at(out, frame, index)}, align 8")
        given += [f"ptr {frame}"] * bool(frame)
        symbol = self._function.name
        return out.value(f'call i64 @"{symbol}"({", ".join(given)})'), frame

    def results(self, out: Emitter, status: str, frame: str) -> list[str]:
        """The function's results, after a call that did not fail."""
        if not self._apart:
            return [status] * len(self._function.results)
        return [
            out.value(f"load i64, ptr {_at(out, frame, index)}, align 8")
            for index in range(len(self._function.results))
        ]


def is_global(function: ir.Function, kernel: tuple[int, int]) -> bool:
    """Whether the verifier takes the function by itself.

    Before 5.13 it takes no pointers there but the context: then it goes through the function at each call.
    """
    if not function.global_ or kernel >= POINTERS_SINCE:
        return function.global_
    passing = Passing(function)
    return not passing.frame and not any(is_pointer(local.type) for local in passing.by_register)


def may_fail(body: tuple[ir.Statement, ...]) -> bool:
    """Whether some way through a body takes the error edge, or the one that is only there for the verifier."""
    for each in nodes(body):
        if isinstance(each, ir.Element) and not isinstance(each.index, ir.Constant):
            return True
        if isinstance(each, ir.CallFunction) and may_fail(each.function.body):
            return True
        if getattr(each, "edge", None) is not None or (isinstance(each, ir.Loop) and each.plan.edge is not None):
            return True
    return False


def _kind(local: ir.Local) -> str:
    return "ptr" if is_pointer(local.type) else "i64"


def _at(out: Emitter, frame: str, index: int) -> str:
    return out.value(f"getelementptr i8, ptr {frame}, i64 {8 * index}") if index else frame
