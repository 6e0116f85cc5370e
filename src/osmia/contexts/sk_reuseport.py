"""What programs of kind sk_reuseport are called with: a packet for one of the sockets that share a port."""

from __future__ import annotations

from osmia.contexts import helpers_later, kernel_only_field
from osmia.contexts.fields import fields_of
from osmia.contexts.sk_action import SkAction

__all__ = ["FIELDS", "SkAction", "SkReuseportContext"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts.generated.helpers import SkReuseportHelpers
    from osmia.contexts.kernel_structs import bpf_sock, sock_common
    from osmia.contexts.packet import Packet
else:
    SkReuseportHelpers = helpers_later("SkReuseportHelpers")


FIELDS = fields_of(
    "sk_reuseport_md",
    ("len", "eth_protocol", "ip_protocol", "bind_inany", "hash", "sk", "migrating_sk"),
    network={"eth_protocol": 16},
    objects={"sk": "bpf_sock", "migrating_sk": "sock_common | None"},
)


class SkReuseportContext(SkReuseportHelpers):
    """One packet, as an sk_reuseport program sees it (struct sk_reuseport_md in linux/bpf.h).

    It exists in kernel code only.
    """

    @property
    def len(self) -> int:
        """How many bytes the packet has, from its TCP or UDP header on (u32)."""
        raise kernel_only_field("len")

    @property
    def eth_protocol(self) -> int:
        """The Ethernet protocol: 0x0800 for IPv4, 0x86DD for IPv6 (u16)."""
        raise kernel_only_field("eth_protocol")

    @property
    def ip_protocol(self) -> int:
        """The IP protocol: IPPROTO_TCP (6) or IPPROTO_UDP (17) (u32)."""
        raise kernel_only_field("ip_protocol")

    @property
    def bind_inany(self) -> int:
        """Whether the sockets are bound to every address (u32)."""
        raise kernel_only_field("bind_inany")

    @property
    def hash(self) -> int:
        """A hash of the packet's addresses and ports (u32)."""
        raise kernel_only_field("hash")

    @property
    def sk(self) -> bpf_sock:
        """One of the sockets that share the port; at the hook `migrate` the one that is closed. Since Linux 5.14."""
        raise kernel_only_field("sk")

    @property
    def migrating_sk(self) -> sock_common | None:
        """At the hook `migrate` the connection that needs another socket; None for a new packet. Since Linux 5.14."""
        raise kernel_only_field("migrating_sk")

    @property
    def packet(self) -> Packet:
        """The packet, from its TCP or UDP header on; programs read it only."""
        raise kernel_only_field("packet")
