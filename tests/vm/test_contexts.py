"""Programs of every kind in a machine: what they are given, and what they leave."""

from __future__ import annotations

import os
import struct as packing
from typing import Any

import pytest

from osmia import (
    CgroupAction,
    CgroupSkbContext,
    CgroupSockContext,
    LsmContext,
    Machine,
    ObjectError,
    RawTracepointContext,
    SkAction,
    SkLookupContext,
    SkMsgContext,
    SkReuseportContext,
    SkSkbContext,
    SockOpsContext,
    TcAction,
    TcContext,
    TpBtfContext,
    TracepointContext,
    XdpAction,
    XdpContext,
    cgroup_skb,
    cgroup_sock,
    i32,
    load,
    lsm,
    raw_tracepoint,
    sk_lookup,
    sk_msg,
    sk_reuseport,
    sk_skb,
    sock_ops,
    struct,
    tc,
    tp_btf,
    tracepoint,
    u8,
    u32,
    xdp,
)
from osmia.contexts import kernel_structs  # noqa: TC001 - programs name it
from osmia.errors import CompileError
from osmia.kernel import tracefs
from osmia.kinds import KINDS
from osmia.programs.program import Program
from packets import ethernet, ipv4, ipv6, udp
from program_files import module_from
from refusal import refusal
from this_kernel import needs_root

PACKET = ethernet(0x0800, ipv4(17, udp(4000, 53, bytes(8))))


@xdp
def by_queue(ctx: XdpContext) -> XdpAction:
    if ctx.rx_queue_index == 3 and ctx.ingress_ifindex == 1:
        return XdpAction.DROP
    return XdpAction.PASS


@tc("ingress")
def marks(ctx: TcContext) -> TcAction:
    ctx.mark = ctx.mark + 1
    ctx.cb[1] = ctx.protocol
    if ctx.vlan_tci == 5:
        return TcAction.SHOT
    return TcAction.UNSPEC


@cgroup_skb("egress", on_error=CgroupAction.DENY)
def to_one_address(ctx: CgroupSkbContext) -> CgroupAction:
    if ctx.remote_ip4 == 0x0A000002 and ctx.remote_port == 53 and len(ctx.packet) == 36:
        return CgroupAction.ALLOW
    return CgroupAction.DENY


@cgroup_sock("sock_create", on_error=CgroupAction.DENY)
def of_tcp(ctx: CgroupSockContext) -> CgroupAction:
    ctx.mark = 7
    ctx.set_retval(-13)
    return CgroupAction.ALLOW if ctx.protocol == 6 else CgroupAction.DENY


@cgroup_sock("post_bind4", on_error=CgroupAction.DENY)
def low_ports(ctx: CgroupSockContext) -> CgroupAction:
    return CgroupAction.DENY if ctx.src_port < 1024 and ctx.src_ip4 == 0x7F000001 else CgroupAction.ALLOW


@sk_msg
def of_five(ctx: SkMsgContext) -> SkAction:
    ctx.msg_apply_bytes(3)
    return SkAction.PASS if ctx.size == 5 and ctx.remote_port == 80 else SkAction.DROP


@sk_skb("stream_parser")
def length(ctx: SkSkbContext) -> int:
    return i32(len(ctx.packet) - 10)


@sk_skb("stream_verdict")
def by_port(ctx: SkSkbContext) -> SkAction:
    return SkAction.PASS if ctx.local_port == 80 else SkAction.DROP


@sock_ops
def replies(ctx: SockOpsContext) -> int:
    ctx.reply = ctx.op + 7
    ctx.sock_ops_cb_flags_set(4)
    if ctx.remote_port == 443 and ctx.remote_ip6[3] == 1 and ctx.bytes_acked == 1 << 40:
        return 1
    return 0


@sk_lookup
def of_port_80(ctx: SkLookupContext) -> SkAction:
    return SkAction.PASS if ctx.local_port == 80 and ctx.remote_port == 4000 else SkAction.DROP


@sk_reuseport
def of_udp(ctx: SkReuseportContext) -> SkAction:
    return SkAction.PASS if ctx.ip_protocol == 17 and ctx.len == 9 and ctx.eth_protocol == 0x800 else SkAction.DROP


@struct
class Exec(TracepointContext):
    pid: i32
    old_pid: i32


@tracepoint("sched", "sched_process_exec")
def difference(ctx: Exec) -> int:
    return i32(ctx.pid - ctx.old_pid)


@tracepoint("sched", "sched_process_exec")
def without_fields(ctx: TracepointContext) -> int:
    return u8(ctx.get_smp_processor_id())


@raw_tracepoint("sys_enter")
def second(ctx: RawTracepointContext) -> int:
    return i32(ctx.arg(1))


