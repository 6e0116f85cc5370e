"""Maps of cgroups: what programs of a cgroup keep for it, and which cgroup a task is in, on both sides."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import libbpf
import osmia
from cgroups import Cgroup, cgroup, send
from compiled import c_object
from osmia import (
    CgroupAction,
    CgroupArray,
    CgroupSkbContext,
    CgroupStorage,
    CgroupStorageKey,
    Global,
    HashMap,
    KernelError,
    PerCpuCgroupStorage,
    cgroup_skb,
    i64,
    struct,
    u32,
    u64,
)
from osmia.compiler import PORTABLE, Target
from osmia.compiler.cache import object_for
from osmia.maps.cgroup_directory import cgroup_root
from refusal import refusal
from this_kernel import require_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from namespaces import Namespace


@struct
class Traffic:
    packets: u64 = 0
    octets: u64 = 0
    allowed: u64 = 0


SHARED = CgroupStorage(Traffic)
APART = CgroupStorage(u64, key=CgroupStorageKey)
EACH_CPU = PerCpuCgroupStorage(u64)
GROUPS = CgroupArray(max_entries=2)
ANSWERS = HashMap(u32, i64, max_entries=4)
outside = Global(u32)


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def goes_out(ctx: CgroupSkbContext) -> CgroupAction:
    traffic = SHARED.local()
    traffic.packets += 1
    traffic.octets += ctx.len
    EACH_CPU.local().value += 1
    return CgroupAction.ALLOW if traffic.allowed else CgroupAction.DENY


@cgroup_skb("ingress", on_error=CgroupAction.ALLOW)
def comes_in(ctx: CgroupSkbContext) -> CgroupAction:
    SHARED.local().packets += 100
    return CgroupAction.ALLOW


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def goes_out_apart(ctx: CgroupSkbContext) -> CgroupAction:
    APART.local().value += 1
    return CgroupAction.ALLOW


@cgroup_skb("ingress", on_error=CgroupAction.ALLOW)
def comes_in_apart(ctx: CgroupSkbContext) -> CgroupAction:
    APART.local().value += 100
    return CgroupAction.ALLOW


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def asks(ctx: CgroupSkbContext) -> CgroupAction:
    ANSWERS[0] = GROUPS.current_task_under(0)
    ANSWERS[1] = GROUPS.current_task_under(1)
    ANSWERS[2] = GROUPS.current_task_under(outside.value)
    return CgroupAction.ALLOW


MAPS = (SHARED, APART, EACH_CPU, GROUPS, ANSWERS)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    for each in (goes_out, comes_in, goes_out_apart, comes_in_apart, asks, *MAPS, outside):
        each.close()


@pytest.fixture
def group(netns: Namespace) -> Iterator[Cgroup]:
    with cgroup() as made, netns.entered():
        yield made


def test_values_of_a_cgroup(group: Cgroup) -> None:
    """Programs count, user code reads; user code allows, and programs let packets through."""
    with goes_out.attach(group.path), comes_in.attach(group.path):
        assert dict(SHARED) == {group.id: Traffic()}
        assert group.run(lambda: send(3))[0] == 0
        assert SHARED[group.id] == Traffic(packets=3, octets=3 * 38)
        SHARED[group.id] = Traffic(allowed=1)
        assert group.run(lambda: send(2))[0] == 2
        assert SHARED[group.id] == Traffic(packets=202, octets=2 * 38, allowed=1)
        assert EACH_CPU[group.id].sum() == 5
        EACH_CPU[group.id] = [10] * len(EACH_CPU[group.id])
        group.run(lambda: send(1))
        assert EACH_CPU[group.id].sum() == 10 * len(EACH_CPU[group.id]) + 1
        assert SHARED.update(group.id, Traffic(packets=9)) == 0
        assert (len(SHARED), group.id in SHARED, 1 in SHARED, SHARED.get(1)) == (1, True, False, None)


def test_each_hook_has_its_own(group: Cgroup) -> None:
    with goes_out_apart.attach(group.path), comes_in_apart.attach(group.path):
        group.run(lambda: send(3))
        out, into = (CgroupStorageKey(cgroup_inode_id=group.id, attach_type=hook) for hook in (1, 0))
        assert dict(APART) == {out: 3, into: 300}
        APART[out] = 1000
        group.run(lambda: send(1))
        assert (APART[out], APART[into]) == (1001, 400)


def test_each_cgroup_has_its_own(group: Cgroup) -> None:
    with cgroup(group.path) as below, cgroup() as beside, goes_out.attach(below.path), goes_out.attach(beside.path):
        below.run(lambda: send(2))
        beside.run(lambda: send(3))
        assert {key: value.packets for key, value in SHARED.items()} == {below.id: 2, beside.id: 3}
        assert set(EACH_CPU) == {below.id, beside.id}


def test_many_cgroups(group: Cgroup) -> None:
    """Walking gives each of them once, and nothing else."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        made = [stack.enter_context(cgroup(group.path)) for _ in range(40)]
        for each in made:
            stack.enter_context(goes_out.attach(each.path))
        assert sorted(SHARED) == sorted(each.id for each in made)
        assert len(list(SHARED.items())) == len(EACH_CPU) == 40


