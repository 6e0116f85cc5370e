"""Loaded programs: test runs and what the kernel says of them."""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING

import pytest

import children
import raw_programs as raw
from alarms import alarms
from osmia.errors import KernelError, NotLoadedError
from osmia.kernel.features import kernel_version
from osmia.kinds import KINDS
from osmia.loader.load import load_object
from osmia.spec import Relocation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.loader.backend import ProgramBackend

PACKET = bytes(range(64))


@pytest.fixture
def counts() -> Iterator[ProgramBackend]:
    with load_object(raw.counter()) as loaded:
        yield loaded.programs["counts"]


def test_a_run(counts: ProgramBackend) -> None:
    value, data, duration = counts.test_run(PACKET)
    assert (value, data) == (2, PACKET)
    assert 0 < duration < 1_000_000


def test_repetitions() -> None:
    """The program runs that often."""
    with load_object(raw.counter(raw.ARRAY)) as loaded:
        loaded.programs["counts"].test_run(PACKET, 10)
        assert loaded.maps["counter"].lookup(bytes(4)) == (10).to_bytes(8, "little")


def test_a_packet_that_is_changed_and_grows() -> None:
    """What comes back is the packet after the run: here with 100 bytes more at its end, and its first byte set."""
    body = b"".join(
        (
            raw.insn(0xBF, 6, 1),  # r6 = ctx
            raw.insn(0xB7, 2, imm=100),
            raw.insn(0x85, imm=65),  # bpf_xdp_adjust_tail(ctx, 100)
            raw.insn(0x61, 1, 6, off=0),  # r1 = ctx->data
            raw.insn(0x61, 2, 6, off=4),  # r2 = ctx->data_end
            raw.insn(0xBF, 3, 1),
            raw.insn(0x07, 3, imm=1),
            raw.insn(0x2D, 3, 2, off=1),  # if r1 + 1 > r2 goto the end
            raw.insn(0x72, 1, off=0, imm=0xEE),
            raw.returns(3),
        )
    )
    with load_object(raw.spec(raw.function("grows", body))) as loaded:
        value, data, _ = loaded.programs["grows"].test_run(PACKET)
        assert (value, data) == (3, b"\xee" + PACKET[1:] + bytes(100))


@pytest.mark.parametrize("value", [0, 1, 0x7FFF_FFFF, -1])
def test_return_values_are_unsigned(value: int) -> None:
    with load_object(raw.spec(raw.function("returns", raw.returns(value)))) as loaded:
        assert loaded.programs["returns"].test_run(PACKET)[0] == value % (1 << 32)


@pytest.mark.parametrize("size", [0, 1, 13])
def test_packets_that_are_too_short(counts: ProgramBackend, size: int) -> None:
    with pytest.raises(ValueError, match=r"^cannot test-run ") as caught:
        counts.test_run(bytes(size))
    assert str(caught.value) == (
        f"cannot test-run program 'counts' on {size} bytes: the kernel takes packets of at least 14 bytes, an Ethernet "
        "header"
    )
    assert counts.test_run(bytes(14))[1] == bytes(14)


def test_packets_that_are_too_long(counts: ProgramBackend) -> None:
    size = 100_000_000
    with pytest.raises(KernelError) as caught:
        counts.test_run(bytes(size))
    assert str(caught.value) == (
        f"cannot test-run program 'counts' on {size} bytes: the packet is longer than this kernel takes in a test run"
    )


@pytest.mark.parametrize(("protocol", "ether_type", "least"), [("IPv4", 0x0800, 34), ("IPv6", 0x86DD, 54)])
def test_packets_that_end_in_their_ip_header(protocol: str, ether_type: int, least: int) -> None:
    """Newer kernels refuse them for programs of traffic control, older ones run them."""
    packet = bytes(12) + ether_type.to_bytes(2, "big") + bytes(64)
    function = raw.function("looks", raw.returns(2), section="tcx/ingress")
    function.kind = KINDS["sched_cls"]
    with load_object(raw.spec(function)) as loaded:
        program = loaded.programs["looks"]
        assert program.test_run(packet[:least])[0] == 2
        if kernel_version() < (6, 18):
            return
        with pytest.raises(KernelError) as caught:
            program.test_run(packet[: least - 1])
    assert str(caught.value) == (
        f"cannot test-run program 'looks' on {least - 1} bytes: its EtherType says {protocol}, and this kernel wants "
        f"the whole {protocol} header: {least} bytes or more"
    )


