"""Attaching programs of traffic control to interfaces, by TCX link (kernels from 6.6)."""

from __future__ import annotations

import errno

from osmia.kernel import attributes, bpf
from osmia.kernel.interfaces import interface_index, interface_name
from osmia.kernel.parent import end_with_sudo
from osmia.links import Link, attaching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.links import Attachable


class TcxLink(Link):
    """A program of traffic control attached to an interface, behind those that are there already."""

    def __init__(self, fd: int, program: str, interface: str, ifindex: int, hook: str) -> None:
        super().__init__(fd, program, f"interface '{interface}' ({hook})")
        self.interface = interface
        """The name that the interface had when the program was attached."""
        self.ifindex = ifindex
        self.hook = hook
        """`ingress` or `egress`."""

    @property
    def gone(self) -> bool:
        """Whether the interface does not exist any more; the program has ended with it."""
        return bool(self._info(attributes.TCX_LINK_INFO)["ifindex"] == 0)


def attach_tcx(program: Attachable, interface: str | int, hook: str, attach_type: int) -> TcxLink:
    """Attach a program of traffic control to an interface, by its name or index, and return the link that holds it.

    Where sudo started this process, it is from now on ended (SIGTERM) when sudo is.

    Raises KernelError: no such interface (ENODEV), 64 programs there already (ERANGE); NotSupportedError before Linux
    6.6; PermissionDeniedError.
    """
    ifindex = interface_index(interface)
    name = interface if isinstance(interface, str) else interface_name(ifindex) or str(ifindex)
    end_with_sudo()
    with attaching:
        try:
            fd = bpf.link_create(prog_fd=program.fd, target=ifindex, attach_type=attach_type)
        except OSError as error:
            number = error.errno or 0
        else:
            return TcxLink(fd, program.name, name, ifindex, hook)
    from osmia.kernel.errors import kernel_error

    raise kernel_error(
        number,
        f"attach program '{program.name}' to interface '{name}' ({hook})",
        needed=("CAP_NET_ADMIN", "CAP_BPF"),
        feature="TCX links",
        hints={
            errno.ENODEV: "the interface is gone (ENODEV)",
            errno.EEXIST: "this program is there already (EEXIST)",
            errno.ERANGE: "the interface has 64 programs there already (ERANGE)",
        },
    )
