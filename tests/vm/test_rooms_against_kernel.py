"""Headers that programs put around packets, and how short packets are made then, in the kernel and in the runtime."""

from __future__ import annotations

import errno
import random
from typing import TYPE_CHECKING

import pytest

from osmia import (
    Array,
    Global,
    KernelError,
    Machine,
    PerfEventArray,
    TcAction,
    TcContext,
    XdpAction,
    XdpContext,
    be16,
    chars,
    i32,
    i64,
    struct,
    tc,
    u8,
    u16,
    u32,
    u64,
    xdp,
)
from osmia.abi.generated import flags as of
from osmia.errors import VmError
from osmia.testing import Kernel, Vm
from packets import ethernet, ipv4, ipv6, tcp, udp, vlan
from this_kernel import needs_root, require_kernel

if TYPE_CHECKING:
    from osmia.testing import Engine

MOST_STEPS = 6
ROOM, TAIL, HEAD, PUSH, POP, PROTOCOL, LOOK = range(1, 8)
IPV4, IPV6 = of.BPF_F_ADJ_ROOM_ENCAP_L3_IPV4, of.BPF_F_ADJ_ROOM_ENCAP_L3_IPV6
GRE, UDP = of.BPF_F_ADJ_ROOM_ENCAP_L4_GRE, of.BPF_F_ADJ_ROOM_ENCAP_L4_UDP
ROOM_FLAGS = (
    0,
    IPV4,
    IPV6,
    IPV4 | GRE,
    IPV4 | UDP,
    IPV6 | GRE,
    IPV6 | UDP,
    IPV4 | IPV6,
    GRE | UDP,
    1,
    32,
    64,
    128,
    256,
)
MOST_GROWN = 60
"""Beyond the headroom of the kernel's test run: osmia.testing.divergences says what happens there."""
PACKETS = (
    ethernet(0x0800, ipv4(17, udp(4000, 53, bytes(range(64))))),
    ethernet(0x86DD, ipv6(6, tcp(4000, 443, b"hello world, here is some text"))),
    ethernet(0x8100, vlan(5, 0x0800, ipv4(6, tcp(1, 2, bytes(20))))),
    ethernet(0x0800, ipv4(17, b"")),
)


@struct
class Step:
    kind: u32 = 0
    size: i32 = 0
    more: u32 = 0
    flags: u64 = 0


steps = Array(Step, max_entries=MOST_STEPS)
results = Array(i64, max_entries=MOST_STEPS)
sizes = Array(u32, max_entries=MOST_STEPS)


@tc("ingress")
def changes(ctx: TcContext) -> TcAction:
    for number in range(MOST_STEPS):
        step, result, size = steps.lookup(number), results.lookup(number), sizes.lookup(number)
        if step is None or result is None or size is None:
            return TcAction.SHOT
        if step.kind == ROOM:
            result.value = ctx.skb_adjust_room(step.size, step.more, step.flags)
        elif step.kind == TAIL:
            result.value = ctx.skb_change_tail(u32(step.size), step.flags)
        elif step.kind == HEAD:
            result.value = ctx.skb_change_head(u32(step.size), step.flags)
        elif step.kind == PUSH:
            result.value = ctx.skb_vlan_push(be16(step.size), u16(step.more))
        elif step.kind == POP:
            result.value = ctx.skb_vlan_pop()
        elif step.kind == PROTOCOL:
            result.value = ctx.skb_change_proto(be16(step.size), 0)
        elif step.kind == LOOK:
            byte = ctx.packet.at(u16, u16(step.size))
            result.value = byte.value if byte is not None else -1
        size.value = ctx.len
    return TcAction.OK


moves = Array(i32, max_entries=3)


@xdp
def starts(ctx: XdpContext) -> XdpAction:
    """Move the packet's start so often, and look at its first byte."""
    for number in range(3):
        move = moves.lookup(number)
        if move is None or ctx.adjust_head(move.value) < 0:
            return XdpAction.ABORTED
    byte = ctx.packet.at(u8, 0)
    return XdpAction.PASS if byte is not None and byte.value == 0xFF else XdpAction.DROP


