"""Programs of cgroups about sockets: their context."""

from __future__ import annotations

from osmia.contexts import helpers_later, kernel_only_field
from osmia.contexts.cgroup import CgroupAction  # noqa: F401 - the kind finds it here
from osmia.contexts.fields import fields_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.arrays import FixedArray
    from osmia.contexts.generated.helpers import CgroupSockHelpers
    from osmia.types import u32
else:
    CgroupSockHelpers = helpers_later("CgroupSockHelpers")

_MADE_AND_GONE = ("sock_create", "sock_release")
# As the kernel's sock_filter_is_valid_access has it (net/core/filter.c).
FIELDS = fields_of(
    "bpf_sock",
    ("bound_dev_if", "family", "type", "protocol", "mark", "priority", "src_ip4", "src_ip6", "src_port"),
    writable=("bound_dev_if", "mark", "priority"),
    network={"src_ip4": 32, "src_ip6": 32},
    hooks={
        **dict.fromkeys(("bound_dev_if", "mark", "priority"), _MADE_AND_GONE),
        "src_ip4": ("post_bind4",),
        "src_ip6": ("post_bind6",),
        "src_port": ("post_bind4", "post_bind6"),
    },
)


class CgroupSockContext(CgroupSockHelpers):
    """One socket of a process in a cgroup (struct bpf_sock in linux/bpf.h). It exists in kernel code only."""

    bound_dev_if: int
    """The index of the interface that it is bound to; 0 if none (u32, may be written; sock_create, sock_release)."""
    mark: int
    """The mark of packets that it sends (u32, may be written; sock_create, sock_release). Since Linux 4.14."""
    priority: int
    """The priority of packets that it sends (u32, may be written; sock_create, sock_release). Since Linux 4.14."""

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6 (u32)."""
        raise kernel_only_field("family")

    @property
    def type(self) -> int:
        """SOCK_STREAM, SOCK_DGRAM and the like (u32)."""
        raise kernel_only_field("type")

    @property
    def protocol(self) -> int:
        """IPPROTO_TCP and the like (u32)."""
        raise kernel_only_field("protocol")

    @property
    def src_ip4(self) -> int:
        """The IPv4 address that it is bound to, in the machine's byte order (u32; post_bind4)."""
        raise kernel_only_field("src_ip4")

    @property
    def src_ip6(self) -> FixedArray[u32]:
        """The IPv6 address that it is bound to, four numbers in the machine's byte order (u32; post_bind6)."""
        raise kernel_only_field("src_ip6")

    @property
    def src_port(self) -> int:
        """The port that it is bound to (u32; post_bind4, post_bind6)."""
        raise kernel_only_field("src_port")
