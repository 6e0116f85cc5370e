"""`Vm` and `Kernel`: the same questions of both, and what each refuses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from osmia import (
    CaptureError,
    HashMap,
    NotLoadedError,
    ObjectError,
    RingBuf,
    SkAction,
    SkMsgContext,
    XdpAction,
    XdpContext,
    load,
    log,
    pcap,
    sk_msg,
    u8,
    u32,
    u64,
    xdp,
)
from osmia.headers import IPv4
from osmia.kernel.interfaces import interface_index
from osmia.kernel.map import KernelMap
from osmia.kernel.netlink import xdp_state
from osmia.logs.ring import LOG_RING
from osmia.testing import Kernel, Vm, replay
from osmia.testing.packets import ethernet, icmp, ipv4, tcp, udp
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from osmia.testing import Engine, Namespace

hits = HashMap(u8, u64, max_entries=16)
seen = RingBuf(u32, size=4096)
PACKET = ethernet() / ipv4() / udp(dst=53) / b"payload"


@xdp
def by_protocol(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, 14)
    if ip is None:
        return XdpAction.PASS
    count = hits.lookup_or_init(ip.protocol, 0)
    if count is None:
        return XdpAction.ABORTED
    count.value += 1
    return XdpAction.DROP if ip.protocol == 6 else XdpAction.PASS


@xdp
def noting(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, 14)
    if ip is not None:
        seen.output(u32(ip.src))
        log.info(f"from {ip.src:ip}")
    return XdpAction.PASS


@xdp
def printing(ctx: XdpContext) -> XdpAction:
    ctx.trace_printk(f"{len(ctx.packet)} bytes")
    return XdpAction.PASS


@sk_msg
def messages(_ctx: SkMsgContext) -> SkAction:
    return SkAction.PASS


@pytest.fixture(params=[Vm, Kernel])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param is Kernel and os.geteuid() != 0:
        pytest.skip("the kernel needs root")
    with request.param() as made:
        yield made


def test_a_run(engine: Engine) -> None:
    result = engine.run(by_protocol, PACKET)
    assert result.action is XdpAction.PASS
    assert result.data == PACKET
    assert hits[17] == 1
    # What is loaded by other means is in the engine too.
    assert by_protocol.test_run(PACKET).action is XdpAction.PASS
    assert hits[17] == 2


def test_a_replay(engine: Engine) -> None:
    found = replay(by_protocol, [PACKET, ethernet() / ipv4() / tcp(), bytes(64), ethernet() / ipv4() / icmp(), PACKET])
    assert found.counts == {XdpAction.PASS: 4, XdpAction.DROP: 1}
    assert [each.action.name for each in found.results] == ["PASS", "DROP", "PASS", "PASS", "PASS"]
    assert repr(found) == "<Replay of 5 packets through by_protocol: PASS 4, DROP 1>"
    assert dict(hits.items()) == {17: 2, 6: 1, 0: 1, 1: 1}
    assert len(replay(by_protocol, (PACKET for _ in range(10)), limit=3)) == 3


def test_events_and_logs(engine: Engine) -> None:
    engine.run(noting, PACKET)
    engine.run(noting, PACKET.changed(IPv4, src="10.0.0.9"))
    assert engine.events(seen) == [0x0A000001, 0x0A000009]
    assert engine.events(seen) == []
    assert engine.messages == ["from 10.0.0.1", "from 10.0.0.9"]
    assert [record.levelname for record in engine.logs] == ["INFO", "INFO"]
    assert engine.last is not None
    assert engine.last.lines()[-1] == "logged: from 10.0.0.9"


def test_what_is_printed() -> None:
    with Vm() as vm:
        vm.run(printing, PACKET)
        assert vm.trace == ["49 bytes"]
        assert vm.last is not None
        assert vm.last.lines()[-1] == "printed: 49 bytes"


def test_what_the_kernel_had_is_closed() -> None:
    if os.geteuid() != 0:
        pytest.skip("the kernel needs root")
    with Vm() as vm:
        # In the block of a machine the kernel is the kernel, and afterwards the machine is there again.
        with Kernel() as kernel:
            assert kernel.run(noting, PACKET).action is XdpAction.PASS
            hits.create()
            assert isinstance(hits.backend, KernelMap)
        assert not noting.loaded
        assert not hits.live
        assert refusal(NotLoadedError, lambda: seen.read(0)) == "seen is closed: load() a program that uses it"
        assert vm.run(by_protocol, PACKET).action is XdpAction.PASS
        assert not isinstance(hits.backend, KernelMap)


def test_the_ring_of_logs_is_left_to_who_logs() -> None:
    if os.geteuid() != 0:
        pytest.skip("the kernel needs root")
    with Kernel():
        loaded = load(noting)
    assert LOG_RING.live
    loaded.close()
    assert not LOG_RING.live


def test_captures(tmp_path: Path, engine: Engine) -> None:
    packets = [pcap.Packet(bytes(PACKET), time_ns=5_000_000_000 + second * 1_000_000_000) for second in range(4)]
    packets.insert(2, pcap.Packet(bytes(PACKET), time_ns=None))
    pcap.write(tmp_path / "four.pcapng", packets)
    assert replay(by_protocol, tmp_path / "four.pcapng").counts == {XdpAction.PASS: 5}
    assert len(replay(by_protocol, str(tmp_path / "four.pcapng"), limit=2)) == 2
    if isinstance(engine, Vm):
        before = engine.clock
        replay(by_protocol, tmp_path / "four.pcapng")
        assert engine.clock - before == 3_000_000_000


def test_a_limit_ends_before_what_is_damaged(tmp_path: Path) -> None:
    """What is behind the last packet that is wanted is not read."""
    whole = tmp_path / "two.pcap"
    pcap.write(str(whole), [pcap.Packet(bytes(PACKET), number) for number in range(2)])
    (tmp_path / "cut.pcap").write_bytes(whole.read_bytes()[:-1])
    with Vm():
        assert len(replay(by_protocol, tmp_path / "cut.pcap", limit=1)) == 1
        with pytest.raises(CaptureError, match="the file ends within packet 2"):
            replay(by_protocol, tmp_path / "cut.pcap", limit=2)


def test_time_goes_by() -> None:
    with Vm() as vm:
        before = vm.clock
        vm.advance(1.5)
        assert vm.clock - before == 1_500_000_000


def test_what_is_refused() -> None:
    with Vm() as vm:
        assert refusal(TypeError, lambda: vm.run(by_protocol.function, PACKET)).startswith(  # type: ignore[arg-type]
            "vm.run() takes a program, not function <function by_protocol at"
        )
    kernel = Kernel()
    assert refusal(TypeError, lambda: kernel.run(by_protocol)) == (
        "kernel.run() takes a program and a packet; by_protocol can be run in vm without one"
    )
    assert refusal(TypeError, lambda: kernel.run(by_protocol, PACKET, ingress_ifindex=3)) == (
        "kernel.run() takes no context, and is given ingress_ifindex: run by_protocol in vm with it"
    )
    assert refusal(TypeError, lambda: replay(by_protocol, bytes(PACKET))) == (  # type: ignore[arg-type]
        "replay() takes several packets, or the path of a capture; this is one: write [packet]"
    )
    assert refusal(TypeError, lambda: replay(by_protocol, PACKET)) == (  # type: ignore[arg-type]
        "replay() takes several packets, or the path of a capture; this is one: write [packet]"
    )
    assert refusal(ValueError, lambda: replay(by_protocol, [PACKET], limit=-1)) == (
        "replay() takes a limit of 0 packets or more, not -1"
    )
    assert refusal(TypeError, lambda: kernel.run(messages, PACKET)) == (
        "kernel.run() takes a program that the kernel test-runs; messages, of kind sk_msg, is none, and can be run in "
        "vm"
    )
    assert refusal(TypeError, lambda: kernel.events(hits)).startswith(  # type: ignore[arg-type]
        "events() takes a ring of events, a RingBuf or a PerfEventArray, not HashMap"
    )
    assert refusal(TypeError, lambda: replay(hits, [PACKET])).startswith(  # type: ignore[arg-type]
        "replay() takes a program that is given packets, not HashMap"
    )


def test_what_a_replay_and_a_clock_do_not_take() -> None:
    assert refusal(TypeError, lambda: replay(by_protocol, 5)) == (  # type: ignore[arg-type]
        "replay() takes packets, or the path of a capture, not int 5"
    )
    assert refusal(TypeError, lambda: replay(by_protocol, [PACKET], limit="2")) == (  # type: ignore[arg-type]
        "replay() takes a limit that is a number of packets, not str '2'"
    )
    with Vm() as vm:
        assert refusal(TypeError, lambda: vm.advance("1")) == "advance() takes seconds, a number, not str '1'"  # type: ignore[arg-type]
        for seconds in (-1, float("nan"), float("inf"), 1e30):
            assert refusal(ValueError, lambda: vm.advance(seconds)) == (  # noqa: B023 - it is called at once
                f"advance() takes 0 to 9223372036 seconds, as far as a clock goes, not {seconds}"
            )


@pytest.mark.parametrize("name", ["cpus", "seed", "fuel"])
def test_what_is_no_number_of_a_machine(name: str) -> None:
    options: dict[str, object] = {name: "2"}
    assert refusal(TypeError, lambda: Vm(**options)) == f"{name} of a machine is a number, not str '2'"


def test_how_many_cpus_a_machine_has() -> None:
    for cpus in (0, -1, 4097):
        assert refusal(ValueError, lambda: Vm(cpus=cpus)) == f"a machine has 1 to 4096 CPUs, not {cpus}"  # noqa: B023
    with Vm(cpus=2) as vm:
        assert refusal(TypeError, lambda: setattr(vm, "cpu", "1")) == "cpu of a machine is a number, not str '1'"


def test_what_a_test_attached_is_detached(netns: Namespace) -> None:
    """What it left attached, and not what was attached before it."""
    if os.geteuid() != 0:
        pytest.skip("the kernel needs root")
    with netns.entered(), Kernel(), by_protocol.attach(netns.near) as before:
        with Kernel():
            left = by_protocol.attach(netns.far)
            assert xdp_state(interface_index(netns.far)).programs
        assert not xdp_state(interface_index(netns.far)).programs
        assert "detached" in repr(left)
        assert "detached" not in repr(before)


def test_the_kernel_runs_nothing_that_is_in_a_machine() -> None:
    """A machine that is entered later, or lives longer than the test, has the program: its verdict is no kernel's."""
    if os.geteuid() != 0:
        pytest.skip("the kernel needs root")
    with Kernel() as kernel, Vm() as vm:
        vm.run(by_protocol, PACKET)
        assert refusal(ObjectError, lambda: kernel.run(by_protocol, PACKET)) == (
            "kernel.run() runs what is loaded into the kernel, and by_protocol is loaded into a machine: close it and "
            "hits, and kernel.run() loads it into the kernel"
        )
        assert kernel.last is None
        by_protocol.close()
        hits.close()
        assert kernel.run(by_protocol, PACKET).action is XdpAction.PASS
        assert by_protocol.fd > 2
        assert refusal(ObjectError, lambda: vm.run(by_protocol, PACKET)) == (
            "by_protocol is loaded into the kernel, outside of a machine's block: close it and hits, and it can "
            "be loaded into this one"
        )


