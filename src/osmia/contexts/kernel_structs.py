"""The kernel's own structs that helpers give and take, under the kernel's names. They exist in kernel code only."""

from __future__ import annotations

from osmia.contexts import kernel_only_field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.arrays import FixedArray
    from osmia.types import u32


class sock_common:
    """What sockets of every kind begin with: struct sock_common, or its mirror for BPF."""

    @property
    def bound_dev_if(self) -> int:
        """The index of the interface that the socket is bound to; 0 if none (u32)."""
        raise kernel_only_field("bound_dev_if")

    @property
    def family(self) -> int:
        """AF_INET, AF_INET6 and the like (u32)."""
        raise kernel_only_field("family")

    @property
    def src_ip4(self) -> int:
        """The local IPv4 address, in the machine's byte order (u32)."""
        raise kernel_only_field("src_ip4")

    @property
    def src_ip6(self) -> FixedArray[u32]:
        """The local IPv6 address: four numbers in the machine's byte order (u32)."""
        raise kernel_only_field("src_ip6")

    @property
    def src_port(self) -> int:
        """The local port (u32)."""
        raise kernel_only_field("src_port")

    @property
    def dst_port(self) -> int:
        """The remote port, in the machine's byte order (u16)."""
        raise kernel_only_field("dst_port")

    @property
    def dst_ip4(self) -> int:
        """The remote IPv4 address, in the machine's byte order (u32)."""
        raise kernel_only_field("dst_ip4")

    @property
    def dst_ip6(self) -> FixedArray[u32]:
        """The remote IPv6 address: four numbers in the machine's byte order (u32)."""
        raise kernel_only_field("dst_ip6")

    @property
    def state(self) -> int:
        """TCP_ESTABLISHED and the like; 7 for a socket that is not connected (u32)."""
        raise kernel_only_field("state")

    @property
    def rx_queue_mapping(self) -> int:
        """The receive queue of the socket's last packet; -1 if none (i32). Since Linux 5.8."""
        raise kernel_only_field("rx_queue_mapping")


class bpf_sock(sock_common):
    """A socket as networking programs see it (struct bpf_sock in linux/bpf.h)."""

    @property
    def type(self) -> int:
        """SOCK_STREAM, SOCK_DGRAM and the like (u32)."""
        raise kernel_only_field("type")

    @property
    def protocol(self) -> int:
        """IPPROTO_TCP and the like (u32)."""
        raise kernel_only_field("protocol")

    @property
    def mark(self) -> int:
        """The mark of packets that it sends (u32)."""
        raise kernel_only_field("mark")

    @property
    def priority(self) -> int:
        """The priority of packets that it sends (u32)."""
        raise kernel_only_field("priority")


class bpf_xdp_sock:
    """An AF_XDP socket as XDP programs see it (struct bpf_xdp_sock in linux/bpf.h)."""

    @property
    def queue_id(self) -> int:
        """The receive queue that it is bound to (u32)."""
        raise kernel_only_field("queue_id")


class bpf_tcp_sock(sock_common):
    """The TCP side of a socket as networking programs see it (struct bpf_tcp_sock in linux/bpf.h)."""

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

    @property
    def dsack_dups(self) -> int:
        """How many duplicates the other side told of (u32)."""
        raise kernel_only_field("dsack_dups")

    @property
    def delivered(self) -> int:
        """How many packets were delivered, duplicates among them (u32)."""
        raise kernel_only_field("delivered")

    @property
    def delivered_ce(self) -> int:
        """How many packets were delivered with a mark of congestion (u32)."""
        raise kernel_only_field("delivered_ce")

    @property
    def icsk_retransmits(self) -> int:
        """How often the timer has sent a packet again that is still not acknowledged (u32)."""
        raise kernel_only_field("icsk_retransmits")


class sock(sock_common):
    """A socket (struct sock)."""


class tcp_sock(sock):
    """A TCP socket (struct tcp_sock)."""


class tcp6_sock(tcp_sock):
    """A TCP socket of IPv6 (struct tcp6_sock)."""


class tcp_timewait_sock(sock_common):
    """What is left of a TCP socket that waits after closing (struct tcp_timewait_sock)."""


class tcp_request_sock(sock_common):
    """A TCP connection that is being set up (struct tcp_request_sock)."""


class udp6_sock(sock):
    """A UDP socket of IPv6 (struct udp6_sock)."""


class unix_sock(sock):
    """A Unix socket (struct unix_sock)."""


class mptcp_sock(sock):
    """An MPTCP connection (struct mptcp_sock)."""


class socket:
    """What a process holds of a socket (struct socket)."""


class task_struct:
    """A thread (struct task_struct)."""


class pt_regs:
    """The registers of a CPU (struct pt_regs)."""


class vm_area_struct:
    """An area of a process's memory (struct vm_area_struct)."""


class linux_binprm:
    """A program that is being executed (struct linux_binprm)."""


class inode:
    """An inode (struct inode)."""


class file:
    """An open file (struct file)."""


class path:
    """A mount and a name in it (struct path)."""


class seq_file:
    """What reads an iterator (struct seq_file)."""


class xdp_buff:
    """The kernel's side of an XDP program's packet (struct xdp_buff)."""


class cgroup:
    """A control group (struct cgroup)."""


class cred:
    """What a thread may do (struct cred)."""


class dentry:
    """A name in a directory (struct dentry)."""


class super_block:
    """A mounted file system (struct super_block)."""


class mm_struct:
    """The memory of a process (struct mm_struct)."""


class kernel_siginfo:
    """What comes with a signal (struct kernel_siginfo)."""


class sockaddr:
    """An address of a socket (struct sockaddr)."""


class msghdr:
    """A message that goes through a socket (struct msghdr)."""


class sk_buff:
    """A packet in the network stack (struct sk_buff)."""


class net_device:
    """A network interface (struct net_device)."""


class request:
    """What a block device is asked for (struct request)."""


class bio:
    """A transfer of a block device (struct bio)."""


class rq:
    """The run queue of a CPU (struct rq)."""


class bpf_dynptr:
    """A pointer to memory whose size is known when the program runs (struct bpf_dynptr in linux/bpf.h)."""
