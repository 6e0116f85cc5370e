"""SkStorage: values that programs of cgroups and user code hang on sockets."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

import libbpf
import osmia
from cgroups import Cgroup, cgroup
from compiled import c_object
from osmia import (
    CgroupAction,
    CgroupSkbContext,
    CgroupSockContext,
    Global,
    KernelError,
    SkStorage,
    cgroup_skb,
    cgroup_sock,
    i64,
    spin_lock,
    struct,
    u32,
    u64,
)
from osmia.compiler import PORTABLE
from osmia.compiler.cache import object_for
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace


@struct
class Usage:
    lock: osmia.SpinLock = spin_lock()
    packets: u64 = 0
    limit: u64 = 0


COUNTS = SkStorage(u64)
USAGE = SkStorage(Usage)
deleted = Global(i64)


@cgroup_skb("egress", on_error=CgroupAction.DENY)
def counts(ctx: CgroupSkbContext) -> CgroupAction:
    sk = ctx.sk
    if sk is None:
        return CgroupAction.ALLOW
    count = COUNTS.get(sk, 5)
    if count is None:
        return CgroupAction.DENY
    count.value += 1
    return CgroupAction.ALLOW


@cgroup_skb("egress", on_error=CgroupAction.DENY)
def limits(ctx: CgroupSkbContext) -> CgroupAction:
    sk = ctx.sk
    if sk is None:
        return CgroupAction.ALLOW
    full = ctx.sk_fullsock(sk)
    if full is None:
        return CgroupAction.ALLOW
    usage = USAGE.get(full)
    if usage is None:
        return CgroupAction.ALLOW
    with usage.lock:
        usage.packets += 1
        over = usage.packets > usage.limit
    return CgroupAction.DENY if over else CgroupAction.ALLOW


@cgroup_skb("egress", on_error=CgroupAction.DENY)
def deletes(ctx: CgroupSkbContext) -> CgroupAction:
    sk = ctx.sk
    if sk is not None:
        deleted.value = COUNTS.delete(sk)
    return CgroupAction.ALLOW


@cgroup_sock("sock_create", on_error=CgroupAction.DENY)
def made(ctx: CgroupSockContext) -> CgroupAction:
    count = COUNTS.get(ctx, 100)
    return CgroupAction.DENY if count is None else CgroupAction.ALLOW


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    for each in (counts, limits, deletes, made, COUNTS, USAGE, deleted):
        each.close()


@pytest.fixture
def group(netns: Namespace) -> Iterator[Cgroup]:
    with cgroup() as own, netns.entered():
        yield own


def pair() -> tuple[socket.socket, socket.socket]:
    """Two UDP sockets, each of which sends to the other."""
    one, other = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    other.bind(("127.0.0.1", 0))
    one.connect(other.getsockname())
    other.connect(one.getsockname())
    return one, other


def test_each_socket_has_its_own(group: Cgroup) -> None:
    def inside() -> None:
        one, other = pair()
        for _ in range(3):
            one.send(b"x")
        other.send(b"x")
        assert (COUNTS[one], COUNTS[other.fileno()]) == (8, 6)
        COUNTS[one] = 1000
        one.send(b"x")
        assert COUNTS.get(one) == 1001
        assert COUNTS.pop(one) == 1001
        assert one not in COUNTS
        assert COUNTS.get(one, 7) == COUNTS.pop(one, 7) == 7
        with pytest.raises(KeyError, match="COUNTS: no key <socket"):
            COUNTS[one]
        with pytest.raises(KeyError, match="COUNTS: no key <socket"):
            del COUNTS[one]
        COUNTS.update(one, 3, 1)
        assert refusal(KernelError, lambda: COUNTS.update(one, 3, 1)).endswith("flags say that it must not be (EEXIST)")
        del COUNTS[one]
        # It goes with the socket: another one that is given the same number has none.
        number = other.fileno()
        other.close()
        with socket.socket(type=socket.SOCK_DGRAM) as again:
            assert again.fileno() == number
            assert again not in COUNTS

    with counts.attach(group.path):
        group.run(inside)


def test_user_code_limits_a_socket(group: Cgroup) -> None:
    def inside() -> None:
        one, other = pair()
        USAGE[one] = Usage(limit=2)
        one.send(b"x")
        one.send(b"x")
        with pytest.raises(PermissionError):
            one.send(b"x")
        other.send(b"x")
        assert (USAGE[one].packets, other in USAGE) == (3, False)

    with limits.attach(group.path):
        group.run(inside)


def test_a_program_deletes(group: Cgroup) -> None:
    def inside() -> None:
        one, _other = pair()
        COUNTS[one] = 1
        one.send(b"x")
        assert (deleted.value, one in COUNTS) == (0, False)
        one.send(b"x")
        assert deleted.value == -2  # ENOENT

    with deletes.attach(group.path):
        group.run(inside)


def test_the_context_is_the_socket(group: Cgroup) -> None:
    def inside() -> int:
        with socket.socket(type=socket.SOCK_DGRAM) as own:
            return COUNTS[own]

    with made.attach(group.path):
        assert group.run(inside) == 100


def test_what_it_refuses() -> None:
    counts.load()
    storage: Any = COUNTS
    assert refusal(TypeError, lambda: storage["x"]) == (
        "COUNTS: a key is an open socket or its file descriptor, not str 'x'"
    )
    number = os.open("/dev/null", os.O_RDONLY)
    try:
        assert refusal(KernelError, lambda: storage[number]) == (
            f"cannot read socket {number} of map 'COUNTS': Socket operation on non-socket (ENOTSOCK)"
        )
    finally:
        os.close(number)
    with socket.socket() as own:
        assert refusal(OverflowError, lambda: storage.update(own, -1)) == (
            "COUNTS: a value is a u64, 0 to 18446744073709551615, not -1"
        )
    assert refusal(TypeError, lambda: list(storage)).startswith(
        "COUNTS: the kernel does not walk the values of a socket"
    )
    assert repr(COUNTS) == "<SkStorage(u64) COUNTS, live>"
    assert refusal(ValueError, lambda: SkStorage(u32, name="S", flags=2)).startswith("S: ")


CLANG = """
struct __sk_buff { u32 before[42]; void *sk; };
struct { __uint(type, 24); __uint(map_flags, 1); __type(key, int); __type(value, u64); } sizes SEC(".maps");
static void *(*bpf_sk_storage_get)(void *, void *, void *, u64) = (void *)107;
SEC("cgroup_skb/egress") int sends(struct __sk_buff *ctx)
{
    void *sk = ctx->sk;
    u64 *size = sk ? bpf_sk_storage_get(&sizes, sk, 0, 1) : 0;
    if (size)
        *size += *(u32 *)ctx;
    return 1;
}
"""


def test_objects_of_clang_and_for_libbpf(group: Cgroup) -> None:
    data = object_for((counts.request, limits.request), PORTABLE).data
    found = {
        name: (each.type, each.key_size, each.value_size, each.max_entries, each.flags)
        for name, each in libbpf.read(data).maps.items()
    }
    assert found["COUNTS"] == (24, 4, 8, 0, 1)
    assert found["USAGE"] == (24, 4, 24, 0, 1)
    for each in (data, c_object(CLANG)):
        with osmia.load(each) as loaded:
            name, program = ("COUNTS", "counts") if each is data else ("sizes", "sends")

            def inside(held: Any = loaded[name]) -> int:
                one, _other = pair()
                one.send(b"12")
                return int(held[one])

            with loaded[program].attach(group.path):
                assert group.run(inside) == (6 if each is data else 30)
                assert type(loaded[name]) is SkStorage
