"""Why the kernel does not attach an XDP program."""

from __future__ import annotations

import errno

from osmia.contexts.xdp import XdpMode
from osmia.errors import KernelError, NotSupportedError
from osmia.kernel.errors import kernel_error, plain
from osmia.kernel.netlink import xdp_state
from osmia.links.xdp import MODE_NAMES


def refusal(number: int, program: str, interface: str, ifindex: int, mode: XdpMode) -> KernelError:
    """The error for what the kernel answered with `number` when a program was to be attached."""
    asked = f"attach program '{program}' to interface '{interface}'"
    if mode in MODE_NAMES:
        asked += f" in {MODE_NAMES[mode]} mode"
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
