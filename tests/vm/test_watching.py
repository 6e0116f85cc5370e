"""The proof that a program only watches: those that do, those that do not, and those of which it cannot be told."""

from __future__ import annotations

import inspect
import random
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import (
    Array,
    HashMap,
    Machine,
    PerCpuArray,
    TcAction,
    TcContext,
    XdpAction,
    XdpContext,
    func,
    tc,
    tracepoint,
    u8,
    u32,
    u64,
    xdp,
)
from osmia.abi.generated import helper_ids
from osmia.headers import Ethernet, IPv4
from osmia.kinds import KINDS
from osmia.vm.code import decode
from osmia.vm.program import VmProgram
from osmia.vm.watching import beyond_watching

if TYPE_CHECKING:
    from collections.abc import Iterator


counts = PerCpuArray(u64, max_entries=4)
plain = Array(u64, max_entries=4)
flows = HashMap(u32, u64, max_entries=64)


@func(inline=False)
def length_class(length: u32) -> u32:
    return u32(3) if length > 1000 else u32(length // 500)


@func(inline=False)
def mac_byte(ctx: XdpContext) -> u32:
    header = ctx.packet.at(Ethernet, 0)
    return u32(0) if header is None else u32(header.src[0])


# Those that only watch.


@xdp
def by_constant_index(ctx: XdpContext) -> XdpAction:
    found = counts.lookup(3)
    if found is None:
        return XdpAction.ABORTED
    found.value += 1
    return XdpAction.PASS


@xdp
def by_key(ctx: XdpContext) -> XdpAction:
    found = flows.lookup_or_init(u32(len(ctx.packet)), 0)
    if found is not None:
        found.value += 1
    return XdpAction.PASS


@xdp
def reads_headers(ctx: XdpContext) -> XdpAction:
    header = ctx.packet.at(Ethernet, 0)
    if header is None:
        return XdpAction.PASS
    packet = ctx.packet.at(IPv4, 14)
    if packet is not None and header.ether_type == 0x0800:
        flows.update(u32(packet.src), u64(packet.total_length))
    return XdpAction.PASS


@xdp
def calls_functions(ctx: XdpContext) -> XdpAction:
    flows.update(length_class(u32(len(ctx.packet))), mac_byte(ctx))
    return XdpAction.PASS


@xdp
def goes_round(ctx: XdpContext) -> XdpAction:
    total = 0
    for at in range(40):
        byte = ctx.packet.at(u8, at)
        if byte is None:
            break
        total += byte.value
    flows.update(u32(0), u64(total))
    return XdpAction.PASS


@xdp
def tells_the_time(ctx: XdpContext) -> XdpAction:
    flows.update(u32(ctx.get_smp_processor_id()), ctx.ktime_get_ns())
    return XdpAction.PASS


@tc("ingress")
def tc_lets_through(ctx: TcContext) -> TcAction:
    flows.update(u32(ctx.len), 1)
    return TcAction.OK if ctx.len > 100 else TcAction.UNSPEC


WATCH = [
    *(by_constant_index, by_key, reads_headers, calls_functions, goes_round, tells_the_time),
    tc_lets_through,
]


# Those that do not, and what is said of them.


@xdp
def drops(ctx: XdpContext) -> XdpAction:
    return XdpAction.DROP if len(ctx.packet) > 100 else XdpAction.PASS


@xdp
def by_index_that_is_not_known(ctx: XdpContext) -> XdpAction:
    found = counts.lookup(len(ctx.packet) & 3)
    if found is None:
        return XdpAction.ABORTED
    return XdpAction.PASS


@xdp
def writes_to_the_packet(ctx: XdpContext) -> XdpAction:
    header = ctx.packet.at(Ethernet, 0)
    if header is not None:
        header.src[0] = 2
    return XdpAction.PASS


@xdp
def moves_the_packet(ctx: XdpContext) -> XdpAction:
    ctx.adjust_head(4)
    return XdpAction.PASS


@xdp
def returns_what_a_map_says(ctx: XdpContext) -> XdpAction:
    found = plain.lookup(0)
    if found is not None and found.value == 1:
        return XdpAction.TX
    return XdpAction.PASS


@xdp
def may_divide_by_zero(ctx: XdpContext) -> XdpAction:
    flows.update(u32(0), u64(1000 // (len(ctx.packet) & 7)))
    return XdpAction.PASS


@tc("ingress")
def tc_marks(ctx: TcContext) -> TcAction:
    ctx.mark = 7
    return TcAction.OK


@tc("ingress")
def tc_drops(ctx: TcContext) -> TcAction:
    return TcAction.SHOT if ctx.len > 100 else TcAction.OK


def line(of: Any, text: str) -> str:
    """`file:line` of a line of a function that holds a text."""
    lines, first = inspect.getsourcelines(of.function)
    return f"{__file__}:{first + next(at for at, each in enumerate(lines) if text in each)}"


DOES_MORE = [
    (drops, "return", "it may return DROP (1)"),
    (by_index_that_is_not_known, "return", "it may return something else than the number that lets a packet through"),
    (writes_to_the_packet, "= 2", "it writes to the packet"),
    (moves_the_packet, "adjust", "it calls bpf_xdp_adjust_head, which is not known to only watch"),
    (returns_what_a_map_says, "return", "it may return TX (3)"),
    (may_divide_by_zero, "//", "it may return ABORTED (0)"),
    (tc_marks, "mark = 7", "it writes to its context"),
    (tc_drops, "return", "it may return SHOT (2)"),
]


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine that has every helper, as far as loading is concerned."""
    with Machine() as made:
        known = made.helpers
        made.helpers = {
            number: lambda *_: 0 for name, number in vars(helper_ids).items() if name.startswith("BPF_FUNC_")
        } | known
        yield made


def said(machine: Machine, program: Any) -> str:
    with osmia.load(program, engine=machine):
        return beyond_watching(list(machine.programs.values())[-1])


@pytest.mark.parametrize("program", WATCH, ids=lambda each: each.name)
def test_programs_that_only_watch(machine: Machine, program: Any) -> None:
    assert said(machine, program) == ""


@pytest.mark.parametrize(("program", "where", "text"), DOES_MORE, ids=lambda each: getattr(each, "name", ""))
def test_programs_that_do_more(machine: Machine, program: Any, where: str, text: str) -> None:
    assert said(machine, program).endswith(f": {text}")
    if not text.startswith("it may return"):
        assert said(machine, program) == f"{line(program, where)}: {text}"


def test_the_counter_that_ships_only_watches(machine: Machine) -> None:
    from osmia.cli.counter import OBJECT

    assert said(machine, OBJECT) == ""


@tracepoint("sched", "sched_switch")
def switches(ctx: Any) -> int:
    return 0


def of_code(machine: Machine, *slots: tuple[int, int, int, int, int], kind: str = "xdp") -> str:
    """What is said of instructions: opcode, destination, source, offset, immediate."""
    import struct as binary

    data = b"".join(binary.pack("<BBhi", op, dst | src << 4, offset, imm) for op, dst, src, offset, imm in slots)
    code = decode("bare", data, [], int, int)
    return beyond_watching(VmProgram(machine, 0, "bare", KINDS[kind], kind, code))


PASS, EXIT = (0xB7, 0, 0, 0, 2), (0x95, 0, 0, 0, 0)
LOADED = ((0x79, 0, 10, -8, 0), EXIT)
BARE = [
    ((PASS, EXIT), ""),
    (((0xB4, 0, 0, 0, 2), EXIT), ""),
    (((0xB7, 0, 0, 0, 1), EXIT), "instruction 1: it may return DROP (1)"),
    (((0xB7, 0, 0, 0, 9), EXIT), "instruction 1: it may return 9"),
    (((0xB7, 0, 0, 0, -1), EXIT), "instruction 1: it may return -1"),
    (
        ((0xBF, 0, 1, 0, 0), EXIT),
        "instruction 1: it may return something else than the number that lets a packet through",
    ),
    # A number that is put together; one that is cut where it is stored and loaded again.
    (((0xB7, 0, 0, 0, 1), (0x67, 0, 0, 0, 1), EXIT), ""),
    (((0x7A, 10, 0, -8, 2), (0x79, 0, 10, -8, 0), EXIT), ""),
    (((0x72, 10, 0, -1, 0x102), (0x71, 0, 10, -1, 0), EXIT), ""),
    (((0x72, 10, 0, -1, 0x101), (0x71, 0, 10, -1, 0), EXIT), "instruction 2: it may return DROP (1)"),
    # What was stored is written over, in part; at a distance that is not known.
    (
        ((0x7A, 10, 0, -8, 2), (0x72, 10, 0, -8, 1), (0x79, 0, 10, -8, 0), EXIT),
        "instruction 3: it may return something else than the number that lets a packet through",
    ),
    (
        (
            *((0x7A, 10, 0, -8, 2), (0x61, 2, 1, 12, 0), (0xBF, 3, 10, 0, 0), (0x0F, 3, 2, 0, 0)),
            *((0x72, 3, 0, -8, 1), (0x79, 0, 10, -8, 0), EXIT),
        ),
        "instruction 6: it may return something else than the number that lets a packet through",
    ),
    # What is stored on one way and on the other; what an atomic operation leaves.
    (
        (*((0x61, 2, 1, 12, 0), (0x7A, 10, 0, -8, 1), (0x15, 2, 0, 1, 0), (0x7A, 10, 0, -8, 2)), *LOADED),
        "instruction 5: it may return DROP (1)",
    ),
    (
        (*((0x61, 2, 1, 12, 0), (0x7A, 10, 0, -8, 2), (0x15, 2, 0, 1, 0), (0x7A, 10, 0, -8, 1)), *LOADED),
        "instruction 5: it may return DROP (1)",
    ),
    (
        ((0x7A, 10, 0, -8, 2), (0xB7, 2, 0, 0, 1), (0xDB, 10, 2, -8, 0xE1), *LOADED),
        "instruction 4: it may return something else than the number that lets a packet through",
    ),
    # Two numbers of which each may be one of two.
    (
        (
            *((0x61, 3, 1, 12, 0), (0xB7, 2, 0, 0, 1), (0x15, 3, 0, 1, 0), (0xB7, 2, 0, 0, 3), (0xB7, 0, 0, 0, 1)),
            *((0x15, 3, 0, 1, 5), PASS, (0x1D, 0, 2, 1, 0), PASS, EXIT),
        ),
        "instruction 9: it may return DROP (1)",
    ),
    # The packet's address, spilled, moved about and put together with numbers, is the packet's.
    (
        (
            (0x61, 2, 1, 0, 0),
            (0x7B, 10, 2, -8, 0),
            (0x79, 3, 10, -8, 0),
            (0x07, 3, 0, 0, 5),
            (0x72, 3, 0, 0, 1),
            PASS,
            EXIT,
        ),
        "instruction 4: it writes to the packet",
    ),
    (
        ((0x61, 2, 1, 0, 0), (0xB7, 3, 0, 0, 4), (0x0F, 3, 2, 0, 0), (0xC3, 3, 0, 0, 0), PASS, EXIT),
        "instruction 3: it writes to the packet",
    ),
    # 32 bits of it, which are all of it here.
    (
        ((0x61, 2, 1, 0, 0), (0xBC, 3, 2, 0, 0), (0x72, 3, 0, 0, 1), PASS, EXIT),
        "instruction 2: it writes to memory of which is not known that it is not the packet",
    ),
    (((0x62, 1, 0, 16, 1), PASS, EXIT), "instruction 0: it writes to its context"),
    (((0x85, 0, 0, 0, 12), PASS, EXIT), "instruction 0: it calls bpf_tail_call, which is not known to only watch"),
    (((0x85, 0, 0, 0, 9999), PASS, EXIT), "instruction 0: it calls helper 9999, which is not known to only watch"),
    # Memory that a helper gives may be written to; what it is not known to be, not.
    (((0x85, 0, 0, 0, 131), (0x15, 0, 0, 1, 0), (0x72, 0, 0, 0, 1), PASS, EXIT), ""),
    (
        ((0x85, 0, 0, 0, 5), (0x72, 0, 0, 0, 1), PASS, EXIT),
        "instruction 1: it writes to memory of which is not known that it is not the packet",
    ),
    (
        ((0x61, 2, 1, 0, 0), (0xBF, 3, 2, 0, 0), (0x85, 0, 0, 0, 189), PASS, EXIT),
        "instruction 2: it writes to the packet",
    ),
    # Both ways of a jump; the one that is never taken.
    (((0x61, 2, 1, 16, 0), PASS, (0x15, 2, 0, 1, 0), (0xB7, 0, 0, 0, 3), EXIT), "instruction 4: it may return TX (3)"),
    (((0xB7, 2, 0, 0, 0), PASS, (0x15, 2, 0, 1, 0), (0xB7, 0, 0, 0, 3), EXIT), ""),
    (((0xB7, 2, 0, 0, 1), PASS, (0x15, 2, 0, 1, 0), (0xB7, 0, 0, 0, 3), EXIT), "instruction 4: it may return TX (3)"),
    # A loop that counts: more numbers than are told apart.
    (((0xB7, 0, 0, 0, 0), (0x07, 0, 0, 0, 1), (0xA5, 0, 0, -2, 100), EXIT), None),
    (((0xB7, 0, 0, 0, 0), (0x07, 0, 0, 0, 1), (0x55, 0, 0, -2, 2), EXIT), ""),
    # A function that writes to what it is given: the stack of who calls it, and the packet.
    (
        (
            *((0x7A, 10, 0, -8, 2), (0xBF, 1, 10, 0, 0), (0x07, 1, 0, 0, -8), (0x85, 0, 1, 0, 2)),
            *((0x79, 0, 10, -8, 0), EXIT, (0x7A, 1, 0, 0, 1), PASS, EXIT),
        ),
        "instruction 5: it may return something else than the number that lets a packet through",
    ),
    (
        ((0x61, 1, 1, 0, 0), (0x85, 0, 1, 0, 1), EXIT, (0x72, 1, 0, 0, 1), PASS, EXIT),
        "instruction 3: it writes to the packet",
    ),
    # One that writes to the stack of who calls it, at the distance where its own holds something else.
    (
        (
            *((0xBF, 1, 10, 0, 0), (0x07, 1, 0, 0, -8), (0x85, 0, 1, 0, 1), EXIT),
            *((0x7A, 10, 0, -8, 1), (0x7A, 1, 0, 0, 2), *LOADED),
        ),
        "instruction 3: it may return DROP (1)",
    ),
    (((0x85, 0, 1, 0, 1), EXIT, PASS, EXIT), ""),
    (((0x85, 0, 1, 0, -1), EXIT), "instruction 0: its functions call each other too deep to be followed"),
]


@pytest.mark.parametrize(("slots", "text"), BARE)
def test_instructions(machine: Machine, slots: Any, text: str | None) -> None:
    found = of_code(machine, *slots)
    assert found == text if text is not None else found


def test_kinds_that_are_given_no_packets_of_an_interface(machine: Machine) -> None:
    assert of_code(machine, PASS, EXIT, kind="cgroup_skb") == (
        "programs of kind cgroup_skb are not given the packets of an interface"
    )


@pytest.mark.parametrize("seed", range(4))
def test_what_is_proven_holds(seed: int) -> None:
    """Random code: what is proven to watch returns PASS and leaves every packet as it was, whatever is in it."""
    draw = random.Random(seed)
    proven = 0
    with Machine(allow_uninitialised=True, fuel=2000) as machine:
        for _ in range(1500):
            slots = [*_random(draw), EXIT]
            try:
                data = decode("random", _packed(slots), [], int, int)
            except osmia.ObjectError:
                continue
            program = VmProgram(machine, 0, "random", KINDS["xdp"], "xdp", data)
            if beyond_watching(program):
                continue
            proven += 1
            for _ in range(4):
                packet = draw.randbytes(draw.choice([14, 60, 64]))
                try:
                    value, after, _ = machine.run_packet(program, packet)
                except osmia.errors.VmError:  # it did what no program may: nothing is said of those
                    continue
                assert (value, after) == (2, packet), slots
    assert proven > 20


def _packed(slots: list[tuple[int, int, int, int, int]]) -> bytes:
    import struct as binary

    return b"".join(binary.pack("<BBhi", op, dst | src << 4, offset, imm) for op, dst, src, offset, imm in slots)


def _random(draw: random.Random) -> Iterator[tuple[int, int, int, int, int]]:
    """Some instructions about few registers and few bytes of the stack, so that they have to do with each other."""
    yield (0xB7, 0, 0, 0, 2)
    yield (0xBF, 6, 1, 0, 0)
    yield (0x61, 7, 1, 0, 0)
    count = draw.randrange(2, 12)
    for at in range(count):
        register, other = draw.choice([0, 2, 6, 7]), draw.choice([0, 2, 6, 7, 10])
        small = draw.choice([0, 1, 2, 3])
        yield draw.choice(
            [
                (0xB7, register, 0, 0, small),
                (0xBF, register, other, 0, 0),
                (0x07, register, 0, 0, small),
                (0x0F, register, other, 0, 0),
                (0x1F, register, other, 0, 0),
                (0x57, register, 0, 0, small),
                (0x61, register, 6, draw.choice([0, 4, 16]), 0),
                (0x7B, 10, other, -8, 0),
                (0x63, 10, other, draw.choice([-8, -4]), 0),
                (0x79, register, 10, -8, 0),
                (0x61, register, 10, draw.choice([-8, -4]), 0),
                (0x72, other, 0, draw.choice([0, -1, -8]), small),
                (
                    draw.choice([0x15, 0x55, 0x25, 0xA5, 0x16, 0x56]),
                    register,
                    0,
                    draw.randrange(0, count - at + 1),
                    small,
                ),
                (draw.choice([0x1D, 0x5D]), register, other, draw.randrange(0, count - at + 1), 0),
                (0xDB, 10, other, -8, draw.choice([0x00, 0x01, 0xE1])),
            ]
        )
    if draw.random() < 0.5:
        yield (0xB7, 0, 0, 0, 2)
