"""Programs at tracepoints, which read the fields that tracefs shows."""

from __future__ import annotations

from osmia.contexts.tracepoint import TracepointContext
from osmia.errors import shown
from osmia.generic import Generic, TypeVar
from osmia.kinds import KINDS
from osmia.programs.program import check_target
from osmia.programs.tracing import TracingProgram, declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.links.tracing import TracingLink
    from osmia.loader.backend import ProgramBackend

C = TypeVar("C", bound=TracepointContext)
C_contra = TypeVar("C_contra", bound=TracepointContext, contravariant=True)

EXAMPLE = '@tracepoint("sched", "sched_switch")'


class TracepointProgram(TracingProgram[C_contra], Generic[C_contra]):
    """A program at a tracepoint; since Linux 4.7."""

    def _attached(self, program: ProgramBackend) -> TracingLink:
        from osmia.links.perf_event import attach_tracepoint

        return attach_tracepoint(program, self.hook)


def tracepoint(
    category: str, event: str, /, *, name: str = ""
) -> Callable[[Callable[[C], int | None]], TracepointProgram[C]]:
    """Declare a program at a tracepoint of the kernel: `@tracepoint("sched", "sched_process_exec")`.

    Its context is a TracepointContext, or a @struct class that derives from it and names the fields that the program
    wants of the tracepoint. `name` is the program's name, the function's unless it says.
    """
    if event is None:
        raise TypeError(f"@tracepoint takes a category and a name, as in {_parted(category)}, not {shown(category)}")
    for part in (category, event):
        check_target("tracepoint", part, EXAMPLE)
        if "/" in part:
            raise ValueError(f"@tracepoint takes a category and a name, as in {EXAMPLE}, not {part!r}")

    def declare(function: Any) -> TracepointProgram[C]:
        parameters = "(ctx: TracepointContext) -> None"
        program: TracepointProgram[C] = declared(
            TracepointProgram, KINDS["tracepoint"], function, f"{category}/{event}", name, parameters
        )
        return program

    return declare


# A type checker wants it; at run time the text above says how a tracepoint is named.
tracepoint.__defaults__ = (None,)


def _parted(named: object) -> str:
    """How a tracepoint is declared that was named in one text, as perf and libbpf name it."""
    for separator in (":", "/"):
        category, found, event = str(named).partition(separator)
        if found and category and event:
            return f'@tracepoint("{category}", "{event}")'
    return EXAMPLE