def test_each_engine_of_a_test_loads_what_it_runs() -> None:
    """Whichever block is the inner one, a program that is not loaded goes into the engine that runs it."""
    if os.geteuid() != 0:
        pytest.skip("the kernel needs root")
    for make in ((Vm, Kernel), (Kernel, Vm)):
        with make[0]() as outer, make[1]() as inner:
            for engine in (outer, inner, outer):
                assert engine.run(by_protocol, PACKET).action is XdpAction.PASS
                assert isinstance(hits.backend, KernelMap) is (engine.name == "kernel")
                assert hits[17] == 1
                by_protocol.close()
                hits.close()


def test_each_of_two_machines_loads_what_it_runs() -> None:
    with Vm() as outer, Vm() as inner:
        assert outer.run(by_protocol, PACKET).action is XdpAction.PASS
        assert by_protocol.place is outer
        assert refusal(ObjectError, lambda: inner.run(by_protocol, PACKET)) == (
            "by_protocol is loaded into another machine: close it and hits, and it can be loaded into this one"
        )
    assert not by_protocol.loaded


def test_what_a_test_calls_wrongly_in_the_kernel() -> None:
    if os.geteuid() != 0:
        pytest.skip("the kernel needs root")
    with Kernel() as kernel, pytest.raises(ValueError, match="at least 14 bytes"):
        kernel.run(by_protocol, b"short")
