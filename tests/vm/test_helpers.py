"""Helpers in a machine: what a test sets is what programs are told, and what they ask for is recorded."""

from __future__ import annotations

import errno
import time
from typing import TYPE_CHECKING, Any

import pytest

import osmia
import raw_programs as raw
from compiled import c_object
from osmia import Machine, XdpAction
from osmia.errors import VmError
from osmia.spec import LineInfo
from osmia.vm.network import Redirect, Route
from osmia.vm.task import Task
from packets import ethernet, ipv4, ipv6, tcp, udp
from program_files import module_from
from refusal import refusal
from this_kernel import needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from osmia.vm.objects import KernelObject

UDP = ethernet(0x0800, ipv4(17, udp(4000, 53, bytes(range(64)))))
FRAME = """\
from osmia import *
from osmia import helpers
from osmia.contexts import kernel_structs
from osmia.contexts.kernel_structs import bpf_sock, sock_common

results = Array(i64, max_entries=32)

@struct
class Name:
    text: Chars = chars(16)

names = Array(Name, max_entries=4)

@func
def note(index: u32, value: i64) -> None:
    place = results.lookup(index)
    if place is not None:
        place.value = value

"""
KINDS = {
    "xdp": ("@xdp", "XdpContext", "XdpAction", "    return XdpAction.PASS"),
    "tc": ('@tc("ingress")', "TcContext", "TcAction", "    return TcAction.OK"),
    "sk_skb": ('@sk_skb("stream_verdict")', "SkSkbContext", "SkAction", "    return SkAction.PASS"),
    "sk_msg": ("@sk_msg", "SkMsgContext", "SkAction", "    return SkAction.PASS"),
    "sock_ops": ("@sock_ops", "SockOpsContext", "int", "    return 1"),
    "sk_lookup": ("@sk_lookup", "SkLookupContext", "SkAction", "    return SkAction.PASS"),
    "cgroup_sock": (
        '@cgroup_sock("sock_create", on_error=CgroupAction.DENY)',
        "CgroupSockContext",
        "CgroupAction",
        "    return CgroupAction.ALLOW",
    ),
    "cgroup_skb": (
        '@cgroup_skb("egress", on_error=CgroupAction.DENY)',
        "CgroupSkbContext",
        "CgroupAction",
        "    return CgroupAction.ALLOW",
    ),
    "sk_reuseport": ("@sk_reuseport", "SkReuseportContext", "SkAction", "    return SkAction.PASS"),
    "tp_btf": ('@tp_btf("task_newtask")', "TpBtfContext, task: kernel_structs.task_struct", "None", ""),
    "lsm": (
        '@lsm("bprm_committed_creds", on_error=0)',
        "LsmContext, bprm: kernel_structs.linux_binprm, path: kernel_structs.path",
        "int",
        "    return 0",
    ),
}


class Ran:
    """A machine that a program runs in, and what it notes."""

    def __init__(self, directory: Path, kind: str, body: str, maps: str) -> None:
        decorator, context, result, last = KINDS[kind]
        lines = "\n".join("    " + line for line in body.strip("\n").split("\n"))
        text = f"{FRAME}\n{maps}\n{decorator}\ndef program(ctx: {context}) -> {result}:\n{lines}\n{last}\n"
        self.module = module_from(directory, text)
        self.notes = "note(" in body
        self.machine = Machine(cpus=4)
        self.loaded = osmia.load(self.module, engine=self.machine)

    def __call__(self, packet: bytes | None = None, **context: object) -> Any:
        """One run."""
        for index in range(32 if self.notes else 0):
            self.loaded["results"][index] = -99
        return self.machine.run(self.loaded["program"], packet, **context)

    def __getitem__(self, index: int) -> int:
        """A number that was noted."""
        found: int = self.loaded["results"][index]
        return found

    def noted(self, count: int) -> list[int]:
        """The first numbers."""
        return [self[index] for index in range(count)]


