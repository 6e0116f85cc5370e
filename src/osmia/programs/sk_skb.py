"""sk_skb programs: what a socket of a map of sockets receives, before who reads it sees it."""

from __future__ import annotations

from osmia.contexts.sk_skb import SkSkbContext
from osmia.generic import TypeVar, overload
from osmia.kinds import KINDS
from osmia.programs.program import Program, check_function, check_hook, check_number, check_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from osmia.contexts.sk_action import SkAction
    from osmia.links.sock_map import SockMapLink
    from osmia.maps.sockets import SockHash, SockMap

R = TypeVar("R", bound=int)


class SkSkbProgram(Program[SkSkbContext, R]):
    """An sk_skb program."""

    def attach(self, sockets: SockMap | SockHash[Any], /) -> SockMapLink:
        """Attach it to a live map of sockets, to run for what they receive. It is loaded if it is not.

        A parser says where messages end; a verdict says of each what becomes of it.

        It runs for sockets that are put into the map from then on, and for these until they leave the map, also after
        it is detached. In a `with` statement it is detached at the end. Without, it stays attached until
        `link.detach()`, or until the process ends in whatever way. On kernels before 6.10, which have no link for it,
        the map holds it: it then stays as long as any process has the map.
        """
        from osmia.links.sock_map import attach_to_sock_map

        program = self._running()
        return attach_to_sock_map(program, sockets, self.kind.attach_type(self.hook))


@overload
def sk_skb(
    hook: Literal["stream_verdict", "verdict"], /, *, on_error: SkAction = ..., name: str = ...
) -> Callable[[Callable[[SkSkbContext], SkAction]], SkSkbProgram[SkAction]]: ...
@overload
def sk_skb(
    hook: Literal["stream_parser"], /, *, on_error: int = ..., name: str = ...
) -> Callable[[Callable[[SkSkbContext], int]], SkSkbProgram[int]]: ...
def sk_skb(hook: Any, /, *, on_error: int | None = None, name: str = "") -> Any:
    """Declare an sk_skb program for a hook: `@sk_skb("stream_verdict")`, or with options. Since Linux 4.14.

    A `stream_verdict` and a `verdict` (since 5.13, also for UDP and Unix sockets) return an SkAction for each packet,
    or for each message where there is a `stream_parser`. That returns an int: how many bytes the message has which
    starts here, 0 if it needs more of it to know, or a negative error number. `on_error` is what it returns after an
    error (what would raise in Python), DROP or 0 unless it says. `name` is the program's name, the function's unless it
    says.
    """
    kind = KINDS["sk_skb"]
    check_hook(kind, hook)
    returns = kind.returns_at(hook)
    if on_error is not None and hook in kind.number_hooks:
        check_number(kind.name, on_error, kind.results)

    def declare(function: Any) -> SkSkbProgram[Any]:
        plain = check_function(kind.name, function, f"(ctx: SkSkbContext) -> {returns.__name__}")
        checked = check_options(kind.name, plain, name, on_error, returns)
        return SkSkbProgram(kind, checked, plain, on_error, hook)

    return declare
