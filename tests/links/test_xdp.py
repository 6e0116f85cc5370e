"""XDP programs attached to the interfaces of a namespace of the test's own."""

from __future__ import annotations

import errno
import os
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest

import children
import raw_programs as raw
from namespaces import settled
from osmia.contexts.xdp import XdpMode
from osmia.errors import KernelError, NotLoadedError
from osmia.kernel.netlink import xdp_state
from osmia.links.xdp import XdpLink, attach_xdp
from osmia.loader.load import LoadedObject, load_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace
    from osmia.kernel.map import KernelMap

MODES = {XdpMode.SKB: "generic", XdpMode.NATIVE: "native"}


@pytest.fixture
def counter() -> Iterator[LoadedObject]:
    with load_object(raw.counter()) as loaded:
        yield loaded


@pytest.fixture
def inside(netns: Namespace) -> Iterator[Namespace]:
    """The namespace, entered."""
    with netns.entered():
        yield netns


def total(counter: LoadedObject | KernelMap) -> int:
    live = counter.maps["counter"] if isinstance(counter, LoadedObject) else counter
    value = live.lookup(bytes(4))
    assert value is not None
    return sum(struct.unpack(f"={len(value) // 8}Q", value))


@pytest.mark.parametrize("mode", MODES)
def test_packets_are_counted(inside: Namespace, counter: LoadedObject, mode: XdpMode) -> None:
    """Exactly those that were sent, and none after the block."""
    with attach_xdp(counter.programs["counts"], inside.far, mode) as link:
        assert isinstance(link, XdpLink)
        assert (link.mode, link.mode_name) == (mode, MODES[mode])
        assert (link.interface, link.gone) == (inside.far, False)
        assert xdp_state(link.ifindex).programs == {MODES[mode]: counter.programs["counts"].info().id}
        inside.send(1000)
        assert settled(lambda: total(counter), 1000) == 1000
    inside.send(10)
    assert settled(lambda: total(counter), 1000) == 1000
    assert xdp_state(link.ifindex).programs == {}


def test_automatic_mode(inside: Namespace, counter: LoadedObject) -> None:
    """Native where the driver can, else generic; the link says which."""
    with (
        attach_xdp(counter.programs["counts"], inside.far) as on_veth,
        attach_xdp(counter.programs["counts"], "lo") as on_lo,
    ):
        assert (on_veth.mode, on_veth.mode_name) == (XdpMode.NATIVE, "native")
        assert (on_lo.mode, on_lo.mode_name) == (XdpMode.SKB, "generic")
    with attach_xdp(counter.programs["counts"], 1) as by_index:
        assert (by_index.interface, by_index.ifindex) == ("lo", 1)


def test_detaching(inside: Namespace, counter: LoadedObject) -> None:
    link = attach_xdp(counter.programs["counts"], "lo")
    fd = link.fd
    assert not os.get_inheritable(fd)
    link.detach()
    link.detach()
    assert xdp_state(1).programs == {}
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    for use in (
        lambda: link.fd,
        lambda: link.update(counter.programs["counts"]),
        lambda: link.pin("/x"),
        lambda: link.mode,
        lambda: link.gone,
    ):
        with pytest.raises(NotLoadedError, match=r"^program 'counts' on interface 'lo' is detached: attach it again$"):
            use()
    assert repr(link) == "<XdpLink of program 'counts' on interface 'lo', detached>"


def test_an_exception_detaches(inside: Namespace, counter: LoadedObject) -> None:
    with pytest.raises(ZeroDivisionError), attach_xdp(counter.programs["counts"], "lo"):
        assert 1 // 0
    assert xdp_state(1).programs == {}


def test_without_a_with_statement(inside: Namespace, counter: LoadedObject) -> None:
    """The program stays attached although nothing refers to the link or to the program."""
    attach_xdp(counter.programs["counts"], inside.far)
    with load_object(raw.passes()) as other:
        attach_xdp(other.programs["passes"], "lo")
    inside.send(3)
    assert settled(lambda: total(counter), 3) == 3
    assert list(xdp_state(1).programs) == ["generic"]
    from osmia import links

    for each in list(links._attached):
        each.detach()
    assert xdp_state(1).programs == {}


