"""Ask the running kernel which helpers each hook may call, by loading a program of one call for each pair.

    measure_helpers.py

As root; tools/measure_kernels.py does it on other kernels. The verifier says that a program may not call a helper
before it looks at anything else.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from osmia.abi import generated as abi
from osmia.abi.generated import helper_ids
from osmia.btf import kinds
from osmia.btf.read import Btf
from osmia.kernel import attributes, bpf

if TYPE_CHECKING:
    from collections.abc import Iterator

VMLINUX = Path("/sys/kernel/btf/vmlinux")
NO_HELPER = 0x7FFF
_BPF_F_SLEEPABLE = 1 << 4
_LOG_SIZE = 1 << 14

# What a kernel says, from 5.10 on.
_INVALID = "invalid func "
_REFUSED = (
    *("unknown func ", "cannot use helper", "helper call is not allowed in"),
    *("not supported for program type", "supported only for fentry/fexit"),
)
_GPL_ONLY = "cannot call GPL-restricted function"
_SLEEPABLE_ONLY = ("helper call might sleep", "in non-sleepable")


class Hook(NamedTuple):
    """A way to load a program, as far as it may decide which helpers the program may call."""

    name: str
    """Its kind, and behind a slash which of the kind's hooks it is, or `.s` for a sleepable program."""
    program_type: str
    attach_type: str = ""
    btf: tuple[int, str, str] | None = None
    """What of the kernel's BTF it is loaded for: kind, names of which one will do, and a member of the struct."""

    @property
    def kind(self) -> str:
        """The kind of program."""
        return self.name.partition("/")[0].partition(".")[0]


def _cgroup(kind: str, program_type: str, attach_types: str) -> tuple[Hook, ...]:
    return tuple(Hook(f"{kind}/{name}", program_type, f"CGROUP_{name.upper()}") for name in attach_types.split())


_FENTRY = (kinds.FUNC, "bpf_fentry_test1", "")
# Kernels differ in what may be traced by a program that sleeps.
_SLEEPING = (kinds.FUNC, "bpf_fentry_test1 __x64_sys_getpgid bpf_modify_return_test", "")
_FMOD_RET = (kinds.FUNC, "bpf_modify_return_test", "")
_LSM = (kinds.FUNC, "bpf_lsm_file_open", "")
_LSM_CGROUP = (kinds.FUNC, "bpf_lsm_socket_bind", "")
_LSM_SOCKET = (kinds.FUNC, "bpf_lsm_sock_graft", "")
# Functions that d_path is let into, and the iterator that sockets' options are.
_CLOSE = (kinds.FUNC, "filp_close", "")
_ITER_TCP = (kinds.FUNC, "bpf_iter_tcp", "")
_ITER = (kinds.FUNC, "bpf_iter_task", "")
_TP_BTF = (kinds.TYPEDEF, "btf_trace_sched_switch", "")
_CONGESTION = (kinds.STRUCT, "tcp_congestion_ops", "ssthresh")