class Maker:
    """Makes such machines, and closes them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.made: list[Ran] = []

    def __call__(self, kind: str, body: str, maps: str = "") -> Ran:
        made = Ran(self.directory, kind, body, maps)
        self.made.append(made)
        return made


@pytest.fixture
def ran(tmp_path: Path) -> Iterator[Maker]:
    """Makes a program of a body, in a machine of its own."""
    maker = Maker(tmp_path)
    yield maker
    for each in maker.made:
        each.loaded.close()
        each.machine.close()


def notes(*calls: str) -> str:
    """Each call notes what it gives."""
    return "\n".join(f"note({index}, {each})" for index, each in enumerate(calls))


# The machine and the thread


def test_clocks_and_numbers(ran: Maker) -> None:
    run = ran(
        "xdp",
        notes(
            *("i64(ctx.ktime_get_ns())", "i64(ctx.ktime_get_boot_ns())", "i64(ctx.ktime_get_coarse_ns())"),
            *("i64(ctx.ktime_get_tai_ns())", "i64(ctx.jiffies64())", "ctx.get_smp_processor_id()"),
            *("ctx.get_numa_node_id()", "ctx.get_prandom_u32()"),
        ),
    )
    machine = run.machine
    machine.cpu, machine.numa_node = 3, 1
    machine.advance(0.001)
    assert machine.clock == 1_000_001_000_000
    run(UDP)
    first = run.noted(8)
    assert first[:3] == [1_000_001_000_000, 1_000_001_000_000, 1_000_000_000_000]
    assert first[3] == machine.epoch + machine.clock + 37_000_000_000
    assert first[4] == (1 << 32) - 75_000 + 250_000
    assert first[5:7] == [3, 1]
    run(UDP)
    assert run[7] != first[7]
    again = Machine(seed=0)
    assert again.random.getrandbits(32) == first[7]
    again.close()
    with pytest.raises(ValueError, match="the clock shows 1000001000000 ns and only goes forward, not to 5"):
        machine.advance_to(5)


def test_the_task(ran: Maker) -> None:
    run = ran(
        "xdp",
        notes(
            *("i64(ctx.get_current_pid_tgid())", "i64(ctx.get_current_uid_gid())", "i64(ctx.get_current_cgroup_id())"),
            *("i64(ctx.get_current_ancestor_cgroup_id(0))", "i64(ctx.get_current_ancestor_cgroup_id(-1))"),
            *("i64(ctx.get_current_ancestor_cgroup_id(5))", "ctx.get_cgroup_classid()"),
        )
        + "\nname = names.lookup(0)\nif name is not None:\n    note(7, ctx.get_current_comm(name.text))\n"
        "pair = array(u32, 2)\nnote(8, ctx.get_ns_current_pid_tgid(4, 5, pair))\nnote(9, pair[0])\nnote(10, pair[1])\n"
        "note(11, ctx.send_signal(9))\nnote(12, ctx.send_signal_thread(10))\nnote(13, ctx.send_signal(65))\n"
        "note(14, ctx.probe_read_kernel(pair, ctx.get_current_task()))\nnote(15, pair[0])",
    )
    run.machine.task = Task(5, 7, 1000, 100, "a name that is too long", (1, 20, 300), 9)
    run(UDP)
    assert run.noted(7) == [5 << 32 | 7, 100 << 32 | 1000, 300, 1, 0, 0, 9]
    assert bytes(run.loaded["names"][0].text) == b"a name that is \0"
    assert run.noted(16)[7:] == [0, 0, 7, 5, 0, 0, -errno.EINVAL, 0, 0]
    assert run.machine.signals == [("process", 9), ("thread", 10)]


def test_stacks_and_cookies(ran: Maker) -> None:
    run = ran(
        "lsm",
        "stack = array(u64, 4)\ntask = ctx.get_current_task_btf()\n"
        + notes(
            *("ctx.get_stack(stack, 0)", "i64(stack[0])", "i64(stack[2])", "ctx.get_stack(stack, 1)", "i64(stack[0])"),
            *("ctx.get_stack(stack, 256)", "ctx.get_stack(stack, 1 << 20)", "ctx.get_task_stack(task, stack, 256)"),
            *("i64(ctx.get_attach_cookie())", "ctx.get_func_arg_cnt()", "i64(stack[0])"),
        ),
    )
    run.machine.kernel_stack = [11, 12, 13]
    run.machine.user_stack = [21]
    run.machine.attach_cookie = 5
    run()
    assert run.noted(11) == [24, 11, 13, 16, 12, 8, -errno.EINVAL, 8, 5, 2, 21]


def test_paths_and_programs_that_are_executed(ran: Maker) -> None:
    run = ran(
        "lsm",
        "name = names.lookup(0)\nif name is not None:\n    note(0, ctx.d_path(path, name.text))\n"
        "note(1, ctx.bprm_opts_set(bprm, 1))\nnote(2, ctx.bprm_opts_set(bprm, 2))",
    )
    program = run.machine.object("linux_binprm")
    run(path=run.machine.object("path", name="/etc/hosts"), bprm=program)
    assert run.noted(3) == [11, 0, -errno.EINVAL]
    assert bytes(run.loaded["names"][0].text) == b"/etc/hosts".ljust(16, b"\0")
    assert program.get("secureexec") is True
    run(path=run.machine.object("path", name="/a/very/long/path"))
    assert run[0] == -errno.ENAMETOOLONG


def test_memory_of_the_kernel(ran: Maker) -> None:
    run = ran(
        "tp_btf",
        "address = ctx.get_current_task()\ntext = chars(8)\n"
        + notes(
            *("ctx.probe_read_kernel_str(text, address)", "text[3]", "ctx.probe_read_kernel_str(chars(3), address)"),
            *("ctx.probe_read_kernel(text, 0x7FFFFFFF0000)", "text[0]", "ctx.probe_read_user(text, 0)"),
            *("ctx.probe_read_user_str(text, 0x7FFFFFFF0000)", "ctx.probe_write_user(address, chars(8))"),
        ),
    )
    from osmia.vm.objects import standing

    task = standing(run.machine, "the current task", "task_struct")
    run.machine.memory.data[task.address : task.address + 5] = b"abcd\0"
    run()
    efault = -errno.EFAULT
    assert run.noted(8) == [5, ord("d"), 3, efault, 0, efault, efault, -errno.EPERM]


# Packets that go somewhere


def test_redirects(ran: Maker) -> None:
    run = ran("tc", "note(0, ctx.clone_redirect(2, 0))\nreturn ctx.redirect(3, 1)")
    run.machine.mtus[2] = 1500
    assert run(UDP).value == 7
    assert run[0] == 0
    assert run.machine.redirects == [
        Redirect("clone_redirect", 2, 0, data=UDP),
        Redirect("redirect", 3, 1),
    ]
    other = ran("xdp", "return ctx.redirect(9, 0)")
    assert other(UDP).action is XdpAction.REDIRECT
    assert other.machine.redirects == [Redirect("redirect", 9, 0)]


FIB = (
    "params = array(u32, 16)\nparams[0] = 2\nparams[2] = 1\nparams[8] = {destination}\n"
    "note(0, ctx.fib_lookup(params, {flags}))\n"
    "for i in range(16):\n    note(1 + i, params[i])"
)


def test_routes(ran: Maker) -> None:
    run = ran("xdp", FIB.format(destination="0x0200000A", flags=0))
    run(UDP)
    assert run[0] == 4
    run.machine.fib["0.0.0.0/0"] = Route(7)
    run.machine.fib["10.0.0.0/8"] = Route(
        3, smac=b"\2\0\0\0\0\1", dmac=b"\2\0\0\0\0\2", mtu=1400, gateway="10.0.0.254", metric=5
    )
    run.machine.fib["::/0"] = Route(9)
    run(UDP)
    assert run.noted(5) == [0, 2, 1400 << 16, 3, 5]
    assert run[9] == 0xFE00000A
    macs = b"".join(run[index].to_bytes(4, "little") for index in (14, 15, 16))
    assert macs == b"\2\0\0\0\0\1\2\0\0\0\0\2"
    run.machine.fib["10.0.0.2/32"] = Route(3, result=3)
    run(UDP)
    assert run[0] == 3
    elsewhere = ran("xdp", FIB.format(destination="0x0200000A", flags=64))
    elsewhere(UDP)
    assert elsewhere[0] == -errno.EINVAL
    elsewhere.machine.mtus.clear()
    plain = ran("xdp", FIB.format(destination="0x0200000A", flags=4))
    plain.machine.mtus.clear()
    plain(UDP)
    assert plain[0] == -errno.ENODEV
    plain.machine.mtus[1] = 1500
    plain.machine.fib["10.0.0.0/8"] = "3"  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"machine\.fib has routes \(osmia\.vm\.network\.Route\), not str '3'"):
        plain(UDP)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"smac": b"\2"}, "smac is an address of 6 bytes, not bytes b'\\x02'"),
        ({"dmac": "02:00:00:00:00:01"}, "dmac is an address of 6 bytes, not str '02:00:00:00:00:01'"),
        ({"mtu": 65536}, "mtu is a number of 16 bits, not int 65536"),
    ],
)
def test_routes_that_are_none(ran: Maker, fields: dict[str, Any], text: str) -> None:
    run = ran("xdp", FIB.format(destination="0x0200000A", flags=0))
    run.machine.fib["10.0.0.0/8"] = Route(3, **fields)
    assert refusal(ValueError, lambda: run(UDP)) == f"machine.fib['10.0.0.0/8']: {text}"


def test_what_a_test_sets_wrongly(ran: Maker) -> None:
    run = ran("tc", TUNNEL)
    run.machine.tunnel_key = b"short"
    wanted = "machine.tunnel_key is the 44 bytes of struct bpf_tunnel_key, not bytes b'short'"
    assert refusal(ValueError, lambda: run(UDP)) == wanted
    made = run.machine.object
    assert refusal(TypeError, lambda: made("bpf_sock", cookie="x")) == "cookie of a socket is an int, not str 'x'"
    wanted = "cgroup_ids of a socket is a sequence of ints, the root's id first, not int 5"
    assert refusal(TypeError, lambda: made("bpf_sock", cgroup_ids=5)) == wanted
    other = ran("xdp", "note(0, i64(ctx.get_current_pid_tgid()))")
    other.machine.task.pid = 1 << 32
    assert refusal(OverflowError, lambda: other(UDP)) == "machine.task.pid has 32 bits: 4294967296 does not fit"


def test_routes_above_the_driver(ran: Maker) -> None:
    run = ran("tc", FIB.format(destination="0x0200000A", flags=16))
    run.machine.fib["10.0.0.0/8"] = Route(3, source="10.9.9.9", mtu=60)
    run(UDP)
    assert (run[0], run[2] >> 16, run[5]) == (8, 60, 0x0909090A)


# Sockets

LOOK = """
tuple = array(u32, 3)
tuple[0], tuple[1], tuple[2] = 0x0100000A, 0x0200000A, 0x3500 << 16 | 0xA00F
found = ctx.sk_lookup_{kind}(tuple, -1)
if found is None:
    note(0, 0)
