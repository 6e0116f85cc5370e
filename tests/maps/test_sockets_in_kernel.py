"""Maps of sockets in kernel code: connections of the tests' own that programs redirect, steer and choose among."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import libbpf
import osmia
import socket_programs as p
from osmia import Global, KernelError, XdpAction
from osmia.compiler import PORTABLE, Target
from osmia.compiler.build import checked_unit, generate
from osmia.kernel.features import kernel_version
from osmia.maps.declaration import Map
from osmia.programs.loaded import requests_of
from tcp import PATIENCE, connection, inside_cgroup, listener, received
from this_kernel import require_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace

PACKET = bytes(64)
PROGRAMS = [each for each in vars(p).values() if isinstance(each, osmia.Program)]


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    """Every test has the maps, the counters and the programs anew."""
    yield
    for program in PROGRAMS:
        program.close()
    for held in vars(p).values():
        if isinstance(held, Map | Global):
            held.close()


@contextmanager
def two_connections() -> Iterator[tuple[socket.socket, socket.socket, socket.socket, socket.socket]]:
    with connection() as (near, far), connection() as (other_near, other_far):
        yield near, far, other_near, other_far


def port(of: socket.socket) -> int:
    return int(of.getsockname()[1])


def test_a_message_goes_to_another_socket() -> None:
    p.message.load()
    with two_connections() as (near, far, _, other_far):
        with p.message.attach(p.sockets) as link:
            held = "SockMapLink" if kernel_version() >= (6, 10) else "SockMapAttachment"
            assert repr(link).startswith(f"<{held} of program 'message' on map 'sockets', fd ")
            p.sockets.update({0: near, 1: other_far})
            assert near.send(b"hello") == 5
            assert received(other_far, 5) == b"Hello"
            assert (p.times.value, p.size.value) == (1, 5)
            assert (p.local_port.value, p.remote_port.value) == (port(near), port(far))
            assert (p.remote_ip4.value, p.first.value) == (0x7F000001, port(near))
            with pytest.raises(PermissionError):
                near.send(b"x: dropped")
            assert p.times.value == 2
        del p.sockets[0]
        p.sockets[0] = near  # without the program now
        near.send(b"straight on")
        assert received(far, 11) == b"straight on"
        assert p.times.value == 2


def test_a_message_goes_to_the_socket_of_a_key() -> None:
    p.message_by_port.load()
    with two_connections() as (near, _, _, other_far), p.message_by_port.attach(p.by_port):
        p.by_port[port(near)] = other_far
        p.by_port[1] = near
        near.send(b"hello")
        assert received(other_far, 5) == b"hello"
        assert p.times.value == 1


def test_messages_of_a_stream_go_to_another_socket() -> None:
    p.parse.load()
    p.decide.load()
    with two_connections() as (near, far, other_near, other_far):
        with p.parse.attach(p.sockets), p.decide.attach(p.sockets):
            p.sockets.update({0: far, 1: other_near})
            near.send(b"\5he")
            near.send(b"llo")
            assert received(other_far, 6) == b"\5hello"
            assert (p.times.value, p.size.value, p.first.value) == (1, 6, 5)
            assert (p.local_port.value, p.remote_port.value) == (port(far), port(near))
            near.send(b"\2hi")
            assert received(other_far, 3) == b"\2hi"
            assert p.times.value == 2
        p.sockets.clear()


def test_what_comes_in_goes_to_the_socket_of_a_key() -> None:
    require_kernel((5, 13), "sk_skb/verdict")
    p.decide_by_port.load()
    with two_connections() as (near, far, _, other_far), p.decide_by_port.attach(p.by_port):
        p.by_port[port(far)] = other_far
        p.by_port[1] = far
        near.send(b"hello")
        assert received(other_far, 5) == b"hello"
        assert p.times.value == 1


def test_one_program_of_a_sort_for_a_map() -> None:
    require_kernel((6, 10), "links of maps of sockets")
    p.message.load()
    with p.message.attach(p.sockets) as link:
        with pytest.raises(KernelError) as caught:
            p.message_by_port.attach(p.sockets)
        assert str(caught.value) == (
            "cannot attach program 'message_by_port' to map 'sockets': the map has a program of this sort already, and "
            "it takes one: detach that first (EBUSY)"
        )
        with two_connections() as (near, _, _, other_far):
            link.update(p.message_by_port)
            p.sockets.update({0: near, 1: other_far})
            p.by_port[port(near)] = other_far
            near.send(b"hello")
            assert received(other_far, 5) == b"hello"
    link.detach()
    assert repr(link) == "<SockMapLink of program 'message' on map 'sockets', detached>"
    with p.message_by_port.attach(p.sockets):
        pass


def test_without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels before 6.10 attach to the map alone: it ends with the block all the same."""
    import errno

    from osmia.kernel import bpf
    from osmia.links import sock_map

    def refused(**_: int) -> int:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(bpf, "link_create", refused)
    monkeypatch.setattr(sock_map, "kernel_version", lambda: (6, 1))
    p.message.load()
    with two_connections() as (near, far, _, other_far):
        with p.message.attach(p.sockets) as link:
            assert repr(link).startswith("<SockMapAttachment of program 'message' on map 'sockets', fd ")
            p.sockets.update({0: near, 1: other_far})
            near.send(b"hello")
            assert received(other_far, 5) == b"Hello"
            p.message_by_port.load()
            link.update(p.message_by_port)
            p.sockets.clear()
            p.by_port[port(near)] = other_far
            p.sockets[0] = near
            near.send(b"hello")
            assert received(other_far, 5) == b"hello"
            for use in (lambda: link.fd, lambda: link.pin("/sys/fs/bpf/none")):
                with pytest.raises(osmia.NotSupportedError, match="has no links of maps of sockets, which Linux 6"):
                    use()
        p.sockets.clear()
        p.sockets[0] = near  # without the program now
        near.send(b"straight on")
        assert received(far, 11) == b"straight on"