def test_replacing(inside: Namespace, counter: LoadedObject) -> None:
    """Another program takes the place of the first while packets flow: the same link, the same mode."""
    with load_object(raw.counter(raw.PER_CPU_COUNTER, "second")) as second:
        with attach_xdp(counter.programs["counts"], inside.far) as link:
            inside.send(5)
            assert settled(lambda: total(counter), 5) == 5
            link.update(second.programs["second"])
            inside.send(7)
            assert xdp_state(link.ifindex).programs == {"native": second.programs["second"].info().id}
            assert link.mode_name == "native"
        assert settled(lambda: total(second), 7) == 7
        assert total(counter) == 5


def test_no_packet_escapes_a_replacement(inside: Namespace) -> None:
    """While programs replace one another without end, every packet is counted by one of them."""
    sent = 0
    done = threading.Event()

    def send() -> None:
        nonlocal sent
        while not done.is_set():
            inside.send(50)
            sent += 50

    with load_object(raw.counter()) as first, load_object(raw.counter(raw.PER_CPU_COUNTER, "second")) as second:
        programs = [second.programs["second"], first.programs["counts"]]
        with attach_xdp(programs[1], inside.far) as link:
            sender = threading.Thread(target=send)
            sender.start()
            swaps = 0
            deadline = time.monotonic() + 30
            while swaps < 20 or (not (total(first) and total(second)) and time.monotonic() < deadline):
                link.update(programs[swaps % 2])
                swaps += 1
            done.set()
            sender.join()
        assert total(first) + total(second) == sent
        assert total(first) > 0
        assert total(second) > 0


def test_the_interface_goes_away(inside: Namespace, counter: LoadedObject) -> None:
    with attach_xdp(counter.programs["counts"], inside.far) as link:
        inside.ip("link", "delete", inside.far)
        assert link.gone
        with pytest.raises(KernelError) as caught:
            link.update(counter.programs["counts"])
        assert str(caught.value) == (
            "cannot replace program 'counts' on interface 'far0' by 'counts': what it was attached to is gone (ENOLINK)"
        )
        with pytest.raises(
            KernelError,
            match=r"^cannot tell how program 'counts' on interface 'far0' is attached: the interface is gone$",
        ):
            print(link.mode)


def refused(counter: LoadedObject, interface: str | int, mode: XdpMode = XdpMode.AUTO) -> KernelError:
    with pytest.raises(KernelError) as caught:
        attach_xdp(counter.programs["counts"], interface, mode)
    return caught.value


def test_no_such_interface(inside: Namespace, counter: LoadedObject) -> None:
    lists = "Interfaces here: lo (1), "
    there = ", ".join(f"{name} ({index})" for index, name in __import__("socket").if_nameindex())
    assert there.startswith("lo (1), ")
    for interface, text in (
        ("eth99", f"there is no interface 'eth99'. Interfaces here: {there}"),
        ("far1", f"there is no interface 'far1'; did you mean 'far0'? Interfaces here: {there}"),
        ("", f"there is no interface ''. Interfaces here: {there}"),
        ("a\0b", f"there is no interface 'a\\x00b'. Interfaces here: {there}"),
        ("a" * 300, f"there is no interface '{'a' * 300}'. Interfaces here: {there}"),
        ("1", "there is no interface '1'; for the interface with index 1 give the integer"),
        (4_000_000, f"there is no interface with index 4000000. Interfaces here: {there}"),
        (0, f"no interface has index 0: indices are 1 to 2147483647. Interfaces here: {there}"),
        (-1, f"no interface has index -1: indices are 1 to 2147483647. Interfaces here: {there}"),
        (1 << 32, f"no interface has index 4294967296: indices are 1 to 2147483647. Interfaces here: {there}"),
    ):
        error = refused(counter, interface)
        assert (error.errno, str(error)) == (errno.ENODEV, text)
    assert lists


