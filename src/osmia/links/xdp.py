"""Attaching XDP programs to interfaces, by BPF link (kernels from 5.9)."""

from __future__ import annotations

import errno

from osmia.abi.flags import XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE, XDP_FLAGS_SKB_MODE
from osmia.abi.generated.bpf import BPF_XDP
from osmia.contexts.xdp import XdpMode
from osmia.errors import KernelError, NotSupportedError
from osmia.kernel import attributes, bpf
from osmia.kernel.errors import kernel_error, plain
from osmia.kernel.interfaces import interface_index, interface_name, xdp_state
from osmia.kernel.parent import end_with_sudo
from osmia.links.link import Link, attaching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.links.link import Attachable

_FLAGS = {
    XdpMode.AUTO: 0,
    XdpMode.SKB: XDP_FLAGS_SKB_MODE,
    XdpMode.NATIVE: XDP_FLAGS_DRV_MODE,
    XdpMode.OFFLOAD: XDP_FLAGS_HW_MODE,
}
_MODE_NAMES = {XdpMode.SKB: "generic", XdpMode.NATIVE: "native", XdpMode.OFFLOAD: "offload"}
_MODES = {name: mode for mode, name in _MODE_NAMES.items()}


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
        return _MODE_NAMES[self.mode]

    @property
    def gone(self) -> bool:
        """Whether the interface does not exist any more; the program has ended with it."""
        return self._info()[1] == 0

    def _ask_mode(self) -> str:
        program_id, ifindex = self._info()
        if not ifindex:
            raise KernelError(errno.ENODEV, f"cannot tell how {self._what} is attached: the interface is gone")
        mode = xdp_state(ifindex).mode_of(program_id)
        if mode is None:
            raise KernelError(
                errno.ENOENT,
                f"cannot tell how {self._what} is attached: interface {ifindex} of this network namespace does not "
                f"have program {program_id}",
            )
        return mode

    def _info(self) -> tuple[int, int]:
        """(id of the attached program, index of the interface or 0)."""
        descriptor = self._open()
        try:
            info = bpf.obj_get_info(descriptor.number, attributes.XDP_LINK_INFO)
        except OSError as error:
            number = error.errno or 0
        else:
            return info["prog_id"], info["ifindex"]
        finally:
            del descriptor
        raise kernel_error(number, f"ask the kernel about {self._what}")


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
            fd = bpf.link_create(prog_fd=program.fd, target_ifindex=ifindex, attach_type=BPF_XDP, flags=_FLAGS[mode])
        except OSError as error:
            number = error.errno or 0
        else:
            return XdpLink(fd, program.name, name, ifindex, mode)
    raise _refused(number, program.name, name, ifindex, mode)


def _refused(number: int, program: str, interface: str, ifindex: int, mode: XdpMode) -> KernelError:
    asked = f"attach program '{program}' to interface '{interface}'"
    if mode in _MODE_NAMES:
        asked += f" in {_MODE_NAMES[mode]} mode"
    error = kernel_error(
        number,
        asked,
        needed=("CAP_NET_ADMIN", "CAP_BPF"),
        feature="XDP by BPF link",
        hints={
            errno.EBUSY: _who_is_there(ifindex, errno.EBUSY),
            errno.EEXIST: _who_is_there(ifindex, errno.EEXIST),
            errno.ENODEV: "the interface is gone (ENODEV)",
        },
    )
    refused_by_driver = number in (errno.EOPNOTSUPP, errno.EINVAL, errno.ERANGE) and not isinstance(
        error, NotSupportedError
    )
    if not refused_by_driver:
        return error
    if mode is XdpMode.SKB:
        why = "the kernel does not take this program in generic mode"
    elif mode is XdpMode.OFFLOAD:
        why = "its network card does not run programs"
    elif number == errno.EOPNOTSUPP:
        why = "its driver has no XDP"
    else:
        why = "its driver does not run XDP with the interface's settings, such as its MTU"
    other = "" if mode is XdpMode.SKB else ". Generic mode works on every interface: `--mode skb`, or XdpMode.SKB"
    return KernelError(number, f"cannot {asked}: {why} ({plain(number)}){other}")


def _who_is_there(ifindex: int, number: int) -> str:
    try:
        programs = xdp_state(ifindex).programs
    except KernelError:
        programs = {}
    there = (
        ", ".join(f"id {program_id}, {mode}" for mode, program_id in programs.items())
        or "which the kernel does not name"
    )
    return (
        f"the interface has an XDP program already ({there}), and it takes one ({plain(number)}). See whose it is with "
        "`bpftool link` or `bpftool net`: it goes when its process ends, or with `ip link set dev NAME xdp off`"
    )
