"""The known errors of kernels: each row's program shows it where the kernel has it, and the runtime is right."""

from __future__ import annotations

import os

import pytest

from osmia import HashMap, Machine, XdpAction, XdpContext, u32, u64, xdp
from osmia.kernel.features import kernel_version
from osmia.loader.load import load_object
from osmia.testing import Kernel, Vm
from osmia.testing.differences import Outcome, Transcript, Watched, compare
from osmia.testing.divergences import DIVERGENCES, Divergence, known_divergences
from osmia.testing.packets import ethernet, ipv4, udp
from raw_programs import function, spec
from this_kernel import require

each_row = pytest.mark.parametrize("row", DIVERGENCES, ids=lambda row: row.name)
counts = HashMap(u32, u64, max_entries=4)
PACKET = ethernet() / ipv4() / udp() / b"x"


@each_row
def test_the_runtime_does_what_the_instructions_say(row: Divergence) -> None:
    with Machine() as machine:
        program = machine.load_object(spec(function("shows", row.reproducer))).programs["shows"]
        assert tuple(program.test_run(packet)[0] for packet in row.packets) == row.right
        assert row in known_divergences(machine.programs[program.entry].code.slots)


@each_row
def test_the_kernel_does_something_else(row: Divergence) -> None:
    """Where it was seen it still is; of other kernels nothing is known."""
    if os.geteuid() != 0:
        pytest.skip("loading programs needs root")
    require("fetch")
    with load_object(spec(function("shows", row.reproducer))) as loaded:
        found = tuple(loaded.programs["shows"].test_run(packet)[0] for packet in row.packets)
    assert found in {row.right, row.wrong}
    if kernel_version() == row.seen_in:
        assert found == row.wrong


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


def test_only_what_a_row_is_about_is_explained() -> None:
    explained = {}
    with Vm() as vm:
        for program in (plain, fetching):
            watched = Watched(vm)
            watched.run(program, PACKET)
            watched.finish()
            found, explained[program.name] = compare(planted(watched.transcript), watched.transcript)
            assert found[0] == f"run 1: {program.name} returned DROP in the kernel, PASS in the runtime"
            assert compare(watched.transcript, watched.transcript) == ([], [])
    what = (
        "the verifier does not follow a number that an atomic operation fetches from the stack back to where it was "
        "stored, takes one way through the program for another, and removes code that runs"
    )
    assert explained == {
        "plain": [],
        "fetching": [f"known of Linux 6.18: precision of an atomic fetch from the stack: {what}"],
    }


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
