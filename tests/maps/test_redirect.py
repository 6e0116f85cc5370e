"""Maps that packets are redirected by: real packets arrive where user code said, and programs of entries see them."""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import struct as packing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from compiled import c_object
from live_maps import live, machine
from namespaces import settled
from osmia import (
    CpuMap,
    DevMap,
    DevMapHash,
    Global,
    KernelError,
    ObjectError,
    XdpAction,
    XdpContext,
    XdpMode,
    XskMap,
    u32,
    u64,
    xdp,
)
from osmia.flags import BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS, BPF_NOEXIST
from osmia.kernel.interfaces import interface_index
from osmia.maps.redirect import CpuMapValue, DevMapValue
from refusal import refusal
from this_kernel import needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace

PORTS = DevMap(max_entries=4)
BY_NUMBER = DevMapHash(max_entries=4)
CPUS = CpuMap(max_entries=2)
SOCKETS = XskMap(max_entries=4)

seen = Global(u64)
entered = Global(u64)
last_ifindex = Global(u32)
key = Global(u32)
PACKET = b"\2" * 12 + b"\x88\xb5" + bytes(50)


@xdp
def to_port(ctx: XdpContext) -> XdpAction:
    seen.value += 1
    return PORTS.redirect(key.value, XdpAction.DROP)


@xdp
def to_number(ctx: XdpContext) -> XdpAction:
    return BY_NUMBER.redirect(7, XdpAction.PASS)


@xdp
def to_all(ctx: XdpContext) -> XdpAction:
    return BY_NUMBER.redirect(0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS)


@xdp
def to_cpu(ctx: XdpContext) -> XdpAction:
    return CPUS.redirect(1, XdpAction.ABORTED)


@xdp
def to_socket(ctx: XdpContext) -> XdpAction:
    there = SOCKETS.lookup(ctx.rx_queue_index)
    if there is None:
        return XdpAction.PASS
    return SOCKETS.redirect(ctx.rx_queue_index)


@xdp
def what_is_there(ctx: XdpContext) -> XdpAction:
    port = PORTS.lookup(key.value)
    if port is None:
        return XdpAction.DROP
    last_ifindex.value = port.ifindex
    return XdpAction.PASS


@xdp(hook="devmap")
def on_the_way_out(ctx: XdpContext) -> XdpAction:
    entered.value += 1
    last_ifindex.value = ctx.egress_ifindex
    return XdpAction.PASS


@xdp(hook="cpumap")
def on_the_cpu(ctx: XdpContext) -> XdpAction:
    entered.value += 1
    last_ifindex.value = ctx.get_smp_processor_id()
    return XdpAction.DROP


@xdp
def arrives(ctx: XdpContext) -> XdpAction:
    entered.value += 1
    return XdpAction.DROP


PROGRAMS = (to_port, to_number, to_all, to_cpu, to_socket, what_is_there, on_the_way_out, on_the_cpu, arrives)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    for each in (*PROGRAMS, PORTS, BY_NUMBER, CPUS, SOCKETS, seen, entered, last_ifindex, key):
        each.close()


@pytest.fixture
def inside(netns: Namespace) -> Iterator[Namespace]:
    """The namespace, entered, with a second pair of interfaces: `out0` and `end0`."""
    netns.ip("link", "add", "out0", "type", "veth", "peer", "name", "end0")
    for name in ("out0", "end0"):
        with netns.entered():
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
        netns.ip("link", "set", name, "up")
    with netns.entered():
        yield netns


# Packets


def test_packets_go_to_the_interface_that_user_code_says(inside: Namespace) -> None:
    to_port.load()
    PORTS[2] = "out0"
    key.value = 2
    arrives.load()
    with (
        to_port.attach(inside.far, mode=XdpMode.NATIVE),
        arrives.attach("end0", mode=XdpMode.NATIVE),
        arrives.attach("out0", mode=XdpMode.NATIVE),
    ):
        inside.send(100)
        assert settled(lambda: entered.value, 100) == 100
        assert seen.value == 100
        del PORTS[2]
        inside.send(10)
        assert settled(lambda: seen.value, 110) == 110
        assert entered.value == 100
    assert 2 not in PORTS


def test_a_program_runs_for_packets_on_their_way_out(inside: Namespace) -> None:
    to_number.load()
    assert not on_the_way_out.loaded
    BY_NUMBER.update(7, "out0", program=on_the_way_out)
    assert on_the_way_out.loaded
    with to_number.attach(inside.far, mode=XdpMode.NATIVE), arrives.attach("out0"), arrives.attach("end0"):
        inside.send(10)
        assert settled(lambda: last_ifindex.value, 1) == interface_index("out0")
        assert settled(lambda: entered.value, 20) == 20
    held = BY_NUMBER[7]
    assert held == DevMapValue(ifindex=interface_index("out0"), program_id=held.program_id)
    assert held.program_id > 0
    BY_NUMBER[7] = interface_index("out0")
    assert BY_NUMBER[7].program_id == 0


