"""Helpers that programs of every kind may call, as functions for kernel code.

They are methods of every context too; functions serve where there is none. Programs of infrared receivers
(lirc_mode2) may call few of them.

Made by tools/generate_helpers.py; do not edit.
"""

# ruff: noqa: ARG001, E501 - the parameters are for type checkers alone
# fmt: off
from __future__ import annotations

from osmia.contexts import kernel_only
from osmia.generic import TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.contexts import kernel_structs as kernel
    from osmia.types import Ref, i32, i64, u32, u64

T = TypeVar("T")

__all__ = [
    "copy_from_user",
    "copy_from_user_task",
    "get_branch_snapshot",
    "get_current_ancestor_cgroup_id",
    "get_current_cgroup_id",
    "get_current_comm",
    "get_current_pid_tgid",
    "get_current_task",
    "get_current_task_btf",
    "get_current_uid_gid",
    "get_ns_current_pid_tgid",
    "get_numa_node_id",
    "get_prandom_u32",
    "get_smp_processor_id",
    "get_task_stack",
    "jiffies64",
    "ktime_get_boot_ns",
    "ktime_get_ns",
    "ktime_get_tai_ns",
    "probe_read_kernel",
    "probe_read_kernel_str",
    "probe_read_user",
    "probe_read_user_str",
    "send_signal",
    "send_signal_thread",
    "snprintf",
    "snprintf_btf",
    "strncmp",
    "strtol",
    "strtoul",
    "task_pt_regs",
    "trace_printk",
    "trace_vprintk",
]


def ktime_get_ns() -> u64:
    """The time since the machine started in ns, without the time it was suspended. Since Linux 4.1."""
    raise kernel_only("ktime_get_ns")


def trace_printk(fmt: str, *arguments: int) -> i32:
    """Write a line to the kernel's trace pipe, with up to three integers; for debugging. The number of bytes written. Since Linux 4.1, GPL only."""
    raise kernel_only("trace_printk")


def get_prandom_u32() -> u32:
    """A pseudo-random number; not for cryptography. Since Linux 4.1."""
    raise kernel_only("get_prandom_u32")


def get_smp_processor_id() -> u32:
    """The number of the CPU that the program runs on. Since Linux 4.1."""
    raise kernel_only("get_smp_processor_id")


def get_current_pid_tgid() -> u64:
    """The current thread: its process id (tgid) in the upper 32 bits, its thread id in the lower ones. Since Linux 4.2."""
    raise kernel_only("get_current_pid_tgid")


def get_current_uid_gid() -> u64:
    """The current thread's group id in the upper 32 bits, its user id in the lower ones. Since Linux 4.2."""
    raise kernel_only("get_current_uid_gid")


def get_current_comm(into: object) -> i64:
    """Copy the current thread's name, at most 16 bytes with its ending zero. Since Linux 4.2."""
    raise kernel_only("get_current_comm")


def get_current_task() -> u64:
    """The address of the current thread's struct task_struct; read it by probe_read_kernel. Since Linux 4.8, GPL only."""
    raise kernel_only("get_current_task")


def get_numa_node_id() -> i64:
    """The number of the NUMA node that the program runs on. Since Linux 4.10."""
    raise kernel_only("get_numa_node_id")


def get_current_cgroup_id() -> u64:
    """The id of the current thread's cgroup (version 2). Since Linux 4.18."""
    raise kernel_only("get_current_cgroup_id")


def strtol(buf: object, flags: u64, res: Ref[int]) -> i64:
    """Read a signed number from text; flags give its base (8, 10, 16, or 0: by prefix). The number of characters. Since Linux 5.2."""
    raise kernel_only("strtol")


def strtoul(buf: object, flags: u64, res: Ref[int]) -> i64:
    """Read an unsigned number from text; flags give its base (8, 10, 16, or 0: by prefix). The number of characters. Since Linux 5.2."""
    raise kernel_only("strtoul")


def send_signal(sig: u32) -> i64:
    """Send a signal to the current process. Since Linux 5.3."""
    raise kernel_only("send_signal")


def probe_read_user(dst: object, unsafe_ptr: u64) -> i64:
    """Copy bytes from an address of the current process. Since Linux 5.5, GPL only."""
    raise kernel_only("probe_read_user")


