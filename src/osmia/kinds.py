"""The table of program kinds: one row says everything that depends on the kind.

The decorator, the section parser, the context, the tests and the documentation all read this table.
"""

from __future__ import annotations

from osmia.abi import generated as bpf
from osmia.generic import Table
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.abi.context_member import ContextMember
    from osmia.contexts.fields import ContextField


@record
class PacketAccess:
    """Where the context says that a packet lies, as offsets of its fields, and what programs may do with it."""

    data: int
    data_end: int
    data_meta: int | None
    """Where the metadata before the packet begins; None where there is none."""
    writable: bool
    bits: int = 32
    """How wide these fields are: 64 where the context declares them as pointers."""


@record
class Kind:
    """A kind of program."""

    name: str
    """The kernel's name: the decorator, the tests and the page are called the same."""
    sections: tuple[str, ...]
    """What the names of its ELF sections begin with, as libbpf reads them; osmia writes the first. A hook follows."""
    program_type: int
    """BPF_PROG_TYPE_*."""
    attach_types: dict[str, int]
    """BPF_* of enum bpf_attach_type, given when a program is loaded and attached, by hook.

    The hook is what follows the section's name and a slash: `ingress`; empty where nothing does. `*` stands for all
    others, where it names what a program is attached to: `sched/sched_switch`.
    """
    module: str
    """The module of `osmia.contexts`, and of `osmia.programs`, that holds its classes."""
    context_class: str
    """What the program's first parameter is annotated with."""
    action_class: str
    """What the program returns, an IntEnum; empty where it is an int or nothing."""
    program_class: str
    """What the decorator makes."""
    context_struct: str
    """The kernel's name of the context, in BTF; empty where it is an array of u64 arguments, or what a hook says."""
    error_value: int | None
    """What it returns after an error unless it says; None where a program must say (`on_error=`)."""
    attach: str
    """What it is attached to: `interface`; `hook` where the decorator says it. See `attached_to()`."""
    test_run: bool
    """Whether BPF_PROG_TEST_RUN takes it."""
    since: tuple[int, int]
    """The first kernel that loads and attaches it the way osmia does."""
    capabilities: tuple[str, ...]
    """What a process needs to load and attach it."""
    packet: PacketAccess | None = None
    """How its programs reach a packet; None where there is none."""
    function_prefix: str = ""
    """What stands before the hook in the name of the kernel's function whose arguments its programs are given.

    The kernel's BTF has it. Empty where programs are given their context and nothing else.
    """
    number_hooks: tuple[str, ...] = ()
    """Hooks whose programs return an int, where those of others return an action."""
    results: tuple[int, int] = (-(1 << 31), (1 << 31) - 1)
    """What an int that it returns may be."""
    may_return_nothing: bool = False
    """Whether it may return nothing: the kernel is given 0 then."""
    entry_hooks: tuple[str, ...] = ()
    """Hooks whose programs are not attached, but given to the entries of a map."""
    softirqs_off: bool = False
    """Whether the kernel runs its programs with softirqs off, at whatever hook.

    Then none of such a kind is interrupted by another one, or by itself, but where it calls one; without PREEMPT_RT it
    is not preempted either.
    """

    @property
    def context(self) -> type:
        """What the program's first parameter is annotated with."""
        return self._of_contexts(self.context_class)  # type: ignore[no-any-return]

    @property
    def returns(self) -> Any:
        """What the program returns: an IntEnum, or int."""
        return self._of_contexts(self.action_class) if self.action_class else int

    def returns_at(self, hook: str) -> Any:
        """What a program at a hook returns."""
        return int if hook in self.number_hooks else self.returns

    @property
    def fields(self) -> dict[str, ContextField]:
        """What kernel code may read of the context, by name."""
        return self._of_contexts("FIELDS")  # type: ignore[no-any-return]

    def _of_contexts(self, name: str) -> Any:
        # The table is read by every process, the contexts of a kind only by those that use it.
        return getattr(__import__(f"osmia.contexts.{self.module}", fromlist=[name]), name)

    @property
    def context_members(self) -> tuple[ContextMember, ...]:
        """Every member of the context's struct, for the object's BTF."""
        if not self.context_struct:
            return ()
        from osmia.abi.generated.contexts import CONTEXTS

        return CONTEXTS[self.context_struct]

    def section(self, hook: str) -> str:
        """The section that a program at that hook is put in."""
        return f"{self.sections[0]}/{hook}" if hook else self.sections[0]

    def hook(self, section: str) -> str | None:
        """The hook that a section's name says; None where programs of this kind are in no such section."""
        for name in self.sections:
            if section == name and "" in self.attach_types:
                return ""
            if section.startswith(name + "/"):
                rest = section[len(name) + 1 :]
                if rest in self.attach_types or "*" in self.attach_types:
                    return rest
                if "" in self.attach_types:  # what follows is a name that somebody gave
                    return ""
        return None

    def attached_to(self, hook: str) -> str:
        """What a program at a hook is attached to: what `attach` says, or `map entry`."""
        return "map entry" if hook in self.entry_hooks else self.attach

    def attach_type(self, hook: str) -> int:
        """The attach type of a hook."""
        return self.attach_types[hook if hook in self.attach_types else "*"]


