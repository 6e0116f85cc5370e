"""sock_ops programs: events of the TCP connections of a cgroup."""

from __future__ import annotations

from osmia.contexts.sock_ops import SockOpsContext
from osmia.generic import overload
from osmia.kinds import KINDS
from osmia.programs.program import Program, check_function, check_number, check_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.links.cgroup import CgroupLink
    from osmia.maps.cgroup_directory import Cgroup

    SockOpsFunction = Callable[[SockOpsContext], int]


class SockOpsProgram(Program[SockOpsContext, int]):
    """A sock_ops program."""

    def attach(self, cgroup: Cgroup, /) -> CgroupLink:
        """Attach it to a cgroup (version 2), given by path or file descriptor; since Linux 5.7. It is loaded if needed.

        It runs for the TCP connections of the processes in the cgroup and in those below. In a `with` statement it is
        detached at the end. Without, it stays attached until `link.detach()`, or until the process ends in whatever
        way; `link.pin()` makes it outlive the process.
        """
        from osmia.links.cgroup import attach_cgroup

        program = self._running()
        return attach_cgroup(program, cgroup, self.kind.attach_type(self.hook))


@overload
def sock_ops(function: SockOpsFunction, /) -> SockOpsProgram: ...
@overload
def sock_ops(*, on_error: int = ..., name: str = ...) -> Callable[[SockOpsFunction], SockOpsProgram]: ...
def sock_ops(function: Any = None, /, *, on_error: int | None = None, name: str = "") -> Any:
    """Declare a sock_ops program: `@sock_ops`, or `@sock_ops(...)` with options. Since Linux 4.13.

    It returns 1 for the kernel to take `ctx.reply`, which events ask for that set something, or 0 for the kernel's own
    choice. `on_error` is what it returns after an error (what would raise in Python), 0 unless it says. `name` is the
    program's name, the function's unless it says.
    """
    kind = KINDS["sock_ops"]
    if on_error is not None:
        check_number(kind.name, on_error, kind.results)

    def declare(function: Any) -> SockOpsProgram:
        plain = check_function(kind.name, function, "(ctx: SockOpsContext) -> int")
        return SockOpsProgram(kind, check_options(kind.name, plain, name, on_error, kind.returns), plain, on_error)

    return declare if function is None else declare(function)
