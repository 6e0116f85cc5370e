"""The helpers of each kind of program, as methods of its context.

Made by tools/generate_helpers.py; do not edit.
"""

# ruff: noqa: A002, ARG002, D402, E501 - the parameters have the kernel's names, for type checkers alone
# fmt: off
from __future__ import annotations

from osmia.contexts import kernel_only
from osmia.generic import TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts import kernel_structs as kernel
    from osmia.contexts.tc import TcAction
    from osmia.contexts.xdp import XdpAction
    from osmia.types import Ref, be16, i32, i64, u16, u32, u64

T = TypeVar("T")


class _WithProbeRead:
    """Helpers of 12 kinds of programs."""

    def probe_read(self, dst: object, unsafe_ptr: u64) -> i64:
        """Copy bytes from an address of the kernel or of user space, whichever it is; use probe_read_kernel or probe_read_user. Since Linux 4.1, GPL only."""
        raise kernel_only("probe_read")

    def probe_write_user(self, dst: u64, src: object) -> i64:
        """Write bytes into the current process's memory; for experiments, and refused where the kernel is locked down. Since Linux 4.8, GPL only."""
        raise kernel_only("probe_write_user")

    def probe_read_str(self, dst: object, unsafe_ptr: u64) -> i64:
        """Copy text up to its ending zero from an address of the kernel or of user space; use the _kernel or _user one. Since Linux 4.11, GPL only."""
        raise kernel_only("probe_read_str")

    def get_stack(self, into: object, flags: u64 = 0) -> i64:
        """Copy the addresses of the stack, of the kernel or of user space; the number of bytes. Since Linux 4.18, GPL only."""
        raise kernel_only("get_stack")


class _WithKtimeGetNs:
    """Helpers of 34 kinds of programs."""

    def ktime_get_ns(self) -> u64:
        """The time since the machine started in ns, without the time it was suspended. Since Linux 4.1."""
        raise kernel_only("ktime_get_ns")

    def trace_printk(self, fmt: str, *arguments: int) -> i32:
        """Write a line to the kernel's trace pipe, with up to three integers; for debugging. The number of bytes written. Since Linux 4.1, GPL only."""
        raise kernel_only("trace_printk")

    def get_prandom_u32(self) -> u32:
        """A pseudo-random number; not for cryptography. Since Linux 4.1."""
        raise kernel_only("get_prandom_u32")

    def ktime_get_boot_ns(self) -> u64:
        """The time since the machine started in ns, with the time it was suspended. Since Linux 5.8."""
        raise kernel_only("ktime_get_boot_ns")


class _WithGetSmpProcessorId:
    """Helpers of 33 kinds of programs."""

    def get_smp_processor_id(self) -> u32:
        """The number of the CPU that the program runs on. Since Linux 4.1."""
        raise kernel_only("get_smp_processor_id")

    def get_current_pid_tgid(self) -> u64:
        """The current thread: its process id (tgid) in the upper 32 bits, its thread id in the lower ones. Since Linux 4.2."""
        raise kernel_only("get_current_pid_tgid")

    def get_current_uid_gid(self) -> u64:
        """The current thread's group id in the upper 32 bits, its user id in the lower ones. Since Linux 4.2."""
        raise kernel_only("get_current_uid_gid")

    def get_current_comm(self, into: object) -> i64:
        """Copy the current thread's name, at most 16 bytes with its ending zero. Since Linux 4.2."""
        raise kernel_only("get_current_comm")

    def get_cgroup_classid(self) -> u32:
        """The class id that the net_cls cgroup (version 1) gives to the packet's or the thread's traffic; 0 if none. Since Linux 4.3."""
        raise kernel_only("get_cgroup_classid")

    def get_current_task(self) -> u64:
        """The address of the current thread's struct task_struct; read it by probe_read_kernel. Since Linux 4.8, GPL only."""
        raise kernel_only("get_current_task")

    def get_numa_node_id(self) -> i64:
        """The number of the NUMA node that the program runs on. Since Linux 4.10."""
        raise kernel_only("get_numa_node_id")

    def get_current_cgroup_id(self) -> u64:
        """The id of the current thread's cgroup (version 2). Since Linux 4.18."""
        raise kernel_only("get_current_cgroup_id")

    def strtol(self, buf: object, flags: u64, res: Ref[int]) -> i64:
        """Read a signed number from text; flags give its base (8, 10, 16, or 0: by prefix). The number of characters. Since Linux 5.2."""
        raise kernel_only("strtol")

    def strtoul(self, buf: object, flags: u64, res: Ref[int]) -> i64:
        """Read an unsigned number from text; flags give its base (8, 10, 16, or 0: by prefix). The number of characters. Since Linux 5.2."""
        raise kernel_only("strtoul")

    def send_signal(self, sig: u32) -> i64:
        """Send a signal to the current process. Since Linux 5.3."""
        raise kernel_only("send_signal")

    def probe_read_user(self, dst: object, unsafe_ptr: u64) -> i64:
        """Copy bytes from an address of the current process. Since Linux 5.5, GPL only."""
        raise kernel_only("probe_read_user")

    def probe_read_kernel(self, dst: object, unsafe_ptr: u64) -> i64:
        """Copy bytes from an address of the kernel. Since Linux 5.5, GPL only."""
        raise kernel_only("probe_read_kernel")

    def probe_read_user_str(self, dst: object, unsafe_ptr: u64) -> i64:
        """Copy text up to its ending zero from an address of the current process; the number of bytes with the zero. Since Linux 5.5, GPL only."""
        raise kernel_only("probe_read_user_str")

    def probe_read_kernel_str(self, dst: object, unsafe_ptr: u64) -> i64:
        """Copy text up to its ending zero from an address of the kernel; the number of bytes with the zero. Since Linux 5.5, GPL only."""
        raise kernel_only("probe_read_kernel_str")

    def send_signal_thread(self, sig: u32) -> i64:
        """Send a signal to the current thread. Since Linux 5.5."""
        raise kernel_only("send_signal_thread")

    def jiffies64(self) -> u64:
        """The kernel's clock in ticks of 1/CONFIG_HZ s. Since Linux 5.5."""
        raise kernel_only("jiffies64")

    def get_ns_current_pid_tgid(self, dev: u64, ino: u64, into: object) -> i64:
        """The current thread's ids as seen in a PID namespace, which `dev` and `ino` name: a struct bpf_pidns_info. Since Linux 5.7."""
        raise kernel_only("get_ns_current_pid_tgid")

    def get_current_ancestor_cgroup_id(self, ancestor_level: i32) -> u64:
        """The id of an ancestor of the current thread's cgroup; 0 is the root's level. Since Linux 5.6."""
        raise kernel_only("get_current_ancestor_cgroup_id")

    def get_task_stack(self, task: kernel.task_struct, into: object, flags: u64 = 0) -> i64:
        """Copy the addresses of a thread's stack; the number of bytes. Since Linux 5.9."""
        raise kernel_only("get_task_stack")

    def copy_from_user(self, dst: object, user_ptr: u64) -> i64:
        """Copy bytes from the current process's memory, waiting for pages to be read; for sleepable programs. Since Linux 5.10, sleepable programs only."""
        raise kernel_only("copy_from_user")

    def snprintf_btf(self, into: object, ptr: object, flags: u64 = 0) -> i64:
        """Print a kernel object that a struct btf_ptr names into memory; the number of bytes it takes. Since Linux 5.10."""
        raise kernel_only("snprintf_btf")

    def get_current_task_btf(self) -> kernel.task_struct:
        """The current thread, with its members to be read as they are. Since Linux 5.11, GPL only."""
        raise kernel_only("get_current_task_btf")

    def snprintf(self, into: object | None, fmt: str, data: object | None = None) -> i64:
        """Print a format with an array of u64 for it into memory; the number of bytes it takes with the ending zero. Since Linux 5.13, GPL only."""
        raise kernel_only("snprintf")

    def task_pt_regs(self, task: kernel.task_struct) -> kernel.pt_regs:
        """The registers of user space that a thread keeps in the kernel. Since Linux 5.15, GPL only."""
        raise kernel_only("task_pt_regs")

    def get_branch_snapshot(self, into: object, flags: u64 = 0) -> i64:
        """Copy the branches that the CPU recorded up to now (struct perf_branch_entry); the number of bytes. Since Linux 5.16, GPL only."""
        raise kernel_only("get_branch_snapshot")

    def trace_vprintk(self, fmt: str, data: object | None = None) -> i32:
        """Write a line to the kernel's trace pipe, with an array of u64; for debugging. The number of bytes written. Since Linux 5.16, GPL only."""
        raise kernel_only("trace_vprintk")

    def strncmp(self, s1: object, s2: str) -> i64:
        """Compare text in memory with constant text: negative, 0 or positive. Since Linux 5.17."""
        raise kernel_only("strncmp")

    def copy_from_user_task(self, dst: object, user_ptr: u64, tsk: kernel.task_struct, flags: u64 = 0) -> i64:
        """Copy bytes from another process's memory, waiting for pages to be read; for sleepable programs. Since Linux 5.18, GPL only, sleepable programs only."""
        raise kernel_only("copy_from_user_task")

    def ktime_get_tai_ns(self) -> u64:
        """International atomic time in ns, which no leap second moves. Since Linux 6.1."""
        raise kernel_only("ktime_get_tai_ns")


