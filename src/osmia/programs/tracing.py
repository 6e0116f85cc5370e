"""What the programs have in common that watch the kernel: they are attached to what their decorator says."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar
from osmia.maps.declaration import check_name
from osmia.programs.program import Program, check_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from typing import TypeVar as Variable

    from osmia.kinds import Kind
    from osmia.links.tracing import TracingLink
    from osmia.loader.backend import ProgramBackend

    P = Variable("P", bound="TracingProgram[Any]")

C_contra = TypeVar("C_contra", contravariant=True)


class TracingProgram(Program[C_contra, "int | None"], Generic[C_contra]):
    """A program that is attached to what its decorator says."""

    def attach(self) -> TracingLink:
        """Attach it. It is loaded if it is not.

        In a `with` statement it is detached at the end. Without, it stays attached until `link.detach()`, or until the
        process ends in whatever way; `link.pin()` makes it outlive the process.
        """
        return self._attached(self._running())

    def _attached(self, program: ProgramBackend) -> TracingLink:
        from osmia.links.tracing import attach_tracing

        return attach_tracing(program, f"{self.kind.name} {self.hook}")


def declared(
    of: type[P], kind: Kind, function: object, hook: str, name: object, parameters: str, on_error: int | None = None
) -> P:
    """The program that a decorator makes of a function."""
    plain = check_function(kind.name, function, parameters, arguments=bool(kind.function_prefix))
    name = check_name(f"@{kind.name}: a program", name or plain.__name__)
    return of(kind, name, plain, on_error, hook)
