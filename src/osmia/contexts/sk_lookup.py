"""What programs of kind sk_lookup are called with: a packet whose socket is looked up."""

from __future__ import annotations

from osmia.contexts import helpers_later, kernel_only_field
from osmia.contexts.fields import fields_of
from osmia.contexts.sk_action import SkAction

__all__ = ["FIELDS", "SkAction", "SkLookupContext"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.arrays import FixedArray
    from osmia.contexts.generated.helpers import SkLookupHelpers
    from osmia.contexts.kernel_structs import bpf_sock
    from osmia.types import u32
else:
    SkLookupHelpers = helpers_later("SkLookupHelpers")


FIELDS = fields_of(
    "bpf_sk_lookup",
    (
        *("sk", "family", "protocol", "remote_ip4", "remote_ip6", "remote_port"),
        *("local_ip4", "local_ip6", "local_port", "ingress_ifindex"),
    ),
    network={"remote_ip4": 32, "local_ip4": 32, "remote_ip6": 32, "local_ip6": 32, "remote_port": 16},
    objects={"sk": "bpf_sock | None"},
)


class SkLookupContext(SkLookupHelpers):
    """One look-up of a socket, as an sk_lookup program sees it (struct bpf_sk_lookup in linux/bpf.h).

    It exists in kernel code only. `ctx.sk_assign(socket)` chooses the socket.
    """

    @property
    def sk(self) -> bpf_sock | None:
        """The socket that was chosen, by this program or one before it."""
        raise kernel_only_field("sk")

    @property
    def family(self) -> int:
        """The address family: AF_INET (2) or AF_INET6 (10) (u32)."""
        raise kernel_only_field("family")

    @property
    def protocol(self) -> int:
        """The protocol: IPPROTO_TCP (6) or IPPROTO_UDP (17) (u32)."""
        raise kernel_only_field("protocol")

    @property
    def remote_ip4(self) -> int:
        """Where the packet comes from: its IPv4 address (u32, in the machine's byte order)."""
        raise kernel_only_field("remote_ip4")

    @property
    def remote_ip6(self) -> FixedArray[u32]:
        """The same of IPv6, four numbers in the machine's byte order (u32)."""
        raise kernel_only_field("remote_ip6")

    @property
    def remote_port(self) -> int:
        """The port that the packet comes from (u16)."""
        raise kernel_only_field("remote_port")

    @property
    def local_ip4(self) -> int:
        """Where the packet goes to: its IPv4 address (u32, in the machine's byte order)."""
        raise kernel_only_field("local_ip4")

    @property
    def local_ip6(self) -> FixedArray[u32]:
        """The same of IPv6, four numbers in the machine's byte order (u32)."""
        raise kernel_only_field("local_ip6")

    @property
    def local_port(self) -> int:
        """The port that the packet goes to (u32)."""
        raise kernel_only_field("local_port")

    @property
    def ingress_ifindex(self) -> int:
        """The index of the interface that the packet came in by (u32). Since Linux 5.17."""
        raise kernel_only_field("ingress_ifindex")