@pytest.mark.parametrize("interface", [None, 1.0, True, b"lo"])
def test_what_is_no_interface(counter: LoadedObject, interface: object) -> None:
    with pytest.raises(TypeError, match=r"^an interface is a name or an index, not "):
        attach_xdp(counter.programs["counts"], interface)  # type: ignore[arg-type]


def test_modes_that_the_driver_lacks(inside: Namespace, counter: LoadedObject) -> None:
    error = refused(counter, "lo", XdpMode.NATIVE)
    assert (error.errno, str(error)) == (
        errno.EOPNOTSUPP,
        (
            "cannot attach program 'counts' to interface 'lo' in native mode: its driver has no XDP (Operation not "
            "supported (EOPNOTSUPP)). Generic mode works on every interface: `--mode skb`, or XdpMode.SKB"
        ),
    )
    for interface, number, words in (
        ("lo", errno.EOPNOTSUPP, "Operation not supported (EOPNOTSUPP)"),
        ("far0", errno.EINVAL, "Invalid argument (EINVAL)"),
    ):
        error = refused(counter, interface, XdpMode.OFFLOAD)
        assert (error.errno, str(error)) == (
            number,
            (
                f"cannot attach program 'counts' to interface '{interface}' in offload mode: its network card does not "
                f"run programs ({words}). Generic mode works on every interface: `--mode skb`, or XdpMode.SKB"
            ),
        )
    inside.ip("link", "set", inside.near, "mtu", "9000")
    error = refused(counter, inside.far, XdpMode.NATIVE)
    assert str(error).startswith(
        "cannot attach program 'counts' to interface 'far0' in native mode: its driver does not run XDP with the "
        "interface's settings, such as its MTU ("
    )


def test_a_program_is_there_already(inside: Namespace, counter: LoadedObject) -> None:
    with attach_xdp(counter.programs["counts"], "lo"):
        number = counter.programs["counts"].info().id
        error = refused(counter, "lo")
        assert (error.errno, str(error)) == (
            errno.EBUSY,
            (
                f"cannot attach program 'counts' to interface 'lo': the interface has an XDP program already (id "
                f"{number}, generic), and it takes one (Device or resource busy (EBUSY)). See whose it is with "
                "`bpftool link` or `bpftool net`: it goes when its process ends, or with `ip link set dev NAME xdp off`"
            ),
        )
    with attach_xdp(counter.programs["counts"], inside.far, XdpMode.SKB):
        error = refused(counter, inside.far, XdpMode.NATIVE)
        assert error.errno in (errno.EEXIST, errno.EBUSY)
        assert f"the interface has an XDP program already (id {number}, generic), and it takes one" in str(error)


def test_without_permission(inside: Namespace, counter: LoadedObject) -> None:
    """A program that somebody else loaded is attached without any capability by this kernel; others may want one."""
    result = children.outcome(
        lambda: attach_xdp(counter.programs["counts"], "lo").mode_name, children.without_bpf(errno.EPERM)
    )
    assert (result.error, result.text) == (
        "PermissionDeniedError",
        (
            "cannot attach program 'counts' to interface 'lo': the kernel refuses although this process has "
            "CAP_NET_ADMIN and CAP_BPF: kernel lockdown, a security module or a seccomp filter forbids it"
        ),
    )
    result = children.outcome(
        lambda: attach_xdp(counter.programs["counts"], "lo").mode_name,
        children.become_nobody,
    )
    if result.error:
        assert result.text == (
            "cannot attach program 'counts' to interface 'lo': this process lacks CAP_NET_ADMIN and CAP_BPF. Run it as "
            "root, or give it those"
        )


def test_an_old_kernel(inside: Namespace, counter: LoadedObject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osmia.kernel.features.kernel_version", lambda: (5, 4))
    error = refused(counter, inside.far, XdpMode.OFFLOAD)  # EINVAL, as an old kernel answers to any link
    assert str(error) == (
        f"cannot attach program 'counts' to interface 'far0' in offload mode: this kernel ({os.uname().release}) has "
        "no XDP by BPF link, which Linux 5.9 brought"
    )
