"""What programs of kind sk_skb are called with: what a socket of a map of sockets receives."""

from __future__ import annotations

from osmia.contexts import helpers_later, kernel_only_field
from osmia.contexts.connection import Connection
from osmia.contexts.sk_action import SkAction
from osmia.contexts.sk_buff import SOCKET, SkBuff, sk_buff_fields

__all__ = ["FIELDS", "SkAction", "SkSkbContext"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from osmia.contexts.generated.helpers import SkSkbHelpers
    from osmia.contexts.packet import Packet
else:
    SkSkbHelpers = helpers_later("SkSkbHelpers")


FIELDS = sk_buff_fields(SOCKET, ("tc_index", "priority"))
del FIELDS["mark"]


class SkSkbContext(SkBuff, Connection, SkSkbHelpers):
    """What a socket received, as an sk_skb program sees it (struct __sk_buff). It exists in kernel code only."""

    tc_index: int
    """The index that traffic control gave the packet (u32, may be written)."""
    priority: int
    """The packet's priority, which queueing goes by (u32, may be written)."""

    @property
    def mark(self) -> NoReturn:
        """Programs of this kind have none."""
        raise kernel_only_field("mark")

    @property
    def packet(self) -> Packet:
        """The bytes that were received, without headers, as far as they lie in one piece.

        `ctx.skb_pull_data(length)` makes more of them so.
        """
        raise kernel_only_field("packet")
