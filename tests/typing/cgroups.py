"""Programs and maps of cgroups and sockets: what checkers accept, and the mistakes that they find."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from osmia import (
    CgroupAction,
    CgroupArray,
    CgroupSkbContext,
    CgroupSockContext,
    CgroupStorage,
    CgroupStorageKey,
    PerCpuCgroupStorage,
    PerCpuValues,
    Ref,
    SkStorage,
    XdpAction,
    cgroup_skb,
    cgroup_sock,
    struct,
    u64,
)
from osmia.contexts.kernel_structs import bpf_sock, sock_common

if TYPE_CHECKING:
    import socket
    from pathlib import Path


@struct
class Traffic:
    packets: u64 = 0


shared = CgroupStorage(Traffic)
numbers = CgroupStorage(u64)
apart = CgroupStorage(u64, key=CgroupStorageKey)
each_cpu = PerCpuCgroupStorage(u64)
groups = CgroupArray(max_entries=2)
of_sockets = SkStorage(u64)
structs = SkStorage(Traffic, name="STRUCTS")


@cgroup_skb("egress", on_error=CgroupAction.DENY)
def sends(ctx: CgroupSkbContext) -> CgroupAction:
    shared.local().packets += ctx.len
    numbers.local().value += 1
    each_cpu.local().value += 1
    assert_type(shared.local(), Traffic)
    assert_type(apart.local(), Ref[int])
    ctx.mark = 3
    ctx.mark += 1
    ctx.cb[0] = ctx.remote_ip6[3]
    sk = ctx.sk
    assert_type(sk, sock_common | None)
    if sk is None:
        return CgroupAction.DENY
    held = of_sockets.get(sk, 0)
    assert_type(held, Ref[int] | None)
    if held is not None:
        held.value += 1
    traffic = structs.get(sk)
    assert_type(traffic, Traffic | None)
    full = ctx.sk_fullsock(sk)
    assert_type(full, bpf_sock | None)
    if full is not None and full.protocol == 17 and sk.src_port == 53:
        return CgroupAction.ALLOW
    return CgroupAction.ALLOW if groups.current_task_under(0) == 1 else CgroupAction.DENY


@cgroup_sock("sock_create", on_error=CgroupAction.DENY, name="made")
def makes(ctx: CgroupSockContext) -> CgroupAction:
    ctx.priority = 3
    if of_sockets.get(ctx, 1) is None:
        return CgroupAction.DENY
    return CgroupAction.ALLOW if ctx.family == 2 else CgroupAction.DENY


def user_code(path: Path, opened: socket.socket) -> None:
    with sends.attach(path) as link, makes.attach(str(path)):
        assert_type(shared[link.cgroup_id], Traffic)
        assert_type(apart[CgroupStorageKey(cgroup_inode_id=link.cgroup_id, attach_type=1)], int)
        assert_type(each_cpu[link.cgroup_id], PerCpuValues[int])
        shared.update(link.cgroup_id, Traffic(packets=3))
        groups[0] = path
        groups.update(1, 5)
        del groups[1]
        of_sockets[opened] = 4
        assert_type(of_sockets.pop(opened), int)
        assert_type(of_sockets.get(opened.fileno()), int | None)


@cgroup_skb("egress", on_error=CgroupAction.DENY)
def mistakes(ctx: CgroupSkbContext) -> CgroupAction:
    ctx.len = 4  # type: ignore[misc]
    ctx.sk.family  # type: ignore[union-attr] # noqa: B018
    shared.lookup(1)  # type: ignore[attr-defined]
    shared.for_each(print)  # type: ignore[attr-defined]
    numbers.local() + 1  # type: ignore[operator]
    groups.tail_call(0)  # type: ignore[attr-defined]
    return XdpAction.PASS  # type: ignore[return-value]


def wrong_user_code() -> None:
    shared["x"]  # type: ignore[index]
    groups["x"] = "/"  # type: ignore[index]
    groups[0]  # type: ignore[index]
    of_sockets["x"] = 1  # type: ignore[index]
    CgroupStorage(u64, max_entries=4)  # type: ignore[call-overload]
    cgroup_skb("in", on_error=CgroupAction.DENY)  # type: ignore[arg-type]
    cgroup_skb("ingress")  # type: ignore[call-arg]
    cgroup_sock("post_bind4")  # type: ignore[call-arg]
    cgroup_sock("post_bind4", on_error=XdpAction.PASS)  # type: ignore[arg-type]