class _WithSkbStoreBytes:
    """Helpers of sched_cls, lwt_xmit, sk_skb."""

    def skb_store_bytes(self, offset: u32, from_: object, flags: u64 = 0) -> i64:
        """Write bytes into the packet at an offset; flags can recompute the checksum. Views of the packet end. Since Linux 4.1."""
        raise kernel_only("skb_store_bytes")

    def skb_change_tail(self, len: u32, flags: u64 = 0) -> i64:
        """Make the packet longer (by zeros) or shorter. Views of the packet end. Since Linux 4.9."""
        raise kernel_only("skb_change_tail")

    def skb_change_head(self, len: u32, flags: u64 = 0) -> i64:
        """Make room for a header in front of the packet. Views of the packet end. Since Linux 4.10."""
        raise kernel_only("skb_change_head")


class _WithL3CsumReplace:
    """Helpers of sched_cls, lwt_xmit."""

    def l3_csum_replace(self, offset: u32, from_: u64, to: u64, size: u64) -> i64:
        """Change the IP checksum at an offset for a value that changes from `from_` to `to`, of `size` bytes (0: `to` is a difference). Since Linux 4.1."""
        raise kernel_only("l3_csum_replace")

    def l4_csum_replace(self, offset: u32, from_: u64, to: u64, flags: u64 = 0) -> i64:
        """Change a TCP, UDP or ICMP checksum at an offset for a changed value; flags hold the size and say what it covers. Since Linux 4.1."""
        raise kernel_only("l4_csum_replace")

    def clone_redirect(self, ifindex: u32, flags: u64 = 0) -> i64:
        """Send a copy of the packet out of an interface and go on with this one. Views of the packet end. Since Linux 4.2."""
        raise kernel_only("clone_redirect")

    def skb_get_tunnel_key(self, key: object, flags: u64 = 0) -> i64:
        """Read the metadata of the tunnel that the packet came by, a struct bpf_tunnel_key. Since Linux 4.3."""
        raise kernel_only("skb_get_tunnel_key")

    def skb_set_tunnel_key(self, key: object, flags: u64 = 0) -> i64:
        """Set the metadata of the tunnel that the packet will leave by, a struct bpf_tunnel_key. Since Linux 4.3."""
        raise kernel_only("skb_set_tunnel_key")

    def skb_get_tunnel_opt(self, opt: object) -> i64:
        """Read the options of the tunnel that the packet came by; the number of bytes. Since Linux 4.6."""
        raise kernel_only("skb_get_tunnel_opt")

    def skb_set_tunnel_opt(self, opt: object) -> i64:
        """Set the options of the tunnel that the packet will leave by. Since Linux 4.6."""
        raise kernel_only("skb_set_tunnel_opt")

    def csum_update(self, csum: u32) -> i64:
        """Add to the packet's checksum that the card computed; -ENOTSUPP where it has none. Since Linux 4.9."""
        raise kernel_only("csum_update")

    def set_hash_invalid(self) -> None:
        """Forget the packet's hash, so that the next who needs it computes it anew. Since Linux 4.9."""
        raise kernel_only("set_hash_invalid")

    def csum_level(self, level: u64) -> i64:
        """Ask for, raise, lower or reset how many checksums the card has verified in the packet. Since Linux 5.7."""
        raise kernel_only("csum_level")