def test_what_storage_refuses(group: Cgroup) -> None:
    with goes_out.attach(group.path):
        assert refusal(KeyError, lambda: SHARED[1]) == "SHARED: no key 1"
        none = "no program that uses the map is attached to that cgroup (ENOENT)"
        assert (
            refusal(KernelError, lambda: SHARED.__setitem__(1, Traffic()))
            == f"cannot write key 1 of map 'SHARED': {none}"
        )
        assert refusal(KernelError, lambda: EACH_CPU.__setitem__(1, [0] * len(EACH_CPU[group.id]))) == (
            f"cannot write key 1 of map 'EACH_CPU': {none}"
        )
        assert (
            refusal(KernelError, lambda: SHARED.update(1, Traffic())) == f"cannot write key 1 of map 'SHARED': {none}"
        )
        assert refusal(TypeError, SHARED.local) == (
            "SHARED: local() is for kernel code; in user code write m[cgroup_id]"
        )
        assert refusal(TypeError, EACH_CPU.local).startswith("EACH_CPU: local() is for kernel code; ")
        assert refusal(OverflowError, lambda: SHARED[-1]) == (
            "SHARED: a key is a u64, 0 to 18446744073709551615, not -1"
        )
        assert refusal(ValueError, lambda: EACH_CPU.__setitem__(group.id, [1])).startswith("EACH_CPU: a value is ")
    assert refusal(TypeError, lambda: CgroupStorage(u64, key=u32, name="M")) == (
        "M: its keys are u64 (a cgroup's id) or CgroupStorageKey, not u32"
    )
    assert repr(SHARED) == "<CgroupStorage(Traffic) SHARED, live>"


def test_which_cgroup_a_task_is_in(group: Cgroup) -> None:
    require_kernel((6, 18), "current_task_under_cgroup for programs of cgroups")
    asks.load()
    outside.value = 7
    with cgroup(group.path) as below, asks.attach(group.path):
        GROUPS[0] = below.path
        group.run(lambda: send(1))
        assert dict(ANSWERS) == {0: 0, 1: -11, 2: -7}
        below.run(lambda: send(1))
        assert dict(ANSWERS) == {0: 1, 1: -11, 2: -7}
        number = os.open(group.path, os.O_RDONLY)
        try:
            assert GROUPS.update(1, number) == 0
        finally:
            os.close(number)
        group.run(lambda: send(1))
        assert dict(ANSWERS) == {0: 0, 1: 1, 2: -7}
        del GROUPS[0]
        group.run(lambda: send(1))
        assert dict(ANSWERS) == {0: -11, 1: 1, 2: -7}
        GROUPS.clear()
        group.run(lambda: send(1))
        assert dict(ANSWERS) == {0: -11, 1: -11, 2: -7}
        assert refusal(KeyError, lambda: GROUPS.__delitem__(0)) == "GROUPS: no cgroup at 0"