def test_packets_go_to_all_but_where_they_came_from(inside: Namespace) -> None:
    to_all.load()
    for index, name in enumerate((inside.far, "out0")):
        BY_NUMBER[index] = name
    arrives.load()
    with to_all.attach(inside.far, mode=XdpMode.NATIVE), arrives.attach("end0"), arrives.attach("out0"):
        inside.send(20)
        assert settled(lambda: entered.value, 20) == 20


def test_packets_go_to_a_cpu(inside: Namespace) -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.skip("there is one CPU")
    to_cpu.load()
    CPUS.update(1, 64, program=on_the_cpu)
    with to_cpu.attach(inside.far, mode=XdpMode.NATIVE):
        inside.send(50)
        assert settled(lambda: entered.value, 50) == 50
        assert last_ifindex.value == 1
    assert CPUS[1].qsize == 64
    assert list(CPUS) == [1]


AF_XDP = 44
SOL_XDP = 283
XDP_RX_RING, XDP_UMEM_REG, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING = 2, 4, 5, 6
XDP_MMAP_OFFSETS = 1
XDP_PGOFF_RX_RING, XDP_UMEM_PGOFF_FILL_RING = 0, 0x100000000
XDP_COPY = 2
FRAME, FRAMES = 4096, 16


def test_packets_go_to_a_socket(inside: Namespace) -> None:
    """An AF_XDP socket made by hand: memory for frames, a ring that hands them to the kernel, one that brings them."""
    to_socket.load()
    with socket.socket(AF_XDP, socket.SOCK_RAW, 0) as raw:
        frames = mmap.mmap(-1, FRAME * FRAMES)
        start = ctypes.addressof(ctypes.c_char.from_buffer(frames))
        raw.setsockopt(SOL_XDP, XDP_UMEM_REG, packing.pack("=QQIIII", start, FRAME * FRAMES, FRAME, 0, 0, 0))
        for ring in (XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING):
            raw.setsockopt(SOL_XDP, ring, FRAMES)
        # Of the rings rx, tx, fill and completion: producer, consumer, descriptors, flags.
        offsets = packing.unpack("=16Q", raw.getsockopt(SOL_XDP, XDP_MMAP_OFFSETS, 128))
        rx, fill = offsets[0:4], offsets[8:12]
        with (
            mmap.mmap(raw.fileno(), fill[2] + 8 * FRAMES, offset=XDP_UMEM_PGOFF_FILL_RING) as filling,
            mmap.mmap(raw.fileno(), rx[2] + 16 * FRAMES, offset=XDP_PGOFF_RX_RING) as received,
        ):
            for index in range(8):
                packing.pack_into("=Q", filling, fill[2] + 8 * index, FRAME * index)
            packing.pack_into("=I", filling, fill[0], 8)
            bind(raw, interface_index(inside.far))
            SOCKETS[0] = raw
            with to_socket.attach(inside.far, mode=XdpMode.NATIVE):
                inside.send(5, size=100)
                assert settled(lambda: packing.unpack_from("=I", received, rx[0])[0], 5) == 5
                address, length = packing.unpack_from("=QI", received, rx[2])
                assert length == 100
                assert frames[address : address + 14] == b"\xff" * 6 + b"\x02" * 6 + b"\x88\xb5"
                del SOCKETS[0]
                assert to_socket.test_run(PACKET).action is XdpAction.PASS


