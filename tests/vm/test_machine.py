"""Machines: declared programs and maps live in one, objects are loaded into one, and neither mixes with the kernel."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from bare_code import Bare
from children import outcome
from conformance import assemble
from osmia import HashMap, Machine, NotLoadedError, ObjectError, PerCpuArray, XdpAction, XdpContext, load, u32, u64, xdp
from osmia.errors import VmError
from osmia.vm.engine import ENGINES
from refusal import refusal
from this_kernel import needs_root

PACKET = bytes(64)
OBJECT = Path(__file__).parents[2] / "src/osmia/tools/counter.o"

counts = PerCpuArray(u64, max_entries=2)
sizes = HashMap(u32, u64, max_entries=4)


@xdp
def counting(ctx: XdpContext) -> XdpAction:
    found = counts.lookup(1)
    if found is None:
        return XdpAction.ABORTED
    found.value += 1
    size = sizes.lookup_or_init(u32(len(ctx.packet)), 0)
    if size is None:
        return XdpAction.DROP
    size.value += 1
    return XdpAction.PASS


def test_a_declared_program_and_its_maps() -> None:
    with Machine(cpus=3) as machine:
        assert machine.run(counting, PACKET).action is XdpAction.PASS
        machine.cpu = 2
        assert counting.test_run(bytes(100)).action is XdpAction.PASS
        assert counts[1] == (1, 0, 1)
        assert dict(sizes.items()) == {64: 1, 100: 1}
        sizes[9] = 5
        assert sizes.pop(9) == 5
        for length in (1, 2):
            assert machine.run(counting, bytes(length)).action is XdpAction.PASS
        assert machine.run(counting, bytes(3)).action is XdpAction.DROP
    assert not counting.loaded
    assert refusal(NotLoadedError, lambda: counts[1]) == "counts is closed: load() a program that uses it"


def test_an_object() -> None:
    with Machine(cpus=2) as machine, load(OBJECT, engine=machine) as loaded:
        program = loaded["xdp_map_counter"]
        assert program.test_run(PACKET).action is XdpAction.PASS
        assert loaded["PKT_CNT_ARRAY"][0] == (1, 0)
        assert refusal(VmError, lambda: program.attach("lo")) == (
            "program 'xdp_map_counter' has no file descriptor: it is loaded into the user-space runtime, which "
            "attaches to nothing; run it with run() of the machine, or load it into the kernel"
        )


def test_a_cpu_that_the_machine_does_not_have() -> None:
    with Machine() as one, Machine(cpus=4) as four:
        assert refusal(ValueError, lambda: setattr(one, "cpu", 1)) == (
            "this machine has the CPU 0 alone, not 1: cpus=, where it is made, says how many"
        )
        for number in (-1, 4):
            assert refusal(ValueError, lambda number=number: setattr(four, "cpu", number)) == (
                f"this machine has the CPUs 0 to 3, not {number}: cpus=, where it is made, says how many"
            )
        four.cpu = 3
        assert (one.cpu, four.cpu) == (0, 3)


@needs_root("loads programs")
def test_a_machine_and_the_kernel_do_not_mix() -> None:
    counting.load()
    try:
        with Machine() as machine:
            assert refusal(ObjectError, lambda: machine.run(counting, PACKET)) == (
                "counting is loaded into the kernel, outside of a machine's block: close it and counts and "
                "sizes, and it can be loaded into this one"
            )
            counting.close()
            assert refusal(ObjectError, lambda: machine.run(counting, PACKET)) == (
                "map 'counts' is live in the kernel: close it before a program that uses it is loaded here"
            )
    finally:
        for each in (counting, counts, sizes):
            each.close()


def test_a_program_outside_of_the_block() -> None:
    machine = Machine()
    assert refusal(ObjectError, lambda: machine.run(counting, PACKET)) == (
        "counting is not loaded into this machine: run it in the machine's `with` block, or take it from "
        "osmia.load(counting, engine=machine)"
    )
    with load(counting, engine=machine) as loaded:
        assert machine.run(loaded[counting], PACKET).action is XdpAction.PASS
        assert loaded[counts][1] == (1,)
    machine.close()


def test_a_run_that_does_not_end() -> None:
    with Machine(fuel=10) as machine, pytest.raises(VmError, match="it has run 10 instructions and does not end"):
        machine.run(counting, PACKET)


CALLING = ["mov %r6, 1", "mov %r7, 2", "mov %r9, 3", "mov %r1, 4", "call local f", "exit", "f:"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_function_does_not_see_its_callers_registers(engine: str) -> None:
    with Bare(engine) as bare:
        assert bare.run(assemble([*CALLING, "mov %r0, %r1", "exit"])) == 4
        for register in (6, 7, 9):
            code = assemble([*CALLING, f"mov %r0, %r{register}", "exit"])
            with pytest.raises(VmError, match=f"^register r{register} is read before anything was written to it"):
                bare.run(code)


def limited(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def in_little_memory() -> tuple[int, int]:
    with Machine() as machine, load(OBJECT, engine=machine) as loaded:
        assert loaded["xdp_map_counter"].test_run(PACKET).action is XdpAction.PASS
        return machine.memory.size, loaded["PKT_CNT_ARRAY"][0].sum()


def test_a_process_that_may_have_little_address_space() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    found = outcome(in_little_memory, lambda: limited(used + (1 << 30)))
    assert (found.error, found.value) == ("", (1 << 28, 1))
    found = outcome(in_little_memory, lambda: limited(used + (1 << 24)))
    assert (found.error, found.text) == (
        "MemoryError",
        "the runtime takes at least 16 MiB of address space, twice, which this process may not have: raise `ulimit -v`",
    )