@tp_btf("sched_switch")
def switches(
    ctx: TpBtfContext, preempt: bool, prev: kernel_structs.task_struct, next_: kernel_structs.task_struct, state: u32
) -> int:
    return i32(state) if preempt else -1


@lsm("file_open", on_error=-1)
def asks(ctx: LsmContext, file: kernel_structs.file) -> int:
    socket = ctx.sock_from_file(file)
    return 0 if socket is None else -13


def test_every_kind_is_run_here() -> None:
    declared = [value for value in globals().values() if isinstance(value, Program)]
    assert {each.kind.name for each in declared} == set(KINDS)


def test_xdp() -> None:
    with Machine() as machine:
        assert machine.run(by_queue, PACKET, rx_queue_index=3).action is XdpAction.DROP
        assert machine.run(by_queue, PACKET, rx_queue_index=3, ingress_ifindex=2).action is XdpAction.PASS
        assert by_queue.test_run(PACKET).action is XdpAction.PASS


def test_sched_cls() -> None:
    with Machine() as machine:
        done = machine.run(marks, PACKET, mark=41, cb=[9, 8])
        assert (done.action, done.value, done.return_value) == (TcAction.UNSPEC, -1, 0xFFFFFFFF)
        assert done.context["mark"] == 42
        assert done.context["cb"] == (9, 0x0800, 0, 0, 0)
        assert done.context["protocol"] == 0x0800
        assert done.context["len"] == len(PACKET)
        assert machine.run(marks, PACKET, vlan_tci=5).action is TcAction.SHOT
        assert machine.run(marks, PACKET, protocol=0x86DD).context["cb"] == (0, 0x86DD, 0, 0, 0)


def test_cgroup_skb() -> None:
    with Machine() as machine:
        done = machine.run(to_one_address, PACKET, remote_port=53)
        assert done.action is CgroupAction.ALLOW
        assert done.data == bytes(14) + PACKET[14:]
        assert machine.run(to_one_address, PACKET).action is CgroupAction.DENY
        sk = machine.object("bpf_sock", dst_ip4="10.0.0.2", dst_port=53)
        assert machine.run(to_one_address, PACKET, sk=sk).action is CgroupAction.ALLOW
        seen = machine.run(to_one_address, ethernet(0x86DD, ipv6(17, udp(1, 2)))).context
        assert (seen["family"], seen["remote_ip6"], seen["local_ip6"]) == (10, (0, 0, 0, 2), (0, 0, 0, 1))


def test_cgroup_sock() -> None:
    with Machine() as machine:
        done = machine.run(of_tcp)
        assert (done.action, done.context["mark"], done.context["retval"]) == (CgroupAction.ALLOW, 7, -13)
        assert machine.run(of_tcp, protocol=17).action is CgroupAction.DENY
        assert machine.run(low_ports, src_port=80, src_ip4="127.0.0.1").action is CgroupAction.DENY
        given = machine.object("bpf_sock", src_port=8080, src_ip4=0x7F000001)
        assert machine.run(low_ports, socket=given).action is CgroupAction.ALLOW


def test_sockets() -> None:
    with Machine() as machine:
        sk = machine.object("bpf_sock", dst_port=80, src_port=80)
        done = machine.run(of_five, b"hello", sk=sk)
        assert (done.action, done.data, done.context["apply_bytes"]) == (SkAction.PASS, b"hello", 3)
        assert machine.run(of_five, b"hello").action is SkAction.DROP
        parsed = machine.run(length, b"abc")
        assert (parsed.value, parsed.action, parsed.return_value) == (-7, -7, 0xFFFFFFF9)
        assert machine.run(by_port, b"abc", sk=sk).action is SkAction.PASS
        assert machine.run(by_port, b"abc", local_port=81).action is SkAction.DROP
        assert machine.run(of_udp, bytes(9)).action is SkAction.PASS
        assert machine.run(of_udp, bytes(9), eth_protocol=0x86DD).action is SkAction.DROP
        assert machine.run(of_port_80, local_port=80, remote_port=4000).action is SkAction.PASS
        assert machine.run(of_port_80, local_port=80).action is SkAction.DROP


def test_sock_ops() -> None:
    with Machine() as machine:
        done = machine.run(replies, op=3, remote_port=443, remote_ip6="::1", bytes_acked=1 << 40)
        assert (done.value, done.context["reply"], done.context["bpf_sock_ops_cb_flags"]) == (1, 10, 4)
        assert machine.run(replies, op=3).value == 0
        assert machine.run(replies, is_fullsock=0).context["sk"] is None