class _WithSkbVlanPush:
    """Helpers of sched_cls."""

    def skb_vlan_push(self, vlan_proto: be16, vlan_tci: u16) -> i64:
        """Put a VLAN tag in front of the packet. Views of the packet end. Since Linux 4.3."""
        raise kernel_only("skb_vlan_push")

    def skb_vlan_pop(self) -> i64:
        """Take the outermost VLAN tag away. Views of the packet end. Since Linux 4.3."""
        raise kernel_only("skb_vlan_pop")

    def redirect(self, ifindex: u32, flags: u64 = 0) -> TcAction:
        """Send the packet out of another interface (or into it, where flags say so) once the program returns what this gives. Since Linux 4.4."""
        raise kernel_only("redirect")

    def skb_change_proto(self, proto: be16, flags: u64 = 0) -> i64:
        """Turn the packet from IPv4 to IPv6 or back, as to room and metadata; the program rewrites the headers. Views end. Since Linux 4.8."""
        raise kernel_only("skb_change_proto")

    def skb_change_type(self, type: u32) -> i64:
        """Change what kind of packet it is: for this host, broadcast, multicast, or for others. Since Linux 4.8."""
        raise kernel_only("skb_change_type")

    def set_hash(self, hash: u32) -> i64:
        """Set the packet's hash. Since Linux 4.13."""
        raise kernel_only("set_hash")

    def skb_get_xfrm_state(self, index: u32, xfrm_state: object, flags: u64 = 0) -> i64:
        """Read a state of the packet's IPsec path by index: a struct bpf_xfrm_state. Since Linux 4.18."""
        raise kernel_only("skb_get_xfrm_state")

    def sk_assign(self, sk: kernel.sock_common, flags: u64 = 0) -> i64:
        """Have the packet go to a socket, whatever its addresses say. Since Linux 5.6."""
        raise kernel_only("sk_assign")

    def skb_cgroup_classid(self) -> u64:
        """The class id that the net_cls cgroup (version 1) gives to the packet's socket; 0 if none. Since Linux 5.10."""
        raise kernel_only("skb_cgroup_classid")

    def redirect_neigh(self, ifindex: u32, params: object | None = None, flags: u64 = 0) -> TcAction:
        """Send the packet out of another interface, with the MAC addresses that the neighbour tables give. Since Linux 5.10."""
        raise kernel_only("redirect_neigh")

    def redirect_peer(self, ifindex: u32, flags: u64 = 0) -> TcAction:
        """Send the packet to the other end of a veth or netkit pair, in its namespace, without another queue. Since Linux 5.10."""
        raise kernel_only("redirect_peer")

    def skb_set_tstamp(self, tstamp: u64, tstamp_type: u32) -> i64:
        """Set the packet's time in ns and which clock it is of. Since Linux 5.18."""
        raise kernel_only("skb_set_tstamp")


class _WithRedirectForLwtXmit:
    """Helpers of lwt_xmit."""

    def redirect(self, ifindex: u32, flags: u64 = 0) -> i64:
        """Send the packet out of another interface (or into it, where flags say so) once the program returns what this gives. Since Linux 4.4."""
        raise kernel_only("redirect")


class _WithRedirectForXdp:
    """Helpers of xdp."""

    def redirect(self, ifindex: u32, flags: u64 = 0) -> XdpAction:
        """Send the packet out of another interface (or into it, where flags say so) once the program returns what this gives. Since Linux 4.4."""
        raise kernel_only("redirect")

    def adjust_head(self, delta: i32) -> i64:
        """Move the packet's start by some bytes; negative makes room. Views of the packet end. Since Linux 4.10."""
        raise kernel_only("adjust_head")

    def adjust_meta(self, delta: i32) -> i64:
        """Move the start of the metadata in front of the packet by some bytes; negative makes room. Views of the packet end. Since Linux 4.15."""
        raise kernel_only("adjust_meta")

    def adjust_tail(self, delta: i32) -> i64:
        """Move the packet's end by some bytes; positive makes it longer where the driver leaves room. Views of the packet end. Since Linux 4.18."""
        raise kernel_only("adjust_tail")

    def get_buff_len(self) -> u64:
        """The packet's length in bytes, all its fragments together. Since Linux 5.18."""
        raise kernel_only("get_buff_len")

    def load_bytes(self, offset: u32, into: object) -> i64:
        """Copy bytes of the packet at an offset, also across fragments. Since Linux 5.18."""
        raise kernel_only("load_bytes")

    def store_bytes(self, offset: u32, data: object) -> i64:
        """Write bytes into the packet at an offset, also across fragments. Since Linux 5.18."""
        raise kernel_only("store_bytes")


class _WithGetRouteRealm:
    """Helpers of sched_cls, lwt_in, lwt_out, lwt_xmit, lwt_seg6local."""

    def get_route_realm(self) -> u32:
        """The realm of the packet's route, which routing rules set; 0 if none. Since Linux 4.4."""
        raise kernel_only("get_route_realm")

    def get_hash_recalc(self) -> u32:
        """The packet's hash, computed if it has none. Since Linux 4.8."""
        raise kernel_only("get_hash_recalc")


class _WithSkbLoadBytes:
    """Helpers of 10 kinds of programs."""

    def skb_load_bytes(self, offset: u32, to: object) -> i64:
        """Copy bytes of the packet at an offset, also where they do not lie in its linear part. Since Linux 4.5."""
        raise kernel_only("skb_load_bytes")


class _WithCsumDiff:
    """Helpers of sched_cls, xdp, lwt_in, lwt_out, lwt_xmit, lwt_seg6local."""

    def csum_diff(self, from_: object | None, to: object | None, seed: u32) -> i64:
        """The difference of a checksum when the bytes `from_` become the bytes `to`; sizes are multiples of 4, `seed` is added. Since Linux 4.6."""
        raise kernel_only("csum_diff")


class _WithSkbPullData:
    """Helpers of sched_cls, lwt_in, lwt_out, lwt_xmit, sk_skb, lwt_seg6local."""

    def skb_pull_data(self, len: u32) -> i64:
        """Make the first bytes of the packet (0: all of them) linear, so that views reach them. Views of the packet end. Since Linux 4.9."""
        raise kernel_only("skb_pull_data")


class _WithGetSocketCookieForSocketFilter:
    """Helpers of 7 kinds of programs."""

    def get_socket_cookie(self) -> u64:
        """A number that belongs to the socket alone, as long as the machine runs; 0 if there is none. Since Linux 4.12."""
        raise kernel_only("get_socket_cookie")


