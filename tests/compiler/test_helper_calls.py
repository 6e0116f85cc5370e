"""Calls of helpers: each that XDP may call is called in a program that loads here, or is listed with the reason."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from memory_programs import CPUS, KERNEL, results, run, running, source
from osmia.abi.generated.helpers import HELPERS
from osmia.compiler import Target
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path

TUPLE = """
@struct
class Tuple:
    source: be32 = 0
    destination: be32 = 0
    source_port: be16 = 0
    port: be16 = 0
@struct
class Number:
    held: i64 = 0
@struct
class Addresses:
    bytes: Chars = chars(64)
@struct
class Ring:
    value: u64 = 0
@struct
class Locked:
    lock: SpinLock = spin_lock()
    n: u32 = 0
ring = RingBuf(u64, size=4096)
tails = ProgramArray(XdpContext, max_entries=1)
counts = HashMap(u32, u32, max_entries=4)
locked = Array(Locked, max_entries=1)
"""
SOCKET = "found = ctx.sk_lookup_tcp(Tuple(), -1)\nif found is not None:\n"
RELEASE = "    ctx.sk_release(found)\n"


def of_a_socket(call: str) -> str:
    return SOCKET + f"    {call}\n" + RELEASE


# By helper: what calls it.
CALLS = {
    "map_lookup_elem": "out.value = (count := counts.lookup(x)) is None",
    "map_update_elem": "out.value = counts.update(x, 1)",
    "map_delete_elem": "out.value = counts.delete(x)",
    "ktime_get_ns": "out.value = ctx.ktime_get_ns() > 0",
    "trace_printk": "out.value = ctx.trace_printk('x is %u %d %d\\n', x, 2, 3)",
    "get_prandom_u32": "out.value = ctx.get_prandom_u32()",
    "get_smp_processor_id": "out.value = ctx.get_smp_processor_id()",
    "tail_call": "tails.tail_call(ctx, 0)",
    "get_current_pid_tgid": "out.value = i64(ctx.get_current_pid_tgid())",
    "get_current_uid_gid": "out.value = i64(ctx.get_current_uid_gid())",
    "get_current_comm": "name = chars(16)\nout.value = ctx.get_current_comm(name)",
    "get_cgroup_classid": "out.value = ctx.get_cgroup_classid()",
    "redirect": "return ctx.redirect(x, 0) if x > 5 else XdpAction.PASS",
    "csum_diff": "out.value = ctx.csum_diff(None, array(u32, 2), 0)",
    "get_current_task": "out.value = ctx.get_current_task() != 0",
    "get_numa_node_id": "out.value = ctx.get_numa_node_id()",
    "xdp_adjust_head": "out.value = ctx.adjust_head(4)",
    "xdp_adjust_meta": "out.value = ctx.adjust_meta(-4)",
    "xdp_adjust_tail": "out.value = ctx.adjust_tail(-4)",
    "fib_lookup": "params = Addresses()\nout.value = ctx.fib_lookup(params)",
    "get_current_cgroup_id": "out.value = ctx.get_current_cgroup_id() != 0",
    "sk_lookup_tcp": of_a_socket("out.value = 1"),
    "sk_lookup_udp": "s = ctx.sk_lookup_udp(Tuple(), -1, 0)\nif s is not None:\n    ctx.sk_release(s)",
    "sk_release": of_a_socket("out.value = 1"),
    "spin_lock": "v = locked.lookup(0)\nif v is not None:\n    with v.lock:\n        v.n += 1",
    "spin_unlock": "v = locked.lookup(0)\nif v is not None:\n    with v.lock:\n        v.n += 1",
    "skc_lookup_tcp": "s = ctx.skc_lookup_tcp(Tuple(), -1)\nif s is not None:\n    ctx.sk_release(s)",
    "tcp_check_syncookie": of_a_socket("out.value = ctx.tcp_check_syncookie(found, chars(20), chars(20))"),
    "strtol": "n = Number()\nout.value = ctx.strtol('-12', 10, ref(n.held)) * 1000 + n.held",
    "strtoul": "n = Number()\nout.value = ctx.strtoul('ff', 16, ref(n.held)) * 1000 + n.held",
    "send_signal": "out.value = ctx.send_signal(0)",
    "tcp_gen_syncookie": of_a_socket("out.value = ctx.tcp_gen_syncookie(found, chars(20), chars(20))"),
    "probe_read_user": "out.value = ctx.probe_read_user(chars(8), 0)",
    "probe_read_kernel": "task = chars(8)\nout.value = ctx.probe_read_kernel(task, ctx.get_current_task())",
    "probe_read_user_str": "out.value = ctx.probe_read_user_str(chars(8), 0)",
    "probe_read_kernel_str": "out.value = ctx.probe_read_kernel_str(chars(8), ctx.get_current_task())",
    "send_signal_thread": "out.value = ctx.send_signal_thread(0)",
    "jiffies64": "out.value = ctx.jiffies64() > 0",
    "get_ns_current_pid_tgid": "pair = array(u32, 2)\nout.value = ctx.get_ns_current_pid_tgid(4, 4026531836, pair)",
    "get_current_ancestor_cgroup_id": "out.value = i64(ctx.get_current_ancestor_cgroup_id(0))",
    "ktime_get_boot_ns": "out.value = ctx.ktime_get_boot_ns() > 0",
    "ringbuf_output": "out.value = ring.output(5)",
    "ringbuf_reserve": "with ring.reserve() as event:\n    if event is not None:\n        event.value = x",
    "ringbuf_submit": "with ring.reserve() as event:\n    if event is not None:\n        event.value = x",
    "ringbuf_discard": "with ring.reserve() as event:\n    if event is not None:\n        ring.discard(event)",
    "skc_to_tcp6_sock": of_a_socket("out.value = (other := ctx.skc_to_tcp6_sock(found)) is None"),
    "skc_to_tcp_sock": of_a_socket("out.value = (other := ctx.skc_to_tcp_sock(found)) is None"),
    "skc_to_tcp_timewait_sock": of_a_socket("out.value = (other := ctx.skc_to_tcp_timewait_sock(found)) is None"),
    "skc_to_tcp_request_sock": of_a_socket("out.value = (other := ctx.skc_to_tcp_request_sock(found)) is None"),
    "skc_to_udp6_sock": of_a_socket("out.value = (other := ctx.skc_to_udp6_sock(found)) is None"),
    "skc_to_unix_sock": of_a_socket("out.value = (other := ctx.skc_to_unix_sock(found)) is None"),
    "skc_to_mptcp_sock": of_a_socket("out.value = (other := ctx.skc_to_mptcp_sock(found)) is None"),
    "get_task_stack": "out.value = ctx.get_task_stack(ctx.get_current_task_btf(), array(u64, 8)) > 0",
    "snprintf_btf": "out.value = ctx.snprintf_btf(chars(32), array(u64, 2))",
    "get_current_task_btf": "task = ctx.get_current_task_btf()\nout.value = ctx.get_task_stack(task, chars(64), 0) > 0",
    "ktime_get_coarse_ns": "out.value = ctx.ktime_get_coarse_ns() > 0",
    "check_mtu": "n = array(u32, 1)\nout.value = ctx.check_mtu(0, ref(n[0]), 0)",
    "snprintf": "text = chars(16)\nout.value = ctx.snprintf(text, 'x=%d', array(u64, 1))",
    "task_pt_regs": "regs = ctx.task_pt_regs(ctx.get_current_task_btf())",
    "get_branch_snapshot": "out.value = ctx.get_branch_snapshot(array(u64, 12))",
    "trace_vprintk": "out.value = ctx.trace_vprintk('%d %d\\n', array(u64, 2))",
    "strncmp": "out.value = ctx.strncmp(chars(4), 'abc')",
    "xdp_get_buff_len": "out.value = i64(ctx.get_buff_len())",
    "xdp_load_bytes": "out.value = ctx.load_bytes(0, chars(6))",
    "xdp_store_bytes": "out.value = ctx.store_bytes(0, b'abc')",
    "tcp_raw_gen_syncookie_ipv4": "out.value = ctx.tcp_raw_gen_syncookie_ipv4(chars(20), chars(20))",
    "tcp_raw_gen_syncookie_ipv6": "out.value = ctx.tcp_raw_gen_syncookie_ipv6(chars(40), chars(20))",
    "tcp_raw_check_syncookie_ipv4": "out.value = ctx.tcp_raw_check_syncookie_ipv4(chars(20), chars(20))",
    "tcp_raw_check_syncookie_ipv6": "out.value = ctx.tcp_raw_check_syncookie_ipv6(chars(40), chars(20))",
    "ktime_get_tai_ns": "out.value = ctx.ktime_get_tai_ns() != 0",
}
# What osmia's programs cannot call yet, and why.
NOT_CALLED = {
    "maps of types that osmia does not have": (
        "perf_event_read",
        "perf_event_output",
        "current_task_under_cgroup",
        "redirect_map",
        "perf_event_read_value",
        "map_push_elem",
        "map_pop_elem",
        "map_peek_elem",
        "task_storage_get",
        "task_storage_delete",
        "cgrp_storage_get",
        "cgrp_storage_delete",
    ),
    "operations that osmia's maps do not have": ("map_lookup_percpu_elem", "ringbuf_query"),
    "callbacks": ("for_each_map_elem", "find_vma", "loop"),
    "dynptrs of memory": ("dynptr_from_mem",),
    "what rings do, in test_dynptrs and test_user_ring": (
        "user_ringbuf_drain",
        "ringbuf_reserve_dynptr",
        "ringbuf_submit_dynptr",
        "ringbuf_discard_dynptr",
        "dynptr_read",
        "dynptr_write",
        "dynptr_data",
    ),
    "timers": ("timer_init", "timer_set_callback", "timer_start", "timer_cancel"),
    "pointers kept in maps": ("kptr_xchg",),
    "the kernel's own variables": ("per_cpu_ptr", "this_cpu_ptr"),
    "programs that sleep": ("copy_from_user", "copy_from_user_task"),
}


def test_each_helper_of_xdp_is_called_or_listed() -> None:
    listed = [name for names in NOT_CALLED.values() for name in names]
    assert sorted([*CALLS, *listed]) == sorted(name for name, row in HELPERS.items() if "xdp" in row.kinds)


@pytest.mark.parametrize("name", CALLS)
def test_a_program_that_calls_it_loads(tmp_path: Path, name: str) -> None:
    with running(tmp_path, TUPLE, CALLS[name]) as loaded:
        loaded["program"].test_run(bytes(64))
        assert loaded["program"].errors() == []


# What is each side's own: the user-space runtime has a thread and numbers of its own, and no stack unless a test says.
OWN = (
    *("get_prandom_u32", "get_smp_processor_id", "get_current_pid_tgid", "get_current_uid_gid"),
    *("get_task_stack", "get_current_task_btf"),
)
ABSENT = ("snprintf_btf",)


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ABSENT])
def test_a_machine_gives_the_same(tmp_path: Path, name: str) -> None:
    with running(tmp_path, TUPLE, CALLS[name]) as loaded:
        expected = run(loaded)
    with osmia.Machine() as machine, running(tmp_path, TUPLE, CALLS[name], engine=machine) as loaded:
        found = run(loaded)
    assert found[0] == expected[0]
    assert name in OWN or found == expected


def test_what_a_machine_does_not_have(tmp_path: Path) -> None:
    for name in ABSENT:
        with (
            osmia.Machine() as machine,
            pytest.raises(osmia.ObjectError, match=f"bpf_{name}, which is called at "),
            running(tmp_path, TUPLE, CALLS[name], engine=machine),
        ):
            pass


@pytest.mark.parametrize("cpu", CPUS)
def test_results(tmp_path: Path, cpu: str) -> None:
    """One call of each form, for each instruction set: what goes in and comes out."""
    expected = {
        "strtol": 3 * 1000 - 12,
        "strtoul": 2 * 1000 + 0xFF,
        "snprintf": len("x=0") + 1,
        "strncmp": -1,
        "xdp_get_buff_len": 64,
        "xdp_adjust_head": 0,
        "get_current_uid_gid": (os.getgid() << 32) | os.getuid(),
        "map_delete_elem": -2,
        "trace_printk": len("x is 0 2 3\n"),
        "probe_read_user": -14,
    }
    for name, value in expected.items():
        with running(tmp_path, TUPLE, CALLS[name], cpu) as loaded:
            found = results(loaded, 0)[0]
            assert (name, min(max(found, -1), 1) if name == "strncmp" else found) == (name, value)


@pytest.mark.parametrize("cpu", CPUS)
def test_texts(tmp_path: Path, cpu: str) -> None:
    """Constant texts lie in memory that cannot change; the same one lies there once."""
    body = (
        "text = chars(16)\nvalues = array(u64, 2)\nvalues[0] = x\nvalues[1] = 7\n"
        "n = ctx.snprintf(text, 'x=%d,%d', values)\n"
        "out.value = n * 100 + (text == 'x=5,7') * 10 + (ctx.strncmp(text, 'x=5,7') == 0)\n"
        "name = chars(16)\n"
        "ctx.get_current_comm(name)\n"
        "if name == 'python' or ctx.strncmp(name, 'x=5,7') != 0:\n    out.value += 10000\n"
    )
    with running(tmp_path, "LIMIT = setting(u32, 3)\n", body + "out.value += LIMIT * 100000", cpu) as loaded:
        assert results(loaded, 5, 6) == [310000 + 600 + 11, 310000 + 600]
        assert loaded.settings == {"LIMIT": 3}
    with running(tmp_path, "", body, cpu) as loaded:
        assert results(loaded, 5) == [10000 + 600 + 11]


@pytest.mark.parametrize("cpu", CPUS)
def test_functions_of_osmia_helpers(tmp_path: Path, cpu: str) -> None:
    module = (
        "from osmia.helpers import get_current_pid_tgid, ktime_get_ns\ndef now() -> u64:\n    return ktime_get_ns()\n"
    )
    body = "a = now()\nout.value = (now() >= a) + i64(get_current_pid_tgid() >> 32) * 10"
    with running(tmp_path, module, body, cpu) as loaded:
        assert results(loaded, 0) == [1 + os.getpid() * 10]


@pytest.mark.parametrize("cpu", CPUS)
def test_numbers_wrap_at_the_widths_of_the_helper(tmp_path: Path, cpu: str) -> None:
    """A u32 argument takes 64 bits of a register: what is above must be gone."""
    body = "big = (u64(1) << 32) + x\nbytes = chars(4)\nout.value = ctx.load_bytes(u32(big), bytes) * 1000 + bytes[0]"
    with running(tmp_path, "", body, cpu) as loaded:
        loaded["given"][0] = 2
        packet = bytes(range(10, 74))
        loaded["program"].test_run(packet)
        assert loaded["result"][0] == 12


FIND = (
    "wanted = Tuple(destination=0x7f000001, port=x)\n"
    "found = ctx.sk_lookup_tcp(wanted, -1)\n"
    "if found is None:\n    return XdpAction.PASS\n"
    "ctx.sk_release(found)\n"
    "out.value = 1"
)


@pytest.mark.parametrize("cpu", CPUS)
def test_a_socket_is_found(netns: Any, tmp_path: Path, cpu: str) -> None:
    with netns.entered(), socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        with running(tmp_path, TUPLE, FIND, cpu) as loaded:
            assert results(loaded, port, port ^ 1) == [1, 0]


def test_a_socket_that_is_not_released(tmp_path: Path) -> None:
    with (
        pytest.raises(osmia.VerifierError) as caught,
        running(tmp_path, TUPLE, FIND.replace("ctx.sk_release(found)", "")),
    ):
        pass
    assert "Unreleased reference" in str(caught.value)


def refusal(directory: Path, body: str, target: Target, license_: str = "") -> str:
    text = source(TUPLE + (f"LICENSE = {license_!r}\n" if license_ else ""), body)
    with pytest.raises(osmia.CompileError) as caught:
        osmia.load(module_from(directory, text), target=target)
    return "\n".join([caught.value.problem, *caught.value.__notes__])


def test_helpers_that_the_target_lacks(tmp_path: Path) -> None:
    assert refusal(tmp_path, "out.value = i64(ctx.get_buff_len())", Target("v3", (5, 10))) == (
        "get_buff_len needs a newer kernel than this is compiled for\n"
        "found: get_buff_len(), which programs of kind xdp may call since Linux 5.18\n"
        "expected: what Linux 5.10 has, the oldest kernel that the object is for\n"
        "fix: compile it for newer kernels: `osmia build --kernel 5.18`"
    )
    # A helper that is old, but that programs of this kind may call only lately.
    assert refusal(tmp_path, "out.value = ctx.get_cgroup_classid()", Target("v3", (6, 12))) == (
        "get_cgroup_classid needs a newer kernel than this is compiled for\n"
        "found: get_cgroup_classid(), which programs of kind xdp may call since Linux 6.18\n"
        "expected: what Linux 6.12 has, the oldest kernel that the object is for\n"
        "fix: compile it for newer kernels: `osmia build --kernel 6.18`"
    )


def test_helpers_for_the_gpl_alone(tmp_path: Path) -> None:
    body = "out.value = ctx.trace_printk('hello')"
    assert refusal(tmp_path, body, Target("v4", KERNEL), "Proprietary") == (
        "trace_printk is for programs under the GPL\n"
        "found: LICENSE = 'Proprietary'\n"
        "expected: one of GPL, GPL v2, GPL and additional rights, Dual BSD/GPL, Dual MIT/GPL, Dual MPL/GPL\n"
        "fix: license the program so, or leave the call out"
    )
    for license_ in ("Dual BSD/GPL", "GPL v2"):
        with running(tmp_path, f"LICENSE = {license_!r}\n", body) as loaded:
            assert results(loaded, 0) == [len("hello")]
    with running(tmp_path, "LICENSE = 'Proprietary'\n", "out.value = ctx.ktime_get_ns() > 0") as loaded:
        assert results(loaded, 0) == [1]


def test_a_helper_that_newer_kernels_took_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No helper of XDP is gone yet, so one is made that is."""
    monkeypatch.setitem(HELPERS["jiffies64"].until, "xdp", (6, 12))
    body = "out.value = ctx.jiffies64() > 0"
    assert refusal(tmp_path, body, Target("v4", (6, 12))) == (
        "jiffies64 is gone from the kernel that this is compiled for\n"
        "found: jiffies64(), which programs of kind xdp may call before Linux 6.12\n"
        "expected: what Linux 6.12 has\n"
        "fix: see docs/helpers.md for what each kind may call"
    )
    with osmia.load(module_from(tmp_path, source(TUPLE, body)), target=Target("v4", (6, 11))) as loaded:
        assert results(loaded, 0) == [1]


@pytest.mark.parametrize("cpu", CPUS)
def test_big_endian_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu: str) -> None:
    """No helper of XDP takes one, so an offset into the packet is said to be one."""
    monkeypatch.setattr(HELPERS["xdp_load_bytes"].arguments[1], "type", "__be16")
    body = (
        "one = chars(1)\ntwo = chars(1)\n"
        "out.value = ctx.load_bytes(x, one) + ctx.load_bytes(0x0300, two) + one[0] + two[0] * 1000"
    )
    with running(tmp_path, "", body, cpu) as loaded:
        for x, offset in ((0, 0), (0x0200, 2), (0x10500, 5)):
            assert run(loaded, x, bytes(range(10, 74)))[1] == 10 + offset + 13000
