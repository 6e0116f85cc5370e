"""Programs at tracepoints, which read the fields that tracefs shows."""

from __future__ import annotations

from osmia.contexts.tracepoint import TracepointContext
from osmia.generic import Generic, TypeVar
from osmia.kinds import KINDS
from osmia.programs.program import check_target
from osmia.programs.tracing import TracingProgram, declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.kernel.program import KernelProgram
    from osmia.links.tracing import TracingLink

C = TypeVar("C", bound=TracepointContext)
C_contra = TypeVar("C_contra", bound=TracepointContext, contravariant=True)


class TracepointProgram(TracingProgram[C_contra], Generic[C_contra]):
    """A program at a tracepoint; since Linux 4.7."""

    def _attached(self, program: KernelProgram) -> TracingLink:
        from osmia.links.perf_event import attach_tracepoint

        return attach_tracepoint(program, self.hook)


def tracepoint(tracepoint: str, /, *, name: str = "") -> Callable[[Callable[[C], int | None]], TracepointProgram[C]]:
    """Declare a program at a tracepoint of the kernel: `@tracepoint("sched/sched_process_exec")`.

    Its context is a TracepointContext, or a @struct class that derives from it and names the fields that the program
    wants of the tracepoint. `name` is the program's name, the function's unless it says.
    """
    hook = check_target("tracepoint", tracepoint, '@tracepoint("sched/sched_switch")')
    if hook.count("/") != 1 or not all(hook.split("/")):
        raise ValueError(f"@tracepoint takes `category/name`, as in sched/sched_switch, not {hook!r}")

    def declare(function: Any) -> TracepointProgram[C]:
        parameters = "(ctx: TracepointContext) -> None"
        program: TracepointProgram[C] = declared(
            TracepointProgram, KINDS["tracepoint"], function, hook, name, parameters
        )
        return program

    return declare
