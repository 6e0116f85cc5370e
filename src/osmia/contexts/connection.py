"""What the contexts of sockets have in common: where a connection leads, and the state of TCP."""

from __future__ import annotations

from osmia.contexts import kernel_only_field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.arrays import FixedArray
    from osmia.types import u32


class Connection:
    """Where a socket's connection leads; zeros where there is none."""

    @property
    def family(self) -> int:
        """AF_INET, AF_INET6 and the like (u32)."""
        raise kernel_only_field("family")

    @property
    def remote_ip4(self) -> int:
        """The remote IPv4 address, in the machine's byte order (u32)."""
        raise kernel_only_field("remote_ip4")

    @property
    def local_ip4(self) -> int:
        """The local IPv4 address, in the machine's byte order (u32)."""
        raise kernel_only_field("local_ip4")

    @property
    def remote_ip6(self) -> FixedArray[u32]:
        """The remote IPv6 address: four numbers in the machine's byte order (u32)."""
        raise kernel_only_field("remote_ip6")

    @property
    def local_ip6(self) -> FixedArray[u32]:
        """The local IPv6 address: four numbers in the machine's byte order (u32)."""
        raise kernel_only_field("local_ip6")

    @property
    def remote_port(self) -> int:
        """The remote port, in the machine's byte order (u32)."""
        raise kernel_only_field("remote_port")

    @property
    def local_port(self) -> int:
        """The local port (u32)."""
        raise kernel_only_field("local_port")


class TcpState:
    """What is known of a TCP connection."""

    @property
    def snd_cwnd(self) -> int:
        """The congestion window, in segments (u32)."""
        raise kernel_only_field("snd_cwnd")

    @property
    def srtt_us(self) -> int:
        """The smoothed round-trip time, in eighths of a microsecond (u32)."""
        raise kernel_only_field("srtt_us")

    @property
    def rtt_min(self) -> int:
        """The smallest round-trip time of late, in microseconds (u32)."""
        raise kernel_only_field("rtt_min")

    @property
    def snd_ssthresh(self) -> int:
        """The threshold of slow start, in segments (u32)."""
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
        """The first sequence number that is not acknowledged (u32)."""
        raise kernel_only_field("snd_una")

    @property
    def mss_cache(self) -> int:
        """The size of a segment, without SACKs, in bytes (u32)."""
        raise kernel_only_field("mss_cache")

    @property
    def ecn_flags(self) -> int:
        """The state of congestion notification (u32)."""
        raise kernel_only_field("ecn_flags")

    @property
    def rate_delivered(self) -> int:
        """How many packets the rate was measured over (u32)."""
        raise kernel_only_field("rate_delivered")

    @property
    def rate_interval_us(self) -> int:
        """How long the rate was measured, in microseconds (u32)."""
        raise kernel_only_field("rate_interval_us")

    @property
    def packets_out(self) -> int:
        """How many packets are in flight (u32)."""
        raise kernel_only_field("packets_out")

    @property
    def retrans_out(self) -> int:
        """How many packets that were sent again are in flight (u32)."""
        raise kernel_only_field("retrans_out")

    @property
    def total_retrans(self) -> int:
        """How many packets were sent again in all (u32)."""
        raise kernel_only_field("total_retrans")

    @property
    def segs_in(self) -> int:
        """How many segments came in (u32)."""
        raise kernel_only_field("segs_in")

    @property
    def data_segs_in(self) -> int:
        """How many segments with data came in (u32)."""
        raise kernel_only_field("data_segs_in")

    @property
    def segs_out(self) -> int:
        """How many segments were sent (u32)."""
        raise kernel_only_field("segs_out")

    @property
    def data_segs_out(self) -> int:
        """How many segments with data were sent (u32)."""
        raise kernel_only_field("data_segs_out")

    @property
    def lost_out(self) -> int:
        """How many packets are lost (u32)."""
        raise kernel_only_field("lost_out")

    @property
    def sacked_out(self) -> int:
        """How many packets were acknowledged selectively (u32)."""
        raise kernel_only_field("sacked_out")

    @property
    def bytes_received(self) -> int:
        """How many bytes were received and acknowledged (u64)."""
        raise kernel_only_field("bytes_received")

    @property
    def bytes_acked(self) -> int:
        """How many bytes were sent and acknowledged (u64)."""
        raise kernel_only_field("bytes_acked")