else:
    note(0, found.src_port)
    note(1, found.state)
    note(2, found.dst_port)
    ctx.sk_release(found)
"""


def _socket(run: Ran, **fields: Any) -> KernelObject:
    made = run.machine.object("bpf_sock", **fields)
    run.machine.sockets.append(made)
    return made


def test_sockets_that_are_looked_up(ran: Maker) -> None:
    run = ran("xdp", LOOK.format(kind="udp"))
    run(UDP)
    assert run[0] == 0
    _socket(run, protocol=17, state=7, src_port=53)
    run(UDP)
    assert run.noted(3) == [53, 7, 0]
    ends: dict[str, Any] = {"src_ip4": "10.0.0.2", "dst_ip4": "10.0.0.1", "src_port": 53, "dst_port": 4000}
    _socket(run, protocol=17, state=1, **ends)
    run(UDP)
    assert run.noted(3) == [53, 1, 4000]
    assert run.machine.objects.keys() == {each.address for each in run.machine.sockets}
    over = ran("xdp", LOOK.format(kind="tcp"))
    over.machine.sockets.append(over.machine.object("tcp_timewait_sock", **ends))
    over(UDP)
    assert over[0] == 0
    waiting = ran("xdp", LOOK.format(kind="tcp").replace("sk_lookup_tcp", "skc_lookup_tcp"))
    waiting.machine.sockets.append(waiting.machine.object("tcp_timewait_sock", state=6, **ends))
    waiting(UDP)
    assert waiting.noted(3) == [53, 6, 4000]


def test_a_socket_that_is_not_given_back(ran: Maker) -> None:
    run = ran("xdp", LOOK.format(kind="udp"))
    _socket(run, protocol=17, state=7, src_port=53)
    code = run.loaded["program"].backend.code
    release = next(at for at, each in enumerate(code.slots) if each[0] == 0x85 and each[4] == 86)
    code.slots[release] = (0xB7, 0, 0, 0, 0)  # r0 = 0, as if it had been forgotten
    with pytest.raises(VmError) as caught:
        run(UDP)
    assert caught.value.kind == "leak"
    assert caught.value.text.strip() == "found = ctx.sk_lookup_udp(tuple, -1)"
    assert (
        str(caught.value)
        .splitlines()[0]
        .endswith(": the socket that is taken here is not given back by all ways to the end")
    )
    assert caught.value.fix == "call sk_release() on every way out"


USED_AFTERWARDS = """
static void *(*bpf_sk_lookup_udp)(void *ctx, void *tuple, u32 size, u64 netns, u64 flags) = (void *)85;
static long (*bpf_sk_release)(void *sk) = (void *)86;
SEC("xdp") int p(struct xdp_md *ctx) {
    u32 tuple[3] = {0x0100000A, 0x0200000A, 0x3500A00F};
    volatile u32 *sk = bpf_sk_lookup_udp(ctx, tuple, sizeof(tuple), -1, 0);
    if (!sk) return 1;
    bpf_sk_release((void *)sk);
    return WHAT;
}
"""


@pytest.mark.parametrize(
    ("what", "kind", "start"),
    [
        ("sk[18]", "freed", "read of 4 bytes at offset 72 of struct bpf_sock, which has 80 bytes: it was freed"),
        ("bpf_sk_release((void *)sk)", "freed", "sk_release's sock: read of 1 byte at offset 0 of struct bpf_sock"),
        ("bpf_sk_release(ctx)", "helper", "sk_release's sock is the program's context, expected an object of the"),
        ("bpf_sk_release(tuple)", "helper", "sk_release's sock is the stack of p, expected an object of the kernel"),
        ("bpf_sk_release(0)", "null", "sk_release's sock: read of 1 byte at a null pointer"),
    ],
)
def test_a_socket_that_was_given_back(what: str, kind: str, start: str) -> None:
    with Machine() as machine, osmia.load(c_object(USED_AFTERWARDS.replace("WHAT", what)), engine=machine) as loaded:
        machine.sockets.append(machine.object("bpf_sock", protocol=17, state=7, src_port=53))
        with pytest.raises(VmError) as caught:
            loaded["p"].test_run(UDP)
        assert caught.value.kind == kind
        assert start in str(caught.value)


SOCKET = """
sk = ctx.sk
if sk is not None:
    note(0, i64(ctx.get_socket_cookie()))
    note(1, ctx.get_socket_uid())
    note(2, i64(ctx.get_netns_cookie()))
    note(3, i64(ctx.skb_cgroup_id()))
    note(4, i64(ctx.skb_ancestor_cgroup_id(0)))
    full = ctx.sk_fullsock(sk)
    if full is not None:
        note(5, full.mark)
        tcp = ctx.tcp_sock(full)
        if tcp is not None:
            note(6, tcp.snd_cwnd)
            note(7, i64(tcp.bytes_acked))
        listener = ctx.get_listener_sock(full)
        if listener is not None:
            note(8, 1)
