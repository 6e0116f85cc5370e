"""The kernel's own structs that helpers give and take, under the kernel's names. They exist in kernel code only."""

from __future__ import annotations

from osmia.contexts import kernel_only_field
from osmia.contexts.connection import TcpState
from osmia.generic import TypeVar, overload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.arrays import FixedArray
    from osmia.types import Ref, u32

T = TypeVar("T")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to


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


class bpf_tcp_sock(sock_common, TcpState):
    """The TCP side of a socket as networking programs see it (struct bpf_tcp_sock in linux/bpf.h)."""

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
    """A pointer to memory whose size is known when the program runs (struct bpf_dynptr in linux/bpf.h).

    It is what `with ring.reserve_bytes(length) as record:` gives.
    """

    @overload
    def at(self, of: type[I], offset: int, /) -> Ref[I] | None: ...
    @overload
    def at(self, of: type[T], offset: int, /) -> T | None: ...
    def at(self, of: Any, offset: int, /) -> Any:  # noqa: ARG002 - the types are what matters
        """What lies at `offset` bytes from the start, in place; None where the memory does not reach so far.

        A number is a reference: `place.value` is what lies there.
        """
        raise _kernel_only("at")

    def write(self, offset: int, value: object, /) -> None:  # noqa: ARG002 - the types are what matters
        """Copy bytes to `offset`: of a struct, an array, chars, a slice of one (`data[:n]`), or constant ones.

        Where the memory does not reach so far, that is an error, as it is in Python: nothing is written.
        """
        raise _kernel_only("write")


def _kernel_only(method: str) -> TypeError:
    return TypeError(f"bpf_dynptr.{method} exists in kernel code only: a program that runs in the kernel calls it")