def test_what_an_array_of_cgroups_refuses() -> None:
    require_kernel((6, 18), "current_task_under_cgroup for programs of cgroups")
    asks.load()
    groups: Any = GROUPS
    there = f"cgroups are below {cgroup_root()}"
    assert refusal(KeyError, lambda: groups.__setitem__(2, "/")) == "GROUPS: no index 2, it has 0 to 1"
    assert refusal(KernelError, lambda: groups.__setitem__(0, "/nowhere")) == (
        f"cannot put into map 'GROUPS' cgroup '/nowhere': there is no such directory: {there} (ENOENT)"
    )
    assert refusal(KernelError, lambda: groups.__setitem__(0, "/proc")) == (
        "cannot put into map 'GROUPS' cgroup '/proc': it is a directory of a file system of type proc, and BPF knows "
        f"those of version 2 only: {there} (EBADF)"
    )
    assert refusal(TypeError, lambda: groups.__setitem__(0, None)) == (
        "a cgroup is the path of its directory, or a file descriptor of it, not NoneType None"
    )
    unreadable = "GROUPS: the kernel does not tell which cgroups it holds: keep their paths"
    for use in (lambda: groups[0], lambda: list(groups), lambda: 0 in groups):
        assert refusal(TypeError, use) == unreadable
    assert refusal(TypeError, lambda: groups.under(0)) == (
        "GROUPS: under() is for kernel code: only a program there has a packet or a task"
    )
    assert len(GROUPS) == 2
    assert repr(GROUPS) == "<CgroupArray(max_entries=2) GROUPS, live>"


def test_libbpf_takes_the_objects(tmp_path: Path, group: Cgroup) -> None:
    data = object_for((goes_out.request, goes_out_apart.request), PORTABLE).data
    # The helper came to this kind late.
    maps = libbpf.read(data).maps | libbpf.read(object_for((asks.request,), Target("v3", (6, 18))).data).maps
    found = {name: (each.type, each.key_size, each.value_size, each.max_entries) for name, each in maps.items()}
    assert found["SHARED"] == (19, 8, 24, 0)
    assert found["APART"] == (19, 16, 8, 0)
    assert found["EACH_CPU"] == (21, 8, 8, 0)
    assert found["GROUPS"] == (8, 4, 4, 2)
    path = tmp_path / "cgroups.o"
    path.write_bytes(data)
    with osmia.load(path) as loaded, loaded["goes_out"].attach(group.path):
        group.run(lambda: send(2))
        assert loaded[SHARED][group.id].packets == 2
        assert len(loaded["APART"]) == 0


CLANG = """
struct __sk_buff;
struct key { u64 cgroup_inode_id; u32 attach_type; };
struct { __uint(type, 19); __type(key, u64); __type(value, u64); } counts SEC(".maps");
struct { __uint(type, 8); __uint(max_entries, 3); __uint(key_size, 4); __uint(value_size, 4); } groups SEC(".maps");
static void *(*bpf_get_local_storage)(void *map, u64 flags) = (void *)81;
static long (*bpf_current_task_under_cgroup)(void *map, u32 index) = (void *)37;
SEC("cgroup_skb/egress") int sends(struct __sk_buff *ctx)
{
    *(u64 *)bpf_get_local_storage(&counts, 0) += 1;
    return bpf_current_task_under_cgroup(&groups, 2) == 1;
}
"""


def test_an_object_of_clang(group: Cgroup) -> None:
    require_kernel((6, 18), "current_task_under_cgroup for programs of cgroups")
    with osmia.load(c_object(CLANG)) as loaded, loaded["sends"].attach(group.path):
        assert group.run(lambda: send(2))[0] == 0
        loaded["groups"][2] = group.path
        assert group.run(lambda: send(2))[0] == 2
        assert dict(loaded["counts"]) == {group.id: 4}
        assert isinstance(loaded["counts"], CgroupStorage)
