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
    from typing import Any, Literal

    from osmia.links.xdp import XdpLink

    XdpHook = Literal["", "devmap", "cpumap"]

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
        if self.hook:
            raise TypeError(
                f"{self.name} is for the entries of a map and not for an interface: give it to one, "
                f"`{ENTRIES[self.hook].format(program='...')}`"
            )
        return attach_xdp(self._running(), interface, mode)


# How a program is given to an entry, by its hook.
ENTRIES = {
    "devmap": "ports.update(0, interface, program={program})",
    "cpumap": "cpus.update(1, 192, program={program})",
}


@overload
def xdp(function: XdpFunction, /) -> XdpProgram: ...
@overload
def xdp(*, hook: XdpHook = ..., on_error: XdpAction = ..., name: str = ...) -> Callable[[XdpFunction], XdpProgram]: ...
def xdp(function: Any = None, /, *, hook: XdpHook = "", on_error: XdpAction | None = None, name: str = "") -> Any:
    """Declare an XDP program: `@xdp`, or `@xdp(...)` with options.

    `hook` says that it is for the entries of a map instead of an interface: "devmap" runs for packets on their way out
    (since Linux 5.8), "cpumap" on the CPU that they were sent to (since Linux 5.9). `on_error` is what it returns after
    an error (what would raise in Python), ABORTED unless it says. `name` is the program's name, the function's
    unless it says.
    """
    kind = KINDS["xdp"]
    if hook not in kind.attach_types:
        hooks = ", ".join(f'"{each}"' for each in kind.attach_types if each)
        raise TypeError(f"@xdp: hook is one of {hooks}, not {shown(hook)}")

    def declare(function: Any) -> XdpProgram:
        plain = check_function(kind.name, function, "(ctx: XdpContext) -> XdpAction")
        return XdpProgram(kind, check_options(kind.name, plain, name, on_error, kind.returns), plain, on_error, hook)

    return declare if function is None else declare(function)
