"""Which fields of the kernel's sockets programs may read: those that the verifier lets through."""

from __future__ import annotations

from osmia.abi.generated.contexts import CONTEXTS
from osmia.contexts.fields import fields_of

SOCK_NETWORK = {"src_ip4": 32, "src_ip6": 32, "dst_port": 16, "dst_ip4": 32, "dst_ip6": 32}
# Of a connection that is being set up, or is over, less is known.
SOCK_COMMON = (
    *("bound_dev_if", "family", "src_ip4", "src_ip6", "src_port"),
    *("dst_port", "dst_ip4", "dst_ip6", "state", "rx_queue_mapping"),
)
SOCK = (*SOCK_COMMON[:2], "type", "protocol", "mark", "priority", *SOCK_COMMON[2:])

OBJECT_FIELDS = {
    "sock_common": fields_of("bpf_sock", SOCK_COMMON, network=SOCK_NETWORK),
    "bpf_sock": fields_of("bpf_sock", SOCK, network=SOCK_NETWORK),
    "bpf_xdp_sock": fields_of("bpf_xdp_sock", ("queue_id",)),
    "bpf_tcp_sock": fields_of("bpf_tcp_sock", tuple(member.name for member in CONTEXTS["bpf_tcp_sock"])),
}
"""By the struct that the verifier takes a pointer to be of."""
