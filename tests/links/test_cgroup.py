"""Programs attached to cgroups of the test's own: what its processes send, receive and open."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import children
import osmia
from cgroups import Cgroup, cgroup, send
from namespaces import settled
from osmia import (
    CgroupAction,
    CgroupSkbContext,
    CgroupSockContext,
    Global,
    KernelError,
    NotLoadedError,
    cgroup_skb,
    cgroup_sock,
    u32,
    u64,
)
from osmia.headers import IPv4
from osmia.links.cgroup import CgroupLink
from osmia.maps.cgroup_directory import cgroup_root
from this_kernel import needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace

packets = Global(u64)
octets = Global(u64)
port = Global(u32)
address = Global(u32)
kept = Global(u32)
other = Global(u32)
family = Global(u32)
verdict = Global(u32)


@cgroup_skb("egress", on_error=CgroupAction.ALLOW)
def sent(ctx: CgroupSkbContext) -> CgroupAction:
    packets.value += 1
    octets.value += ctx.len
    port.value = ctx.local_port
    address.value = ctx.remote_ip4
    ctx.cb[2] = 40
    ctx.cb[2] += 2
    kept.value = ctx.cb[2]
    ctx.mark = 7
    ctx.mark += 1
    other.value = ctx.mark
    sk = ctx.sk
    if sk is not None:
        family.value = sk.family
        full = ctx.sk_fullsock(sk)
        if full is not None:
            verdict.value = full.protocol
    return CgroupAction.ALLOW


@cgroup_skb("egress", on_error=CgroupAction.DENY)
def counts_twice(ctx: CgroupSkbContext) -> CgroupAction:
    packets.value += 2
    return CgroupAction.ALLOW


@cgroup_skb("ingress", on_error=CgroupAction.ALLOW)
def drops_large(ctx: CgroupSkbContext) -> CgroupAction:
    ip = ctx.packet.at(IPv4, 0)
    if ip is None:
        return CgroupAction.DENY
    packets.value += 1
    other.value = ctx.protocol
    address.value = ip.src
    return CgroupAction.DENY if ip.total_length > 100 else CgroupAction.ALLOW


@cgroup_sock("sock_create", on_error=CgroupAction.DENY)
def no_streams(ctx: CgroupSockContext) -> CgroupAction:
    family.value = ctx.family
    ctx.mark = 77
    ctx.priority = 3
    return CgroupAction.DENY if ctx.type == 1 else CgroupAction.ALLOW


@cgroup_sock("post_bind4", on_error=CgroupAction.DENY)
def bound4(ctx: CgroupSockContext) -> CgroupAction:
    address.value = ctx.src_ip4
    port.value = ctx.src_port
    return CgroupAction.DENY if ctx.src_port == verdict.value else CgroupAction.ALLOW


@cgroup_sock("post_bind6", on_error=CgroupAction.DENY)
def bound6(ctx: CgroupSockContext) -> CgroupAction:
    address.value = ctx.src_ip6[3]
    port.value = ctx.src_port
    return CgroupAction.ALLOW


@cgroup_sock("sock_release", on_error=CgroupAction.DENY)
def released(ctx: CgroupSockContext) -> CgroupAction:
    packets.value += 1
    other.value = ctx.protocol
    return CgroupAction.ALLOW


PROGRAMS = (sent, counts_twice, drops_large, no_streams, bound4, bound6, released)
GLOBALS = (packets, octets, port, address, kept, other, family, verdict)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    for each in (*PROGRAMS, *GLOBALS):
        each.close()


@pytest.fixture
def group(netns: Namespace) -> Iterator[Cgroup]:
    """A cgroup, and a network namespace that its processes are in."""
    with cgroup() as made, netns.entered():
        yield made


def test_what_a_cgroup_sends(group: Cgroup) -> None:
    with sent.attach(group.path) as link:
        assert isinstance(link, CgroupLink)
        assert (link.cgroup, link.cgroup_id, link.gone) == (str(group.path), group.id, False)
        assert repr(link).startswith(f"<CgroupLink of program 'sent' on cgroup '{group.path}', fd ")
        came, source = group.run(lambda: send(5))
        send(3)  # this process is not in the cgroup
    assert came == 5
    assert (packets.value, octets.value) == (5, 5 * (20 + 8 + 10))
    assert (port.value, address.value) == (source, 0x7F000001)
    assert (kept.value, other.value) == (42, 8)
    assert (family.value, verdict.value) == (socket.AF_INET, socket.IPPROTO_UDP)
    group.run(lambda: send(5))
    assert packets.value == 5


def test_what_a_cgroup_receives_is_dropped_by_its_header(group: Cgroup) -> None:
    with drops_large.attach(group.path):
        assert group.run(lambda: send(4, size=10))[0] == 4
        assert group.run(lambda: send(4, size=1000))[0] == 0
    assert (packets.value, address.value, other.value) == (8, 0x7F000001, 0x0800)
    assert group.run(lambda: send(4, size=1000))[0] == 4
    assert drops_large.errors() == []


def test_by_file_descriptor_and_in_a_cgroup_below(group: Cgroup) -> None:
    number = os.open(group.path, os.O_RDONLY)
    try:
        with cgroup(group.path) as below, sent.attach(number) as link:
            assert (link.cgroup, link.cgroup_id) == (f"fd {number}", group.id)
            below.run(lambda: send(2))
        assert packets.value == 2
    finally:
        os.close(number)


def test_two_programs_see_the_same_packets(group: Cgroup) -> None:
    with sent.attach(group.path), counts_twice.attach(group.path):
        group.run(lambda: send(2))
    assert packets.value == 6


def test_a_run_without_a_cgroup() -> None:
    """The kernel is given an Ethernet frame, and hands the program what is behind that header."""
    frame = b"\2" * 12 + b"\x08\x00" + bytes([0x45, 0, 0, 200, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 2, 3]) + bytes(200)
    result = drops_large.test_run(frame)
    assert result.action is CgroupAction.DENY
    assert address.value == 0x0A010203


def test_sockets_are_refused_as_they_are_made(group: Cgroup) -> None:
    def makes() -> tuple[int, int, str]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            mark, priority = (made.getsockopt(socket.SOL_SOCKET, option) for option in (36, 12))
        try:
            socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
        except PermissionError as error:
            return mark, priority, str(error)
        return mark, priority, ""

    with no_streams.attach(group.path):
        assert group.run(makes) == (77, 3, "[Errno 1] Operation not permitted")
    assert family.value == socket.AF_INET6
    assert group.run(makes) == (0, 0, "")


def test_sockets_that_are_bound_and_go(group: Cgroup) -> None:
    def binds(kind: int, where: str) -> int:
        with socket.socket(kind, socket.SOCK_DGRAM) as made:
            made.bind((where, 0))
            return int(made.getsockname()[1])

    with bound4.attach(group.path), bound6.attach(group.path), released.attach(group.path):
        number = group.run(lambda: binds(socket.AF_INET, "127.0.0.2"))
        assert (address.value, port.value) == (0x7F000002, number)
        assert (packets.value, other.value) == (1, socket.IPPROTO_UDP)
        number = group.run(lambda: binds(socket.AF_INET6, "::1"))
        assert (address.value, port.value, packets.value) == (1, number, 2)
        verdict.value = 4321

        def refused() -> Any:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
                made.bind(("127.0.0.1", 4321))

        assert children.outcome(refused, group.enter).error == "PermissionError"


def test_replacing_and_detaching(group: Cgroup) -> None:
    with sent.attach(group.path) as link:
        counts_twice.load()
        link.update(counts_twice)
        group.run(lambda: send(3))
        assert packets.value == 6
        # The kernel would take it, and run it at the other hook.
        with pytest.raises(TypeError) as caught:
            link.update(drops_large)
        assert str(caught.value) == (
            f"cannot replace program 'sent' on cgroup '{group.path}' by 'drops_large': that is for the hook "
            "'cgroup_skb/ingress', and this link is at another one"
        )
    link.detach()
    with pytest.raises(NotLoadedError) as absent:
        print(link.cgroup_id)
    assert str(absent.value) == f"program 'sent' on cgroup '{group.path}' is detached: attach it again"
    group.run(lambda: send(3))
    assert packets.value == 6


def test_a_pin_holds_it(group: Cgroup, pins: Path) -> None:
    link = sent.attach(group.path)
    link.pin(str(pins / "link"))
    link._close()  # as if the process had ended
    group.run(lambda: send(2))
    assert packets.value == 2
    (pins / "link").unlink()
    group.run(lambda: send(2))
    assert packets.value == 2


def test_the_cgroup_goes_away() -> None:
    with cgroup() as made:
        link = sent.attach(made.path)
    assert settled(lambda: int(link.gone), 1) == 1
    assert link.cgroup_id == 0
    link.detach()


def refused(where: Any) -> KernelError:
    with pytest.raises(KernelError) as caught:
        sent.attach(where)
    return caught.value


@needs_root("loads programs")
def test_what_is_no_cgroup(tmp_path: Path) -> None:
    there = f": cgroups are below {cgroup_root()}"
    error = refused("/nowhere")
    assert (error.errno, str(error)) == (
        errno.ENOENT,
        f"cannot attach program 'sent' to cgroup '/nowhere': there is no such directory{there} (ENOENT)",
    )
    assert "there is no such directory" in str(refused("a\0b"))
    file = tmp_path / "file"
    file.touch()
    assert str(refused(file)) == f"cannot attach program 'sent' to cgroup '{file}': it is no directory (ENOTDIR)"
    error = refused("/proc")
    assert (error.errno, str(error)) == (
        errno.EBADF,
        "cannot attach program 'sent' to cgroup '/proc': it is a directory of a file system of type proc, and BPF "
        f"knows those of version 2 only{there} (EBADF)",
    )
    assert str(refused(1_000_000)) == (
        "cannot attach program 'sent' to cgroup 'fd 1000000': that is no open directory of a cgroup of version 2"
        f"{there} (EBADF)"
    )
    with pytest.raises(TypeError) as caught:
        sent.attach(1.5)  # type: ignore[arg-type]
    assert str(caught.value) == ("a cgroup is the path of its directory, or a file descriptor of it, not float 1.5")


@needs_root("loads programs")
def test_a_cgroup_of_version_1() -> None:
    first = next((line for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup " in line), "")
    if not first:
        pytest.skip("no cgroup of version 1 is mounted")
    where = first.split(" ")[4]
    assert str(refused(where)) == (
        f"cannot attach program 'sent' to cgroup '{where}': it is a cgroup of version 1, and BPF knows those of "
        f"version 2 only: cgroups are below {cgroup_root()} (EBADF)"
    )


def test_without_permission(group: Cgroup) -> None:
    sent.load()
    result = children.outcome(lambda: sent.attach(group.path), children.without_bpf(errno.EPERM))
    assert (result.error, result.text) == (
        "PermissionDeniedError",
        f"cannot attach program 'sent' to cgroup '{group.path}': the kernel refuses although this process has "
        "CAP_NET_ADMIN and CAP_BPF: kernel lockdown, a security module or a seccomp filter forbids it",
    )


def test_an_old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    sent.load()
    monkeypatch.setattr("osmia.kernel.features.kernel_version", lambda: (5, 4))

    def too_old(**_given: int) -> int:
        raise OSError(errno.EINVAL, "")

    monkeypatch.setattr("osmia.kernel.bpf.link_create", too_old)
    with cgroup() as made:
        assert str(refused(made.path)) == (
            f"cannot attach program 'sent' to cgroup '{made.path}': this kernel ({os.uname().release}) has no BPF "
            "links, which Linux 5.7 brought"
        )


def test_wrong_hooks_and_options() -> None:
    with pytest.raises(TypeError) as caught:
        cgroup_skb("in", on_error=CgroupAction.ALLOW)  # type: ignore[arg-type]
    assert str(caught.value) == "@cgroup_skb: the hook is one of 'ingress', 'egress', not str 'in'"
    with pytest.raises(TypeError) as caught:
        cgroup_skb(lambda ctx: CgroupAction.ALLOW, on_error=CgroupAction.ALLOW)  # type: ignore[arg-type]
    assert str(caught.value) == "@cgroup_skb is told its hook: `@cgroup_skb('ingress', ...)`"
    with pytest.raises(
        TypeError, match=r'^@cgroup_skb\("ingress"\) does not say what the program returns after an error'
    ):
        cgroup_skb("ingress")  # type: ignore[call-arg]
    with pytest.raises(TypeError) as caught:
        sent(None)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "sent runs in the kernel and cannot be called: attach it, or run it on a packet with sent.test_run(packet)"
    )


def test_fields_exist_in_kernel_code_only() -> None:
    with pytest.raises(TypeError) as caught:
        print(CgroupSkbContext().len)
    assert str(caught.value) == (
        "the field len of a context exists in kernel code only: a program in the kernel reads it"
    )


def test_an_object_is_loaded_again(tmp_path: Path, group: Cgroup) -> None:
    from osmia.compiler import running_kernel
    from osmia.compiler.cache import object_for

    compiled = object_for((sent.request,), running_kernel())
    path = tmp_path / "sent.o"
    path.write_bytes(compiled.data)
    with osmia.load(path) as loaded, loaded["sent"].attach(group.path):
        group.run(lambda: send(4))
        assert loaded["packets"].value == 4
