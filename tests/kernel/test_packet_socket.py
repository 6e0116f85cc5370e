"""AF_PACKET: what comes in, on which CPU, what is lost, beside what an XDP program sees; and what is refused."""

from __future__ import annotations

import errno
import os
import resource
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import bursts
import children
import namespaces
import osmia
import packets
from one_cpu import on_cpu
from osmia import HashMap, KernelError, XdpAction, XdpContext, XdpMode, u64, xdp
from osmia.headers import Ethernet
from osmia.kernel.cpus import online_cpus
from osmia.kernel.packet_socket import BLOCK_SIZE, PacketSocket
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from namespaces import Namespace

FRAME = packets.ethernet(0x88B5, bytes(50), dst=b"\xff" * 6)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces")
pytestmark = needs_root

seen = HashMap(u64, u64, max_entries=4096)


@xdp
def look(ctx: XdpContext) -> XdpAction:
    """Count packets by CPU, length and type."""
    header = ctx.packet.at(Ethernet, 0)
    if header is None:
        return XdpAction.PASS
    key = u64(ctx.get_smp_processor_id()) << 48 | u64(len(ctx.packet)) << 16 | u64(header.ether_type)
    count = seen.lookup_or_init(key, 0)
    if count is not None:
        count.value += 1
    return XdpAction.PASS