def test_tracepoints() -> None:
    with Machine(cpus=4) as machine:
        machine.cpu = 2
        assert machine.run(difference, pid=9, old_pid=12).value == -3
        record = bytearray(64)
        fields = {each.name: each for each in difference.backend.fields}  # type: ignore[attr-defined]
        packing.pack_into("<i", record, fields["pid"].offset, 5)
        assert machine.run(difference, record).value == 5
        assert machine.run(difference, record, old_pid=1).context == {"pid": 5, "old_pid": 1}
        assert machine.run(without_fields).value == 2
        assert machine.run(second, args=[1, 77]).value == 77
        assert machine.run(second, args=[0, -1]).value == -1


def test_arguments_of_functions() -> None:
    with Machine() as machine:
        assert machine.run(switches, preempt=True, state=5).value == 5
        assert machine.run(switches).value == -1
        socket = machine.object("socket")
        assert machine.run(asks).value == 0
        assert machine.run(asks, file=machine.object("file", socket=socket)).value == -13
        assert machine.run(asks, args=[machine.object("file", socket=socket)]).value == -13


PROBLEMS: dict[str, tuple[type[Exception], Any, str]] = {
    "a member that is not there": (
        TypeError,
        lambda m: m.run(of_port_80, port=1),
        "of_port_80: its context has no port; it has sk, cookie, family, protocol, remote_ip4, remote_ip6, "
        "remote_port, local_ip4, local_ip6, local_port, ingress_ifindex",
    ),
    "a number that does not fit": (
        OverflowError,
        lambda m: m.run(of_port_80, remote_port=65536),
        "of_port_80: remote_port has 16 bits: 65536 does not fit",
    ),
    "no number": (
        TypeError,
        lambda m: m.run(of_port_80, local_port="http"),
        "of_port_80: local_port is an int, not str 'http'",
    ),
    "no address": (
        ValueError,
        lambda m: m.run(of_port_80, remote_ip4="::1"),
        "of_port_80: remote_ip4 is an IPv4 address, not str '::1'",
    ),
    "a float in place of an address": (
        TypeError,
        lambda m: m.run(of_port_80, remote_ip6=1.5),
        "of_port_80: remote_ip6 is a sequence of 4 ints, or an IP address as text, not float 1.5",
    ),
    "too many elements": (
        ValueError,
        lambda m: m.run(of_port_80, remote_ip6=[1, 2, 3, 4, 5]),
        "of_port_80: remote_ip6 has 4 elements, not 5",
    ),
    "no socket": (
        TypeError,
        lambda m: m.run(of_port_80, sk=5),
        "of_port_80: sk is an object that the machine made (machine.object(...)), or None, not int 5",
    ),
    "a packet for who is given none": (
        TypeError,
        lambda m: m.run(of_port_80, b"packet"),
        "of_port_80: programs of kind sk_lookup are given no packet",
    ),
    "no packet for who is given one": (
        TypeError,
        lambda m: m.run(by_queue),
        "by_queue: programs of kind xdp are given a packet: bytes, b'' for an empty one",
    ),
    "a place beside the packet": (
        TypeError,
        lambda m: m.run(by_queue, PACKET, data_end=5),
        "by_queue: data_end is what the packet says that it is given: leave data_end= out",
    ),
    "a length beside the packet": (
        TypeError,
        lambda m: m.run(marks, PACKET, len=5),
        "marks: len is what the packet says that it is given: leave len= out",
    ),
    "a packet that is text": (
        TypeError,
        lambda m: m.run(by_queue, "packet"),
        "by_queue: a packet is bytes, not str 'packet'",
    ),
    "a packet that is a number": (TypeError, lambda m: m.run(by_queue, 64), "by_queue: a packet is bytes, not int 64"),
    "a field that the class does not name": (
        TypeError,
        lambda m: m.run(difference, filename=1),
        "difference: its context has no filename; it has pid, old_pid",
    ),
    "an argument that is not there": (
        TypeError,
        lambda m: m.run(switches, prior=1),
        "switches takes no argument 'prior': its arguments are preempt, prev, next_, state",
    ),
    "an argument by name where none has one": (
        TypeError,
        lambda m: m.run(second, id=5),
        "second takes no argument 'id': give args=[...], by their order",
    ),
    "an argument of another struct": (
        TypeError,
        lambda m: m.run(asks, file=m.object("task_struct")),
        "asks: file is a file, not a task_struct",
    ),
    "a number for an object": (
        TypeError,
        lambda m: m.run(asks, file=7),
        "asks: file is a file that the machine made (machine.object('file')), or None, not int 7",
    ),
    "too many arguments": (
        ValueError,
        lambda m: m.run(second, args=[0] * 13),
        "second: the kernel gives a program 12 arguments at most, not 13",
    ),
    "arguments in both ways": (
        TypeError,
        lambda m: m.run(switches, args=[1], state=5),
        "switches: args=[...] has all its arguments: give no others beside it",
    ),
    "arguments that are no list": (
        TypeError,
        lambda m: m.run(second, args=5),
        "second: args is a list of its arguments, not int 5",
    ),
    "an argument that is text": (
        TypeError,
        lambda m: m.run(second, args=["x"]),
        "second: args[0] is an int, or an object that the machine made, not str 'x'",
    ),
    "an argument that does not fit": (
        OverflowError,
        lambda m: m.run(switches, state=1 << 32),
        "switches: state has 32 bits: 4294967296 does not fit",
    ),
    "a field that a socket does not have": (
        TypeError,
        lambda m: m.object("bpf_sock", port=5),
        "struct bpf_sock has no port; it has bound_dev_if, family, type, protocol, mark, priority, src_ip4, src_ip6, "
        "src_port, dst_port, dst_ip4, dst_ip6, state, rx_queue_mapping, snd_cwnd, srtt_us, rtt_min, snd_ssthresh, "
        "rcv_nxt, snd_nxt, snd_una, mss_cache, ecn_flags, rate_delivered, rate_interval_us, packets_out, retrans_out, "
        "total_retrans, segs_in, data_segs_in, segs_out, data_segs_out, lost_out, sacked_out, bytes_received, "
        "bytes_acked, dsack_dups, delivered, delivered_ce, icsk_retransmits, cookie, uid, netns_cookie, "
        "cgroup_classid, cgroup_ids",
    ),
    "a socket that is none": (
        TypeError,
        lambda m: m.run(of_tcp, socket=5),
        "of_tcp: socket is one that the machine made, not int 5",
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_refusals(name: str) -> None:
    of, action, text = PROBLEMS[name]
    with Machine() as machine:
        assert refusal(of, lambda: action(machine)) == text


def test_no_test_run_in_the_kernel() -> None:
    program: Any = replies
    assert refusal(AttributeError, lambda: program.test_run(b"")) == (
        "replies has no test_run: the kernel runs programs of kind sock_ops for tests by no call. In a machine of the "
        "user-space runtime they run: `with osmia.Machine() as machine: machine.run(replies, ...)`"
    )
    assert refusal(AttributeError, lambda: program.nothing) == "'SockOpsProgram' object has no attribute 'nothing'"


FIELDS = """
from osmia import Chars, FixedArray, TracepointContext, array, be16, chars, i16, i32, struct, tracepoint, u8, u64

@struct
class Switch(TracepointContext):
    flag: u8
    pid: i32
    small: u8
    big: u64
    comm: Chars = chars(6)
    both: FixedArray[i16] = array(i16, 2)

@tracepoint("sched", "sched_nothing_of_the_kind")
def sums(ctx: Switch) -> int:
    if ctx.comm == "sh":
        return i32(ctx.both[0] + ctx.both[1])
    return i32(i32(ctx.flag) + i32(ctx.small) + i32(ctx.pid & 0xFFFF))
"""


def test_fields_where_tracefs_cannot_be_read(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> Any:
        raise PermissionError(13, "Permission denied")

    program = module_from(tmp_path, FIELDS).sums
    if os.geteuid() == 0:  # the kernel can be asked, and has no such tracepoint
        with Machine() as machine:
            error = refusal(CompileError, lambda: machine.run(program))
        assert error.startswith("where the fields of the tracepoint sched/sched_nothing_of_the_kind lie cannot be read")
    monkeypatch.setattr(tracefs, "format_text", refused)
    monkeypatch.setattr(tracefs, "tracepoints", refused)
    with Machine() as machine:
        assert machine.run(program, flag=1, pid=20, small=3, big=4).value == 24
        places = {each.name: each.offset for each in program.backend.fields}
        assert places == {"flag": 8, "pid": 12, "small": 16, "big": 24, "comm": 32, "both": 38}
        assert machine.run(program, comm="sh", both=(-3, 5)).value == 2
    # What was compiled for a machine is not taken for the kernel.
    error = refusal(CompileError, program.load)
    assert error.startswith("where the fields of the tracepoint sched/sched_nothing_of_the_kind lie cannot be read")
    with Machine() as machine, load(program, engine=machine) as loaded:
        spec_of_it = loaded[program].backend
        assert spec_of_it.fields[1].offset == 12


@needs_root("loads programs")
def test_a_program_of_the_kernel_is_not_run_here() -> None:
    by_queue.load()
    try:
        with Machine() as machine:
            assert "is loaded into the kernel" in refusal(ObjectError, lambda: machine.run(by_queue, PACKET))
    finally:
        by_queue.close()
