"""Packets as struct __sk_buff shows them: the fields that kinds of programs share, each with what they may do."""

from __future__ import annotations

from osmia.contexts import kernel_only_field
from osmia.contexts.fields import fields_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.arrays import FixedArray
    from osmia.contexts.fields import ContextField
    from osmia.contexts.kernel_structs import sock_common
    from osmia.types import u32

# As the kernel's *_is_valid_access functions have it (net/core/filter.c).
COMMON = (
    *("len", "pkt_type", "mark", "queue_mapping", "protocol", "vlan_present", "vlan_tci", "vlan_proto", "priority"),
    *("ingress_ifindex", "ifindex", "tc_index", "cb", "hash", "napi_id", "gso_segs", "gso_size", "sk"),
)
"""What programs of every kind that is given a __sk_buff may read."""
SOCKET = ("family", "remote_ip4", "local_ip4", "remote_ip6", "local_ip6", "remote_port", "local_port")
"""What is known of the packet's socket."""

_NETWORK = {
    "protocol": 16,
    "vlan_proto": 16,
    "remote_ip4": 32,
    "local_ip4": 32,
    "remote_ip6": 32,
    "local_ip6": 32,
    "remote_port": 32,
}


def sk_buff_fields(more: tuple[str, ...], writable: tuple[str, ...]) -> dict[str, ContextField]:
    """The fields of a kind's context: the common ones and `more`, of which `writable` may be written."""
    return fields_of(
        "__sk_buff", (*COMMON, *more), writable=writable, network=_NETWORK, objects={"sk": "sock_common | None"}
    )


class SkBuff:
    """One packet, as programs above the driver see it (struct __sk_buff in linux/bpf.h). In kernel code only."""

    @property
    def len(self) -> int:
        """The length of the packet in bytes (u32)."""
        raise kernel_only_field("len")

    @property
    def pkt_type(self) -> int:
        """Whom the packet is for (u32): PACKET_HOST and the like of linux/if_packet.h."""
        raise kernel_only_field("pkt_type")

    @property
    def mark(self) -> int:
        """The packet's mark, which routing and netfilter go by (u32)."""
        raise kernel_only_field("mark")

    @property
    def queue_mapping(self) -> int:
        """The queue of the interface that the packet is in (u32)."""
        raise kernel_only_field("queue_mapping")

    @property
    def protocol(self) -> int:
        """The protocol in the Ethernet header: 0x0800 for IPv4 (u16)."""
        raise kernel_only_field("protocol")

    @property
    def vlan_present(self) -> int:
        """1 if the packet has a VLAN tag beside it, else 0 (u32)."""
        raise kernel_only_field("vlan_present")

    @property
    def vlan_tci(self) -> int:
        """That VLAN tag's priority and id (u32)."""
        raise kernel_only_field("vlan_tci")

    @property
    def vlan_proto(self) -> int:
        """That VLAN tag's protocol: 0x8100 or 0x88A8 (u16)."""
        raise kernel_only_field("vlan_proto")

    @property
    def priority(self) -> int:
        """The packet's priority, which queueing goes by (u32)."""
        raise kernel_only_field("priority")

    @property
    def ingress_ifindex(self) -> int:
        """The index of the interface that the packet came in by; 0 if it did not (u32)."""
        raise kernel_only_field("ingress_ifindex")

    @property
    def ifindex(self) -> int:
        """The index of the interface that the packet is at (u32)."""
        raise kernel_only_field("ifindex")

    @property
    def tc_index(self) -> int:
        """The index that traffic control gave the packet (u32)."""
        raise kernel_only_field("tc_index")

    @property
    def hash(self) -> int:
        """The packet's hash, if it was calculated already (u32)."""
        raise kernel_only_field("hash")

    @property
    def napi_id(self) -> int:
        """The id of the receive queue that polled the packet in (u32). Since Linux 4.12."""
        raise kernel_only_field("napi_id")

    @property
    def gso_segs(self) -> int:
        """How many segments a packet to be cut up has (u32). Since Linux 5.1."""
        raise kernel_only_field("gso_segs")

    @property
    def gso_size(self) -> int:
        """How long these segments are, in bytes (u32). Since Linux 5.7."""
        raise kernel_only_field("gso_size")

    @property
    def cb(self) -> FixedArray[u32]:
        """Five numbers that programs on a packet's way leave for the next ones; by constant index (u32)."""
        raise kernel_only_field("cb")

    @property
    def sk(self) -> sock_common | None:
        """The packet's socket; None where it has none. Since Linux 5.1."""
        raise kernel_only_field("sk")