def test_what_programs_are_not_attached_to() -> None:
    wrong: Any = p.message
    with pytest.raises(TypeError) as caught:
        wrong.attach(p.shared)
    assert str(caught.value).startswith(
        "message: it is attached to a SockMap or a SockHash, not to ReusePortSockArray "
    )
    other = osmia.SockMap(max_entries=1, name="other")
    with pytest.raises(
        osmia.NotLoadedError, match=r"other is not loaded: load\(\) or attach\(\) a program that uses it"
    ):
        p.message.attach(other)
    choose: Any = p.choose
    with pytest.raises(TypeError) as caught:
        choose.attach(5)
    assert str(caught.value) == "choose: it is attached to a socket, or what has its fileno(), not to int 5"
    with socket.socket() as alone, pytest.raises(KernelError) as refused:
        choose.attach(alone)
    assert str(refused.value) == (
        "cannot attach program 'choose' to sockets that share a port: the socket shares no port: set SO_REUSEPORT "
        "before it is bound (EINVAL)"
    )
    with pytest.raises(ValueError, match="choose: the socket is closed"):
        choose.attach(alone)


def test_events_put_connections_into_a_map() -> None:
    """Both ends of a connection, and none of before or after."""
    p.event.load()  # before this process moves: the compiler's worker would stay in the cgroup
    with inside_cgroup() as cgroup, connection():
        with p.event.attach(str(cgroup)), connection() as (near, far):
            keys = {(key.remote_port, key.local_port) for key in p.flows}
            assert keys == {(port(far), port(near)), (port(near), port(far))}
            assert (p.by_op[p.ACTIVE_ESTABLISHED], p.by_op[p.PASSIVE_ESTABLISHED], p.refusals.value) == (1, 1, 0)
            assert p.first.value in {1, 3}  # TCP_ESTABLISHED, TCP_SYN_RECV
        with connection():
            assert p.by_op[p.ACTIVE_ESTABLISHED] == 1
        assert len(p.flows) == 0


