"""What programs of kind sock_ops are called with: an event of a TCP connection."""

from __future__ import annotations

from osmia.contexts import helpers_later, kernel_only_field
from osmia.contexts.connection import Connection, TcpState
from osmia.contexts.fields import fields_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.arrays import FixedArray
    from osmia.contexts.generated.helpers import SockOpsHelpers
    from osmia.contexts.kernel_structs import bpf_sock
    from osmia.contexts.packet import Packet
    from osmia.types import u32
else:
    SockOpsHelpers = helpers_later("SockOpsHelpers")


FIELDS = fields_of(
    "bpf_sock_ops",
    (
        *("op", "args", "reply", "family", "remote_ip4"),
        *("local_ip4", "remote_ip6", "local_ip6", "remote_port", "local_port"),
        *("is_fullsock", "snd_cwnd", "srtt_us", "bpf_sock_ops_cb_flags", "state"),
        *("rtt_min", "snd_ssthresh", "rcv_nxt", "snd_nxt", "snd_una"),
        *("mss_cache", "ecn_flags", "rate_delivered", "rate_interval_us", "packets_out"),
        *("retrans_out", "total_retrans", "segs_in", "data_segs_in", "segs_out"),
        *("data_segs_out", "lost_out", "sacked_out", "sk_txhash", "bytes_received"),
        *("bytes_acked", "sk", "skb_len", "skb_tcp_flags", "skb_hwtstamp"),
    ),
    writable=("reply", "sk_txhash"),
    network={"remote_ip4": 32, "local_ip4": 32, "remote_ip6": 32, "local_ip6": 32, "remote_port": 32},
    objects={"sk": "bpf_sock | None"},
)


class SockOpsContext(Connection, TcpState, SockOpsHelpers):
    """One event of a TCP connection (struct bpf_sock_ops in linux/bpf.h). It exists in kernel code only."""

    @property
    def op(self) -> int:
        """Which event it is: BPF_SOCK_OPS_* of linux/bpf.h (u32)."""
        raise kernel_only_field("op")

    @property
    def args(self) -> FixedArray[u32]:
        """What the event has to say, as its description in linux/bpf.h tells (u32)."""
        raise kernel_only_field("args")

    reply: int
    """What the kernel is answered, where the event asks (u32, may be written)."""

    @property
    def is_fullsock(self) -> int:
        """Whether there is a full socket; if not, the fields of TCP are 0 (u32)."""
        raise kernel_only_field("is_fullsock")

    @property
    def bpf_sock_ops_cb_flags(self) -> int:
        """Which further events run the program: `ctx.sock_ops_cb_flags_set` sets them (u32)."""
        raise kernel_only_field("bpf_sock_ops_cb_flags")

    @property
    def state(self) -> int:
        """The state of the TCP connection: TCP_* of linux/tcp_states.h (u32)."""
        raise kernel_only_field("state")

    sk_txhash: int
    """The hash that chooses the path of what is sent (u32, may be written)."""

    @property
    def sk(self) -> bpf_sock | None:
        """The socket; None where it is no full one."""
        raise kernel_only_field("sk")

    @property
    def skb_len(self) -> int:
        """How many bytes the packet has, with its header (u32). Since Linux 5.10."""
        raise kernel_only_field("skb_len")

    @property
    def skb_tcp_flags(self) -> int:
        """The flags of its TCP header (u32). Since Linux 5.10."""
        raise kernel_only_field("skb_tcp_flags")

    @property
    def skb_hwtstamp(self) -> int:
        """When the network card saw it, in ns (u64). Since Linux 6.2."""
        raise kernel_only_field("skb_hwtstamp")

    @property
    def packet(self) -> Packet:
        """The TCP header of the packet that the event is about, where there is one; programs only read it.

        Since Linux 5.10.
        """
        raise kernel_only_field("packet")
