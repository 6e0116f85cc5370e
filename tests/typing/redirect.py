"""Maps that packets are redirected by, and perf events: what checkers accept, and the mistakes that they find."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from osmia import (
    CpuMap,
    DevMap,
    DevMapHash,
    PerfEventArray,
    PerfSample,
    XdpAction,
    XdpContext,
    XskMap,
    struct,
    u32,
    xdp,
)
from osmia.contexts.kernel_structs import bpf_xdp_sock
from osmia.maps.redirect import CpuMapValue, DevMapValue

if TYPE_CHECKING:
    import socket

ports = DevMap(max_entries=4)
by_number = DevMapHash(max_entries=4, name="BY_NUMBER")
cpus = CpuMap(max_entries=2)
sockets = XskMap(max_entries=4)


@struct
class Sample:
    number: u32


samples = PerfEventArray(Sample)


@xdp
def forward(ctx: XdpContext) -> XdpAction:
    if samples.output(Sample(number=1)) < 0:
        return XdpAction.DROP
    there = sockets.lookup(ctx.rx_queue_index)
    assert_type(there, bpf_xdp_sock | None)
    port = ports.lookup(1)
    if port is not None and port.ifindex == 3:
        return by_number.redirect(7)
    return ports.redirect(0, XdpAction.DROP)


@xdp(hook="devmap")
def on_the_way_out(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS if ctx.egress_ifindex == 1 else XdpAction.DROP


@xdp
def mistakes(ctx: XdpContext) -> XdpAction:
    port = ports.lookup(1)
    if port.ifindex == 3:  # type: ignore[union-attr]
        return XdpAction.PASS
    samples.output(7)  # type: ignore[arg-type]
    ports.redirect("veth0")  # type: ignore[arg-type]
    return cpus.lookup(0)  # type: ignore[attr-defined, no-any-return]


@xdp(hook="dev")  # type: ignore[call-overload, untyped-decorator]
def wrong_hook(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


def main(raw: socket.socket) -> None:
    ports[0] = "veth0"
    ports.update(1, 5, program=on_the_way_out)
    assert_type(ports[0], DevMapValue)
    assert_type(cpus[0], CpuMapValue)
    assert_type(dict(by_number.items()), dict[int, DevMapValue])
    cpus[1] = 192
    sockets[0] = raw
    samples[0] = raw
    assert_type(samples.read(timeout=1), Sample | None)
    for event in samples:
        assert_type(event, Sample)
    for sample in samples.samples:
        assert_type(sample, PerfSample[Sample])
        assert_type(sample.event, Sample)
        assert_type((sample.cpu, sample.time, sample.packet), tuple[int, int, bytes])
        sample.cpu = 1  # type: ignore[misc]
    assert_type(samples.samples.read(0), PerfSample[Sample] | None)
    samples.poll(lambda event: event.number)
    samples.samples.poll(lambda sample: sample.number)  # type: ignore[attr-defined]
    samples.samples.stop()  # type: ignore[attr-defined]
    assert_type(samples.lost, int)
    PerfEventArray(Sample, order="size")  # type: ignore[arg-type]
    PerfEventArray(Sample, order="time", pages=8, wakeup_events=10)
    ports[0] = raw  # type: ignore[assignment]
    ports["veth0"] = 0  # type: ignore[index]
    cpus[1] = "192"  # type: ignore[assignment]
    sockets[0]  # type: ignore[index]
    ports[0].ifindex = 5  # type: ignore[misc]
    DevMap(u32, max_entries=1)  # type: ignore[arg-type, misc]