def test_connections_are_steered(netns: Namespace) -> None:
    """To a socket that is bound to another port; and only in the namespace."""
    p.steer.load()
    with netns.entered(), listener() as waiting, ExitStack() as links:
        p.sockets[2] = waiting
        links.enter_context(p.steer.attach())
        with socket.create_connection(("127.0.0.1", 7002), PATIENCE) as near, waiting.accept()[0] as far:
            assert far.getsockname() == ("127.0.0.1", 7002)
            assert (p.remote_ip4.value, p.remote_port.value) == (0x7F000001, port(near))
            assert (p.local_port.value, p.refusals.value) == (port(waiting), 0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 7001), PATIENCE)
        seen = p.times.value
        assert seen >= 2
        links.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 7002), PATIENCE)
        assert p.times.value == seen


def test_a_namespace_is_given(netns: Namespace) -> None:
    path = f"/run/netns/{netns.name}"
    with p.steer.attach(path) as link:
        assert repr(link).startswith(f"<NetnsLink of program 'steer' on network namespace '{path}', fd ")
    with open(path) as file, p.steer.attach(file), p.steer.attach(file.fileno()):  # noqa: PTH123 - a file is what it takes
        with netns.entered(), pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 7001), PATIENCE)
        assert p.times.value == 2
    with pytest.raises(KernelError) as caught:
        p.steer.attach("/run/netns/no such")
    assert str(caught.value) == (
        "cannot attach program 'steer': there is no network namespace '/run/netns/no such': "
        "No such file or directory (ENOENT)"
    )
    with pytest.raises(KernelError) as caught:
        p.steer.attach("/dev/null")
    assert str(caught.value) == (
        "cannot attach program 'steer' to network namespace '/dev/null': this is no network namespace (EINVAL): give "
        "one of /run/netns, or /proc/PID/ns/net"
    )
    wrong: Any = p.steer
    with pytest.raises(TypeError) as refused:
        wrong.attach(b"x")
    assert str(refused.value).startswith("steer: a network namespace is a path or a file descriptor, not bytes")


def test_a_choice_is_taken_back(netns: Namespace) -> None:
    p.leave.load()
    with netns.entered(), listener() as waiting:
        p.sockets[0] = waiting
        with p.leave.attach(), pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 7000), PATIENCE)
        assert (p.times.value, p.refusals.value) == (1, 0)


