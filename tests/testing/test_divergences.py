"""The known errors of kernels: each row's program shows it where the kernel has it, and the runtime is right."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from osmia import HashMap, Machine, XdpAction, XdpContext, u32, u64, xdp
from osmia.abi import instruction as isa
from osmia.kernel.features import kernel_version
from osmia.kinds import kind_of_section
from osmia.loader.load import load_object
from osmia.spec import FunctionSpec, MapSpec, ObjectSpec, Relocation
from osmia.testing import Kernel, Vm
from osmia.testing.differences import Outcome, Transcript, Watched, compare
from osmia.testing.divergences import DIVERGENCES, EXCHANGE, FETCH, TAIL, Divergence
from osmia.testing.noting import Noting
from osmia.testing.packets import ethernet, ipv4, udp
from raw_programs import ARRAY, function, insn, returns, spec
from this_kernel import require

if TYPE_CHECKING:
    from collections.abc import Sequence

each_row = pytest.mark.parametrize("row", DIVERGENCES, ids=lambda row: row.name)
counts = HashMap(u32, u64, max_entries=4)
PACKET = ethernet() / ipv4() / udp() / b"x"


def program(name: str, code: bytes, section: str, relocations: Sequence[Relocation] = ()) -> FunctionSpec:
    made = function(name, code, relocations, section=section)
    made.kind = kind_of_section(section)
    return made


def object_of(row: Divergence) -> ObjectSpec:
    return spec(program("shows", row.reproducer, row.section))


def noted(code: bytes, packet: bytes = bytes(64), section: str = "xdp", maps: tuple[MapSpec, ...] = ()) -> list[str]:
    """What is noted of a program, by the names of the rows."""
    made = program("noted", code, section, [Relocation(0, "map", each.name) for each in maps])
    with Machine() as machine:
        noting = Noting(machine)
        machine.load_object(spec(made, maps=maps)).programs["noted"].test_run(packet)
        return [each.name for each in noting.noted]


@each_row
def test_the_runtime_does_what_the_instructions_say(row: Divergence) -> None:
    with Machine() as machine:
        program = machine.load_object(object_of(row)).programs["shows"]
        assert tuple(program.test_run(packet)[0] for packet in row.packets) == row.right


@each_row
def test_what_a_row_is_about_is_noted(row: Divergence) -> None:
    for packet, right, wrong in zip(row.packets, row.right, row.wrong, strict=True):
        if right != wrong:
            assert row.name in noted(row.reproducer, packet, row.section)


@each_row
def test_the_kernel_does_something_else(row: Divergence) -> None:
    """Where it was seen it still is; of other kernels nothing is known."""
    if os.geteuid() != 0:
        pytest.skip("loading programs needs root")
    require("fetch")
    with load_object(object_of(row)) as loaded:
        found = tuple(loaded.programs["shows"].test_run(packet)[0] for packet in row.packets)
    assert found in {row.right, row.wrong}
    if kernel_version() == row.seen_in:
        assert found == row.wrong


def exchange(size: int, expected: int, held: int) -> bytes:
    """A compare-and-exchange on the stack, with r0 as 64 bits."""
    return b"".join(
        [
            insn(0x18, 0, imm=expected & 0xFFFF_FFFF),
            insn(0, imm=expected >> 32),
            insn(isa.ST | isa.MEM | isa.DW, 10, off=-8, imm=held),
            insn(isa.ALU64 | isa.MOV | isa.K, 2, imm=7),
            insn(isa.STX | isa.ATOMIC | size, 10, 2, -8, isa.CMPXCHG),
            returns(2),
        ]
    )


def test_a_compare_and_exchange_is_noted_where_it_succeeds_and_there_is_an_upper_half() -> None:
    assert noted(exchange(isa.W, 0x1_0000_0005, 5)) == [FETCH.name, EXCHANGE.name]
    assert noted(exchange(isa.W, 0x1_0000_0005, 6)) == [FETCH.name]
    assert noted(exchange(isa.W, 5, 5)) == [FETCH.name]
    assert noted(exchange(isa.DW, 5, 5)) == [FETCH.name]


@pytest.mark.parametrize(
    ("operation", "found"), [(isa.ADD | isa.FETCH, [FETCH.name]), (isa.XCHG, [FETCH.name]), (isa.ADD, [])]
)
def test_a_fetch_is_noted_where_it_is_from_the_stack(operation: int, found: list[str]) -> None:
    value = insn(isa.ALU64 | isa.MOV | isa.K, 2, imm=1)
    put = insn(isa.ST | isa.MEM | isa.DW, 10, off=-8, imm=5)
    assert noted(put + value + insn(isa.STX | isa.ATOMIC | isa.DW, 10, 2, -8, operation) + returns(2)) == found
    looked_up = insn(0x18, 1, 1) + insn(0) + insn(isa.ST | isa.MEM | isa.W, 10, off=-4) + insn(0xBF, 2, 10)
    looked_up += insn(0x07, 2, imm=-4) + insn(0x85, imm=1) + insn(0x55, 0, off=2) + returns(1)
    from_map = looked_up + value + insn(isa.STX | isa.ATOMIC | isa.DW, 0, 2, 0, operation) + returns(2)
    assert noted(from_map, maps=(ARRAY,)) == []


def cut(put: int, size: int) -> bytes:
    """A packet that so much is put before, and that is cut then."""
    calls = [(put, 43), (size, 38)] if put else [(size, 38)]
    asked = [
        insn(0xBF, 1, 6) + insn(0xB7, 2, imm=number) + insn(0xB7, 3, imm=0) + insn(0x85, imm=helper)
        for number, helper in calls
    ]
    return insn(0xBF, 6, 1) + b"".join(asked) + insn(0x95)


@pytest.mark.parametrize(
    ("put", "size", "is_noted"),
    [(0, 13, False), (65, 78, False), (67, 2, True), (67, 1, False), (67, 80, True), (67, 81, False), (200, 135, True)],
)
def test_a_cut_is_noted_where_the_kernel_takes_what_is_refused(put: int, size: int, is_noted: bool) -> None:
    code = cut(put, size)
    assert (noted(code, section="tc/ingress") == [TAIL.name]) is is_noted
    if os.geteuid() != 0 or kernel_version() != TAIL.seen_in:
        return
    made = program("cuts", code, "tc/ingress")
    with load_object(spec(made)) as loaded, Machine() as machine:
        here = machine.load_object(spec(made)).programs["cuts"].test_run(bytes(64))[0]
        assert (loaded.programs["cuts"].test_run(bytes(64))[0] != here) is is_noted


@xdp
def plain(ctx: XdpContext) -> XdpAction:
    count = counts.lookup_or_init(1, 0)
    if count is None:
        return XdpAction.DROP
    count.value += 1
    return XdpAction.PASS


@xdp
def fetching(ctx: XdpContext) -> XdpAction:
    count = counts.lookup_or_init(2, 0)
    if count is None:
        return XdpAction.DROP
    return XdpAction.PASS if count.fetch_add(1) < 5 else XdpAction.DROP


def planted(first: Transcript) -> Transcript:
    """The same, but for what a program returned."""
    changed = [Outcome(each.program, each.packet, 1, "DROP", each.left) for each in first.outcomes]
    return Transcript(changed, dict(first.events), dict(first.maps))


def test_what_is_compared() -> None:
    with Vm() as vm:
        watched = Watched(vm)
        for program in (plain, fetching):
            watched.run(program, PACKET)
        watched.finish()
        found, runs = compare(planted(watched.transcript), watched.transcript)
        assert (found[0], runs) == ("run 1: plain returned DROP in the kernel, PASS in the runtime", 1)
        assert compare(watched.transcript, watched.transcript) == ([], 2)


def test_kernel_and_runtime_agree_on_both() -> None:
    if os.geteuid() != 0:
        pytest.skip("loading programs needs root")
    require("fetch")
    seen = []
    for engine in (Kernel(), Vm()):
        with engine:
            seen.append([engine.run(program, PACKET).action for program in (plain, fetching) for _ in range(7)])
            assert dict(counts.items()) == {1: 7, 2: 7}
    assert seen[0] == seen[1]
    assert seen[0] == [XdpAction.PASS] * 12 + [XdpAction.DROP] * 2