class _WithGetSocketCookieForSkReuseport:
    """Helpers of 9 kinds of programs."""

    def get_socket_cookie(self, sk: kernel.sock_common | None) -> u64:
        """A number that belongs to the socket alone, as long as the machine runs; 0 if there is none. Since Linux 4.12."""
        raise kernel_only("get_socket_cookie")


class _WithGetSocketUid:
    """Helpers of socket_filter, sched_cls, cgroup_skb, sk_skb."""

    def get_socket_uid(self) -> u32:
        """The user id of the packet's socket; the overflow user's id where it has no owner. Since Linux 4.12."""
        raise kernel_only("get_socket_uid")


class _WithSetsockoptForCgroupSock:
    """Helpers of cgroup_sock, sock_ops, cgroup_sock_addr."""

    def setsockopt(self, level: i32, optname: i32, optval: object) -> i64:
        """Set an option of the socket, as setsockopt(2) does; the kernel takes some levels and options. Since Linux 4.13."""
        raise kernel_only("setsockopt")

    def getsockopt(self, level: i32, optname: i32, optval: object) -> i64:
        """Read an option of the socket, as getsockopt(2) does; the kernel gives some levels and options. Since Linux 4.15."""
        raise kernel_only("getsockopt")


class _WithSetsockoptForCgroupSockopt:
    """Helpers of cgroup_sockopt, iter, struct_ops, lsm_cgroup."""

    def setsockopt(self, sk: kernel.sock_common, level: i32, optname: i32, optval: object) -> i64:
        """Set an option of the socket, as setsockopt(2) does; the kernel takes some levels and options. Since Linux 4.13."""
        raise kernel_only("setsockopt")

    def getsockopt(self, sk: kernel.sock_common, level: i32, optname: i32, optval: object) -> i64:
        """Read an option of the socket, as getsockopt(2) does; the kernel gives some levels and options. Since Linux 4.15."""
        raise kernel_only("getsockopt")


class _WithSkbAdjustRoom:
    """Helpers of sched_cls, sk_skb."""

    def skb_adjust_room(self, len_diff: i32, mode: u32, flags: u64 = 0) -> i64:
        """Make room behind the MAC or the network header, or take it away, as tunnels need. Views of the packet end. Since Linux 4.13."""
        raise kernel_only("skb_adjust_room")


class _WithPerfProgReadValue:
    """Helpers of perf_event."""

    def perf_prog_read_value(self, into: object) -> i64:
        """Read the counter of the event that runs the program: a struct bpf_perf_event_value with its times. Since Linux 4.15, GPL only."""
        raise kernel_only("perf_prog_read_value")

    def read_branch_records(self, into: object | None, flags: u64 = 0) -> i64:
        """Copy the branches that the CPU recorded (struct perf_branch_entry); the number of bytes. Since Linux 5.6, GPL only."""
        raise kernel_only("read_branch_records")


class _WithOverrideReturn:
    """Helpers of kprobe."""

    def override_return(self, rc: u64) -> i64:
        """Have the probed function return a value at once, without running; for functions that allow errors to be injected. Since Linux 4.16, GPL only."""
        raise kernel_only("override_return")


class _WithSockOpsCbFlagsSet:
    """Helpers of sock_ops."""

    def sock_ops_cb_flags_set(self, argval: i32) -> i64:
        """Choose which further events of this TCP connection run the program; the flags that the kernel does not know. Since Linux 4.16."""
        raise kernel_only("sock_ops_cb_flags_set")

    def load_hdr_opt(self, searchby_res: object, flags: u64 = 0) -> i64:
        """Find an option in a TCP header: what to look for, and what is found, are in the memory. Since Linux 5.10."""
        raise kernel_only("load_hdr_opt")

    def store_hdr_opt(self, from_: object, flags: u64 = 0) -> i64:
        """Write an option into the TCP header of the packet to be sent, in the room that was reserved. Since Linux 5.10."""
        raise kernel_only("store_hdr_opt")

    def reserve_hdr_opt(self, len: u32, flags: u64 = 0) -> i64:
        """Reserve so many bytes for options in TCP headers to be sent. Since Linux 5.10."""
        raise kernel_only("reserve_hdr_opt")


class _WithMsgApplyBytes:
    """Helpers of sk_msg."""

    def msg_apply_bytes(self, bytes: u32) -> i64:
        """Let the verdict be for so many bytes, over several messages or less than one. Since Linux 4.17."""
        raise kernel_only("msg_apply_bytes")

    def msg_cork_bytes(self, bytes: u32) -> i64:
        """Run the program again only when so many bytes have been gathered. Since Linux 4.17."""
        raise kernel_only("msg_cork_bytes")

    def msg_pull_data(self, start: u32, end: u32, flags: u64 = 0) -> i64:
        """Make the bytes from `start` to `end` linear, so that the program can change them. Views of the message end. Since Linux 4.17."""
        raise kernel_only("msg_pull_data")

    def msg_push_data(self, start: u32, len: u32, flags: u64 = 0) -> i64:
        """Insert so many bytes into the message at `start`, for the program to fill. Views of the message end. Since Linux 4.20."""
        raise kernel_only("msg_push_data")

    def msg_pop_data(self, start: u32, len: u32, flags: u64 = 0) -> i64:
        """Take so many bytes out of the message at `start`. Views of the message end. Since Linux 5.0."""
        raise kernel_only("msg_pop_data")


class _WithBind:
    """Helpers of cgroup_sock_addr."""

    def bind(self, addr: object) -> i64:
        """Bind the connecting socket to an address (a struct sockaddr_in or sockaddr_in6 with port 0, or a port from 5.8 on). Since Linux 4.17."""
        raise kernel_only("bind")


class _WithSkbLoadBytesRelative:
    """Helpers of socket_filter, sched_cls, cgroup_skb, sk_reuseport."""

    def skb_load_bytes_relative(self, offset: u32, to: object, start_header: u32) -> i64:
        """Copy bytes of the packet counted from its MAC or network header. Since Linux 4.18."""
        raise kernel_only("skb_load_bytes_relative")


