"""Programs of traffic control at interfaces of a namespace of the test's own."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

import libbpf
from cgroups import cgroup, send
from namespaces import settled
from osmia import CgroupArray, Global, KernelError, NotSupportedError, TcAction, TcContext, i64, tc, u32, u64
from osmia.compiler import PORTABLE
from osmia.compiler.cache import object_for
from osmia.headers import Ethernet, IPv4
from osmia.links.tcx import TcxLink
from this_kernel import require_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace

packets = Global(u64)
octets = Global(u64)
protocol = Global(u32)
target = Global(u32)
inside_group = Global(i64)
GROUPS = CgroupArray(max_entries=1)


@tc("ingress")
def comes_in(ctx: TcContext) -> TcAction:
    packets.value += 1
    octets.value += ctx.len
    protocol.value = ctx.protocol
    ctx.mark = 5
    ctx.tc_index += 1
    return TcAction.UNSPEC


@tc("egress", name="drops")
def goes_out(ctx: TcContext) -> TcAction:
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None:
        return TcAction.OK
    packets.value += 100
    return TcAction.SHOT if eth.ether_type == 0x88B5 else TcAction.OK


@tc("egress")
def rewrites(ctx: TcContext) -> TcAction:
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None:
        return TcAction.OK
    eth.ether_type = 0x88B6
    return TcAction.OK


@tc("egress")
def redirects(ctx: TcContext) -> TcAction:
    return ctx.redirect(target.value)


@tc("egress")
def asks(ctx: TcContext) -> TcAction:
    ip = ctx.packet.at(IPv4, 14)
    if ip is None or ip.protocol != 17:
        return TcAction.OK
    packets.value += 1
    inside_group.value = GROUPS.under(0)
    return TcAction.OK


@tc("ingress")
def divides(ctx: TcContext) -> TcAction:
    octets.value //= packets.value
    return TcAction.OK


@tc("ingress")
def counts_too(ctx: TcContext) -> TcAction:
    packets.value += 1000
    return TcAction.OK


PROGRAMS = (counts_too, comes_in, goes_out, rewrites, redirects, asks, divides)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    for each in (*PROGRAMS, packets, octets, protocol, target, inside_group, GROUPS):
        each.close()


@pytest.fixture
def inside(netns: Namespace) -> Iterator[Namespace]:
    require_kernel((6, 6), "TCX links")
    with netns.entered():
        yield netns


def test_packets_that_come_in(inside: Namespace) -> None:
    with comes_in.attach(inside.far) as link:
        assert isinstance(link, TcxLink)
        assert (link.interface, link.hook, link.gone) == (inside.far, "ingress", False)
        assert repr(link).startswith("<TcxLink of program 'comes_in' on interface 'far0' (ingress), fd ")
        inside.send(20, size=64)
        assert settled(lambda: packets.value, 20) == 20
        assert (octets.value, protocol.value) == (20 * 64, 0x88B5)
    inside.send(5)
    assert packets.value == 20


def test_packets_that_go_out_are_dropped_and_changed(inside: Namespace) -> None:
    with comes_in.attach(inside.far):
        with rewrites.attach(inside.near):
            inside.send(3)
            assert settled(lambda: packets.value, 3) == 3
            assert protocol.value == 0x88B6
        with goes_out.attach(inside.near):
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
                raw.bind((inside.near, 0))
                with pytest.raises(OSError, match="No buffer space available"):  # how a sender learns of it
                    raw.send(bytes(12) + b"\x88\xb5" + bytes(50))
            assert settled(lambda: packets.value, 103) == 103


def test_packets_that_are_redirected(inside: Namespace) -> None:
    redirects.load()
    target.value = inside_index(inside.near)
    with comes_in.attach(inside.far), redirects.attach("lo"):
        send(3)
        assert settled(lambda: packets.value, 3) == 3


def inside_index(name: str) -> int:
    from osmia.kernel.interfaces import interface_index

    return interface_index(name)


def test_under_a_cgroup(inside: Namespace) -> None:
    with cgroup() as group, asks.attach("lo"):
        group.run(lambda: send(1))
        assert (packets.value, inside_group.value) == (1, -errno.EAGAIN)
        GROUPS[0] = group.path
        group.run(lambda: send(1))
        assert (packets.value, inside_group.value) == (2, 1)
        send(1)
        assert (packets.value, inside_group.value) == (3, 0)


def test_runs_without_an_interface() -> None:
    assert comes_in.test_run(bytes(12) + b"\x88\xb5" + bytes(50)).action is TcAction.UNSPEC
    assert (packets.value, octets.value) == (1, 64)
    assert goes_out.test_run(bytes(12) + b"\x88\xb5" + bytes(50)).action is TcAction.SHOT
    packets.value = 0
    assert divides.test_run(bytes(64)).action is TcAction.SHOT
    assert [each.problem for each in divides.errors()] == ["integer division or modulo by zero"]


def test_several_programs_and_a_replacement(inside: Namespace) -> None:
    with comes_in.attach(inside.far) as first, counts_too.attach(inside.far):
        with pytest.raises(KernelError) as caught:
            comes_in.attach(inside.far)
        assert str(caught.value) == (
            "cannot attach program 'comes_in' to interface 'far0' (ingress): this program is there already (EEXIST)"
        )
        inside.send(2)
        assert settled(lambda: packets.value, 2002) == 2002
        divides.load()
        first.update(divides)
        inside.send(2)
        # The other one goes first no more: what the first returns now ends it.
        assert settled(lambda: packets.value, 2002) == 2002


def test_the_interface_goes_away(inside: Namespace) -> None:
    with comes_in.attach(inside.far) as link:
        inside.ip("link", "delete", inside.far)
        assert link.gone


def test_what_is_refused(inside: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(where: Any) -> KernelError:
        with pytest.raises(KernelError) as caught:
            comes_in.attach(where)
        return caught.value

    assert str(refused("nothing0")).startswith("there is no interface 'nothing0'")
    with pytest.raises(TypeError) as caught:
        tc("in")  # type: ignore[arg-type]
    assert str(caught.value) == "@tc: the hook is one of 'ingress', 'egress', not str 'in'"

    def too_old(**_given: int) -> int:
        raise OSError(errno.EINVAL, "")

    monkeypatch.setattr("osmia.kernel.bpf.link_create", too_old)
    monkeypatch.setattr("osmia.kernel.features.kernel_version", lambda: (6, 1))
    error = refused("lo")
    assert isinstance(error, NotSupportedError)
    assert str(error) == (
        f"cannot attach program 'comes_in' to interface 'lo' (ingress): this kernel ({os.uname().release}) has no TCX "
        "links, which Linux 6.6 brought"
    )


def test_libbpf_reads_its_sections() -> None:
    found = libbpf.read(object_for((comes_in.request, goes_out.request), PORTABLE).data).programs
    assert {name: section for name, (section, _) in found.items()} == {"comes_in": "tc/ingress", "drops": "tc/egress"}
