"""Programs at hooks of the Linux security modules: they decide what processes may do."""

from __future__ import annotations

from osmia.contexts.lsm import LsmContext
from osmia.generic import ParamSpec
from osmia.kinds import KINDS
from osmia.programs.program import check_number, check_stated, check_target
from osmia.programs.tracing import TracingProgram, declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate

    from osmia.links.tracing import TracingLink
    from osmia.loader.backend import ProgramBackend

P = ParamSpec("P")


class LsmProgram(TracingProgram[LsmContext]):
    """A program at a hook of the security modules; since Linux 5.7, where the kernel was started with `lsm=...,bpf`."""

    def _attached(self, program: ProgramBackend) -> TracingLink:
        from osmia.links.tracing import attach_lsm

        return attach_lsm(program, self.hook)


CHOICES = "0 lets what was asked about happen, -1 (EPERM) refuses it"


def lsm(
    hook: str, /, *, on_error: int, name: str = ""
) -> Callable[[Callable[Concatenate[LsmContext, P], int]], LsmProgram]:
    """Declare a program at a hook of the Linux security modules: `@lsm("file_open", on_error=-1)`.

    It returns 0, which lets what happens go on, or a negative error number, which refuses it. Its parameters behind
    the context are the hook's arguments, by the kernel's names and in its order, as many as it needs. `on_error` is
    what it returns after an error. `name` is the program's name, the function's unless it says.
    """
    target = check_target("lsm", hook, '@lsm("file_open", on_error=-1)')
    check_stated(f'@lsm("{target}"', on_error, CHOICES)
    value = check_number("lsm", on_error, KINDS["lsm"].results)

    def declare(function: Callable[Concatenate[LsmContext, P], int]) -> LsmProgram:
        return declared(LsmProgram, KINDS["lsm"], function, target, name, "(ctx: LsmContext, ...) -> int", value)

    return declare


# A type checker wants it; at run time check_stated says what is missing, and why.
lsm.__kwdefaults__ = {"on_error": None, "name": ""}
