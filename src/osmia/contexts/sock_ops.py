"""What programs of kind sock_ops are called with: an event of a TCP connection."""

from __future__ import annotations

from osmia.contexts import helpers_later, kernel_only_field
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


class SockOpsContext(SockOpsHelpers):
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
    def family(self) -> int:
        """The address family: AF_INET (2) or AF_INET6 (10) (u32)."""
        raise kernel_only_field("family")

    @property
    def remote_ip4(self) -> int:
        """The other side's IPv4 address (u32, in the machine's byte order)."""
        raise kernel_only_field("remote_ip4")

    @property
    def local_ip4(self) -> int:
        """The socket's own IPv4 address (u32, in the machine's byte order)."""
        raise kernel_only_field("local_ip4")

    @property
    def remote_ip6(self) -> FixedArray[u32]:
        """The other side's IPv6 address, four numbers in the machine's byte order (u32)."""
        raise kernel_only_field("remote_ip6")

    @property
    def local_ip6(self) -> FixedArray[u32]:
        """The socket's own IPv6 address, four numbers in the machine's byte order (u32)."""
        raise kernel_only_field("local_ip6")

    @property
    def remote_port(self) -> int:
        """The other side's port (u32)."""
        raise kernel_only_field("remote_port")

    @property
    def local_port(self) -> int:
        """The socket's own port (u32)."""
        raise kernel_only_field("local_port")

    @property
    def is_fullsock(self) -> int:
        """Whether there is a full socket; if not, the fields of TCP are 0 (u32)."""
        raise kernel_only_field("is_fullsock")

    @property
    def snd_cwnd(self) -> int:
        """The sending congestion window, in packets (u32)."""
        raise kernel_only_field("snd_cwnd")

    @property
    def srtt_us(self) -> int:
        """Eight times the smoothed round-trip time, in us (u32)."""
        raise kernel_only_field("srtt_us")

    @property
    def bpf_sock_ops_cb_flags(self) -> int:
        """Which further events run the program: `ctx.sock_ops_cb_flags_set` sets them (u32)."""
        raise kernel_only_field("bpf_sock_ops_cb_flags")

    @property
    def state(self) -> int:
        """The state of the TCP connection: TCP_* of linux/tcp_states.h (u32)."""
        raise kernel_only_field("state")

    @property
    def rtt_min(self) -> int:
        """The smallest round-trip time, in us (u32)."""
        raise kernel_only_field("rtt_min")

    @property
    def snd_ssthresh(self) -> int:
        """Up to which window slow start goes (u32)."""
        raise kernel_only_field("snd_ssthresh")

    @property
    def rcv_nxt(self) -> int:
        """The sequence number that is expected next (u32)."""
        raise kernel_only_field("rcv_nxt")

    @property
    def snd_nxt(self) -> int:
        """The sequence number that is sent next (u32)."""
        raise kernel_only_field("snd_nxt")

    @property
    def snd_una(self) -> int:
        """The first byte that waits for an acknowledgement (u32)."""
        raise kernel_only_field("snd_una")

    @property
    def mss_cache(self) -> int:
        """The largest segment, in bytes (u32)."""
        raise kernel_only_field("mss_cache")

    @property
    def ecn_flags(self) -> int:
        """The state of ECN (u32)."""
        raise kernel_only_field("ecn_flags")

    @property
    def rate_delivered(self) -> int:
        """Packets delivered in the last sample of the rate (u32)."""
        raise kernel_only_field("rate_delivered")

    @property
    def rate_interval_us(self) -> int:
        """How long that sample took, in us (u32)."""
        raise kernel_only_field("rate_interval_us")

    @property
    def packets_out(self) -> int:
        """Packets on their way (u32)."""
        raise kernel_only_field("packets_out")

    @property
    def retrans_out(self) -> int:
        """Packets on their way again (u32)."""
        raise kernel_only_field("retrans_out")

    @property
    def total_retrans(self) -> int:
        """Packets that were sent again, in all (u32)."""
        raise kernel_only_field("total_retrans")

    @property
    def segs_in(self) -> int:
        """Segments received (u32)."""
        raise kernel_only_field("segs_in")

    @property
    def data_segs_in(self) -> int:
        """Segments with data received (u32)."""
        raise kernel_only_field("data_segs_in")

    @property
    def segs_out(self) -> int:
        """Segments sent (u32)."""
        raise kernel_only_field("segs_out")

    @property
    def data_segs_out(self) -> int:
        """Segments with data sent (u32)."""
        raise kernel_only_field("data_segs_out")

    @property
    def lost_out(self) -> int:
        """Packets taken for lost (u32)."""
        raise kernel_only_field("lost_out")

    @property
    def sacked_out(self) -> int:
        """Packets acknowledged out of order (u32)."""
        raise kernel_only_field("sacked_out")

    sk_txhash: int
    """The hash that chooses the path of what is sent (u32, may be written)."""

    @property
    def bytes_received(self) -> int:
        """Bytes received and acknowledged (u64)."""
        raise kernel_only_field("bytes_received")

    @property
    def bytes_acked(self) -> int:
        """Bytes sent and acknowledged (u64)."""
        raise kernel_only_field("bytes_acked")

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
