"""The interface of `-i`: attaching to it, and seeing that the program is still there."""

from __future__ import annotations

import errno

from osmia.cli.options import DIGITS
from osmia.cli.output import note
from osmia.errors import KernelError
from osmia.kernel.interfaces import interface_name, interface_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts.xdp import XdpMode
    from osmia.links.tcx import TcxLink
    from osmia.links.xdp import XdpLink
    from osmia.programs.xdp import XdpProgram


def attach(program: XdpProgram, interface: str, mode: XdpMode, *, quiet: bool) -> XdpLink:
    """Attach to an interface, given by its name or its index in digits, and say how."""
    link = program.attach(name_or_index(interface), mode=mode)
    try:
        how = f"attached to {link.interface} ({link.mode_name})"
        if not quiet:
            note(how)
    except BaseException:
        link.detach()
        raise
    return link


def check_attached(link: XdpLink | TcxLink) -> None:
    """Raise KernelError if the program is not on its interface any more."""
    if not link.gone:
        return
    if interface_name(link.ifindex) is None:
        raise KernelError(errno.ENODEV, f"the interface {link.interface} is gone, and the program with it")
    raise KernelError(errno.ENOLINK, f"somebody else has detached the program from {link.interface}")


def name_or_index(interface: str) -> str | int:
    """An interface as `attach()` takes it."""
    digits = interface.isascii() and interface.isdecimal() and len(interface) <= DIGITS
    return int(interface) if digits and interface not in interface_names().values() else interface