KINDS: Table[Kind] = Table(
    {
        "xdp": lambda: Kind(
            name="xdp",
            sections=("xdp",),
            program_type=bpf.BPF_PROG_TYPE_XDP,
            attach_types={"": bpf.BPF_XDP, "devmap": bpf.BPF_XDP_DEVMAP, "cpumap": bpf.BPF_XDP_CPUMAP},
            module="xdp",
            context_class="XdpContext",
            action_class="XdpAction",
            program_class="XdpProgram",
            context_struct="xdp_md",
            error_value=0,  # XdpAction.ABORTED
            attach="interface",
            test_run=True,
            since=(5, 9),
            capabilities=("CAP_BPF", "CAP_NET_ADMIN"),
            packet=PacketAccess(data=0, data_end=4, data_meta=8, writable=True),
            entry_hooks=("devmap", "cpumap"),
            softirqs_off=True,
        ),
        "tracepoint": lambda: Kind(
            name="tracepoint",
            sections=("tracepoint", "tp"),
            program_type=bpf.BPF_PROG_TYPE_TRACEPOINT,
            attach_types={"*": 0},
            module="tracepoint",
            context_class="TracepointContext",
            action_class="",
            program_class="TracepointProgram",
            context_struct="",
            error_value=0,
            attach="hook",
            test_run=False,
            since=(4, 7),
            capabilities=("CAP_BPF", "CAP_PERFMON"),
            may_return_nothing=True,
        ),
        "raw_tracepoint": lambda: Kind(
            name="raw_tracepoint",
            sections=("raw_tracepoint", "raw_tp"),
            program_type=bpf.BPF_PROG_TYPE_RAW_TRACEPOINT,
            attach_types={"*": 0},
            module="raw_tracepoint",
            context_class="RawTracepointContext",
            action_class="",
            program_class="RawTracepointProgram",
            context_struct="",
            error_value=0,
            attach="hook",
            test_run=False,
            since=(4, 17),
            capabilities=("CAP_BPF", "CAP_PERFMON"),
            may_return_nothing=True,
        ),
        "tp_btf": lambda: Kind(
            name="tp_btf",
            sections=("tp_btf",),
            program_type=bpf.BPF_PROG_TYPE_TRACING,
            attach_types={"*": bpf.BPF_TRACE_RAW_TP},
            module="tp_btf",
            context_class="TpBtfContext",
            action_class="",
            program_class="TpBtfProgram",
            context_struct="",
            error_value=0,
            attach="hook",
            test_run=False,
            since=(5, 5),
            capabilities=("CAP_BPF", "CAP_PERFMON"),
            function_prefix="btf_trace_",
            may_return_nothing=True,
        ),
        "lsm": lambda: Kind(
            name="lsm",
            sections=("lsm",),
            program_type=bpf.BPF_PROG_TYPE_LSM,
            attach_types={"*": bpf.BPF_LSM_MAC},
            module="lsm",
            context_class="LsmContext",
            action_class="",
            program_class="LsmProgram",
            context_struct="",
            error_value=None,
            attach="hook",
            test_run=False,
            since=(5, 7),
            capabilities=("CAP_BPF", "CAP_PERFMON"),
            function_prefix="bpf_lsm_",
            results=(-4095, 0),
        ),
        "sched_cls": lambda: Kind(
            name="sched_cls",
            sections=("tc", "tcx"),
            program_type=bpf.BPF_PROG_TYPE_SCHED_CLS,
            attach_types={"ingress": bpf.BPF_TCX_INGRESS, "egress": bpf.BPF_TCX_EGRESS},
            module="tc",
            context_class="TcContext",
            action_class="TcAction",
            program_class="TcProgram",
            context_struct="__sk_buff",
            error_value=2,  # TcAction.SHOT
            attach="interface",
            test_run=True,
            since=(6, 6),
            capabilities=("CAP_BPF", "CAP_NET_ADMIN"),
            packet=PacketAccess(data=76, data_end=80, data_meta=140, writable=True),
            softirqs_off=True,
        ),
        "cgroup_skb": lambda: Kind(
            name="cgroup_skb",
            sections=("cgroup_skb",),
            program_type=bpf.BPF_PROG_TYPE_CGROUP_SKB,
            attach_types={"ingress": bpf.BPF_CGROUP_INET_INGRESS, "egress": bpf.BPF_CGROUP_INET_EGRESS},
            module="cgroup_skb",
            context_class="CgroupSkbContext",
            action_class="CgroupAction",
            program_class="CgroupSkbProgram",
            context_struct="__sk_buff",
            error_value=None,
            attach="cgroup",
            test_run=True,
            since=(5, 7),
            capabilities=("CAP_BPF", "CAP_NET_ADMIN"),
            packet=PacketAccess(data=76, data_end=80, data_meta=None, writable=False),
        ),
        "cgroup_sock": lambda: Kind(
            name="cgroup_sock",
            sections=("cgroup",),
            program_type=bpf.BPF_PROG_TYPE_CGROUP_SOCK,
            attach_types={
                "sock_create": bpf.BPF_CGROUP_INET_SOCK_CREATE,
                "sock_release": bpf.BPF_CGROUP_INET_SOCK_RELEASE,
                "post_bind4": bpf.BPF_CGROUP_INET4_POST_BIND,
                "post_bind6": bpf.BPF_CGROUP_INET6_POST_BIND,
            },
            module="cgroup_sock",
            context_class="CgroupSockContext",
            action_class="CgroupAction",
            program_class="CgroupSockProgram",
            context_struct="bpf_sock",
            error_value=None,
            attach="cgroup",
            test_run=False,
            since=(5, 7),
            capabilities=("CAP_BPF", "CAP_NET_ADMIN"),
        ),
        "sk_msg": lambda: Kind(
            name="sk_msg",
            sections=("sk_msg",),
            program_type=bpf.BPF_PROG_TYPE_SK_MSG,
            attach_types={"": bpf.BPF_SK_MSG_VERDICT},
            module="sk_msg",
            context_class="SkMsgContext",
            action_class="SkAction",
            program_class="SkMsgProgram",
            context_struct="sk_msg_md",
            error_value=0,  # SkAction.DROP
            attach="map of sockets",
            test_run=False,
            since=(4, 17),
            capabilities=("CAP_BPF", "CAP_NET_ADMIN"),
            packet=PacketAccess(data=0, data_end=8, data_meta=None, writable=True, bits=64),
        ),
        "sk_skb": lambda: Kind(
            name="sk_skb",
            sections=("sk_skb",),
            program_type=bpf.BPF_PROG_TYPE_SK_SKB,
            attach_types={
                "stream_verdict": bpf.BPF_SK_SKB_STREAM_VERDICT,
                "stream_parser": bpf.BPF_SK_SKB_STREAM_PARSER,
                "verdict": bpf.BPF_SK_SKB_VERDICT,
            },
            module="sk_skb",
            context_class="SkSkbContext",
            action_class="SkAction",
            program_class="SkSkbProgram",
            context_struct="__sk_buff",
            error_value=0,  # SkAction.DROP; of a parser, that it needs more
            attach="map of sockets",
            test_run=False,
            since=(4, 14),
            capabilities=("CAP_BPF", "CAP_NET_ADMIN"),
            packet=PacketAccess(data=76, data_end=80, data_meta=None, writable=True),
            number_hooks=("stream_parser",),
        ),
        "sock_ops": lambda: Kind(
            name="sock_ops",
            sections=("sockops",),
            program_type=bpf.BPF_PROG_TYPE_SOCK_OPS,
            attach_types={"": bpf.BPF_CGROUP_SOCK_OPS},
            module="sock_ops",
            context_class="SockOpsContext",
            action_class="",
            program_class="SockOpsProgram",
            context_struct="bpf_sock_ops",
            error_value=0,
            attach="cgroup",
            test_run=False,
            since=(5, 7),
            capabilities=("CAP_BPF", "CAP_NET_ADMIN"),
            packet=PacketAccess(data=192, data_end=200, data_meta=None, writable=False, bits=64),
            results=(0, 1),
        ),
        "sk_lookup": lambda: Kind(
            name="sk_lookup",
            sections=("sk_lookup",),
            program_type=bpf.BPF_PROG_TYPE_SK_LOOKUP,
            attach_types={"": bpf.BPF_SK_LOOKUP},
            module="sk_lookup",
            context_class="SkLookupContext",
            action_class="SkAction",
            program_class="SkLookupProgram",
            context_struct="bpf_sk_lookup",
            error_value=0,  # SkAction.DROP
            attach="network namespace",
            test_run=False,
            since=(5, 9),
            capabilities=("CAP_BPF", "CAP_NET_ADMIN"),
        ),
        "sk_reuseport": lambda: Kind(
            name="sk_reuseport",
            sections=("sk_reuseport",),
            program_type=bpf.BPF_PROG_TYPE_SK_REUSEPORT,
            attach_types={"": bpf.BPF_SK_REUSEPORT_SELECT, "migrate": bpf.BPF_SK_REUSEPORT_SELECT_OR_MIGRATE},
            module="sk_reuseport",
            context_class="SkReuseportContext",
            action_class="SkAction",
            program_class="SkReuseportProgram",
            context_struct="sk_reuseport_md",
            error_value=0,  # SkAction.DROP
            attach="socket",
            test_run=False,
            since=(4, 19),
            capabilities=("CAP_BPF", "CAP_NET_ADMIN"),
            packet=PacketAccess(data=0, data_end=8, data_meta=None, writable=False, bits=64),
        ),
    }
)


def kind_of_section(section: str) -> Kind | None:
    """The kind that libbpf reads from a section's name: `xdp` and `xdp/anything` are XDP."""
    return next((kind for kind in KINDS.values() if kind.hook(section) is not None), None)
