"""The helpers of the kernel.

Made by tools/generate_helpers.py; do not edit.
"""

# ruff: noqa: E501 - a line for each row and argument
# fmt: off
from __future__ import annotations

from osmia.abi.helper_row import HelperArgument as A
from osmia.abi.helper_row import HelperRow

# The kernels that were asked which kinds may call what: 5.10.0-32-cloud-amd64, 6.1.0-50-cloud-amd64, 6.12.107+deb13-cloud-amd64, 6.18.15+deb13-cloud-amd64, 7.3.4+deb13-cloud-amd64.
_KINDS_0 = ("socket_filter", "kprobe", "sched_cls", "tracepoint", "xdp", "perf_event", "cgroup_skb", "cgroup_sock", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops", "sk_skb", "cgroup_device", "sk_msg", "raw_tracepoint", "cgroup_sock_addr", "lwt_seg6local", "lirc_mode2", "sk_reuseport", "flow_dissector", "cgroup_sysctl", "cgroup_sockopt", "tp_btf", "fentry", "fexit", "fmod_ret", "iter", "struct_ops", "lsm", "lsm_cgroup", "sk_lookup", "syscall", "netfilter")
_LATER_1 = {"lsm_cgroup": (6, 0), "syscall": (5, 14), "netfilter": (6, 4)}
_KINDS_2 = ("kprobe", "tracepoint", "perf_event", "raw_tracepoint", "tp_btf", "fentry", "fexit", "fmod_ret", "iter", "lsm", "lsm_cgroup", "syscall")
_LATER_3 = {"lsm_cgroup": (6, 0), "syscall": (5, 14)}
_KINDS_4 = ("socket_filter", "kprobe", "sched_cls", "tracepoint", "xdp", "perf_event", "cgroup_skb", "cgroup_sock", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops", "sk_skb", "cgroup_device", "sk_msg", "raw_tracepoint", "cgroup_sock_addr", "lwt_seg6local", "sk_reuseport", "flow_dissector", "cgroup_sysctl", "cgroup_sockopt", "tp_btf", "fentry", "fexit", "fmod_ret", "iter", "struct_ops", "lsm", "lsm_cgroup", "sk_lookup", "syscall", "netfilter")
_KINDS_5 = ("sched_cls", "lwt_xmit", "sk_skb")
_KINDS_6 = ("sched_cls", "lwt_xmit")
_LATER_7 = {"socket_filter": (6, 12), "sched_cls": (6, 12), "xdp": (6, 12), "cgroup_skb": (6, 12), "lwt_in": (6, 12), "lwt_out": (6, 12), "lwt_xmit": (6, 12), "sock_ops": (6, 12), "sk_skb": (6, 12), "cgroup_device": (6, 1), "lwt_seg6local": (6, 12), "sk_reuseport": (6, 12), "flow_dissector": (6, 12), "cgroup_sysctl": (6, 1), "cgroup_sockopt": (6, 1), "struct_ops": (6, 12), "lsm_cgroup": (6, 0), "sk_lookup": (6, 12), "syscall": (5, 14), "netfilter": (6, 4)}
_LATER_8 = {"socket_filter": (6, 18), "sched_cls": (6, 18), "xdp": (6, 18), "cgroup_skb": (6, 18), "lwt_in": (6, 18), "lwt_out": (6, 18), "lwt_xmit": (6, 18), "sock_ops": (6, 18), "sk_skb": (6, 18), "lwt_seg6local": (6, 18), "sk_reuseport": (6, 18), "flow_dissector": (6, 18), "struct_ops": (6, 18), "lsm_cgroup": (6, 0), "sk_lookup": (6, 18), "syscall": (5, 14), "netfilter": (6, 18)}
_LATER_9 = {"socket_filter": (6, 18), "sched_cls": (6, 18), "xdp": (6, 18), "cgroup_skb": (6, 18), "lwt_in": (6, 18), "lwt_out": (6, 18), "lwt_xmit": (6, 18), "sock_ops": (6, 18), "sk_skb": (6, 18), "cgroup_device": (6, 1), "sk_msg": (6, 18), "lwt_seg6local": (6, 18), "sk_reuseport": (6, 18), "flow_dissector": (6, 18), "cgroup_sysctl": (6, 1), "cgroup_sockopt": (6, 1), "struct_ops": (6, 18), "lsm_cgroup": (6, 0), "sk_lookup": (6, 18), "syscall": (5, 14), "netfilter": (6, 18)}
_LATER_10 = {"socket_filter": (6, 18), "kprobe": (6, 18), "tracepoint": (6, 18), "xdp": (6, 18), "perf_event": (6, 18), "cgroup_skb": (6, 18), "sock_ops": (6, 18), "sk_skb": (6, 18), "cgroup_device": (6, 1), "raw_tracepoint": (6, 18), "sk_reuseport": (6, 18), "flow_dissector": (6, 18), "cgroup_sysctl": (6, 1), "cgroup_sockopt": (6, 1), "tp_btf": (6, 18), "fentry": (6, 18), "fexit": (6, 18), "fmod_ret": (6, 18), "iter": (6, 18), "struct_ops": (6, 18), "lsm": (6, 18), "lsm_cgroup": (6, 18), "sk_lookup": (6, 18), "syscall": (6, 18), "netfilter": (6, 18)}
_KINDS_11 = ("sched_cls",)
_LATER_12 = {"socket_filter": (6, 18), "sched_cls": (6, 18), "xdp": (6, 18), "cgroup_skb": (6, 18), "cgroup_sock": (6, 18), "lwt_in": (6, 18), "lwt_out": (6, 18), "lwt_xmit": (6, 18), "sock_ops": (6, 18), "sk_skb": (6, 18), "cgroup_device": (6, 18), "sk_msg": (6, 18), "cgroup_sock_addr": (6, 18), "lwt_seg6local": (6, 18), "sk_reuseport": (6, 18), "flow_dissector": (6, 18), "cgroup_sysctl": (6, 18), "cgroup_sockopt": (6, 18), "struct_ops": (6, 18), "lsm_cgroup": (6, 0), "sk_lookup": (6, 18), "syscall": (5, 14), "netfilter": (6, 18)}
_KINDS_13 = ("sched_cls", "xdp", "lwt_xmit")
_KINDS_14 = ("sched_cls", "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local")
_KINDS_15 = ("socket_filter", "kprobe", "sched_cls", "tracepoint", "xdp", "perf_event", "cgroup_skb", "cgroup_sock", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops", "sk_skb", "cgroup_device", "sk_msg", "raw_tracepoint", "cgroup_sock_addr", "lwt_seg6local", "cgroup_sysctl", "cgroup_sockopt", "tp_btf", "fentry", "fexit", "fmod_ret", "iter", "lsm", "lsm_cgroup", "sk_lookup", "syscall")
_KINDS_16 = ("socket_filter", "sched_cls", "cgroup_skb", "lwt_in", "lwt_out", "lwt_xmit", "sk_skb", "lwt_seg6local", "sk_reuseport", "flow_dissector")
_KINDS_17 = ("sched_cls", "xdp", "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local")
_LATER_18 = {"socket_filter": (6, 18), "sched_cls": (6, 18), "xdp": (6, 18), "cgroup_skb": (6, 18), "cgroup_sock": (6, 12), "lwt_in": (6, 18), "lwt_out": (6, 18), "lwt_xmit": (6, 18), "sock_ops": (6, 18), "sk_skb": (6, 18), "cgroup_device": (6, 12), "sk_msg": (6, 18), "cgroup_sock_addr": (6, 12), "lwt_seg6local": (6, 18), "sk_reuseport": (6, 18), "flow_dissector": (6, 18), "cgroup_sysctl": (6, 12), "cgroup_sockopt": (6, 12), "struct_ops": (6, 18), "lsm_cgroup": (6, 0), "sk_lookup": (6, 18), "syscall": (5, 14), "netfilter": (6, 18)}
_KINDS_19 = ("sched_cls", "lwt_in", "lwt_out", "lwt_xmit", "sk_skb", "lwt_seg6local")
_KINDS_20 = ("xdp",)
_KINDS_21 = ("socket_filter", "sched_cls", "cgroup_skb", "cgroup_sock", "sock_ops", "sk_skb", "cgroup_sock_addr", "sk_reuseport", "tp_btf", "fentry", "fexit", "fmod_ret", "iter", "lsm", "lsm_cgroup", "syscall")
_LATER_22 = {"sk_reuseport": (6, 1), "tp_btf": (6, 1), "fentry": (6, 1), "fexit": (6, 1), "iter": (6, 1), "lsm": (6, 1), "lsm_cgroup": (6, 0), "syscall": (5, 14)}
_KINDS_23 = ("socket_filter", "sched_cls", "cgroup_skb", "sk_skb")
_KINDS_24 = ("cgroup_sock", "sock_ops", "cgroup_sock_addr", "cgroup_sockopt", "iter", "struct_ops", "lsm_cgroup")
_LATER_25 = {"cgroup_sock": (7, 3), "cgroup_sockopt": (6, 1), "iter": (6, 1), "struct_ops": (6, 1), "lsm_cgroup": (6, 0)}
_KINDS_26 = ("sched_cls", "sk_skb")
_KINDS_27 = ("sk_skb",)
_KINDS_28 = ("sock_ops",)
_KINDS_29 = ("perf_event",)
_KINDS_30 = ("kprobe",)
_KINDS_31 = ("sk_msg",)
_KINDS_32 = ("cgroup_sock_addr",)
_KINDS_33 = ("socket_filter", "sched_cls", "cgroup_skb", "sk_reuseport")
_KINDS_34 = ("sched_cls", "xdp")
_KINDS_35 = ("lwt_in", "lwt_xmit")
_KINDS_36 = ("lwt_seg6local",)
_KINDS_37 = ("lirc_mode2",)
_KINDS_38 = ("sched_cls", "cgroup_skb")
_LATER_39 = {"socket_filter": (6, 12), "sched_cls": (6, 12), "xdp": (6, 12), "cgroup_skb": (6, 12), "lwt_in": (6, 12), "lwt_out": (6, 12), "lwt_xmit": (6, 12), "sock_ops": (6, 12), "sk_skb": (6, 12), "lwt_seg6local": (6, 12), "sk_reuseport": (6, 12), "flow_dissector": (6, 12), "struct_ops": (6, 12), "lsm_cgroup": (6, 0), "sk_lookup": (6, 12), "syscall": (5, 14), "netfilter": (6, 4)}
_KINDS_40 = ("cgroup_skb", "cgroup_sock", "sock_ops", "cgroup_device", "cgroup_sock_addr", "cgroup_sysctl", "cgroup_sockopt", "lsm_cgroup")
_LATER_41 = {"lsm_cgroup": (6, 0)}
_KINDS_42 = ("sk_reuseport",)
_KINDS_43 = ("sched_cls", "xdp", "cgroup_skb", "sk_skb", "cgroup_sock_addr")
_KINDS_44 = ("sched_cls", "xdp", "cgroup_skb", "sk_skb", "cgroup_sock_addr", "sk_lookup")
_LATER_45 = {"kprobe": (6, 1), "tracepoint": (6, 1), "perf_event": (6, 1), "raw_tracepoint": (6, 1), "tp_btf": (6, 1), "fentry": (6, 1), "fexit": (6, 1), "iter": (6, 1), "lsm": (6, 1), "lsm_cgroup": (6, 0), "syscall": (5, 14), "netfilter": (6, 4)}
_KINDS_46 = ("sched_cls", "cgroup_skb", "sock_ops", "cgroup_sockopt")
_KINDS_47 = ("cgroup_sysctl",)
_LATER_48 = {"socket_filter": (6, 1), "kprobe": (6, 1), "sched_cls": (6, 1), "tracepoint": (6, 1), "xdp": (6, 1), "perf_event": (6, 1), "cgroup_skb": (6, 1), "cgroup_sock": (6, 1), "lwt_in": (6, 1), "lwt_out": (6, 1), "lwt_xmit": (6, 1), "sock_ops": (6, 1), "sk_skb": (6, 1), "cgroup_device": (6, 1), "sk_msg": (6, 1), "raw_tracepoint": (6, 1), "cgroup_sock_addr": (6, 1), "lwt_seg6local": (6, 1), "sk_reuseport": (6, 1), "flow_dissector": (6, 1), "cgroup_sockopt": (6, 1), "tp_btf": (6, 1), "fentry": (6, 1), "fexit": (6, 1), "iter": (6, 1), "struct_ops": (6, 1), "lsm": (6, 1), "lsm_cgroup": (6, 0), "sk_lookup": (6, 1), "syscall": (5, 14), "netfilter": (6, 4)}
_KINDS_49 = ("sched_cls", "cgroup_skb", "cgroup_sock", "sock_ops", "sk_msg", "cgroup_sock_addr", "cgroup_sockopt", "tp_btf", "fentry", "fexit", "iter", "struct_ops", "lsm", "lsm_cgroup")
_LATER_50 = {"tp_btf": (6, 1), "fentry": (6, 1), "fexit": (6, 1), "iter": (6, 1), "lsm_cgroup": (6, 0)}
_KINDS_51 = ("sched_cls", "cgroup_skb", "sock_ops", "sk_msg", "cgroup_sock_addr", "cgroup_sockopt", "tp_btf", "fentry", "fexit", "iter", "struct_ops", "lsm", "lsm_cgroup")
_KINDS_52 = ("tp_btf", "fentry", "fexit", "fmod_ret", "iter", "lsm", "lsm_cgroup", "syscall")
_KINDS_53 = ("struct_ops",)
_LATER_54 = {"socket_filter": (6, 12), "sched_cls": (6, 12), "xdp": (6, 12), "cgroup_skb": (6, 12), "cgroup_sock": (6, 12), "lwt_in": (6, 12), "lwt_out": (6, 12), "lwt_xmit": (6, 12), "sock_ops": (6, 12), "sk_skb": (6, 12), "cgroup_device": (6, 12), "sk_msg": (6, 12), "cgroup_sock_addr": (6, 12), "lwt_seg6local": (6, 12), "sk_reuseport": (6, 12), "flow_dissector": (6, 12), "cgroup_sysctl": (6, 12), "cgroup_sockopt": (6, 12), "struct_ops": (6, 12), "lsm_cgroup": (6, 0), "sk_lookup": (6, 12), "syscall": (5, 14), "netfilter": (6, 4)}
_KINDS_55 = ("socket_filter", "sched_cls", "cgroup_skb", "cgroup_sock", "sock_ops", "sk_msg", "cgroup_sock_addr", "cgroup_sockopt")
_LATER_56 = {"socket_filter": (6, 18), "sched_cls": (6, 18), "cgroup_skb": (6, 18), "sock_ops": (6, 1), "sk_msg": (6, 1), "cgroup_sockopt": (6, 1)}
_LATER_57 = {"socket_filter": (6, 12), "kprobe": (6, 1), "sched_cls": (6, 12), "tracepoint": (6, 1), "xdp": (6, 12), "perf_event": (6, 1), "cgroup_skb": (6, 12), "lwt_in": (6, 12), "lwt_out": (6, 12), "lwt_xmit": (6, 12), "sock_ops": (6, 12), "sk_skb": (6, 12), "cgroup_device": (6, 1), "raw_tracepoint": (6, 1), "lwt_seg6local": (6, 12), "sk_reuseport": (6, 12), "flow_dissector": (6, 12), "cgroup_sysctl": (6, 1), "cgroup_sockopt": (6, 1), "tp_btf": (6, 1), "fentry": (6, 1), "fexit": (6, 1), "iter": (6, 1), "struct_ops": (6, 12), "lsm": (6, 1), "lsm_cgroup": (6, 0), "sk_lookup": (6, 12), "syscall": (5, 14), "netfilter": (6, 4)}
_KINDS_58 = ("sched_cls", "sk_lookup")
_KINDS_59 = ("iter",)
_KINDS_60 = ("cgroup_skb",)
_KINDS_61 = ("socket_filter", "sched_cls", "xdp", "cgroup_skb", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops", "sk_skb", "sk_msg", "cgroup_sock_addr", "lwt_seg6local", "flow_dissector", "tp_btf", "fentry", "fexit", "fmod_ret", "iter", "lsm", "lsm_cgroup", "sk_lookup", "syscall")
_KINDS_62 = ("lsm", "lsm_cgroup")
_KINDS_63 = ("fentry", "fexit", "iter", "lsm", "lsm_cgroup")
_LATER_64 = {"iter": (6, 1), "lsm": (6, 1), "lsm_cgroup": (6, 0)}
_LATER_65 = {"socket_filter": (6, 18), "kprobe": (6, 1), "sched_cls": (6, 18), "tracepoint": (6, 12), "xdp": (6, 18), "perf_event": (6, 12), "cgroup_skb": (6, 18), "cgroup_sock": (6, 18), "lwt_in": (6, 18), "lwt_out": (6, 18), "lwt_xmit": (6, 18), "sock_ops": (6, 18), "sk_skb": (6, 18), "cgroup_device": (6, 18), "sk_msg": (6, 18), "raw_tracepoint": (6, 12), "cgroup_sock_addr": (6, 18), "lwt_seg6local": (6, 18), "sk_reuseport": (6, 18), "flow_dissector": (6, 18), "cgroup_sysctl": (6, 18), "cgroup_sockopt": (6, 18), "tp_btf": (6, 12), "fentry": (6, 12), "fexit": (6, 12), "struct_ops": (6, 18), "lsm": (6, 1), "lsm_cgroup": (6, 12), "sk_lookup": (6, 18), "syscall": (5, 14), "netfilter": (6, 18)}
_KINDS_66 = ("socket_filter", "sched_cls", "xdp", "cgroup_skb", "cgroup_sock", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops", "sk_skb", "sk_msg", "cgroup_sock_addr", "lwt_seg6local", "sk_reuseport", "flow_dissector", "cgroup_sysctl", "struct_ops", "sk_lookup")
_LATER_67 = {"lsm_cgroup": (6, 12)}
_KINDS_68 = ("syscall",)
_LATER_69 = {"lsm_cgroup": (6, 0), "netfilter": (6, 4)}
_KINDS_70 = ("kprobe", "fentry", "fexit", "fmod_ret")
_KINDS_71 = ("kprobe", "tracepoint", "perf_event", "raw_tracepoint", "tp_btf", "fentry", "fexit", "fmod_ret", "lsm")
_LATER_72 = {"raw_tracepoint": (6, 12), "tp_btf": (6, 12)}
_LATER_73 = {"socket_filter": (6, 18), "sched_cls": (6, 18), "xdp": (6, 18), "cgroup_skb": (6, 18), "cgroup_sock": (6, 18), "lwt_in": (6, 18), "lwt_out": (6, 18), "lwt_xmit": (6, 18), "sock_ops": (6, 18), "sk_skb": (6, 18), "cgroup_device": (6, 18), "sk_msg": (6, 18), "cgroup_sock_addr": (6, 18), "lwt_seg6local": (6, 18), "sk_reuseport": (6, 18), "flow_dissector": (6, 18), "cgroup_sysctl": (6, 18), "cgroup_sockopt": (6, 18), "struct_ops": (6, 18), "lsm_cgroup": (6, 0), "sk_lookup": (6, 18), "netfilter": (6, 18)}
_KINDS_74 = ("tp_btf", "fentry", "fexit", "fmod_ret", "lsm")
_LATER_75 = {"tp_btf": (7, 3)}
_KINDS_76 = ("fentry", "fexit", "fmod_ret", "lsm")
_KINDS_77 = ("cgroup_sock", "cgroup_device", "cgroup_sock_addr", "cgroup_sysctl", "cgroup_sockopt", "lsm_cgroup")
_KINDS_78 = ("xdp", "tp_btf", "fentry", "fexit", "fmod_ret", "iter", "lsm", "lsm_cgroup", "syscall")
_LATER_79 = {"socket_filter": (6, 18), "sched_cls": (6, 18), "tracepoint": (6, 12), "xdp": (6, 18), "perf_event": (6, 12), "cgroup_skb": (6, 18), "cgroup_sock": (6, 18), "lwt_in": (6, 18), "lwt_out": (6, 18), "lwt_xmit": (6, 18), "sock_ops": (6, 18), "sk_skb": (6, 18), "cgroup_device": (6, 18), "sk_msg": (6, 18), "raw_tracepoint": (6, 12), "cgroup_sock_addr": (6, 18), "lwt_seg6local": (6, 18), "sk_reuseport": (6, 18), "flow_dissector": (6, 18), "cgroup_sysctl": (6, 18), "cgroup_sockopt": (6, 18), "tp_btf": (6, 12), "fentry": (6, 12), "fexit": (6, 12), "struct_ops": (6, 18), "lsm_cgroup": (6, 12), "sk_lookup": (6, 18), "netfilter": (6, 18)}
_LATER_80 = {"netfilter": (6, 4)}

HELPERS = {
    "map_lookup_elem": HelperRow(
        name="map_lookup_elem", number=1, form="map", method="lookup", description="The value of a key where it lies, or None.", returns="map value", return_type="void *", maybe_null=True,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "map key", "const void *", parameter="key"),
        ),
        since=(3, 19), kinds=_KINDS_0, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "map_update_elem": HelperRow(
        name="map_update_elem", number=2, form="map", method="update", description="Write the value of a key; flags say whether it may or must exist.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "map key", "const void *", parameter="key"),
            A("value", "map value", "const void *", parameter="value"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(3, 19), kinds=_KINDS_0, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "map_delete_elem": HelperRow(
        name="map_delete_elem", number=3, form="map", method="delete", description="Remove a key.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "map key", "const void *", parameter="key"),
        ),
        since=(3, 19), kinds=_KINDS_0, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "probe_read": HelperRow(
        name="probe_read", number=4, form="function", method="", description="Copy bytes from an address of the kernel or of user space, whichever it is; use probe_read_kernel or probe_read_user.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dst", "memory", "void *", access="write", parameter="dst"),
            A("size", "size", "u32", nullable=True),
            A("unsafe_ptr", "integer", "const void *", parameter="unsafe_ptr"),
        ),
        since=(4, 1), kinds=_KINDS_2, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ktime_get_ns": HelperRow(
        name="ktime_get_ns", number=5, form="function", method="", description="The time since the machine started in ns, without the time it was suspended.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(),
        since=(4, 1), kinds=_KINDS_0, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "trace_printk": HelperRow(
        name="trace_printk", number=6, form="function", method="", description="Write a line to the kernel's trace pipe, with up to three integers; for debugging. The number of bytes written.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("fmt", "memory", "const char *", access="read", parameter="fmt"),
            A("fmt_size", "size", "u32"),
            A("arguments", "varying", "...", parameter="arguments"),
        ),
        since=(4, 1), kinds=_KINDS_0, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_prandom_u32": HelperRow(
        name="get_prandom_u32", number=7, form="function", method="", description="A pseudo-random number; not for cryptography.", returns="integer", return_type="u32", maybe_null=False,
        arguments=(),
        since=(4, 1), kinds=_KINDS_0, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_smp_processor_id": HelperRow(
        name="get_smp_processor_id", number=8, form="function", method="", description="The number of the CPU that the program runs on.", returns="integer", return_type="u32", maybe_null=False,
        arguments=(),
        since=(4, 1), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_store_bytes": HelperRow(
        name="skb_store_bytes", number=9, form="context", method="", description="Write bytes into the packet at an offset; flags can recompute the checksum. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("offset", "integer", "u32", parameter="offset"),
            A("from", "memory", "const void *", access="read", parameter="from_"),
            A("len", "size", "u32"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 1), kinds=_KINDS_5, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "l3_csum_replace": HelperRow(
        name="l3_csum_replace", number=10, form="context", method="", description="Change the IP checksum at an offset for a value that changes from `from_` to `to`, of `size` bytes (0: `to` is a difference).", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("offset", "integer", "u32", parameter="offset"),
            A("from", "integer", "u64", parameter="from_"),
            A("to", "integer", "u64", parameter="to"),
            A("size", "integer", "u64", parameter="size"),
        ),
        since=(4, 1), kinds=_KINDS_6, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "l4_csum_replace": HelperRow(
        name="l4_csum_replace", number=11, form="context", method="", description="Change a TCP, UDP or ICMP checksum at an offset for a changed value; flags hold the size and say what it covers.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("offset", "integer", "u32", parameter="offset"),
            A("from", "integer", "u64", parameter="from_"),
            A("to", "integer", "u64", parameter="to"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 1), kinds=_KINDS_6, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "tail_call": HelperRow(
        name="tail_call", number=12, form="map", method="tail_call", description="Go on in another program of a ProgramArray, and never come back; it comes back only where there is none.", returns="nothing", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
            A("prog_array_map", "map", "struct bpf_map *", parameter="prog_array_map"),
            A("index", "integer", "u32", parameter="index"),
        ),
        since=(4, 2), kinds=_KINDS_0, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "clone_redirect": HelperRow(
        name="clone_redirect", number=13, form="context", method="", description="Send a copy of the packet out of an interface and go on with this one. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("ifindex", "integer", "u32", parameter="ifindex"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 2), kinds=_KINDS_6, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "get_current_pid_tgid": HelperRow(
        name="get_current_pid_tgid", number=14, form="function", method="", description="The current thread: its process id (tgid) in the upper 32 bits, its thread id in the lower ones.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(),
        since=(4, 2), kinds=_KINDS_4, later=_LATER_7,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_current_uid_gid": HelperRow(
        name="get_current_uid_gid", number=15, form="function", method="", description="The current thread's group id in the upper 32 bits, its user id in the lower ones.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(),
        since=(4, 2), kinds=_KINDS_4, later=_LATER_8,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_current_comm": HelperRow(
        name="get_current_comm", number=16, form="function", method="", description="Copy the current thread's name, at most 16 bytes with its ending zero.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("buf", "memory", "void *", access="write", parameter="into"),
            A("size_of_buf", "size", "u32"),
        ),
        since=(4, 2), kinds=_KINDS_4, later=_LATER_9,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_cgroup_classid": HelperRow(
        name="get_cgroup_classid", number=17, form="context", method="", description="The class id that the net_cls cgroup (version 1) gives to the packet's or the thread's traffic; 0 if none.", returns="integer", return_type="u32", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
        ),
        since=(4, 3), kinds=_KINDS_4, later=_LATER_10,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_vlan_push": HelperRow(
        name="skb_vlan_push", number=18, form="context", method="", description="Put a VLAN tag in front of the packet. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("vlan_proto", "integer", "__be16", parameter="vlan_proto"),
            A("vlan_tci", "integer", "u16", parameter="vlan_tci"),
        ),
        since=(4, 3), kinds=_KINDS_11, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "skb_vlan_pop": HelperRow(
        name="skb_vlan_pop", number=19, form="context", method="", description="Take the outermost VLAN tag away. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
        ),
        since=(4, 3), kinds=_KINDS_11, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "skb_get_tunnel_key": HelperRow(
        name="skb_get_tunnel_key", number=20, form="context", method="", description="Read the metadata of the tunnel that the packet came by, a struct bpf_tunnel_key.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("key", "memory", "struct bpf_tunnel_key *", access="write", parameter="key"),
            A("size", "size", "u32"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 3), kinds=_KINDS_6, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_set_tunnel_key": HelperRow(
        name="skb_set_tunnel_key", number=21, form="context", method="", description="Set the metadata of the tunnel that the packet will leave by, a struct bpf_tunnel_key.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("key", "memory", "struct bpf_tunnel_key *", access="read", parameter="key"),
            A("size", "size", "u32"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 3), kinds=_KINDS_6, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "perf_event_read": HelperRow(
        name="perf_event_read", number=22, form="map", method="read", description="The counter of a perf event in a PerfEventArray; errors cannot be told from high counts, so use perf_event_read_value.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 3), kinds=_KINDS_4, later=_LATER_12,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "redirect": HelperRow(
        name="redirect", number=23, form="function", method="", description="Send the packet out of another interface (or into it, where flags say so) once the program returns what this gives.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ifindex", "integer", "u32", parameter="ifindex"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 4), kinds=_KINDS_13, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_route_realm": HelperRow(
        name="get_route_realm", number=24, form="context", method="", description="The realm of the packet's route, which routing rules set; 0 if none.", returns="integer", return_type="u32", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
        ),
        since=(4, 4), kinds=_KINDS_14, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "perf_event_output": HelperRow(
        name="perf_event_output", number=25, form="map", method="output", description="Send bytes to user code by way of a PerfEventArray.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("flags", "integer", "u64", parameter="flags"),
            A("data", "memory", "void *", access="read", parameter="data"),
            A("size", "size", "u64", nullable=True),
        ),
        since=(4, 4), kinds=_KINDS_15, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_load_bytes": HelperRow(
        name="skb_load_bytes", number=26, form="context", method="", description="Copy bytes of the packet at an offset, also where they do not lie in its linear part.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "const void *"),
            A("offset", "integer", "u32", parameter="offset"),
            A("to", "memory", "void *", access="write", parameter="to"),
            A("len", "size", "u32"),
        ),
        since=(4, 5), kinds=_KINDS_16, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_stackid": HelperRow(
        name="get_stackid", number=27, form="map", method="stackid", description="Keep the current stack in a StackTrace map and give its id.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 6), kinds=_KINDS_2, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "csum_diff": HelperRow(
        name="csum_diff", number=28, form="function", method="", description="The difference of a checksum when the bytes `from_` become the bytes `to`; sizes are multiples of 4, `seed` is added.", returns="integer", return_type="s64", maybe_null=False,
        arguments=(
            A("from", "memory", "__be32 *", access="read", parameter="from_", nullable=True),
            A("from_size", "size", "u32", nullable=True),
            A("to", "memory", "__be32 *", access="read", parameter="to", nullable=True),
            A("to_size", "size", "u32", nullable=True),
            A("seed", "integer", "__wsum", parameter="seed"),
        ),
        since=(4, 6), kinds=_KINDS_17, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "skb_get_tunnel_opt": HelperRow(
        name="skb_get_tunnel_opt", number=29, form="context", method="", description="Read the options of the tunnel that the packet came by; the number of bytes.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("opt", "memory", "void *", access="write", parameter="opt"),
            A("size", "size", "u32"),
        ),
        since=(4, 6), kinds=_KINDS_6, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_set_tunnel_opt": HelperRow(
        name="skb_set_tunnel_opt", number=30, form="context", method="", description="Set the options of the tunnel that the packet will leave by.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("opt", "memory", "void *", access="read", parameter="opt"),
            A("size", "size", "u32"),
        ),
        since=(4, 6), kinds=_KINDS_6, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_change_proto": HelperRow(
        name="skb_change_proto", number=31, form="context", method="", description="Turn the packet from IPv4 to IPv6 or back, as to room and metadata; the program rewrites the headers. Views end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("proto", "integer", "__be16", parameter="proto"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 8), kinds=_KINDS_11, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "skb_change_type": HelperRow(
        name="skb_change_type", number=32, form="context", method="", description="Change what kind of packet it is: for this host, broadcast, multicast, or for others.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("type", "integer", "u32", parameter="type"),
        ),
        since=(4, 8), kinds=_KINDS_11, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_under_cgroup": HelperRow(
        name="skb_under_cgroup", number=33, form="map", method="under", description="Whether the packet's socket is in a cgroup of a CgroupArray (version 2): 1, 0, or an error.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("index", "integer", "u32", parameter="index"),
        ),
        since=(4, 8), kinds=_KINDS_14, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_hash_recalc": HelperRow(
        name="get_hash_recalc", number=34, form="context", method="", description="The packet's hash, computed if it has none.", returns="integer", return_type="u32", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
        ),
        since=(4, 8), kinds=_KINDS_14, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_current_task": HelperRow(
        name="get_current_task", number=35, form="function", method="", description="The address of the current thread's struct task_struct; read it by probe_read_kernel.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(),
        since=(4, 8), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "probe_write_user": HelperRow(
        name="probe_write_user", number=36, form="function", method="", description="Write bytes into the current process's memory; for experiments, and refused where the kernel is locked down.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dst", "integer", "void *", parameter="dst"),
            A("src", "memory", "const void *", access="read", parameter="src"),
            A("len", "size", "u32"),
        ),
        since=(4, 8), kinds=_KINDS_2, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "current_task_under_cgroup": HelperRow(
        name="current_task_under_cgroup", number=37, form="map", method="current_task_under", description="Whether the current thread is in a cgroup of a CgroupArray: 1, 0, or an error.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("index", "integer", "u32", parameter="index"),
        ),
        since=(4, 9), kinds=_KINDS_4, later=_LATER_18,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_change_tail": HelperRow(
        name="skb_change_tail", number=38, form="context", method="", description="Make the packet longer (by zeros) or shorter. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("len", "integer", "u32", parameter="len"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 9), kinds=_KINDS_5, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "skb_pull_data": HelperRow(
        name="skb_pull_data", number=39, form="context", method="", description="Make the first bytes of the packet (0: all of them) linear, so that views reach them. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("len", "integer", "u32", parameter="len"),
        ),
        since=(4, 9), kinds=_KINDS_19, later={},
        until={"lwt_seg6local": (7, 3)}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "csum_update": HelperRow(
        name="csum_update", number=40, form="context", method="", description="Add to the packet's checksum that the card computed; -ENOTSUPP where it has none.", returns="integer", return_type="s64", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("csum", "integer", "__wsum", parameter="csum"),
        ),
        since=(4, 9), kinds=_KINDS_6, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "set_hash_invalid": HelperRow(
        name="set_hash_invalid", number=41, form="context", method="", description="Forget the packet's hash, so that the next who needs it computes it anew.", returns="nothing", return_type="void", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
        ),
        since=(4, 9), kinds=_KINDS_6, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_numa_node_id": HelperRow(
        name="get_numa_node_id", number=42, form="function", method="", description="The number of the NUMA node that the program runs on.", returns="integer", return_type="long", maybe_null=False,
        arguments=(),
        since=(4, 10), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_change_head": HelperRow(
        name="skb_change_head", number=43, form="context", method="", description="Make room for a header in front of the packet. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("len", "integer", "u32", parameter="len"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 10), kinds=_KINDS_5, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "xdp_adjust_head": HelperRow(
        name="xdp_adjust_head", number=44, form="context", method="", description="Move the packet's start by some bytes; negative makes room. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("xdp_md", "context", "struct xdp_buff *"),
            A("delta", "integer", "int", parameter="delta"),
        ),
        since=(4, 10), kinds=_KINDS_20, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "probe_read_str": HelperRow(
        name="probe_read_str", number=45, form="function", method="", description="Copy text up to its ending zero from an address of the kernel or of user space; use the _kernel or _user one.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dst", "memory", "void *", access="write", parameter="dst"),
            A("size", "size", "u32", nullable=True),
            A("unsafe_ptr", "integer", "const void *", parameter="unsafe_ptr"),
        ),
        since=(4, 11), kinds=_KINDS_2, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_socket_cookie": HelperRow(
        name="get_socket_cookie", number=46, form="context", method="", description="A number that belongs to the socket alone, as long as the machine runs; 0 if there is none.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("sk", "context", "struct sock *"),
        ),
        since=(4, 12), kinds=_KINDS_21, later=_LATER_22,
        until={}, given_first=("sk_reuseport", "tp_btf", "fentry", "fexit", "fmod_ret", "iter", "lsm", "lsm_cgroup", "syscall"), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_socket_uid": HelperRow(
        name="get_socket_uid", number=47, form="context", method="", description="The user id of the packet's socket; the overflow user's id where it has no owner.", returns="integer", return_type="u32", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
        ),
        since=(4, 12), kinds=_KINDS_23, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "set_hash": HelperRow(
        name="set_hash", number=48, form="context", method="", description="Set the packet's hash.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("hash", "integer", "u32", parameter="hash"),
        ),
        since=(4, 13), kinds=_KINDS_11, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "setsockopt": HelperRow(
        name="setsockopt", number=49, form="context", method="", description="Set an option of the socket, as setsockopt(2) does; the kernel takes some levels and options.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("bpf_socket", "context", "void *"),
            A("level", "integer", "int", parameter="level"),
            A("optname", "integer", "int", parameter="optname"),
            A("optval", "memory", "void *", access="read", parameter="optval"),
            A("optlen", "size", "int"),
        ),
        since=(4, 13), kinds=_KINDS_24, later=_LATER_25,
        until={}, given_first=("cgroup_sockopt", "lsm_cgroup", "struct_ops", "iter"), not_at=("cgroup_sock/inet_sock_release", "cgroup_sock/inet4_post_bind", "cgroup_sock/inet6_post_bind", "cgroup_sock_addr/unix_getpeername", "cgroup_sock_addr/unix_getsockname", "cgroup_sockopt/getsockopt"), at_some=("iter", "lsm_cgroup"),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_adjust_room": HelperRow(
        name="skb_adjust_room", number=50, form="context", method="", description="Make room behind the MAC or the network header, or take it away, as tunnels need. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("len_diff", "integer", "s32", parameter="len_diff"),
            A("mode", "integer", "u32", parameter="mode"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 13), kinds=_KINDS_26, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "redirect_map": HelperRow(
        name="redirect_map", number=51, form="map", method="redirect", description="Send the packet to what a DevMap, CpuMap or XskMap has at a key; without it, the action in the lowest bits of flags.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "integer", "u64", parameter="key"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 14), kinds=_KINDS_20, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sk_redirect_map": HelperRow(
        name="sk_redirect_map", number=52, form="map", method="sk_redirect", description="Send the packet to the socket that a SockMap has at a key.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "integer", "u32", parameter="key"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 14), kinds=_KINDS_27, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sock_map_update": HelperRow(
        name="sock_map_update", number=53, form="map", method="sock_update", description="Put the socket of the event into a SockMap.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skops", "context", "struct bpf_sock_ops *"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "map key", "void *", parameter="key"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 14), kinds=_KINDS_28, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "xdp_adjust_meta": HelperRow(
        name="xdp_adjust_meta", number=54, form="context", method="", description="Move the start of the metadata in front of the packet by some bytes; negative makes room. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("xdp_md", "context", "struct xdp_buff *"),
            A("delta", "integer", "int", parameter="delta"),
        ),
        since=(4, 15), kinds=_KINDS_20, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "perf_event_read_value": HelperRow(
        name="perf_event_read_value", number=55, form="map", method="read_value", description="Read the counter of a perf event in a PerfEventArray with the times it was enabled and running.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("flags", "integer", "u64", parameter="flags"),
            A("buf", "memory", "struct bpf_perf_event_value *", access="write", parameter="buf"),
            A("buf_size", "size", "u32"),
        ),
        since=(4, 15), kinds=_KINDS_4, later=_LATER_12,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "perf_prog_read_value": HelperRow(
        name="perf_prog_read_value", number=56, form="context", method="", description="Read the counter of the event that runs the program: a struct bpf_perf_event_value with its times.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "struct bpf_perf_event_data *"),
            A("buf", "memory", "struct bpf_perf_event_value *", access="write", parameter="into"),
            A("buf_size", "size", "u32"),
        ),
        since=(4, 15), kinds=_KINDS_29, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "getsockopt": HelperRow(
        name="getsockopt", number=57, form="context", method="", description="Read an option of the socket, as getsockopt(2) does; the kernel gives some levels and options.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("bpf_socket", "context", "void *"),
            A("level", "integer", "int", parameter="level"),
            A("optname", "integer", "int", parameter="optname"),
            A("optval", "memory", "void *", access="write", parameter="optval"),
            A("optlen", "size", "int"),
        ),
        since=(4, 15), kinds=_KINDS_24, later=_LATER_25,
        until={}, given_first=("cgroup_sockopt", "lsm_cgroup", "struct_ops", "iter"), not_at=("cgroup_sock/inet_sock_release", "cgroup_sock/inet4_post_bind", "cgroup_sock/inet6_post_bind", "cgroup_sock_addr/unix_getpeername", "cgroup_sock_addr/unix_getsockname", "cgroup_sockopt/getsockopt"), at_some=("iter", "lsm_cgroup"),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "override_return": HelperRow(
        name="override_return", number=58, form="context", method="", description="Have the probed function return a value at once, without running; for functions that allow errors to be injected.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("regs", "context", "struct pt_regs *"),
            A("rc", "integer", "u64", parameter="rc"),
        ),
        since=(4, 16), kinds=_KINDS_30, later={},
        until={}, given_first=(), not_at=("kprobe", "kprobe.s", "kprobe/multi", "kprobe/session", "kprobe/uprobe_multi", "kprobe/uprobe_session"), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sock_ops_cb_flags_set": HelperRow(
        name="sock_ops_cb_flags_set", number=59, form="context", method="", description="Choose which further events of this TCP connection run the program; the flags that the kernel does not know.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("bpf_sock", "context", "struct bpf_sock_ops *"),
            A("argval", "integer", "int", parameter="argval"),
        ),
        since=(4, 16), kinds=_KINDS_28, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "msg_redirect_map": HelperRow(
        name="msg_redirect_map", number=60, form="map", method="msg_redirect", description="Send the message to the socket that a SockMap has at a key.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("msg", "context", "struct sk_msg_buff *"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "integer", "u32", parameter="key"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 17), kinds=_KINDS_31, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "msg_apply_bytes": HelperRow(
        name="msg_apply_bytes", number=61, form="context", method="", description="Let the verdict be for so many bytes, over several messages or less than one.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("msg", "context", "struct sk_msg_buff *"),
            A("bytes", "integer", "u32", parameter="bytes"),
        ),
        since=(4, 17), kinds=_KINDS_31, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "msg_cork_bytes": HelperRow(
        name="msg_cork_bytes", number=62, form="context", method="", description="Run the program again only when so many bytes have been gathered.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("msg", "context", "struct sk_msg_buff *"),
            A("bytes", "integer", "u32", parameter="bytes"),
        ),
        since=(4, 17), kinds=_KINDS_31, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "msg_pull_data": HelperRow(
        name="msg_pull_data", number=63, form="context", method="", description="Make the bytes from `start` to `end` linear, so that the program can change them. Views of the message end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("msg", "context", "struct sk_msg_buff *"),
            A("start", "integer", "u32", parameter="start"),
            A("end", "integer", "u32", parameter="end"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 17), kinds=_KINDS_31, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "bind": HelperRow(
        name="bind", number=64, form="context", method="", description="Bind the connecting socket to an address (a struct sockaddr_in or sockaddr_in6 with port 0, or a port from 5.8 on).", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "struct bpf_sock_addr *"),
            A("addr", "memory", "struct sockaddr *", access="read", parameter="addr"),
            A("addr_len", "size", "int"),
        ),
        since=(4, 17), kinds=_KINDS_32, later={},
        until={}, given_first=(), not_at=("cgroup_sock_addr/inet4_bind", "cgroup_sock_addr/inet6_bind", "cgroup_sock_addr/unix_connect", "cgroup_sock_addr/udp4_sendmsg", "cgroup_sock_addr/udp6_sendmsg", "cgroup_sock_addr/unix_sendmsg", "cgroup_sock_addr/udp4_recvmsg", "cgroup_sock_addr/udp6_recvmsg", "cgroup_sock_addr/unix_recvmsg", "cgroup_sock_addr/inet4_getpeername", "cgroup_sock_addr/inet6_getpeername", "cgroup_sock_addr/unix_getpeername", "cgroup_sock_addr/inet4_getsockname", "cgroup_sock_addr/inet6_getsockname", "cgroup_sock_addr/unix_getsockname"), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "xdp_adjust_tail": HelperRow(
        name="xdp_adjust_tail", number=65, form="context", method="", description="Move the packet's end by some bytes; positive makes it longer where the driver leaves room. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("xdp_md", "context", "struct xdp_buff *"),
            A("delta", "integer", "int", parameter="delta"),
        ),
        since=(4, 18), kinds=_KINDS_20, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "skb_get_xfrm_state": HelperRow(
        name="skb_get_xfrm_state", number=66, form="context", method="", description="Read a state of the packet's IPsec path by index: a struct bpf_xfrm_state.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("index", "integer", "u32", parameter="index"),
            A("xfrm_state", "memory", "struct bpf_xfrm_state *", access="write", parameter="xfrm_state"),
            A("size", "size", "u32"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 18), kinds=_KINDS_11, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_stack": HelperRow(
        name="get_stack", number=67, form="context", method="", description="Copy the addresses of the stack, of the kernel or of user space; the number of bytes.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
            A("buf", "memory", "void *", access="write", parameter="into"),
            A("size", "size", "u32", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 18), kinds=_KINDS_2, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_load_bytes_relative": HelperRow(
        name="skb_load_bytes_relative", number=68, form="context", method="", description="Copy bytes of the packet counted from its MAC or network header.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "const void *"),
            A("offset", "integer", "u32", parameter="offset"),
            A("to", "memory", "void *", access="write", parameter="to"),
            A("len", "size", "u32"),
            A("start_header", "integer", "u32", parameter="start_header"),
        ),
        since=(4, 18), kinds=_KINDS_33, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "fib_lookup": HelperRow(
        name="fib_lookup", number=69, form="context", method="", description="Look a packet's way up in the routing tables: fills the struct bpf_fib_lookup; 0, or why there is no way to forward it.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
            A("params", "memory", "struct bpf_fib_lookup *", access="both", parameter="params"),
            A("plen", "size", "int"),
            A("flags", "integer", "u32", parameter="flags", optional=True),
        ),
        since=(4, 18), kinds=_KINDS_34, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sock_hash_update": HelperRow(
        name="sock_hash_update", number=70, form="map", method="sock_update", description="Put the socket of the event into a SockHash.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skops", "context", "struct bpf_sock_ops *"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "map key", "void *", parameter="key"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 18), kinds=_KINDS_28, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "msg_redirect_hash": HelperRow(
        name="msg_redirect_hash", number=71, form="map", method="msg_redirect", description="Send the message to the socket that a SockHash has at a key.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("msg", "context", "struct sk_msg_buff *"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "map key", "void *", parameter="key"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 18), kinds=_KINDS_31, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sk_redirect_hash": HelperRow(
        name="sk_redirect_hash", number=72, form="map", method="sk_redirect", description="Send the packet to the socket that a SockHash has at a key.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "map key", "void *", parameter="key"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 18), kinds=_KINDS_27, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "lwt_push_encap": HelperRow(
        name="lwt_push_encap", number=73, form="context", method="", description="Put an encapsulating header in front of the packet's IP header: SRv6, inline segments or IP. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("type", "integer", "u32", parameter="type"),
            A("hdr", "memory", "void *", access="read", parameter="hdr"),
            A("len", "size", "u32"),
        ),
        since=(4, 18), kinds=_KINDS_35, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "lwt_seg6_store_bytes": HelperRow(
        name="lwt_seg6_store_bytes", number=74, form="context", method="", description="Write bytes into the flags, tag and TLVs of the packet's outermost segment routing header. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("offset", "integer", "u32", parameter="offset"),
            A("from", "memory", "const void *", access="read", parameter="from_"),
            A("len", "size", "u32"),
        ),
        since=(4, 18), kinds=_KINDS_36, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "lwt_seg6_adjust_srh": HelperRow(
        name="lwt_seg6_adjust_srh", number=75, form="context", method="", description="Make the space of TLVs in the segment routing header larger or smaller. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("offset", "integer", "u32", parameter="offset"),
            A("delta", "integer", "s32", parameter="delta"),
        ),
        since=(4, 18), kinds=_KINDS_36, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "lwt_seg6_action": HelperRow(
        name="lwt_seg6_action", number=76, form="context", method="", description="Apply an SRv6 action (End.X, End.T, End.B6, End.B6.Encap) to the packet. Views of the packet end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("action", "integer", "u32", parameter="action"),
            A("param", "memory", "void *", access="read", parameter="param"),
            A("param_len", "size", "u32"),
        ),
        since=(4, 18), kinds=_KINDS_36, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "rc_repeat": HelperRow(
        name="rc_repeat", number=77, form="context", method="", description="Report that the remote control's last key is held.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
        ),
        since=(4, 18), kinds=_KINDS_37, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "rc_keydown": HelperRow(
        name="rc_keydown", number=78, form="context", method="", description="Report a key of a remote control: protocol, scancode, and a bit that changes with each press.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
            A("protocol", "integer", "u32", parameter="protocol"),
            A("scancode", "integer", "u64", parameter="scancode"),
            A("toggle", "integer", "u32", parameter="toggle"),
        ),
        since=(4, 18), kinds=_KINDS_37, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_cgroup_id": HelperRow(
        name="skb_cgroup_id", number=79, form="context", method="", description="The id of the cgroup (version 2) of the packet's socket; 0 if none.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
        ),
        since=(4, 18), kinds=_KINDS_38, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_current_cgroup_id": HelperRow(
        name="get_current_cgroup_id", number=80, form="function", method="", description="The id of the current thread's cgroup (version 2).", returns="integer", return_type="u64", maybe_null=False,
        arguments=(),
        since=(4, 18), kinds=_KINDS_4, later=_LATER_39,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_local_storage": HelperRow(
        name="get_local_storage", number=81, form="map", method="local", description="This cgroup's value in a CgroupStorage map; never None.", returns="map value", return_type="void *", maybe_null=False,
        arguments=(
            A("map", "map", "void *", parameter="map"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 19), kinds=_KINDS_40, later=_LATER_41,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sk_select_reuseport": HelperRow(
        name="sk_select_reuseport", number=82, form="map", method="select", description="Choose the socket of a ReusePortSockArray, SockMap or SockHash that the packet is for.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("reuse", "context", "struct sk_reuseport_md *"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "map key", "void *", parameter="key"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 19), kinds=_KINDS_42, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_ancestor_cgroup_id": HelperRow(
        name="skb_ancestor_cgroup_id", number=83, form="context", method="", description="The id of an ancestor of the cgroup of the packet's socket; 0 is the root's level.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("ancestor_level", "integer", "int", parameter="ancestor_level"),
        ),
        since=(4, 19), kinds=_KINDS_38, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sk_lookup_tcp": HelperRow(
        name="sk_lookup_tcp", number=84, form="context", method="", description="Find the TCP socket of addresses and ports (a struct bpf_sock_tuple); give it back with sk_release.", returns="object", return_type="struct bpf_sock *", maybe_null=True,
        arguments=(
            A("ctx", "context", "void *"),
            A("tuple", "memory", "struct bpf_sock_tuple *", access="read", parameter="tuple"),
            A("tuple_size", "size", "u32", nullable=True),
            A("netns", "integer", "u64", parameter="netns"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 20), kinds=_KINDS_43, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "sk_lookup_udp": HelperRow(
        name="sk_lookup_udp", number=85, form="context", method="", description="Find the UDP socket of addresses and ports (a struct bpf_sock_tuple); give it back with sk_release.", returns="object", return_type="struct bpf_sock *", maybe_null=True,
        arguments=(
            A("ctx", "context", "void *"),
            A("tuple", "memory", "struct bpf_sock_tuple *", access="read", parameter="tuple"),
            A("tuple_size", "size", "u32", nullable=True),
            A("netns", "integer", "u64", parameter="netns"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 20), kinds=_KINDS_43, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "sk_release": HelperRow(
        name="sk_release", number=86, form="function", method="", description="Give back a socket that a lookup found.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("sock", "object", "void *", parameter="sock", releases=True),
        ),
        since=(4, 20), kinds=_KINDS_44, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "map_push_elem": HelperRow(
        name="map_push_elem", number=87, form="map", method="push", description="Add a value to a Queue, Stack or BloomFilter.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("value", "map value", "const void *", parameter="value"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 20), kinds=_KINDS_0, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "map_pop_elem": HelperRow(
        name="map_pop_elem", number=88, form="map", method="pop", description="Take the next value out of a Queue or Stack.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("value", "map value", "void *", parameter="value"),
        ),
        since=(4, 20), kinds=_KINDS_0, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "map_peek_elem": HelperRow(
        name="map_peek_elem", number=89, form="map", method="peek", description="Copy the next value of a Queue or Stack, or ask a BloomFilter for a value.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("value", "map value", "void *", parameter="value"),
        ),
        since=(4, 20), kinds=_KINDS_0, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "msg_push_data": HelperRow(
        name="msg_push_data", number=90, form="context", method="", description="Insert so many bytes into the message at `start`, for the program to fill. Views of the message end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("msg", "context", "struct sk_msg_buff *"),
            A("start", "integer", "u32", parameter="start"),
            A("len", "integer", "u32", parameter="len"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(4, 20), kinds=_KINDS_31, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "msg_pop_data": HelperRow(
        name="msg_pop_data", number=91, form="context", method="", description="Take so many bytes out of the message at `start`. Views of the message end.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("msg", "context", "struct sk_msg_buff *"),
            A("start", "integer", "u32", parameter="start"),
            A("len", "integer", "u32", parameter="len"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 0), kinds=_KINDS_31, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "rc_pointer_rel": HelperRow(
        name="rc_pointer_rel", number=92, form="context", method="", description="Report a movement of a remote control's pointer.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
            A("rel_x", "integer", "s32", parameter="rel_x"),
            A("rel_y", "integer", "s32", parameter="rel_y"),
        ),
        since=(5, 0), kinds=_KINDS_37, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "spin_lock": HelperRow(
        name="spin_lock", number=93, form="lock", method="", description="Take the bpf_spin_lock of a map's value: `with value.lock:`.", returns="nothing", return_type="long", maybe_null=False,
        arguments=(
            A("lock", "spin lock", "struct bpf_spin_lock *", parameter="lock"),
        ),
        since=(5, 1), kinds=_KINDS_4, later=_LATER_45,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "spin_unlock": HelperRow(
        name="spin_unlock", number=94, form="lock", method="", description="Let go of the bpf_spin_lock of a map's value: the end of `with value.lock:`.", returns="nothing", return_type="long", maybe_null=False,
        arguments=(
            A("lock", "spin lock", "struct bpf_spin_lock *", parameter="lock"),
        ),
        since=(5, 1), kinds=_KINDS_4, later=_LATER_45,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sk_fullsock": HelperRow(
        name="sk_fullsock", number=95, form="function", method="", description="The full socket behind a socket's common part; None where it is no full one.", returns="object", return_type="struct bpf_sock *", maybe_null=True,
        arguments=(
            A("sk", "object", "struct bpf_sock *", parameter="sk"),
        ),
        since=(5, 1), kinds=_KINDS_38, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "tcp_sock": HelperRow(
        name="tcp_sock", number=96, form="function", method="", description="The TCP side of a socket; None where it has none.", returns="object", return_type="struct bpf_tcp_sock *", maybe_null=True,
        arguments=(
            A("sk", "object", "struct bpf_sock *", parameter="sk"),
        ),
        since=(5, 1), kinds=_KINDS_46, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_ecn_set_ce": HelperRow(
        name="skb_ecn_set_ce", number=97, form="context", method="", description="Mark the packet as having met congestion: 1 if it is marked, 0 if its sender does not take part.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
        ),
        since=(5, 1), kinds=_KINDS_38, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_listener_sock": HelperRow(
        name="get_listener_sock", number=98, form="function", method="", description="The listening socket behind a socket; None where it is no listener's.", returns="object", return_type="struct bpf_sock *", maybe_null=True,
        arguments=(
            A("sk", "object", "struct bpf_sock *", parameter="sk"),
        ),
        since=(5, 1), kinds=_KINDS_38, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skc_lookup_tcp": HelperRow(
        name="skc_lookup_tcp", number=99, form="context", method="", description="Find the TCP socket of addresses and ports, also one that waits or is being set up; give it back with sk_release.", returns="object", return_type="struct bpf_sock *", maybe_null=True,
        arguments=(
            A("ctx", "context", "void *"),
            A("tuple", "memory", "struct bpf_sock_tuple *", access="read", parameter="tuple"),
            A("tuple_size", "size", "u32", nullable=True),
            A("netns", "integer", "u64", parameter="netns"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 2), kinds=_KINDS_43, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "tcp_check_syncookie": HelperRow(
        name="tcp_check_syncookie", number=100, form="function", method="", description="Whether an ACK answers a SYN cookie of a listening socket: 0 if so; takes the IP and the TCP header.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("sk", "object", "void *", parameter="sk"),
            A("iph", "memory", "void *", access="read", parameter="iph"),
            A("iph_len", "size", "u32"),
            A("th", "memory", "struct tcphdr *", access="read", parameter="th"),
            A("th_len", "size", "u32"),
        ),
        since=(5, 2), kinds=_KINDS_34, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "sysctl_get_name": HelperRow(
        name="sysctl_get_name", number=101, form="context", method="", description="Copy the name of the sysctl, as its path or its last part; the number of bytes.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "struct bpf_sysctl *"),
            A("buf", "memory", "char *", access="both", parameter="into"),
            A("buf_len", "size", "size_t"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 2), kinds=_KINDS_47, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sysctl_get_current_value": HelperRow(
        name="sysctl_get_current_value", number=102, form="context", method="", description="Copy the sysctl's present value; the number of bytes.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "struct bpf_sysctl *"),
            A("buf", "memory", "char *", access="write", parameter="into"),
            A("buf_len", "size", "size_t"),
        ),
        since=(5, 2), kinds=_KINDS_47, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sysctl_get_new_value": HelperRow(
        name="sysctl_get_new_value", number=103, form="context", method="", description="Copy the value that is being written; the number of bytes.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "struct bpf_sysctl *"),
            A("buf", "memory", "char *", access="write", parameter="into"),
            A("buf_len", "size", "size_t"),
        ),
        since=(5, 2), kinds=_KINDS_47, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sysctl_set_new_value": HelperRow(
        name="sysctl_set_new_value", number=104, form="context", method="", description="Have another value written to the sysctl.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "struct bpf_sysctl *"),
            A("buf", "memory", "const char *", access="read", parameter="value"),
            A("buf_len", "size", "size_t"),
        ),
        since=(5, 2), kinds=_KINDS_47, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "strtol": HelperRow(
        name="strtol", number=105, form="function", method="", description="Read a signed number from text; flags give its base (8, 10, 16, or 0: by prefix). The number of characters.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("buf", "memory", "const char *", access="read", parameter="buf"),
            A("buf_len", "size", "size_t"),
            A("flags", "integer", "u64", parameter="flags"),
            A("res", "memory", "long *", access="write", size=8, parameter="res"),
        ),
        since=(5, 2), kinds=_KINDS_4, later=_LATER_48,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "strtoul": HelperRow(
        name="strtoul", number=106, form="function", method="", description="Read an unsigned number from text; flags give its base (8, 10, 16, or 0: by prefix). The number of characters.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("buf", "memory", "const char *", access="read", parameter="buf"),
            A("buf_len", "size", "size_t"),
            A("flags", "integer", "u64", parameter="flags"),
            A("res", "memory", "unsigned long *", access="write", size=8, parameter="res"),
        ),
        since=(5, 2), kinds=_KINDS_4, later=_LATER_48,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sk_storage_get": HelperRow(
        name="sk_storage_get", number=107, form="map", method="get", description="The value that an SkStorage map keeps for a socket, created if flags say so.", returns="map value", return_type="void *", maybe_null=True,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("sk", "context", "void *"),
            A("value", "map value", "void *", parameter="value", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 2), kinds=_KINDS_49, later=_LATER_50,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sk_storage_delete": HelperRow(
        name="sk_storage_delete", number=108, form="map", method="delete", description="Delete the value that an SkStorage map keeps for a socket.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("sk", "object", "void *", parameter="sk"),
        ),
        since=(5, 2), kinds=_KINDS_51, later=_LATER_50,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "send_signal": HelperRow(
        name="send_signal", number=109, form="function", method="", description="Send a signal to the current process.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("sig", "integer", "u32", parameter="sig"),
        ),
        since=(5, 3), kinds=_KINDS_4, later=_LATER_12,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "tcp_gen_syncookie": HelperRow(
        name="tcp_gen_syncookie", number=110, form="function", method="", description="Make a SYN cookie for a listening socket: sequence number below, MSS above it; takes the IP and the TCP header.", returns="integer", return_type="s64", maybe_null=False,
        arguments=(
            A("sk", "object", "void *", parameter="sk"),
            A("iph", "memory", "void *", access="read", parameter="iph"),
            A("iph_len", "size", "u32"),
            A("th", "memory", "struct tcphdr *", access="read", parameter="th"),
            A("th_len", "size", "u32"),
        ),
        since=(5, 3), kinds=_KINDS_34, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "skb_output": HelperRow(
        name="skb_output", number=111, form="map", method="skb_output", description="Send bytes, and as much of a struct sk_buff as flags say, to user code by way of a PerfEventArray.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "object", "void *", parameter="ctx"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("flags", "integer", "u64", parameter="flags"),
            A("data", "memory", "void *", access="read", parameter="data"),
            A("size", "size", "u64", nullable=True),
        ),
        since=(5, 5), kinds=_KINDS_52, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "probe_read_user": HelperRow(
        name="probe_read_user", number=112, form="function", method="", description="Copy bytes from an address of the current process.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dst", "memory", "void *", access="write", parameter="dst"),
            A("size", "size", "u32", nullable=True),
            A("unsafe_ptr", "integer", "const void *", parameter="unsafe_ptr"),
        ),
        since=(5, 5), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "probe_read_kernel": HelperRow(
        name="probe_read_kernel", number=113, form="function", method="", description="Copy bytes from an address of the kernel.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dst", "memory", "void *", access="write", parameter="dst"),
            A("size", "size", "u32", nullable=True),
            A("unsafe_ptr", "integer", "const void *", parameter="unsafe_ptr"),
        ),
        since=(5, 5), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "probe_read_user_str": HelperRow(
        name="probe_read_user_str", number=114, form="function", method="", description="Copy text up to its ending zero from an address of the current process; the number of bytes with the zero.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dst", "memory", "void *", access="write", parameter="dst"),
            A("size", "size", "u32", nullable=True),
            A("unsafe_ptr", "integer", "const void *", parameter="unsafe_ptr"),
        ),
        since=(5, 5), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "probe_read_kernel_str": HelperRow(
        name="probe_read_kernel_str", number=115, form="function", method="", description="Copy text up to its ending zero from an address of the kernel; the number of bytes with the zero.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dst", "memory", "void *", access="write", parameter="dst"),
            A("size", "size", "u32", nullable=True),
            A("unsafe_ptr", "integer", "const void *", parameter="unsafe_ptr"),
        ),
        since=(5, 5), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "tcp_send_ack": HelperRow(
        name="tcp_send_ack", number=116, form="function", method="", description="Send an ACK of what was received up to a sequence number; for congestion control.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("tp", "object", "void *", parameter="tp"),
            A("rcv_nxt", "integer", "u32", parameter="rcv_nxt"),
        ),
        since=(5, 5), kinds=_KINDS_53, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "send_signal_thread": HelperRow(
        name="send_signal_thread", number=117, form="function", method="", description="Send a signal to the current thread.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("sig", "integer", "u32", parameter="sig"),
        ),
        since=(5, 5), kinds=_KINDS_4, later=_LATER_12,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "jiffies64": HelperRow(
        name="jiffies64", number=118, form="function", method="", description="The kernel's clock in ticks of 1/CONFIG_HZ s.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(),
        since=(5, 5), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "read_branch_records": HelperRow(
        name="read_branch_records", number=119, form="context", method="", description="Copy the branches that the CPU recorded (struct perf_branch_entry); the number of bytes.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "struct bpf_perf_event_data *"),
            A("buf", "memory", "void *", access="both", parameter="into", nullable=True),
            A("size", "size", "u32", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 6), kinds=_KINDS_29, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_ns_current_pid_tgid": HelperRow(
        name="get_ns_current_pid_tgid", number=120, form="function", method="", description="The current thread's ids as seen in a PID namespace, which `dev` and `ino` name: a struct bpf_pidns_info.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dev", "integer", "u64", parameter="dev"),
            A("ino", "integer", "u64", parameter="ino"),
            A("nsdata", "memory", "struct bpf_pidns_info *", access="write", parameter="into"),
            A("size", "size", "u32"),
        ),
        since=(5, 7), kinds=_KINDS_4, later=_LATER_54,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "xdp_output": HelperRow(
        name="xdp_output", number=121, form="map", method="xdp_output", description="Send bytes, and as much of a struct xdp_buff as flags say, to user code by way of a PerfEventArray.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "object", "void *", parameter="ctx"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("flags", "integer", "u64", parameter="flags"),
            A("data", "memory", "void *", access="read", parameter="data"),
            A("size", "size", "u64", nullable=True),
        ),
        since=(5, 6), kinds=_KINDS_52, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_netns_cookie": HelperRow(
        name="get_netns_cookie", number=122, form="context", method="", description="A number that belongs to the network namespace of the socket alone, as long as the machine runs.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *", nullable=True),
        ),
        since=(5, 7), kinds=_KINDS_55, later=_LATER_56,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_current_ancestor_cgroup_id": HelperRow(
        name="get_current_ancestor_cgroup_id", number=123, form="function", method="", description="The id of an ancestor of the current thread's cgroup; 0 is the root's level.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("ancestor_level", "integer", "int", parameter="ancestor_level"),
        ),
        since=(5, 6), kinds=_KINDS_4, later=_LATER_57,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sk_assign": HelperRow(
        name="sk_assign", number=124, form="context", method="", description="Have the packet go to a socket, whatever its addresses say.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "struct bpf_sk_lookup *"),
            A("sk", "object", "struct bpf_sock *", parameter="sk"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 6), kinds=_KINDS_58, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ktime_get_boot_ns": HelperRow(
        name="ktime_get_boot_ns", number=125, form="function", method="", description="The time since the machine started in ns, with the time it was suspended.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(),
        since=(5, 8), kinds=_KINDS_0, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "seq_printf": HelperRow(
        name="seq_printf", number=126, form="function", method="", description="Print to what reads the iterator: a format, and an array of u64 for it.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("m", "object", "struct seq_file *", parameter="m"),
            A("fmt", "memory", "const char *", access="read", parameter="fmt"),
            A("fmt_size", "size", "u32"),
            A("data", "memory", "const void *", access="read", parameter="data", nullable=True),
            A("data_len", "size", "u32", nullable=True),
        ),
        since=(5, 7), kinds=_KINDS_59, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "seq_write": HelperRow(
        name="seq_write", number=127, form="function", method="", description="Write bytes to what reads the iterator.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("m", "object", "struct seq_file *", parameter="m"),
            A("data", "memory", "const void *", access="read", parameter="data"),
            A("len", "size", "u32", nullable=True),
        ),
        since=(5, 7), kinds=_KINDS_59, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sk_cgroup_id": HelperRow(
        name="sk_cgroup_id", number=128, form="function", method="", description="The id of the cgroup (version 2) of a socket; 0 if none.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("sk", "object", "void *", parameter="sk"),
        ),
        since=(5, 7), kinds=_KINDS_60, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sk_ancestor_cgroup_id": HelperRow(
        name="sk_ancestor_cgroup_id", number=129, form="function", method="", description="The id of an ancestor of the cgroup of a socket; 0 is the root's level.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("sk", "object", "void *", parameter="sk"),
            A("ancestor_level", "integer", "int", parameter="ancestor_level"),
        ),
        since=(5, 7), kinds=_KINDS_60, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ringbuf_output": HelperRow(
        name="ringbuf_output", number=130, form="map", method="output", description="Copy bytes into a RingBuf.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ringbuf", "map", "void *", parameter="ringbuf"),
            A("data", "memory", "void *", access="read", parameter="data"),
            A("size", "size", "u64", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 8), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ringbuf_reserve": HelperRow(
        name="ringbuf_reserve", number=131, form="map", method="reserve", description="Room for an event in a RingBuf; None if it is full.", returns="memory", return_type="void *", maybe_null=True,
        arguments=(
            A("ringbuf", "map", "void *", parameter="ringbuf"),
            A("size", "length", "u64", parameter="size", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 8), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ringbuf_submit": HelperRow(
        name="ringbuf_submit", number=132, form="map", method="submit", description="Hand a reserved event to user code: the end of `with ring.reserve() as event:`.", returns="nothing", return_type="void", maybe_null=False,
        arguments=(
            A("data", "reservation", "void *", parameter="data", releases=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 8), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ringbuf_discard": HelperRow(
        name="ringbuf_discard", number=133, form="map", method="discard", description="Give reserved room back unused.", returns="nothing", return_type="void", maybe_null=False,
        arguments=(
            A("data", "reservation", "void *", parameter="data", releases=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 8), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ringbuf_query": HelperRow(
        name="ringbuf_query", number=134, form="map", method="query", description="A figure of a RingBuf: bytes to be read, its size, or where readers and writers are.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("ringbuf", "map", "void *", parameter="ringbuf"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 8), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "csum_level": HelperRow(
        name="csum_level", number=135, form="context", method="", description="Ask for, raise, lower or reset how many checksums the card has verified in the packet.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("level", "integer", "u64", parameter="level"),
        ),
        since=(5, 7), kinds=_KINDS_6, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skc_to_tcp6_sock": HelperRow(
        name="skc_to_tcp6_sock", number=136, form="function", method="", description="The socket as a struct tcp6_sock; None where it is no TCP socket of IPv6.", returns="object", return_type="struct tcp6_sock *", maybe_null=True,
        arguments=(
            A("sk", "object", "void *", parameter="sk"),
        ),
        since=(5, 9), kinds=_KINDS_61, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skc_to_tcp_sock": HelperRow(
        name="skc_to_tcp_sock", number=137, form="function", method="", description="The socket as a struct tcp_sock; None where it is no TCP socket.", returns="object", return_type="struct tcp_sock *", maybe_null=True,
        arguments=(
            A("sk", "object", "void *", parameter="sk"),
        ),
        since=(5, 9), kinds=_KINDS_61, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skc_to_tcp_timewait_sock": HelperRow(
        name="skc_to_tcp_timewait_sock", number=138, form="function", method="", description="The socket as a struct tcp_timewait_sock; None where it is not one that waits after closing.", returns="object", return_type="struct tcp_timewait_sock *", maybe_null=True,
        arguments=(
            A("sk", "object", "void *", parameter="sk"),
        ),
        since=(5, 9), kinds=_KINDS_61, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skc_to_tcp_request_sock": HelperRow(
        name="skc_to_tcp_request_sock", number=139, form="function", method="", description="The socket as a struct tcp_request_sock; None where it is not one that is being set up.", returns="object", return_type="struct tcp_request_sock *", maybe_null=True,
        arguments=(
            A("sk", "object", "void *", parameter="sk"),
        ),
        since=(5, 9), kinds=_KINDS_61, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skc_to_udp6_sock": HelperRow(
        name="skc_to_udp6_sock", number=140, form="function", method="", description="The socket as a struct udp6_sock; None where it is no UDP socket of IPv6.", returns="object", return_type="struct udp6_sock *", maybe_null=True,
        arguments=(
            A("sk", "object", "void *", parameter="sk"),
        ),
        since=(5, 9), kinds=_KINDS_61, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_task_stack": HelperRow(
        name="get_task_stack", number=141, form="function", method="", description="Copy the addresses of a thread's stack; the number of bytes.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("task", "object", "struct task_struct *", parameter="task"),
            A("buf", "memory", "void *", access="write", parameter="into"),
            A("size", "size", "u32", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 9), kinds=_KINDS_4, later=_LATER_12,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "load_hdr_opt": HelperRow(
        name="load_hdr_opt", number=142, form="context", method="", description="Find an option in a TCP header: what to look for, and what is found, are in the memory.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skops", "context", "struct bpf_sock_ops *"),
            A("searchby_res", "memory", "void *", access="both", parameter="searchby_res"),
            A("len", "size", "u32"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 10), kinds=_KINDS_28, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "store_hdr_opt": HelperRow(
        name="store_hdr_opt", number=143, form="context", method="", description="Write an option into the TCP header of the packet to be sent, in the room that was reserved.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skops", "context", "struct bpf_sock_ops *"),
            A("from", "memory", "const void *", access="read", parameter="from_"),
            A("len", "size", "u32"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 10), kinds=_KINDS_28, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=True, takes_packet=False,
    ),
    "reserve_hdr_opt": HelperRow(
        name="reserve_hdr_opt", number=144, form="context", method="", description="Reserve so many bytes for options in TCP headers to be sent.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skops", "context", "struct bpf_sock_ops *"),
            A("len", "integer", "u32", parameter="len"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 10), kinds=_KINDS_28, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "inode_storage_get": HelperRow(
        name="inode_storage_get", number=145, form="map", method="get", description="The value that an InodeStorage map keeps for an inode, created if flags say so.", returns="map value", return_type="void *", maybe_null=True,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("inode", "object", "void *", parameter="inode", nullable=True),
            A("value", "map value", "void *", parameter="value", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 10), kinds=_KINDS_62, later=_LATER_41,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "inode_storage_delete": HelperRow(
        name="inode_storage_delete", number=146, form="map", method="delete", description="Delete the value that an InodeStorage map keeps for an inode.", returns="integer", return_type="int", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("inode", "object", "void *", parameter="inode", nullable=True),
        ),
        since=(5, 10), kinds=_KINDS_62, later=_LATER_41,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "d_path": HelperRow(
        name="d_path", number=147, form="function", method="", description="Copy a path's name; the number of bytes with the ending zero. In some functions and hooks only.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("path", "object", "struct path *", parameter="path"),
            A("buf", "memory", "char *", access="both", parameter="into"),
            A("sz", "size", "u32", nullable=True),
        ),
        since=(5, 10), kinds=_KINDS_63, later=_LATER_64,
        until={}, given_first=(), not_at=(), at_some=("fentry", "fexit", "lsm_cgroup"),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "copy_from_user": HelperRow(
        name="copy_from_user", number=148, form="function", method="", description="Copy bytes from the current process's memory, waiting for pages to be read; for sleepable programs.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dst", "memory", "void *", access="write", parameter="dst"),
            A("size", "size", "u32", nullable=True),
            A("user_ptr", "integer", "const void *", parameter="user_ptr"),
        ),
        since=(5, 10), kinds=_KINDS_4, later=_LATER_65,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=True, changes_packet=False, takes_packet=False,
    ),
    "snprintf_btf": HelperRow(
        name="snprintf_btf", number=149, form="function", method="", description="Print a kernel object that a struct btf_ptr names into memory; the number of bytes it takes.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("str", "memory", "char *", access="both", parameter="into"),
            A("str_size", "size", "u32"),
            A("ptr", "memory", "struct btf_ptr *", access="read", parameter="ptr"),
            A("btf_ptr_size", "size", "u32"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 10), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "seq_printf_btf": HelperRow(
        name="seq_printf_btf", number=150, form="function", method="", description="Print a kernel object that a struct btf_ptr names to what reads the iterator.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("m", "object", "struct seq_file *", parameter="m"),
            A("ptr", "memory", "struct btf_ptr *", access="read", parameter="ptr"),
            A("ptr_size", "size", "u32", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 10), kinds=_KINDS_59, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skb_cgroup_classid": HelperRow(
        name="skb_cgroup_classid", number=151, form="context", method="", description="The class id that the net_cls cgroup (version 1) gives to the packet's socket; 0 if none.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
        ),
        since=(5, 10), kinds=_KINDS_11, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "redirect_neigh": HelperRow(
        name="redirect_neigh", number=152, form="function", method="", description="Send the packet out of another interface, with the MAC addresses that the neighbour tables give.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ifindex", "integer", "u32", parameter="ifindex"),
            A("params", "memory", "struct bpf_redir_neigh *", access="read", parameter="params", nullable=True, optional=True),
            A("plen", "size", "int", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 10), kinds=_KINDS_11, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "per_cpu_ptr": HelperRow(
        name="per_cpu_ptr", number=153, form="function", method="", description="A per-CPU variable of the kernel as another CPU has it; None if there is no such CPU.", returns="object", return_type="void *", maybe_null=True,
        arguments=(
            A("percpu_ptr", "per-CPU", "const void *", parameter="percpu_ptr"),
            A("cpu", "integer", "u32", parameter="cpu"),
        ),
        since=(5, 10), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "this_cpu_ptr": HelperRow(
        name="this_cpu_ptr", number=154, form="function", method="", description="A per-CPU variable of the kernel as this CPU has it.", returns="object", return_type="void *", maybe_null=False,
        arguments=(
            A("percpu_ptr", "per-CPU", "const void *", parameter="percpu_ptr"),
        ),
        since=(5, 10), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "redirect_peer": HelperRow(
        name="redirect_peer", number=155, form="function", method="", description="Send the packet to the other end of a veth or netkit pair, in its namespace, without another queue.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ifindex", "integer", "u32", parameter="ifindex"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 10), kinds=_KINDS_11, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "task_storage_get": HelperRow(
        name="task_storage_get", number=156, form="map", method="get", description="The value that a TaskStorage map keeps for a thread, created if flags say so.", returns="map value", return_type="void *", maybe_null=True,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("task", "object", "struct task_struct *", parameter="task", nullable=True),
            A("value", "map value", "void *", parameter="value", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 11), kinds=_KINDS_4, later=_LATER_12,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "task_storage_delete": HelperRow(
        name="task_storage_delete", number=157, form="map", method="delete", description="Delete the value that a TaskStorage map keeps for a thread.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("task", "object", "struct task_struct *", parameter="task", nullable=True),
        ),
        since=(5, 11), kinds=_KINDS_4, later=_LATER_12,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_current_task_btf": HelperRow(
        name="get_current_task_btf", number=158, form="function", method="", description="The current thread, with its members to be read as they are.", returns="object", return_type="struct task_struct *", maybe_null=False,
        arguments=(),
        since=(5, 11), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "bprm_opts_set": HelperRow(
        name="bprm_opts_set", number=159, form="function", method="", description="Set options of the program that is being executed: whether it runs in secure mode.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("bprm", "object", "struct linux_binprm *", parameter="bprm"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 11), kinds=_KINDS_62, later=_LATER_41,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ktime_get_coarse_ns": HelperRow(
        name="ktime_get_coarse_ns", number=160, form="function", method="", description="The time since the machine started in ns, as of the last tick: cheaper and less exact.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(),
        since=(5, 11), kinds=_KINDS_66, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ima_inode_hash": HelperRow(
        name="ima_inode_hash", number=161, form="function", method="", description="Copy the hash that IMA keeps of an inode; which algorithm it is.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("inode", "object", "struct inode *", parameter="inode"),
            A("dst", "memory", "void *", access="write", parameter="into"),
            A("size", "size", "u32"),
        ),
        since=(5, 11), kinds=_KINDS_62, later=_LATER_67,
        until={}, given_first=(), not_at=(), at_some=("lsm_cgroup",),
        gpl_only=False, sleepable_only=True, changes_packet=False, takes_packet=False,
    ),
    "sock_from_file": HelperRow(
        name="sock_from_file", number=162, form="function", method="", description="The socket behind an open file; None where it is no socket.", returns="object", return_type="struct socket *", maybe_null=True,
        arguments=(
            A("file", "object", "struct file *", parameter="file"),
        ),
        since=(5, 11), kinds=_KINDS_52, later=_LATER_3,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "check_mtu": HelperRow(
        name="check_mtu", number=163, form="context", method="", description="Whether the packet, `len_diff` bytes longer, fits an interface: 0 if so; writes its MTU. The packet's length may be given in it.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
            A("ifindex", "integer", "u32", parameter="ifindex"),
            A("mtu_len", "memory", "u32 *", access="write", size=4, parameter="mtu_len"),
            A("len_diff", "integer", "s32", parameter="len_diff"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 12), kinds=_KINDS_34, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "for_each_map_elem": HelperRow(
        name="for_each_map_elem", number=164, form="map", method="for_each", description="Call a function for every element of a map; the number of elements.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("callback_fn", "callback", "void *", parameter="callback_fn"),
            A("callback_ctx", "callback context", "void *", parameter="callback_ctx", nullable=True, optional=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 13), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "snprintf": HelperRow(
        name="snprintf", number=165, form="function", method="", description="Print a format with an array of u64 for it into memory; the number of bytes it takes with the ending zero.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("str", "memory", "char *", access="both", parameter="into", nullable=True),
            A("str_size", "size", "u32", nullable=True),
            A("fmt", "string", "const char *", parameter="fmt"),
            A("data", "memory", "u64 *", access="read", parameter="data", nullable=True, optional=True),
            A("data_len", "size", "u32", nullable=True),
        ),
        since=(5, 13), kinds=_KINDS_4, later=_LATER_1,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sys_bpf": HelperRow(
        name="sys_bpf", number=166, form="function", method="", description="Run a command of bpf(2).", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("cmd", "integer", "u32", parameter="cmd"),
            A("attr", "memory", "void *", access="read", parameter="attr"),
            A("attr_size", "size", "u32"),
        ),
        since=(5, 14), kinds=_KINDS_68, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "btf_find_by_name_kind": HelperRow(
        name="btf_find_by_name_kind", number=167, form="function", method="", description="The id of a type in the kernel's BTF, and in the upper 32 bits a descriptor of its module's.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("name", "memory", "char *", access="read", parameter="name"),
            A("name_sz", "size", "int"),
            A("kind", "integer", "u32", parameter="kind"),
            A("flags", "integer", "int", parameter="flags", optional=True),
        ),
        since=(5, 14), kinds=_KINDS_68, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "sys_close": HelperRow(
        name="sys_close", number=168, form="function", method="", description="Close a file descriptor.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("fd", "integer", "u32", parameter="fd"),
        ),
        since=(5, 14), kinds=_KINDS_68, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "timer_init": HelperRow(
        name="timer_init", number=169, form="timer", method="init", description="Make a bpf_timer in a map's value ready, with the clock that flags name.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("timer", "timer", "struct bpf_timer *", parameter="timer"),
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 15), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "timer_set_callback": HelperRow(
        name="timer_set_callback", number=170, form="timer", method="set_callback", description="Say what a bpf_timer calls.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("timer", "timer", "struct bpf_timer *", parameter="timer"),
            A("callback_fn", "callback", "void *", parameter="callback_fn"),
        ),
        since=(5, 15), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "timer_start": HelperRow(
        name="timer_start", number=171, form="timer", method="start", description="Have a bpf_timer call its function after so many ns, or at a time if flags say so.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("timer", "timer", "struct bpf_timer *", parameter="timer"),
            A("nsecs", "integer", "u64", parameter="nsecs"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 15), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "timer_cancel": HelperRow(
        name="timer_cancel", number=172, form="timer", method="cancel", description="Stop a bpf_timer: 1 if it was running.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("timer", "timer", "struct bpf_timer *", parameter="timer"),
        ),
        since=(5, 15), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_func_ip": HelperRow(
        name="get_func_ip", number=173, form="context", method="", description="The address of the function that is traced.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
        ),
        since=(5, 15), kinds=_KINDS_70, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_attach_cookie": HelperRow(
        name="get_attach_cookie", number=174, form="context", method="", description="The number that user code gave when it attached the program here; 0 if none.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
        ),
        since=(5, 15), kinds=_KINDS_71, later=_LATER_72,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "task_pt_regs": HelperRow(
        name="task_pt_regs", number=175, form="function", method="", description="The registers of user space that a thread keeps in the kernel.", returns="object", return_type="struct pt_regs *", maybe_null=False,
        arguments=(
            A("task", "object", "struct task_struct *", parameter="task"),
        ),
        since=(5, 15), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_branch_snapshot": HelperRow(
        name="get_branch_snapshot", number=176, form="function", method="", description="Copy the branches that the CPU recorded up to now (struct perf_branch_entry); the number of bytes.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("entries", "memory", "void *", access="write", parameter="into"),
            A("size", "size", "u32", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 16), kinds=_KINDS_4, later=_LATER_73,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "trace_vprintk": HelperRow(
        name="trace_vprintk", number=177, form="function", method="", description="Write a line to the kernel's trace pipe, with an array of u64; for debugging. The number of bytes written.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("fmt", "memory", "const char *", access="read", parameter="fmt"),
            A("fmt_size", "size", "u32"),
            A("data", "memory", "const void *", access="read", parameter="data", nullable=True, optional=True),
            A("data_len", "size", "u32", nullable=True),
        ),
        since=(5, 16), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "skc_to_unix_sock": HelperRow(
        name="skc_to_unix_sock", number=178, form="function", method="", description="The socket as a struct unix_sock; None where it is none.", returns="object", return_type="struct unix_sock *", maybe_null=True,
        arguments=(
            A("sk", "object", "void *", parameter="sk"),
        ),
        since=(5, 16), kinds=_KINDS_61, later=_LATER_41,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "kallsyms_lookup_name": HelperRow(
        name="kallsyms_lookup_name", number=179, form="function", method="", description="The address of a symbol of the kernel.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("name", "memory", "const char *", access="both", parameter="name"),
            A("name_sz", "size", "int", nullable=True),
            A("flags", "integer", "int", parameter="flags"),
            A("res", "memory", "u64 *", access="write", size=8, parameter="res"),
        ),
        since=(5, 16), kinds=_KINDS_68, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "find_vma": HelperRow(
        name="find_vma", number=180, form="function", method="", description="Call a function with the area of a thread's memory that holds an address.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("task", "object", "struct task_struct *", parameter="task"),
            A("addr", "integer", "u64", parameter="addr"),
            A("callback_fn", "callback", "void *", parameter="callback_fn"),
            A("callback_ctx", "callback context", "void *", parameter="callback_ctx", nullable=True, optional=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 17), kinds=_KINDS_4, later=_LATER_73,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "loop": HelperRow(
        name="loop", number=181, form="function", method="", description="Call a function so many times, with 0, 1, 2, ..., until it gives true; the number of calls.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("nr_loops", "integer", "u32", parameter="nr_loops"),
            A("callback_fn", "callback", "void *", parameter="callback_fn"),
            A("callback_ctx", "callback context", "void *", parameter="callback_ctx", nullable=True, optional=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 17), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "strncmp": HelperRow(
        name="strncmp", number=182, form="function", method="", description="Compare text in memory with constant text: negative, 0 or positive.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("s1", "memory", "const char *", access="read", parameter="s1"),
            A("s1_sz", "size", "u32"),
            A("s2", "string", "const char *", parameter="s2"),
        ),
        since=(5, 17), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_func_arg": HelperRow(
        name="get_func_arg", number=183, form="context", method="", description="Read an argument of the traced function, counted from 0.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
            A("n", "integer", "u32", parameter="n"),
            A("value", "memory", "u64 *", access="write", size=8, parameter="value"),
        ),
        since=(5, 17), kinds=_KINDS_74, later=_LATER_75,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_func_ret": HelperRow(
        name="get_func_ret", number=184, form="context", method="", description="Read what the traced function returned.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
            A("value", "memory", "u64 *", access="write", size=8, parameter="value"),
        ),
        since=(5, 17), kinds=_KINDS_76, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_func_arg_cnt": HelperRow(
        name="get_func_arg_cnt", number=185, form="context", method="", description="How many arguments the traced function has.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ctx", "context", "void *"),
        ),
        since=(5, 17), kinds=_KINDS_74, later=_LATER_75,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "get_retval": HelperRow(
        name="get_retval", number=186, form="function", method="", description="What the system call will return, as programs that ran before decided.", returns="integer", return_type="int", maybe_null=False,
        arguments=(),
        since=(5, 18), kinds=_KINDS_77, later=_LATER_41,
        until={}, given_first=(), not_at=("cgroup_sock_addr/udp4_recvmsg", "cgroup_sock_addr/udp6_recvmsg", "cgroup_sock_addr/unix_recvmsg", "cgroup_sock_addr/inet4_getpeername", "cgroup_sock_addr/inet6_getpeername", "cgroup_sock_addr/unix_getpeername", "cgroup_sock_addr/inet4_getsockname", "cgroup_sock_addr/inet6_getsockname", "cgroup_sock_addr/unix_getsockname"), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "set_retval": HelperRow(
        name="set_retval", number=187, form="function", method="", description="Decide what the system call returns: 0 or a negative error number.", returns="integer", return_type="int", maybe_null=False,
        arguments=(
            A("retval", "integer", "int", parameter="retval"),
        ),
        since=(5, 18), kinds=_KINDS_77, later=_LATER_41,
        until={}, given_first=(), not_at=("cgroup_sock_addr/udp4_recvmsg", "cgroup_sock_addr/udp6_recvmsg", "cgroup_sock_addr/unix_recvmsg", "cgroup_sock_addr/inet4_getpeername", "cgroup_sock_addr/inet6_getpeername", "cgroup_sock_addr/unix_getpeername", "cgroup_sock_addr/inet4_getsockname", "cgroup_sock_addr/inet6_getsockname", "cgroup_sock_addr/unix_getsockname"), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "xdp_get_buff_len": HelperRow(
        name="xdp_get_buff_len", number=188, form="context", method="", description="The packet's length in bytes, all its fragments together.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(
            A("xdp_md", "context", "struct xdp_buff *"),
        ),
        since=(5, 18), kinds=_KINDS_78, later=_LATER_41,
        until={}, given_first=("tp_btf", "fentry", "fexit", "fmod_ret", "iter", "lsm", "lsm_cgroup", "syscall"), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "xdp_load_bytes": HelperRow(
        name="xdp_load_bytes", number=189, form="context", method="", description="Copy bytes of the packet at an offset, also across fragments.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("xdp_md", "context", "struct xdp_buff *"),
            A("offset", "integer", "u32", parameter="offset"),
            A("buf", "memory", "void *", access="write", parameter="into"),
            A("len", "size", "u32"),
        ),
        since=(5, 18), kinds=_KINDS_20, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "xdp_store_bytes": HelperRow(
        name="xdp_store_bytes", number=190, form="context", method="", description="Write bytes into the packet at an offset, also across fragments.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("xdp_md", "context", "struct xdp_buff *"),
            A("offset", "integer", "u32", parameter="offset"),
            A("buf", "memory", "void *", access="read", parameter="data"),
            A("len", "size", "u32"),
        ),
        since=(5, 18), kinds=_KINDS_20, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "copy_from_user_task": HelperRow(
        name="copy_from_user_task", number=191, form="function", method="", description="Copy bytes from another process's memory, waiting for pages to be read; for sleepable programs.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dst", "memory", "void *", access="write", parameter="dst"),
            A("size", "size", "u32", nullable=True),
            A("user_ptr", "integer", "const void *", parameter="user_ptr"),
            A("tsk", "object", "struct task_struct *", parameter="tsk"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 18), kinds=_KINDS_4, later=_LATER_79,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=True, changes_packet=False, takes_packet=False,
    ),
    "skb_set_tstamp": HelperRow(
        name="skb_set_tstamp", number=192, form="context", method="", description="Set the packet's time in ns and which clock it is of.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("skb", "context", "struct sk_buff *"),
            A("tstamp", "integer", "u64", parameter="tstamp"),
            A("tstamp_type", "integer", "u32", parameter="tstamp_type"),
        ),
        since=(5, 18), kinds=_KINDS_11, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ima_file_hash": HelperRow(
        name="ima_file_hash", number=193, form="function", method="", description="Copy the hash of a file, computed if IMA has none; which algorithm it is.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("file", "object", "struct file *", parameter="file"),
            A("dst", "memory", "void *", access="write", parameter="into"),
            A("size", "size", "u32"),
        ),
        since=(5, 18), kinds=_KINDS_62, later=_LATER_67,
        until={}, given_first=(), not_at=(), at_some=("lsm_cgroup",),
        gpl_only=False, sleepable_only=True, changes_packet=False, takes_packet=False,
    ),
    "kptr_xchg": HelperRow(
        name="kptr_xchg", number=194, form="kptr", method="", description="Exchange the kernel pointer in a map's value for another one or None.", returns="object", return_type="void *", maybe_null=True,
        arguments=(
            A("dst", "kptr", "void *", parameter="dst"),
            A("ptr", "object", "void *", parameter="ptr", nullable=True, releases=True),
        ),
        since=(5, 19), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "map_lookup_percpu_elem": HelperRow(
        name="map_lookup_percpu_elem", number=195, form="map", method="lookup_percpu", description="The value of a key on another CPU where it lies, or None.", returns="map value", return_type="void *", maybe_null=True,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("key", "map key", "const void *", parameter="key"),
            A("cpu", "integer", "u32", parameter="cpu"),
        ),
        since=(5, 19), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "skc_to_mptcp_sock": HelperRow(
        name="skc_to_mptcp_sock", number=196, form="function", method="", description="The socket as a struct mptcp_sock; None where it is no part of an MPTCP connection.", returns="object", return_type="struct mptcp_sock *", maybe_null=True,
        arguments=(
            A("sk", "object", "void *", parameter="sk"),
        ),
        since=(5, 19), kinds=_KINDS_61, later=_LATER_41,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "dynptr_from_mem": HelperRow(
        name="dynptr_from_mem", number=197, form="function", method="", description="Make a dynptr of memory, here of a map's value.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("data", "memory", "void *", access="write", parameter="data"),
            A("size", "size", "u32", nullable=True),
            A("flags", "integer", "u64", parameter="flags"),
            A("ptr", "dynptr", "struct bpf_dynptr *", access="write", parameter="ptr"),
        ),
        since=(5, 19), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ringbuf_reserve_dynptr": HelperRow(
        name="ringbuf_reserve_dynptr", number=198, form="map", method="reserve_dynptr", description="Room of a size that is not constant in a RingBuf, as a dynptr, which must be submitted or discarded in any case.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("ringbuf", "map", "void *", parameter="ringbuf"),
            A("size", "integer", "u32", parameter="size"),
            A("flags", "integer", "u64", parameter="flags"),
            A("ptr", "dynptr", "struct bpf_dynptr *", access="write", parameter="ptr"),
        ),
        since=(5, 19), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ringbuf_submit_dynptr": HelperRow(
        name="ringbuf_submit_dynptr", number=199, form="function", method="", description="Hand what a dynptr reserved to user code.", returns="nothing", return_type="void", maybe_null=False,
        arguments=(
            A("ptr", "dynptr", "struct bpf_dynptr *", access="both", parameter="ptr", releases=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 19), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "ringbuf_discard_dynptr": HelperRow(
        name="ringbuf_discard_dynptr", number=200, form="function", method="", description="Give back what a dynptr reserved unused.", returns="nothing", return_type="void", maybe_null=False,
        arguments=(
            A("ptr", "dynptr", "struct bpf_dynptr *", access="both", parameter="ptr", releases=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 19), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "dynptr_read": HelperRow(
        name="dynptr_read", number=201, form="function", method="", description="Copy bytes out of what a dynptr points to.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dst", "memory", "void *", access="write", parameter="into"),
            A("len", "size", "u32", nullable=True),
            A("src", "dynptr", "const struct bpf_dynptr *", access="read", parameter="src"),
            A("offset", "integer", "u32", parameter="offset"),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 19), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "dynptr_write": HelperRow(
        name="dynptr_write", number=202, form="function", method="", description="Copy bytes into what a dynptr points to.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("dst", "dynptr", "const struct bpf_dynptr *", access="read", parameter="dst"),
            A("offset", "integer", "u32", parameter="offset"),
            A("src", "memory", "void *", access="read", parameter="data"),
            A("len", "size", "u32", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(5, 19), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "dynptr_data": HelperRow(
        name="dynptr_data", number=203, form="function", method="", description="A view of so many bytes of what a dynptr points to; None where they are not there or are read-only.", returns="memory", return_type="void *", maybe_null=True,
        arguments=(
            A("ptr", "dynptr", "const struct bpf_dynptr *", access="read", parameter="ptr"),
            A("offset", "integer", "u32", parameter="offset"),
            A("len", "length", "u32", parameter="kind", nullable=True),
        ),
        since=(5, 19), kinds=_KINDS_4, later=_LATER_69,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "tcp_raw_gen_syncookie_ipv4": HelperRow(
        name="tcp_raw_gen_syncookie_ipv4", number=204, form="function", method="", description="Make a SYN cookie of an IPv4 and a TCP header alone: sequence number below, MSS above it.", returns="integer", return_type="s64", maybe_null=False,
        arguments=(
            A("iph", "memory", "struct iphdr *", access="both", size="iphdr", parameter="iph"),
            A("th", "memory", "struct tcphdr *", access="both", parameter="th"),
            A("th_len", "size", "u32", nullable=True),
        ),
        since=(6, 0), kinds=_KINDS_34, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "tcp_raw_gen_syncookie_ipv6": HelperRow(
        name="tcp_raw_gen_syncookie_ipv6", number=205, form="function", method="", description="Make a SYN cookie of an IPv6 and a TCP header alone: sequence number below, MSS above it.", returns="integer", return_type="s64", maybe_null=False,
        arguments=(
            A("iph", "memory", "struct ipv6hdr *", access="both", size="ipv6hdr", parameter="iph"),
            A("th", "memory", "struct tcphdr *", access="both", parameter="th"),
            A("th_len", "size", "u32", nullable=True),
        ),
        since=(6, 0), kinds=_KINDS_34, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "tcp_raw_check_syncookie_ipv4": HelperRow(
        name="tcp_raw_check_syncookie_ipv4", number=206, form="function", method="", description="Whether an ACK answers a SYN cookie, from its IPv4 and TCP headers alone: 0 if so.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("iph", "memory", "struct iphdr *", access="both", size="iphdr", parameter="iph"),
            A("th", "memory", "struct tcphdr *", access="both", size="tcphdr", parameter="th"),
        ),
        since=(6, 0), kinds=_KINDS_34, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "tcp_raw_check_syncookie_ipv6": HelperRow(
        name="tcp_raw_check_syncookie_ipv6", number=207, form="function", method="", description="Whether an ACK answers a SYN cookie, from its IPv6 and TCP headers alone: 0 if so.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("iph", "memory", "struct ipv6hdr *", access="both", size="ipv6hdr", parameter="iph"),
            A("th", "memory", "struct tcphdr *", access="both", size="tcphdr", parameter="th"),
        ),
        since=(6, 0), kinds=_KINDS_34, later={},
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=True, sleepable_only=False, changes_packet=False, takes_packet=True,
    ),
    "ktime_get_tai_ns": HelperRow(
        name="ktime_get_tai_ns", number=208, form="function", method="", description="International atomic time in ns, which no leap second moves.", returns="integer", return_type="u64", maybe_null=False,
        arguments=(),
        since=(6, 1), kinds=_KINDS_4, later=_LATER_80,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "user_ringbuf_drain": HelperRow(
        name="user_ringbuf_drain", number=209, form="map", method="drain", description="Call a function for what user code has put into a UserRingBuf; the number of samples.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("callback_fn", "callback", "void *", parameter="callback_fn"),
            A("ctx", "callback context", "void *", parameter="ctx", nullable=True, optional=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(6, 1), kinds=_KINDS_4, later=_LATER_80,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "cgrp_storage_get": HelperRow(
        name="cgrp_storage_get", number=210, form="map", method="get", description="The value that a CgrpStorage map keeps for a cgroup, created if flags say so.", returns="map value", return_type="void *", maybe_null=True,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("cgroup", "object", "struct cgroup *", parameter="cgroup", nullable=True),
            A("value", "map value", "void *", parameter="value", nullable=True),
            A("flags", "integer", "u64", parameter="flags", optional=True),
        ),
        since=(6, 2), kinds=_KINDS_4, later=_LATER_80,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
    "cgrp_storage_delete": HelperRow(
        name="cgrp_storage_delete", number=211, form="map", method="delete", description="Delete the value that a CgrpStorage map keeps for a cgroup.", returns="integer", return_type="long", maybe_null=False,
        arguments=(
            A("map", "map", "struct bpf_map *", parameter="map"),
            A("cgroup", "object", "struct cgroup *", parameter="cgroup", nullable=True),
        ),
        since=(6, 2), kinds=_KINDS_4, later=_LATER_80,
        until={}, given_first=(), not_at=(), at_some=(),
        gpl_only=False, sleepable_only=False, changes_packet=False, takes_packet=False,
    ),
}
