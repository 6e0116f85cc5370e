"""Traffic control: the context and the actions."""

from __future__ import annotations

from osmia.contexts import helpers_later, kernel_only_field
from osmia.contexts.sk_buff import SkBuff, sk_buff_fields
from osmia.enumeration import IntEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts.generated.helpers import SchedClsHelpers
    from osmia.contexts.packet import Packet
else:
    SchedClsHelpers = helpers_later("SchedClsHelpers")


# As the kernel's tc_cls_act_is_valid_access has it (net/core/filter.c).
FIELDS = sk_buff_fields(
    ("tc_classid", "tstamp", "wire_len"),
    ("mark", "tc_index", "priority", "cb", "tc_classid", "tstamp", "queue_mapping"),
)


class TcAction(IntEnum):
    """What a program of traffic control tells the kernel to do with the packet (TC_ACT_* in linux/pkt_cls.h).

    By a TCX link, what is none of UNSPEC, OK, SHOT and REDIRECT is UNSPEC to the kernel.
    """

    UNSPEC = -1
    """Go on with the next program; behind the last one, let it through."""
    OK = 0
    """Let it through, past all other programs."""
    RECLASSIFY = 1
    """Begin anew with classifying it."""
    SHOT = 2
    """Drop it."""
    PIPE = 3
    """Go on with the next action."""
    STOLEN = 4
    """Take it, and tell the sender that it went."""
    QUEUED = 5
    """The same."""
    REPEAT = 6
    """Run the actions again."""
    REDIRECT = 7
    """Send it to where a redirect helper said."""
    TRAP = 8
    """Hand it from the network card to the CPU."""


class TcContext(SkBuff, SchedClsHelpers):
    """One packet at an interface (struct __sk_buff in linux/bpf.h). It exists in kernel code only."""

    mark: int
    """The packet's mark, which routing and netfilter go by (u32, may be written)."""
    priority: int
    """The packet's priority, which queueing goes by (u32, may be written)."""
    tc_index: int
    """The index that traffic control gave the packet (u32, may be written)."""
    queue_mapping: int
    """The queue of the interface that the packet is in (u32, may be written)."""
    tc_classid: int
    """The class of the queueing discipline that the packet goes to (u32, may be written)."""
    tstamp: int
    """When the packet came, or shall be sent, in ns (u64, may be written). Since Linux 5.0."""

    @property
    def wire_len(self) -> int:
        """How long the packet is on the wire, with the headers of all its segments (u32). Since Linux 5.0."""
        raise kernel_only_field("wire_len")

    @property
    def packet(self) -> Packet:
        """The packet, from its Ethernet header on: what of it lies in one piece; `skb_pull_data` gives more."""
        raise kernel_only_field("packet")

    @property
    def meta(self) -> Packet:
        """The metadata before the packet, which an XDP program made room for."""
        raise kernel_only_field("meta")