@contextmanager
def sending(interface: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        yield raw


def received(receiver: PacketSocket, expected: int) -> Counter[tuple[int, int, int]]:
    """What comes in, by CPU, length and type; so many packets are waited for, and a little longer for more."""
    found: Counter[tuple[int, int, int]] = Counter()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and found.total() < expected:
        found += taken(receiver, 0.1)
    return found + taken(receiver, 0.05)


def taken(receiver: PacketSocket, timeout: float) -> Counter[tuple[int, int, int]]:
    found: Counter[tuple[int, int, int]] = Counter()
    for block in receiver.blocks(timeout):
        frames = block.frames
        for at, length in zip(frames.offsets, frames.lengths, strict=True):
            kind = int.from_bytes(frames.memory[at + 12 : at + 14], "big")
            found[block.cpu, length, kind] += 1
    return found


@contextmanager
def looking(interface: str, mode: XdpMode) -> Iterator[Callable[[], Counter[tuple[int, int, int]]]]:
    """The XDP program on an interface, and what it has counted: the same as `received` gives."""
    with osmia.load(look) as loaded, loaded[look].attach(interface, mode=mode):
        yield lambda: Counter(
            {(key >> 48, key >> 16 & 0xFFFFFFFF, key & 0xFFFF): count for key, count in loaded[seen].items()}
        )


@pytest.mark.parametrize("mode", [XdpMode.SKB, XdpMode.NATIVE])
def test_it_sees_what_xdp_sees_tags_of_vlans_too(netns: Namespace, mode: XdpMode) -> None:
    tagged = packets.ethernet(0x8100, packets.vlan(7, 0x88B5, bytes(50)))
    twice = packets.ethernet(0x88A8, packets.vlan(9, 0x8100, packets.vlan(7, 0x88B5, bytes(900))))
    frames = [FRAME, tagged, twice, FRAME + bytes(1440), tagged, FRAME[:14]]
    with (
        netns.entered(),
        looking("far0", mode) as of_xdp,
        PacketSocket("far0") as receiver,
        sending("near0") as raw,
    ):
        for frame in frames * 10:
            raw.send(frame)
        found = received(receiver, 60)
        assert found == of_xdp()
        assert Counter((length, kind) for _, length, kind in found.elements()) == Counter(
            (len(frame), int.from_bytes(frame[12:14], "big")) for frame in frames * 10
        )
        assert (receiver.received, receiver.lost) == (60, 0)


def test_packets_that_tcp_puts_together_are_one_on_lo_for_both(netns: Namespace) -> None:
    with netns.entered(), looking("lo", XdpMode.SKB) as of_xdp, PacketSocket("lo") as receiver:
        with socket.create_server(("127.0.0.1", 0)) as server:
            with socket.create_connection(server.getsockname()) as client:
                other, _ = server.accept()
                with other:
                    client.sendall(bytes(200_000))
                    left = 200_000
                    while left:
                        left -= len(other.recv(left))
            time.sleep(0.05)
        found = received(receiver, sum(of_xdp().values()))
        assert found == of_xdp()
        assert max(length for _, length, _ in found) > 2000, "longer than what goes over a wire"


@pytest.mark.parametrize("mode", [None, XdpMode.SKB, XdpMode.NATIVE])
def test_segments_that_come_as_one_over_a_veth_pair(netns: Namespace, mode: XdpMode | None) -> None:
    """XDP in native mode has the kernel take them apart; without it, and in generic mode, few and long ones come."""
    with namespaces.namespace() as other:
        netns.ip("link", "set", "far0", "name", "away0")
        netns.ip("link", "set", "away0", "netns", other.name)
        netns.ip("addr", "add", "192.0.2.1/24", "dev", "near0")
        other.ip("addr", "add", "192.0.2.2/24", "dev", "away0")
        other.ip("link", "set", "away0", "up")
        with ExitStack() as stack:
            with other.entered():
                of_xdp = stack.enter_context(looking("away0", mode)) if mode is not None else None
                receiver = stack.enter_context(PacketSocket("away0"))
                server = stack.enter_context(socket.create_server(("192.0.2.2", 0)))
            sender = threading.Thread(target=send_all, args=(netns, server.getsockname(), 1_000_000))
            sender.start()
            take_all(server)
            sender.join()
            found = received(receiver, receiver.received)
            if of_xdp is not None:
                assert found == of_xdp()
            longest = max(length for _, length, _ in found)
            assert (longest <= 1514, found.total() > 600) == ((mode is XdpMode.NATIVE,) * 2)


def send_all(netns: Namespace, to: tuple[str, int], size: int) -> None:
    with netns.entered(), socket.create_connection(to, timeout=10) as client:
        client.sendall(bytes(size))


def take_all(server: socket.socket) -> None:
    taken, _ = server.accept()
    with taken:
        while taken.recv(1 << 16):
            pass


def test_each_packet_comes_with_its_bytes_and_time(netns: Namespace) -> None:
    with netns.entered(), PacketSocket("far0") as receiver, sending("near0") as raw:
        before = time.time_ns()
        tagged = packets.ethernet(0x8100, packets.vlan(7, 0x88B5, bytes(range(60))))
        for frame in (FRAME, tagged):
            raw.send(frame)
        found = list(receiver.packets(5))
        found += receiver.packets(0.05)
        assert {each.data for each in found} == {FRAME, tagged}
        assert all(before - 10**9 < (each.time_ns or 0) < time.time_ns() + 10**9 for each in found)
        assert [each.original_length for each in found] == [len(each.data) for each in found]


def test_it_says_on_which_cpu_a_packet_came_in(netns: Namespace) -> None:
    """On lo the CPU that sends receives."""
    own = os.sched_getaffinity(0)
    with netns.entered(), PacketSocket("lo") as receiver, sending("lo") as raw:
        for times, cpu in enumerate(sorted(own), start=1):
            with on_cpu(cpu):
                for _ in range(10 * times):
                    raw.send(FRAME)
        expected = {cpu: 10 * times for times, cpu in enumerate(sorted(own), start=1)}
        found = received(receiver, sum(expected.values()))
        assert {cpu: count for (cpu, _, _), count in found.items()} == expected
        assert receiver.cpus == tuple(range(max(online_cpus()) + 1))


def test_what_goes_out_is_not_received(netns: Namespace) -> None:
    with netns.entered(), PacketSocket("near0") as near, PacketSocket("far0") as far, sending("near0") as raw:
        for _ in range(20):
            raw.send(FRAME)
        assert received(far, 20).total() == 20
        assert (near.received, near.lost) == (0, 0)


def test_kernels_that_do_not_leave_out_what_goes_out(netns: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osmia.kernel.packet_socket._FANOUT_IGNORE_OUTGOING", 0)
    with netns.entered(), PacketSocket("lo") as receiver, sending("lo") as raw:
        for _ in range(20):
            raw.send(FRAME)
        assert received(receiver, 20).total() == 20


def test_what_had_no_room_is_counted(netns: Namespace) -> None:
    """Nobody reads while three times as many packets come as fit into the ring of a CPU."""
    fits = 4 * BLOCK_SIZE // 128
    with on_cpu(), netns.entered(), PacketSocket("far0", ring_size=1) as receiver:
        sender = bursts.Sender("near0", FRAME)
        before = _received("far0")
        sender.send(3 * fits)
        sender.close()
        deadline = time.monotonic() + 5
        while receiver.received < 3 * fits and time.monotonic() < deadline:
            time.sleep(0.01)
        came = _received("far0") - before
        found = received(receiver, 1).total()
        assert 0 < found <= fits
        assert (receiver.received, receiver.lost) == (came, came - found)
        receiver.close()
        assert (receiver.received, receiver.lost) == (came, came - found)


def _received(interface: str) -> int:
    with open("/proc/thread-self/net/dev", encoding="ascii") as file:  # noqa: PTH123
        line = next(line for line in file if line.strip().startswith(f"{interface}:"))
    return int(line.split()[2])


def test_blocks_are_given_back_when_nobody_goes_on(netns: Namespace) -> None:
    with netns.entered(), PacketSocket("far0", ring_size=1) as receiver, sending("near0") as raw:
        for times in range(30):
            raw.send(FRAME)
            found = next(iter(receiver.blocks(5)))
            assert (times, len(found.frames)) == (times, 1)
        assert receiver.lost == 0


def test_waiting_ends_with_its_time_and_with_a_packet(netns: Namespace) -> None:
    with netns.entered(), PacketSocket("far0") as receiver, sending("near0") as raw:
        start = time.monotonic()
        assert list(receiver.blocks(0.05)) == []
        assert time.monotonic() - start >= 0.05
        assert list(receiver.blocks(0)) == []
        raw.send(FRAME)
        assert len(list(receiver.packets())) == 1


def test_an_interface_that_goes_down_and_away(netns: Namespace) -> None:
    with netns.entered(), PacketSocket("far0") as receiver:
        netns.ip("link", "set", "far0", "down")
        down = "the interface far0 is down: bring it up with `ip link set far0 up`"
        assert refusal(KernelError, lambda: list(receiver.blocks(5))) == down
        assert refusal(KernelError, lambda: PacketSocket("far0")) == down
        netns.ip("link", "set", "far0", "up")
        netns.ip("link", "delete", "near0")
        for _ in range(4):
            assert refusal(KernelError, lambda: list(receiver.blocks(5))) == "the interface far0 is gone"


def test_no_such_interface(netns: Namespace) -> None:
    with netns.entered():
        said = refusal(KernelError, lambda: PacketSocket("near"))
    assert said.startswith("there is no interface 'near'; did you mean 'near0'? Interfaces here: ")


def test_without_the_capability() -> None:
    found = children.outcome(lambda: PacketSocket("lo"), children.become_nobody)
    assert (found.error, found.attributes["errno"], found.attributes["capabilities"]) == (
        "PermissionDeniedError",
        errno.EPERM,
        ("CAP_NET_RAW",),
    )
    assert found.text == (
        "cannot receive the packets of lo: this process lacks CAP_NET_RAW. Run it as root, or give it that"
    )


def test_with_the_capability_alone(netns: Namespace) -> None:
    def count() -> int:
        with PacketSocket("lo") as receiver, sending("lo") as raw:
            raw.send(FRAME)
            return len(list(receiver.packets(5)))

    with netns.entered():
        found = children.outcome(count, children.become_nobody_with("CAP_NET_RAW"))
    assert (found.value, found.text) == (1, "")


def test_with_the_capability_in_a_namespace_that_the_network_is_not_of() -> None:
    found = children.outcome(lambda: PacketSocket("lo"), children.enter_user_namespace)
    assert (found.error, found.text) == (
        "PermissionDeniedError",
        (
            "cannot receive the packets of lo: the kernel refuses although this process has CAP_NET_RAW: it has it in "
            "another user namespace than the network's, or a security module or a seccomp filter forbids it"
        ),
    )


def test_rings_that_do_not_fit() -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))

    found = children.outcome(lambda: PacketSocket("lo", ring_size=1 << 29), limited)
    assert found.text == (
        "cannot receive the packets of lo: to take 512 MiB of memory for the packets of CPU 0: there is not so much "
        "free, or RLIMIT_AS forbids it: ask for a smaller ring (ENOMEM)"
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EAFNOSUPPORT, "this kernel has no packet sockets (CONFIG_PACKET)"),
        (errno.EMFILE, "to open a packet socket: Too many open files (EMFILE)"),
    ],
)
def test_other_refusals(number: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any) -> None:
        raise OSError(number, "")

    monkeypatch.setattr("_socket.socket", fail)
    assert refusal(KernelError, lambda: PacketSocket("lo")) == f"cannot receive the packets of lo: {text}"


@pytest.mark.full
def test_a_hundred_thousand_packets_a_second(netns: Namespace) -> None:
    """Counted in bulk by a loop in Python, without a loss; the machine has to be quiet for that."""
    count = 500_000
    with netns.entered(), PacketSocket("far0") as receiver:
        child = os.fork()
        if child == 0:
            bursts.Sender("near0", FRAME).send(count)
            os._exit(0)
        found, start = 0, time.monotonic()
        while found + receiver.lost < count and time.monotonic() - start < 30:
            found += sum(len(block.frames) for block in receiver.blocks(0.1))
        rate = found / (time.monotonic() - start)
        os.waitpid(child, 0)
    assert (found, receiver.lost) == (count, 0)
    assert rate >= 100_000, f"{rate:.0f} packets a second"
