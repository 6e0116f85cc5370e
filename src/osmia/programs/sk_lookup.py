"""sk_lookup programs: which socket a packet is for, whatever the sockets are bound to."""

from __future__ import annotations

from osmia.contexts.sk_action import SkAction
from osmia.contexts.sk_lookup import SkLookupContext
from osmia.generic import overload
from osmia.kinds import KINDS
from osmia.programs.program import Program, check_function, check_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.links.netns import Netns, NetnsLink

    SkLookupFunction = Callable[[SkLookupContext], SkAction]


class SkLookupProgram(Program[SkLookupContext, SkAction]):
    """An sk_lookup program."""

    def attach(self, netns: Netns | None = None) -> NetnsLink:
        """Attach it to a network namespace, this thread's own unless one is given; since Linux 5.9. It is loaded first.

        `netns` is a path (`/run/netns/NAME`, `/proc/PID/ns/net`), a file descriptor or an open file. It runs for each
        TCP connection and each UDP packet that come in there and need a socket. In a `with` statement it is detached at
        the end. Without, it stays attached until `link.detach()`, or until the process ends in whatever way;
        `link.pin()` makes it outlive the process.
        """
        from osmia.links.netns import attach_to_netns

        program = self._running()
        return attach_to_netns(program, netns, self.kind.attach_type(self.hook), "sk_lookup by BPF link")


@overload
def sk_lookup(function: SkLookupFunction, /) -> SkLookupProgram: ...
@overload
def sk_lookup(*, on_error: SkAction = ..., name: str = ...) -> Callable[[SkLookupFunction], SkLookupProgram]: ...
def sk_lookup(function: Any = None, /, *, on_error: SkAction | None = None, name: str = "") -> Any:
    """Declare an sk_lookup program: `@sk_lookup`, or `@sk_lookup(...)` with options. Since Linux 5.9.

    `on_error` is what it returns after an error (what would raise in Python): DROP unless it says, which refuses the
    connection; with PASS the kernel looks the socket up as if there were no program. `name` is the program's name, the
    function's unless it says.
    """
    kind = KINDS["sk_lookup"]

    def declare(function: Any) -> SkLookupProgram:
        plain = check_function(kind.name, function, "(ctx: SkLookupContext) -> SkAction")
        return SkLookupProgram(kind, check_options(kind.name, plain, name, on_error, kind.returns), plain, on_error)

    return declare if function is None else declare(function)