@contextmanager
def sharing(count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as held:
        made = [held.enter_context(listener(shared=True))]
        made += [held.enter_context(listener(port(made[0]), shared=True)) for _ in range(count - 1)]
        yield made


def test_one_of_the_sockets_that_share_a_port() -> None:
    p.choose.load()
    with sharing(3) as listening:
        p.shared.update(dict(enumerate(listening)))
        with p.choose.attach(listening[1]) as attached:
            for index in (2, 0, 1, 0):
                p.chosen.value = index
                with socket.create_connection(listening[0].getsockname(), PATIENCE), listening[index].accept()[0]:
                    pass
            assert p.times.value >= 4
            assert (p.first.value, p.remote_port.value) == (socket.IPPROTO_TCP, 0x0800)
            assert repr(attached) == (
                "<ReuseportAttachment of program 'choose' on sockets that share a port, attached>"
            )
        before = p.times.value
        socket.create_connection(listening[0].getsockname(), PATIENCE).close()
        assert p.times.value == before
        attached.detach()


def test_the_other_maps_of_sockets_can_be_chosen_from() -> None:
    p.choose_among_any.load()
    with sharing(2) as listening, p.choose_among_any.attach(listening[0]):
        p.by_port[5] = listening[1]
        with socket.create_connection(listening[0].getsockname(), PATIENCE), listening[1].accept()[0]:
            pass
        p.sockets[0] = listening[0]
        with socket.create_connection(listening[0].getsockname(), PATIENCE), listening[0].accept()[0]:
            pass
        assert p.times.value == 2


def test_connections_of_a_closed_socket_move_on(netns: Namespace) -> None:
    require_kernel((5, 14), "sk_reuseport/migrate")
    p.migrate.load()
    with netns.entered(), sharing(2) as listening, ExitStack() as held:
        with open("/proc/sys/net/ipv4/tcp_migrate_req", "w") as switch:  # noqa: PTH123 - of this namespace
            switch.write("1")
        p.shared.update(dict(enumerate(listening)))
        held.enter_context(p.migrate.attach(listening[1]))
        p.chosen.value = 0
        near = held.enter_context(socket.create_connection(listening[0].getsockname(), PATIENCE))
        near.send(b"hello")
        p.chosen.value = 1
        listening[0].close()
        far = held.enter_context(listening[1].accept()[0])
        far.settimeout(PATIENCE)
        assert received(far, 5) == b"hello"
        assert (p.times.value, p.local_port.value) == (1, port(listening[1]))
        assert p.first.value == socket.IPPROTO_TCP


def test_sockets_are_copied_from_map_to_map() -> None:
    """Kernel code looks a socket up, puts it elsewhere, and gives it back; user code sees it there."""
    p.copy.load()
    with connection() as (near, _):
        assert p.copy.test_run(PACKET).action is XdpAction.DROP
        p.sockets[0] = near
        assert p.copy.test_run(PACKET).action is XdpAction.PASS
        assert (dict(p.copies), dict(p.by_port)) == ({2: p.sockets[0]}, {9: p.sockets[0]})
        assert p.local_port.value == port(near)
        assert p.copy.test_run(PACKET).action is XdpAction.ABORTED
        assert p.take_out.test_run(PACKET).action is XdpAction.PASS
        assert (len(p.copies), len(p.by_port)) == (0, 0)
        assert p.take_out.test_run(PACKET).action is XdpAction.DROP


PORTABLE_PROGRAMS = ("message", "parse", "decide", "event", "steer", "choose", "copy", "take_out")
SECTIONS = (
    "sk_msg",
    "sk_skb/stream_parser",
    "sk_skb/stream_verdict",
    "sockops",
    "sk_lookup",
    "sk_reuseport",
    "xdp",
    "xdp",
)


@pytest.mark.parametrize("target", [Target("v1", (5, 10)), PORTABLE, Target("v4", (6, 12))], ids=str)
def test_objects(target: Target, tmp_path: Any) -> None:
    """On every instruction set: libbpf takes them, and so does the kernel here."""
    chosen = [getattr(p, name) for name in PORTABLE_PROGRAMS]
    unit, _ = checked_unit(requests_of("sockets", chosen), target)
    data = generate(unit, target)
    found = libbpf.read(data)
    assert {name: of[0] for name, of in found.programs.items()} == dict(zip(PORTABLE_PROGRAMS, SECTIONS, strict=True))
    sizes = {name: (of.type, of.key_size, of.value_size) for name, of in found.maps.items() if name in vars(p)}
    assert sizes == {
        "sockets": (15, 4, 8), "by_op": (2, 4, 8), "flows": (18, 8, 8), "shared": (20, 4, 8), "copies": (15, 4, 8),
        "by_port": (18, 4, 8),
    }  # fmt: skip
    if target.cpu == "v4":
        require_kernel((6, 6), "the instructions of v4")
    path = tmp_path / "sockets.o"
    path.write_bytes(data)
    with osmia.load(str(path)) as loaded, connection() as (near, far):
        assert {name: type(each) for name, each in loaded.programs.items()} == {
            each.name: type(each) for each in chosen
        }
        assert {name: each.hook for name, each in loaded.programs.items()} == {each.name: each.hook for each in chosen}
        held = loaded[p.sockets]
        with loaded[p.message].attach(held):
            held.update({0: near, 1: far})
            near.send(b"hello")
            assert received(far, 5) == b"Hello"
        assert loaded.globals["times"].value == 1