@xdp
def marks(ctx: XdpContext) -> XdpAction:
    """Put four bytes before the packet, write them or not, move the packet's start, and look at the first of them."""
    written, move = moves.lookup(0), moves.lookup(1)
    if written is None or move is None or ctx.adjust_meta(-4) < 0:
        return XdpAction.ABORTED
    mark = ctx.meta.at(u32, 0)
    if mark is None:
        return XdpAction.ABORTED
    if written.value:
        mark.value = 0xFFFF_FFFF
    if ctx.adjust_head(move.value) < 0:
        return XdpAction.ABORTED
    byte = ctx.meta.at(u8, 0)
    return XdpAction.PASS if byte is not None and byte.value == 0xFF else XdpAction.DROP


copied = PerfEventArray(u32)
way = Global(u32)
LOAD, RELATIVE, SUM3, SUM4, EVENT = range(5)


@tc("ingress")
def copies(ctx: TcContext) -> TcAction:
    """Leave bytes 28 to 33 unwritten, and have a helper read some of them."""
    if ctx.skb_change_tail(28, 0) != 0 or ctx.skb_adjust_room(20, 0, 0) != 0:
        return TcAction.SHOT
    held, status = chars(8), i64(0)
    if way.value == LOAD:
        status = ctx.skb_load_bytes(24, held)
    elif way.value == RELATIVE:
        status = ctx.skb_load_bytes_relative(16, held, 1)
    elif way.value == SUM3:
        status = ctx.l3_csum_replace(28, 0, 5, 0)
    elif way.value == SUM4:
        status = ctx.l4_csum_replace(32, 0, 5, 0)
    elif way.value == EVENT:
        status = copied.output(u32(1), 30 << 32 | 0xFFFF_FFFF)
    return TcAction.SHOT if status < 0 else TcAction.OK


@xdp
def starts_copied(ctx: XdpContext) -> XdpAction:
    """Move the packet's start by 8 bytes, and have it copied."""
    held = chars(14)
    if ctx.adjust_head(-8) < 0 or ctx.load_bytes(0, held) < 0:
        return XdpAction.ABORTED
    return XdpAction.DROP if held[0] == 0 else XdpAction.PASS


def random_steps(numbers: random.Random) -> list[Step]:
    found, grown = [], 0
    for _ in range(numbers.randrange(2, MOST_STEPS + 1)):
        kind = numbers.choice((ROOM, ROOM, ROOM, TAIL, TAIL, TAIL, HEAD, PUSH, POP, PROTOCOL))
        size = more = flags = 0
        if kind == ROOM:
            size = numbers.choice((0, 2, 4, 8, 20, 24, 28, -4, -8, -20, -28, -40))
            more, flags = numbers.choice((0, 1, 1, 1, 2)), numbers.choice(ROOM_FLAGS)
            flags |= numbers.choice((0, 0, 4, 8, 14, 20, 28)) << 56
        elif kind == TAIL:
            size = numbers.choice((0, 13, 14, 15, 20, 28, 33, 34, 35, 40, 42, 50, 54, 55, 60, 62, 70, 100, 300))
        elif kind == HEAD:
            size = numbers.choice((0, 1, 4, 8, 14))
        elif kind == PUSH:
            size, more = numbers.choice((0x8100, 0x88A8)), numbers.randrange(4096)
        elif kind == PROTOCOL:
            size = numbers.choice((0x0800, 0x86DD))
        grown += 20 if kind == PROTOCOL else 4 if kind == PUSH else max(size, 0) * (kind in (ROOM, HEAD))
        if grown > MOST_GROWN:
            break
        found.append(Step(kind=kind, size=size, more=more, flags=flags))
    return found


def told(engine: Engine, packet: bytes, done: list[Step]) -> tuple[list[int], list[int], bytes] | None:
    """What each step gave, how long the packet was then, and what is left of it; None where it has grown too long."""
    steps.update({number: done[number] if number < len(done) else Step() for number in range(MOST_STEPS)})
    results.update(dict.fromkeys(range(MOST_STEPS), 0))
    try:
        left = engine.run(changes, packet).data
    except KernelError as error:
        if error.errno != errno.ENOSPC:
            raise
        return None
    return [results[number] for number in range(MOST_STEPS)], [sizes[number] for number in range(MOST_STEPS)], left


def alike(kernels: bytes, runtimes: bytes) -> bool:
    """But for what nobody has written: zeros in the runtime, and anything in the kernel."""
    return len(kernels) == len(runtimes) and all(
        runtime in (kernel, 0) for kernel, runtime in zip(kernels, runtimes, strict=True)
    )


