"""Programs of cgroups that are given packets: their context."""

from __future__ import annotations

from osmia.contexts import helpers_later, kernel_only_field
from osmia.contexts.cgroup import CgroupAction  # noqa: F401 - the kind finds it here
from osmia.contexts.connection import Connection
from osmia.contexts.sk_buff import SOCKET, SkBuff, sk_buff_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts.generated.helpers import CgroupSkbHelpers
    from osmia.contexts.packet import Packet
else:
    CgroupSkbHelpers = helpers_later("CgroupSkbHelpers")


FIELDS = sk_buff_fields((*SOCKET, "tstamp"), ("mark", "priority", "cb", "tstamp"))


class CgroupSkbContext(SkBuff, Connection, CgroupSkbHelpers):
    """One packet that a socket of a cgroup sends or receives (struct __sk_buff). It exists in kernel code only."""

    mark: int
    """The packet's mark, which routing and netfilter go by (u32, may be written)."""
    priority: int
    """The packet's priority, which queueing goes by (u32, may be written)."""
    tstamp: int
    """When the packet came, or shall be sent, in ns (u64, may be written). Since Linux 5.0."""

    @property
    def packet(self) -> Packet:
        """The packet, from its IP header on, to be read; how much of it lies in one piece depends on the driver."""
        raise kernel_only_field("packet")