def bind(raw: socket.socket, ifindex: int) -> None:
    """Bind to the first queue of an interface, in copy mode: Python knows no addresses of AF_XDP."""
    address = packing.pack("=HHIII", AF_XDP, XDP_COPY, ifindex, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.bind(raw.fileno(), address, len(address)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def test_kernel_code_reads_what_is_there(inside: Namespace) -> None:
    what_is_there.load()
    assert what_is_there.test_run(PACKET).action is XdpAction.DROP
    key.value = 3
    PORTS[3] = "lo"
    assert what_is_there.test_run(PACKET).action is XdpAction.PASS
    assert last_ifindex.value == 1


def test_programs_share_a_map_and_find_it_again(pins: Path) -> None:
    what_is_there.load()
    PORTS[3] = "lo"
    key.value = 3
    to_port.load()
    assert to_port.test_run(PACKET).action is XdpAction.REDIRECT
    path = pins / "ports"
    PORTS.pin(str(path))
    again = DevMap(max_entries=4, name="PORTS")
    again.open(str(path))
    assert again[3] == DevMapValue(ifindex=1)
    again.close()


def test_the_action_where_nothing_is_there() -> None:
    assert to_port.test_run(PACKET).action is XdpAction.DROP
    assert to_number.test_run(PACKET).action is XdpAction.PASS
    assert to_cpu.test_run(PACKET).action is XdpAction.ABORTED


# User code


def test_entries_are_read_and_walked() -> None:
    for held in (live(DevMap(max_entries=4, name="M")), live(DevMapHash(max_entries=4, name="M"))):
        assert (len(held), list(held), 1 in held) == (0, [], False)
        held[1], held[3] = "lo", 1
        assert len(held) == 2
        assert dict(held.items()) == {1: DevMapValue(ifindex=1), 3: DevMapValue(ifindex=1)}
        assert sorted(held) == [1, 3]
        assert 1 in held
        assert "1" not in [str(each) for each in held if each == 2]
        held.clear()
        assert list(held) == []
        assert refusal(KeyError, lambda held=held: held[1]) == "M: no key 1"
        assert refusal(KeyError, lambda held=held: held.__delitem__(1)) == "M: no key 1"
        held.close()


def test_what_is_no_entry() -> None:
    wrong: Any = live(DevMap(max_entries=2, name="M"))
    there = "there is no interface 'osmia9'; there are "
    assert refusal(KernelError, lambda: wrong.__setitem__(0, "osmia9")).startswith(f"M: {there}")
    assert refusal(KernelError, lambda: wrong.__setitem__(0, "a\0b")).startswith("M: there is no interface 'a\0b'")
    if machine() is None:  # which says itself what there is
        assert refusal(KernelError, lambda: wrong.__setitem__(0, 2**31 - 1)).startswith(
            "M: there is no interface 2147483647; there are 1 (lo)"
        )
    full: Any = live(DevMapHash(max_entries=1, name="H"))
    full[7] = "lo"
    assert refusal(KernelError, lambda: full.__setitem__(8, "lo")) == (
        "cannot write key 8 of map 'H': the map holds 1 entries and no more (E2BIG)"
    )
    full.close()
    assert refusal(TypeError, lambda: wrong.__setitem__(0, 1.5)) == (
        "M: a value is the name or the index of an interface, not float 1.5"
    )
    assert refusal(ValueError, lambda: wrong.__setitem__(0, 0)) == ("M: an interface's index is 1 to 2147483647, not 0")
    outside = "M: no key 2, its keys are 0 to 1"
    assert refusal(KeyError, lambda: wrong.__setitem__(2, "lo")) == outside
    assert refusal(KeyError, lambda: wrong[2]) == outside
    assert refusal(ValueError, lambda: wrong.update(0, "lo", -1)) == "M: flags is 0 to 18446744073709551615, not -1"
    assert refusal(TypeError, lambda: wrong.update(0, "lo", None)) == "M: flags is an int, not NoneType None"
    assert refusal(KeyError, lambda: wrong[-1]) == "M: no key -1, its keys are 0 to 1"
    assert refusal(TypeError, lambda: wrong["lo"]) == "M: a key is an int (u32), not str 'lo'"
    assert 2 not in wrong
    wrong[0] = "lo"
    assert refusal(KernelError, lambda: wrong.update(0, "lo", BPF_NOEXIST)) == (
        "cannot write key 0 of map 'M': the key is there already, and the flags say that it must not be (EEXIST)"
    )
    assert refusal(TypeError, lambda: wrong.redirect(0)) == (
        "M: redirect() is for kernel code; user code says where to: M[key] = ..."
    )
    assert repr(wrong) == "<DevMap(max_entries=2) M, live>"
    wrong.close()


def test_what_is_no_cpu() -> None:
    wrong: Any = live(CpuMap(max_entries=2, name="M"))
    assert refusal(TypeError, lambda: wrong.__setitem__(0, "64")) == (
        "M: a value is an int, how many packets may wait, not str '64'"
    )
    assert refusal(ValueError, lambda: wrong.__setitem__(0, 16385)) == (
        "M: 1 to 16384 packets may wait for a CPU, not 16385"
    )
    wrong[0] = 16
    assert wrong[0] == CpuMapValue(qsize=16)
    wrong.close()


def test_what_is_no_socket() -> None:
    wrong: Any = live(XskMap(max_entries=2, name="M"))
    assert refusal(TypeError, lambda: wrong.__setitem__(0, "eth0")) == (
        "M: a value is an AF_XDP socket, open, or its file descriptor, not str 'eth0'"
    )
    closed = socket.socket()
    closed.close()
    assert refusal(TypeError, lambda: wrong.__setitem__(0, closed)).startswith(
        "M: a value is an AF_XDP socket, open, or its file descriptor, not socket"
    )
    with socket.socket() as other:
        assert refusal(KernelError, lambda: wrong.__setitem__(0, other)).startswith("cannot write key 00 00 00 00")
    assert refusal(TypeError, lambda: wrong[0]) == "M: the kernel does not tell which sockets an XskMap holds"
    assert refusal(ValueError, lambda: wrong.update(0, 0, -1)) == "M: flags is 0 to 18446744073709551615, not -1"
    assert refusal(TypeError, lambda: wrong.update(0, 0, None)) == "M: flags is an int, not NoneType None"
    assert refusal(TypeError, lambda: iter(wrong)) == "M: the kernel does not tell which sockets an XskMap holds"
    del wrong[1]  # the kernel does not tell
    wrong.clear()
    wrong.close()


def test_programs_that_are_none_of_an_entry() -> None:
    held: Any = live(DevMap(max_entries=1, name="M"))
    wanted = 'M: the program of an entry is an XDP program that is declared with @xdp(hook="devmap"), '
    assert refusal(TypeError, lambda: held.update(0, "lo", program=arrives)) == f"{wanted}and arrives is of 'xdp'"
    assert refusal(TypeError, lambda: held.update(0, "lo", program=on_the_cpu)) == (
        f"{wanted}and on_the_cpu is of 'xdp/cpumap'"
    )
    assert refusal(TypeError, lambda: held.update(0, "lo", program=5)) == f"{wanted}not int 5"
    assert refusal(TypeError, lambda: on_the_way_out.attach("lo")) == (
        "on_the_way_out is for the entries of a map and not for an interface: give it to one, "
        "`ports.update(0, interface, program=...)`"
    )
    wrong: Any = xdp
    assert (
        refusal(TypeError, lambda: wrong(hook="devmaps"))
        == '@xdp: hook is one of "devmap", "cpumap", not str \'devmaps\''
    )
    held.close()


# Objects from elsewhere

OF_C = """
struct { __uint(type, 14); __uint(max_entries, 4); __uint(key_size, 4); __uint(value_size, 4); } ports SEC(".maps");
struct { __uint(type, 16); __uint(max_entries, 2); __uint(key_size, 4); __uint(value_size, 8); } cpus SEC(".maps");
struct { __uint(type, 17); __uint(max_entries, 2); __uint(key_size, 4); __uint(value_size, 4); } sockets SEC(".maps");
static long (*bpf_redirect_map)(void *map, u64 key, u64 flags) = (void *)51;
SEC("xdp") int all(struct xdp_md *ctx) {
    long there = bpf_redirect_map(&ports, 0, 2);
    if (there != 4) return there;
    there = bpf_redirect_map(&cpus, 0, 1);
    return there == 4 ? bpf_redirect_map(&sockets, 0, 3) : there;
}
SEC("xdp/devmap") int entry(struct xdp_md *ctx) { return 2; }
"""


def test_objects_of_clang() -> None:
    with osmia.load(c_object(OF_C)) as loaded:
        ports, cpus = loaded.maps["ports"], loaded.maps["cpus"]
        assert [type(loaded.maps[name]).__name__ for name in ("ports", "cpus", "sockets")] == [
            "DevMap",
            "CpuMap",
            "XskMap",
        ]
        assert loaded["all"].test_run(PACKET).action is XdpAction.PASS
        ports[0] = "lo"
        assert ports[0] == DevMapValue(ifindex=1)
        assert loaded["all"].test_run(PACKET).action is XdpAction.DROP
        cpus[0] = 8
        assert loaded["all"].test_run(PACKET).action is XdpAction.TX
        assert loaded["entry"].hook == "devmap"
        assert refusal(TypeError, lambda: ports.update(0, "lo", program=loaded["entry"])) == (
            "ports: its values have no room for a program: they are 4 bytes, expected 8"
        )


@needs_root("loads programs")
def test_too_many_cpus() -> None:
    many = CpuMap(max_entries=1 << 20, name="many")

    @xdp
    def reaches(ctx: XdpContext) -> XdpAction:
        return many.redirect(0)

    with pytest.raises((KernelError, ObjectError)) as caught:
        reaches.load()
    assert "E2BIG" in str(caught.value)