@needs_root("loads programs")
def test_rooms() -> None:
    require_kernel((6, 6), "tc programs that the loader loads")
    numbers = random.Random(3)
    cases = [(numbers.choice(PACKETS), random_steps(numbers)) for _ in range(400)]
    with Kernel() as kernel:
        changes.load()
        expected = [told(kernel, *case) for case in cases]
    with Vm(allow_uninitialised=True) as vm:
        changes.load()
        for case, there in zip(cases, expected, strict=True):
            here = told(vm, *case)
            if there is None or here is None:
                continue
            assert here[:2] == there[:2], case
            assert alike(there[2], here[2]), case
    assert sum(each is not None for each in expected) > len(cases) // 2


def test_room_behind_the_end() -> None:
    """Up to there lies what lay there before: the kernel shows it, and here it is no number that a program has."""
    cut = [Step(kind=TAIL, size=28), Step(kind=ROOM, size=20)]
    with Machine() as machine:
        changes.load()
        packet = PACKETS[0]

        def run(*more: Step) -> bytes:
            steps.update(dict(enumerate([*cut, *more])))
            return machine.run(changes, packet).data

        assert run() == packet[:28] + bytes(20)
        run(Step(kind=LOOK, size=26))
        run(Step(kind=LOOK, size=34))
        for around in ((), (Step(kind=HEAD, size=8),)):
            place = 28 + 8 * len(around)
            with pytest.raises(VmError, match=f"at offset {place} of the packet, .*: it was never written"):
                run(*around, Step(kind=LOOK, size=place))


def test_what_lies_before_a_packet() -> None:
    """Nobody has written it; what the packet had there before is there again."""
    with Machine() as machine:
        starts.load()

        def run(*by: int) -> XdpAction:
            moves.update(dict(enumerate([*by, 0, 0][:3])))
            return XdpAction(machine.run(starts, b"\xff" * 64).action)

        assert run(4) is XdpAction.PASS
        assert run(8, -8) is XdpAction.PASS
        for by in ((-1,), (-8, 7), (8, -9)):
            with pytest.raises(VmError, match=r"at offset 0 of the packet, .*: it was never written"):
                run(*by)
    with Machine(allow_uninitialised=True) as machine:
        starts.load()
        assert machine.run(starts, b"\xff" * 64).action is XdpAction.PASS
        moves[0] = -1
        assert machine.run(starts, b"\xff" * 64).action is XdpAction.DROP


@pytest.mark.parametrize("by", [-8, 0, 8])
def test_metadata_that_nobody_has_written(by: int) -> None:
    """It goes with the packet's start, and so does what is known of it."""
    with Machine() as machine:
        marks.load()
        moves.update({0: 1, 1: by})
        assert machine.run(marks, b"\xff" * 64).action is XdpAction.PASS
        moves[0] = 0
        with pytest.raises(VmError, match=r"of the packet, .*: it was never written"):
            machine.run(marks, b"\xff" * 64)


@pytest.mark.parametrize(
    ("what", "read"),
    [
        (LOAD, "skb_load_bytes: read of 4 bytes at offset 28"),
        (RELATIVE, "skb_load_bytes_relative: read of 8 bytes at offset 30"),
        (SUM3, "l3_csum_replace: read of 2 bytes at offset 28"),
        (SUM4, "l4_csum_replace: read of 2 bytes at offset 32"),
        (EVENT, "perf_event_output: read of 2 bytes at offset 28"),
    ],
)
def test_helpers_that_read_what_nobody_has_written(what: int, read: str) -> None:
    for allow in (False, True):
        with Machine(allow_uninitialised=allow) as machine:
            copies.load()
            way.value = what
            if allow:
                assert machine.run(copies, PACKETS[0]).action is TcAction.OK
                continue
            with pytest.raises(VmError) as caught:
                machine.run(copies, PACKETS[0])
            assert f"{read} of the packet, which has 48 bytes: " in str(caught.value)
            assert "never written" in str(caught.value)
            assert caught.value.kind == "uninitialised"


def test_a_start_that_nobody_has_written_is_not_copied() -> None:
    with Machine() as machine, pytest.raises(VmError) as caught:
        machine.run(starts_copied, b"\xff" * 64)
    assert (
        "load_bytes: read of 14 bytes at offset 0 of the packet, which has 72 bytes: bytes 0 to 7 of it were never"
        in (str(caught.value))
    )
    with Machine(allow_uninitialised=True) as machine:
        assert machine.run(starts_copied, b"\xff" * 64).action is XdpAction.DROP