@pytest.mark.parametrize("repeat", [0, -1, 1 << 32])
def test_repetitions_out_of_range(counts: ProgramBackend, repeat: int) -> None:
    with pytest.raises(
        ValueError, match=rf"^cannot test-run program 'counts' {repeat} times: it takes 1 to 4294967295$"
    ):
        counts.test_run(PACKET, repeat)


def test_kinds_without_test_runs(counts: ProgramBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS["xdp"], "test_run", False)
    with pytest.raises(
        KernelError, match=r"^cannot test-run program 'counts': the kernel has no test runs for xdp programs$"
    ):
        counts.test_run(PACKET)


def test_a_signal_interrupts_a_long_run() -> None:
    """It starts again, and ends, although a timer fires faster than the run takes; the handler runs."""
    loop = raw.insn(0xB7, 1, imm=1000) + raw.insn(0x07, 1, imm=-1) + raw.insn(0x55, 1, off=-2) + raw.returns(2)
    handled = []
    with load_object(raw.spec(raw.function("loops", loop))) as loaded:
        program = loaded.programs["loops"]
        repeat = 100_000_000 // program.test_run(PACKET, 100)[2]  # 100 ms
        with alarms(lambda number, frame: handled.append(number), 0.02, 0.02):
            assert program.test_run(PACKET, repeat)[0] == 2
    assert handled


def test_ctrl_c_ends_a_long_run() -> None:
    """An exception of a handler is not retried away."""
    loop = raw.insn(0xB7, 1, imm=1000) + raw.insn(0x07, 1, imm=-1) + raw.insn(0x55, 1, off=-2) + raw.returns(2)

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    with (
        load_object(raw.spec(raw.function("loops", loop))) as loaded,
        pytest.raises(KeyboardInterrupt),
        alarms(stop, 0.02),
    ):
        loaded.programs["loops"].test_run(PACKET, 0xFFFF_FFFF)


def test_info(counts: ProgramBackend) -> None:
    info = counts.info()
    assert info.name == "counts"
    assert info.id > 0
    assert re.fullmatch("[0-9a-f]{16}", info.tag)
    assert info.verified_instructions in ((11, 12) if kernel_version() >= (5, 16) else (0,))
    assert info.jited_bytes > 0
    assert not os.get_inheritable(counts.fd)


def test_the_tag_is_the_programs() -> None:
    """Equal instructions have equal tags, others have others, whatever the names."""
    one, two = Relocation(raw.COUNT_MAP_AT, "map", "counter"), raw.function("other", raw.returns(2))
    spec = raw.spec(raw.function("a", raw.count(), [one]), raw.function("b", raw.count(), [one]), two, maps=[raw.ARRAY])
    with load_object(spec) as loaded:
        tags = {name: program.info().tag for name, program in loaded.programs.items()}
    assert tags["a"] == tags["b"] != tags["other"]


def test_closed(counts: ProgramBackend) -> None:
    counts.close()
    for use in (lambda: counts.test_run(PACKET), lambda: counts.fd, counts.info):
        with pytest.raises(NotLoadedError, match=r"^program 'counts' is closed: load it again$"):
            use()
    assert repr(counts) == "<KernelProgram 'counts' (xdp), closed>"


def test_without_permission(counts: ProgramBackend) -> None:
    result = children.outcome(lambda: counts.test_run(PACKET), children.without_bpf(errno.EPERM))
    assert result.text == (
        "cannot test-run program 'counts' on 64 bytes: the kernel refuses although this process has CAP_BPF and "
        "CAP_NET_ADMIN: kernel lockdown, a security module or a seccomp filter forbids it"
    )
