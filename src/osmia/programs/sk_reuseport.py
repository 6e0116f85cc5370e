"""sk_reuseport programs: which of the sockets that share a port a packet is for."""

from __future__ import annotations

from osmia.contexts.sk_action import SkAction
from osmia.contexts.sk_reuseport import SkReuseportContext
from osmia.generic import overload
from osmia.kinds import KINDS
from osmia.programs.program import Program, check_function, check_hook, check_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from osmia.links.reuseport import ReuseportAttachment
    from osmia.maps.sockets import Socket

    SkReuseportFunction = Callable[[SkReuseportContext], SkAction]


class SkReuseportProgram(Program[SkReuseportContext, SkAction]):
    """An sk_reuseport program."""

    def attach(self, socket: Socket, /) -> ReuseportAttachment:
        """Have it choose among all sockets that share the port of this one. It is loaded if it is not.

        The kernel has no BPF link for it: the sockets hold it. In a `with` statement it is detached at the end.
        Without, it stays until `detach()`, or until the last of the sockets is closed, which a process that was forked
        may have too.
        """
        from osmia.links.reuseport import attach_reuseport

        program = self._running()
        return attach_reuseport(program, socket)


@overload
def sk_reuseport(function: SkReuseportFunction, /) -> SkReuseportProgram: ...
@overload
def sk_reuseport(
    hook: Literal["", "migrate"] = ..., /, *, on_error: SkAction = ..., name: str = ...
) -> Callable[[SkReuseportFunction], SkReuseportProgram]: ...
def sk_reuseport(hook: Any = "", /, *, on_error: SkAction | None = None, name: str = "") -> Any:
    """Declare an sk_reuseport program: `@sk_reuseport`, `@sk_reuseport("migrate")`, or with options. Since Linux 4.19.

    At the hook `migrate` (since 5.14, where net.ipv4.tcp_migrate_req is 1) it also chooses for the connections of a
    socket that is closed. `on_error` is what it returns after an error (what would raise in Python), DROP unless it
    says. `name` is the program's name, the function's unless it says.
    """
    kind = KINDS["sk_reuseport"]
    function = hook if callable(hook) else None
    chosen = hook if function is None else ""
    if chosen != "":
        check_hook(kind, chosen)

    def declare(function: Any) -> SkReuseportProgram:
        plain = check_function(kind.name, function, "(ctx: SkReuseportContext) -> SkAction")
        checked = check_options(kind.name, plain, name, on_error, kind.returns)
        return SkReuseportProgram(kind, checked, plain, on_error, chosen)

    return declare if function is None else declare(function)
