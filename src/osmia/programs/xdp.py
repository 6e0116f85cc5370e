"""XDP programs: packets as they come in by an interface, before the network stack sees them."""

from __future__ import annotations

from osmia.contexts.xdp import XdpAction, XdpContext, XdpMode
from osmia.errors import shown
from osmia.generic import overload
from osmia.kinds import KINDS
from osmia.programs.program import PacketProgram, check_function, check_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.links.xdp import XdpLink

    XdpFunction = Callable[[XdpContext], XdpAction]


class XdpProgram(PacketProgram[XdpContext, XdpAction]):
    """An XDP program."""

    def attach(self, interface: str | int, *, mode: XdpMode = XdpMode.AUTO) -> XdpLink:
        """Attach it to an interface, given by name or index; since Linux 5.9. It is loaded if it is not.

        In a `with` statement it is detached at the end. Without, it stays attached until `link.detach()`, or until the
        process ends in whatever way; `link.pin()` makes it outlive the process.
        """
        from osmia.links.xdp import attach_xdp

        if not isinstance(mode, XdpMode):
            raise TypeError(f"{self.name}: mode is an XdpMode, not {shown(mode)}")
        return attach_xdp(self._running(), interface, mode)


@overload
def xdp(function: XdpFunction, /) -> XdpProgram: ...
@overload
def xdp(*, on_error: XdpAction = ..., name: str = ...) -> Callable[[XdpFunction], XdpProgram]: ...
def xdp(function: Any = None, /, *, on_error: XdpAction | None = None, name: str = "") -> Any:
    """Declare an XDP program: `@xdp`, or `@xdp(...)` with options.

    `on_error` is what it returns after an error (what would raise in Python), ABORTED unless it says. `name` is the
    program's name, the function's unless it says.
    """
    kind = KINDS["xdp"]

    def declare(function: Any) -> XdpProgram:
        plain = check_function(kind.name, function, "(ctx: XdpContext) -> XdpAction")
        return XdpProgram(kind, check_options(kind.name, plain, name, on_error, kind.returns), plain, on_error)

    return declare if function is None else declare(function)
