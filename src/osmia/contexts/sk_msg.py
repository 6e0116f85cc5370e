"""What programs of kind sk_msg are called with: a message that a socket of a map of sockets sends."""

from __future__ import annotations

from osmia.contexts import helpers_later, kernel_only_field
from osmia.contexts.connection import Connection
from osmia.contexts.fields import fields_of
from osmia.contexts.sk_action import SkAction

__all__ = ["FIELDS", "SkAction", "SkMsgContext"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts.generated.helpers import SkMsgHelpers
    from osmia.contexts.kernel_structs import bpf_sock
    from osmia.contexts.packet import Packet
else:
    SkMsgHelpers = helpers_later("SkMsgHelpers")


FIELDS = fields_of(
    "sk_msg_md",
    ("family", "remote_ip4", "local_ip4", "remote_ip6", "local_ip6", "remote_port", "local_port", "size", "sk"),
    network={"remote_ip4": 32, "local_ip4": 32, "remote_ip6": 32, "local_ip6": 32, "remote_port": 32},
    objects={"sk": "bpf_sock"},
)


class SkMsgContext(Connection, SkMsgHelpers):
    """One message, as an sk_msg program sees it (struct sk_msg_md in linux/bpf.h). It exists in kernel code only."""

    @property
    def size(self) -> int:
        """How many bytes the message has, in all its parts (u32)."""
        raise kernel_only_field("size")

    @property
    def sk(self) -> bpf_sock:
        """The socket that sends it. Since Linux 5.8."""
        raise kernel_only_field("sk")

    @property
    def packet(self) -> Packet:
        """The message's first bytes that lie in one piece; `ctx.msg_pull_data(start, end)` makes more of them so."""
        raise kernel_only_field("packet")