class _WithFibLookup:
    """Helpers of sched_cls, xdp."""

    def fib_lookup(self, params: object, flags: u32 = 0) -> i64:
        """Look a packet's way up in the routing tables: fills the struct bpf_fib_lookup; 0, or why there is no way to forward it. Since Linux 4.18, GPL only."""
        raise kernel_only("fib_lookup")

    def tcp_check_syncookie(self, sk: kernel.sock_common, iph: object, th: object) -> i64:
        """Whether an ACK answers a SYN cookie of a listening socket: 0 if so; takes the IP and the TCP header. Since Linux 5.2, GPL only."""
        raise kernel_only("tcp_check_syncookie")

    def tcp_gen_syncookie(self, sk: kernel.sock_common, iph: object, th: object) -> i64:
        """Make a SYN cookie for a listening socket: sequence number below, MSS above it; takes the IP and the TCP header. Since Linux 5.3, GPL only."""
        raise kernel_only("tcp_gen_syncookie")

    def check_mtu(self, ifindex: u32, mtu_len: Ref[int], len_diff: i32, flags: u64 = 0) -> i64:
        """Whether the packet, `len_diff` bytes longer, fits an interface: 0 if so; writes its MTU. The packet's length may be given in it. Since Linux 5.12, GPL only."""
        raise kernel_only("check_mtu")

    def tcp_raw_gen_syncookie_ipv4(self, iph: object, th: object) -> i64:
        """Make a SYN cookie of an IPv4 and a TCP header alone: sequence number below, MSS above it. Since Linux 6.0, GPL only."""
        raise kernel_only("tcp_raw_gen_syncookie_ipv4")

    def tcp_raw_gen_syncookie_ipv6(self, iph: object, th: object) -> i64:
        """Make a SYN cookie of an IPv6 and a TCP header alone: sequence number below, MSS above it. Since Linux 6.0, GPL only."""
        raise kernel_only("tcp_raw_gen_syncookie_ipv6")

    def tcp_raw_check_syncookie_ipv4(self, iph: object, th: object) -> i64:
        """Whether an ACK answers a SYN cookie, from its IPv4 and TCP headers alone: 0 if so. Since Linux 6.0, GPL only."""
        raise kernel_only("tcp_raw_check_syncookie_ipv4")

    def tcp_raw_check_syncookie_ipv6(self, iph: object, th: object) -> i64:
        """Whether an ACK answers a SYN cookie, from its IPv6 and TCP headers alone: 0 if so. Since Linux 6.0, GPL only."""
        raise kernel_only("tcp_raw_check_syncookie_ipv6")


class _WithLwtPushEncap:
    """Helpers of lwt_in, lwt_xmit."""

    def lwt_push_encap(self, type: u32, hdr: object) -> i64:
        """Put an encapsulating header in front of the packet's IP header: SRv6, inline segments or IP. Views of the packet end. Since Linux 4.18."""
        raise kernel_only("lwt_push_encap")


class _WithLwtSeg6StoreBytes:
    """Helpers of lwt_seg6local."""

    def lwt_seg6_store_bytes(self, offset: u32, from_: object) -> i64:
        """Write bytes into the flags, tag and TLVs of the packet's outermost segment routing header. Views of the packet end. Since Linux 4.18."""
        raise kernel_only("lwt_seg6_store_bytes")

    def lwt_seg6_adjust_srh(self, offset: u32, delta: i32) -> i64:
        """Make the space of TLVs in the segment routing header larger or smaller. Views of the packet end. Since Linux 4.18."""
        raise kernel_only("lwt_seg6_adjust_srh")

    def lwt_seg6_action(self, action: u32, param: object) -> i64:
        """Apply an SRv6 action (End.X, End.T, End.B6, End.B6.Encap) to the packet. Views of the packet end. Since Linux 4.18."""
        raise kernel_only("lwt_seg6_action")


class _WithRcRepeat:
    """Helpers of lirc_mode2."""

    def rc_repeat(self) -> i64:
        """Report that the remote control's last key is held. Since Linux 4.18, GPL only."""
        raise kernel_only("rc_repeat")

    def rc_keydown(self, protocol: u32, scancode: u64, toggle: u32) -> i64:
        """Report a key of a remote control: protocol, scancode, and a bit that changes with each press. Since Linux 4.18, GPL only."""
        raise kernel_only("rc_keydown")

    def rc_pointer_rel(self, rel_x: i32, rel_y: i32) -> i64:
        """Report a movement of a remote control's pointer. Since Linux 5.0, GPL only."""
        raise kernel_only("rc_pointer_rel")


class _WithSkbCgroupId:
    """Helpers of sched_cls, cgroup_skb."""

    def skb_cgroup_id(self) -> u64:
        """The id of the cgroup (version 2) of the packet's socket; 0 if none. Since Linux 4.18."""
        raise kernel_only("skb_cgroup_id")

    def skb_ancestor_cgroup_id(self, ancestor_level: i32) -> u64:
        """The id of an ancestor of the cgroup of the packet's socket; 0 is the root's level. Since Linux 4.19."""
        raise kernel_only("skb_ancestor_cgroup_id")

    def sk_fullsock(self, sk: kernel.sock_common) -> kernel.bpf_sock | None:
        """The full socket behind a socket's common part; None where it is no full one. Since Linux 5.1."""
        raise kernel_only("sk_fullsock")

    def skb_ecn_set_ce(self) -> i64:
        """Mark the packet as having met congestion: 1 if it is marked, 0 if its sender does not take part. Since Linux 5.1."""
        raise kernel_only("skb_ecn_set_ce")

    def get_listener_sock(self, sk: kernel.sock_common) -> kernel.bpf_sock | None:
        """The listening socket behind a socket; None where it is no listener's. Since Linux 5.1."""
        raise kernel_only("get_listener_sock")


class _WithSkLookupTcp:
    """Helpers of sched_cls, xdp, cgroup_skb, sk_skb, cgroup_sock_addr."""

    def sk_lookup_tcp(self, tuple: object, netns: u64, flags: u64 = 0) -> kernel.bpf_sock | None:
        """Find the TCP socket of addresses and ports (a struct bpf_sock_tuple); give it back with sk_release. Since Linux 4.20."""
        raise kernel_only("sk_lookup_tcp")

    def sk_lookup_udp(self, tuple: object, netns: u64, flags: u64 = 0) -> kernel.bpf_sock | None:
        """Find the UDP socket of addresses and ports (a struct bpf_sock_tuple); give it back with sk_release. Since Linux 4.20."""
        raise kernel_only("sk_lookup_udp")

    def skc_lookup_tcp(self, tuple: object, netns: u64, flags: u64 = 0) -> kernel.bpf_sock | None:
        """Find the TCP socket of addresses and ports, also one that waits or is being set up; give it back with sk_release. Since Linux 5.2."""
        raise kernel_only("skc_lookup_tcp")


