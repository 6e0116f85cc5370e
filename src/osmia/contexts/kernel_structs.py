"""The kernel's own structs that helpers give and take, under the kernel's names. They exist in kernel code only."""

from __future__ import annotations


class sock_common:
    """What sockets of every kind begin with: struct sock_common, or its mirror for BPF."""


class bpf_sock(sock_common):
    """A socket as networking programs see it (struct bpf_sock in linux/bpf.h)."""


class bpf_xdp_sock:
    """An AF_XDP socket as XDP programs see it (struct bpf_xdp_sock in linux/bpf.h)."""


class bpf_tcp_sock(sock_common):
    """The TCP side of a socket as networking programs see it (struct bpf_tcp_sock in linux/bpf.h)."""


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


class bpf_dynptr:
    """A pointer to memory whose size is known when the program runs (struct bpf_dynptr in linux/bpf.h)."""