"""


def test_what_is_known_of_a_socket(ran: Maker) -> None:
    run = ran("tc", SOCKET)
    sk = run.machine.object(
        "bpf_sock", cookie=77, uid=1000, netns_cookie=5, cgroup_ids=(1, 9), mark=3, snd_cwnd=10, state=10
    )
    sk.set(bytes_acked=1 << 40)
    run(UDP, sk=sk)
    assert run.noted(9) == [77, 1000, 5, 9, 1, 3, 10, 1 << 40, 1]
    run(UDP, sk=run.machine.object("tcp_request_sock"))
    assert run.noted(9)[1:] == [65534, 1, 0, 0, -99, -99, -99, -99]
    run(UDP, sk=None)
    assert run.noted(9) == [-99] * 9


CASTS = """
sk = ctx.sk
if sk is not None:
    one = ctx.skc_to_tcp_sock(sk)
    note(0, 0 if one is None else 1)
    two = ctx.skc_to_tcp6_sock(sk)
    note(1, 0 if two is None else 1)
    three = ctx.skc_to_udp6_sock(sk)
    note(2, 0 if three is None else 1)
    four = ctx.skc_to_unix_sock(sk)
    note(3, 0 if four is None else 1)
    five = ctx.skc_to_tcp_request_sock(sk)
    note(4, 0 if five is None else 1)
    six = ctx.skc_to_tcp_timewait_sock(sk)
    note(5, 0 if six is None else 1)
    seven = ctx.skc_to_mptcp_sock(sk)
    note(6, 0 if seven is None else 1)