class _WithSkRelease:
    """Helpers of sched_cls, xdp, cgroup_skb, sk_skb, cgroup_sock_addr, sk_lookup."""

    def sk_release(self, sock: kernel.sock_common) -> i64:
        """Give back a socket that a lookup found. Since Linux 4.20."""
        raise kernel_only("sk_release")


class _WithTcpSock:
    """Helpers of sched_cls, cgroup_skb, sock_ops, cgroup_sockopt."""

    def tcp_sock(self, sk: kernel.sock_common) -> kernel.bpf_tcp_sock | None:
        """The TCP side of a socket; None where it has none. Since Linux 5.1."""
        raise kernel_only("tcp_sock")


class _WithSysctlGetName:
    """Helpers of cgroup_sysctl."""

    def sysctl_get_name(self, into: object, flags: u64 = 0) -> i64:
        """Copy the name of the sysctl, as its path or its last part; the number of bytes. Since Linux 5.2."""
        raise kernel_only("sysctl_get_name")

    def sysctl_get_current_value(self, into: object) -> i64:
        """Copy the sysctl's present value; the number of bytes. Since Linux 5.2."""
        raise kernel_only("sysctl_get_current_value")

    def sysctl_get_new_value(self, into: object) -> i64:
        """Copy the value that is being written; the number of bytes. Since Linux 5.2."""
        raise kernel_only("sysctl_get_new_value")

    def sysctl_set_new_value(self, value: object) -> i64:
        """Have another value written to the sysctl. Since Linux 5.2."""
        raise kernel_only("sysctl_set_new_value")


class _WithTcpSendAck:
    """Helpers of struct_ops."""

    def tcp_send_ack(self, tp: kernel.tcp_sock, rcv_nxt: u32) -> i64:
        """Send an ACK of what was received up to a sequence number; for congestion control. Since Linux 5.5."""
        raise kernel_only("tcp_send_ack")


class _WithGetNetnsCookie:
    """Helpers of 8 kinds of programs."""

    def get_netns_cookie(self) -> u64:
        """A number that belongs to the network namespace of the socket alone, as long as the machine runs. Since Linux 5.7."""
        raise kernel_only("get_netns_cookie")


class _WithSkAssignForSkLookup:
    """Helpers of sk_lookup."""

    def sk_assign(self, sk: kernel.bpf_sock | None, flags: u64 = 0) -> i64:
        """Have the packet go to a socket, whatever its addresses say. Since Linux 5.6."""
        raise kernel_only("sk_assign")


class _WithSeqPrintf:
    """Helpers of iter."""

    def seq_printf(self, m: kernel.seq_file, fmt: str, data: object | None) -> i64:
        """Print to what reads the iterator: a format, and an array of u64 for it. Since Linux 5.7, GPL only."""
        raise kernel_only("seq_printf")

    def seq_write(self, m: kernel.seq_file, data: object) -> i64:
        """Write bytes to what reads the iterator. Since Linux 5.7, GPL only."""
        raise kernel_only("seq_write")

    def seq_printf_btf(self, m: kernel.seq_file, ptr: object, flags: u64 = 0) -> i64:
        """Print a kernel object that a struct btf_ptr names to what reads the iterator. Since Linux 5.10, GPL only."""
        raise kernel_only("seq_printf_btf")


class _WithSkCgroupId:
    """Helpers of cgroup_skb."""

    def sk_cgroup_id(self, sk: kernel.sock_common) -> u64:
        """The id of the cgroup (version 2) of a socket; 0 if none. Since Linux 5.7."""
        raise kernel_only("sk_cgroup_id")

    def sk_ancestor_cgroup_id(self, sk: kernel.sock_common, ancestor_level: i32) -> u64:
        """The id of an ancestor of the cgroup of a socket; 0 is the root's level. Since Linux 5.7."""
        raise kernel_only("sk_ancestor_cgroup_id")


class _WithSkcToTcp6Sock:
    """Helpers of 22 kinds of programs."""

    def skc_to_tcp6_sock(self, sk: kernel.sock_common) -> kernel.tcp6_sock | None:
        """The socket as a struct tcp6_sock; None where it is no TCP socket of IPv6. Since Linux 5.9."""
        raise kernel_only("skc_to_tcp6_sock")

    def skc_to_tcp_sock(self, sk: kernel.sock_common) -> kernel.tcp_sock | None:
        """The socket as a struct tcp_sock; None where it is no TCP socket. Since Linux 5.9."""
        raise kernel_only("skc_to_tcp_sock")

    def skc_to_tcp_timewait_sock(self, sk: kernel.sock_common) -> kernel.tcp_timewait_sock | None:
        """The socket as a struct tcp_timewait_sock; None where it is not one that waits after closing. Since Linux 5.9."""
        raise kernel_only("skc_to_tcp_timewait_sock")

    def skc_to_tcp_request_sock(self, sk: kernel.sock_common) -> kernel.tcp_request_sock | None:
        """The socket as a struct tcp_request_sock; None where it is not one that is being set up. Since Linux 5.9."""
        raise kernel_only("skc_to_tcp_request_sock")

    def skc_to_udp6_sock(self, sk: kernel.sock_common) -> kernel.udp6_sock | None:
        """The socket as a struct udp6_sock; None where it is no UDP socket of IPv6. Since Linux 5.9."""
        raise kernel_only("skc_to_udp6_sock")

    def skc_to_unix_sock(self, sk: kernel.sock_common) -> kernel.unix_sock | None:
        """The socket as a struct unix_sock; None where it is none. Since Linux 5.16."""
        raise kernel_only("skc_to_unix_sock")

    def skc_to_mptcp_sock(self, sk: kernel.sock_common) -> kernel.mptcp_sock | None:
        """The socket as a struct mptcp_sock; None where it is no part of an MPTCP connection. Since Linux 5.19."""
        raise kernel_only("skc_to_mptcp_sock")


class _WithDPath:
    """Helpers of fentry, fexit, iter, lsm, lsm_cgroup."""

    def d_path(self, path: kernel.path, into: object) -> i64:
        """Copy a path's name; the number of bytes with the ending zero. In some functions and hooks only. Since Linux 5.10."""
        raise kernel_only("d_path")


