"""sk_msg programs: what a socket of a map of sockets sends, before it is sent."""

from __future__ import annotations

from osmia.contexts.sk_action import SkAction
from osmia.contexts.sk_msg import SkMsgContext
from osmia.generic import overload
from osmia.kinds import KINDS
from osmia.programs.program import Program, check_function, check_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.links.sock_map import SockMapLink
    from osmia.maps.sockets import SockHash, SockMap

    SkMsgFunction = Callable[[SkMsgContext], SkAction]


class SkMsgProgram(Program[SkMsgContext, SkAction]):
    """An sk_msg program."""

    def attach(self, sockets: SockMap | SockHash[Any], /) -> SockMapLink:
        """Attach it to a live map of sockets, to run for each message that one of them sends. It is loaded if needed.

        It runs for sockets that are put into the map from then on, and for these until they leave the map, also after
        it is detached. In a `with` statement it is detached at the end. Without, it stays attached until
        `link.detach()`, or until the process ends in whatever way. On kernels before 6.10, which have no link for it,
        the map holds it: it then stays as long as any process has the map.
        """
        from osmia.links.sock_map import attach_to_sock_map

        program = self._running()
        return attach_to_sock_map(program, sockets, self.kind.attach_type(self.hook))


@overload
def sk_msg(function: SkMsgFunction, /) -> SkMsgProgram: ...
@overload
def sk_msg(*, on_error: SkAction = ..., name: str = ...) -> Callable[[SkMsgFunction], SkMsgProgram]: ...
def sk_msg(function: Any = None, /, *, on_error: SkAction | None = None, name: str = "") -> Any:
    """Declare an sk_msg program: `@sk_msg`, or `@sk_msg(...)` with options. Since Linux 4.17.

    `on_error` is what it returns after an error (what would raise in Python), DROP unless it says. `name` is the
    program's name, the function's unless it says.
    """
    kind = KINDS["sk_msg"]

    def declare(function: Any) -> SkMsgProgram:
        plain = check_function(kind.name, function, "(ctx: SkMsgContext) -> SkAction")
        return SkMsgProgram(kind, check_options(kind.name, plain, name, on_error, kind.returns), plain, on_error)

    return declare if function is None else declare(function)
