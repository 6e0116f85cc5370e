"""Programs at tracepoints whose arguments have the kernel's own types."""

from __future__ import annotations

from osmia.contexts.tp_btf import TpBtfContext
from osmia.generic import ParamSpec
from osmia.kinds import KINDS
from osmia.programs.program import check_target
from osmia.programs.tracing import TracingProgram, declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate

P = ParamSpec("P")


class TpBtfProgram(TracingProgram[TpBtfContext]):
    """A program at a tracepoint, given its arguments by type; since Linux 5.5."""


def tp_btf(
    tracepoint: str, /, *, name: str = ""
) -> Callable[[Callable[Concatenate[TpBtfContext, P], int | None]], TpBtfProgram]:
    """Declare a program at a tracepoint of the kernel, with typed arguments: `@tp_btf("task_newtask")`.

    Its parameters behind the context are the tracepoint's arguments, by the kernel's names and in its order, as many
    as it needs: numbers, and structs of `osmia.contexts.kernel_structs`. They are compared with the running kernel's
    when the program is loaded. `name` is the program's name, the function's unless it says.
    """
    hook = check_target("tp_btf", tracepoint, '@tp_btf("task_newtask")')

    def declare(function: Callable[Concatenate[TpBtfContext, P], int | None]) -> TpBtfProgram:
        return declared(TpBtfProgram, KINDS["tp_btf"], function, hook, name, "(ctx: TpBtfContext, ...) -> None")

    return declare
