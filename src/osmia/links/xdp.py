"""Attaching XDP programs to interfaces, by BPF link (kernels from 5.9)."""

from __future__ import annotations

import errno

from osmia.abi import XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE, XDP_FLAGS_SKB_MODE
from osmia.abi.generated import BPF_XDP
from osmia.contexts.xdp import XdpMode
from osmia.errors import KernelError
from osmia.kernel import attributes, bpf
from osmia.kernel.interfaces import interface_index, interface_name
from osmia.kernel.parent import end_with_sudo
from osmia.links import Link, attaching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.links import Attachable

_FLAGS = {
    XdpMode.AUTO: 0,
    XdpMode.SKB: XDP_FLAGS_SKB_MODE,
    XdpMode.NATIVE: XDP_FLAGS_DRV_MODE,
    XdpMode.OFFLOAD: XDP_FLAGS_HW_MODE,
}
MODE_NAMES = {XdpMode.SKB: "generic", XdpMode.NATIVE: "native", XdpMode.OFFLOAD: "offload"}
_MODES = {name: mode for mode, name in MODE_NAMES.items()}


class XdpLink(Link):
    """An XDP program attached to an interface."""

    def __init__(self, fd: int, program: str, interface: str, ifindex: int, mode: XdpMode) -> None:
        super().__init__(fd, program, f"interface '{interface}'")
        self.interface = interface
        """The name that the interface had when the program was attached."""
        self.ifindex = ifindex
        self._mode: XdpMode | None = None if mode is XdpMode.AUTO else mode

    @property
    def mode(self) -> XdpMode:
        """How the program is attached, never AUTO: what the kernel chose then is asked the first time."""
        if self._mode is None:
            self._mode = _MODES[self._ask_mode()]
        return self._mode

    @property
    def mode_name(self) -> str:
        """The mode as people say it: `native`, `generic` or `offload`."""
        return MODE_NAMES[self.mode]

    @property
    def gone(self) -> bool:
        """Whether the interface does not exist any more; the program has ended with it."""
        return bool(self._info(attributes.XDP_LINK_INFO)["ifindex"] == 0)

    def _ask_mode(self) -> str:
        info = self._info(attributes.XDP_LINK_INFO)
        program_id, ifindex = info["prog_id"], info["ifindex"]
        if not ifindex:
            raise KernelError(errno.ENODEV, f"cannot tell how {self._what} is attached: the interface is gone")
        from osmia.kernel.netlink import xdp_state

        mode = xdp_state(ifindex).mode_of(program_id)
        if mode is None:
            raise KernelError(
                errno.ENOENT,
                f"cannot tell how {self._what} is attached: interface {ifindex} of this network namespace does not "
                f"have program {program_id}",
            )
        return mode


def attach_xdp(program: Attachable, interface: str | int, mode: XdpMode = XdpMode.AUTO) -> XdpLink:
    """Attach an XDP program to an interface, by its name or index, and return the link that holds it there.

    With AUTO the kernel chooses native mode where the driver has it, else generic (`link.mode` says which); no other
    mode falls back. Where sudo started this process, it is from now on ended (SIGTERM) when sudo is.

    Raises KernelError: no such interface (ENODEV), a program there already (EBUSY), a mode that the driver does not
    have (EOPNOTSUPP, EINVAL); NotSupportedError before Linux 5.9; PermissionDeniedError.
    """
    mode = XdpMode(mode)
    ifindex = interface_index(interface)
    name = interface if isinstance(interface, str) else interface_name(ifindex) or str(ifindex)
    end_with_sudo()
    with attaching:
        try:
            fd = bpf.link_create(prog_fd=program.fd, target=ifindex, attach_type=BPF_XDP, flags=_FLAGS[mode])
        except OSError as error:
            number = error.errno or 0
        else:
            return XdpLink(fd, program.name, name, ifindex, mode)
    from osmia.links.xdp_refusal import refusal

    raise refusal(number, program.name, name, ifindex, mode)