HOOKS = (
    Hook("socket_filter", "SOCKET_FILTER"),
    Hook("kprobe", "KPROBE"),
    Hook("kprobe.s", "KPROBE"),
    Hook("kprobe/multi", "KPROBE", "TRACE_KPROBE_MULTI"),
    Hook("kprobe/session", "KPROBE", "TRACE_KPROBE_SESSION"),
    Hook("kprobe/uprobe_multi", "KPROBE", "TRACE_UPROBE_MULTI"),
    Hook("kprobe/uprobe_session", "KPROBE", "TRACE_UPROBE_SESSION"),
    Hook("sched_cls", "SCHED_CLS"),
    Hook("tracepoint", "TRACEPOINT"),
    Hook("xdp", "XDP", "XDP"),
    Hook("perf_event", "PERF_EVENT"),
    *_cgroup("cgroup_skb", "CGROUP_SKB", "inet_ingress inet_egress"),
    *_cgroup("cgroup_sock", "CGROUP_SOCK", "inet_sock_create inet_sock_release inet4_post_bind inet6_post_bind"),
    Hook("lwt_in", "LWT_IN"),
    Hook("lwt_out", "LWT_OUT"),
    Hook("lwt_xmit", "LWT_XMIT"),
    Hook("sock_ops", "SOCK_OPS", "CGROUP_SOCK_OPS"),
    Hook("sk_skb/stream_parser", "SK_SKB", "SK_SKB_STREAM_PARSER"),
    Hook("sk_skb/stream_verdict", "SK_SKB", "SK_SKB_STREAM_VERDICT"),
    Hook("sk_skb/verdict", "SK_SKB", "SK_SKB_VERDICT"),
    Hook("cgroup_device", "CGROUP_DEVICE", "CGROUP_DEVICE"),
    Hook("sk_msg", "SK_MSG", "SK_MSG_VERDICT"),
    Hook("raw_tracepoint", "RAW_TRACEPOINT"),
    Hook("raw_tracepoint/writable", "RAW_TRACEPOINT_WRITABLE"),
    *_cgroup(
        "cgroup_sock_addr",
        "CGROUP_SOCK_ADDR",
        "inet4_bind inet6_bind inet4_connect inet6_connect unix_connect udp4_sendmsg udp6_sendmsg unix_sendmsg "
        "udp4_recvmsg udp6_recvmsg unix_recvmsg inet4_getpeername inet6_getpeername unix_getpeername "
        "inet4_getsockname inet6_getsockname unix_getsockname",
    ),
    Hook("lwt_seg6local", "LWT_SEG6LOCAL"),
    Hook("lirc_mode2", "LIRC_MODE2", "LIRC_MODE2"),
    Hook("sk_reuseport/select", "SK_REUSEPORT", "SK_REUSEPORT_SELECT"),
    Hook("sk_reuseport/select_or_migrate", "SK_REUSEPORT", "SK_REUSEPORT_SELECT_OR_MIGRATE"),
    Hook("flow_dissector", "FLOW_DISSECTOR", "FLOW_DISSECTOR"),
    Hook("cgroup_sysctl", "CGROUP_SYSCTL", "CGROUP_SYSCTL"),
    *_cgroup("cgroup_sockopt", "CGROUP_SOCKOPT", "getsockopt setsockopt"),
    Hook("tp_btf", "TRACING", "TRACE_RAW_TP", _TP_BTF),
    Hook("fentry", "TRACING", "TRACE_FENTRY", _FENTRY),
    Hook("fentry.s", "TRACING", "TRACE_FENTRY", _SLEEPING),
    Hook("fexit", "TRACING", "TRACE_FEXIT", _FENTRY),
    Hook("fexit.s", "TRACING", "TRACE_FEXIT", _SLEEPING),
    Hook("fentry/filp_close", "TRACING", "TRACE_FENTRY", _CLOSE),
    Hook("fexit/filp_close", "TRACING", "TRACE_FEXIT", _CLOSE),
    Hook("fmod_ret", "TRACING", "MODIFY_RETURN", _FMOD_RET),
    Hook("fmod_ret.s", "TRACING", "MODIFY_RETURN", _SLEEPING),
    Hook("iter", "TRACING", "TRACE_ITER", _ITER),
    Hook("iter.s", "TRACING", "TRACE_ITER", _ITER),
    Hook("iter/tcp", "TRACING", "TRACE_ITER", _ITER_TCP),
    Hook("struct_ops/tcp_congestion_ops", "STRUCT_OPS", "", _CONGESTION),
    Hook("lsm", "LSM", "LSM_MAC", _LSM),
    Hook("lsm.s", "LSM", "LSM_MAC", _LSM),
    Hook("lsm_cgroup/socket_bind", "LSM", "LSM_CGROUP", _LSM_CGROUP),
    Hook("lsm_cgroup/sock_graft", "LSM", "LSM_CGROUP", _LSM_SOCKET),
    Hook("sk_lookup", "SK_LOOKUP", "SK_LOOKUP"),
    Hook("syscall.s", "SYSCALL"),
    Hook("netfilter", "NETFILTER", "NETFILTER"),
)

HELPERS = {name[len("BPF_FUNC_") :]: value for name, value in vars(helper_ids).items() if name.startswith("BPF_FUNC_")}
HELPERS = {name: number for name, number in HELPERS.items() if number}

LEGEND = "+ may be called, g under a GPL licence alone, s in a sleepable program alone, . not; ? no such hook here"


def main() -> None:
    """Measure all pairs and print them."""
    if os.geteuid() != 0:
        raise SystemExit("measure_helpers.py: it loads programs, which takes root")
    sys.stdout.write(text(os.uname().release, measure(Btf(VMLINUX.read_bytes(), str(VMLINUX)))))