"""


def test_sockets_as_other_structs(ran: Maker) -> None:
    run = ran("sk_skb", CASTS)
    made = run.machine.object
    for sk, expected in (
        (made("bpf_sock"), [1, 0, 0, 0, 0, 0, 0]),
        (made("bpf_sock", family=10), [1, 1, 0, 0, 0, 0, 0]),
        (made("bpf_sock", family=10, protocol=17, type=2), [0, 0, 1, 0, 0, 0, 0]),
        (made("bpf_sock", family=1, protocol=0), [0, 0, 0, 1, 0, 0, 0]),
        (made("tcp_request_sock"), [0, 0, 0, 0, 1, 0, 0]),
        (made("tcp_timewait_sock"), [0, 0, 0, 0, 0, 1, 0]),
        (made("mptcp_sock", protocol=262), [0, 0, 0, 0, 0, 0, 1]),
    ):
        run(b"x", sk=sk)
        assert run.noted(7) == expected, sk


def test_a_socket_that_is_chosen(ran: Maker) -> None:
    run = ran(
        "tc", LOOK.format(kind="udp").replace("    ctx.sk_rel", "    note(3, ctx.sk_assign(found, 0))\n    ctx.sk_rel")
    )
    chosen = _socket(run, protocol=17, state=7, src_port=53)
    done = run(UDP)
    assert (run[3], done.context["sk"]) == (0, chosen)
    lookup = ran(
        "sk_lookup",
        "sk = ctx.sk\nif sk is not None:\n"
        "    note(0, ctx.sk_assign(sk, 0))\n    note(1, ctx.sk_assign(sk, 1))\n    note(2, ctx.sk_assign(sk, 8))",
    )
    made = lookup.machine.object
    for sk, expected in (
        (made("bpf_sock", state=10), [-errno.EEXIST, 0, -errno.EINVAL]),
        (made("bpf_sock"), [-errno.ESOCKTNOSUPPORT, -errno.ESOCKTNOSUPPORT, -errno.EINVAL]),
        (made("bpf_sock", protocol=17, state=7), [-errno.EPROTOTYPE, -errno.EPROTOTYPE, -errno.EINVAL]),
        (made("bpf_sock", family=1, state=10), [-errno.EAFNOSUPPORT, -errno.EAFNOSUPPORT, -errno.EINVAL]),
        (None, [-99, -99, -99]),
    ):
        lookup(sk=sk)
        assert lookup.noted(3) == expected, sk


def test_options_of_sockets(ran: Maker) -> None:
    run = ran(
        "sock_ops",
        "value = array(u32, 1)\nvalue[0] = 5\n"
        + notes(
            *("ctx.setsockopt(6, 1, value)", "ctx.getsockopt(6, 1, value)", "value[0]", "ctx.getsockopt(1, 8, value)"),
            *("value[0]", "ctx.setsockopt(99, 1, value)", "ctx.getsockopt(0, 1, value)", "value[0]"),
        ),
    )
    sk = run.machine.object("bpf_sock")
    sk.options[0, 1] = b"\7\0\0\0"
    run(sk=sk, op=4)
    assert run.noted(8) == [0, 0, 5, -errno.EINVAL, 0, -errno.EINVAL, 0, 7]
    assert sk.options[6, 1] == b"\5\0\0\0"
    run(sk=sk, op=16)
    assert run.noted(2) == [-errno.EOPNOTSUPP, -errno.EOPNOTSUPP]


OPTIONS = """
found = chars(8)
found[0] = 254
found[1] = 4
found[2] = 0xEB
found[3] = 0x9F
note(0, ctx.load_hdr_opt(found, 0))
note(1, found[4])
other = chars(8)
other[0] = 3
note(2, ctx.load_hdr_opt(other, 0))
note(3, other[2])
other = chars(8)
other[0] = 99
note(4, ctx.load_hdr_opt(other, 0))
note(5, ctx.load_hdr_opt(other, 1))
note(6, ctx.reserve_hdr_opt(4, 0))
note(7, ctx.reserve_hdr_opt(40, 0))
mine = chars(4)
mine[0], mine[1], mine[2], mine[3] = 77, 4, 1, 2
note(8, ctx.store_hdr_opt(mine, 0))
note(9, ctx.store_hdr_opt(mine, 0))
"""


def test_options_of_headers(ran: Maker) -> None:
    run = ran("sock_ops", OPTIONS)
    header = tcp(1, 2, options=b"\1\3\3\7\xfe\5\xeb\x9f\x63\1\1\1")
    run(header, op=13)
    assert run.noted(10) == [5, 0x63, 3, 7, -errno.ENOMSG, -errno.ENOENT, *[-errno.EPERM] * 4]
    run(header, op=14)
    assert run.noted(8)[6:] == [0, -errno.ENOSPC]
    done = run(header, op=15)
    assert run.noted(10)[8:] == [0, -errno.EEXIST]
    assert done.data == header + b"\x4d\4\1\2"
    run(op=3)
    assert run[0] == -errno.EPERM


def test_room_for_options_of_headers(ran: Maker) -> None:
    """As it is over the loopback of Linux 6.18: beside time stamps, and beside what a connection begins with."""
    run = ran("sock_ops", notes("ctx.reserve_hdr_opt(20, 0)", "ctx.reserve_hdr_opt(8, 0)", "ctx.reserve_hdr_opt(2, 0)"))
    run(op=14)
    assert run.noted(3) == [0, 0, -errno.ENOSPC]
    run(op=14, skb_tcp_flags=2)
    assert run.noted(3) == [0, -errno.ENOSPC, -errno.ENOSPC]
    wide = "wide = chars(32)\nwide[0], wide[1] = 77, {size}\nnote(0, ctx.store_hdr_opt(wide, 0))\n"
    header = tcp(1, 2, options=b"\1\1\x08\x0a" + bytes(8))
    for size, expected, written in ((28, 0, 28), (29, -errno.ENOSPC, 0), (0, 0, 0)):
        run = ran("sock_ops", wide.format(size=size))
        assert len(run(header, op=15).data) == len(header) + written
        assert run[0] == expected
    second = "more = chars(24)\nmore[0], more[1] = 78, 24\nnote(1, ctx.store_hdr_opt(more, 0))\n"
    run = ran("sock_ops", wide.format(size=4) + second)
    assert len(run(header, op=15).data) == len(header) + 28
    assert run.noted(2) == [0, 0]
    run = ran("sock_ops", wide.format(size=8))
    for reserved, expected in ((8, 0), (7, -errno.ENOSPC), (0, -errno.ENOSPC)):
        done = run(header, op=15, remaining_opt_len=reserved)
        assert run[0] == expected
        assert done.context["remaining_opt_len"] == (reserved if expected else 0)
    for error, given, problem in (
        (TypeError, "8", "is a number of bytes, not str '8'"),
        (TypeError, True, "is a number of bytes, not bool True"),
        (ValueError, 41, "is 0 to 40, which TCP headers have, not 41"),
        (ValueError, -1, "is 0 to 40, which TCP headers have, not -1"),
    ):
        with pytest.raises(error) as caught:
            run(header, op=15, remaining_opt_len=given)
        assert str(caught.value).endswith(f": remaining_opt_len {problem}")


def test_messages(ran: Maker) -> None:
    run = ran(
        "sk_msg",
        notes(
            *("ctx.size", "len(ctx.packet)", "ctx.msg_pull_data(2, 4, 0)", "len(ctx.packet)", "ctx.size"),
            *("ctx.msg_push_data(1, 3, 0)", "len(ctx.packet)", "ctx.size", "ctx.msg_pop_data(0, 2, 0)"),
            *("len(ctx.packet)", "ctx.size", "ctx.msg_pull_data(5, 3, 0)", "ctx.msg_pull_data(0, 99, 0)"),
            *("ctx.msg_pop_data(0, 99, 0)", "ctx.msg_push_data(99, 1, 0)", "ctx.msg_cork_bytes(8)"),
        ),
    )
    done = run(b"hello")
    bad = -errno.EINVAL
    assert run.noted(16) == [5, 5, 0, 2, 5, 0, 1, 8, 0, 2, 6, bad, bad, bad, bad, 0]
    assert done.data == b"\0\0ello"
    assert done.context["cork_bytes"] == 8


COOKIES = """
ip = chars(20)
th = chars(24)
ctx.load_bytes(14, ip)
ctx.load_bytes(34, th)
made = ctx.tcp_raw_gen_syncookie_ipv4(ip, th)
note(0, made >> 32)
ack = chars(20)
ctx.load_bytes(34, ack)
answer = u32((made & 0xFFFFFFFF) + 1)
ack[4], ack[5], ack[6], ack[7] = 0, 0, 0, 2
ack[8], ack[9], ack[10], ack[11] = u8(answer >> 24), u8(answer >> 16), u8(answer >> 8), u8(answer)
note(1, ctx.tcp_raw_check_syncookie_ipv4(ip, ack))
ack[11] = u8(ack[11] ^ 4)
note(2, ctx.tcp_raw_check_syncookie_ipv4(ip, ack))
"""


def test_syn_cookies(ran: Maker) -> None:
    run = ran("xdp", COOKIES)
    syn = ethernet(0x0800, ipv4(6, tcp(1, 2, flags=2, options=b"\2\4\5\xb4")))
    run(syn)
    assert run.noted(3) == [1460, 0, -errno.EACCES]


TUNNEL = "key = array(u32, 11)\nnote(0, ctx.skb_get_tunnel_key(key, 0))\nnote(1, key[0])\nnote(2, key[1])"


def test_a_tunnel_that_packets_come_out_of(ran: Maker) -> None:
    run = ran("tc", TUNNEL)
    run(UDP)
    assert run.noted(3) == [-errno.EINVAL, 0, 0]
    run.machine.tunnel_key = (77).to_bytes(4, "little") + (0x0A000001).to_bytes(4, "little") + bytes(36)
    run(UDP)
    assert run.noted(3) == [0, 77, 0x0A000001]


def test_congestion_in_ipv6(ran: Maker) -> None:
    run = ran("cgroup_skb", "note(0, ctx.skb_ecn_set_ce())")
    marked = ethernet(0x86DD, ipv6(6, tcp(1, 2)))
    assert run(marked[:15] + b"\x20" + marked[16:]).data[15] == 0x30
    assert run[0] == 1


def test_headers_that_are_not_given(ran: Maker) -> None:
    run = ran(
        "sk_reuseport", "note(0, ctx.skb_load_bytes(2, chars(2)))\nnote(1, ctx.skb_load_bytes_relative(0, chars(2), 1))"
    )
    with pytest.raises(VmError, match="reads headers before the packet, which is given from its TCP or UDP header on"):
        run(udp(1, 2))
    assert run[0] == 0


# Maps that packets and sockets go to


def test_redirects_through_maps(ran: Maker) -> None:
    run = ran("xdp", "return ports.redirect(1, XdpAction.DROP)", "ports = DevMap(max_entries=4)")
    assert run(UDP).action is XdpAction.DROP
    assert run.machine.redirects == []
    run.loaded["ports"][1] = 1
    assert run(UDP).action is XdpAction.REDIRECT
    assert run.machine.redirects == [Redirect("redirect_map", None, 1, map="ports", key=1)]


SOCKETS = "sockets = SockMap(max_entries=4)\nnamed = SockHash(u32, max_entries=4)"


def test_sockets_that_go_into_maps(ran: Maker) -> None:
    body = notes("sockets.sock_update(1)", "named.sock_update(77)", "sockets.sock_update(1, 1)")
    run = ran("sock_ops", body, SOCKETS)
    run(op=4)
    assert run.noted(3) == [0, 0, -errno.EEXIST]
    run(op=3)
    assert run.noted(3) == [-errno.EOPNOTSUPP] * 3


MESSAGE = """
first = sockets.msg_redirect(1)
note(0, 0 if first == SkAction.DROP else 1)
return named.msg_redirect(77)
"""


def test_messages_that_go_to_sockets_of_maps(ran: Maker) -> None:
    run = ran("sk_msg", MESSAGE, SOCKETS)
    assert run(b"x").action is osmia.SkAction.DROP
    assert run[0] == 0
    sk = run.machine.object("bpf_sock")
    run.loaded["sockets"].backend.put_object(b"\1\0\0\0", sk.address, 0)
    run.loaded["named"].backend.put_object(b"\x4d\0\0\0", sk.address, 0)
    assert run(b"x").action is osmia.SkAction.PASS
    assert run[0] == 1
    assert run.machine.redirects == [
        Redirect("msg_redirect_map", None, 0, map="sockets", key=1),
        Redirect("msg_redirect_hash", None, 0, map="named", key=b"\x4d\0\0\0"),
    ]


def test_a_socket_that_is_selected(ran: Maker) -> None:
    run = ran("sk_reuseport", "note(0, group.select(1))", "group = ReusePortSockArray(max_entries=4)")
    run(udp(1, 2))
    assert run[0] == -errno.ENOENT
    sk = run.machine.object("bpf_sock", protocol=17, state=7)
    run.loaded["group"].backend.put_object(b"\1\0\0\0", sk.address, 0)
    run(udp(1, 2))
    assert run[0] == 0
    assert run.machine.redirects == [Redirect("sk_select_reuseport", None, 0, map="group", key=b"\1\0\0\0")]


def test_cgroups_of_sockets(ran: Maker, tmp_path: Path) -> None:
    run = ran(
        "tc",
        notes("groups.under(0)", "groups.under(1)", "groups.under(9)"),
        "groups = CgroupArray(max_entries=2)",
    )
    run.loaded["groups"][0] = tmp_path
    inside = run.machine.object("bpf_sock", cgroup_ids=(1, tmp_path.stat().st_ino, 5))
    run(UDP, sk=inside)
    assert run.noted(3) == [1, -errno.EAGAIN, -errno.E2BIG]
    run(UDP, sk=run.machine.object("bpf_sock"))
    assert run[0] == 0
    run(UDP, sk=None)
    assert run.noted(3) == [-errno.ENOENT] * 3


OUTPUT = """
struct { __uint(type, 4); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 4); } events SEC(".maps");
static long (*skb_output)(void *skb, void *map, u64 flags, void *data, u64 size) = (void *)111;
SEC("tp_btf/netif_receive_skb") int p(u64 *ctx) {
    u64 word = 7, flags = ctx[1];
    return skb_output((void *)ctx[0], &events, flags, &word, 8);
}
"""


def test_packets_of_the_kernel_that_go_to_perf_events() -> None:
    with Machine() as machine, osmia.load(c_object(OUTPUT), engine=machine) as loaded:
        skb = machine.object("sk_buff", memory=b"packet")
        for flags, expected in (
            (0, 0),
            (6 << 32, 0),
            (7 << 32, errno.EFAULT),
            (1 << 60, errno.EINVAL),
        ):
            assert machine.run(loaded["p"], args=[skb, flags]).value == -expected
        with pytest.raises(VmError, match="skb_output's ctx is a struct task_struct, expected a struct sk_buff"):
            machine.run(loaded["p"], args=[machine.object("task_struct"), 0])


# Time

TIMERS = """
struct bpf_timer { u64 a, b; } __attribute__((aligned(8)));
struct value { struct bpf_timer timer; u64 fired, key, restarts; };
struct {
    __uint(type, TYPE); __type(key, u32); __type(value, struct value); __uint(max_entries, 4);
} timers SEC(".maps");
static long (*bpf_map_update_elem)(void *map, void *key, void *value, u64 flags) = (void *)2;
static long (*bpf_map_delete_elem)(void *map, void *key) = (void *)3;
static long (*timer_init)(void *timer, void *map, u64 flags) = (void *)169;
static long (*timer_set_callback)(void *timer, void *callback) = (void *)170;
static long (*timer_start)(void *timer, u64 nsecs, u64 flags) = (void *)171;
static long (*timer_cancel)(void *timer) = (void *)172;
static int fire(void *map, u32 *key, struct value *value) {
    value->fired = bpf_ktime_get_ns();
    value->key = *key + 100;
    if (value->restarts) { value->restarts--; timer_start(&value->timer, 1000000, 0); }
    return 0;
}
static __noinline u64 start(u32 key, u64 delay, u64 restarts) {
    struct value *value = bpf_map_lookup_elem(&timers, &key);
    if (!value) return 99;
    value->restarts = restarts;
    if (timer_init(&value->timer, &timers, 1)) return 1;
    if (timer_set_callback(&value->timer, fire)) return 2;
    return timer_start(&value->timer, delay, 0) ? 3 : 0;
}
SEC("xdp") int begin(struct xdp_md *ctx) { return start(1, 5000000, 0) * 100 + start(2, 3000000, 2); }
SEC("xdp") int again(struct xdp_md *ctx) { return start(1, 5000000, 0); }
SEC("xdp") int stop(struct xdp_md *ctx) {
    u32 key = 1;
    struct value *value = bpf_map_lookup_elem(&timers, &key);
    if (!value) return 99;
    return timer_cancel(&value->timer) * 10 + timer_cancel(&value->timer);
}
SEC("xdp") int fill(struct xdp_md *ctx) {
    struct value value = {};
    u32 one = 1, two = 2;
    return bpf_map_update_elem(&timers, &one, &value, 0) | bpf_map_update_elem(&timers, &two, &value, 0);
}
SEC("xdp") int empty(struct xdp_md *ctx) { u32 key = 1; return bpf_map_delete_elem(&timers, &key); }
SEC("xdp") int never(struct xdp_md *ctx) {
    u32 key = 1;
    struct value *value = bpf_map_lookup_elem(&timers, &key);
    if (!value) return 99;
    return -timer_start(&value->timer, 1, 0);
}
"""


WRONG_TIMER = """
SEC("xdp") int wrong(struct xdp_md *ctx) { u64 place[2] = {}; return timer_init(place, &timers, 1); }
"""


def _fired(loaded: Any, key: int) -> tuple[int, int]:
    value = bytes(loaded["timers"].backend.lookup(key.to_bytes(4, "little")))
    return int.from_bytes(value[16:24], "little"), int.from_bytes(value[24:32], "little")


@pytest.mark.parametrize("kind", ["1", "2"])
def test_timers(kind: str) -> None:
    source = TIMERS.replace("TYPE", kind)
    with Machine() as machine, osmia.load(c_object(source), engine=machine) as loaded:
        start = machine.clock
        assert loaded["never"].test_run(UDP).return_value == (99 if kind == "1" else errno.EINVAL)
        loaded["fill"].test_run(UDP)
        assert loaded["begin"].test_run(UDP).return_value == 0
        assert machine.timers.waiting == 2
        machine.advance(0.002)
        assert _fired(loaded, 2) == (0, 0)
        machine.advance(0.002)
        assert _fired(loaded, 2) == (start + 4_000_000, 102)
        assert _fired(loaded, 1) == (0, 0)
        machine.advance(1)
        assert _fired(loaded, 1) == (start + 5_000_000, 101)
        assert _fired(loaded, 2) == (start + 5_000_000, 102)
        assert machine.clock == start + 1_004_000_000
        assert machine.timers.waiting == 0
        assert loaded["again"].test_run(UDP).return_value == 1  # it was made already


@needs_root("loads programs")
@pytest.mark.parametrize("kind", ["1", "2"])
def test_timers_in_both(kind: str) -> None:
    source = TIMERS.replace("TYPE", kind).replace("5000000", "50000000")
    steps = ("never", "fill", "begin", "again", "stop", "stop", "never", "empty", "never")
    with osmia.load(c_object(source)) as loaded:
        there = [loaded[name].test_run(UDP).return_value for name in steps]
        until = time.monotonic() + 5
        while _fired(loaded, 2)[1] != 102 and time.monotonic() < until:
            time.sleep(0.01)
        fired = _fired(loaded, 2)[1]
    with Machine() as machine, osmia.load(c_object(source), engine=machine) as loaded:
        here = [loaded[name].test_run(UDP).return_value for name in steps]
        machine.advance(1)
        assert (here, _fired(loaded, 2)[1]) == (there, fired)


def test_timers_that_are_stopped() -> None:
    source = TIMERS.replace("TYPE", "1") + WRONG_TIMER
    with Machine() as machine, osmia.load(c_object(source), engine=machine) as loaded:
        loaded["fill"].test_run(UDP)
        loaded["begin"].test_run(UDP)
        assert loaded["stop"].test_run(UDP).return_value == 10
        assert machine.timers.waiting == 1
        assert loaded["empty"].test_run(UDP).return_value == 0
        loaded["fill"].test_run(UDP)
        machine.advance(1)
        assert _fired(loaded, 1) == (0, 0)
        with pytest.raises(VmError, match="timer_init's timer lies in no value of 'timers', the map that it is given"):
            loaded["wrong"].test_run(UDP)


def test_a_timer_that_starts_itself_for_ever() -> None:
    source = TIMERS.replace("TYPE", "2").replace("value->restarts--; ", "").replace("1000000, 0); }", "0, 0); }")
    with Machine() as machine, osmia.load(c_object(source), engine=machine) as loaded:
        loaded["begin"].test_run(UDP)
        with pytest.raises(
            VmError, match="a timer of map 'timers' starts itself 10000 times without any time going by"
        ):
            machine.advance(1)


# Dynptrs and loops

DYNPTRS = """
struct { __uint(type, 2); __type(key, u32); __type(value, u64[4]); __uint(max_entries, 1); } held SEC(".maps");
struct dynptr { u64 a, b; } __attribute__((aligned(8)));
static long (*from_mem)(void *data, u32 size, u64 flags, void *ptr) = (void *)197;
static long (*read_)(void *dst, u32 len, void *src, u32 offset, u64 flags) = (void *)201;
static long (*write_)(void *dst, u32 offset, void *src, u32 len, u64 flags) = (void *)202;
static void *(*data_)(void *ptr, u32 offset, u32 len) = (void *)203;
SEC("xdp") int p(struct xdp_md *ctx) {
    u32 key = 0; u64 word = 77, *part; struct dynptr ptr;
    u64 *value = bpf_map_lookup_elem(&held, &key);
    if (!value) return 99;
    if (from_mem(value, 32, 0, &ptr)) return 1;
    if (write_(&ptr, 8, &word, 8, 0)) return 2;
    word = 0;
    if (read_(&word, 8, &ptr, 8, 0) || word != 77) return 3;
    if (read_(&word, 8, &ptr, 25, 0) != -7) return 4;
    if (write_(&ptr, 32, &word, 8, 0) != -7) return 5;
    part = data_(&ptr, 24, 8);
    if (!part) return 6;
    *part = 5;
    if (data_(&ptr, 25, 8)) return 7;
    if (from_mem(value, 32, 1, &ptr) != -22) return 8;
    if (read_(&word, 8, &ptr, 0, 0) != -22) return 9;
    return 0;
}
"""


@needs_root("loads programs")
def test_dynptrs_in_both() -> None:
    with osmia.load(c_object(DYNPTRS)) as loaded:
        assert loaded["p"].test_run(UDP).return_value == 0
        there = loaded["held"].backend.lookup(bytes(4))
    with Machine() as machine, osmia.load(c_object(DYNPTRS), engine=machine) as loaded:
        assert loaded["p"].test_run(UDP).return_value == 0
        assert loaded["held"].backend.lookup(bytes(4)) == there


LOOPS = """
static int add(u32 index, u64 *sum) { *sum += index; return index == 9; }
SEC("xdp") int p(struct xdp_md *ctx) {
    u64 sum = 0;
    long rounds = bpf_loop(100, add, &sum, 0);
    return rounds * 1000 + sum;
}
SEC("xdp") int none(struct xdp_md *ctx) { u64 sum = 0; return -bpf_loop((1 << 23) + 1, add, &sum, 0); }
SEC("xdp") int flags(struct xdp_md *ctx) { u64 sum = 0; return -bpf_loop(1, add, &sum, 1); }
"""


@needs_root("loads programs")
def test_loops_in_both() -> None:
    with (
        Machine() as machine,
        osmia.load(c_object(LOOPS), engine=machine) as here,
        osmia.load(c_object(LOOPS)) as there,
    ):
        for name, expected in (("p", 10045), ("none", errno.E2BIG), ("flags", errno.EINVAL)):
            assert here[name].test_run(UDP).return_value == there[name].test_run(UDP).return_value == expected


# What is not there


def test_what_is_not_there() -> None:
    source = """
    static long (*bpf_snprintf_btf)(void *s, u32 n, void *p, u32 m, u64 f) = (void *)149;
    SEC("xdp") int p(struct xdp_md *ctx) { u64 a[2] = {}; return bpf_snprintf_btf(a, 16, a, 16, 0); }
    """
    with Machine() as machine, pytest.raises(osmia.ObjectError) as caught:
        machine_load(machine, source)
    assert str(caught.value).startswith(
        "the object: the user-space runtime does not have what its programs ask for:\n  bpf_snprintf_btf, which is "
        "called at "
    )


def test_what_is_not_there_for_a_kind() -> None:
    source = """
    static long (*load_bytes)(void *ctx, u32 offset, void *to, u32 len) = (void *)26;
    SEC("xdp") int p(struct xdp_md *ctx) { u64 a = 0; return load_bytes(ctx, 0, &a, 8); }
    """
    with Machine() as machine, pytest.raises(osmia.ObjectError) as caught:
        machine_load(machine, source)
    assert str(caught.value).startswith(
        "the object: the user-space runtime does not have what its programs ask for:\n  bpf_skb_load_bytes, which "
        "programs of kind xdp may not call, is called at "
    )
    with Machine() as machine:
        machine.helpers[26] = lambda _run, *_: 7
        assert machine_load(machine, source)["p"].test_run(UDP).return_value == 7


def test_functions_of_the_kernel_are_in_the_same_list() -> None:
    """They are numbers of one kernel's: what is read from an object file is refused there, with their names."""
    lines = [LineInfo(0, "./probe.py", 7, 1, "    first()"), LineInfo(2, "./probe.py", 9, 1, "    second()")]
    calls = [raw.insn(0x85, src=2, imm=number) for number in (501, 501, 502)]
    asks = raw.function("asks", b"".join(calls) + raw.insn(0x85, imm=149) + raw.returns(2), lines=lines)
    plain = raw.function("plain", calls[0] + raw.returns(2))
    with Machine() as machine:
        assert refusal(osmia.ObjectError, lambda: machine.load_object(raw.spec(asks, plain))) == (
            "raw.o: the user-space runtime does not have what its programs ask for:\n"
            "  bpf_snprintf_btf, which is called at ./probe.py:9, in program asks\n"
            "  function 501 of a kernel (a kfunc), which is called at ./probe.py:7, in program asks\n"
            "  function 502 of a kernel (a kfunc), which is called at ./probe.py:9, in program asks\n"
            "  function 501 of a kernel (a kfunc), which is called at instruction 0 of plain, in program plain"
        )
        assert not machine.maps
        assert not machine.programs


def machine_load(machine: Machine, source: str) -> Any:
    return osmia.load(c_object(source), engine=machine)
