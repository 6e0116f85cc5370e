"""What programs do with maps whose values are objects, or hang on some: storage, cgroups, stacks, sockets, devices."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from osmia import (
    CgroupAction,
    CgroupArray,
    CgroupSkbContext,
    CgroupStorage,
    CgroupStorageKey,
    CgrpStorage,
    DevMap,
    Global,
    HashMap,
    InodeStorage,
    KernelError,
    LsmContext,
    Machine,
    PerCpuCgroupStorage,
    PerfEventArray,
    SkStorage,
    SockHash,
    SpinLock,
    StackTraceMap,
    TaskStorage,
    TcAction,
    TcContext,
    TpBtfContext,
    XdpAction,
    XdpContext,
    XskMap,
    cgroup_skb,
    i32,
    i64,
    lsm,
    spin_lock,
    struct,
    tc,
    tp_btf,
    u32,
    u64,
    xdp,
)
from osmia.contexts.kernel_structs import cgroup, inode, task_struct  # noqa: TC001 - the compiler looks it up
from osmia.flags import BPF_F_CURRENT_CPU
from refusal import refusal

if TYPE_CHECKING:
    from pathlib import Path

forks = TaskStorage(u64)
stacks = StackTraceMap(max_entries=16)
under = CgroupArray(max_entries=1)
answer = Global(i64)


@tp_btf("task_newtask")
def newtask(ctx: TpBtfContext, task: task_struct, clone_flags: u64) -> None:
    count = forks.get(task, 10)
    if count is not None:
        count.value += clone_flags
    own = forks.get(ctx.get_current_task_btf(), 0)
    if own is not None:
        own.value += 1
    answer.value = under.current_task_under(0)


def test_values_hang_on_tasks(tmp_path: Path) -> None:
    with Machine() as machine:
        task = machine.object("task_struct", pid=77)
        under.create()
        machine.run(newtask, task=task, clone_flags=5)
        assert answer.value == -11  # no cgroup is set
        under[0] = str(tmp_path)
        machine.task.cgroup_ids = (1, tmp_path.stat().st_ino)
        machine.run(newtask, task=task, clone_flags=1)
        assert answer.value == 1
        assert (forks[77], forks[task], forks[machine.task.pid]) == (16, 16, 2)
        del forks[77]
        machine.run(newtask, task=task, clone_flags=0)
        assert forks[task] == 10
        wrong: Any = forks
        assert refusal(TypeError, lambda: wrong["x"]) == (
            "forks: a key is the id of a process, or an object whose fileno() is a pidfd, or an object of the machine, "
            "not str 'x'"
        )


marked = InodeStorage(u64)


@lsm("inode_permission", on_error=0)
def permits(_ctx: LsmContext, inode_: inode, _mask: i32) -> int:
    mark = marked.get(inode_)
    return -13 if mark is not None and mark.value else 0


def test_values_hang_on_files(tmp_path: Path) -> None:
    secret, other = tmp_path / "secret", tmp_path / "other"
    secret.write_text("")
    with Machine() as machine:
        marked.create()
        marked[secret] = 1
        held = {name: machine.object("inode") for name in ("nobody's", "ours")}
        marked[held["ours"]] = 1
        role = f"inode {secret.stat().st_ino} of {secret.stat().st_dev}"
        found = [machine.run(permits, inode_=each).value for each in (*held.values(), machine.standing[role])]
        assert found == [0, -13, -13]
        with secret.open() as file:
            assert (marked[file], marked[file.fileno()], marked.get(other)) == (1, 1, None)
        assert refusal(KernelError, lambda: marked[1 << 20]) == (
            "cannot find the file of map 'marked': 1048576: Bad file descriptor"
        )


@struct
class Usage:
    lock: SpinLock = spin_lock()
    packets: u64 = 0
    limit: u64 = 0


usage = SkStorage(Usage)


@cgroup_skb("egress", on_error=CgroupAction.DENY)
def limits(ctx: CgroupSkbContext) -> CgroupAction:
    sk = ctx.sk
    if sk is None:
        return CgroupAction.DENY
    full = ctx.sk_fullsock(sk)
    if full is None:
        return CgroupAction.DENY
    held = usage.get(full)
    if held is None:
        return CgroupAction.ALLOW
    with held.lock:
        held.packets += 1
        over = held.packets > held.limit
    return CgroupAction.DENY if over else CgroupAction.ALLOW


def test_values_hang_on_sockets() -> None:
    with Machine() as machine, socket.socket() as real:
        usage.create()
        sk, other = machine.object("bpf_sock"), machine.object("bpf_sock")
        usage[sk] = Usage(limit=2)
        usage[real] = Usage(limit=1)
        cookie = int.from_bytes(real.getsockopt(socket.SOL_SOCKET, 57, 8), "little")
        assert usage[machine.standing[f"socket {cookie}"]].limit == 1
        frame = bytes(14) + b"\x45" + bytes(50)
        allowed = [machine.run(limits, frame, sk=each).action for each in (sk, sk, sk, other)]
        assert allowed == [CgroupAction.ALLOW, CgroupAction.ALLOW, CgroupAction.DENY, CgroupAction.ALLOW]
        assert (usage[sk].packets, usage.get(other)) == (3, None)
        allowed = [machine.run(limits, frame, sk=real).action for _ in range(2)]
        assert allowed == [CgroupAction.ALLOW, CgroupAction.DENY]
        assert usage[real].packets == 2


groups = CgrpStorage(u64)
shared = CgroupStorage(u64)
apart = CgroupStorage(u64, key=CgroupStorageKey)
each_cpu = PerCpuCgroupStorage(u64)


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def goes_out(_ctx: CgroupSkbContext) -> CgroupAction:
    shared.local().value += 1
    each_cpu.local().value += 100
    return CgroupAction.ALLOW


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def goes_out_apart(_ctx: CgroupSkbContext) -> CgroupAction:
    apart.local().value += 10
    return CgroupAction.ALLOW


@cgroup_skb("ingress", on_error=CgroupAction.ALLOW)
def comes_in_apart(_ctx: CgroupSkbContext) -> CgroupAction:
    apart.local().value += 1
    return CgroupAction.ALLOW


@tp_btf("cgroup_mkdir")
def makes_group(_ctx: TpBtfContext, cgrp: cgroup) -> None:
    count = groups.get(cgrp, 1)
    if count is not None:
        count.value += 1


def test_values_hang_on_cgroups(tmp_path: Path) -> None:
    with Machine(cpus=2) as machine:
        machine.task.cgroup_ids = (1, 44)
        frame = bytes(14) + b"\x45" + bytes(50)
        for program in (goes_out, goes_out_apart, comes_in_apart, goes_out):
            machine.run(program, frame)
            machine.cpu = 1
        assert dict(shared.items()) == {44: 2}
        assert {(key.cgroup_inode_id, key.attach_type): value for key, value in apart.items()} == {
            (44, 0): 1,
            (44, 1): 10,
        }
        assert dict(each_cpu.items()) == {44: (100, 100)}
        shared[44] = 7
        assert refusal(KernelError, lambda: shared.__setitem__(45, 1)) == (
            "cannot write key 45 of map 'shared': no program that uses the map is attached to that cgroup (ENOENT)"
        )
        groups.create()
        groups[tmp_path] = 5
        role = f"cgroup {tmp_path.stat().st_ino} of {tmp_path.stat().st_dev}"
        machine.run(makes_group, cgrp=machine.standing[role])
        assert groups[tmp_path] == 6


@tp_btf("task_newtask")
def takes_stack(_ctx: TpBtfContext, _task: task_struct, clone_flags: u64) -> None:
    answer.value = stacks.stackid(clone_flags)


def test_stacks_that_are_given() -> None:
    with Machine() as machine:
        machine.kernel_stack[:] = [9, 8, 7]
        machine.user_stack[:] = [5]
        for flags, frames in ((0, (9, 8, 7)), (2, (7,)), (256, (5,))):
            machine.run(takes_stack, clone_flags=flags)
            assert stacks[answer.value] == frames
        machine.run(takes_stack, clone_flags=3)
        assert answer.value == -14


devices = DevMap(max_entries=2)
queues = XskMap(max_entries=2)


@xdp
def looks(ctx: XdpContext) -> XdpAction:
    device = devices.lookup(1)
    if device is not None:
        answer.value = device.ifindex
    queue = queues.lookup(ctx.rx_queue_index)
    if queue is not None:
        return queues.redirect(queue.queue_id)
    return devices.redirect(1, XdpAction.DROP)


def test_redirects_find_what_is_held() -> None:
    with Machine() as machine, socket.socket() as held:
        devices.create()
        queues.create()
        assert machine.run(looks, bytes(64)).action is XdpAction.DROP
        devices[1] = 9
        assert machine.run(looks, bytes(64)).action is XdpAction.REDIRECT
        assert answer.value == 9
        queues[1] = held
        assert machine.run(looks, bytes(64), rx_queue_index=1).action is XdpAction.REDIRECT
        assert [(each.map, each.key) for each in machine.redirects] == [("devices", 1), ("queues", 1)]


sockets = SockHash(u32, max_entries=4)
copied = HashMap(u32, i64, max_entries=4)


@tc("ingress")
def copies(ctx: TcContext) -> TcAction:
    found = sockets.lookup(1)
    if found is None:
        return TcAction.SHOT
    answer.value = sockets.update(2, found)
    ctx.sk_release(found)
    copied[1] = sockets.delete(1)
    copied[2] = sockets.delete(1)
    return TcAction.OK


def test_sockets_are_copied() -> None:
    with Machine() as machine, socket.socket() as held:
        sockets.create()
        assert machine.run(copies, bytes(64)).action is TcAction.SHOT
        sockets[1] = held
        cookie = sockets[1]
        assert machine.run(copies, bytes(64)).action is TcAction.OK
        assert (answer.value, dict(copied.items())) == (0, {1: 0, 2: -2})
        assert dict(sockets.items()) == {2: cookie}


@struct
class Seen:
    length: u32


samples = PerfEventArray(Seen)


@xdp
def samples_of(ctx: XdpContext) -> XdpAction:
    answer.value = samples.output(Seen(length=u32(len(ctx.packet))), 20 << 32 | BPF_F_CURRENT_CPU)
    return XdpAction.PASS


def test_a_part_of_the_packet_follows_an_event() -> None:
    with Machine(cpus=2) as machine:
        machine.cpu = 1
        packet = bytes(range(64))
        machine.run(samples_of, packet)
        machine.run(samples_of, packet[:10])
        assert answer.value == -14
        sample = samples.samples.read(timeout=0)
        assert sample is not None
        assert (sample.event, sample.cpu, sample.packet[:20]) == (Seen(length=64), 1, packet[:20])
        assert samples.samples.read(timeout=0) is None
