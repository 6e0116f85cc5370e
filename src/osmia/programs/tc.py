"""Programs of traffic control: packets as they come in by an interface or leave by it."""

from __future__ import annotations

from osmia.contexts.tc import TcAction, TcContext
from osmia.kinds import KINDS
from osmia.programs.program import PacketProgram, check_function, check_hook, check_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from osmia.links.tcx import TcxLink

    TcFunction = Callable[[TcContext], TcAction]


class TcProgram(PacketProgram[TcContext, TcAction]):
    """A program of traffic control."""

    def attach(self, interface: str | int, /) -> TcxLink:
        """Attach it to an interface, given by name or index, behind the programs that are there; since Linux 6.6.

        It is loaded if it is not. In a `with` statement it is detached at the end. Without, it stays attached until
        `link.detach()`, or until the process ends in whatever way; `link.pin()` makes it outlive the process.
        """
        from osmia.links.tcx import attach_tcx

        return attach_tcx(self._running(), interface, self.hook, self.kind.attach_type(self.hook))


def tc(
    hook: Literal["ingress", "egress"], /, *, on_error: TcAction | None = None, name: str = ""
) -> Callable[[TcFunction], TcProgram]:
    """Declare a program of traffic control: `@tc("egress")`.

    `hook` says which packets it is given: those that come in by an interface (`ingress`) or leave by it (`egress`).
    `on_error` is what it returns after an error (what would raise in Python), SHOT unless it says. `name` is the
    program's name, the function's unless it says.
    """
    kind = KINDS["sched_cls"]
    check_hook(kind, hook, "tc")

    def declare(function: Any) -> TcProgram:
        plain = check_function("tc", function, "(ctx: TcContext) -> TcAction")
        return TcProgram(kind, check_options("tc", plain, name, on_error, kind.returns), plain, on_error, hook)

    return declare
