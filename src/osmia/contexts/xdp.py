"""XDP: the context, the actions and the modes."""

from __future__ import annotations

from osmia.contexts import helpers_later
from osmia.enumeration import IntEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts.generated.helpers import XdpHelpers
    from osmia.contexts.packet import Packet
else:
    XdpHelpers = helpers_later("XdpHelpers")


class XdpAction(IntEnum):
    """What an XDP program tells the kernel to do with the packet (enum xdp_action in linux/bpf.h)."""

    ABORTED = 0
    """Drop it and raise the tracepoint xdp:xdp_exception: something went wrong."""
    DROP = 1
    """Drop it."""
    PASS = 2
    """Hand it to the network stack."""
    TX = 3
    """Send it back out of the interface it came in by."""
    REDIRECT = 4
    """Send it to where a redirect helper said."""


class XdpMode(IntEnum):
    """How an XDP program is attached to an interface."""

    AUTO = 0
    """The kernel chooses: native where the driver can, else generic."""
    NATIVE = 1
    """In the driver, before the kernel's packet buffer exists. Fails where the driver cannot."""
    SKB = 2
    """Generic: in the network stack, on every interface."""
    OFFLOAD = 3
    """On the network card itself. Fails where the card cannot."""


class XdpContext(XdpHelpers):
    """One packet, as an XDP program sees it (struct xdp_md in linux/bpf.h). It exists in kernel code only."""

    @property
    def ingress_ifindex(self) -> int:
        """The index of the interface that the packet came in by (u32, read-only)."""
        raise _kernel_only("ingress_ifindex")

    @property
    def rx_queue_index(self) -> int:
        """The receive queue that the packet came in by (u32, read-only)."""
        raise _kernel_only("rx_queue_index")

    @property
    def egress_ifindex(self) -> int:
        """The index of the interface that the packet goes out by (u32, read-only; since Linux 5.8).

        In programs for the entries of a DevMap alone: `@xdp(hook="devmap")`.
        """
        raise _kernel_only("egress_ifindex")

    @property
    def packet(self) -> Packet:
        """The packet, from its Ethernet header on; of one in several buffers, what the first one holds."""
        raise _kernel_only("packet")

    @property
    def meta(self) -> Packet:
        """The metadata before the packet: what `adjust_meta` makes room for, for programs after this one.

        Since Linux 4.15, where the driver has it.
        """
        raise _kernel_only("meta")


def _kernel_only(field: str) -> TypeError:
    return TypeError(f"XdpContext.{field} exists in kernel code only: a program that runs in the kernel reads it")


if not TYPE_CHECKING:  # for type checkers no other name is here

    def __getattr__(name):
        if name != "FIELDS":
            raise AttributeError(f"module 'osmia.contexts.xdp' has no attribute {name!r}", name=name)
        from osmia.contexts.fields import ContextField  # the compiler's: a process that loads and attaches never asks

        globals()["FIELDS"] = fields = {
            "ingress_ifindex": ContextField(12, 32),
            "rx_queue_index": ContextField(16, 32),
            "egress_ifindex": ContextField(20, 32, hooks=("devmap",)),
        }
        return fields