def probe_read_kernel(dst: object, unsafe_ptr: u64) -> i64:
    """Copy bytes from an address of the kernel. Since Linux 5.5, GPL only."""
    raise kernel_only("probe_read_kernel")


def probe_read_user_str(dst: object, unsafe_ptr: u64) -> i64:
    """Copy text up to its ending zero from an address of the current process; the number of bytes with the zero. Since Linux 5.5, GPL only."""
    raise kernel_only("probe_read_user_str")


def probe_read_kernel_str(dst: object, unsafe_ptr: u64) -> i64:
    """Copy text up to its ending zero from an address of the kernel; the number of bytes with the zero. Since Linux 5.5, GPL only."""
    raise kernel_only("probe_read_kernel_str")


def send_signal_thread(sig: u32) -> i64:
    """Send a signal to the current thread. Since Linux 5.5."""
    raise kernel_only("send_signal_thread")


def jiffies64() -> u64:
    """The kernel's clock in ticks of 1/CONFIG_HZ s. Since Linux 5.5."""
    raise kernel_only("jiffies64")


def get_ns_current_pid_tgid(dev: u64, ino: u64, into: object) -> i64:
    """The current thread's ids as seen in a PID namespace, which `dev` and `ino` name: a struct bpf_pidns_info. Since Linux 5.7."""
    raise kernel_only("get_ns_current_pid_tgid")


def get_current_ancestor_cgroup_id(ancestor_level: i32) -> u64:
    """The id of an ancestor of the current thread's cgroup; 0 is the root's level. Since Linux 5.6."""
    raise kernel_only("get_current_ancestor_cgroup_id")


def ktime_get_boot_ns() -> u64:
    """The time since the machine started in ns, with the time it was suspended. Since Linux 5.8."""
    raise kernel_only("ktime_get_boot_ns")


def get_task_stack(task: kernel.task_struct, into: object, flags: u64 = 0) -> i64:
    """Copy the addresses of a thread's stack; the number of bytes. Since Linux 5.9."""
    raise kernel_only("get_task_stack")


def copy_from_user(dst: object, user_ptr: u64) -> i64:
    """Copy bytes from the current process's memory, waiting for pages to be read; for sleepable programs. Since Linux 5.10, sleepable programs only."""
    raise kernel_only("copy_from_user")


def snprintf_btf(into: object, ptr: object, flags: u64 = 0) -> i64:
    """Print a kernel object that a struct btf_ptr names into memory; the number of bytes it takes. Since Linux 5.10."""
    raise kernel_only("snprintf_btf")


def get_current_task_btf() -> kernel.task_struct:
    """The current thread, with its members to be read as they are. Since Linux 5.11, GPL only."""
    raise kernel_only("get_current_task_btf")


def snprintf(into: object | None, fmt: str, data: object | None = None) -> i64:
    """Print a format with an array of u64 for it into memory; the number of bytes it takes with the ending zero. Since Linux 5.13, GPL only."""
    raise kernel_only("snprintf")


def task_pt_regs(task: kernel.task_struct) -> kernel.pt_regs:
    """The registers of user space that a thread keeps in the kernel. Since Linux 5.15, GPL only."""
    raise kernel_only("task_pt_regs")


def get_branch_snapshot(into: object, flags: u64 = 0) -> i64:
    """Copy the branches that the CPU recorded up to now (struct perf_branch_entry); the number of bytes. Since Linux 5.16, GPL only."""
    raise kernel_only("get_branch_snapshot")


def trace_vprintk(fmt: str, data: object | None = None) -> i32:
    """Write a line to the kernel's trace pipe, with an array of u64; for debugging. The number of bytes written. Since Linux 5.16, GPL only."""
    raise kernel_only("trace_vprintk")


def strncmp(s1: object, s2: str) -> i64:
    """Compare text in memory with constant text: negative, 0 or positive. Since Linux 5.17."""
    raise kernel_only("strncmp")


def copy_from_user_task(dst: object, user_ptr: u64, tsk: kernel.task_struct, flags: u64 = 0) -> i64:
    """Copy bytes from another process's memory, waiting for pages to be read; for sleepable programs. Since Linux 5.18, GPL only, sleepable programs only."""
    raise kernel_only("copy_from_user_task")


def ktime_get_tai_ns() -> u64:
    """International atomic time in ns, which no leap second moves. Since Linux 6.1."""
    raise kernel_only("ktime_get_tai_ns")