def text(release: str, columns: dict[str, dict[str, str]]) -> str:
    """The measured pairs as a file: a line for each helper, a letter for each hook."""
    lines = [
        f"# Which helpers each hook may call on Linux {release}; made by tools/measure_helpers.py.",
        f"# A letter for each hook: {LEGEND}.",
        "hooks " + " ".join(columns),
    ]
    lines += [f"{name} {''.join(column[name] for column in columns.values())}" for name in HELPERS]
    return "\n".join(lines) + "\n"


def read(path: Path) -> tuple[str, dict[str, dict[str, str]]]:
    """A file that `text` wrote: the kernel's release, and the letter of each helper by hook."""
    head, _, hooks, *rows = path.read_text().splitlines()
    release = head.removeprefix("# Which helpers each hook may call on Linux ").partition("; ")[0]
    columns: dict[str, dict[str, str]] = {name: {} for name in hooks.split()[1:]}
    for row in rows:
        name, letters = row.split()
        for column, letter in zip(columns.values(), letters, strict=True):
            column[name] = letter
    return release, columns


def measure(btf: Btf) -> dict[str, dict[str, str]]:
    """The letter of every helper, by hook."""
    return {hook.name: _column(hook, btf) for hook in HOOKS}


def _column(hook: Hook, btf: Btf) -> dict[str, str]:
    loading = loadable(hook, btf)
    if loading is None:
        return dict.fromkeys(HELPERS, "?")
    return {name: letter(loading, number) for name, number in HELPERS.items()}


def loadable(hook: Hook, btf: Btf) -> dict[str, int] | None:
    """The attributes of BPF_PROG_LOAD that make a program of this hook; None where this kernel has no such hook."""
    for loading in _loadings(hook, btf):
        if _INVALID in verdict(loading, NO_HELPER, b"GPL"):
            return loading
    return None


def letter(loading: dict[str, int], number: int) -> str:
    """What the kernel says of one call in a program that is loaded this way."""
    said = verdict(loading, number, b"GPL")
    if any(refusal in said for refusal in (_INVALID, *_REFUSED)):
        return "."
    if any(refusal in said for refusal in _SLEEPABLE_ONLY):
        return "s"
    return "g" if _GPL_ONLY in verdict(loading, number, b"Proprietary") else "+"


def _loadings(hook: Hook, btf: Btf) -> Iterator[dict[str, int]]:
    loading = {"prog_type": _constant(f"BPF_PROG_TYPE_{hook.program_type}")}
    if hook.attach_type:
        loading["expected_attach_type"] = _constant(f"BPF_{hook.attach_type}")
    if ".s" in hook.name:
        loading["prog_flags"] = _BPF_F_SLEEPABLE
    if hook.btf is None:
        yield loading
        return
    kind, names, member = hook.btf
    for name in names.split():
        found = btf.find(name, kind)
        if found is None:
            continue
        if member:
            loading["expected_attach_type"] = [of.name for of in btf.members(found)].index(member)
        yield loading | {"attach_btf_id": found.id}


def _constant(name: str) -> int:
    value = getattr(abi, name)
    assert isinstance(value, int)
    return value


def verdict(loading: dict[str, int], number: int, licence: bytes) -> str:
    """What the verifier says of a program that calls a helper and ends; empty where it takes it."""
    return load(loading, struct.pack("<BBhi", 0x85, 0, 0, number) + struct.pack("<BBhi", 0x95, 0, 0, 0), licence)


def load(loading: dict[str, int], instructions: bytes, licence: bytes) -> str:
    """What the verifier says of a program; empty where it takes it."""
    code = bytearray(instructions)
    license_text, log = bytearray(licence + b"\0"), bytearray(_LOG_SIZE)
    attribute = attributes.PROG_LOAD.pack(
        **loading,
        insn_cnt=len(code) // 8,
        insns=bpf.address(code),
        license=bpf.address(license_text),
        log_level=1,
        log_size=len(log),
        log_buf=bpf.address(log),
    )
    try:
        os.close(bpf.call(abi.BPF_PROG_LOAD, attribute))
    except OSError as error:
        return bpf.text(log) or errno.errorcode.get(error.errno or 0, "?")
    return ""


if __name__ == "__main__":
    main()