class _WithBprmOptsSet:
    """Helpers of lsm, lsm_cgroup."""

    def bprm_opts_set(self, bprm: kernel.linux_binprm, flags: u64 = 0) -> i64:
        """Set options of the program that is being executed: whether it runs in secure mode. Since Linux 5.11."""
        raise kernel_only("bprm_opts_set")

    def ima_inode_hash(self, inode: kernel.inode, into: object) -> i64:
        """Copy the hash that IMA keeps of an inode; which algorithm it is. Since Linux 5.11, sleepable programs only."""
        raise kernel_only("ima_inode_hash")

    def ima_file_hash(self, file: kernel.file, into: object) -> i64:
        """Copy the hash of a file, computed if IMA has none; which algorithm it is. Since Linux 5.18, sleepable programs only."""
        raise kernel_only("ima_file_hash")


class _WithKtimeGetCoarseNs:
    """Helpers of 18 kinds of programs."""

    def ktime_get_coarse_ns(self) -> u64:
        """The time since the machine started in ns, as of the last tick: cheaper and less exact. Since Linux 5.11."""
        raise kernel_only("ktime_get_coarse_ns")


class _WithSockFromFile:
    """Helpers of 8 kinds of programs."""

    def sock_from_file(self, file: kernel.file) -> kernel.socket | None:
        """The socket behind an open file; None where it is no socket. Since Linux 5.11."""
        raise kernel_only("sock_from_file")

    def xdp_get_buff_len(self, xdp_md: kernel.xdp_buff) -> u64:
        """The packet's length in bytes, all its fragments together. Since Linux 5.18."""
        raise kernel_only("xdp_get_buff_len")


class _WithSysBpf:
    """Helpers of syscall."""

    def sys_bpf(self, cmd: u32, attr: object) -> i64:
        """Run a command of bpf(2). Since Linux 5.14."""
        raise kernel_only("sys_bpf")

    def btf_find_by_name_kind(self, name: object, kind: u32, flags: i32 = 0) -> i64:
        """The id of a type in the kernel's BTF, and in the upper 32 bits a descriptor of its module's. Since Linux 5.14."""
        raise kernel_only("btf_find_by_name_kind")

    def sys_close(self, fd: u32) -> i64:
        """Close a file descriptor. Since Linux 5.14."""
        raise kernel_only("sys_close")

    def kallsyms_lookup_name(self, name: str, flags: i32, res: Ref[int]) -> i64:
        """The address of a symbol of the kernel. Since Linux 5.16."""
        raise kernel_only("kallsyms_lookup_name")


class _WithGetFuncIp:
    """Helpers of kprobe, fentry, fexit, fmod_ret."""

    def get_func_ip(self) -> u64:
        """The address of the function that is traced. Since Linux 5.15, GPL only."""
        raise kernel_only("get_func_ip")


class _WithGetAttachCookie:
    """Helpers of 9 kinds of programs."""

    def get_attach_cookie(self) -> u64:
        """The number that user code gave when it attached the program here; 0 if none. Since Linux 5.15."""
        raise kernel_only("get_attach_cookie")


class _WithGetFuncArg:
    """Helpers of tp_btf, fentry, fexit, fmod_ret, lsm."""

    def get_func_arg(self, n: u32, value: Ref[int]) -> i64:
        """Read an argument of the traced function, counted from 0. Since Linux 5.17."""
        raise kernel_only("get_func_arg")

    def get_func_arg_cnt(self) -> i64:
        """How many arguments the traced function has. Since Linux 5.17."""
        raise kernel_only("get_func_arg_cnt")


class _WithGetFuncRet:
    """Helpers of fentry, fexit, fmod_ret, lsm."""

    def get_func_ret(self, value: Ref[int]) -> i64:
        """Read what the traced function returned. Since Linux 5.17."""
        raise kernel_only("get_func_ret")


class _WithGetRetval:
    """Helpers of cgroup_sock, cgroup_device, cgroup_sock_addr, cgroup_sysctl, cgroup_sockopt, lsm_cgroup."""

    def get_retval(self) -> i32:
        """What the system call will return, as programs that ran before decided. Since Linux 5.18."""
        raise kernel_only("get_retval")

    def set_retval(self, retval: i32) -> i32:
        """Decide what the system call returns: 0 or a negative error number. Since Linux 5.18."""
        raise kernel_only("set_retval")


class SocketFilterHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithSkbLoadBytes,
    _WithGetSocketCookieForSocketFilter,
    _WithGetSocketUid,
    _WithSkbLoadBytesRelative,
    _WithGetNetnsCookie,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that socket_filter programs may call."""


class KprobeHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithOverrideReturn,
    _WithGetFuncIp,
    _WithGetAttachCookie,
):
    """The helpers that kprobe programs may call."""


class SchedClsHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithSkbStoreBytes,
    _WithL3CsumReplace,
    _WithSkbVlanPush,
    _WithGetRouteRealm,
    _WithSkbLoadBytes,
    _WithCsumDiff,
    _WithSkbPullData,
    _WithGetSocketCookieForSocketFilter,
    _WithGetSocketUid,
    _WithSkbAdjustRoom,
    _WithSkbLoadBytesRelative,
    _WithFibLookup,
    _WithSkbCgroupId,
    _WithSkLookupTcp,
    _WithSkRelease,
    _WithTcpSock,
    _WithGetNetnsCookie,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that sched_cls programs may call."""


class TracepointHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetAttachCookie,
):
    """The helpers that tracepoint programs may call."""


class XdpHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithRedirectForXdp,
    _WithCsumDiff,
    _WithFibLookup,
    _WithSkLookupTcp,
    _WithSkRelease,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that xdp programs may call."""


class PerfEventHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithPerfProgReadValue,
    _WithGetAttachCookie,
):
    """The helpers that perf_event programs may call."""


class CgroupSkbHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithSkbLoadBytes,
    _WithGetSocketCookieForSocketFilter,
    _WithGetSocketUid,
    _WithSkbLoadBytesRelative,
    _WithSkbCgroupId,
    _WithSkLookupTcp,
    _WithSkRelease,
    _WithTcpSock,
    _WithGetNetnsCookie,
    _WithSkCgroupId,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that cgroup_skb programs may call."""


class CgroupSockHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetSocketCookieForSocketFilter,
    _WithSetsockoptForCgroupSock,
    _WithGetNetnsCookie,
    _WithKtimeGetCoarseNs,
    _WithGetRetval,
):
    """The helpers that cgroup_sock programs may call."""


class LwtInHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetRouteRealm,
    _WithSkbLoadBytes,
    _WithCsumDiff,
    _WithSkbPullData,
    _WithLwtPushEncap,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that lwt_in programs may call."""


class LwtOutHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetRouteRealm,
    _WithSkbLoadBytes,
    _WithCsumDiff,
    _WithSkbPullData,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that lwt_out programs may call."""


class LwtXmitHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithSkbStoreBytes,
    _WithL3CsumReplace,
    _WithRedirectForLwtXmit,
    _WithGetRouteRealm,
    _WithSkbLoadBytes,
    _WithCsumDiff,
    _WithSkbPullData,
    _WithLwtPushEncap,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that lwt_xmit programs may call."""


class SockOpsHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetSocketCookieForSocketFilter,
    _WithSetsockoptForCgroupSock,
    _WithSockOpsCbFlagsSet,
    _WithTcpSock,
    _WithGetNetnsCookie,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that sock_ops programs may call."""


class SkSkbHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithSkbStoreBytes,
    _WithSkbLoadBytes,
    _WithSkbPullData,
    _WithGetSocketCookieForSocketFilter,
    _WithGetSocketUid,
    _WithSkbAdjustRoom,
    _WithSkLookupTcp,
    _WithSkRelease,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that sk_skb programs may call."""


class CgroupDeviceHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetRetval,
):
    """The helpers that cgroup_device programs may call."""


class SkMsgHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithMsgApplyBytes,
    _WithGetNetnsCookie,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that sk_msg programs may call."""


class RawTracepointHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetAttachCookie,
):
    """The helpers that raw_tracepoint programs may call."""


class CgroupSockAddrHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetSocketCookieForSocketFilter,
    _WithSetsockoptForCgroupSock,
    _WithBind,
    _WithSkLookupTcp,
    _WithSkRelease,
    _WithGetNetnsCookie,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
    _WithGetRetval,
):
    """The helpers that cgroup_sock_addr programs may call."""


class LwtSeg6localHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetRouteRealm,
    _WithSkbLoadBytes,
    _WithCsumDiff,
    _WithSkbPullData,
    _WithLwtSeg6StoreBytes,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that lwt_seg6local programs may call."""


class LircMode2Helpers(
    _WithKtimeGetNs,
    _WithRcRepeat,
):
    """The helpers that lirc_mode2 programs may call."""


class SkReuseportHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithSkbLoadBytes,
    _WithGetSocketCookieForSkReuseport,
    _WithSkbLoadBytesRelative,
    _WithKtimeGetCoarseNs,
):
    """The helpers that sk_reuseport programs may call."""


class FlowDissectorHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithSkbLoadBytes,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that flow_dissector programs may call."""


class CgroupSysctlHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithSysctlGetName,
    _WithKtimeGetCoarseNs,
    _WithGetRetval,
):
    """The helpers that cgroup_sysctl programs may call."""


class CgroupSockoptHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithSetsockoptForCgroupSockopt,
    _WithTcpSock,
    _WithGetNetnsCookie,
    _WithGetRetval,
):
    """The helpers that cgroup_sockopt programs may call."""


class TpBtfHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetSocketCookieForSkReuseport,
    _WithSkcToTcp6Sock,
    _WithSockFromFile,
    _WithGetAttachCookie,
    _WithGetFuncArg,
):
    """The helpers that tp_btf programs may call."""


class FentryHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetSocketCookieForSkReuseport,
    _WithSkcToTcp6Sock,
    _WithDPath,
    _WithSockFromFile,
    _WithGetFuncIp,
    _WithGetAttachCookie,
    _WithGetFuncArg,
    _WithGetFuncRet,
):
    """The helpers that fentry programs may call."""


class FexitHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetSocketCookieForSkReuseport,
    _WithSkcToTcp6Sock,
    _WithDPath,
    _WithSockFromFile,
    _WithGetFuncIp,
    _WithGetAttachCookie,
    _WithGetFuncArg,
    _WithGetFuncRet,
):
    """The helpers that fexit programs may call."""


class FmodRetHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetSocketCookieForSkReuseport,
    _WithSkcToTcp6Sock,
    _WithSockFromFile,
    _WithGetFuncIp,
    _WithGetAttachCookie,
    _WithGetFuncArg,
    _WithGetFuncRet,
):
    """The helpers that fmod_ret programs may call."""


class IterHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetSocketCookieForSkReuseport,
    _WithSetsockoptForCgroupSockopt,
    _WithSeqPrintf,
    _WithSkcToTcp6Sock,
    _WithDPath,
    _WithSockFromFile,
):
    """The helpers that iter programs may call."""


class StructOpsHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithSetsockoptForCgroupSockopt,
    _WithTcpSendAck,
    _WithKtimeGetCoarseNs,
):
    """The helpers that struct_ops programs may call."""


class LsmHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetSocketCookieForSkReuseport,
    _WithSkcToTcp6Sock,
    _WithDPath,
    _WithBprmOptsSet,
    _WithSockFromFile,
    _WithGetAttachCookie,
    _WithGetFuncArg,
    _WithGetFuncRet,
):
    """The helpers that lsm programs may call."""


class LsmCgroupHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetSocketCookieForSkReuseport,
    _WithSetsockoptForCgroupSockopt,
    _WithSkcToTcp6Sock,
    _WithDPath,
    _WithBprmOptsSet,
    _WithSockFromFile,
    _WithGetRetval,
):
    """The helpers that lsm_cgroup programs may call."""


class SkLookupHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithSkRelease,
    _WithSkAssignForSkLookup,
    _WithSkcToTcp6Sock,
    _WithKtimeGetCoarseNs,
):
    """The helpers that sk_lookup programs may call."""


class SyscallHelpers(
    _WithProbeRead,
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
    _WithGetSocketCookieForSkReuseport,
    _WithSkcToTcp6Sock,
    _WithSockFromFile,
    _WithSysBpf,
):
    """The helpers that syscall programs may call."""


class NetfilterHelpers(
    _WithKtimeGetNs,
    _WithGetSmpProcessorId,
):
    """The helpers that netfilter programs may call."""
