"""Programs at tracepoints, given their arguments as they are."""

from __future__ import annotations

from osmia.contexts.raw_tracepoint import RawTracepointContext
from osmia.kinds import KINDS
from osmia.programs.program import check_target
from osmia.programs.tracing import TracingProgram, declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.links.tracing import TracingLink
    from osmia.loader.backend import ProgramBackend

    RawTracepointFunction = Callable[[RawTracepointContext], int | None]


class RawTracepointProgram(TracingProgram[RawTracepointContext]):
    """A program at a tracepoint, given its arguments as they are; since Linux 4.17."""

    def _attached(self, program: ProgramBackend) -> TracingLink:
        from osmia.links.tracing import attach_raw_tracepoint

        return attach_raw_tracepoint(program, self.hook)


def raw_tracepoint(tracepoint: str, /, *, name: str = "") -> Callable[[RawTracepointFunction], RawTracepointProgram]:
    """Declare a program at a tracepoint of the kernel: `@raw_tracepoint("sched_switch")`.

    `ctx.arg(n)` is the tracepoint's argument n as u64. `name` is the program's name, the function's unless it says.
    """
    hook = check_target("raw_tracepoint", tracepoint, '@raw_tracepoint("sched_switch")')

    def declare(function: RawTracepointFunction) -> RawTracepointProgram:
        parameters = "(ctx: RawTracepointContext) -> None"
        return declared(RawTracepointProgram, KINDS["raw_tracepoint"], function, hook, name, parameters)

    return declare
